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
	r := &uploadReader{source: strings.NewReader("12345"), left: 5}
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
	r := &uploadReader{source: io.MultiReader(strings.NewReader("12"), iotest.ErrReader(broken)), left: 5}
	content, err := io.ReadAll(r)
	require.Equal(t, broken, err)
	require.Equal(t, "12", string(content))
	whole, failed := r.state()
	require.False(t, whole)
	require.Equal(t, broken, failed)
}

func TestUploadReaderLimitsTheLength(t *testing.T) {
	r := &uploadReader{source: iotest.OneByteReader(strings.NewReader("123456")), left: 5}
	content, err := io.ReadAll(r)
	require.Equal(t, ErrTooLarge, err)
	require.Equal(t, "12345", string(content), "the byte beyond the limit is not passed on")
	whole, failed := r.state()
	require.False(t, whole)
	require.Equal(t, ErrTooLarge, failed)
}
