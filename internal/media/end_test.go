package media_test

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/internal/media"
)

const (
	http10  = "HTTP/1.0 200 OK\r\nContent-Type: audio/wav\r\n\r\n"
	closing = "HTTP/1.1 200 OK\r\nContent-Type: audio/wav\r\nConnection: close\r\n\r\n"
)

func TestOnlyTheProtocolProvesTheEnd(t *testing.T) {
	content := string(wav(10_000))
	for name, c := range map[string]struct {
		response string
		proved   bool
		remark   string
	}{
		"HTTP/1.0":                  {http10 + content, false, "the media server stated no length; nothing proved the end"},
		"HTTP/1.1 with close":       {closing + content, false, "the media server stated no length; nothing proved the end"},
		"HTTP/1.0 with a length":    {"HTTP/1.0 200 OK\r\nContent-Type: audio/wav\r\nContent-Length: 10000\r\n\r\n" + content, true, ""},
		"HTTP/1.1 with a length":    {"HTTP/1.1 200 OK\r\nContent-Type: audio/wav\r\nContent-Length: 10000\r\n\r\n" + content, true, ""},
		"HTTP/1.1 in chunks":        {"HTTP/1.1 200 OK\r\nContent-Type: audio/wav\r\nTransfer-Encoding: chunked\r\n\r\n2710\r\n" + content + "\r\n0\r\n\r\n", true, "the media server stated no length; its transfer encoding proved the end"},
		"chunks, closing":           {"HTTP/1.1 200 OK\r\nContent-Type: audio/wav\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n2710\r\n" + content + "\r\n0\r\n\r\n", true, "the media server stated no length; its transfer encoding proved the end"},
		"chunks and a wrong length": {"HTTP/1.1 200 OK\r\nContent-Type: audio/wav\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n2710\r\n" + content + "\r\n0\r\n\r\n", true, "the media server stated no length; its transfer encoding proved the end"},
	} {
		t.Run(name, func(t *testing.T) {
			address, fetcher := raw(t, c.response)
			got := fetch(t, fetcher, address, generousLimit)
			require.NoError(t, got.err)
			require.Equal(t, content, string(got.content))
			require.True(t, got.stream.Whole())
			require.Equal(t, c.proved, got.stream.Proved())
			if c.remark == "" {
				require.Empty(t, got.stream.Remarks())
			} else {
				require.Equal(t, []string{"declared no length as audio/wav, found 10000 bytes of wav", c.remark}, got.stream.Remarks())
			}
		})
	}
}

func TestBrokenChunksAreNotWhole(t *testing.T) {
	content := string(wav(10_000))
	const head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
	for name, response := range map[string]string{
		"cut before the last chunk": head + "2710\r\n" + content + "\r\n",
		"cut in a chunk":            head + "2711\r\n" + content,
		"malformed":                 head + "2710\r\n" + content + "xx0\r\n\r\n",
		"an endless chunk header":   head + "2710\r\n" + content + "\r\n1111111111111111111111\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			address, fetcher := raw(t, response)
			got := fetch(t, fetcher, address, generousLimit)
			var unavailable *media.UnavailableError
			require.ErrorAs(t, got.err, &unavailable)
			require.Less(t, len(got.content), len(content))
		})
	}
}

func TestUnprovedEndTakesTwoEqualDownloads(t *testing.T) {
	content := string(wav(200_000))
	other := content[:150_000] + "x" + content[150_001:]
	for name, c := range map[string]struct {
		first, second string
		differ        string
	}{
		"equal":                  {http10 + content, http10 + content, ""},
		"equal, another way":     {http10 + content, closing + content, ""},
		"the second is shorter":  {http10 + content, http10 + content[:199_999], "200000 bytes and 199999 bytes"},
		"the second is longer":   {http10 + content[:199_999], http10 + content, "199999 bytes and 200000 bytes"},
		"a byte differs":         {http10 + content, http10 + other, "200000 bytes and 200000 bytes"},
		"the second is the head": {http10 + content, http10 + content[:4096], "200000 bytes and 4096 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			address, fetcher := raw(t, c.first, c.second)
			first := fetch(t, fetcher, address, generousLimit)
			require.NoError(t, first.err)
			require.False(t, first.stream.Proved())

			second, err := fetcher.Open(t.Context(), address)
			require.NoError(t, err)
			defer second.Close()
			require.False(t, second.Proved())
			second.Expect(first.stream.SHA256(), first.stream.BytesRead())
			got, err := io.ReadAll(second)
			if c.differ == "" {
				require.NoError(t, err)
				require.Equal(t, content, string(got))
				require.True(t, second.Whole())
				require.Equal(t, []string{
					"declared no length as audio/wav, found 200000 bytes of wav",
					"the media server stated no length; two downloads had the same bytes",
				}, second.Remarks())
				return
			}
			require.ErrorIs(t, err, media.ErrInvalid)
			require.EqualError(t, err, "not a complete recording: two downloads without a stated length differ: "+c.differ)
			require.Less(t, int64(len(got)), second.BytesRead(), "the last bytes are not returned")
			require.False(t, second.Whole())
			require.Nil(t, second.Remarks())
			n, again := second.Read(make([]byte, 10))
			require.Zero(t, n)
			require.EqualError(t, again, err.Error(), "the error persists")
		})
	}
}

// The server may prove the end of the second download only.
func TestProvedDownloadMayBeComparedAsWell(t *testing.T) {
	content := wav(10_000)
	for _, digest := range []string{sha(content), sha(content[1:])} {
		address, fetcher := local(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(content) })
		stream, err := fetcher.Open(t.Context(), address)
		require.NoError(t, err)
		defer stream.Close()
		require.True(t, stream.Proved())
		stream.Expect(digest, 10_000)
		_, err = io.Copy(io.Discard, stream)
		if digest == sha(content) {
			require.NoError(t, err)
			require.NotContains(t, fmt.Sprint(stream.Remarks()), "two downloads")
		} else {
			require.ErrorIs(t, err, media.ErrInvalid)
		}
	}
}

func TestHTTP2ProvesTheEnd(t *testing.T) {
	content := wav(300_000)
	for name, c := range map[string]struct {
		handler http.HandlerFunc
		length  int64
		remarks []string
		fails   string
	}{
		"a stated length": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", strconv.Itoa(len(content)))
			_, _ = w.Write(content)
		}, 300_000, nil, ""},
		"no stated length": {func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write(content)
		}, -1, []string{"declared no length as audio/x-wav, found 300000 bytes of wav", "the media server stated no length; HTTP/2 proved the end"}, ""},
		"reset": {func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write(content[:200_000])
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		}, -1, nil, "reading from the media server failed"},
		"shorter than stated": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", strconv.Itoa(len(content)))
			_, _ = w.Write(content[:299_999])
		}, 300_000, nil, "cut the file short"},
	} {
		t.Run(name, func(t *testing.T) {
			server, roots := secure(t, func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", "audio/x-wav")
				if r.ProtoMajor == 2 {
					c.handler(w, r)
				}
			})
			address, err := url.Parse(server.URL)
			require.NoError(t, err)
			fetcher := media.NewTLSFetcher(media.NewHostPolicy(address, nil), roots, time.Minute, 0, 0)
			got := fetch(t, fetcher, server.URL, generousLimit)
			if c.fails != "" {
				var unavailable *media.UnavailableError
				require.ErrorAs(t, got.err, &unavailable)
				require.Contains(t, got.err.Error(), c.fails)
				require.Less(t, len(got.content), len(content))
				return
			}
			require.NoError(t, got.err)
			require.Equal(t, sha(content), sha(got.content))
			require.Equal(t, c.length, got.stream.Length)
			require.True(t, got.stream.Proved())
			require.Equal(t, c.remarks, got.stream.Remarks())
		})
	}
}

// net/http ignores the header Transfer-Encoding of an HTTP/1.0 response, so both
// downloads would have the same wrong bytes.
func TestChunksWithoutATransferEncodingAreRefused(t *testing.T) {
	content := string(wav(10_000))
	for _, head := range []string{http10, closing, "HTTP/1.0 200 OK\r\nContent-Type: audio/wav\r\nTransfer-Encoding: chunked\r\n\r\n"} {
		for _, size := range []string{"2710\r\n", "00002710\r\n", "Aa\r\n", "2710;chunk-signature=ab12\r\n", "2710 ;a\r\n"} {
			address, fetcher := raw(t, head+size+content+"\r\n0\r\n\r\n")
			got := fetch(t, fetcher, address, generousLimit)
			require.ErrorIs(t, got.err, media.ErrInvalid, size)
			require.ErrorContains(t, got.err, "the size of a chunk", size)
		}
		for _, start := range []string{"\r\n", "000002710\r\n", "2710\n", "g\r\n"} {
			address, fetcher := raw(t, head+start+content)
			require.NoError(t, fetch(t, fetcher, address, generousLimit).err, start)
		}
	}
	address, fetcher := raw(t, "HTTP/1.1 200 OK\r\nContent-Length: 10006\r\n\r\n2710\r\n"+content)
	require.NoError(t, fetch(t, fetcher, address, generousLimit).err, "a stated length is a proof")
}
