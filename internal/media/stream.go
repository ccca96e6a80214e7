package media

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"sync/atomic"

	"github.com/callvault/callvault/internal/audio"
)

// Stream is the body of one recording while it is downloaded. Read returns the
// last bytes only after it has checked that the file ends there: a copy that ends
// without an error is complete, and one that ends with an error is not. If the
// end is not [Stream.Proved], this takes a second download and [Stream.Expect].
type Stream struct {
	// Length of the recording in bytes, or -1 if it is not known before the end.
	Length int64

	// Format was detected from the first bytes.
	Format audio.Format

	// DeclaredContentType is the media type that the media server declared, at
	// most 100 bytes of it; empty if none.
	DeclaredContentType string

	end       end
	codings   []string
	validator validator
	expected  *expectation
	ctx       context.Context
	body      io.Closer
	source    bodyReader
	head      []byte
	maxBytes  int64
	hash      hash.Hash
	inspector *audio.Inspector
	read      atomic.Int64
	whole     atomic.Bool
}

// bodyReader reads the body of a response and reports whether it has ended.
type bodyReader interface {
	io.Reader
	// isOver is called after a Read without an error, with how many bytes the body
	// had so far. It may block until the next byte arrives. Its error is the body's.
	isOver(read int64) (bool, error)
}

// expectation is what another download of the same URL was.
type expectation struct {
	digest string
	bytes  int64
}

// Proved reports whether the protocol proves where the file ends: by a
// Content-Length, chunks, or HTTP/2. If not, the body ends with the connection,
// and a cut file cannot be told from a whole one.
func (s *Stream) Proved() bool { return s.end != endsWithConnection }

// Expect makes the stream whole only if it has this SHA-256, in lower-case hex,
// and this length in bytes. It is called before the first Read, with what another
// download of the same URL had.
func (s *Stream) Expect(digest string, bytes int64) { s.expected = &expectation{digest, bytes} }

// Read implements io.Reader. Its errors are those of [Fetcher.Open].
func (s *Stream) Read(p []byte) (int, error) {
	if s.whole.Load() {
		return 0, io.EOF
	}
	n, err := s.source.Read(p)
	s.hash.Write(p[:n])
	_, _ = s.inspector.Write(p[:n]) // It never fails.
	read := s.read.Add(int64(n))
	if read > s.maxBytes {
		return 0, tooLarge(s.maxBytes)
	}
	over := errors.Is(err, io.EOF)
	if err == nil {
		over, err = s.source.isOver(read)
	}
	if over {
		if err := s.checkWhole(read); err != nil {
			return 0, err
		}
		s.whole.Store(true)
		return n, nil
	}
	if err != nil {
		return 0, s.readError(err)
	}
	return n, nil
}

func (s *Stream) readError(err error) error {
	if errors.Is(err, ErrInvalid) {
		return err
	}
	return transportError(s.ctx, err)
}

func (s *Stream) checkWhole(read int64) error {
	if s.Length >= 0 && read != s.Length {
		return fmt.Errorf("%w: it has %d bytes, not the declared %d", ErrInvalid, read, s.Length)
	}
	if s.expected != nil && (read != s.expected.bytes || s.SHA256() != s.expected.digest) {
		return fmt.Errorf("%w: two downloads without a stated length differ: %d bytes and %d bytes", ErrInvalid, s.expected.bytes, read)
	}
	return nil
}

// BytesRead returns how many bytes have been read so far. It may be called while
// another goroutine reads.
func (s *Stream) BytesRead() int64 { return s.read.Load() }

// Whole reports whether the stream was read to its end and is complete. It may
// be called while another goroutine reads.
func (s *Stream) Whole() bool { return s.whole.Load() }

// SHA256 returns the hex digest of the bytes, once the stream is [Stream.Whole].
func (s *Stream) SHA256() string { return hex.EncodeToString(s.hash.Sum(nil)) }

// Findings returns what is known of the sound, once the stream is [Stream.Whole]; nil
// before, and if nothing is known. No byte can be read afterwards.
func (s *Stream) Findings() *audio.Findings {
	if !s.Whole() {
		return nil
	}
	return s.inspector.Findings()
}

// Close ends the download.
func (s *Stream) Close() error { return s.body.Close() }
