package doctor

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"sync"
	"time"

	"github.com/callvault/callvault/internal/smartassist"
)

// certificateWarning is how long before a certificate expires somebody should look at it.
const certificateWarning = 14 * 24 * time.Hour

// upstream is the checks of the way to the vendor's API. They make one request of its host's
// root, without a token: that is no call of the API.
type upstream struct {
	section
	api         *url.URL
	credentials smartassist.Credentials
	bot         string // one of the account's

	// roots are the authorities that are trusted. Defaults to the system's.
	roots *x509.CertPool
}

// visit is what one request has found out.
type visit struct {
	proxied   bool
	addresses int
	dnsErr    error
	dialErr   error
	tls       *tls.ConnectionState
	tlsErr    error
	header    http.Header // nil without a response
	received  time.Time
	err       error
}

func (u *upstream) check(ctx context.Context) {
	var seen visit
	if ctx.Err() == nil {
		seen = u.visit(ctx)
	}
	now := time.Now()
	u.run(ctx, UpstreamDNS, nil, func(context.Context) Finding { return judgeDNS(u.api, seen) })
	u.run(ctx, UpstreamConnection, []Name{UpstreamDNS}, func(context.Context) Finding { return judgeConnection(u.api, seen) })
	u.run(ctx, UpstreamTLS, []Name{UpstreamConnection}, func(context.Context) Finding { return judgeTLS(u.api, seen, now) })
	u.run(ctx, UpstreamClock, []Name{UpstreamConnection, UpstreamTLS}, func(context.Context) Finding {
		ahead, known := aheadOf(seen.header, seen.received)
		return judgeClock(ahead, known, tokenTolerance)
	})
	u.run(ctx, UpstreamToken, nil, u.token)
}

// tracer notes how far a request came. A connection may be made after the request was given up.
type tracer struct {
	mu   sync.Mutex
	seen visit
}

func (t *tracer) note(change func(*visit)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	change(&t.seen)
}

func (t *tracer) trace() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		DNSDone: func(done httptrace.DNSDoneInfo) {
			t.note(func(v *visit) { v.addresses, v.dnsErr = len(done.Addrs), done.Err })
		},
		TLSHandshakeDone: func(state tls.ConnectionState, err error) {
			t.note(func(v *visit) { v.tls, v.tlsErr = &state, err })
		},
	}
}

// dial connects, and notes why it could not.
func (t *tracer) dial(ctx context.Context, network, address string) (net.Conn, error) {
	connection, err := new(net.Dialer).DialContext(ctx, network, address)
	t.note(func(v *visit) { v.dialErr = err })
	return connection, err
}

// visit sends the request, and notes how far it came.
func (u *upstream) visit(ctx context.Context) visit {
	ctx, cancel := context.WithTimeout(ctx, each)
	defer cancel()
	var notes tracer
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.DisableKeepAlives, transport.DialContext = true, notes.dial
	if u.roots != nil {
		transport.TLSClientConfig = &tls.Config{RootCAs: u.roots, MinVersion: tls.VersionTLS12}
	}
	defer transport.CloseIdleConnections()
	request, err := http.NewRequestWithContext(httptrace.WithClientTrace(ctx, notes.trace()), http.MethodHead, u.api.JoinPath("/").String(), nil)
	if err != nil {
		return visit{err: err}
	}
	request.Header.Set("User-Agent", "callvault")
	proxy, proxyErr := http.ProxyFromEnvironment(request)
	client := http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	response, err := client.Do(request)
	notes.note(func(v *visit) {
		v.received, v.proxied = time.Now(), proxy != nil || proxyErr != nil
		if failed, ok := errors.AsType[*url.Error](err); ok {
			err = failed.Err // Without the address.
		}
		if v.err = err; err == nil {
			v.header = response.Header
		}
	})
	if err == nil {
		response.Body.Close()
	}
	notes.mu.Lock()
	defer notes.mu.Unlock()
	return notes.seen
}

const addressRemedy = "check SMARTASSIST_URL, in CALLVAULT_CONFIG the account's url"

func judgeDNS(api *url.URL, seen visit) Finding {
	host := api.Hostname()
	switch {
	case net.ParseIP(host) != nil:
		return ok("%s is an address", host)
	case seen.proxied:
		return ok("requests go through a proxy, which looks up %s", host)
	case seen.dnsErr != nil:
		return broken("the host %s cannot be found: %s", host, line(seen.dnsErr)).wayOut("%s, and this machine's DNS", addressRemedy)
	case seen.addresses == 0 && seen.err != nil:
		return broken("the host %s was not found within %s: %s", host, each, line(seen.err)).wayOut("%s, and this machine's DNS", addressRemedy)
	}
	return ok("%s has %s", host, countOf(seen.addresses, "address", "addresses"))
}

func countOf(n int, one, several string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, several)
}

func judgeConnection(api *url.URL, seen visit) Finding {
	switch {
	case seen.proxied && seen.err != nil && seen.tlsErr == nil && seen.header == nil:
		return broken("there was no response through the proxy: %s", withoutURL(seen.err)).wayOut("check HTTPS_PROXY, HTTP_PROXY and NO_PROXY, and that the proxy allows %s", api.Host)
	case seen.dialErr != nil:
		return broken("no connection to %s: %s", api.Host, line(seen.dialErr)).wayOut("%s, and the firewalls in between", addressRemedy)
	case seen.header == nil && seen.tlsErr == nil:
		return broken("%s does not respond: %s", api.Host, line(seen.err)).wayOut("%s, and what is in between", addressRemedy)
	}
	return ok("%s responds", api.Host)
}

// withoutURL is an error's text if it does not quote a proxy's address, which may hold a password.
func withoutURL(err error) string {
	if isOneOf[*net.OpError](err) || errors.Is(err, context.DeadlineExceeded) {
		return line(err)
	}
	return "the proxy refused, or its address is not valid"
}

func judgeTLS(api *url.URL, seen visit, now time.Time) Finding {
	switch {
	case api.Scheme == "http":
		return ok("plain HTTP, to this machine alone")
	case seen.tlsErr != nil:
		return broken("the certificate of %s is not trusted: %s", api.Host, line(seen.tlsErr)).wayOut("%s, this machine's clock, and its certificate authorities", addressRemedy)
	case seen.tls == nil || len(seen.tls.PeerCertificates) == 0:
		return broken("%s shows no certificate", api.Host).wayOut("%s", addressRemedy)
	}
	expires := seen.tls.PeerCertificates[0].NotAfter
	left := expires.Sub(now)
	if left < certificateWarning {
		return warning("the certificate of %s expires in %s, on %s", api.Host, count(int(left.Hours()/24), "day"), expires.UTC().Format(time.DateOnly)).
			wayOut("the vendor should renew it; ask if it does not")
	}
	return ok("the certificate of %s is trusted, for %s more", api.Host, count(int(left.Hours()/24), "day"))
}

// token mints a token, which stays here.
func (u *upstream) token(context.Context) Finding {
	for _, problem := range u.credentials.Problems() {
		return broken("no token can be minted: %s: %s", problem.Field, problem.Text).wayOut("correct the account's credentials: SMARTASSIST_CLIENT_ID, SMARTASSIST_CLIENT_SECRET, or token in CALLVAULT_CONFIG")
	}
	if _, _, err := u.credentials.Mint(u.bot, time.Now()); err != nil {
		return broken("%s", line(err)).wayOut("correct the account's credentials: SMARTASSIST_CLIENT_ID, SMARTASSIST_CLIENT_SECRET, or token in CALLVAULT_CONFIG")
	}
	return ok("tokens can be minted, signed by %s%s; only a call shows whether the vendor takes them (--session)", algorithmOf(u.credentials), encryptedText(u.credentials))
}

func algorithmOf(credentials smartassist.Credentials) string {
	if credentials.Algorithm == "" {
		return "HS256"
	}
	return credentials.Algorithm
}

func encryptedText(credentials smartassist.Credentials) string {
	if credentials.Encryption != nil {
		return " and encrypted"
	}
	return ""
}
