package workflows_test

import (
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
	"github.com/callvault/callvault/internal/seal"
	"github.com/callvault/callvault/internal/smartassist"
	"github.com/callvault/callvault/workflows"
)

const (
	botID     = "st-fd81a2b1-43af-544d-8082-831bc09c0001"
	sessionID = "65e7133a3242653c58d7aaaa"
)

var (
	startTime = time.Date(2026, 3, 5, 12, 0, 0, 0, time.UTC)
	callTime  = time.Unix(0x65e7133a, 0).UTC()
)

// stage runs the workflow with skipped time, the real MintToken and the real
// CheckStatus against an upstream whose answers a test writes down. The
// archive is stubbed: it has tests with a real store of its own.
type stage struct {
	t   *testing.T
	env *testsuite.TestWorkflowEnvironment

	mu sync.Mutex
	// answers are given in turn; the last one stays.
	answers []answer
	// checkedAt is the workflow's time at each call of the upstream.
	checkedAt []time.Time
	tokens    []string
	// download, if set, stands in for DownloadRecording.
	download func(workflows.DownloadRecordingInput) (*workflows.Recording, error)
	// found is what FindArchived answers.
	found     func() (*workflows.FindArchivedResult, error)
	downloads []string
	manifests []workflows.FetchResult
	write     func(workflows.WriteManifestInput) (*workflows.WriteManifestResult, error)
}

type answer struct {
	code   int
	body   string
	header http.Header
}

func status(name string) answer { return answer{code: 200, body: fmt.Sprintf(`{"status":%q}`, name)} }

func success(names ...string) answer {
	body := `{"status":"success","recording":[`
	for i, name := range names {
		if i > 0 {
			body += ","
		}
		body += fmt.Sprintf(`{"fileName":%q,"fileUrl":"https://media.kore.ai/%s?s=sig$$"}`, name, name)
	}
	return answer{code: 200, body: body + "]}"}
}

func refusal(code int, msg string) answer {
	return answer{code: code, body: fmt.Sprintf(`{"errors":[{"msg":%q,"code":%d}]}`, msg, code)}
}

func newStage(t *testing.T, answers ...answer) *stage {
	t.Helper()
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(log.NewStructuredLogger(slog.New(slog.DiscardHandler)))
	s := &stage{t: t, env: suite.NewTestWorkflowEnvironment(), answers: answers}
	s.env.SetStartTime(startTime)
	s.env.SetTestTimeout(30 * time.Second)

	upstream := httptest.NewServer(http.HandlerFunc(s.answer))
	t.Cleanup(upstream.Close)
	base, err := url.Parse(upstream.URL)
	require.NoError(t, err)

	sealer := seal.New("the client secret")
	s.env.RegisterWorkflowWithOptions(workflows.FetchRecordingWorkflow, workflow.RegisterOptions{Name: workflows.FetchRecordingWorkflowName})
	s.register(workflows.ActivityMintToken, (&activities.MintToken{
		Bots:        activities.Bots{botID},
		Credentials: smartassist.Credentials{ClientID: "cs-1", ClientSecret: "the client secret"},
		Sealer:      sealer,
	}).Execute)
	s.register(workflows.ActivityCheckStatus, (&activities.CheckStatus{
		Client: smartassist.NewClient(smartassist.Config{BaseURL: base}),
		Sealer: sealer,
	}).Execute)
	s.register(workflows.ActivityFindArchived, func(context.Context, workflows.FindArchivedInput) (*workflows.FindArchivedResult, error) {
		if s.found != nil {
			return s.found()
		}
		return &workflows.FindArchivedResult{}, nil
	})
	s.register(workflows.ActivityDownloadRecording, func(_ context.Context, input workflows.DownloadRecordingInput) (*workflows.Recording, error) {
		s.mu.Lock()
		s.downloads = append(s.downloads, input.File.FileName)
		s.mu.Unlock()
		if s.download != nil {
			return s.download(input)
		}
		return recordingOf(input), nil
	})
	s.register(workflows.ActivityWriteManifest, func(_ context.Context, input workflows.WriteManifestInput) (*workflows.WriteManifestResult, error) {
		if s.write != nil {
			return s.write(input)
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.manifests = append(s.manifests, input.Result)
		return &workflows.WriteManifestResult{Result: input.Result}, nil
	})
	return s
}

func (s *stage) register(name string, execute any) {
	s.env.RegisterActivityWithOptions(execute, activity.RegisterOptions{Name: name})
}

func (s *stage) answer(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	now := s.answers[min(len(s.checkedAt), len(s.answers)-1)]
	s.checkedAt = append(s.checkedAt, s.env.Now().UTC())
	s.tokens = append(s.tokens, r.Header.Get("auth"))
	s.mu.Unlock()
	for name, values := range now.header {
		w.Header()[name] = values
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(now.code)
	fmt.Fprint(w, now.body)
}

func recordingOf(input workflows.DownloadRecordingInput) *workflows.Recording {
	return &workflows.Recording{FileName: input.File.FileName, Bucket: "recordings", Key: "k/" + input.File.ObjectName,
		Bytes: 100, SHA256: "00", ContentType: "audio/wav", Format: "wav", CallTime: callTime, Source: input.File.Source}
}

// run executes the workflow and answers its result.
func (s *stage) run(policy workflows.Policy) workflows.FetchResult {
	s.t.Helper()
	s.execute(workflows.FetchRequest{BotID: botID, SessionID: sessionID, Policy: policy})
	require.NoError(s.t, s.env.GetWorkflowError())
	var result workflows.FetchResult
	require.NoError(s.t, s.env.GetWorkflowResult(&result))
	require.Len(s.t, s.manifests, 1, "every outcome has exactly one manifest")
	require.Equal(s.t, s.manifests[0], result)
	return result
}

func (s *stage) execute(request workflows.FetchRequest) {
	s.t.Helper()
	s.env.SetStartWorkflowOptions(client.StartWorkflowOptions{
		ID: workflows.FetchWorkflowID(request.BotID, request.SessionID), TaskQueue: workflows.TaskQueue,
	})
	s.env.ExecuteWorkflow(workflows.FetchRecordingWorkflowName, request)
	require.True(s.t, s.env.IsWorkflowCompleted())
}

// gaps are the waits between the calls of the upstream.
func (s *stage) gaps() []time.Duration {
	var gaps []time.Duration
	for i := 1; i < len(s.checkedAt); i++ {
		gaps = append(gaps, s.checkedAt[i].Sub(s.checkedAt[i-1]))
	}
	return gaps
}

// after runs act once the workflow's clock has moved on by d.
func (s *stage) after(d time.Duration, act func()) { s.env.RegisterDelayedCallback(act, d) }

func (s *stage) progress() workflows.Progress {
	s.t.Helper()
	value, err := s.env.QueryWorkflow(workflows.QueryProgress)
	require.NoError(s.t, err)
	var progress workflows.Progress
	require.NoError(s.t, value.Get(&progress))
	return progress
}

// checkNow sends the update and answers where its result will stand.
func (s *stage) checkNow() *workflows.CheckNowResult {
	s.t.Helper()
	result := new(workflows.CheckNowResult)
	s.env.UpdateWorkflow(workflows.UpdateCheckNow, fmt.Sprint("now-", time.Now().UnixNano()), &testsuite.TestUpdateCallback{
		OnAccept: func() {},
		OnReject: func(err error) { require.NoError(s.t, err) },
		OnComplete: func(value any, err error) {
			require.NoError(s.t, err)
			*result = value.(workflows.CheckNowResult)
		},
	})
	return result
}

// requireDistinctTokens: a token serves one request.
func (s *stage) requireDistinctTokens() {
	s.t.Helper()
	sorted := slices.Sorted(slices.Values(s.tokens))
	require.Len(s.t, slices.Compact(sorted), len(s.tokens), "a token was used twice")
}

func applicationError(t *testing.T, err error) *temporal.ApplicationError {
	t.Helper()
	var applicationError *temporal.ApplicationError
	require.ErrorAs(t, err, &applicationError)
	return applicationError
}

func failWith(errorType, text string) error {
	return temporal.NewNonRetryableApplicationError(text, errorType, nil)
}

func decodeInput(t *testing.T, next *workflow.ContinueAsNewError, request *workflows.FetchRequest) {
	t.Helper()
	require.NoError(t, converter.GetDefaultDataConverter().FromPayloads(next.Input, request))
}
