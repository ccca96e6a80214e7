package media

import (
	"bytes"
	"io"
	"net/http"
	"net/url"
	"testing"

	"github.com/callvault/callvault/internal/audio"
	"github.com/stretchr/testify/require"
)

// net/http does not return such a body as whole. This does not rely on it.
func TestBodyOfAnotherLengthIsNotWhole(t *testing.T) {
	for stated, says := range map[int64]string{0: "it has more than the declared 0 bytes", 4999: "it has more than the declared 4999 bytes", 5001: "it has 5000 bytes, not the declared 5001"} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://127.0.0.1", nil)
		require.NoError(t, err)
		body := io.NopCloser(bytes.NewReader(make([]byte, 5000)))
		stream, err := newStream(&http.Response{StatusCode: http.StatusOK, ContentLength: stated, Body: body, Request: request})
		require.NoError(t, err)
		stream.maxBytes, stream.inspector = DefaultMaxBytes, audio.NewInspector(audio.Options{})
		require.True(t, stream.Proved())
		_, err = io.Copy(io.Discard, stream)
		require.ErrorIs(t, err, ErrInvalid)
		require.ErrorContains(t, err, says)
		require.False(t, stream.Whole())
	}
}

func TestMalformedAddressIsNotConnectedTo(t *testing.T) {
	policy := NewHostPolicy(&url.URL{Scheme: "http", Host: "127.0.0.1"}, nil)
	require.ErrorIs(t, policy.control(t.Context(), "tcp", "localhost:80", nil), ErrHostRefused)
	require.NoError(t, policy.control(t.Context(), "tcp", "127.0.0.1:80", nil))
}
