package media_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestDeclaredTypeThatDeviatesIsRemarked(t *testing.T) {
	flac := "fLaC\x00\x00\x00\x22\x10\x00\x10\x00" + strings.Repeat("\x00", 5000)
	unknown := strings.Repeat("\xff", 5000)
	long := "audio/" + strings.Repeat("a", 94)
	for _, c := range []struct {
		content, declared string
		want              []string
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
		{unknown, long + "bbb", []string{"the format is not known; the media server declared " + long}},
	} {
		t.Run(c.declared, func(t *testing.T) {
			address, fetcher := local(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header()["Content-Type"] = []string{c.declared}
				w.Header().Set("Content-Length", "5012")
				if c.content == unknown {
					w.Header().Set("Content-Length", "5000")
				}
				_, _ = w.Write([]byte(c.content))
			})
			got := fetch(t, fetcher, address, generousLimit)
			require.NoError(t, got.err)
			require.Equal(t, c.want, got.stream.Remarks())
			for _, remark := range got.stream.Remarks() {
				require.LessOrEqual(t, len(remark), 200)
			}
		})
	}
}
