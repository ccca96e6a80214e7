package media_test

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/internal/media"
)

func TestDeclaredTypeThatDeviatesIsRemarked(t *testing.T) {
	flac := "fLaC\x00\x00\x00\x22\x10\x00\x10\x00" + strings.Repeat("\x00", 5000)
	unknown := strings.Repeat("\xff", 5000)
	long := "audio/" + strings.Repeat("a", 94)
	for _, c := range []struct {
		content, declared string
		want              []string // after the first
	}{
		{flac, "audio/flac", nil},
		{flac, "audio/x-flac", nil},
		{flac, "AUDIO/FLAC; rate=8000", nil},
		{flac, "application/octet-stream", nil},
		{flac, "binary/octet-stream", nil},
		{flac, "", nil},
		{flac, "audio/wav", []string{"the media server declared audio/wav, the file is flac"}},
		{flac, "text/html; charset=utf-8", []string{"the media server declared text/html, the file is flac"}},
		{flac, long + "bbb", []string{"the media server declared " + long + ", the file is flac"}},
		{unknown, "audio/x-foo", []string{"the format is not known; the media server declared audio/x-foo"}},
		{unknown, "application/octet-stream", []string{"the format is not known; the media server declared application/octet-stream"}},
		{unknown, "", []string{"the format is not known; the media server declared no type"}},
		{"%PDF-1.7\n" + unknown, "audio/wav", []string{"the format is not known; its first bytes look like application/pdf"}},
		{"\x89PNG\r\n\x1a\n\x00" + unknown, "audio/wav", []string{"the format is not known; its first bytes look like image/png"}},
		{"\xff\xd8\xff" + unknown, "", []string{"the format is not known; its first bytes look like image/jpeg"}},
		{"GIF89a\x00" + unknown, "", []string{"the format is not known; its first bytes look like image/gif"}},
		{"PK\x03\x04\x00" + unknown, "", []string{"the format is not known; its first bytes look like application/zip"}},
		{unknown, long + "bbb", []string{"the format is not known; the media server declared " + long}},
	} {
		t.Run(c.declared, func(t *testing.T) {
			address, fetcher := local(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header()["Content-Type"] = []string{c.declared}
				w.Header().Set("Content-Length", strconv.Itoa(len(c.content)))
				_, _ = w.Write([]byte(c.content))
			})
			got := fetch(t, fetcher, address, generousLimit)
			require.NoError(t, got.err)
			want, format, as := c.want, "flac", " as "+got.stream.DeclaredContentType
			if c.content != flac {
				format = "an unknown format"
			}
			if c.declared == "" {
				as = " and no type"
			}
			if want != nil {
				want = append([]string{fmt.Sprintf("declared %d bytes%s, found %d bytes of %s", len(c.content), as, len(c.content), format)}, want...)
			}
			require.Equal(t, want, got.stream.Remarks())
			for _, remark := range got.stream.Remarks() {
				require.LessOrEqual(t, len(remark), 200)
			}
		})
	}
}

func TestOnlyCompressionIsRefusedAsContentEncoding(t *testing.T) {
	content := wav(5000)
	for name, c := range map[string]struct {
		values []string
		remark string // empty if the response is refused
	}{
		"gzip":              {[]string{"gzip"}, ""},
		"x-gzip":            {[]string{"X-GZIP"}, ""},
		"deflate":           {[]string{" deflate "}, ""},
		"br":                {[]string{"br"}, ""},
		"zstd":              {[]string{"zstd"}, ""},
		"compress":          {[]string{"compress"}, ""},
		"x-compress":        {[]string{"x-compress"}, ""},
		"in a list":         {[]string{"aws-chunked, gzip"}, ""},
		"in a second line":  {[]string{"identity", "gzip"}, ""},
		"identity":          {[]string{"identity"}, "the content encoding identity"},
		"aws-chunked":       {[]string{"aws-chunked"}, "the content encoding aws-chunked"},
		"upper case":        {[]string{"UTF-8"}, "the content encoding utf-8"},
		"two words":         {[]string{"binary,none,", "7bit"}, "the content encoding binary, none, 7bit"},
		"anything":          {[]string{"\"canary\""}, "an unknown content encoding"},
		"as long as can be": {[]string{strings.Repeat("a", 100)}, "the content encoding " + strings.Repeat("a", 100)},
		"too long":          {[]string{strings.Repeat("a", 101)}, "an unknown content encoding"},
		"none":              {[]string{"", " , "}, "-"},
	} {
		t.Run(name, func(t *testing.T) {
			address, fetcher := local(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header()["Content-Type"] = nil
				w.Header()["Content-Encoding"] = c.values
				w.Header().Set("Content-Length", "5000")
				_, _ = w.Write(content)
			})
			got := fetch(t, fetcher, address, generousLimit)
			if c.remark == "" {
				require.ErrorIs(t, got.err, media.ErrInvalid)
				require.ErrorContains(t, got.err, "content encoding")
				return
			}
			require.NoError(t, got.err)
			if c.remark == "-" {
				require.Empty(t, got.stream.Remarks())
				return
			}
			require.Equal(t, []string{"declared 5000 bytes and no type, found 5000 bytes of wav", "the media server declared " + c.remark}, got.stream.Remarks())
		})
	}
}

func TestResponseHasToBeTheWholeFile(t *testing.T) {
	content := string(wav(5000))
	const part, whole = "a part of the file", ""
	for name, c := range map[string]struct {
		status, header, length string
		fails                  string
	}{
		"203":                         {"203 X", "", "5000", whole},
		"206, the whole file":         {"206 X", "Content-Range: bytes 0-4999/5000\r\n", "5000", whole},
		"206, no stated length":       {"206 X", "Content-Range: Bytes  0-4999/5000\r\n", "", whole},
		"206, no range":               {"206 X", "", "5000", "returned 206 without a whole file"},
		"206, another start":          {"206 X", "Content-Range: bytes 1-4999/5000\r\n", "5000", part},
		"206, the end is missing":     {"206 X", "Content-Range: bytes 0-4998/5000\r\n", "5000", part},
		"206, beyond the end":         {"206 X", "Content-Range: bytes 0-5000/5000\r\n", "5000", part},
		"206, the total is not known": {"206 X", "Content-Range: bytes 0-4999/*\r\n", "5000", part},
		"206, another unit":           {"206 X", "Content-Range: lines 0-4999/5000\r\n", "5000", part},
		"206, another length":         {"206 X", "Content-Range: bytes 0-5999/6000\r\n", "5000", part},
		"206, two that differ":        {"206 X", "Content-Range: bytes 0-4999/5000\r\nContent-Range: bytes 0-9/10\r\n", "", part},
		"206, more than the body":     {"206 X", "Content-Range: bytes 0-5999/6000\r\n", "", "it has 5000 bytes, not the declared 6000"},
		"206, more than 63 bits":      {"206 X", "Content-Range: bytes 0-9999999999999999999/10000000000000000000\r\n", "", part},
		"200, the whole file":         {"200 X", "Content-Range: bytes 0-4999/5000\r\n", "5000", whole},
		"200, an empty range":         {"200 X", "Content-Range:\r\n", "5000", whole},
		"200, a part":                 {"200 X", "Content-Range: bytes 0-4999/9000\r\n", "5000", part},
		"200, no range":               {"200 X", "Content-Range: bytes */5000\r\n", "5000", part},
		"201":                         {"201 X", "", "5000", "returned 201 without a whole file"},
	} {
		t.Run(name, func(t *testing.T) {
			length := ""
			if c.length != "" {
				length = "Content-Length: " + c.length + "\r\n"
			}
			address, fetcher := raw(t, "HTTP/1.1 "+c.status+"\r\nConnection: close\r\n"+c.header+length+"\r\n"+content)
			got := fetch(t, fetcher, address, generousLimit)
			if c.fails != whole {
				require.ErrorIs(t, got.err, media.ErrInvalid)
				require.ErrorContains(t, got.err, c.fails)
				return
			}
			require.NoError(t, got.err)
			require.Equal(t, content, string(got.content))
			require.EqualValues(t, 5000, got.stream.Length)
			require.Equal(t, c.length != "", got.stream.Proved())
		})
	}
}
