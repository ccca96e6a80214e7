package media

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
)

// maxTextBytes is how much of a text is read.
const maxTextBytes = 1 << 20

// refuseText reads a body that is a text to its end, but at most 1 MiB of it, and
// returns an [ErrInvalid] that identifies it: two pages with the same digest are
// the same page. It quotes nothing, as the text may contain secrets.
func refuseText(ctx context.Context, body io.Reader, mediaType string) error {
	hash := sha256.New()
	read, err := io.CopyN(hash, body, maxTextBytes)
	length := fmt.Sprintf("%d bytes", read)
	if err == nil {
		var more int64
		if more, err = io.CopyN(io.Discard, body, 1); more > 0 {
			length = "more than " + length
		}
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return transportError(ctx, err)
	}
	return fmt.Errorf("%w: the media server returned %s, %s, sha256 %x, not audio", ErrInvalid, mediaType, length, hash.Sum(nil))
}
