// Package media downloads recordings from the vendor's signed URLs and ensures
// that each of them is complete.
package media

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"mime"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/callvault/callvault/internal/audio"
	"github.com/callvault/callvault/internal/retryafter"
)

const (
	maxRedirects  = 5
	maxRetryAfter = time.Hour
	maxTypeBytes  = 100
)

// Fetcher opens media URLs. It is safe for concurrent use.
type Fetcher struct {
	// MaxBytes is the most that a recording may have; a larger one is [ErrTooLarge]. It is
	// set before the first download. Defaults to [DefaultMaxBytes].
	MaxBytes int64

	// Inspection says how far the sound is looked into. It is set before the first
	// download. Defaults to decoding FLAC.
	Inspection audio.Options

	hosts  *HostPolicy
	client *http.Client
}

// DefaultMaxBytes is the most that a recording may have, unless the operator says
// otherwise: 37 hours of two channels of 16-bit telephony.
const DefaultMaxBytes = 4 << 30

// NewFetcher returns a Fetcher that contacts only hosts that policy allows,
// redirects included. It honours the standard proxy variables; a proxy resolves
// names itself, so it is then the proxy that has to check addresses.
func NewFetcher(policy *HostPolicy) *Fetcher {
	return newFetcher(policy, newTransport(policy, defaultTimeouts()))
}

func newFetcher(policy *HostPolicy, transport transportChoice) *Fetcher {
	return &Fetcher{
		MaxBytes:   DefaultMaxBytes,
		Inspection: audio.Options{DecodeFLAC: true},
		hosts:      policy,
		client: &http.Client{
			Transport: transport,
			CheckRedirect: func(request *http.Request, via []*http.Request) error {
				// The Referer would reveal the signed URL to the next host.
				request.Header.Del("Referer")
				if len(via) > maxRedirects {
					return fmt.Errorf("%w: more than %d redirects", ErrRefused, maxRedirects)
				}
				return policy.CheckURL(request.URL)
			},
		},
	}
}

// Open starts the download of one recording. When it returns, the first bytes
// have been read and checked; the rest is checked as it is read. The caller
// closes the stream.
//
// Its errors are [ErrHostRefused], [ErrRefused], [ErrInvalid], [ErrTooLarge], an
// *[UnavailableError] or the cause that ended ctx; none contains more of the URL
// than its host.
func (f *Fetcher) Open(ctx context.Context, rawURL string) (*Stream, error) {
	request, err := f.newRequest(ctx, rawURL)
	if err != nil {
		return nil, err
	}
	stream, err := f.send(request, newStream)
	if err == nil {
		stream.inspector = audio.NewInspector(f.Inspection)
	}
	return stream, err
}

// send sends a request and returns the stream that accept makes of its response.
func (f *Fetcher) send(request *http.Request, accept func(*http.Response) (*Stream, error)) (*Stream, error) {
	response, err := f.client.Do(request)
	if err != nil {
		return nil, transportError(request.Context(), err)
	}
	stream, err := accept(response)
	if err == nil && stream.Length > f.MaxBytes {
		err = tooLarge(f.MaxBytes)
	}
	if err != nil {
		response.Body.Close()
		return nil, err
	}
	stream.maxBytes = f.MaxBytes
	return stream, nil
}

// newRequest leaves the URL's path and query unchanged: the signature covers the
// exact form that the vendor chose, including "$$" as padding.
func (f *Fetcher) newRequest(ctx context.Context, rawURL string) (*http.Request, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, rawURL, nil)
	if err != nil {
		return nil, fmt.Errorf("%w: it is not a valid URL", ErrRefused)
	}
	if err := f.hosts.CheckURL(request.URL); err != nil {
		return nil, err
	}
	request.Header.Set("Accept-Encoding", "identity")
	request.Header.Set("User-Agent", "callvault")
	return request, nil
}

// newStream reads the first bytes and refuses what is no recording. What a
// recording's header claims refuses nothing: many writers leave it unfinished.
func newStream(response *http.Response) (*Stream, error) {
	if err := statusError(response); err != nil {
		return nil, err
	}
	codings := contentCodings(response.Header)
	if slices.ContainsFunc(codings, isCompression) {
		return nil, fmt.Errorf("%w: it has a content encoding that was not requested", ErrInvalid)
	}
	length, err := statedLength(response)
	if err != nil {
		return nil, err
	}
	ctx := response.Request.Context()
	head, err := io.ReadAll(io.LimitReader(response.Body, audio.HeadBytes))
	if err != nil {
		return nil, transportError(ctx, err)
	}
	if len(head) == 0 {
		return nil, fmt.Errorf("%w: the file is empty", ErrInvalid)
	}
	if mediaType, isText := audio.Text(head); isText {
		return nil, refuseText(ctx, io.MultiReader(bytes.NewReader(head), response.Body), mediaType)
	}
	end := endOf(response)
	if end == endsWithConnection && chunkSize.Match(head) {
		return nil, fmt.Errorf("%w: it begins with the size of a chunk, so it is a transfer encoding that was not declared", ErrInvalid)
	}
	return &Stream{
		Length:              length,
		Format:              audio.Detect(head),
		DeclaredContentType: declaredType(response.Header),
		end:                 end,
		codings:             codings,
		validator:           validatorOf(response),
		ctx:                 ctx,
		body:                response.Body,
		source:              newBodyReader(head, response.Body, length),
		head:                head,
		hash:                sha256.New(),
	}, nil
}

func statusError(response *http.Response) error {
	status := response.StatusCode
	switch status {
	case http.StatusOK, http.StatusNonAuthoritativeInfo:
		return nil
	case http.StatusPartialContent:
		if response.Header.Get("Content-Range") != "" {
			return nil // The range may be the whole file.
		}
	}
	if status == http.StatusTooManyRequests || status == http.StatusRequestTimeout || status >= 500 {
		return &UnavailableError{Wait: retryafter.Parse(response.Header, time.Now(), maxRetryAfter), Text: fmt.Sprintf("the media server returned %d: it is unavailable or busy", status)}
	}
	if status >= 400 {
		return fmt.Errorf("%w: the media server returned %d", ErrRefused, status)
	}
	return fmt.Errorf("%w: the media server returned %d without a whole file", ErrInvalid, status)
}

// contentRange matches a range that begins with the first byte, of a file whose
// length is known.
var contentRange = regexp.MustCompile(`^(?i:bytes)\s+0-(\d{1,18})/(\d{1,18})$`)

// statedLength returns the length of the body in bytes, -1 if none is stated. It
// refuses a Content-Range that is not the whole file, or not the same length.
func statedLength(response *http.Response) (int64, error) {
	length := response.ContentLength
	for _, value := range response.Header.Values("Content-Range") {
		if value == "" {
			continue
		}
		match := contentRange.FindStringSubmatch(strings.TrimSpace(value))
		if match == nil {
			return 0, fmt.Errorf("%w: the media server returned %d with a part of the file", ErrInvalid, response.StatusCode)
		}
		last, _ := strconv.ParseInt(match[1], 10, 64) // Its 18 digits fit.
		total, _ := strconv.ParseInt(match[2], 10, 64)
		if last != total-1 || length >= 0 && length != total {
			return 0, fmt.Errorf("%w: the media server returned %d with a part of the file", ErrInvalid, response.StatusCode)
		}
		length = total
	}
	return length, nil
}

// compressions are the content codings that change the bytes. Servers also put
// other words there, for example "aws-chunked", which S3 keeps of an upload.
var compressions = []string{"gzip", "x-gzip", "deflate", "br", "zstd", "compress", "x-compress"}

func isCompression(coding string) bool { return slices.Contains(compressions, coding) }

// contentCodings returns the declared content codings in lower case.
func contentCodings(header http.Header) []string {
	var codings []string
	for coding := range strings.SplitSeq(strings.Join(header.Values("Content-Encoding"), ","), ",") {
		if coding = strings.ToLower(strings.TrimSpace(coding)); coding != "" {
			codings = append(codings, coding)
		}
	}
	return codings
}

// chunkSize matches the first line of a chunked body. net/http ignores the header
// Transfer-Encoding of an HTTP/1.0 response, and would take the lines for content.
var chunkSize = regexp.MustCompile(`^[0-9a-fA-F]{1,8}(?:[ \t]*;[ -~]*)?\r\n`)

// declaredType returns the media type without its parameters, which may contain
// anything.
func declaredType(header http.Header) string {
	declared, _, err := mime.ParseMediaType(header.Get("Content-Type"))
	if err != nil {
		return ""
	}
	return declared[:min(len(declared), maxTypeBytes)]
}
