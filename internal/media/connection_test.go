package media_test

import (
	"io"
	"net"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/internal/media"
)

// relay passes bytes between clients and a server, until silence swallows all
// bytes of the connections that exist, in both directions, and closes none: the
// peer seems to be gone without a word.
type relay struct {
	address     string
	connections atomic.Int64
	silenced    atomic.Int64 // how many of the first connections are silent
}

func newRelay(t *testing.T, server string) *relay {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	r := &relay{address: listener.Addr().String()}
	var running sync.WaitGroup
	var mu sync.Mutex
	var open []net.Conn
	running.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			upstream, err := net.Dial("tcp", server)
			if err != nil {
				client.Close()
				continue
			}
			number := r.connections.Add(1)
			mu.Lock()
			open = append(open, client, upstream)
			mu.Unlock()
			running.Go(func() { r.pass(number, upstream, client) })
			running.Go(func() { r.pass(number, client, upstream) })
		}
	})
	t.Cleanup(func() {
		listener.Close()
		mu.Lock()
		for _, connection := range open {
			connection.Close()
		}
		mu.Unlock()
		running.Wait()
	})
	return r
}

func (r *relay) silence() { r.silenced.Store(r.connections.Load()) }

func (r *relay) pass(number int64, to, from net.Conn) {
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		if number <= r.silenced.Load() {
			if err != nil {
				return
			}
			continue
		}
		_, _ = to.Write(buffer[:n])
		if err != nil {
			to.Close()
			return
		}
	}
}

// Without pings the download waits for the header timeout, a minute by default;
// with them it fails as soon as the ping has no response, and the connection is
// not used again.
func TestDeadHTTP2ConnectionIsDropped(t *testing.T) {
	content := wav(100_000)
	for name, c := range map[string]struct {
		header, sendPing, ping time.Duration
		says                   string
		connections            int64
	}{
		"with pings":    {time.Minute, 200 * time.Millisecond, 500 * time.Millisecond, "client connection lost", 2},
		"without pings": {time.Second, 0, 0, "timeout awaiting response headers", 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server, roots := secure(t, func(w http.ResponseWriter, r *http.Request) {
				if r.ProtoMajor == 2 {
					_, _ = w.Write(content)
				}
			})
			relay := newRelay(t, server.Listener.Addr().String())
			address := &url.URL{Scheme: "https", Host: relay.address}
			fetcher := media.NewTLSFetcher(media.NewHostPolicy(address, nil), roots, c.header, c.sendPing, c.ping)
			download := func() error {
				stream, err := fetcher.Open(t.Context(), address.String())
				if err != nil {
					return err
				}
				defer stream.Close()
				_, err = io.Copy(io.Discard, stream)
				return err
			}
			require.NoError(t, download())
			require.NoError(t, download())
			require.EqualValues(t, 1, relay.connections.Load(), "the connection is reused")

			relay.silence()
			// The ping may also find out before the download begins.
			if err := download(); err != nil {
				var unavailable *media.UnavailableError
				require.ErrorAs(t, err, &unavailable)
				require.ErrorContains(t, err, c.says)
			} else {
				require.NotZero(t, c.sendPing)
			}
			if c.sendPing > 0 {
				require.NoError(t, download())
			}
			require.Equal(t, c.connections, relay.connections.Load())
		})
	}
}
