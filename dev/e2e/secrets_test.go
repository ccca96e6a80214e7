package e2e_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/api/workflowservice/v1"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/callvault/callvault/internal/simulator"
)

// leakCheckTimeout bounds the search for secrets after a test.
const leakCheckTimeout = 20 * time.Second

// credentialPatterns match credentials of unknown value: the start of a JWT's
// header, a JWT, the path of a media URL, and the padding of its signature.
var credentialPatterns = []*regexp.Regexp{
	regexp.MustCompile(`eyJhbGciOi`),
	regexp.MustCompile(`eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}`),
	regexp.MustCompile(`getMediaStream`),
	regexp.MustCompile(`[&?]s=|\$\$|%24%24`),
}

// leaks describes the credentials in text, which was read at where.
func leaks(credentials []string, where string, text []byte) []string {
	var found []string
	for _, credential := range credentials {
		if bytes.Contains(text, []byte(credential)) {
			found = append(found, fmt.Sprintf("%s contains the credential %.12s…", where, credential))
		}
	}
	for _, pattern := range credentialPatterns {
		if at := pattern.FindIndex(text); at != nil {
			found = append(found, fmt.Sprintf("%s matches %s: …%s…", where, pattern, text[max(0, at[0]-40):min(len(text), at[1]+20)]))
		}
	}
	return found
}

// payloadData matches the base64 data of a payload in JSON.
var payloadData = regexp.MustCompile(`"data":\s*"([A-Za-z0-9+/=]*)"`)

// exportHistory returns a history as "temporal workflow show --output json"
// prints it, with the payloads decoded.
func exportHistory(t testing.TB, events []*historypb.HistoryEvent) []byte {
	t.Helper()
	exported, err := protojson.Marshal(&historypb.History{Events: events})
	require.NoError(t, err)
	return payloadData.ReplaceAllFunc(exported, func(match []byte) []byte {
		decoded, err := base64.StdEncoding.DecodeString(string(payloadData.FindSubmatch(match)[1]))
		require.NoError(t, err)
		return decoded
	})
}

// requireNoLeaks requires that no secret is in any text that users or operators
// can read: histories, process output, objects, the Temporal server's log.
func (h *harness) requireNoLeaks() {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(h.ctx), leakCheckTimeout)
	defer cancel()
	var found []string
	credentials := slices.Clone(h.secrets)
	for _, upstream := range h.upstreams {
		credentials = append(credentials, upstream.seenCredentials()...)
	}
	for where, text := range h.readableTexts(ctx) {
		found = append(found, leaks(credentials, where, text)...)
	}
	require.Empty(h.t, found)
}

// readableTexts returns all that the test has written, by where it was found.
func (h *harness) readableTexts(ctx context.Context) map[string][]byte {
	h.t.Helper()
	texts := make(map[string][]byte)
	listed, err := h.client.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{Namespace: h.name, PageSize: 1000})
	require.NoError(h.t, err)
	for _, execution := range listed.GetExecutions() {
		id := execution.GetExecution()
		texts["history of "+id.GetWorkflowId()] = exportHistory(h.t, h.history(ctx, id.GetWorkflowId(), id.GetRunId()))
		attributes, err := protojson.Marshal(execution)
		require.NoError(h.t, err)
		texts["listing of "+id.GetWorkflowId()] = attributes
	}
	for i, p := range *h.processes {
		texts[fmt.Sprintf("stdout of %s %d", p.name, i)] = []byte(p.stdout.String())
		texts[fmt.Sprintf("stderr of %s %d", p.name, i)] = []byte(p.stderr.String())
	}
	for _, bucket := range h.buckets {
		exists, err := h.store.BucketExists(ctx, bucket)
		require.NoError(h.t, err)
		if exists {
			in := *h
			in.name = bucket
			in.readObjects(ctx, texts)
		}
	}
	serverLog, err := os.ReadFile(filepath.Join(serverFolder, "logs", "temporal-server.log"))
	require.NoError(h.t, err)
	texts["the Temporal server's log"] = serverLog
	return texts
}

// readObjects adds the key and metadata of every object to texts, and the
// content of manifests. Recordings are only noise.
func (h *harness) readObjects(ctx context.Context, texts map[string][]byte) {
	h.t.Helper()
	for _, key := range h.keys(ctx) {
		info, err := h.store.StatObject(ctx, h.name, key, minio.StatObjectOptions{})
		require.NoError(h.t, err)
		texts["key and metadata of "+key] = fmt.Appendf(nil, "%s %v %v", key, info.Metadata, info.UserMetadata)
		if strings.HasSuffix(key, ".json") {
			texts["content of "+key] = h.object(ctx, key)
		}
	}
}

// serverFilesWith describes the servers' files that contain a credential.
func serverFilesWith(t *testing.T, credentials []string) []string {
	t.Helper()
	var found []string
	require.NoError(t, filepath.WalkDir(serverFolder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return nil // Other tests remove files concurrently.
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return nil
		}
		for _, credential := range credentials {
			if bytes.Contains(content, []byte(credential)) {
				found = append(found, fmt.Sprintf("%s contains %.12s…", entry.Name(), credential))
			}
		}
		return nil
	}))
	return found
}

// Every test searches for secrets when it ends. Here, in addition, the servers
// echo the credentials that they receive.
func TestUpstreamThatEchoesCredentialsLeaksNoSecrets(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	const user = "ada.lovelace@example.com"

	media := func(name string, respond func(http.ResponseWriter, *http.Request)) (sessionID string, once func(http.ResponseWriter, *http.Request) bool) {
		sessionID = h.addSession(nil, recording(name, 20_000))
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
		sessionID = h.addSession(nil, recording("plain.wav", 20_000))
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
		_, _ = rw.Write(recording("cut.d", 20_000).Raw[:9_000])
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
	h.upstream.overrideResponses(func(rw http.ResponseWriter, r *http.Request) bool {
		h.upstream.mu.Lock()
		defer h.upstream.mu.Unlock()
		return slices.ContainsFunc(overrides, func(once func(http.ResponseWriter, *http.Request) bool) bool { return once(rw, r) })
	})
	// One session succeeds at once, one never does.
	sessions = append(sessions, h.addSession(nil, recording("good.wav", 20_000)))
	sessions = append(sessions, h.addSession([]simulator.Step{{Status: simulator.StatusFailed}}))

	h.startWorker()
	var fetches []*process
	for _, sessionID := range sessions {
		fetches = append(fetches, h.startFetch(sessionID, append(shortWaitFlags(), "--user", user, "--give-up-after", "10m")...))
	}
	h.keepResuming()
	// Each fault happens once, so that every fetch but the last succeeds.
	for i, p := range fetches {
		want := 0
		if i == len(fetches)-1 {
			want = 1
		}
		require.Equal(t, want, p.exitCode(h.ctx), "session %d: %s", i, p.stderr)
	}
	credentials := slices.Concat(h.secrets, h.upstream.seenCredentials())
	require.Greater(t, len(credentials), 2*len(sessions), "tokens and signatures were recorded")
	require.Zero(t, h.upstream.Counts().CredentialsAtMedia, "no token went to the media server")
	require.Empty(t, serverFilesWith(t, credentials), "credentials in the servers' files")
	require.NotEmpty(t, serverFilesWith(t, []string{user}), "the user of the request must be found, or the search does not work")
	h.requireNoLeaks()

	for where, text := range h.readableTexts(h.ctx) {
		// Only the request, in the history, may contain the user's id.
		if !strings.HasPrefix(where, "history of ") {
			require.NotContains(t, string(text), user, where)
		}
	}

	// The same search must find a secret that is added to a history.
	plant := func(secret string) []string {
		run := h.history(h.ctx, sessionOf(sessions[0]).FetchWorkflowID(), "")
		for _, event := range run {
			if event.GetEventType() == enumspb.EVENT_TYPE_ACTIVITY_TASK_COMPLETED {
				payload := event.GetActivityTaskCompletedEventAttributes().GetResult().GetPayloads()[0]
				payload.Data = append(payload.Data, secret...)
				break
			}
		}
		return leaks(credentials, "a history", exportHistory(t, run))
	}
	require.Empty(t, plant(""))
	require.NotEmpty(t, plant(h.secrets[0]))
	require.NotEmpty(t, plant(h.upstream.seenCredentials()[0]))
	require.NotEmpty(t, plant("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0."))
	require.NotEmpty(t, plant("https://media.example.com/f.wav?e=1&n=2&s=abc"))
}
