package media_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/internal/media"
)

const (
	restOffset = 100_000
	etag       = `"v1"`
)

// serveFile serves content with its ETag, and its rest if that is asked for.
func serveFile(content []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "audio/x-wav")
		w.Header().Set("ETag", etag)
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content))
	}
}

// interrupted reads the beginning of the file at a URL, and returns where it is then.
func interrupted(t *testing.T, fetcher *media.Fetcher, rawURL string) media.Position {
	t.Helper()
	stream, err := fetcher.Open(t.Context(), rawURL)
	require.NoError(t, err)
	defer stream.Close()
	_, err = io.ReadFull(stream, make([]byte, restOffset))
	require.NoError(t, err)
	position, ok := stream.Position()
	require.True(t, ok)
	return position
}

// telephony returns a WAV file with 16-bit samples, half of which are silence.
func telephony(size int) []byte {
	content := make([]byte, size)
	copy(content, wav(size)[:16])
	for i, field := range []uint32{16, 1 | 1<<16, 8000, 16_000, 2 | 16<<16} {
		binary.LittleEndian.PutUint32(content[16+4*i:], field)
	}
	copy(content[36:], "data")
	binary.LittleEndian.PutUint32(content[40:], uint32(size-44))
	for i := 44; i < size; i += 4 {
		content[i] = byte(i) | 1
	}
	return content
}

func TestDownloadIsContinuedByteForByte(t *testing.T) {
	content := telephony(300_000)
	var asked []http.Header
	address, fetcher := local(t, func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.Header.Clone())
		serveFile(content)(w, r)
	})
	whole := fetch(t, fetcher, address, generousLimit)
	require.NoError(t, whole.err)
	position := interrupted(t, fetcher, address)
	require.EqualValues(t, restOffset, position.Offset)
	require.EqualValues(t, len(content), position.Length)
	asked = nil

	stream, err := fetcher.Continue(t.Context(), address, position)
	require.NoError(t, err)
	defer stream.Close()
	require.EqualValues(t, restOffset, stream.BytesRead())
	rest, err := io.ReadAll(stream)
	require.NoError(t, err)
	require.True(t, bytes.Equal(content[restOffset:], rest))
	require.True(t, stream.Whole())
	require.Equal(t, sha(content), stream.SHA256())
	require.EqualValues(t, len(content), stream.Length)
	require.Equal(t, whole.stream.Remarks(), stream.Remarks(), "those of the whole file")
	require.Equal(t, whole.stream.Format, stream.Format)
	require.NotNil(t, whole.stream.Findings())
	require.Equal(t, whole.stream.Findings(), stream.Findings(), "the sound was looked into by both")
	require.Equal(t, "audio/x-wav", stream.DeclaredContentType)
	require.Len(t, asked, 1)
	require.Equal(t, fmt.Sprintf("bytes=%d-", restOffset), asked[0].Get("Range"))
	require.Equal(t, etag, asked[0].Get("If-Range"))
}

func TestDownloadIsContinuedTwice(t *testing.T) {
	content := wav(300_000)
	address, fetcher := local(t, serveFile(content))
	position := interrupted(t, fetcher, address)
	stream, err := fetcher.Continue(t.Context(), address, position)
	require.NoError(t, err)
	_, err = io.ReadFull(stream, make([]byte, 50_000))
	require.NoError(t, err)
	position, ok := stream.Position()
	require.True(t, ok)
	require.NoError(t, stream.Close())
	require.EqualValues(t, restOffset+50_000, position.Offset)

	stream, err = fetcher.Continue(t.Context(), address, position)
	require.NoError(t, err)
	defer stream.Close()
	_, err = io.Copy(io.Discard, stream)
	require.NoError(t, err)
	require.Equal(t, sha(content), stream.SHA256())
}

func TestWholeFileIsContinuedWithoutARequest(t *testing.T) {
	content := wav(5000)
	requests := 0
	address, fetcher := local(t, func(w http.ResponseWriter, r *http.Request) {
		requests++
		serveFile(content)(w, r)
	})
	got := fetch(t, fetcher, address, generousLimit)
	position, ok := got.stream.Position()
	require.True(t, ok)
	stream, err := fetcher.Continue(t.Context(), address, position)
	require.NoError(t, err)
	require.True(t, stream.Whole())
	require.Equal(t, sha(content), stream.SHA256())
	rest, err := io.ReadAll(stream)
	require.NoError(t, err)
	require.Empty(t, rest)
	require.NoError(t, stream.Close())
	require.Equal(t, 1, requests)
}

func TestOnlyAProvedFileWithAStrongETagCanBeContinued(t *testing.T) {
	content := string(wav(10_000))
	const head = "HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n"
	for name, response := range map[string]string{
		"no ETag":         head + "\r\n" + content,
		"weak":            head + "ETag: W/\"v1\"\r\n\r\n" + content,
		"not quoted":      head + "ETag: v1\r\n\r\n" + content,
		"one quote":       head + "ETag: \"\r\n\r\n" + content,
		"long":            head + "ETag: \"" + strings.Repeat("x", 255) + "\"\r\n\r\n" + content,
		"only a date":     head + "Last-Modified: Tue, 05 Mar 2024 12:42:34 GMT\r\n\r\n" + content,
		"an unproved end": "HTTP/1.1 200 OK\r\nConnection: close\r\nETag: \"v1\"\r\n\r\n" + content,
	} {
		t.Run(name, func(t *testing.T) {
			address, fetcher := raw(t, response)
			got := fetch(t, fetcher, address, generousLimit)
			require.NoError(t, got.err)
			_, ok := got.stream.Position()
			require.False(t, ok)
		})
	}
}

func TestWhatIsNotTheRestOfTheFileIsNotContinued(t *testing.T) {
	content := wav(300_000)
	rest := content[restOffset:]
	partial := func(header map[string]string, body []byte) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			all := map[string]string{"ETag": etag, "Content-Range": fmt.Sprintf("bytes %d-%d/%d", restOffset, len(content)-1, len(content))}
			maps.Copy(all, header)
			for name, value := range all {
				w.Header().Set(name, value)
			}
			w.WriteHeader(http.StatusPartialContent)
			_, _ = w.Write(body)
		}
	}
	status := func(status int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }
	}
	for name, c := range map[string]struct {
		respond http.HandlerFunc
		want    error // nil: an *UnavailableError
	}{
		"the range is ignored":            {func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("ETag", etag); _, _ = w.Write(content) }, media.ErrNotContinued},
		"another version":                 {partial(map[string]string{"ETag": `"v2"`}, rest), media.ErrNotContinued},
		"a weak ETag":                     {partial(map[string]string{"ETag": `W/"v1"`}, rest), media.ErrNotContinued},
		"no ETag":                         {partial(map[string]string{"ETag": ""}, rest), media.ErrNotContinued},
		"another date":                    {partial(map[string]string{"Last-Modified": "Tue, 05 Mar 2024 12:42:35 GMT"}, rest), media.ErrNotContinued},
		"another start":                   {partial(map[string]string{"Content-Range": fmt.Sprintf("bytes %d-%d/%d", restOffset-1, len(content)-1, len(content))}, content[restOffset-1:]), media.ErrNotContinued},
		"an early end":                    {partial(map[string]string{"Content-Range": fmt.Sprintf("bytes %d-%d/%d", restOffset, len(content)-2, len(content))}, rest[:len(rest)-1]), media.ErrNotContinued},
		"another total":                   {partial(map[string]string{"Content-Range": fmt.Sprintf("bytes %d-%d/%d", restOffset, len(content), len(content)+1)}, append(bytes.Clone(rest), 0)), media.ErrNotContinued},
		"an unknown total":                {partial(map[string]string{"Content-Range": fmt.Sprintf("bytes %d-%d/*", restOffset, len(content)-1)}, rest), media.ErrNotContinued},
		"no Content-Range":                {partial(map[string]string{"Content-Range": ""}, rest), media.ErrNotContinued},
		"a length other than the range's": {partial(map[string]string{"Content-Length": fmt.Sprint(len(rest) - 1)}, rest[:len(rest)-1]), media.ErrNotContinued},
		"a compression":                   {partial(map[string]string{"Content-Encoding": "gzip"}, rest), media.ErrNotContinued},
		"not satisfiable":                 {status(416), media.ErrNotContinued},
		"a condition failed":              {status(412), media.ErrNotContinued},
		"refused":                         {status(403), media.ErrRefused},
		"unavailable":                     {status(503), nil},
		"a redirect to a forbidden host": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://evil.example/?s=canary", http.StatusFound)
		}, media.ErrHostRefused},
	} {
		t.Run(name, func(t *testing.T) {
			first := true
			address, fetcher := local(t, func(w http.ResponseWriter, r *http.Request) {
				if first {
					first = false
					w.Header().Set("Last-Modified", "Tue, 05 Mar 2024 12:42:34 GMT")
					serveFile(content)(w, r)
					return
				}
				c.respond(w, r)
			})
			position := interrupted(t, fetcher, address)
			stream, err := fetcher.Continue(t.Context(), address, position)
			require.True(t, stream == nil, "nothing of the body is returned")
			if c.want == nil {
				var unavailable *media.UnavailableError
				require.ErrorAs(t, err, &unavailable)
				return
			}
			require.ErrorIs(t, err, c.want)
		})
	}
	requireNoLeak(t)
}

func TestPositionThatIsNotValidIsNotContinued(t *testing.T) {
	content := wav(300_000)
	requests := 0
	address, fetcher := local(t, func(w http.ResponseWriter, r *http.Request) {
		requests++
		serveFile(content)(w, r)
	})
	valid := interrupted(t, fetcher, address)
	for name, change := range map[string]func(*media.Position){
		"the beginning":         func(p *media.Position) { p.Offset = 0 },
		"before it":             func(p *media.Position) { p.Offset = -1 },
		"behind the end":        func(p *media.Position) { p.Offset = p.Length + 1 },
		"no ETag":               func(p *media.Position) { p.ETag = "" },
		"no first bytes":        func(p *media.Position) { p.Head = nil },
		"no digest":             func(p *media.Position) { p.Hash = nil },
		"no state of the sound": func(p *media.Position) { p.Inspector = nil },
		"another digest":        func(p *media.Position) { p.Hash = []byte("forged") },
		"the end, no digest":    func(p *media.Position) { p.Offset, p.Hash = p.Length, nil },
		"another file length":   func(p *media.Position) { p.Length-- },
	} {
		position := valid
		change(&position)
		_, err := fetcher.Continue(t.Context(), address, position)
		require.ErrorIs(t, err, media.ErrNotContinued, name)
	}
}

func TestRestThatIsCutIsNotWhole(t *testing.T) {
	content := wav(300_000)
	first := true
	address, fetcher := local(t, func(w http.ResponseWriter, r *http.Request) {
		if first {
			first = false
			serveFile(content)(w, r)
			return
		}
		w.Header().Set("ETag", etag)
		w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", restOffset, len(content)-1, len(content)))
		w.Header().Set("Content-Length", fmt.Sprint(len(content)-restOffset))
		w.WriteHeader(http.StatusPartialContent)
		_, _ = w.Write(content[restOffset:250_000])
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	})
	stream, err := fetcher.Continue(t.Context(), address, interrupted(t, fetcher, address))
	require.NoError(t, err)
	defer stream.Close()
	_, err = io.Copy(io.Discard, stream)
	var unavailable *media.UnavailableError
	require.ErrorAs(t, err, &unavailable)
	require.False(t, stream.Whole())
	position, ok := stream.Position()
	require.True(t, ok)
	require.EqualValues(t, stream.BytesRead(), position.Offset, "it can be continued from there")
}

func TestRecordingLargerThanTheLimitIsRefused(t *testing.T) {
	content := wav(300_000)
	for name, respond := range map[string]http.HandlerFunc{
		"by its stated length": serveFile(content),
		"by its bytes": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write(content[:1000])
			_ = http.NewResponseController(w).Flush()
			_, _ = w.Write(content[1000:])
		},
	} {
		for limit, refused := range map[int64]bool{299_999: true, 300_000: false} {
			t.Run(fmt.Sprint(name, limit), func(t *testing.T) {
				address, fetcher := local(t, respond)
				fetcher.MaxBytes = limit
				got := fetch(t, fetcher, address, generousLimit)
				if !refused {
					require.NoError(t, got.err)
					return
				}
				require.ErrorIs(t, got.err, media.ErrTooLarge)
				require.ErrorContains(t, got.err, "more than 293 KiB: start the worker with a larger --max-recording-size (CALLVAULT_MAX_RECORDING_SIZE)")
				require.Less(t, len(got.content), len(content))
			})
		}
	}
}
