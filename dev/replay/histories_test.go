// Package replay_test makes histories of a fetch in each of its states on the
// real server, and proves that today's workflow code replays them.
//
// With -save it also keeps them for the future:
//
//	go test ./dev/replay -save
//
// Run that once for each release, and commit what it adds. Histories of
// released code are never replaced: fetches that sleep in those states may
// wake up under any later version.
package replay_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/api/temporalproto"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/log"
	sdkworker "go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
	"google.golang.org/grpc"

	"github.com/callvault/callvault/dev/internal/billing"
	"github.com/callvault/callvault/dev/internal/datadir"
	"github.com/callvault/callvault/dev/internal/ports"
	"github.com/callvault/callvault/dev/internal/stack"
	"github.com/callvault/callvault/internal/account"
	"github.com/callvault/callvault/internal/archive"
	"github.com/callvault/callvault/internal/simulator"
	"github.com/callvault/callvault/internal/worker"
	"github.com/callvault/callvault/workflows"
	"github.com/callvault/callvault/workflows/fetchrecording"
)

// release names the histories that -save writes.
const release = "v0.3.0"

var save = flag.Bool("save", false, "keep the histories in the folders testdata/histories of the engines")

// state is one state in which a later version may find a fetch.
type state struct {
	name    string
	session simulator.Session
	policy  workflows.FetchPolicy
	// until reports whether the fetch has reached the state.
	until func(workflows.FetchProgress) bool
	// then, if set, acts on the fetch in that state.
	then func(context.Context, *stack.Stack, *workflows.FetchRun) error
	// fromJSON: the fetch is started without package workflows.
	fromJSON bool
	// before, if set, prepares the archive, by an earlier fetch.
	before  func(ctx context.Context, t *testing.T, s *stack.Stack, earlier *workflows.FetchResult)
	refetch bool
	// young sessions begin now, the others long ago; notServed ones are of a bot
	// that no worker serves.
	young, notServed bool
	// age is that of the call, if it is neither young nor old.
	age time.Duration
	// flow is what the starter knows; 0 for the newest.
	flow int
	// open fetches are exported while they run; the others when they have ended.
	open bool
	// slow states are reached only to save their histories: it takes long, or depends on
	// the time that a machine takes.
	slow bool
}

func states() []state {
	success := []simulator.Step{{Status: simulator.StatusSuccess}}
	sleeping := []simulator.Step{{Status: simulator.StatusPartialDownloadFailed}}
	files := []simulator.File{{Name: "caller.wav"}, {Name: "agent.wav"}}
	return []state{
		{name: "few_events", session: simulator.Session{Script: success, Files: files[:1]}},
		{name: "archived", session: simulator.Session{Script: []simulator.Step{
			{Status: simulator.StatusCallInProgress, Calls: 2}, {Status: simulator.StatusMediaInProgress, Calls: 1},
			{Status: simulator.StatusPartialUploadFailed, Calls: 1}, {Status: simulator.StatusSuccess}}, Files: files}},
		{name: "archived_after_a_refused_url", session: simulator.Session{Script: success,
			Files: []simulator.File{{Name: "caller.wav"}, {Name: "agent.wav", Faults: []simulator.Fault{{Kind: simulator.Respond, Status: http.StatusForbidden}}}}}},
		{name: "larger_than_the_limit", session: simulator.Session{Script: success, Files: []simulator.File{{Name: "caller.wav", Size: maxRecording + 1}}}},
		{name: "continued_after_a_cut", session: simulator.Session{Script: success, Files: []simulator.File{{Name: "caller.wav", Size: 20 << 20,
			Faults: []simulator.Fault{{Kind: simulator.Cut, After: 17 << 20}}}}}},
		{name: "unavailable", session: simulator.Session{Script: []simulator.Step{{Status: simulator.StatusMediaUnavailable}}}},
		{name: "gave_up", session: simulator.Session{Script: sleeping}, policy: workflows.FetchPolicy{PartialMaxRetries: new(2)}},
		{name: "few_events_from_json", fromJSON: true, session: simulator.Session{Script: success, Files: files[:1]}},
		{name: "manifest_after_the_download", policy: workflows.FetchPolicy{PollMin: time.Hour, PollMax: time.Hour},
			session: simulator.Session{Script: success, Files: []simulator.File{{Name: "caller.wav", Duration: 2 * time.Second,
				Faults: []simulator.Fault{{Kind: simulator.Slow, BytesPerSecond: 8_000}}}}},
			until: func(p workflows.FetchProgress) bool { return p.Phase == workflows.PhaseArchiving }, then: spoilManifest},
		{name: "sleeping_with_few_events", session: simulator.Session{Script: sleeping}, open: true, policy: workflows.FetchPolicy{PartialRetryAfter: 24 * time.Hour},
			until: func(p workflows.FetchProgress) bool { return p.Phase == workflows.PhasePartialWait }},
		{name: "woken_by_check_now", session: simulator.Session{Script: sleeping}, open: true, policy: workflows.FetchPolicy{PartialRetryAfter: 24 * time.Hour},
			until: func(p workflows.FetchProgress) bool { return p.Phase == workflows.PhasePartialWait },
			then: func(ctx context.Context, _ *stack.Stack, run *workflows.FetchRun) error {
				_, err := run.CheckNow(ctx)
				return err
			}},
		{name: "cancelled_while_asleep", session: simulator.Session{Script: sleeping}, policy: workflows.FetchPolicy{PartialRetryAfter: 24 * time.Hour},
			until: func(p workflows.FetchProgress) bool { return p.Phase == workflows.PhasePartialWait },
			then:  func(ctx context.Context, _ *stack.Stack, run *workflows.FetchRun) error { return run.Cancel(ctx) }},
		{name: "blocked", session: simulator.Session{Script: []simulator.Step{{Status: simulator.StatusSuccess,
			Fault: new(simulator.Refuse(http.StatusUnauthorized, 4002, "Permission denied. Scope is incorrect!"))}}}, open: true,
			until: func(p workflows.FetchProgress) bool { return p.Phase == workflows.PhaseBlocked }},
		{name: "settling", session: simulator.Session{Script: []simulator.Step{{Status: simulator.StatusMediaUnavailable}}}, open: true, young: true,
			until: func(p workflows.FetchProgress) bool { return p.Phase == workflows.PhaseMediaInProgress }},
		{name: "gave_up_at_the_last_check", session: simulator.Session{Script: []simulator.Step{{Status: simulator.StatusCallInProgress}}},
			policy: workflows.FetchPolicy{GiveUpAfter: 300 * time.Millisecond}},
		{name: "archived_after_an_expired_url", session: simulator.Session{Files: files[:1], Script: []simulator.Step{
			{Status: simulator.StatusSuccess, Calls: 1, URLLifetime: -time.Second}, {Status: simulator.StatusSuccess}}}},
		{name: "bot_not_served", session: simulator.Session{Script: success}, open: true, notServed: true, slow: true,
			until: func(p workflows.FetchProgress) bool { return p.Phase == workflows.PhaseBlocked }},
		{name: "refetched", refetch: true, session: simulator.Session{Files: files[:1], Script: []simulator.Step{
			{Status: simulator.StatusMediaUnavailable, Calls: 1}, {Status: simulator.StatusSuccess}}},
			before: func(_ context.Context, t *testing.T, _ *stack.Stack, earlier *workflows.FetchResult) {
				require.Equal(t, workflows.OutcomeUnavailable, earlier.Outcome)
			}},
		{name: "repaired", session: simulator.Session{Files: files, Script: success}, before: removeFirst},
		{name: "damaged", session: simulator.Session{Files: files[:1], Script: []simulator.Step{
			{Status: simulator.StatusSuccess, Calls: 1}, {Status: simulator.StatusMediaUnavailable}}}, before: removeFirst},
	}
}

// spoilManifest lets the download not write the manifest, and then WriteManifest.
func spoilManifest(ctx context.Context, s *stack.Stack, run *workflows.FetchRun) error {
	store, err := open(s)
	if err != nil {
		return err
	}
	botID, sessionID, _ := strings.Cut(strings.TrimPrefix(run.WorkflowID(), "fetch-recording/"), "/")
	folder, err := archive.Folder("", workflows.Session{BotID: botID, SessionID: sessionID})
	if err != nil {
		return err
	}
	time.Sleep(2 * time.Second) // The download looks for a manifest before its first byte.
	key := folder + archive.ManifestName
	if _, err := store.PutObject(ctx, stack.Bucket, key, strings.NewReader("spoilt"), 6, minio.PutObjectOptions{}); err != nil {
		return err
	}
	for phase := workflows.FetchPhase(""); phase != workflows.PhaseBlocked; {
		progress, err := run.Progress(ctx)
		if err != nil {
			return err
		}
		phase = progress.Phase
		time.Sleep(20 * time.Millisecond)
	}
	if err := store.RemoveObject(ctx, stack.Bucket, key, minio.RemoveObjectOptions{}); err != nil {
		return err
	}
	_, err = run.CheckNow(ctx)
	return err
}

func open(s *stack.Stack) (*minio.Client, error) {
	endpoint, err := url.Parse(s.Store.Endpoint())
	if err != nil {
		return nil, err
	}
	return minio.New(endpoint.Host, &minio.Options{Creds: s.Credentials(), Region: stack.Region})
}

// removeFirst removes the first object of an archived session.
func removeFirst(ctx context.Context, t *testing.T, s *stack.Stack, earlier *workflows.FetchResult) {
	t.Helper()
	require.Equal(t, workflows.OutcomeArchived, earlier.Outcome)
	store, err := open(s)
	require.NoError(t, err)
	lost := earlier.Recordings[0]
	require.NoError(t, store.RemoveObject(ctx, lost.Bucket, lost.Key, minio.RemoveObjectOptions{}))
}

// What a recording that is simply there may cost. An event that is added here has to be
// worth its price, a million times.
const (
	ordinaryEvents  = 25
	ordinaryActions = 7
)

// requireOrdinary requires that a fetch that archived one file, started by package
// workflows, has cost no more than that: beats are its heartbeats.
func requireOrdinary(t *testing.T, history *historypb.History, beats int) {
	t.Helper()
	var all []string
	for _, event := range history.GetEvents() {
		all = append(all, fmt.Sprint(event.GetEventId(), " ", event.GetEventType()))
	}
	require.LessOrEqual(t, len(all), ordinaryEvents, strings.Join(all, "\n"))
	require.LessOrEqual(t, billing.Actions(history.GetEvents())+beats, ordinaryActions, "%d heartbeats\n%s", beats, strings.Join(all, "\n"))
	require.Equal(t, []string{
		"WorkflowExecutionStarted",
		"MarkerRecorded LocalActivity",
		"ActivityTaskScheduled MintToken on callvault-slot/" + simulator.DefaultBotID + "/batch/1",
		"ActivityTaskScheduled CheckStatus on callvault-check/dev",
		"ActivityTaskScheduled DownloadRecording on callvault-transfer/dev",
		"UpsertWorkflowSearchAttributes",
		"WorkflowExecutionCompleted",
	}, billed(history))
	t.Logf("%d events, %d billable actions", len(all), billing.Actions(history.GetEvents())+beats)
}

// billed returns the events of a history that a command or the start has made.
func billed(history *historypb.History) []string {
	var lines []string
	for _, event := range history.GetEvents() {
		line := event.GetEventType().String()
		switch event.GetEventType() {
		case enumspb.EVENT_TYPE_WORKFLOW_TASK_SCHEDULED, enumspb.EVENT_TYPE_WORKFLOW_TASK_STARTED, enumspb.EVENT_TYPE_WORKFLOW_TASK_COMPLETED,
			enumspb.EVENT_TYPE_ACTIVITY_TASK_STARTED, enumspb.EVENT_TYPE_ACTIVITY_TASK_COMPLETED:
			continue
		case enumspb.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED:
			scheduled := event.GetActivityTaskScheduledEventAttributes()
			line += " " + scheduled.GetActivityType().GetName() + " on " + scheduled.GetTaskQueue().GetName()
		case enumspb.EVENT_TYPE_MARKER_RECORDED:
			line += " " + event.GetMarkerRecordedEventAttributes().GetMarkerName()
		}
		lines = append(lines, line)
	}
	return lines
}

// downloads returns the inputs of the downloads in a history.
func downloads(history *historypb.History) []fetchrecording.DownloadRecordingInput {
	var inputs []fetchrecording.DownloadRecordingInput
	for _, event := range history.GetEvents() {
		scheduled := event.GetActivityTaskScheduledEventAttributes()
		if scheduled.GetActivityType().GetName() != fetchrecording.DownloadRecording {
			continue
		}
		var input fetchrecording.DownloadRecordingInput
		if err := converter.GetDefaultDataConverter().FromPayloads(scheduled.GetInput(), &input); err != nil {
			panic(err) // The workflow has encoded it.
		}
		inputs = append(inputs, input)
	}
	return inputs
}

func TestTodaysHistoriesReplay(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	s, c := start(ctx, t)

	replayer := sdkworker.NewWorkflowReplayer()
	replayer.RegisterWorkflowWithOptions(fetchrecording.Workflow, workflow.RegisterOptions{Name: workflows.FetchRecordingWorkflowName})
	for i, state := range states() {
		t.Run(state.name, func(t *testing.T) {
			skipSlow(t, state.slow, "fetchrecording")
			before := heartbeats.Load()
			history := historyOf(ctx, t, s, c, state, uint64(i))
			keep(t, "fetchrecording", state.name, history)
			require.NoError(t, replayer.ReplayWorkflowHistory(nil, history))
			switch state.name {
			case "few_events":
				requireOrdinary(t, history, int(heartbeats.Load()-before))
			case "few_events_from_json":
				require.Contains(t, billed(history), "MarkerRecorded Version", "its version is in its history")
				require.Contains(t, billed(history), "MarkerRecorded LocalActivity")
			case "larger_than_the_limit":
				require.Len(t, downloads(history), 1, "it will be as large the next time")
			case "continued_after_a_cut":
				all := downloads(history)
				require.Len(t, all, 2)
				require.Empty(t, all[0].Resume)
				require.True(t, all[1].Again)
				require.NotEmpty(t, all[1].Resume)
			case "manifest_after_the_download":
				require.Contains(t, billed(history), "ActivityTaskScheduled WriteManifest on callvault-archive/dev")
			case "woken_by_check_now":
				require.Contains(t, billed(history), "TimerCanceled", "the timer of the ended wait is not left running")
			}
		})
	}
}

// skipSlow skips a state that takes a minute to reach, unless its history is to be saved.
func skipSlow(t *testing.T, slow bool, engine string) {
	t.Helper()
	if slow && !*save {
		t.Skip("it takes long to reach; its saved history is replayed in workflows/" + engine)
	}
}

// keep saves a history for the future, with -save.
func keep(t *testing.T, engine, state string, history *historypb.History) {
	t.Helper()
	if !*save {
		return
	}
	body, err := temporalproto.CustomJSONMarshalOptions{Indent: " "}.Marshal(history)
	require.NoError(t, err)
	path := filepath.Join(repository, "workflows", engine, "testdata", "histories", fmt.Sprintf("%s_%s.json", release, state))
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	require.NoError(t, err, "a saved history is never replaced: set release to the new version")
	_, err = file.Write(body)
	require.NoError(t, errors.Join(err, file.Close()))
}

// repository is this module's parent, before the store moves the process into
// its own folder.
var repository = func() string {
	path, err := filepath.Abs("../..")
	if err != nil {
		panic(err)
	}
	return path
}()

// maxRecording is the most that the workers accept of a recording, in bytes.
const maxRecording = 32 << 20

// callsPerMinute is the vendor's limit.
const callsPerMinute = 3000

func start(ctx context.Context, t *testing.T) (*stack.Stack, client.Client) {
	t.Helper()
	return startWith(ctx, t, func(*account.Settings) {})
}

// startWithRetention is start with a vendor that is known to keep recordings so long.
func startWithRetention(ctx context.Context, t *testing.T, retention time.Duration) (*stack.Stack, client.Client) {
	return startWith(ctx, t, func(account *account.Settings) { account.Retention = retention })
}

// startWith starts a stack, and a worker whose account is changed.
func startWith(ctx context.Context, t *testing.T, change func(*account.Settings)) (*stack.Stack, client.Client) {
	t.Helper()
	data, err := datadir.Open(t.TempDir())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, data.Close()) })
	s, err := stack.Start(ctx, stack.Options{Data: data,
		Upstream:     simulator.Config{BotIDs: slices.Concat([]string{simulator.DefaultBotID}, budgetBots, batchBots), EnforceJTI: true, CallsPerMinute: callsPerMinute, CallsPerHour: simulator.Unlimited},
		TemporalPort: ports.Any, UIPort: ports.Any, StorePort: ports.Any, UpstreamPort: ports.Any})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Stop()) })

	logger := slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
	c, err := client.DialContext(ctx, client.Options{HostPort: s.Temporal.Address(), Identity: "replay", Logger: log.NewStructuredLogger(logger),
		ConnectionOptions: client.ConnectionOptions{DialOptions: []grpc.DialOption{grpc.WithChainUnaryInterceptor(countHeartbeats)}}})
	require.NoError(t, err)
	t.Cleanup(c.Close)
	settings, err := s.Settings()
	require.NoError(t, err)
	settings.Accounts[0].AskWhenReady = true
	settings.Accounts[0].MaxRecordingBytes = maxRecording
	settings.Accounts[0].Archive.MultipartFrom = archive.MinMultipartFrom
	change(&settings.Accounts[0])
	run(ctx, t, worker.Options{Client: c, Settings: settings, Logger: logger})
	return s, c
}

// run runs a worker until the test ends.
func run(ctx context.Context, t *testing.T, options worker.Options) {
	t.Helper()
	running, stop := context.WithCancel(ctx)
	ready, ended := make(chan struct{}), make(chan error, 1)
	options.Namespace, options.Ready = stack.Namespace, func() { close(ready) }
	go func() { ended <- worker.Run(running, options) }()
	t.Cleanup(func() { stop(); require.NoError(t, <-ended) })
	select {
	case <-ready:
	case err := <-ended:
		require.NoError(t, err, "the worker did not start")
	}
}

// heartbeats counts what the worker has sent.
var heartbeats atomic.Int64

func countHeartbeats(ctx context.Context, method string, request, reply any, c *grpc.ClientConn, invoke grpc.UnaryInvoker, options ...grpc.CallOption) error {
	if strings.HasSuffix(method, "/RecordActivityTaskHeartbeat") {
		heartbeats.Add(1)
	}
	return invoke(ctx, method, request, reply, c, options...)
}

// historyOf brings one fetch into its state and returns its history.
func historyOf(ctx context.Context, t *testing.T, s *stack.Stack, c client.Client, state state, serial uint64) *historypb.History {
	t.Helper()
	session := state.session
	session.BotID = simulator.DefaultBotID
	begin := time.Date(2026, 3, 5, 12, 42, 34, 0, time.UTC)
	if state.young {
		begin = time.Now()
	}
	if state.age > 0 {
		begin = time.Now().Add(-state.age)
	}
	session.SessionID = simulator.NewSessionID(begin, serial)
	if state.notServed {
		session.BotID = "st-22222222-2222-2222-2222-222222222222"
	} else {
		require.NoError(t, s.Upstream.AddSession(session))
	}

	policy := state.policy
	if policy.PollMin == 0 {
		policy.PollMin, policy.PollMax = 50*time.Millisecond, 100*time.Millisecond
	}
	if policy.PartialRetryAfter == 0 {
		policy.PartialRetryAfter = 100 * time.Millisecond
	}
	request := workflows.FetchRequest{
		Session: workflows.Session{BotID: session.BotID, SessionID: session.SessionID}, BatchID: "replay", Policy: policy,
	}
	if state.before != nil {
		earlier, err := workflows.StartFetch(ctx, c, request)
		require.NoError(t, err)
		result, err := earlier.Result(ctx)
		require.NoError(t, err)
		state.before(ctx, t, s, result)
	}
	request.Refetch = state.refetch
	if state.fromJSON {
		_, err := c.ExecuteWorkflow(ctx, client.StartWorkflowOptions{ID: request.FetchWorkflowID(), TaskQueue: workflows.TaskQueue}, workflows.FetchRecordingWorkflowName, request)
		require.NoError(t, err)
	}
	run, err := startAs(ctx, c, request, state.flow)
	require.NoError(t, err)

	if state.until != nil {
		require.Eventually(t, func() bool {
			progress, err := run.Progress(ctx)
			return err == nil && state.until(progress)
		}, 90*time.Second, 20*time.Millisecond) // A bot is known not to be served after a minute.
	}
	if state.then != nil {
		require.NoError(t, state.then(ctx, s, run))
	}
	if !state.open {
		_, _ = run.Result(ctx) // A cancelled one fails, which its history shows.
	}
	history := export(ctx, t, c, run.WorkflowID(), run.RunID())
	if state.open {
		require.NoError(t, run.Cancel(ctx)) // It has no part in what follows.
	}
	return history
}

// startAs starts a fetch, or attaches to it, as a caller that knows a flow; 0 for the newest.
func startAs(ctx context.Context, c client.Client, request workflows.FetchRequest, flow int) (*workflows.FetchRun, error) {
	if flow == 0 {
		return workflows.StartFetch(ctx, c, request)
	}
	return workflows.StartFetchAs(ctx, c, request, flow)
}

func export(ctx context.Context, t *testing.T, c client.Client, workflowID, runID string) *historypb.History {
	t.Helper()
	history := new(historypb.History)
	events := c.GetWorkflowHistory(ctx, workflowID, runID, false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for events.HasNext() {
		event, err := events.Next()
		require.NoError(t, err)
		history.Events = append(history.Events, event)
	}
	return history
}
