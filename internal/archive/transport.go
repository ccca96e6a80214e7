package archive

import (
	"net/http"
	"time"

	"github.com/minio/minio-go/v7"
)

const (
	// maxIdlePerStore is how many idle connections are kept: about as many as a worker
	// has transfers at a time.
	maxIdlePerStore = 64

	// maxResponseWait is how long the store may take to begin its response. It assembles
	// what may be gigabytes before it answers that an upload in parts is complete.
	maxResponseWait = 10 * time.Minute
)

// newTransport returns the transport of an archive.
func newTransport() (*http.Transport, error) {
	// The service that temporary keys come from has https even if the store has not.
	transport, err := minio.DefaultTransport(true)
	if err != nil {
		return nil, err
	}
	transport.MaxIdleConnsPerHost = maxIdlePerStore
	transport.ResponseHeaderTimeout = maxResponseWait
	return transport, nil
}

// newClient returns the client of the requests with a recording in them. It follows no
// redirect: what was read of the recording is gone.
func newClient(transport http.RoundTripper) *http.Client {
	return &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// observed is a transport whose responses are observed.
type observed struct {
	http.RoundTripper
	observe func(*http.Response)
}

// RoundTrip implements [http.RoundTripper].
func (o observed) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := o.RoundTripper.RoundTrip(request)
	if err == nil {
		o.observe(response)
	}
	return response, err
}
