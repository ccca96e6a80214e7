package conformance

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/xml"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/minio/minio-go/v7/pkg/signer"
)

// Probe names the store whose capabilities are tried.
type Probe struct {
	// Endpoint is the store's address, http or https. Required.
	Endpoint *url.URL
	// AccessKey and SecretKey sign the requests. They may create buckets. Required.
	AccessKey, SecretKey string
	// Region that requests are signed for. Defaults to "us-east-1".
	Region string
	// Bucket begins the names of the buckets that the probes create and leave behind.
	// Defaults to "callvault-probe".
	Bucket string
	// Domain is the domain below which the store serves its buckets by host name, without
	// a port. Defaults to none: virtual hosts are not tried.
	Domain string
	// KMSKey is the id of a key that the store can encrypt with. Defaults to none: SSE-KMS
	// is tried without naming a key.
	KMSKey string
	// Silence is after how long without an answer a store is taken to wait for the body.
	// Defaults to 2 seconds.
	Silence time.Duration
}

// requestTimeout bounds each request of a probe.
const requestTimeout = time.Minute

const (
	mebibyte      = 1 << 20
	unsignedBody  = "UNSIGNED-PAYLOAD"
	trailingBody  = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
	headerContent = "X-Amz-Content-Sha256"
	headerSHA256  = "X-Amz-Checksum-Sha256"
	headerCRC64   = "X-Amz-Checksum-Crc64nvme"
	headerType    = "X-Amz-Checksum-Type"
)

// prober sends plain signed requests, so that what it sees does not depend on a client
// library's own repairs.
type prober struct {
	Probe
	client *http.Client
	bucket string
	serial int
}

// message is one request.
type message struct {
	method string
	bucket string // defaults to the probe's own
	key    string
	query  url.Values
	header http.Header
	body   []byte
	// stream, if set, is sent in place of body, with length as its Content-Length.
	stream io.Reader
	length int64
	// host, if set, names the bucket in the Host header.
	host string
	// trailers follow the body as lines, and the body is sent in one chunk.
	trailers []string
	// announced is the body's length as the trailing form announces it, if that is not
	// the true one.
	announced int
}

// reply is what the store answered.
type reply struct {
	status int
	code   string // of the XML error
	header http.Header
	body   []byte
	err    error // there was no answer
}

func (r reply) ok() bool { return r.err == nil && r.status >= 200 && r.status < 300 }

// String returns the status and the error's code, as in "412 PreconditionFailed".
func (r reply) String() string {
	switch {
	case r.code != "":
		return fmt.Sprintf("%d %s", r.status, r.code)
	case r.err != nil:
		return "no answer"
	}
	return fmt.Sprint(r.status)
}

// refused reports whether a condition was not met.
func (r reply) refused() bool {
	return r.err == nil && (r.status == http.StatusPreconditionFailed || r.status == http.StatusConflict)
}

// unprepared ends a probe: the store did not do what it needs first.
type unprepared struct{ step, answer string }

func (p *prober) need(step string, r reply) reply {
	if !r.ok() {
		panic(unprepared{step: step, answer: r.String()})
	}
	return r
}

// newKey returns a key that no other probe of this run uses.
func (p *prober) newKey() string {
	p.serial++
	return fmt.Sprintf("probes/%03d/recording.wav", p.serial)
}

func (p *prober) do(ctx context.Context, m message) reply {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	request, err := p.request(ctx, m)
	if err != nil {
		return reply{err: err}
	}
	response, err := p.client.Do(request)
	if err != nil {
		return reply{err: err}
	}
	defer response.Body.Close()
	return read(response)
}

func read(response *http.Response) reply {
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return reply{err: err}
	}
	r := reply{status: response.StatusCode, header: response.Header, body: body}
	var failure struct {
		XMLName xml.Name
		Code    string
	}
	if xml.Unmarshal(body, &failure) == nil && failure.XMLName.Local == "Error" {
		r.code = failure.Code
		if r.status == http.StatusOK {
			// CompleteMultipartUpload may fail after its header was sent.
			r.err = fmt.Errorf("200 with the error %s", failure.Code)
		}
	}
	return r
}

// request returns the signed request of m.
func (p *prober) request(ctx context.Context, m message) (*http.Request, error) {
	address := *p.Endpoint
	bucket := m.bucket
	if bucket == "" {
		bucket = p.bucket
	}
	address.Path = "/" + bucket + "/" + m.key
	if m.host != "" {
		address.Path = "/" + m.key
	}
	address.RawQuery = m.query.Encode()

	body, length := io.Reader(bytes.NewReader(m.body)), int64(len(m.body))
	switch {
	case m.stream != nil:
		body, length = m.stream, m.length
	case m.trailers != nil:
		chunked := chunkedBody(m)
		body, length = bytes.NewReader(chunked), int64(len(chunked))
	}
	request, err := http.NewRequestWithContext(ctx, m.method, address.String(), body)
	if err != nil {
		return nil, err
	}
	request.ContentLength = length
	if length == 0 {
		request.Body = http.NoBody
	}
	for name, values := range m.header {
		request.Header[name] = values
	}
	request.Header.Set(headerContent, unsignedBody)
	if m.trailers != nil {
		request.Header.Set(headerContent, trailingBody)
		request.Header.Set("Content-Encoding", "aws-chunked")
		request.Header.Set("X-Amz-Decoded-Content-Length", fmt.Sprint(max(m.announced, len(m.body))))
	}
	if m.host != "" {
		request.Host = m.host
		if port := p.Endpoint.Port(); port != "" {
			request.Host = net.JoinHostPort(m.host, port)
		}
	}
	return signer.SignV4(*request, p.AccessKey, p.SecretKey, "", p.Region), nil
}

// chunkedBody returns the body in one chunk, followed by the trailers.
func chunkedBody(m message) []byte {
	var b bytes.Buffer
	if len(m.body) > 0 {
		fmt.Fprintf(&b, "%x\r\n", len(m.body))
		b.Write(m.body)
		b.WriteString("\r\n")
	}
	b.WriteString("0\r\n")
	for _, line := range m.trailers {
		b.WriteString(line + "\r\n")
	}
	b.WriteString("\r\n")
	return b.Bytes()
}

func headers(pairs ...string) http.Header {
	h := http.Header{}
	for pair := range slices.Chunk(pairs, 2) {
		h.Set(pair[0], pair[1])
	}
	return h
}

func values(pairs ...string) url.Values {
	v := url.Values{}
	for pair := range slices.Chunk(pairs, 2) {
		v.Set(pair[0], pair[1])
	}
	return v
}

func (p *prober) put(ctx context.Context, key string, body []byte, pairs ...string) reply {
	return p.do(ctx, message{method: http.MethodPut, key: key, body: body, header: headers(pairs...)})
}

func (p *prober) get(ctx context.Context, key string, pairs ...string) reply {
	return p.do(ctx, message{method: http.MethodGet, key: key, header: headers(pairs...)})
}

func (p *prober) head(ctx context.Context, key string) reply {
	return p.do(ctx, message{method: http.MethodHead, key: key, header: headers("X-Amz-Checksum-Mode", "ENABLED")})
}

// holds reports whether the key has exactly this content.
func (p *prober) holds(ctx context.Context, key string, content []byte) bool {
	got := p.get(ctx, key)
	return got.ok() && bytes.Equal(got.body, content)
}

// pattern returns bytes in which no two parts of an object look alike.
func pattern(size int, seed byte) []byte {
	b := make([]byte, size)
	for i := range b {
		b[i] = byte(i*7+i>>16) ^ seed
	}
	return b
}

func base64SHA256(b []byte) string {
	sum := sha256.Sum256(b)
	return base64.StdEncoding.EncodeToString(sum[:])
}
