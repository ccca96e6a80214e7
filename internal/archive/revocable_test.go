package archive

import (
	"io"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRevokedReaderReadsNothingMore(t *testing.T) {
	r := &revocable{source: strings.NewReader("12345")}
	two := make([]byte, 2)
	_, err := io.ReadFull(r, two)
	require.NoError(t, err)
	r.revoke()
	_, err = r.Read(two)
	require.ErrorIs(t, err, io.ErrClosedPipe)
	require.Equal(t, "12", string(two))
}

// The HTTP client may read a part's memory after its request has failed. The race detector
// tells if it is another transfer's by then.
func TestMemoryIsNotReadOnceItsReaderIsRevoked(*testing.T) {
	memory := make([]byte, 1<<16)
	for range 100 {
		shared := &revocable{source: readerOf(memory)}
		var client sync.WaitGroup
		client.Go(func() { _, _ = io.Copy(io.Discard, shared) })
		shared.revoke()
		for i := range memory {
			memory[i]++
		}
		client.Wait()
	}
}

// readerOf returns a reader of memory that gives its bytes one by one.
func readerOf(memory []byte) io.Reader { return &slowReader{memory: memory} }

type slowReader struct{ memory []byte }

func (s *slowReader) Read(p []byte) (int, error) {
	if len(s.memory) == 0 {
		return 0, io.EOF
	}
	p[0], s.memory = s.memory[0], s.memory[1:]
	return 1, nil
}
