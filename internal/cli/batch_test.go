package cli_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/sdk/temporal"

	"github.com/callvault/callvault/internal/program"
	"github.com/callvault/callvault/workflows"
)

func known(workflowID string, status enumspb.WorkflowExecutionStatus) map[string]enumspb.WorkflowExecutionStatus {
	return map[string]enumspb.WorkflowExecutionStatus{workflowID: status}
}

// underWay is the progress of a batch in the middle.
func underWay() workflows.BatchProgress {
	return workflows.BatchProgress{
		BatchID: "b1", Phase: workflows.BatchLaunching, Reason: "the budget st-1 is \x1b[2Jpaused", Since: callTime, AsOf: callTime.Add(time.Minute), StartedAt: callTime,
		BatchCounts: workflows.BatchCounts{
			Sessions: 2000, Found: 10, Launched: 1100, Calls: 1234, NoOutcome: 1,
			Outcomes: map[workflows.Outcome]int{workflows.OutcomeArchived: 986, workflows.OutcomeFailed: 3}, Running: map[workflows.FetchPhase]int{workflows.PhasePartialWait: 110},
		},
		Duplicates: 5, PerHour: 1799.6, DoneAt: callTime.Add(35 * time.Minute),
		Failures: []workflows.BatchFailure{{WorkflowID: "fetch-recording/st-1/a", Outcome: workflows.OutcomeFailed, At: callTime}, {WorkflowID: "fetch-recording/st-1/b", Status: "Terminated", At: callTime}},
	}
}

func TestBatchStatusShowsCountsRateAndTimeLeft(t *testing.T) {
	server := &batchServer{known: known("batch/b1", statusRunning), progress: underWay()}
	listen(t, server)
	for _, id := range []string{"b1", "batch/b1"} {
		got := run(t.Context(), "batch", "status", id)
		require.Equal(t, program.ExitDone, got.code, got.stderr)
		require.Empty(t, got.stderr)
		require.Contains(t, got.stdout, "batch b1: launching since 2026-03-05T12:42:34Z: the budget st-1 is  [2Jpaused\n")
		for _, row := range []string{"archived 986", "failed 3", "ended without an outcome 1", "had a manifest before 10", "running: partial_wait 110", "not started 890"} {
			require.Contains(t, strings.Join(strings.Fields(got.stdout), " "), row)
		}
		require.Contains(t, got.stdout, "  1,000 of 2,000 sessions have ended (50.0 %), 1,800 in an hour, done at about 2026-03-05 13:17 UTC (in 0s)\n")
		require.Contains(t, got.stdout, "calls of the vendor's API: 1,234; rows that repeat a session: 5; as of 2026-03-05T12:43:34Z\n")
		require.Contains(t, got.stdout, "    2026-03-05T12:42:34Z  fetch-recording/st-1/a  failed\n    2026-03-05T12:42:34Z  fetch-recording/st-1/b  Terminated\n")
		require.Contains(t, got.stdout, "  its fetches: CallvaultBatch = 'b1' AND WorkflowType = 'FetchRecordingWorkflow'\n")
	}
}

func TestBatchStatusOfAnEndedBatchNamesTheReport(t *testing.T) {
	server := &batchServer{known: known("batch/b1", statusCompleted), progress: workflows.BatchProgress{
		Phase: workflows.BatchDone, BatchCounts: workflows.BatchCounts{Sessions: 1, Launched: 1, Outcomes: map[workflows.Outcome]int{"archived": 1}}, PerHour: 60, DoneAt: callTime,
		Report: &workflows.ObjectRef{Bucket: bucket, Key: "batches/b1/report.csv"},
	}}
	listen(t, server)
	got := run(t.Context(), "batch", "status", "b1")
	require.Equal(t, program.ExitDone, got.code)
	require.Contains(t, got.stdout, "  1 of 1 sessions have ended (100.0 %)\n", "no rate and no time left")
	require.Contains(t, got.stdout, "  report: s3://recordings/batches/b1/report.csv\n")

	got = run(t.Context(), "batch", "status", "b1", "--output", "json")
	var status struct {
		workflows.BatchProgress
		WorkflowID, FetchesQuery string
	}
	require.NoError(t, json.Unmarshal([]byte(got.stdout), &status))
	require.Equal(t, "batch/b1", status.WorkflowID)
	require.Equal(t, "CallvaultBatch = 'b1' AND WorkflowType = 'FetchRecordingWorkflow'", status.FetchesQuery)
	require.Equal(t, 1, status.Outcomes[workflows.OutcomeArchived])
}

func TestUnknownBatchPointsToTheArchive(t *testing.T) {
	e := newBatchEnvironment(t)
	listen(t, new(batchServer))
	for _, flags := range [][]string{nil, {"--watch"}} {
		got := run(t.Context(), append([]string{"batch", "status", "b1"}, flags...)...)
		require.Equal(t, program.ExitFailed, got.code)
		require.Contains(t, got.stderr, `batch b1 is not known in namespace "default": correct the ID (`+program.Command("starter")+` batch list --all shows those that are)`)
	}
	e.record(workflows.BatchRequest{BatchID: "b1"}, callID(callTime, 1))
	for _, flags := range [][]string{nil, {"--watch"}} {
		got := run(t.Context(), append([]string{"batch", "status", "b1"}, flags...)...)
		require.Equal(t, program.ExitFailed, got.code)
		require.Empty(t, got.stdout)
		require.Contains(t, got.stderr, "batch b1 is not known to Temporal any more, but the archive has its record: to see what became of its sessions: "+program.Command("starter")+" batch report b1\n")
	}
}

func TestBatchThatCannotAnswerSaysWhy(t *testing.T) {
	for says, err := range map[string]error{
		"no worker responds: start one with": serviceerror.NewFailedPrecondition("no poller"),
		"cannot continue: see its last":      serviceerror.NewWorkflowNotReady("not ready"),
		"it could not begin: see batch/b1":   serviceerror.NewQueryFailed("unknown query"),
		"not yours":                          serviceerror.NewPermissionDenied("not yours", ""),
	} {
		listen(t, &batchServer{known: known("batch/b1", statusRunning), queryErr: err})
		got := run(t.Context(), "batch", "status", "b1")
		require.Equal(t, program.ExitFailed, got.code)
		require.Contains(t, got.stderr, says)
	}
}

func TestBatchListHasRunningBatchesFirst(t *testing.T) {
	server := &batchServer{
		known:    known("batch/b1", statusRunning),
		progress: underWay(),
		running:  []*workflowpb.WorkflowExecutionInfo{listed("batch/b1", statusRunning, "launching"), listed("batch/gone", statusRunning, "waiting")},
		closed:   []*workflowpb.WorkflowExecutionInfo{listed("batch/b0", statusCompleted, "done"), listed("batch/b00", enumspb.WORKFLOW_EXECUTION_STATUS_TERMINATED, "launching")},
	}
	listen(t, server)
	got := run(t.Context(), "batch", "list")
	require.Equal(t, program.ExitDone, got.code, got.stderr)
	require.Equal(t, []string{"WorkflowType = 'FetchRecordingsBatchWorkflow' AND ExecutionStatus = 'Running'"}, server.queries)
	lines := strings.Split(got.stdout, "\n")
	require.Len(t, lines, 4)
	require.Regexp(t, `^b1 +launching +2026-03-05 12:42 UTC  1,000 of 2,000 sessions have ended \(50\.0 %\), 1,800 in an hour, .*: the budget st-1 is  \[2Jpaused$`, lines[1])
	require.Regexp(t, `^gone +waiting +2026-03-05 12:42 UTC  batch gone is not known`, lines[2])

	got = run(t.Context(), "batch", "list", "--all")
	require.Regexp(t, `(?m)^b0 +done +2026-03-05 12:42 UTC  ended 2026-03-05 13:42 UTC$`, got.stdout)
	require.Regexp(t, `(?m)^b00 +terminated while launching +2026`, got.stdout)

	got = run(t.Context(), "batch", "list", "--all", "--output", "json")
	var all []struct {
		BatchID, WorkflowID, State, Phase, Problem string
		Progress                                   *workflows.BatchProgress
	}
	require.NoError(t, json.Unmarshal([]byte(got.stdout), &all))
	require.Len(t, all, 4)
	require.Equal(t, 986, all[0].Progress.Outcomes["archived"])
	require.NotEmpty(t, all[1].Problem)
	require.Equal(t, "Completed", all[2].State)
}

func TestBatchListIsBounded(t *testing.T) {
	server := new(batchServer)
	listen(t, server)
	got := run(t.Context(), "batch", "list")
	require.Equal(t, outcome{program.ExitDone, "no batch is running in namespace \"default\"\n", ""}, got)
	require.Equal(t, "[]\n", run(t.Context(), "batch", "list", "--all", "--output", "json").stdout)
	for i := range 101 {
		server.closed = append(server.closed, listed(fmt.Sprintf("batch/b%d", i), statusCompleted, "done"))
	}
	got = run(t.Context(), "batch", "list", "--all")
	require.Equal(t, 101, strings.Count(got.stdout, "\n"), "a header and the batches")
	require.Contains(t, got.stderr, "Only the latest 100 batches are listed")
}

func TestPauseAndResumeSendTheirUpdate(t *testing.T) {
	for _, update := range []string{"pause", "resume"} {
		server := &batchServer{known: known("batch/b1", statusRunning), progress: underWay()}
		listen(t, server)
		got := run(t.Context(), "batch", update, "b1", "--reason", "as agreed")
		require.Equal(t, program.ExitDone, got.code, got.stderr)
		require.Contains(t, got.stdout, "batch b1: launching")
		require.Equal(t, "batch/b1", server.updated.GetWorkflowExecution().GetWorkflowId())
		require.Equal(t, update, server.updated.GetRequest().GetInput().GetName())
		require.JSONEq(t, `{"reason": "as agreed"}`, string(server.updated.GetRequest().GetInput().GetArgs().GetPayloads()[0].GetData()))

		got = run(t.Context(), "batch", update, "b1", "--output=json")
		var progress workflows.BatchProgress
		require.NoError(t, json.Unmarshal([]byte(got.stdout), &progress))
		require.Equal(t, 2000, progress.Sessions)
	}
}

func TestCancelAsksTheBatchToEnd(t *testing.T) {
	server := &batchServer{known: known("batch/b1", statusRunning)}
	listen(t, server)
	got := run(t.Context(), "batch", "cancel", "b1")
	require.Equal(t, program.ExitDone, got.code, got.stderr)
	require.Contains(t, got.stdout, "batch b1 is being cancelled")
	require.EqualValues(t, 1, server.cancelled.Load())
	got = run(t.Context(), "batch", "cancel", "b1", "--output", "json")
	require.JSONEq(t, `{"batchId": "b1", "workflowId": "batch/b1", "cancelRequested": true}`, got.stdout)
}

func TestBatchThatDoesNotRunIsNotChanged(t *testing.T) {
	for _, command := range []string{"pause", "resume", "cancel"} {
		listen(t, &batchServer{known: known("batch/b1", statusCompleted)})
		got := run(t.Context(), "batch", command, "b1")
		require.Equal(t, program.ExitFailed, got.code)
		require.Contains(t, got.stderr, "batch b1 is not running any more: to see how it ended: "+program.Command("starter")+" batch status b1; to fetch again what was not archived: "+program.Command("starter")+" batch retry b1")
		got = run(t.Context(), "batch", command, "b2")
		require.Equal(t, program.ExitFailed, got.code)
		require.Contains(t, got.stderr, "batch b2 is not known")
	}
	listen(t, &batchServer{known: known("batch/b1", statusRunning), reject: temporal.NewApplicationError("the batch was cancelled: retry it once it has ended", "")})
	got := run(t.Context(), "batch", "pause", "b1")
	require.Equal(t, program.ExitFailed, got.code)
	require.Contains(t, got.stderr, "batch b1 rejects the change: the batch was cancelled")
}

func TestRetryStartsTheBatchAgainWithWhatTheArchiveKept(t *testing.T) {
	e := newBatchEnvironment(t)
	kept := workflows.BatchRequest{
		BatchID: "b1", Source: &workflows.ObjectRef{Bucket: bucket, Key: storedList}, Priority: 5, MaxFailures: workflows.FailureLimit{Percent: 5},
		Policy: workflows.FetchPolicy{PollMin: time.Minute, GiveUpAfter: 100 * time.Hour},
	}
	e.record(kept, ids(callTime, 3)...)
	for name, row := range map[string]struct {
		known map[string]enumspb.WorkflowExecutionStatus
		flags []string
		want  string
	}{
		"as it was": {known("batch/b1", statusCompleted), nil, `"priority": 5, "maxFailures": "5%", "policy": {"pollMin": "1m0s", "giveUpAfter": "100h0m0s"}`},
		"forgotten, with other options": {nil, []string{"--max-failures", "7", "--priority", "3", "--give-up-after", "50h", "--partial-max-retries", "0"},
			`"priority": 3, "maxFailures": 7, "policy": {"pollMin": "1m0s", "giveUpAfter": "50h0m0s", "partialMaxRetries": 0}`},
	} {
		t.Run(name, func(t *testing.T) {
			server := &batchServer{known: row.known, result: &workflows.BatchResult{BatchID: "b1", Phase: workflows.BatchDone}}
			listen(t, server)
			got := run(t.Context(), append([]string{"batch", "retry", "b1"}, row.flags...)...)
			require.Equal(t, program.ExitDone, got.code, got.stderr)
			require.Contains(t, got.stdout, "started batch b1 with 3 sessions\n")
			id, input := server.request(t)
			require.Equal(t, "batch/b1", id)
			require.JSONEq(t, `{"batchId": "b1", "source": {"bucket": "recordings", "key": "`+storedList+`"}, "refetch": true, `+row.want+`}`, input)
			require.Equal(t, enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE, server.started[0].GetWorkflowIdReusePolicy())

			got = run(t.Context(), "batch", "retry", "b1", "--wait", "--output", "json")
			require.Equal(t, program.ExitDone, got.code, got.stderr)
			require.Contains(t, got.stdout, `"phase": "done"`)
		})
	}
}

func TestRetryIsRefusedWhileTheBatchRunsOrWithoutARecord(t *testing.T) {
	e := newBatchEnvironment(t)
	server := &batchServer{known: known("batch/b1", statusRunning)}
	listen(t, server)
	got := run(t.Context(), "batch", "retry", "b2")
	require.Equal(t, program.ExitFailed, got.code)
	require.Contains(t, got.stderr, "no archive of the configured accounts has the record of batch b2")

	e.record(workflows.BatchRequest{BatchID: "b1", Source: &workflows.ObjectRef{Bucket: bucket, Key: storedList}}, callID(callTime, 1))
	got = run(t.Context(), "batch", "retry", "b1")
	require.Equal(t, program.ExitUsage, got.code)
	require.Contains(t, got.stderr, "batch b1 is running: wait until it ends")
	require.Empty(t, server.started)
}

func TestReportComesFromTheManifests(t *testing.T) {
	e := newBatchEnvironment(t)
	all := ids(callTime, 3)
	e.record(workflows.BatchRequest{BatchID: "b1"}, all...)
	e.put(workflows.Session{BotID: bot, SessionID: all[0]}, workflows.OutcomeArchived, "a.wav", "b.wav")
	folder, err := e.store.Folder(workflows.Session{BotID: bot, SessionID: all[0]})
	require.NoError(t, err)
	e.put(workflows.Session{BotID: bot, SessionID: all[1]}, workflows.OutcomeFailed)
	fetch := workflows.Session{BotID: bot, SessionID: all[2]}.FetchWorkflowID()

	listen(t, &batchServer{known: known(fetch, statusRunning)})
	got := run(t.Context(), "batch", "report", "b1")
	require.Equal(t, program.ExitFailed, got.code)
	require.Equal(t, "batch b1: not every session is archived: archived 1, failed 1, no outcome 1\n", got.stderr)
	require.Equal(t, "botId,sessionId,callTime,outcome,reason,files,key,bytes,sha256,statusChecks,startedAt,finishedAt\n"+
		bot+","+all[0]+",2026-03-05T12:42:34Z,archived,'=as the test wants it,2,"+folder+"a.wav;"+folder+"b.wav,20,"+digest+";"+digest+",2,2026-03-05T12:42:34Z,2026-03-05T12:42:34Z\n"+
		bot+","+all[1]+",2026-03-05T12:42:35Z,failed,'=as the test wants it,0,,0,,2,2026-03-05T12:42:35Z,2026-03-05T12:42:35Z\n"+
		bot+","+all[2]+",2026-03-05T12:42:36Z,,its fetch is running,0,,0,,0,,\n"+
		"total,3,,\"archived 1, failed 1, no outcome 1\",,2,,20,,4,,\n", got.stdout)

	path := filepath.Join(t.TempDir(), "report.json")
	noTemporal(t)
	got = run(t.Context(), "batch", "report", "b1", "--output", "json", "--file", path)
	require.Equal(t, program.ExitFailed, got.code)
	require.Empty(t, got.stdout)
	require.Contains(t, got.stderr, "The report does not say what the fetches of sessions without a manifest do: no Temporal server responds at 127.0.0.1:1")
	body, err := os.ReadFile(path)
	require.NoError(t, err)
	var report struct {
		BatchID string
		Rows    []struct{ SessionID, Outcome, Reason string }
		Total   workflows.ReportTotal
	}
	require.NoError(t, json.Unmarshal(body, &report))
	require.Equal(t, "b1", report.BatchID)
	require.Len(t, report.Rows, 3)
	require.Equal(t, "no manifest", report.Rows[2].Reason)
	require.Equal(t, 1, report.Total.NoOutcome)
}

func TestReportOfWhatIsArchivedIsDone(t *testing.T) {
	e := newBatchEnvironment(t)
	all := ids(callTime, 2)
	e.record(workflows.BatchRequest{BatchID: "b1"}, all...)
	for _, id := range all {
		e.put(workflows.Session{BotID: bot, SessionID: id}, workflows.OutcomeArchived, "a.wav")
	}
	server := new(batchServer)
	listen(t, server)
	path := filepath.Join(t.TempDir(), "report.csv")
	require.NoError(t, os.WriteFile(path, []byte("an old one"), 0o600))
	got := run(t.Context(), "batch", "report", "b1", "--file", path)
	require.Equal(t, outcome{code: program.ExitDone}, got)
	body, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Contains(t, string(body), "total,2,,archived 2,")
	require.Zero(t, server.lookedUp.Load())
	entries, err := os.ReadDir(filepath.Dir(path))
	require.NoError(t, err)
	require.Len(t, entries, 1, "no partial file is left")
}

func TestReportThatCannotBeMadeLeavesTheFileAsItWas(t *testing.T) {
	e := newBatchEnvironment(t)
	listen(t, new(batchServer))
	e.record(workflows.BatchRequest{BatchID: "b1"}, callID(callTime, 1))
	e.s3.Remove(bucket, "batches/b1/plan-run-1.txt")
	path := filepath.Join(t.TempDir(), "report.csv")
	require.NoError(t, os.WriteFile(path, []byte("an old one"), 0o600))
	got := run(t.Context(), "batch", "report", "b1", "--file", path)
	require.Equal(t, program.ExitFailed, got.code)
	require.Contains(t, got.stderr, "batches/b1/plan-run-1.txt")
	body, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, "an old one", string(body))

	got = run(t.Context(), "batch", "report", "b2")
	require.Equal(t, program.ExitFailed, got.code)
	require.Contains(t, got.stderr, "has the record of batch b2")
	got = run(t.Context(), "batch", "report", "b1", "--file", filepath.Join(t.TempDir(), "none", "report.csv"))
	require.Equal(t, program.ExitUsage, got.code)
}
