package media

import (
	"net/http"
	"slices"
)

// end is how a response marks the end of its body.
type end int

const (
	// endsWithConnection is HTTP/1.0, or "Connection: close", without a length.
	endsWithConnection end = iota
	endsAtLength
	endsWithChunk
	endsWithStream // of HTTP/2
)

func endOf(response *http.Response) end {
	switch {
	case response.ContentLength >= 0:
		return endsAtLength
	case response.ProtoMajor >= 2:
		return endsWithStream
	case slices.Contains(response.TransferEncoding, "chunked"):
		return endsWithChunk
	default:
		return endsWithConnection
	}
}
