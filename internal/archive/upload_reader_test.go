package archive

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"
)

func TestUploadReaderReportsTheEnd(t *testing.T) {
	r := &uploadReader{source: strings.NewReader("12345")}
	whole, failed := r.state()
	require.False(t, whole)
	require.NoError(t, failed)

	content, err := io.ReadAll(r)
	require.NoError(t, err)
	require.Equal(t, "12345", string(content))
	whole, failed = r.state()
	require.True(t, whole)
	require.NoError(t, failed)
}

func TestUploadReaderKeepsTheSourcesError(t *testing.T) {
	broken := errors.New("broken")
	r := &uploadReader{source: io.MultiReader(strings.NewReader("12"), iotest.ErrReader(broken))}
	content, err := io.ReadAll(r)
	require.Equal(t, broken, err)
	require.Equal(t, "12", string(content))
	whole, failed := r.state()
	require.False(t, whole)
	require.Equal(t, broken, failed)
}

func TestUploadReaderExpectsTheEnd(t *testing.T) {
	broken := errors.New("broken")
	for name, row := range map[string]struct {
		rest io.Reader
		want error
	}{
		"ends there":          {strings.NewReader(""), nil},
		"has more":            {strings.NewReader("6"), errLonger},
		"fails instead":       {iotest.ErrReader(broken), broken},
		"fails with the last": {iotest.DataErrReader(io.MultiReader(strings.NewReader(""), iotest.ErrReader(broken))), broken},
	} {
		t.Run(name, func(t *testing.T) {
			r := &uploadReader{source: io.MultiReader(strings.NewReader("12345"), row.rest)}
			_, err := io.ReadFull(r, make([]byte, 5))
			require.NoError(t, err)
			require.Equal(t, row.want, r.expectEnd())
			whole, _ := r.state()
			require.Equal(t, row.want == nil, whole)
			if whole {
				require.NoError(t, r.expectEnd(), "the end stays")
			}
		})
	}
}
