package media

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/callvault/callvault/internal/audio"
)

// ErrNotContinued means that a download cannot be continued where it was: the media
// server sent something else than the rest of the same file. It has to begin again.
var ErrNotContinued = errors.New("the download cannot be continued")

// Continue continues a download at a position that [Stream.Position] returned. The
// stream's first byte is the one at the position; its length, digest and remarks are
// those of the whole file.
//
// A position at the end needs no request: the recording is whole.
//
// In addition to those of [Fetcher.Open] its errors are [ErrNotContinued]. A server that
// ignores the range, has another version of the file, or answers with another range, is
// such an error, and nothing of its body is returned.
func (f *Fetcher) Continue(ctx context.Context, rawURL string, from Position) (*Stream, error) {
	if from.Offset <= 0 || from.Length >= 0 && from.Offset > from.Length || from.ETag == "" || len(from.Head) == 0 {
		return nil, fmt.Errorf("%w: its position is not valid", ErrNotContinued)
	}
	if from.Offset == from.Length {
		stream, err := from.newStream(ctx, http.NoBody, from.Length, f.Inspection)
		if err != nil {
			return nil, err
		}
		stream.whole.Store(true)
		return stream, nil
	}
	request, err := f.newRequest(ctx, rawURL)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Range", fmt.Sprintf("bytes=%d-", from.Offset))
	request.Header.Set("If-Range", from.ETag)
	return f.send(request, func(response *http.Response) (*Stream, error) {
		return from.stream(response, f.Inspection)
	})
}

// stream returns the rest of the file, if that is what the response has.
func (p Position) stream(response *http.Response, inspection audio.Options) (*Stream, error) {
	switch response.StatusCode {
	case http.StatusPartialContent:
	case http.StatusOK, http.StatusPreconditionFailed, http.StatusRequestedRangeNotSatisfiable:
		return nil, fmt.Errorf("%w: the media server returned %d, not the rest of the file", ErrNotContinued, response.StatusCode)
	default:
		return nil, statusError(response)
	}
	found := validatorOf(response)
	if found.etag != p.ETag || p.Modified != "" && found.modified != "" && found.modified != p.Modified {
		return nil, fmt.Errorf("%w: the file has changed at the media server", ErrNotContinued)
	}
	if slices.ContainsFunc(contentCodings(response.Header), isCompression) {
		return nil, fmt.Errorf("%w: the rest has a content encoding that was not requested", ErrNotContinued)
	}
	length, err := p.lengthOf(response)
	if err != nil {
		return nil, err
	}
	return p.newStream(response.Request.Context(), response.Body, length, inspection)
}

// newStream returns the stream of the rest of a file of so many bytes.
func (p Position) newStream(ctx context.Context, rest io.ReadCloser, length int64, inspection audio.Options) (*Stream, error) {
	restored, err := restoreHash(p.Hash)
	if err != nil {
		return nil, err
	}
	inspector, err := restoreInspector(p.Inspector, inspection)
	if err != nil {
		return nil, err
	}
	stream := &Stream{
		Length:              length,
		Format:              audio.Detect(p.Head),
		DeclaredContentType: p.DeclaredContentType,
		end:                 endsAtLength,
		codings:             p.Codings,
		validator:           validator{p.ETag, p.Modified},
		ctx:                 ctx,
		body:                rest,
		source:              newBodyReader(nil, rest, length),
		head:                p.Head,
		hash:                restored,
		inspector:           inspector,
	}
	stream.read.Store(p.Offset)
	return stream, nil
}

// restRange matches the range of a response that ends with the file.
var restRange = regexp.MustCompile(`^(?i:bytes)\s+(\d{1,18})-(\d{1,18})/(\d{1,18})$`)

// lengthOf returns the length of the whole file. It refuses any other range than the one
// that was asked for.
func (p Position) lengthOf(response *http.Response) (int64, error) {
	match := restRange.FindStringSubmatch(strings.TrimSpace(response.Header.Get("Content-Range")))
	if match == nil || len(response.Header.Values("Content-Range")) > 1 {
		return 0, fmt.Errorf("%w: the media server did not state the range that it sent", ErrNotContinued)
	}
	first, _ := strconv.ParseInt(match[1], 10, 64) // Their 18 digits fit.
	last, _ := strconv.ParseInt(match[2], 10, 64)
	total, _ := strconv.ParseInt(match[3], 10, 64)
	isRest := first == p.Offset && last == total-1 && total > p.Offset
	isSameFile := p.Length < 0 || total == p.Length
	isWhole := response.ContentLength < 0 || response.ContentLength == total-p.Offset
	if !isRest || !isSameFile || !isWhole {
		return 0, fmt.Errorf("%w: the media server sent another range, or of a file of another length", ErrNotContinued)
	}
	return total, nil
}
