package doctor

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/internal/secret"
	"github.com/callvault/callvault/internal/smartassist"
)

func checkUpstream(t *testing.T, address string, credentials smartassist.Credentials) map[Name]Finding {
	t.Helper()
	api, err := url.Parse(address)
	require.NoError(t, err)
	checked := &upstream{section: section{account: "acme"}, api: api, credentials: credentials, bot: "st-1"}
	checked.check(t.Context())
	return byName(t, checked.findings, "acme")
}

func usual() smartassist.Credentials {
	return smartassist.Credentials{ClientID: "cs-1", Key: secret.Value("canary-secret")}
}

func TestWayToTheVendorCostsOneRequestThatIsNoCall(t *testing.T) {
	var requests []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		require.Empty(t, r.Header.Get("auth"))
		requests = append(requests, r.Method+" "+r.URL.Path)
		w.WriteHeader(http.StatusNotFound)
	}))
	defer server.Close()
	found := checkUpstream(t, server.URL, usual())
	require.Equal(t, []string{"HEAD /"}, requests)
	requireFinding(t, UpstreamDNS, found[UpstreamDNS], OK, "127.0.0.1 is an address")
	requireFinding(t, UpstreamConnection, found[UpstreamConnection], OK, "responds")
	requireFinding(t, UpstreamTLS, found[UpstreamTLS], OK, "plain HTTP")
	requireFinding(t, UpstreamClock, found[UpstreamClock], OK, "within 5s")
	requireFinding(t, UpstreamToken, found[UpstreamToken], OK, "signed by HS256;")
	require.Len(t, found, 5)

	named := checkUpstream(t, "http://localhost:"+mustParse(t, server.URL).Port(), usual())
	requireFinding(t, UpstreamDNS, named[UpstreamDNS], OK, "localhost has")
}

func mustParse(t *testing.T, address string) *url.URL {
	t.Helper()
	parsed, err := url.Parse(address)
	require.NoError(t, err)
	return parsed
}

func TestHostThatIsNotFoundBreaksWhatFollows(t *testing.T) {
	found := checkUpstream(t, "https://smartassist.invalid", usual())
	requireFinding(t, UpstreamDNS, found[UpstreamDNS], Broken, "smartassist.invalid cannot be found", "SMARTASSIST_URL")
	for _, name := range []Name{UpstreamConnection, UpstreamTLS, UpstreamClock} {
		require.Equal(t, Skipped, found[name].Verdict, name)
	}
	require.Equal(t, OK, found[UpstreamToken].Verdict)
}

func TestHostThatDoesNotRespondIsBroken(t *testing.T) {
	found := checkUpstream(t, "https://127.0.0.1:1", usual())
	requireFinding(t, UpstreamConnection, found[UpstreamConnection], Broken, "no connection to 127.0.0.1:1", "refused", "firewalls")
	require.Equal(t, Skipped, found[UpstreamTLS].Verdict)

	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	go func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			connection.Close()
		}
	}()
	found = checkUpstream(t, "http://"+listener.Addr().String(), usual())
	requireFinding(t, UpstreamConnection, found[UpstreamConnection], Broken, "does not respond")
}

func TestProxyLooksUpTheHost(t *testing.T) {
	api := &url.URL{Scheme: "https", Host: "smartassist.example.com"}
	through := visit{proxied: true, err: errors.New("proxy http://user:canary@proxy refused")}
	requireFinding(t, UpstreamDNS, judgeDNS(api, through), OK, "a proxy, which looks up smartassist.example.com")
	requireFinding(t, UpstreamConnection, judgeConnection(api, through), Broken, "no response through the proxy", "HTTPS_PROXY")
	through.err = &net.OpError{Op: "dial", Err: errors.New("connection refused")}
	requireFinding(t, UpstreamConnection, judgeConnection(api, through), Broken, "connection refused")
}

func TestHostThatIsNotFoundInTimeIsBroken(t *testing.T) {
	api := &url.URL{Scheme: "https", Host: "smartassist.example.com"}
	requireFinding(t, UpstreamDNS, judgeDNS(api, visit{err: context.DeadlineExceeded}), Broken, "was not found within 10s", "this machine's DNS")
}

// serveTLS serves with a certificate that expires then.
func serveTLS(t *testing.T, expires time.Time) (address string, roots *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: expires,
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // A client that does not trust it is reported there.
	server.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
	server.StartTLS()
	t.Cleanup(server.Close)
	certificate, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	roots = x509.NewCertPool()
	roots.AddCert(certificate)
	return server.URL, roots
}

func TestCertificateHasToBeTrustedForSomeTime(t *testing.T) {
	address, roots := serveTLS(t, time.Now().Add(20*24*time.Hour+time.Hour))
	found := checkUpstream(t, address, usual())
	requireFinding(t, UpstreamConnection, found[UpstreamConnection], OK)
	requireFinding(t, UpstreamTLS, found[UpstreamTLS], Broken, "is not trusted", "certificate authorities")
	require.Equal(t, Skipped, found[UpstreamClock].Verdict)

	trusted := &upstream{api: mustParse(t, address), roots: roots, credentials: usual(), bot: "st-1"}
	seen := trusted.visit(t.Context())
	requireFinding(t, UpstreamTLS, judgeTLS(trusted.api, seen, time.Now()), OK, "is trusted, for 20 days more")
	requireFinding(t, UpstreamTLS, judgeTLS(trusted.api, seen, time.Now().Add(15*24*time.Hour)), Warning, "expires in 5 days", "the vendor should renew it")
	requireFinding(t, UpstreamTLS, judgeTLS(trusted.api, visit{}, time.Now()), Broken, "shows no certificate")
}

func TestVendorsClockIsThatOfItsResponses(t *testing.T) {
	for ago, verdict := range map[time.Duration]Verdict{-10 * time.Second: Warning, 10 * time.Minute: Broken, time.Minute: Broken} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Date", time.Now().Add(-ago).UTC().Format(http.TimeFormat))
		}))
		requireFinding(t, UpstreamClock, checkUpstream(t, server.URL, usual())[UpstreamClock], verdict)
		server.Close()
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Header()["Date"] = nil }))
	defer server.Close()
	requireFinding(t, UpstreamClock, checkUpstream(t, server.URL, usual())[UpstreamClock], Skipped, "no Date")
}

func TestTokenHasToBeOneThatCanBeMinted(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	credentials := usual()
	credentials.Algorithm = "RS256" // Its key is no private key.
	requireFinding(t, UpstreamToken, checkUpstream(t, server.URL, credentials)[UpstreamToken], Broken, "no token can be minted: key:", "SMARTASSIST_CLIENT_SECRET")
	credentials = usual()
	credentials.Key = secret.File(t.TempDir() + "/none")
	requireFinding(t, UpstreamToken, checkUpstream(t, server.URL, credentials)[UpstreamToken], Broken, "cannot be read")
}
