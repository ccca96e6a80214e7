package fetchrecording_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"

	"github.com/callvault/callvault/activities"
	"github.com/callvault/callvault/internal/account"
	"github.com/callvault/callvault/internal/archive"
	"github.com/callvault/callvault/internal/failure"
	"github.com/callvault/callvault/internal/replaytest"
	"github.com/callvault/callvault/internal/secret"
	"github.com/callvault/callvault/internal/smartassist"
	"github.com/callvault/callvault/internal/status"
	"github.com/callvault/callvault/workflows"
	"github.com/callvault/callvault/workflows/callbudget"
	"github.com/callvault/callvault/workflows/fetchrecording"
)

const (
	botID     = "st-fd81a2b1-43af-544d-8082-831bc09c0001"
	sessionID = "65e7133a3242653c58d7aaaa"
)

var (
	session   = workflows.Session{BotID: botID, SessionID: sessionID}
	startTime = time.Date(2026, 3, 5, 12, 0, 0, 0, time.UTC)
	callTime  = time.Unix(0x65e7133a, 0).UTC()
)

// harness runs the workflow with skipped time, the real MintToken and the real
// CheckStatus against a server whose responses a test scripts. The archive is
// stubbed: it has tests with a real store of its own.
type harness struct {
	t   testing.TB
	env *testsuite.TestWorkflowEnvironment

	mu sync.Mutex
	// responses are sent in turn; the last one is repeated.
	responses []response
	// checkedAt is the workflow's time at each call of the API.
	checkedAt []time.Time
	tokens    []string
	// download, if set, replaces DownloadRecording.
	download func(fetchrecording.DownloadRecordingInput) (*workflows.Recording, error)
	// found, if set, replaces FindArchived.
	found func(fetchrecording.FindArchivedInput) (*fetchrecording.FindArchivedResult, error)
	// notHere: the worker that runs the workflow does not know what FindArchived does.
	notHere bool
	// fromJSON: the fetch is started without the memo of package workflows.
	fromJSON bool
	// alone: downloads write no manifest.
	alone bool
	// take, if set, hands out the call slots that are wanted.
	take  func(callbudget.Want) (*callbudget.Slot, time.Duration, error)
	wants []callbudget.Want
	// queues are those in which the calls waited, and findQueue that of the first step.
	queues    []string
	findQueue string
	// unplaced: the fetch began before there were accounts.
	unplaced  bool
	retention time.Duration
	// warnings are the lines of the log, and counters what was counted.
	warnings  bytes.Buffer
	counters  counters
	downloads []string
	// executed counts the activities of a kind.
	executed  map[string]int
	manifests []workflows.FetchResult
	// evidence and replaces are those of the manifests.
	evidence [][]status.Evidence
	replaces []string
	// session and refetch are those of run's request.
	session workflows.Session
	refetch bool
	write   func(fetchrecording.WriteManifestInput) (*fetchrecording.WriteManifestResult, error)
}

type response struct {
	code   int
	body   string
	header http.Header
}

func answered(name string) response {
	return response{code: 200, body: fmt.Sprintf(`{"status":%q}`, name)}
}

func success(names ...string) response {
	body := `{"status":"success","recording":[`
	for i, name := range names {
		if i > 0 {
			body += ","
		}
		body += fmt.Sprintf(`{"fileName":%q,"fileUrl":"https://media.kore.ai/%s?s=sig$$"}`, name, name)
	}
	return response{code: 200, body: body + "]}"}
}

func refusal(code int, msg string) response {
	return response{code: code, body: fmt.Sprintf(`{"errors":[{"msg":%q,"code":%d}]}`, msg, code)}
}

func newHarness(t testing.TB, responses ...response) *harness {
	t.Helper()
	var suite testsuite.WorkflowTestSuite
	h := &harness{t: t, responses: responses, session: session, executed: make(map[string]int), counters: counters{by: make(map[string]int64)}}
	suite.SetLogger(log.NewStructuredLogger(slog.New(slog.NewJSONHandler(&h.warnings, &slog.HandlerOptions{Level: slog.LevelWarn}))))
	suite.SetMetricsHandler(&h.counters)
	h.env = suite.NewTestWorkflowEnvironment()
	h.env.SetStartTime(startTime)
	h.env.SetTestTimeout(30 * time.Second)

	upstream := httptest.NewServer(http.HandlerFunc(h.respond))
	t.Cleanup(upstream.Close)
	base, err := url.Parse(upstream.URL)
	require.NoError(t, err)

	served, err := account.OpenAll([]account.Settings{{
		Name:        "acme",
		API:         base,
		BotIDs:      []string{botID},
		Credentials: smartassist.Credentials{ClientID: "cs-1", Key: secret.Value("the client secret")},
		Budget:      account.Budget{Windows: []workflows.CallWindow{{Calls: 60, Span: time.Minute}, {Calls: 1800, Span: time.Hour}}},
		Archive:     archive.Config{Endpoint: base, Bucket: "recordings"},
	}})
	require.NoError(t, err)
	h.env.RegisterWorkflowWithOptions(fetchrecording.Workflow, workflow.RegisterOptions{Name: workflows.FetchRecordingWorkflowName})
	h.register(fetchrecording.MintToken, (&activities.MintToken{Served: served, Slots: slots{h}}).Execute)
	h.register(fetchrecording.CheckStatus, (&activities.CheckStatus{Served: served, Slots: slots{h}}).Execute)
	h.register(fetchrecording.FindArchived, func(ctx context.Context, input fetchrecording.FindArchivedInput) (*fetchrecording.FindArchivedResult, error) {
		h.mu.Lock()
		h.findQueue = activity.GetInfo(ctx).TaskQueue
		h.mu.Unlock()
		return h.findArchived(input)
	})
	h.register(fetchrecording.FindArchivedHere, func(_ context.Context, input fetchrecording.FindArchivedInput) (*fetchrecording.FindArchivedHereResult, error) {
		h.count(fetchrecording.FindArchivedHere)
		if h.notHere {
			return &fetchrecording.FindArchivedHereResult{}, nil
		}
		found, err := h.findArchived(input)
		if err != nil {
			return nil, err
		}
		return &fetchrecording.FindArchivedHereResult{Known: true, FindArchivedResult: *found}, nil
	})
	h.register(fetchrecording.DownloadRecording, func(_ context.Context, input fetchrecording.DownloadRecordingInput) (*fetchrecording.DownloadRecordingResult, error) {
		h.mu.Lock()
		h.downloads = append(h.downloads, input.File.FileName)
		h.mu.Unlock()
		recording := recordingOf(input)
		if h.download != nil {
			var err error
			if recording, err = h.download(input); err != nil {
				return nil, err
			}
		}
		result := &fetchrecording.DownloadRecordingResult{Recording: *recording}
		if input.Manifest == nil || h.alone {
			return result, nil
		}
		manifest := *input.Manifest
		manifest.Result.Recordings = append(manifest.Result.Recordings, *recording)
		manifest.Result.FinishedAt = h.env.Now().UTC()
		if written, err := h.writeManifest(manifest); err == nil {
			result.Written = written
		}
		return result, nil
	})
	h.register(fetchrecording.WriteManifest, func(_ context.Context, input fetchrecording.WriteManifestInput) (*fetchrecording.WriteManifestResult, error) {
		h.count(fetchrecording.WriteManifest)
		return h.writeManifest(input)
	})
	return h
}

// downloadCount returns how many downloads have begun. They run side by side.
func (h *harness) downloadCount() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.downloads)
}

func (h *harness) findArchived(input fetchrecording.FindArchivedInput) (*fetchrecording.FindArchivedResult, error) {
	if h.found != nil {
		return h.found(input)
	}
	if h.unplaced {
		return &fetchrecording.FindArchivedResult{}, nil
	}
	return &fetchrecording.FindArchivedResult{Place: &fetchrecording.Place{Account: "acme", Retention: h.retention}}, nil
}

func (h *harness) writeManifest(input fetchrecording.WriteManifestInput) (*fetchrecording.WriteManifestResult, error) {
	if h.write != nil {
		return h.write(input)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.manifests = append(h.manifests, input.Result)
	h.evidence = append(h.evidence, input.Evidence)
	h.replaces = append(h.replaces, input.Replaces)
	return &fetchrecording.WriteManifestResult{Result: input.Result}, nil
}

func (h *harness) count(activity string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.executed[activity]++
}

// slots are a call budget without limits, unless take says otherwise.
type slots struct{ h *harness }

func (s slots) Take(ctx context.Context, _ *account.Account, want callbudget.Want) (*callbudget.Slot, time.Duration, error) {
	s.h.mu.Lock()
	s.h.wants = append(s.h.wants, want)
	s.h.queues = append(s.h.queues, activity.GetInfo(ctx).TaskQueue)
	take := s.h.take
	s.h.mu.Unlock()
	if take != nil {
		return take(want)
	}
	return nil, 0, nil
}
func (slots) IsVoid(callbudget.Slot) bool                                     { return false }
func (slots) Report(context.Context, *account.Account, callbudget.CallReport) {}

func (h *harness) register(name string, execute any) {
	h.env.RegisterActivityWithOptions(execute, activity.RegisterOptions{Name: name})
}

func (h *harness) respond(w http.ResponseWriter, r *http.Request) {
	h.mu.Lock()
	now := h.responses[min(len(h.checkedAt), len(h.responses)-1)]
	h.checkedAt = append(h.checkedAt, h.env.Now().UTC())
	h.tokens = append(h.tokens, r.Header.Get("auth"))
	h.mu.Unlock()
	for name, values := range now.header {
		w.Header()[name] = values
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(now.code)
	fmt.Fprint(w, now.body)
}

func recordingOf(input fetchrecording.DownloadRecordingInput) *workflows.Recording {
	return &workflows.Recording{FileName: input.File.FileName, Bucket: "recordings", Key: "k/" + input.File.ObjectName,
		Bytes: 100, SHA256: "00", ContentType: "audio/wav", Format: "wav", CallTime: callTime, Source: input.File.Source}
}

// run executes the workflow and returns its result.
func (h *harness) run(policy workflows.FetchPolicy) workflows.FetchResult {
	h.t.Helper()
	h.execute(workflows.FetchRequest{Session: h.session, Policy: policy, Refetch: h.refetch})
	require.NoError(h.t, h.env.GetWorkflowError())
	var result workflows.FetchResult
	require.NoError(h.t, h.env.GetWorkflowResult(&result))
	require.Len(h.t, h.manifests, 1, "every outcome has exactly one manifest")
	require.Equal(h.t, h.manifests[0], result)
	return result
}

func (h *harness) execute(request workflows.FetchRequest) {
	h.t.Helper()
	h.executeInput(fetchrecording.Input{FetchRequest: request})
}

func (h *harness) executeInput(input fetchrecording.Input) {
	h.t.Helper()
	h.env.SetStartWorkflowOptions(client.StartWorkflowOptions{
		ID: input.FetchWorkflowID(), TaskQueue: workflows.TaskQueue,
	})
	if !h.fromJSON {
		require.NoError(h.t, h.env.SetMemoOnStart(workflows.FetchStartOptions(input.FetchRequest).Memo))
	}
	h.env.ExecuteWorkflow(workflows.FetchRecordingWorkflowName, input)
	require.True(h.t, h.env.IsWorkflowCompleted())
}

// gaps are the waits between the calls of the API.
func (h *harness) gaps() []time.Duration {
	var gaps []time.Duration
	for i := 1; i < len(h.checkedAt); i++ {
		gaps = append(gaps, h.checkedAt[i].Sub(h.checkedAt[i-1]))
	}
	return gaps
}

// answer makes a response the one that is sent from now on.
func (h *harness) answer(with response) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.responses = []response{with}
}

// sourcesOf returns the sources of files in a response of success.
func sourcesOf(t *testing.T, names ...string) []string {
	t.Helper()
	var files []archive.SourceFile
	for _, name := range names {
		files = append(files, archive.SourceFile{Name: name, Location: "/" + name + "?"})
	}
	var sources []string
	for _, named := range archive.NameFiles(files, nil) {
		sources = append(sources, named.Source)
	}
	return sources
}

// after runs act once the workflow's clock has advanced by d.
func (h *harness) after(d time.Duration, act func()) { h.env.RegisterDelayedCallback(act, d) }

func (h *harness) progress() workflows.FetchProgress {
	h.t.Helper()
	value, err := h.env.QueryWorkflow(workflows.QueryProgress)
	require.NoError(h.t, err)
	var progress workflows.FetchProgress
	require.NoError(h.t, value.Get(&progress))
	return progress
}

// details are what the Web UI shows.
func (h *harness) details() string {
	h.t.Helper()
	return replaytest.Details(h.t, h.env)
}

// checkNow sends the update and returns where its result will be.
func (h *harness) checkNow() *workflows.CheckNowResult {
	h.t.Helper()
	result := new(workflows.CheckNowResult)
	h.env.UpdateWorkflow(workflows.UpdateCheckNow, fmt.Sprint("now-", time.Now().UnixNano()), &testsuite.TestUpdateCallback{
		OnAccept: func() {},
		OnReject: func(err error) { require.NoError(h.t, err) },
		OnComplete: func(value any, err error) {
			require.NoError(h.t, err)
			*result = value.(workflows.CheckNowResult)
		},
	})
	return result
}

// requireDistinctTokens: a token is good for one request.
func (h *harness) requireDistinctTokens() {
	h.t.Helper()
	sorted := slices.Sorted(slices.Values(h.tokens))
	require.Len(h.t, slices.Compact(sorted), len(h.tokens), "a token was used twice")
}

func applicationError(t *testing.T, err error) *temporal.ApplicationError {
	t.Helper()
	var applicationError *temporal.ApplicationError
	require.ErrorAs(t, err, &applicationError)
	return applicationError
}

func failWith(kind failure.Kind, text string) error {
	return temporal.NewNonRetryableApplicationError(text, string(kind), nil)
}

func decodeInput(t *testing.T, next *workflow.ContinueAsNewError, input *fetchrecording.Input) {
	t.Helper()
	require.NoError(t, converter.GetDefaultDataConverter().FromPayloads(next.Input, input))
}
