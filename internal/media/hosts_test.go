package media_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/internal/media"
)

var vendorsHosts = []string{"*.kore.ai", "*.korebots.com"}

func TestOnlyTheVendorsHostsAreAllowed(t *testing.T) {
	const public, ownMachine = "https://smartassist.example.com", "http://127.0.0.1:8080"
	for _, row := range []struct {
		api, url string
		allowed  bool
	}{
		{public, "https://smartassist.example.com/a.wav", true},
		{public, "https://SmartAssist.Example.COM/a.wav", true},
		{public, "https://smartassist.example.com./a.wav", true},
		{public, "https://smartassist.example.com:8443/a.wav", true},
		{public, "https://media.kore.ai/a.wav", true},
		{public, "https://a.b.kore.ai/a.wav", true},
		{public, "https://MEDIA.KORE.AI./a.wav", true},
		{public, "https://eu.korebots.com/a.wav", true},

		{public, "https://kore.ai/a.wav", false}, // the pattern matches subdomains only
		{public, "https://.kore.ai/a.wav", false},
		{public, "https://evilkore.ai/a.wav", false},
		{public, "https://kore.ai.evil.com/a.wav", false},
		{public, "https://media.kore.ai.evil.com/a.wav", false},
		{public, "https://evil.com/media.kore.ai", false},
		{public, "https://evil.com?media.kore.ai", false},
		{public, "https://evil.com#media.kore.ai", false},
		{public, "https://media.kore.ai@evil.com/a.wav", false},
		{public, "https://user:canary@media.kore.ai/a.wav", false},
		{public, "https://user@media.kore.ai/a.wav", false},
		{public, "https://sub.smartassist.example.com/a.wav", false},
		{public, "https://media.kore.ai../a.wav", false},
		{public, "https://media.kore%2eai.evil.com/a.wav", false},
		{public, "https://mediа.kоre.ai/a.wav", false}, // Cyrillic

		{public, "https://media\u0080.kore.ai/a.wav", false}, // the first character after ASCII
		{public, "https://media\xe4.kore.ai/a.wav", false},   // no UTF-8
		{public, "http://media.kore.ai/a.wav", false},
		{public, "http://smartassist.example.com/a.wav", false},
		{public, "ftp://media.kore.ai/a.wav", false},
		{public, "file:///etc/passwd", false},
		{public, "//media.kore.ai/a.wav", false},
		{public, "https:///a.wav", false},
		{public, "https:media.kore.ai", false},
		{public, "/a.wav", false},
		{public, "", false},

		{public, "https://127.0.0.1/a.wav", false},
		{public, "https://localhost/a.wav", false},
		{public, "https://media.kore.ai.localhost/a.wav", false},
		{public, "https://10.0.0.1/a.wav", false},
		{public, "https://169.254.169.254/latest/meta-data", false},
		{public, "https://[::1]/a.wav", false},
		{public, "https://[::ffff:127.0.0.1]/a.wav", false},
		{public, "https://[fe80::1%25eth0]/a.wav", false},
		{public, "https://[2606:4700::1111%25media.kore.ai]/a.wav", false}, // a public address whose zone matches a pattern
		{public, "https://2130706433/a.wav", false},                        // 127.0.0.1 in decimal
		{public, "https://0x7f000001/a.wav", false},
		{public, "https://0177.0.0.1/a.wav", false},
		{public, "https://8.8.8.8/a.wav", false},

		{ownMachine, "http://127.0.0.1:9999/a.wav", true},
		{ownMachine, "http://localhost:9999/a.wav", true},
		{ownMachine, "http://LOCALHOST.:9999/a.wav", true},
		{ownMachine, "http://[::1]:9999/a.wav", true},
		{ownMachine, "http://[::ffff:127.0.0.1]:9999/a.wav", true},
		{ownMachine, "https://127.0.0.1:9999/a.wav", true},
		{ownMachine, "https://media.kore.ai/a.wav", true},
		{ownMachine, "http://media.kore.ai/a.wav", false},
		{ownMachine, "http://10.0.0.1/a.wav", false},
		{ownMachine, "http://user@127.0.0.1:9999/a.wav", false},
		{ownMachine, "http://2130706433/a.wav", false},
		{"https://localhost:8443", "http://localhost:9999/a.wav", false}, // the API itself uses https
		{"https://localhost:8443", "https://127.0.0.1:9999/a.wav", true},
	} {
		t.Run(row.api+" "+row.url, func(t *testing.T) {
			u, err := url.Parse(row.url)
			if err != nil {
				require.False(t, row.allowed)
				return
			}
			api, err := url.Parse(row.api)
			require.NoError(t, err)
			err = media.NewHostPolicy(api, vendorsHosts).CheckURL(u)
			if row.allowed {
				require.NoError(t, err)
				return
			}
			require.ErrorIs(t, err, media.ErrHostRefused)
			require.NotContains(t, err.Error(), "a.wav")
			require.NotContains(t, err.Error(), "canary")
		})
	}
}

func TestRefusedHostErrorSaysHowToAllowIt(t *testing.T) {
	u, err := url.Parse("https://recordings.customer.example/a.wav?s=canary")
	require.NoError(t, err)
	api := &url.URL{Scheme: "https", Host: "smartassist.kore.ai"}
	require.EqualError(t, media.NewHostPolicy(api, vendorsHosts).CheckURL(u),
		"media host refused: recordings.customer.example is not an allowed media host: if it is the vendor's, add it to SMARTASSIST_MEDIA_HOSTS")
	require.NoError(t, media.NewHostPolicy(api, []string{" Recordings.Customer.example. "}).CheckURL(u))
}

func TestLoopbackHostsAreThisMachine(t *testing.T) {
	for host, want := range map[string]bool{
		"localhost": true, "LocalHost.": true, "media.localhost": true, "127.1.2.3": true, "::1": true, "::ffff:127.0.0.1": true,
		"": false, "localhost.example": false, "notlocalhost": false, "10.0.0.1": false, "::2": false, "media.kore.ai": false,
	} {
		require.Equal(t, want, media.IsLoopbackHost(host), host)
	}
}

func TestForbiddenURLIsNeverContacted(t *testing.T) {
	victim := listen(t)
	api := &url.URL{Scheme: "https", Host: "smartassist.kore.ai"}
	for _, target := range []string{"https://" + victim.address, "http://" + victim.address, "https://localhost:" + victim.port, "::", "http://%zz"} {
		_, err := media.NewFetcher(media.NewHostPolicy(api, vendorsHosts)).Open(t.Context(), target+"/a?s=canary")
		require.Error(t, err, target)
		requireNoCredential(t, err, target)
	}
	victim.requireUntouched()
}

func TestRedirectToAForbiddenHostIsNotFollowed(t *testing.T) {
	victim := listen(t)
	for _, to := range []string{
		"http://evil.example:" + victim.port, "https://evil.example:" + victim.port, "http://10.0.0.1", "https://169.254.169.254",
		"http://user:canary@" + victim.address, "ftp://" + victim.address, "file:///etc/passwd",
	} {
		address, fetcher := local(t, func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, to+"/a?s=canary", http.StatusFound)
		})
		got := fetch(t, fetcher, address+"/a?s=canary$$", generousLimit)
		require.ErrorIs(t, got.err, media.ErrHostRefused, to)
	}
	victim.requireUntouched()
}

func TestNameOfAForbiddenAddressIsRefused(t *testing.T) {
	victim := listen(t)
	stop := nameServer(t, map[string]string{
		"smartassist.kore.ai.": "93.184.216.34",
		"loopback.kore.ai.":    "127.0.0.1",
		"private.kore.ai.":     "10.1.2.3",
		"cloud.kore.ai.":       "169.254.169.254",
		"carrier.kore.ai.":     "100.64.0.1",
		"nowhere.kore.ai.":     "0.0.0.0",
		"inside.example.":      "127.0.0.1",
	})
	defer stop()
	for _, row := range []struct{ api, url, says string }{
		{"https://smartassist.kore.ai", "https://loopback.kore.ai:" + victim.port, "resolves to a loopback address"},
		{"https://smartassist.kore.ai", "https://private.kore.ai", "resolves to a private address"},
		{"https://smartassist.kore.ai", "https://cloud.kore.ai", "resolves to a link-local address"},
		{"https://smartassist.kore.ai", "https://carrier.kore.ai", "resolves to a special-purpose address"},
		{"https://smartassist.kore.ai", "https://nowhere.kore.ai:" + victim.port, "resolves to a special-purpose address"},
		// An API on this machine allows this machine and nothing more.
		{"http://127.0.0.1:8080", "https://private.kore.ai", "resolves to a private address"},
		{"http://127.0.0.1:8080", "https://cloud.kore.ai", "resolves to a link-local address"},
		// An API that cannot be resolved allows nothing.
		{"https://gone.kore.ai", "https://loopback.kore.ai:" + victim.port, "resolves to a loopback address"},
	} {
		t.Run(row.api+" "+row.url, func(t *testing.T) {
			api, err := url.Parse(row.api)
			require.NoError(t, err)
			fetcher := media.NewFetcher(media.NewHostPolicy(api, vendorsHosts))
			got := fetch(t, fetcher, row.url+"/a?s=canary", generousLimit)
			require.ErrorIs(t, got.err, media.ErrHostRefused)
			require.Contains(t, got.err.Error(), row.says)
		})
	}
	t.Run("an address in the list of hosts", func(t *testing.T) {
		api := &url.URL{Scheme: "https", Host: "smartassist.kore.ai"}
		got := fetch(t, media.NewFetcher(media.NewHostPolicy(api, []string{"127.0.0.1"})), "https://"+victim.address+"/a?s=canary", generousLimit)
		require.ErrorIs(t, got.err, media.ErrHostRefused)
	})
	t.Run("a redirect to such a name", func(t *testing.T) {
		address, _ := local(t, func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://private.kore.ai/a?s=canary", http.StatusFound)
		})
		api, err := url.Parse(address)
		require.NoError(t, err)
		got := fetch(t, media.NewFetcher(media.NewHostPolicy(api, vendorsHosts)), address, generousLimit)
		require.ErrorIs(t, got.err, media.ErrHostRefused)
		require.Contains(t, got.err.Error(), "resolves to a private address")
	})
	victim.requireUntouched()

	t.Run("the same name is allowed if the API is on loopback", func(t *testing.T) {
		api := &url.URL{Scheme: "https", Host: "inside.example"}
		got := fetch(t, media.NewFetcher(media.NewHostPolicy(api, vendorsHosts)), "https://loopback.kore.ai:"+victim.port+"/a?s=canary", generousLimit)
		var unavailable *media.UnavailableError
		require.ErrorAs(t, got.err, &unavailable, "it was contacted, and is not a media server")
		victim.requireTouched()
	})
	t.Run("an unknown name is a transient failure", func(t *testing.T) {
		api := &url.URL{Scheme: "https", Host: "smartassist.kore.ai"}
		got := fetch(t, media.NewFetcher(media.NewHostPolicy(api, vendorsHosts)), "https://gone.kore.ai/a?s=canary", generousLimit)
		var unavailable *media.UnavailableError
		require.ErrorAs(t, got.err, &unavailable)
		require.Contains(t, got.err.Error(), "host gone.kore.ai: no such host")
	})
}

// victim is a listener that must not be connected to.
type victim struct {
	t             *testing.T
	address, port string
	touched       chan struct{}
}

func listen(t *testing.T) *victim {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { listener.Close() })
	address := listener.Addr().String()
	v := &victim{t, address, address[strings.LastIndexByte(address, ':')+1:], make(chan struct{}, 10)}
	go func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			v.touched <- struct{}{}
			connection.Close()
		}
	}()
	return v
}

// requireUntouched connects, and requires that this is the first connection.
func (v *victim) requireUntouched() {
	v.t.Helper()
	connection, err := net.Dial("tcp", v.address)
	require.NoError(v.t, err)
	defer connection.Close()
	_, _ = io.Copy(io.Discard, connection)
	<-v.touched
	require.Empty(v.t, v.touched, "there was an earlier connection")
}

func (v *victim) requireTouched() {
	v.t.Helper()
	select {
	case <-v.touched:
	case <-time.After(time.Minute):
		v.t.Fatal("there was no connection")
	}
}

// nameServer makes this process resolve names from hosts only, until the
// returned function is called.
func nameServer(t *testing.T, hosts map[string]string) func() {
	t.Helper()
	socket, err := net.ListenPacket("udp", "127.0.0.1:0")
	require.NoError(t, err)
	var done sync.WaitGroup
	done.Go(func() {
		query := make([]byte, 1500)
		for {
			n, from, err := socket.ReadFrom(query)
			if err != nil {
				return
			}
			_, _ = socket.WriteTo(dnsResponse(query[:n], hosts), from)
		}
	})
	before := net.DefaultResolver
	net.DefaultResolver = &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp", socket.LocalAddr().String())
	}}
	return func() {
		net.DefaultResolver = before
		socket.Close()
		done.Wait()
	}
}

// dnsResponse returns the response to a query for one name: its A record in
// hosts, no record of another type, or that the name does not exist.
func dnsResponse(query []byte, hosts map[string]string) []byte {
	name, at := "", 12
	for query[at] != 0 {
		length := int(query[at])
		name += string(query[at+1:at+1+length]) + "."
		at += 1 + length
	}
	question := query[12 : at+5]
	isA := binary.BigEndian.Uint16(query[at+1:]) == 1
	address, known := hosts[strings.ToLower(name)]
	response := append([]byte{query[0], query[1], 0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0}, question...)
	switch {
	case !known:
		response[3] |= 3
	case isA:
		response[7] = 1
		response = append(response, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4)
		four := netip.MustParseAddr(address).As4()
		response = append(response, four[:]...)
	}
	return response
}

func FuzzOnlyAllowedHostsAreContacted(f *testing.F) {
	for _, seed := range []string{
		"", "https://media.kore.ai/a.wav?e=1&n=2&s=abc$$", "https://evilkore.ai/", "https://kore.ai.evil.com", "https://u:p@media.kore.ai/",
		"http://127.0.0.1/", "https://[::ffff:127.0.0.1]/", "https://2130706433/", "https://media.kore.ai.:443/%2F", "https://\x00.kore.ai", "//x.kore.ai",
		"https://a.kore.ai\\@evil.com/", "https://a.kore.ai%2f@evil.com", "HTTPS://MEDIA.KORE.AI", "https:/a.kore.ai", "https://*.kore.ai/", "https://%2e.kore.ai/",
	} {
		f.Add(seed)
	}
	api := &url.URL{Scheme: "https", Host: "smartassist.example.com"}
	policy := media.NewHostPolicy(api, vendorsHosts)
	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	fetcher := media.NewFetcher(policy)
	f.Fuzz(func(t *testing.T, raw string) {
		u, err := url.Parse(raw)
		if err == nil && policy.CheckURL(u) == nil {
			require.Equal(t, "https", u.Scheme)
			require.Nil(t, u.User)
			host := strings.TrimSuffix(strings.ToLower(u.Hostname()), ".")
			require.True(t, host == "smartassist.example.com" || strings.HasSuffix(host, ".kore.ai") || strings.HasSuffix(host, ".korebots.com"), host)
			require.False(t, isAddress(host), host)
		}
		// Nothing is contacted, as the context is cancelled. This checks the text.
		_, err = fetcher.Open(cancelled, raw)
		require.Error(t, err)
		if parsed, parseError := url.Parse(raw); parseError == nil && len(parsed.RawQuery) > 12 && !strings.Contains(parsed.Host, parsed.RawQuery) {
			require.NotContains(t, err.Error(), parsed.RawQuery, fmt.Sprintf("%q", raw))
		}
	})
}

func isAddress(host string) bool {
	_, err := netip.ParseAddr(host)
	return err == nil
}
