package bench_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/internal/simulator"
)

// clientSecret signs the tokens.
const clientSecret = "bench-only-client-secret-000000000000000000"

// vendor is a simulator whose clock runs faster than ours.
type vendor struct {
	*simulator.Simulator
	clock clock
	url   string
	pace  atomic.Int64 // bytes that each response has in a second; 0 for as many as it can
}

// clock is the vendor's.
type clock struct {
	start time.Time
	speed int
}

func (c clock) now() time.Time { return c.at(time.Now()) }

// at returns the vendor's time at a time of ours.
func (c clock) at(t time.Time) time.Time { return c.start.Add(time.Duration(c.speed) * t.Sub(c.start)) }

// real returns our time at a time of the vendor's.
func (c clock) real(at time.Time) time.Time {
	return c.start.Add(at.Sub(c.start) / time.Duration(c.speed))
}

func startVendor(b testing.TB, speed int, config simulator.Config) *vendor {
	b.Helper()
	v := &vendor{clock: clock{time.Now(), speed}}
	config.ClientSecret = clientSecret
	config.EnforceJTI = true
	config.MaxSessions, config.LedgerSize = 100_000, 1_000_000
	config.URLLifetime = 1000 * time.Hour // The workers' clock is slower.
	config.Now = v.clock.now
	var err error
	v.Simulator, err = simulator.New(config)
	require.NoError(b, err)
	server := httptest.NewServer(v)
	b.Cleanup(func() {
		require.NoError(b, v.Close())
		server.CloseClientConnections()
		server.Close()
	})
	v.url = server.URL
	return v
}

// ServeHTTP moves the times in the token to the vendor's clock.
func (v *vendor) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	now := time.Now()
	if moved, ok := moveToken(r.Header.Get("auth"), v.clock.at(now).Sub(now)); ok {
		r.Header.Set("auth", moved)
	}
	if pace := v.pace.Load(); pace > 0 {
		w = &pacedWriter{w, pace, now, 0}
	}
	v.Simulator.ServeHTTP(w, r)
}

// pacedWriter writes no faster than its rate. The simulator's own faults of that kind write
// at most 20 times a second, and a media server's writes are small.
type pacedWriter struct {
	http.ResponseWriter
	rate    int64 // bytes a second
	began   time.Time
	written int64
}

func (w *pacedWriter) Write(p []byte) (int, error) {
	n, err := w.ResponseWriter.Write(p)
	w.written += int64(n)
	time.Sleep(time.Until(w.began.Add(time.Duration(float64(w.written) / float64(w.rate) * float64(time.Second)))))
	return n, err
}

// Unwrap is for the simulator's faults.
func (w *pacedWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// moveToken returns the token with its times moved, if it is one of the workers'.
func moveToken(token string, by time.Duration) (string, bool) {
	signed, signature, _ := cutLast(token, ".")
	header, payload, found := strings.Cut(signed, ".")
	if !found || signature != sign(signed) {
		return "", false
	}
	raw, err := base64.RawURLEncoding.DecodeString(payload)
	claims := make(map[string]any)
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	if err != nil || decoder.Decode(&claims) != nil {
		return "", false
	}
	for _, name := range []string{"iat", "exp"} {
		if at, ok := claims[name].(json.Number); ok {
			seconds, _ := at.Int64()
			claims[name] = seconds + int64(by/time.Second)
		}
	}
	if raw, err = json.Marshal(claims); err != nil {
		return "", false
	}
	signed = header + "." + base64.RawURLEncoding.EncodeToString(raw)
	return signed + "." + sign(signed), true
}

func sign(text string) string {
	mac := hmac.New(sha256.New, []byte(clientSecret))
	mac.Write([]byte(text))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

func cutLast(text, separator string) (before, after string, found bool) {
	i := strings.LastIndex(text, separator)
	if i < 0 {
		return text, "", false
	}
	return text[:i], text[i+len(separator):], true
}

// calls returns the calls of the API, by the vendor's clock.
func (v *vendor) calls() []simulator.Call {
	var calls []simulator.Call
	for _, call := range v.Calls() {
		if call.Kind == simulator.KindAPI {
			calls = append(calls, call)
		}
	}
	slices.SortStableFunc(calls, func(a, b simulator.Call) int { return a.At.Compare(b.At) })
	return calls
}

// times returns when the calls of a bot were made, of all bots if it is empty.
func times(calls []simulator.Call, bot string) []time.Time {
	var at []time.Time
	for _, call := range calls {
		if bot == "" || call.BotID == bot {
			at = append(at, call.At)
		}
	}
	return at
}

// refusedCalls counts the refused calls by reason.
func refusedCalls(calls []simulator.Call) map[simulator.Reason]int {
	counts := make(map[simulator.Reason]int)
	for _, call := range calls {
		if call.Reason != "" {
			counts[call.Reason]++
		}
	}
	return counts
}

// byRate counts the calls that were refused by rate.
func byRate(calls []simulator.Call) int {
	counts := refusedCalls(calls)
	return counts[simulator.ReasonMinute] + counts[simulator.ReasonHour]
}
