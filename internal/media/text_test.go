package media_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/internal/media"
)

func TestTextIsRefusedAndIdentifiedByItsDigest(t *testing.T) {
	const page = "<!DOCTYPE html>\n<html><head><title>Sign in</title></head><body>token=canary</body></html>"
	var compressed bytes.Buffer
	w := gzip.NewWriter(&compressed)
	_, _ = w.Write([]byte(page))
	require.NoError(t, w.Close())
	var wide []byte
	for _, unit := range utf16.Encode([]rune("\ufeff" + page)) {
		wide = append(wide, byte(unit), byte(unit>>8))
	}
	for name, c := range map[string]struct{ body, mediaType string }{
		"HTML":               {page, "text/html"},
		"long HTML":          {page + strings.Repeat("<p>Sorry</p>\n", 10_000), "text/html"},
		"HTML in Latin-1":    {"<html><body>Zugriff f\xfcr Ger\xe4te verweigert</body></html>", "text/html"},
		"HTML in UTF-16":     {string(wide), "text/html"},
		"HTML, compressed":   {compressed.String(), "text/html"},
		"XML":                {"<Error><Code>AccessDenied</Code></Error>", "text/xml"},
		"JSON":               {`{"errors":[{"msg":"canary"}]}`, "application/json"},
		"a word":             {"Forbidden", "text/plain"},
		"as long as a head":  {strings.Repeat("Sorry. ", 586)[:4096], "text/plain"},
		"longer than a head": {strings.Repeat("Sorry. ", 586)[:4097], "text/plain"},
		"text and a zero":    {strings.Repeat("Sorry. ", 1000) + "\x00", "text/plain"},
		"almost 1 MiB":       {strings.Repeat("x y ", 1<<18)[:1<<20-1], "text/plain"},
		"1 MiB":              {strings.Repeat("x y ", 1<<18), "text/plain"},
	} {
		want := fmt.Sprintf("not a complete recording: the media server returned %s, %d bytes, sha256 %s, not audio", c.mediaType, len(c.body), sha([]byte(c.body)))
		t.Run(name, func(t *testing.T) {
			address, fetcher := local(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "audio/wav")
				_, _ = w.Write([]byte(c.body))
			})
			requireRefused(t, fetcher, address, want)
		})
		t.Run(name+", HTTP/1.0", func(t *testing.T) {
			address, fetcher := raw(t, http10+c.body)
			requireRefused(t, fetcher, address, want)
		})
	}
}

func requireRefused(t *testing.T, fetcher *media.Fetcher, address, want string) {
	t.Helper()
	got := fetch(t, fetcher, address+"/a?s=canary", generousLimit)
	require.ErrorIs(t, got.err, media.ErrInvalid)
	require.EqualError(t, got.err, want)
}

func TestLongTextIsReadUpToOneMebibyte(t *testing.T) {
	page := strings.Repeat("x y ", 1<<18)
	for name, length := range map[string]string{"stated": strconv.Itoa(1<<20 + 1), "chunked": ""} {
		t.Run(name, func(t *testing.T) {
			address, fetcher := local(t, func(w http.ResponseWriter, _ *http.Request) {
				if length != "" {
					w.Header().Set("Content-Length", length)
				}
				_, _ = w.Write([]byte(page + "z"))
			})
			requireRefused(t, fetcher, address,
				"not a complete recording: the media server returned text/plain, more than 1048576 bytes, sha256 "+sha([]byte(page))+", not audio")
		})
	}
	t.Run("endless", func(t *testing.T) {
		address, fetcher := local(t, func(w http.ResponseWriter, r *http.Request) {
			for r.Context().Err() == nil {
				if _, err := w.Write([]byte(page)); err != nil {
					return
				}
			}
		})
		requireRefused(t, fetcher, address,
			"not a complete recording: the media server returned text/plain, more than 1048576 bytes, sha256 "+sha([]byte(page))+", not audio")
	})
}

func TestCutTextIsATransientFailure(t *testing.T) {
	for name, sent := range map[string]int{"in the head": 100, "later": 10_000, "at the limit": 1 << 20} {
		t.Run(name, func(t *testing.T) {
			address, fetcher := local(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Length", strconv.Itoa(1<<20+1))
				_, _ = w.Write([]byte(strings.Repeat("x y ", 1<<18)[:sent]))
				_ = http.NewResponseController(w).Flush()
				panic(http.ErrAbortHandler)
			})
			got := fetch(t, fetcher, address, generousLimit)
			var unavailable *media.UnavailableError
			require.ErrorAs(t, got.err, &unavailable)
			require.EqualError(t, got.err, "the media server cut the file short")
		})
	}
}

func TestReadingATextEndsWithItsContext(t *testing.T) {
	reached, release := make(chan struct{}), make(chan struct{})
	address, fetcher := local(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(strings.Repeat("Sorry. ", 1000)))
		_ = http.NewResponseController(w).Flush()
		close(reached)
		<-release
	})
	t.Cleanup(func() { close(release) })
	cause := errors.New("the worker is stopping")
	ctx, cancel := context.WithCancelCause(t.Context())
	go func() {
		<-reached
		cancel(cause)
	}()
	_, err := fetcher.Open(ctx, address)
	require.ErrorIs(t, err, cause)
}
