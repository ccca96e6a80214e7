package e2e_test

import (
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"

	"github.com/callvault/callvault/dev/internal/system"
	"github.com/callvault/callvault/internal/simulator"
)

// Every test searches for secrets when it ends. Here, in addition, the servers
// echo the credentials that they receive.
func TestUpstreamThatEchoesCredentialsLeaksNoSecrets(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	const user = "ada.lovelace@example.com"

	media := func(name string, respond func(http.ResponseWriter, *http.Request)) (sessionID string, once func(http.ResponseWriter, *http.Request) bool) {
		sessionID = h.AddSession(nil, system.Recording(name, 20_000))
		used := false
		return sessionID, func(rw http.ResponseWriter, r *http.Request) bool {
			if used || !strings.HasSuffix(r.URL.Path, filepath.Ext(name)) {
				return false
			}
			used = true
			respond(rw, r)
			return true
		}
	}
	api := func(respond func(http.ResponseWriter, *http.Request)) (sessionID string, once func(http.ResponseWriter, *http.Request) bool) {
		sessionID = h.AddSession(nil, system.Recording("plain.wav", 20_000))
		used := false
		return sessionID, func(rw http.ResponseWriter, r *http.Request) bool {
			if used || r.URL.Query().Get("sessionId") != sessionID {
				return false
			}
			used = true
			respond(rw, r)
			return true
		}
	}
	var sessions []string
	var overrides []func(http.ResponseWriter, *http.Request) bool
	add := func(sessionID string, once func(http.ResponseWriter, *http.Request) bool) {
		sessions, overrides = append(sessions, sessionID), append(overrides, once)
	}
	respondWith := func(status int, contentType, text string) func(http.ResponseWriter, *http.Request) {
		return func(rw http.ResponseWriter, r *http.Request) {
			rw.Header().Set("Content-Type", contentType)
			rw.Header().Set("Retry-After", "1")
			rw.WriteHeader(status)
			token, address := r.Header.Get("auth"), "http://"+r.Host+r.RequestURI
			fmt.Fprint(rw, strings.NewReplacer("{token}", token, "{url}", address).Replace(text))
		}
	}
	const asJSON, asHTML = "application/json", "text/html"
	// The media server. The file extension identifies the session.
	add(media("refused.a", respondWith(http.StatusForbidden, asJSON, `{"errors":[{"msg":"denied: {url}","code":403}]}`)))
	add(media("page.b", respondWith(http.StatusOK, asHTML, `<html>Sign in to see <a href="{url}">your file</a></html>`)))
	add(media("busy.c", respondWith(http.StatusServiceUnavailable, asHTML, `<html>{url} is overloaded</html>`)))
	add(media("cut.d", func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Content-Length", "20000")
		_, _ = rw.Write(system.Recording("cut.d", 20_000).Raw[:9_000])
		panic(http.ErrAbortHandler)
	}))
	add(media("redirect.e", func(rw http.ResponseWriter, r *http.Request) {
		// The host does not exist, and the client must not follow.
		http.Redirect(rw, r, "http://evil.invalid"+r.RequestURI, http.StatusFound)
	}))
	add(media("malformed.f", func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("Location", "http://[::1"+r.RequestURI)
		rw.WriteHeader(http.StatusFound)
	}))
	// The API.
	add(api(respondWith(http.StatusUnauthorized, asJSON, `{"errors":[{"msg":"Invalid token {token}","code":4002}]}`)))
	add(api(respondWith(http.StatusInternalServerError, asHTML, `<html><pre>auth: {token}</pre></html>`)))
	add(api(respondWith(http.StatusTooManyRequests, asJSON, `{"error":"Rate limit for {token}: try {url}"}`)))
	add(api(respondWith(http.StatusOK, asJSON, `{"status":"retry with {token}","recording":[]}`)))
	add(api(respondWith(http.StatusOK, asJSON, `{"status":"success","recording":[{"fileName":"{token}.wav","fileUrl":"no url {token}"}]}`)))
	add(api(respondWith(http.StatusFound, asHTML, `{"error":"moved {token}"}`)))
	var mu sync.Mutex // guards what the overrides remember
	h.Upstream.OverrideResponses(func(rw http.ResponseWriter, r *http.Request) bool {
		mu.Lock()
		defer mu.Unlock()
		return slices.ContainsFunc(overrides, func(once func(http.ResponseWriter, *http.Request) bool) bool { return once(rw, r) })
	})
	// One session succeeds at once, one never does.
	sessions = append(sessions, h.AddSession(nil, system.Recording("good.wav", 20_000)))
	sessions = append(sessions, h.AddSession([]simulator.Step{{Status: simulator.StatusFailed}}))

	h.StartWorker()
	var fetches []*system.Process
	for _, sessionID := range sessions {
		fetches = append(fetches, h.StartFetch(sessionID, append(shortWaitFlags(), "--user", user, "--give-up-after", "10m")...))
	}
	h.keepResuming()
	// Each fault happens once, so that every fetch but the last succeeds.
	for i, p := range fetches {
		want := 0
		if i == len(fetches)-1 {
			want = 1
		}
		require.Equal(t, want, p.ExitCode(h.Ctx), "session %d: %s", i, p.Stderr)
	}
	credentials := slices.Concat(h.Secrets, h.Upstream.SeenCredentials())
	require.Greater(t, len(credentials), 2*len(sessions), "tokens and signatures were recorded")
	require.Zero(t, h.Upstream.Counts().CredentialsAtMedia, "no token went to the media server")
	require.Empty(t, system.ServerFilesWith(t, credentials), "credentials in the servers' files")
	require.NotEmpty(t, system.ServerFilesWith(t, []string{user}), "the user of the request must be found, or the search does not work")
	h.RequireNoLeaks()

	for where, text := range h.ReadableTexts(h.Ctx) {
		// Only the request, in the history, may contain the user's id.
		if !strings.HasPrefix(where, "history of ") {
			require.NotContains(t, string(text), user, where)
		}
	}

	// The same search must find a secret that is added to a history.
	plant := func(secret string) []string {
		run := h.History(h.Ctx, system.SessionOf(sessions[0]).FetchWorkflowID(), "")
		for _, event := range run {
			if event.GetEventType() == enumspb.EVENT_TYPE_ACTIVITY_TASK_COMPLETED {
				payload := event.GetActivityTaskCompletedEventAttributes().GetResult().GetPayloads()[0]
				payload.Data = append(payload.Data, secret...)
				break
			}
		}
		return system.Leaks(credentials, "a history", system.ExportHistory(t, run))
	}
	require.Empty(t, plant(""))
	require.NotEmpty(t, plant(h.Secrets[0]))
	require.NotEmpty(t, plant(h.Upstream.SeenCredentials()[0]))
	require.NotEmpty(t, plant("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0."))
	require.NotEmpty(t, plant("https://media.example.com/f.wav?e=1&n=2&s=abc"))
}
