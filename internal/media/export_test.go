package media

import (
	"crypto/x509"
	"time"
)

// NewTLSFetcher is [NewFetcher] for a server with its own root certificate, and
// with other timeouts.
func NewTLSFetcher(policy *HostPolicy, roots *x509.CertPool, header, sendPing, ping time.Duration) *Fetcher {
	transport := newTransport(policy, timeouts{header: header, sendPing: sendPing, ping: ping})
	transport.direct.TLSClientConfig.RootCAs = roots
	return newFetcher(policy, transport)
}
