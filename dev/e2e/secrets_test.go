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
	"github.com/callvault/callvault/workflows"
)

// sweepLimit bounds the look for secrets after a test.
const sweepLimit = 20 * time.Second

// signs of a credential whose value is not known: the beginning of every JWT's
// header, a JWT, the path of every media URL, and the padding of its signature.
var signs = []*regexp.Regexp{
	regexp.MustCompile(`eyJhbGciOi`),
	regexp.MustCompile(`eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}`),
	regexp.MustCompile(`getMediaStream`),
	regexp.MustCompile(`[&?]s=|\$\$|%24%24`),
}

// leaks names what in text is a credential, by the places it was found in.
func leaks(credentials []string, where string, text []byte) []string {
	var found []string
	for _, credential := range credentials {
		if bytes.Contains(text, []byte(credential)) {
			found = append(found, fmt.Sprintf("%s holds the credential %.12s…", where, credential))
		}
	}
	for _, sign := range signs {
		if at := sign.FindIndex(text); at != nil {
			found = append(found, fmt.Sprintf("%s holds %s: …%s…", where, sign, text[max(0, at[0]-40):min(len(text), at[1]+20)]))
		}
	}
	return found
}

// payloadData is the bytes of a payload as JSON has them.
var payloadData = regexp.MustCompile(`"data":\s*"([A-Za-z0-9+/=]*)"`)

// exportHistory is a history as "temporal workflow show --output json" has it,
// with the payloads decoded.
func exportHistory(t *testing.T, events []*historypb.HistoryEvent) []byte {
	t.Helper()
	exported, err := protojson.Marshal(&historypb.History{Events: events})
	require.NoError(t, err)
	return payloadData.ReplaceAllFunc(exported, func(match []byte) []byte {
		decoded, err := base64.StdEncoding.DecodeString(string(payloadData.FindSubmatch(match)[1]))
		require.NoError(t, err)
		return decoded
	})
}

// findNoSecret looks for the world's secrets wherever somebody can read: all
// histories, what the processes wrote, all objects, the Temporal server's log.
func (w *world) findNoSecret() {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(w.ctx), sweepLimit)
	defer cancel()
	var found []string
	credentials := slices.Concat(w.secrets, w.upstream.seen())
	for where, text := range w.readable(ctx) {
		found = append(found, leaks(credentials, where, text)...)
	}
	require.Empty(w.t, found)
}

// readable is all that this world has written, by its place.
func (w *world) readable(ctx context.Context) map[string][]byte {
	w.t.Helper()
	texts := make(map[string][]byte)
	listed, err := w.client.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{Namespace: w.name, PageSize: 1000})
	require.NoError(w.t, err)
	for _, execution := range listed.GetExecutions() {
		id := execution.GetExecution()
		texts["history of "+id.GetWorkflowId()] = exportHistory(w.t, w.history(ctx, id.GetWorkflowId(), id.GetRunId()))
		attributes, err := protojson.Marshal(execution)
		require.NoError(w.t, err)
		texts["listing of "+id.GetWorkflowId()] = attributes
	}
	for i, p := range *w.processes {
		texts[fmt.Sprintf("stdout of %s %d", p.name, i)] = []byte(p.stdout.String())
		texts[fmt.Sprintf("stderr of %s %d", p.name, i)] = []byte(p.stderr.String())
	}
	exists, err := w.store.BucketExists(ctx, w.name)
	require.NoError(w.t, err)
	if exists {
		w.readObjects(ctx, texts)
	}
	serverLog, err := os.ReadFile(filepath.Join(serverFolder, "logs", "temporal-server.log"))
	require.NoError(w.t, err)
	texts["the Temporal server's log"] = serverLog
	return texts
}

// readObjects adds the key and the metadata of every object, and the content
// of the manifests: recordings are noise.
func (w *world) readObjects(ctx context.Context, texts map[string][]byte) {
	w.t.Helper()
	for _, key := range w.keys(ctx) {
		info, err := w.store.StatObject(ctx, w.name, key, minio.StatObjectOptions{})
		require.NoError(w.t, err)
		texts["key and metadata of "+key] = fmt.Appendf(nil, "%s %v %v", key, info.Metadata, info.UserMetadata)
		if strings.HasSuffix(key, ".json") {
			texts["content of "+key] = w.object(ctx, key)
		}
	}
}

// onDisk names the files of the servers that hold one of the credentials.
func onDisk(t *testing.T, credentials []string) []string {
	t.Helper()
	var found []string
	require.NoError(t, filepath.WalkDir(serverFolder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return nil // What other tests remove in the meantime.
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return nil
		}
		for _, credential := range credentials {
			if bytes.Contains(content, []byte(credential)) {
				found = append(found, fmt.Sprintf("%s holds %.12s…", entry.Name(), credential))
			}
		}
		return nil
	}))
	return found
}

// Every test looks for secrets when it ends; this one provokes those who would
// give them away: servers that echo what they were sent.
func TestNoSecretIsToldWhateverTheUpstreamDoes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const user = "ada.lovelace@example.com"

	media := func(name string, answer func(http.ResponseWriter, *http.Request)) (sessionID string, once func(http.ResponseWriter, *http.Request) bool) {
		sessionID = w.addSession(nil, recording(name, 20_000))
		spent := false
		return sessionID, func(rw http.ResponseWriter, r *http.Request) bool {
			if spent || !strings.HasSuffix(r.URL.Path, filepath.Ext(name)) {
				return false
			}
			spent = true
			answer(rw, r)
			return true
		}
	}
	api := func(answer func(http.ResponseWriter, *http.Request)) (sessionID string, once func(http.ResponseWriter, *http.Request) bool) {
		sessionID = w.addSession(nil, recording("plain.wav", 20_000))
		spent := false
		return sessionID, func(rw http.ResponseWriter, r *http.Request) bool {
			if spent || r.URL.Query().Get("sessionId") != sessionID {
				return false
			}
			spent = true
			answer(rw, r)
			return true
		}
	}
	var sessions []string
	var answers []func(http.ResponseWriter, *http.Request) bool
	add := func(sessionID string, once func(http.ResponseWriter, *http.Request) bool) {
		sessions, answers = append(sessions, sessionID), append(answers, once)
	}
	say := func(status int, contentType, text string) func(http.ResponseWriter, *http.Request) {
		return func(rw http.ResponseWriter, r *http.Request) {
			rw.Header().Set("Content-Type", contentType)
			rw.Header().Set("Retry-After", "1")
			rw.WriteHeader(status)
			token, address := r.Header.Get("auth"), "http://"+r.Host+r.RequestURI
			fmt.Fprint(rw, strings.NewReplacer("{token}", token, "{url}", address).Replace(text))
		}
	}
	const asJSON, asHTML = "application/json", "text/html"
	// The media server, told by the extension that each session's file has.
	add(media("refused.a", say(http.StatusForbidden, asJSON, `{"errors":[{"msg":"denied: {url}","code":403}]}`)))
	add(media("page.b", say(http.StatusOK, asHTML, `<html>Sign in to see <a href="{url}">your file</a></html>`)))
	add(media("busy.c", say(http.StatusServiceUnavailable, asHTML, `<html>{url} is overloaded</html>`)))
	add(media("cut.d", func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("Content-Length", "20000")
		_, _ = rw.Write(recording("cut.d", 20_000).Raw[:9_000])
		panic(http.ErrAbortHandler)
	}))
	add(media("astray.e", func(rw http.ResponseWriter, r *http.Request) {
		// Nobody answers there, and nobody may be asked.
		http.Redirect(rw, r, "http://evil.invalid"+r.RequestURI, http.StatusFound)
	}))
	add(media("malformed.f", func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("Location", "http://[::1"+r.RequestURI)
		rw.WriteHeader(http.StatusFound)
	}))
	// The API.
	add(api(say(http.StatusUnauthorized, asJSON, `{"errors":[{"msg":"Invalid token {token}","code":4002}]}`)))
	add(api(say(http.StatusInternalServerError, asHTML, `<html><pre>auth: {token}</pre></html>`)))
	add(api(say(http.StatusTooManyRequests, asJSON, `{"error":"Rate limit for {token}: try {url}"}`)))
	add(api(say(http.StatusOK, asJSON, `{"status":"retry with {token}","recording":[]}`)))
	add(api(say(http.StatusOK, asJSON, `{"status":"success","recording":[{"fileName":"{token}.wav","fileUrl":"no url {token}"}]}`)))
	add(api(say(http.StatusFound, asHTML, `{"error":"moved {token}"}`)))
	w.upstream.answerInstead(func(rw http.ResponseWriter, r *http.Request) bool {
		w.upstream.mu.Lock()
		defer w.upstream.mu.Unlock()
		return slices.ContainsFunc(answers, func(once func(http.ResponseWriter, *http.Request) bool) bool { return once(rw, r) })
	})
	// One is good at once, one never.
	sessions = append(sessions, w.addSession(nil, recording("good.wav", 20_000)))
	sessions = append(sessions, w.addSession([]simulator.Step{{Status: simulator.StatusFailed}}))

	w.startWorker()
	var fetches []*process
	for _, sessionID := range sessions {
		fetches = append(fetches, w.startFetch(sessionID, append(shortWaits(), "--user", user)...))
	}
	// Each mishap happens once, so that every fetch goes on to its good end.
	for i, p := range fetches {
		want := 0
		if i == len(fetches)-1 {
			want = 1
		}
		require.Equal(t, want, p.exitCode(w.ctx), "session %d: %s", i, p.stderr)
	}
	credentials := slices.Concat(w.secrets, w.upstream.seen())
	require.Greater(t, len(credentials), 2*len(sessions), "tokens and signatures passed by")
	require.Zero(t, w.upstream.Counts().CredentialsAtMedia, "no token went to the media server")
	require.Empty(t, onDisk(t, credentials), "the servers' own files")
	require.NotEmpty(t, onDisk(t, []string{user}), "but what is in the request is there: the look can find")
	w.findNoSecret()

	for where, text := range w.readable(w.ctx) {
		// The request itself is the one place that a user's id belongs in.
		if !strings.HasPrefix(where, "history of ") {
			require.NotContains(t, string(text), user, where)
		}
	}

	// The same look, over the same material with one secret planted in it.
	plant := func(secret string) []string {
		run := w.history(w.ctx, workflows.FetchWorkflowID(bot, sessions[0]), "")
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
	require.NotEmpty(t, plant(w.secrets[0]))
	require.NotEmpty(t, plant(w.upstream.seen()[0]))
	require.NotEmpty(t, plant("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0."))
	require.NotEmpty(t, plant("https://media.example.com/f.wav?e=1&n=2&s=abc"))
}
