package audio

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"io"
)

// decompress returns the first [HeadBytes] of a gzip or zlib stream of which head
// is the beginning; nothing if it is neither. A broken proxy sends such a page
// without saying that it is compressed.
func decompress(head []byte) []byte {
	var source io.Reader
	var err error
	switch {
	case bytes.HasPrefix(head, []byte("\x1f\x8b")):
		source, err = gzip.NewReader(bytes.NewReader(head))
	default:
		source, err = zlib.NewReader(bytes.NewReader(head))
	}
	if err != nil {
		return nil
	}
	content, err := io.ReadAll(io.LimitReader(source, HeadBytes))
	if err != nil && len(content) < fewBytes {
		// The stream is cut where head ends, so an error is expected, but a few
		// bytes are more likely chance than a page.
		return nil
	}
	return content
}
