package smartassist_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/internal/failure"
	"github.com/callvault/callvault/internal/smartassist"
)

func envelope(code int, msg string) string {
	return fmt.Sprintf(`{"errors":[{"msg":%q,"code":%d}]}`, msg, code)
}

func TestErrorResponseIsMappedToKindAndRemedy(t *testing.T) {
	const (
		limit      = "Rate limit for this API has been reached. Please try again later"
		minute     = "You've exceeded the per-minute rate limit. Please wait for sometime before retrying."
		hour       = "You've exceeded the hourly rate limit. Please wait for sometime before retrying."
		gateway    = "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n</html>"
		credential = "SMARTASSIST_CLIENT_SECRET"
	)
	for _, row := range []struct {
		name   string
		status int
		body   string
		kind   failure.Kind
		wait   time.Duration
		says   []string
	}{
		{"bad signature, no token or unknown bot", 401, envelope(4002, "Invalid SDK credentials"), failure.Blocked, 0, []string{"401", "Invalid SDK credentials", "SMARTASSIST_CLIENT_ID", credential, "CALLVAULT_CONFIG", "algorithm", "belongs to this bot"}},
		{"not a JWT", 401, envelope(4002, "Invalid JWT token"), failure.Blocked, 0, []string{"Enforce JWE", "proxy that alters"}},
		{"no scope", 401, envelope(4002, "Permission denied. Scope is incorrect!"), failure.Blocked, 0, []string{`scope "SmartAssist Recordings"`, "publish"}},
		{"replay", 401, envelope(401, "error verifying the jwt: possibly a replay"), failure.Blocked, 0, []string{"used twice"}},
		{"other jti rules", 401, envelope(401, "error verifying the jwt: jti missing"), failure.Blocked, 0, []string{"Enforce JTI", "clock", "algorithm", "HS256 unless configured"}},
		{"401 without a body", 401, "", failure.Blocked, 0, []string{credential}},
		{"forbidden", 403, envelope(403, "Forbidden"), failure.Blocked, 0, []string{"403", credential}},
		{"forbidden for the scope", 403, envelope(4002, "Permission denied. Scope is incorrect!"), failure.Blocked, 0, []string{"publish"}},
		{"not found", 404, "<pre>Cannot GET /api</pre>", failure.Blocked, 0, []string{"404", "SMARTASSIST_URL"}},
		{"a missing field", 412, envelope(412, "Validation errors/ Invalid arguments"), failure.Rejected, 0, []string{"Validation errors/ Invalid arguments", "userId"}},
		{"a bad request", 400, `{"error":"bad id"}`, failure.Rejected, 0, []string{"bad id", "sessionId"}},
		{"limit by status", 429, envelope(429, limit), failure.RateLimited, time.Minute, []string{"budget is spent"}},
		{"limit by status alone", 429, "", failure.RateLimited, time.Minute, nil},
		{"limit in HTML", 429, "<h1>Too Many Requests</h1>", failure.RateLimited, time.Minute, nil},
		{"the minute", 429, envelope(429, minute), failure.RateLimited, time.Minute, []string{"per-minute"}},
		{"the hour", 429, envelope(429, hour), failure.RateLimited, 15 * time.Minute, []string{"hourly"}},
		{"limit by text with 400", 400, envelope(400, minute), failure.RateLimited, time.Minute, nil},
		{"limit by text with 401", 401, `{"error":"` + hour + `"}`, failure.RateLimited, 15 * time.Minute, nil},
		{"limit by text with 200", 200, envelope(429, hour), failure.RateLimited, 15 * time.Minute, nil},
		{"limit in capitals", 403, `"RATE LIMIT reached"`, failure.RateLimited, time.Minute, nil},
		{"400 of a proxy", 400, "<h1>Bad Request</h1>", failure.Blocked, 0, []string{"something other than the API responded"}},
		{"an array with 412", 412, "[]", failure.Blocked, 0, []string{"any proxy or firewall"}},
		{"unprocessable", 422, `{"message":"bad id"}`, failure.Rejected, 0, []string{"botId"}},
		{"another 4xx in the envelope", 405, envelope(405, "Method"), failure.Blocked, 0, []string{"SMARTASSIST_URL"}},
		{"the last 4xx", 499, "", failure.Blocked, 0, []string{"something other than the API responded"}},
		{"the first 3xx", 300, "", failure.Blocked, 0, []string{"not at this address"}},
		{"the last 2xx", 299, "", failure.Transient, 0, []string{"does not document"}},
		{"server error", 500, envelope(500, "Internal server error"), failure.Transient, 0, []string{"500", "it is unavailable"}},
		{"gateway's page", 502, gateway, failure.Transient, 0, []string{"502"}},
		{"unavailable", 503, "", failure.Transient, 0, nil},
		{"gateway timeout", 504, "", failure.Transient, 0, nil},
		{"request timeout", 408, "", failure.Transient, 0, nil},
		{"too early", 425, "", failure.Transient, 0, nil},
		{"no content", 204, "", failure.Transient, 0, []string{"does not document"}},
		{"another 2xx", 202, sample, failure.Transient, 0, nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			got := requireFailure(t, serve(t, responding(row.status, row.body)))
			require.Equal(t, row.kind, got.Kind, got.Text)
			require.Equal(t, row.wait, got.Wait)
			require.Equal(t, row.status, got.Status)
			for _, says := range row.says {
				require.Contains(t, got.Text, says)
			}
		})
	}
}

func TestErrorIsAFailureWithItsKindAndWait(t *testing.T) {
	_, err := ask(t, serve(t, responding(503, "", "Retry-After", "90")))
	found, ok := failure.Of(err)
	require.True(t, ok)
	require.Equal(t, failure.Transient, found.FailureKind())
	require.Equal(t, 90*time.Second, found.RetryAfter())
}

func TestContentTypeIsNamedInTheError(t *testing.T) {
	require.Contains(t, requireFailure(t, serve(t, responding(200, "", "Content-Type", "a b; c"))).Text, "no valid Content-Type")
}

// A word in a text that says something else must not teach a limit.
func TestWindowIsOnlyWhatTheRefusalNames(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"You've exceeded the per-minute rate limit. Please wait for sometime before retrying.": time.Minute,
		"You've exceeded the hourly rate limit. Please wait for sometime before retrying.":     time.Hour,
		"60 requests per minute are allowed":                                                   time.Minute,
		"the limit per hour has been reached":                                                  time.Hour,
		"Rate limit for this API has been reached. Please try again later":                     0,
		"not available during office hours":                                                    0,
		"try again in 24 hours":                                                                0,
		"60 per minute or 1800 per hour are allowed":                                           0,
		"this endpoint was moved to hourlyreports.example.com":                                 0,
	} {
		require.Equal(t, want, requireFailure(t, serve(t, responding(429, envelope(429, text)))).Window, text)
	}
	page := requireFailure(t, serve(t, responding(429, "<html>one request per minute</html>")))
	require.Zero(t, page.Window, "somebody else's page")
	require.Equal(t, time.Minute, requireFailure(t, serve(t, responding(429, envelope(429, "not during office hours")))).Wait)
}

func TestMessageIsFoundInEveryEnvelope(t *testing.T) {
	for _, body := range []string{
		envelope(4002, "the message"),
		`{"errors":[{"msg":"the message","code":"4002"},{"msg":"another"}]}`,
		`{"errors":[{"msg":"the message"}],"extra":{}}`,
		`{"error":"the message"}`,
		`{"error":{"text":"the message"}}`,
		`{"error":null,"message":"the message"}`,
		`{"message":"the message"}`,
		`"the message"`,
		`the message`,
		`{"errors":"the message"}`,
		`{"errors":[],"message":"the message"}`,
		"\n  the message\n",
	} {
		require.Contains(t, requireFailure(t, serve(t, responding(500, body))).Text, "the message", body)
	}
}

func TestRetryAfterIsBounded(t *testing.T) {
	in := func(d time.Duration) string { return time.Now().Add(d).UTC().Format(http.TimeFormat) }
	for _, row := range []struct {
		name, value string
		status      int
		from, to    time.Duration
	}{
		{"seconds", "90", 429, 90 * time.Second, 90 * time.Second},
		{"a date", in(10 * time.Minute), 429, 9 * time.Minute, 10 * time.Minute},
		{"seconds with 503", "90", 503, 90 * time.Second, 90 * time.Second},
		{"a date with 503", in(10 * time.Minute), 503, 9 * time.Minute, 10 * time.Minute},
		{"a date in the past with 503", in(-time.Hour), 503, 0, 0},
		{"beyond a day", "99999999", 429, 24 * time.Hour, 24 * time.Hour},
		{"beyond int64", strings.Repeat("9", 30), 429, 24 * time.Hour, 24 * time.Hour},
		{"a date in a hundred years", "Wed, 05 Mar 2126 12:00:00 GMT", 429, 24 * time.Hour, 24 * time.Hour},
		// Retrying a rate limit at once would waste a call.
		{"zero", "0", 429, time.Minute, time.Minute},
		{"a date in the past", in(-time.Hour), 429, time.Minute, time.Minute},
		{"negative", "-5", 429, time.Minute, time.Minute},
		{"a fraction", "1.5", 429, time.Minute, time.Minute},
		{"a word", "soon", 429, time.Minute, time.Minute},
		{"empty", "", 429, time.Minute, time.Minute},
	} {
		t.Run(row.name, func(t *testing.T) {
			got := requireFailure(t, serve(t, responding(row.status, "", "Retry-After", row.value)))
			require.GreaterOrEqual(t, got.Wait, row.from)
			require.LessOrEqual(t, got.Wait, row.to)
		})
	}
}

func TestRedirectIsNotFollowed(t *testing.T) {
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		t.Error("the other host was contacted")
	}))
	defer elsewhere.Close()
	for _, status := range []int{301, 302, 303, 307, 308} {
		got := requireFailure(t, serve(t, responding(status, "", "Location", elsewhere.URL+"/x?token=canary")))
		require.Equal(t, failure.Blocked, got.Kind)
		require.Contains(t, got.Text, "redirects to the host 127.0.0.1")
		require.Contains(t, got.Text, "SMARTASSIST_URL")
	}
	for _, location := range []string{"", "/sign-in?token=canary", "https://user:canary@host.example/"} {
		require.Equal(t, failure.Blocked, requireFailure(t, serve(t, responding(302, "", "Location", location))).Kind)
	}
	requireFailure(t, serve(t, responding(302, "", "Location", "https://user:canary@%zz/?token=canary")))
}

func TestEchoedRequestIsRedactedInTheError(t *testing.T) {
	echo := func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusInternalServerError)
		fmt.Fprintf(w, `{"error":"cannot GET http://%s%s with auth %s"}`, r.Host, r.RequestURI, r.Header.Get("auth"))
	}
	require.Contains(t, requireFailure(t, serve(t, echo)).Text, "[redacted]")
}

func TestStatusIsUsedIfTheBodyIsTruncated(t *testing.T) {
	cut := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "1000")
		w.WriteHeader(http.StatusTooManyRequests)
		_, _ = w.Write([]byte(`{"errors":[{"msg":"You`))
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
	require.Equal(t, failure.RateLimited, requireFailure(t, serve(t, cut)).Kind)
}

// failing is a network on which every connection fails with err.
type failing struct{ err error }

func (f failing) transport() *http.Transport {
	return &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) { return nil, f.err }}
}

func TestNetworkErrorNamesTheCauseButNoSecret(t *testing.T) {
	closed := httptest.NewServer(http.NotFoundHandler())
	closed.Close()
	untrusted := httptest.NewTLSServer(http.NotFoundHandler())
	untrusted.Config.ErrorLog = discardLog
	defer untrusted.Close()
	plain := serveRaw(t, responding(200, ""))
	cut := serveRaw(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "1000")
		_, _ = w.Write([]byte(`{"status":`))
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	})
	reset := serveRaw(t, func(w http.ResponseWriter, _ *http.Request) {
		connection, _, err := http.NewResponseController(w).Hijack()
		if err == nil {
			_ = connection.(*net.TCPConn).SetLinger(0)
			connection.Close()
		}
	})
	badProxy := &http.Transport{Proxy: func(*http.Request) (*url.URL, error) {
		return nil, errors.New(`invalid proxy address "http://user:canary@pro xy:3128": parse "http://user:canary@pro xy:3128": invalid character " " in host name`)
	}}
	deadProxy := &http.Transport{Proxy: func(*http.Request) (*url.URL, error) {
		address, err := url.Parse(closed.URL)
		address.User = url.UserPassword("user", "canary")
		return address, err
	}}
	for _, row := range []struct {
		name, address string
		transport     http.RoundTripper
		kind          failure.Kind
		says          string
	}{
		{"unknown host", "https://nowhere.example", failing{&net.DNSError{Err: "no such host", Name: "nowhere.example", IsNotFound: true}}.transport(), failure.Blocked, "the host nowhere.example is not known: check SMARTASSIST_URL"},
		{"name server got", "https://nowhere.example", failing{&net.DNSError{Err: "server misbehaving", Name: "nowhere.example", IsTemporary: true}}.transport(), failure.Transient, "server misbehaving"},
		{"refused connection", closed.URL, nil, failure.Transient, "refused"},
		{"reset", reset, nil, failure.Transient, "did not respond"},
		{"body cut", cut, nil, failure.Transient, "unexpected EOF"},
		{"untrusted certificate", untrusted.URL, nil, failure.Blocked, "certificate is not trusted"},
		{"no TLS there", strings.Replace(plain, "http:", "https:", 1), nil, failure.Transient, "did not respond"},
		{"unusable proxy variable", closed.URL, badProxy, failure.Blocked, "HTTPS_PROXY"},
		{"dead proxy", "https://nowhere.example", deadProxy, failure.Transient, "proxyconnect"},
	} {
		t.Run(row.name, func(t *testing.T) {
			got := requireFailure(t, clientOf(t, row.address, row.transport))
			require.Equal(t, row.kind, got.Kind, got.Text)
			require.Zero(t, got.Status)
			require.Contains(t, got.Text, row.says)
			require.NotContains(t, got.Text, "/api/", "no more of the URL than the host")
		})
	}
}

func TestSilentUpstreamTimesOut(t *testing.T) {
	release := make(chan struct{})
	client := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-r.Context().Done():
		case <-release:
		}
	})
	t.Cleanup(func() { close(release) }) // before the server is closed
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, err := client.FetchRecordings(ctx, token, session, userID)
	var got *smartassist.Error
	require.ErrorAs(t, err, &got)
	require.Equal(t, &smartassist.Error{Kind: failure.Transient, Text: "the upstream did not respond in time"}, got)
}

func TestUnusableRequestIsPermanent(t *testing.T) {
	base := &url.URL{Scheme: "https", Host: "bad host"}
	got := requireFailure(t, smartassist.NewClient(smartassist.Config{BaseURL: base}))
	require.Equal(t, failure.Rejected, got.Kind)
	require.Contains(t, got.Text, "SMARTASSIST_URL")
}
