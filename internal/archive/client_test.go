package archive_test

import (
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/internal/archive"
	"github.com/callvault/callvault/internal/archive/s3test"
)

func TestStoreWithACertificateOfItsOwnIsTrusted(t *testing.T) {
	server := s3test.New(t, bucket)
	secure := httptest.NewTLSServer(server)
	t.Cleanup(secure.Close)
	address, err := url.Parse(secure.URL)
	require.NoError(t, err)
	authority := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: secure.Certificate().Raw})

	trusted := openWith(t, server, func(c *archive.Config) { c.Endpoint, c.CACertificates = address, authority })
	require.NoError(t, trusted.EnsureBucket(t.Context()))
	require.Empty(t, probe(t, trusted))
	untrusted := openWith(t, server, func(c *archive.Config) { c.Endpoint = address })
	require.ErrorContains(t, untrusted.EnsureBucket(t.Context()), "certificate")

	_, err = archive.Open(archive.Config{Endpoint: address, CACertificates: []byte("no certificate")})
	require.ErrorContains(t, err, "holds no certificate of an authority in PEM")
}

// hosts keeps where requests are sent to, and sends them to the store.
type hosts struct {
	store string
	asked []string
}

func (h *hosts) RoundTrip(request *http.Request) (*http.Response, error) {
	h.asked = append(h.asked, request.URL.Host+request.URL.Path)
	changed := request.Clone(request.Context())
	changed.URL.Scheme, changed.URL.Host = "http", h.store
	return http.DefaultTransport.RoundTrip(changed)
}

func TestBucketIsWhereThePathStyleSays(t *testing.T) {
	server := s3test.New(t, bucket)
	for _, row := range []struct {
		endpoint string
		style    archive.PathStyle
		want     string
	}{
		{"s3.example.com", "", "s3.example.com/recordings/"},
		{"s3.example.com", archive.AutoStyle, "s3.example.com/recordings/"},
		{"s3.example.com", archive.PathInAddress, "s3.example.com/recordings/"},
		{"s3.example.com", archive.VirtualHostStyle, "recordings.s3.example.com/"},
		{"s3.amazonaws.com", archive.AutoStyle, "recordings.s3.dualstack.us-east-1.amazonaws.com/"},
		{"s3.amazonaws.com", archive.PathInAddress, "s3.dualstack.us-east-1.amazonaws.com/recordings/"},
	} {
		transport := &hosts{store: server.URL.Host}
		store := openWith(t, server, func(c *archive.Config) {
			c.Endpoint, c.PathStyle, c.Transport = &url.URL{Scheme: "https", Host: row.endpoint}, row.style, transport
			c.Credentials = credentials.NewStaticV4("key", "secret", "")
		})
		_ = store.EnsureBucket(t.Context()) // The store knows no virtual hosts.
		require.Equal(t, row.want, transport.asked[0], row)
	}
	_, err := archive.Open(archive.Config{Endpoint: server.URL, PathStyle: "dns"})
	require.ErrorContains(t, err, `"dns" is not a path style: want auto, path or virtual-host`)
}
