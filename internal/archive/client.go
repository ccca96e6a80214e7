package archive

import (
	"cmp"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/minio/minio-go/v7"
)

// PathStyle is where the bucket's name is in an address.
type PathStyle string

// The styles. Automatic is in the host's name for AWS and Google, and in the path otherwise.
const (
	AutoStyle        PathStyle = "auto"
	PathInAddress    PathStyle = "path"
	VirtualHostStyle PathStyle = "virtual-host"
)

// lookups are the client's names of the styles.
var lookups = map[PathStyle]minio.BucketLookupType{
	"": minio.BucketLookupAuto, AutoStyle: minio.BucketLookupAuto,
	PathInAddress: minio.BucketLookupPath, VirtualHostStyle: minio.BucketLookupDNS,
}

// IsValid reports whether it is one of the styles.
func (p PathStyle) IsValid() bool { _, known := lookups[p]; return known }

// complete validates the options and adds the defaults.
func (c Config) complete() (Config, error) {
	if err := c.Options.validate(); err != nil {
		return c, fmt.Errorf("the archive's options: %w", err)
	}
	if !c.PathStyle.IsValid() {
		return c, fmt.Errorf("%.100q is not a path style: want %s, %s or %s", c.PathStyle, AutoStyle, PathInAddress, VirtualHostStyle)
	}
	if c.Credentials == nil {
		c.Credentials = StandardChain()
	}
	c.MultipartFrom = cmp.Or(c.MultipartFrom, DefaultMultipartFrom)
	if c.Transport == nil {
		transport, err := c.transport()
		if err != nil {
			return c, err
		}
		c.Transport = transport
	}
	if c.Observe != nil {
		c.Transport = observed{c.Transport, c.Observe}
	}
	return c, nil
}

// client returns a client of the store at an address, which is of a setting.
func (c Config) client(setting string, endpoint *url.URL) (*minio.Client, error) {
	client, err := minio.New(endpoint.Host, &minio.Options{
		Creds:        c.Credentials,
		Secure:       endpoint.Scheme == "https",
		Region:       c.Region,
		Transport:    c.Transport,
		BucketLookup: lookups[c.PathStyle],
		// The checksum of a stream is known only at its end.
		TrailingHeaders: true,
		// Temporal retries.
		MaxRetries: 1,
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", setting, err)
	}
	return client, nil
}

// transport returns a transport that trusts c's certificates as well.
func (c Config) transport() (http.RoundTripper, error) {
	transport, err := newTransport()
	if err != nil {
		return nil, fmt.Errorf("prepare connections to the archive: %w", err)
	}
	if len(c.CACertificates) == 0 {
		return transport, nil
	}
	roots, err := WithSystemRoots(c.CACertificates)
	if err != nil {
		return nil, err
	}
	transport.TLSClientConfig.RootCAs = roots
	return transport, nil
}

// WithSystemRoots returns the system's certificates of authorities and those in PEM.
func WithSystemRoots(certificates []byte) (*x509.CertPool, error) {
	roots, err := x509.SystemCertPool()
	if err != nil {
		roots = x509.NewCertPool() // Systems without any have this error.
	}
	if !roots.AppendCertsFromPEM(certificates) {
		return nil, errors.New(`it holds no certificate of an authority in PEM ("-----BEGIN CERTIFICATE-----")`)
	}
	return roots, nil
}
