// Package media downloads recordings from the vendor's signed URLs and ensures
// that each of them is complete.
package media

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/callvault/callvault/internal/audio"
	"github.com/callvault/callvault/internal/failure"
	"github.com/callvault/callvault/internal/retryafter"
)

const (
	dialTimeout     = 10 * time.Second
	headerTimeout   = 60 * time.Second
	maxRedirects    = 5
	maxRetryAfter   = time.Hour
	maxTypeBytes    = 100
	maxIdlePerMedia = 8
	readAheadBytes  = 64 << 10
)

var (
	// ErrRefused means that the media server refuses this URL: it has expired, or there
	// is another reason that only a new URL can resolve.
	ErrRefused = failure.New(failure.MediaRefused, "the media URL is refused")
	// ErrInvalid means that the response is not one complete recording.
	ErrInvalid = failure.New(failure.MediaInvalid, "not a complete recording")
)

// UnavailableError means that the media server is unavailable or busy; the same URL may
// work later.
type UnavailableError struct {
	// Wait is how long the server asks to wait, at most 1 hour; 0 if it does not say.
	Wait time.Duration
	Text string
}

func (e *UnavailableError) Error() string { return e.Text }

// FailureKind implements [failure.Failure].
func (e *UnavailableError) FailureKind() failure.Kind { return failure.MediaUnavailable }

// RetryAfter implements [failure.Failure].
func (e *UnavailableError) RetryAfter() time.Duration { return e.Wait }

// Fetcher opens media URLs. It is safe for concurrent use.
type Fetcher struct {
	hosts  *HostPolicy
	client *http.Client
}

// NewFetcher returns a Fetcher that contacts only hosts that policy allows,
// redirects included. It honours the standard proxy variables; a proxy resolves
// names itself, so it is then the proxy that has to check addresses.
func NewFetcher(policy *HostPolicy) *Fetcher {
	direct := &http.Transport{
		DialContext: (&net.Dialer{
			Timeout:        dialTimeout,
			ControlContext: policy.control,
		}).DialContext,
		TLSHandshakeTimeout:   dialTimeout,
		ResponseHeaderTimeout: headerTimeout,
		IdleConnTimeout:       time.Minute,
		MaxIdleConnsPerHost:   maxIdlePerMedia,
		ForceAttemptHTTP2:     true,
		// Decompressing would change the bytes and their number.
		DisableCompression: true,
	}
	proxied := direct.Clone()
	proxied.DialContext = (&net.Dialer{Timeout: dialTimeout}).DialContext
	proxied.Proxy = http.ProxyFromEnvironment
	return &Fetcher{
		hosts: policy,
		client: &http.Client{
			Transport: transportChoice{direct: direct, proxied: proxied},
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

// transportChoice checks the address of every connection except to a proxy.
type transportChoice struct{ direct, proxied http.RoundTripper }

func (t transportChoice) RoundTrip(request *http.Request) (*http.Response, error) {
	if proxy, err := http.ProxyFromEnvironment(request); err != nil || proxy != nil {
		return t.proxied.RoundTrip(request)
	}
	return t.direct.RoundTrip(request)
}

// Open starts the download of one recording. When it returns, the first bytes
// have been read and checked; the rest is checked as it is read. The caller
// closes the stream.
//
// Its errors are [ErrHostRefused], [ErrRefused], [ErrInvalid], an
// *[UnavailableError] or the cause that ended ctx; none contains more of the URL
// than its host.
func (f *Fetcher) Open(ctx context.Context, rawURL string) (*Stream, error) {
	request, err := f.newRequest(ctx, rawURL)
	if err != nil {
		return nil, err
	}
	response, err := f.client.Do(request)
	if err != nil {
		return nil, transportError(ctx, err)
	}
	stream, err := f.newStream(response)
	if err != nil {
		response.Body.Close()
		return nil, err
	}
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

func (f *Fetcher) newStream(response *http.Response) (*Stream, error) {
	if err := statusError(response); err != nil {
		return nil, err
	}
	if encoding := response.Header.Get("Content-Encoding"); encoding != "" && !strings.EqualFold(encoding, "identity") {
		return nil, fmt.Errorf("%w: it has a content encoding that was not requested", ErrInvalid)
	}
	head, err := io.ReadAll(io.LimitReader(response.Body, audio.HeadBytes))
	if err != nil {
		return nil, transportError(response.Request.Context(), err)
	}
	format, err := audio.Detect(head)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	length, err := lengthOf(response, head)
	if err != nil {
		return nil, err
	}
	return &Stream{
		Length:              length,
		Format:              format,
		DeclaredContentType: declaredType(response.Header),
		ctx:                 response.Request.Context(),
		body:                response.Body,
		source:              bufio.NewReaderSize(io.MultiReader(bytes.NewReader(head), response.Body), readAheadBytes),
		head:                head,
		hash:                sha256.New(),
	}, nil
}

func statusError(response *http.Response) error {
	status := response.StatusCode
	switch {
	case status == http.StatusOK:
		return nil
	case status == http.StatusTooManyRequests, status == http.StatusRequestTimeout, status >= 500:
		return &UnavailableError{Wait: retryafter.Parse(response.Header, time.Now(), maxRetryAfter), Text: fmt.Sprintf("the media server returned %d: it is unavailable or busy", status)}
	case status >= 400:
		return fmt.Errorf("%w: the media server returned %d", ErrRefused, status)
	default:
		return fmt.Errorf("%w: the media server returned %d, not 200", ErrInvalid, status)
	}
}

// lengthOf returns the Content-Length in bytes, which must agree with a WAV
// header, or -1 if there is none. A body that ends with the connection may have
// been cut off, so it needs a WAV header that states its length.
func lengthOf(response *http.Response, head []byte) (int64, error) {
	stated, known := audio.WAVBytes(head)
	declared := response.ContentLength
	switch {
	case declared >= 0 && known && !audio.IsWAVLength(declared, stated):
		return 0, fmt.Errorf("%w: it has %d bytes, but its WAV header states %d", ErrInvalid, declared, stated)
	case declared >= 0:
		return declared, nil
	case !known && response.ProtoMajor == 1 && len(response.TransferEncoding) == 0:
		return 0, fmt.Errorf("%w: the media server does not state its length, so a cut file could not be detected", ErrInvalid)
	default:
		return -1, nil
	}
}

// declaredType returns the media type without its parameters, which may contain
// anything.
func declaredType(header http.Header) string {
	declared, _, err := mime.ParseMediaType(header.Get("Content-Type"))
	if err != nil {
		return ""
	}
	return declared[:min(len(declared), maxTypeBytes)]
}

// transportError removes the URL, which is a credential, from an error of the
// HTTP client.
func transportError(ctx context.Context, err error) error {
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		err = wrapped.Err
	}
	switch cause := context.Cause(ctx); {
	case errors.Is(err, ErrHostRefused), errors.Is(err, ErrRefused), errors.Is(err, ErrInvalid):
		return err
	case cause != nil:
		return cause
	case errors.Is(err, io.ErrUnexpectedEOF):
		return &UnavailableError{Text: "the media server cut the file short"}
	default:
		return &UnavailableError{Text: "reading from the media server failed: " + causeText(err)}
	}
}

// causeText returns the text of the innermost error, which contains no URL: the
// errors around it may quote a request or a Location header.
func causeText(err error) string {
	var operation *net.OpError
	var dns *net.DNSError
	switch {
	case errors.As(err, &dns):
		return "host " + dns.Name + ": " + dns.Err
	case errors.As(err, &operation):
		return operation.Op + ": " + operation.Err.Error()
	}
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			break
		}
		err = inner
	}
	// A text with these characters may quote received or configured data.
	if text := err.Error(); !strings.ContainsAny(text, `?/@"`) {
		return text
	}
	return "the connection failed"
}
