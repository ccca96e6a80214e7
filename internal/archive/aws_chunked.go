package archive

import (
	"errors"
	"fmt"
	"io"
	"strconv"
)

// maxFrame is the most bytes in one frame. AWS takes any size from 8 KiB, MinIO up to
// 16 MiB.
const maxFrame = 1 << 20

// awsChunked is a body in the content encoding aws-chunked, with its checksum behind the
// last byte (docs.aws.amazon.com, "Authenticating requests: trailing headers"). It passes
// the bytes on as they are: minio-go's own encoder copies each of them twice, and computes
// a checksum that its caller cannot have.
type awsChunked struct {
	source io.Reader
	// left are the bytes of the body that are still to come, and inFrame those of the
	// current frame.
	left, inFrame int64
	// pending are bytes between the frames that are to be returned next.
	pending []byte
	trailer func() (string, error)
	ended   bool
}

// newAWSChunked returns the body of the next so many bytes of source; fewer are an error.
// trailer returns the line behind them, once they are read.
func newAWSChunked(source io.Reader, length int64, trailer func() (string, error)) *awsChunked {
	return &awsChunked{source: source, left: length, trailer: trailer}
}

// awsChunkedLength returns the length of the whole body with a trailer of so many bytes.
func awsChunkedLength(length int64, trailer int) int64 {
	total := int64(len(frameHead(0))+trailer+len(crlf)) + length
	whole := length / maxFrame
	total += whole * int64(len(frameHead(maxFrame))+len(crlf))
	if rest := length % maxFrame; rest > 0 {
		total += int64(len(frameHead(rest)) + len(crlf))
	}
	return total
}

const crlf = "\r\n"

func frameHead(length int64) string { return strconv.FormatInt(length, 16) + crlf }

// Read implements io.Reader. An error of the source is returned as it is.
func (b *awsChunked) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if len(b.pending) == 0 && b.inFrame == 0 {
		if b.ended {
			return 0, io.EOF
		}
		if err := b.nextFrame(); err != nil {
			return 0, err
		}
	}
	if len(b.pending) > 0 {
		n := copy(p, b.pending)
		b.pending = b.pending[n:]
		return n, nil
	}
	n, err := b.source.Read(p[:min(int64(len(p)), b.inFrame)])
	b.inFrame -= int64(n)
	b.left -= int64(n)
	if b.inFrame == 0 {
		// The source's end, or its error behind the last byte that is wanted, is not
		// this body's.
		b.pending = append(b.pending, crlf...)
		return n, nil
	}
	if errors.Is(err, io.EOF) {
		err = fmt.Errorf("the recording ended %d bytes early: %w", b.left, io.ErrUnexpectedEOF)
	}
	return n, err
}

func (b *awsChunked) nextFrame() error {
	b.inFrame = min(b.left, maxFrame)
	b.pending = append(b.pending[:0], frameHead(b.inFrame)...)
	if b.inFrame > 0 {
		return nil
	}
	trailer, err := b.trailer()
	if err != nil {
		return err
	}
	b.pending = append(b.pending, trailer+crlf...)
	b.ended = true
	return nil
}
