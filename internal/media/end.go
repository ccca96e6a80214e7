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
	if response.ContentLength >= 0 {
		return endsAtLength
	}
	if response.ProtoMajor >= 2 {
		return endsWithStream
	}
	if slices.Contains(response.TransferEncoding, "chunked") {
		return endsWithChunk
	}
	return endsWithConnection
}
