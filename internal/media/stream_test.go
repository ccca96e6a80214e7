package media_test

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/internal/media"
)

func TestURLIsSentByteForByte(t *testing.T) {
	for _, tail := range []string{
		"/a.wav?e=1709706278&n=6398115875&s=InpqMWpnVzRkajFl$$",
		"/a.wav?e=1&n=2&s=abc%24%24",
		"/a%2Fb.wav?s=a%2Fb%2fc",
		"/a+b%20c.wav?s=a+b%20c",
		"/a.wav?s=x&&=&s=y;z",
		"/a.wav?s=" + strings.Repeat("$", 100),
		"/a//b/./..c.wav?s='(*)!~|^",
		"/é.wav?s=%C3%A9",
	} {
		seen := make(chan string, 1)
		address, fetcher := local(t, func(w http.ResponseWriter, r *http.Request) {
			seen <- r.RequestURI
			_, _ = w.Write(wav(1000))
		})
		got := fetch(t, fetcher, address+tail, generousLimit)
		require.NoError(t, got.err)
		require.Equal(t, strings.ReplaceAll(tail, "/é", "/%C3%A9"), <-seen, "a path in UTF-8 has to be escaped on the wire, everything else stays")
	}
}

func TestMediaHostGetsNoCredentialAndNoReferer(t *testing.T) {
	var second string
	requests := make(chan *http.Request, 2)
	handler := func(w http.ResponseWriter, r *http.Request) {
		requests <- r
		if r.URL.Path == "/first" {
			http.SetCookie(w, &http.Cookie{Name: "session", Value: "canary"})
			http.Redirect(w, r, second+"/second?s=abc$$", http.StatusFound)
			return
		}
		_, _ = w.Write(wav(1000))
	}
	second, _ = local(t, handler)
	first, fetcher := local(t, handler)
	require.NoError(t, fetch(t, fetcher, first+"/first?s=canary$$", generousLimit).err)
	for _, path := range []string{"/first", "/second"} {
		request := <-requests
		require.Equal(t, path, request.URL.Path)
		for _, name := range []string{"Authorization", "Auth", "Cookie", "Referer", "Proxy-Authorization"} {
			require.Empty(t, request.Header.Values(name), "%s at %s", name, path)
		}
		require.Equal(t, "identity", request.Header.Get("Accept-Encoding"), "the bytes must not be compressed")
		require.Empty(t, request.Header.Get("Range"))
	}
}

// The files are incomplete, and are read in pieces of random sizes.
func TestLastByteOfAnIncompleteFileIsNotReturned(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 1))
	for range 60 {
		size := 5000 + random.IntN(200_000)
		sent := 4097 + random.IntN(size-4097)
		chunked := random.IntN(2) == 0
		address, fetcher := local(t, func(w http.ResponseWriter, _ *http.Request) {
			if !chunked {
				w.Header().Set("Content-Length", strconv.Itoa(size))
			}
			_, _ = w.Write(wav(size)[:sent])
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler) // closes the connection before the end
		})
		stream, err := fetcher.Open(t.Context(), address)
		require.NoError(t, err)
		given := 0
		buffer := make([]byte, 1+random.IntN(70_000))
		for err == nil {
			var n int
			n, err = stream.Read(buffer[:1+random.IntN(len(buffer))])
			given += n
		}
		var unavailable *media.UnavailableError
		require.ErrorAs(t, err, &unavailable)
		require.LessOrEqual(t, given, sent)
		if chunked {
			require.Less(t, given, sent, "any byte may be the last one")
		}
		require.False(t, stream.Whole())
		require.Nil(t, stream.Remarks())
		_, again := stream.Read(buffer)
		require.Error(t, again, "the error persists")
		require.NotErrorIs(t, again, io.EOF)
		require.NoError(t, stream.Close())
	}
}

func TestCompleteStreamStaysAtEOF(t *testing.T) {
	address, fetcher := local(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(wav(1000)) })
	stream, err := fetcher.Open(t.Context(), address)
	require.NoError(t, err)
	defer stream.Close()
	content, err := io.ReadAll(stream)
	require.NoError(t, err)
	require.Equal(t, sha(wav(1000)), sha(content))
	for range 3 {
		n, err := stream.Read(make([]byte, 10))
		require.Zero(t, n)
		require.ErrorIs(t, err, io.EOF)
	}
	require.Equal(t, sha(wav(1000)), stream.SHA256())
}

func TestCancelledDownloadReturnsTheCause(t *testing.T) {
	reached, release := make(chan struct{}), make(chan struct{})
	address, fetcher := local(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "1000000")
		_, _ = w.Write(wav(1_000_000)[:100_000])
		_ = http.NewResponseController(w).Flush()
		close(reached)
		<-release
	})
	t.Cleanup(func() { close(release) })
	ctx, cancel := context.WithCancelCause(t.Context())
	stream, err := fetcher.Open(ctx, address)
	require.NoError(t, err)
	<-reached
	cause := errors.New("the worker is stopping")
	cancel(cause)
	_, err = io.Copy(io.Discard, stream)
	require.ErrorIs(t, err, cause)
	require.NoError(t, stream.Close())
	requireNoLeak(t)
}

func TestDeclaredTypeIsKeptWithoutParameters(t *testing.T) {
	for declared, want := range map[string]string{
		"":          "",
		"audio/wav": "audio/wav",
		"audio/wav; name=\"f.wav?s=SIGNATURE$$\"": "audio/wav", // parameters may contain anything
		"audio/\tw\xe9v":         "",
		strings.Repeat("a", 500): strings.Repeat("a", 100),
	} {
		address, fetcher := local(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header()["Content-Type"] = []string{declared}
			_, _ = w.Write(wav(1000))
		})
		got := fetch(t, fetcher, address, generousLimit)
		require.NoError(t, got.err)
		require.Equal(t, want, got.stream.DeclaredContentType)
	}
}

func TestUnreachableServerIsUnavailable(t *testing.T) {
	address, fetcher := local(t, func(http.ResponseWriter, *http.Request) {})
	for name, c := range map[string]struct{ url, says string }{
		"nothing listens": {"http://127.0.0.1:1/a?s=canary", "dial"},
		"no TLS there":    {strings.Replace(address, "http:", "https:", 1) + "/a?s=canary", ""},
	} {
		got := fetch(t, fetcher, c.url, generousLimit)
		var unavailable *media.UnavailableError
		require.ErrorAs(t, got.err, &unavailable, name)
		require.Contains(t, got.err.Error(), c.says, name)
	}
}

func TestMalformedLocationIsNotQuoted(t *testing.T) {
	for _, location := range []string{":%zz-canary", "http://user:canary@%zz", "https://127.0.0.1:canary/?s=canary", "\x01canary"} {
		address, fetcher := local(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header()["Location"] = []string{location}
			w.WriteHeader(http.StatusFound)
		})
		require.Error(t, fetch(t, fetcher, address+"/a?s=canary", generousLimit).err, location)
	}
}

func TestStallIsMeasuredFromTheLastByte(t *testing.T) {
	t.Parallel()
	// watchdog_test.go uses a fake clock; this is a real connection, on which a
	// file takes longer than the limit, but never pauses for that long.
	const limit, pieces = time.Second, 30
	content := wav(pieces * 1000)
	address, fetcher := local(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", strconv.Itoa(len(content)))
		ticker := time.NewTicker(limit / 20)
		defer ticker.Stop()
		for i := range pieces {
			_, _ = w.Write(content[i*1000 : (i+1)*1000])
			_ = http.NewResponseController(w).Flush()
			select {
			case <-ticker.C:
			case <-r.Context().Done():
				return
			}
		}
	})
	require.NoError(t, fetch(t, fetcher, address, limit).err)
}
