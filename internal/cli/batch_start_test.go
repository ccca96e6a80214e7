package cli_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/serviceerror"

	"github.com/callvault/callvault/internal/archive/s3test"
	"github.com/callvault/callvault/internal/program"
	"github.com/callvault/callvault/workflows"
)

const storedList = "batches/b1/sessions.ndjson"

func TestBatchWithBadRowsIsRefusedWithAllOfThemAndNothingIsStarted(t *testing.T) {
	e := newBatchEnvironment(t)
	server := new(batchServer)
	listen(t, server)
	const rows = 100_000
	lines := []string{"botId,sessionId,userId"}
	bad := 0
	for i, id := range ids(callTime, rows) {
		if i%7 == 3 {
			id, bad = "nonsense", bad+1
		}
		lines = append(lines, bot+","+id+",u@example.com")
	}
	got := run(t.Context(), "batch", "start", "--file", e.file("sessions.csv", lines...), "--id", "b1")
	require.Equal(t, program.ExitUsage, got.code)
	require.Empty(t, got.stdout)
	require.Equal(t, 100, strings.Count(got.stderr, "line "), "shown are the first")
	require.Contains(t, got.stderr, `line 5: sessionId "nonsense" is malformed`)
	require.Contains(t, got.stderr, fmt.Sprintf("and %s more\n", "14,186"))
	require.Contains(t, got.stderr, "14,286 of 100,000 rows are wrong: nothing is started: correct them, or give --skip-invalid")
	require.Equal(t, 14_286, bad)

	left := e.left()
	require.Len(t, left, 1, "the spool is gone")
	path := filepath.Join(e.temporary, left[0])
	require.Contains(t, got.stderr, "All 14,286 bad rows are in "+path)
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, bad, strings.Count(string(content), "\n"))
	require.Contains(t, string(content), fmt.Sprintf("line %d: ", 2+7*14_285+3))

	require.Empty(t, server.started)
	require.Empty(t, e.s3.Requests())
}

func TestBatchStartsWithTheCheckedListInTheArchive(t *testing.T) {
	e := newBatchEnvironment(t)
	server := new(batchServer)
	listen(t, server)
	a, b := callID(callTime, 1), callID(callTime, 2)
	path := e.file("sessions.csv", "userId,sessionId,botId", `"o'neil, x",`+a+","+bot, ","+b+",st-2", ","+a+","+bot)
	got := run(t.Context(), "batch", "start", "--file", path, "--id", "b1", "--max-failures", "5%", "--priority", "3", "--give-up-after", "240h")
	require.Equal(t, program.ExitDone, got.code, got.stderr)
	require.Equal(t, "Dropped, as they repeat a session: 1 of 3 rows.\n", got.stderr)
	starter := program.Command("starter")
	require.Equal(t, "started batch b1 with 2 sessions\n  workflow batch/b1, run run-1\n  list s3://recordings/"+storedList+
		"\n  to follow it: "+starter+" batch status b1 --watch\n  to stop it for a while, or for good: "+starter+" batch pause b1, "+starter+" batch cancel b1"+
		"\n  to get its report: "+starter+" batch report b1\n", got.stdout)

	id, input := server.request(t)
	require.Equal(t, "batch/b1", id)
	require.JSONEq(t, `{"batchId": "b1", "source": {"bucket": "recordings", "key": "`+storedList+`"}, "maxFailures": "5%", "priority": 3, "policy": {"giveUpAfter": "240h0m0s"}}`, input)
	require.Equal(t, "callvault-batch/acme", server.queue)
	stored, ok := e.s3.Object(bucket, storedList)
	require.True(t, ok)
	require.Equal(t, `{"botId":"`+bot+`","sessionId":"`+a+`","userId":"o'neil, x"}`+"\n"+`{"botId":"st-2","sessionId":"`+b+`"}`+"\n", string(stored.Body))
	require.Empty(t, e.left())
}

func TestBatchStartSaysAsJSONWhatWasStarted(t *testing.T) {
	e := newBatchEnvironment(t)
	server := &batchServer{unpolled: true}
	listen(t, server)
	path := e.file("Sessions of März.csv", csv(callID(callTime, 1), "nonsense")...)
	got := run(t.Context(), "batch", "start", "--file", path, "--skip-invalid", "--output", "json")
	require.Equal(t, program.ExitDone, got.code, got.stderr)
	require.Contains(t, got.stderr, `line 3: sessionId "nonsense" is malformed`)
	require.Contains(t, got.stderr, "Left out, as they are wrong: 1 of 2 rows.\n")
	require.Contains(t, got.stderr, `warning: no worker of namespace "default" serves account "acme": the batch waits until one does: start one with "`+program.Command("worker")+`"`)
	var begun struct {
		BatchID, WorkflowID, RunID, Namespace string
		Source                                workflows.ObjectRef
		Sessions, Duplicates, Invalid         int
	}
	require.NoError(t, json.Unmarshal([]byte(got.stdout), &begun))
	require.Regexp(t, `^20\d{6}-\d{6}-Sessions_of_M_rz$`, begun.BatchID)
	require.Equal(t, "batch/"+begun.BatchID, begun.WorkflowID)
	require.Equal(t, "run-1", begun.RunID)
	require.Equal(t, "default", begun.Namespace)
	require.Equal(t, workflows.ObjectRef{Bucket: bucket, Key: "batches/" + begun.BatchID + "/sessions.ndjson"}, begun.Source)
	require.Equal(t, []int{1, 0, 1}, []int{begun.Sessions, begun.Duplicates, begun.Invalid})
}

func TestListIsReadFromStdin(t *testing.T) {
	e := newBatchEnvironment(t)
	server := new(batchServer)
	listen(t, server)
	list, err := os.Open(e.file("list", `{"botId": "`+bot+`", "sessionId": "`+callID(callTime, 1)+`"}`))
	require.NoError(t, err)
	stdin := os.Stdin
	os.Stdin = list
	t.Cleanup(func() { os.Stdin = stdin })
	got := run(t.Context(), "batch", "start", "--file", "-")
	require.Equal(t, program.ExitDone, got.code, got.stderr)
	id, _ := server.request(t)
	require.Regexp(t, `^batch/20\d{6}-\d{6}-stdin$`, id)
}

func TestInterruptionEndsTheReadOfStdin(t *testing.T) {
	e := newBatchEnvironment(t)
	silent, writer, err := os.Pipe()
	require.NoError(t, err)
	defer writer.Close()
	stdin := os.Stdin
	os.Stdin = silent
	t.Cleanup(func() { os.Stdin = stdin })
	ctx, interrupt := context.WithCancel(t.Context())
	interrupt()
	got := run(ctx, "batch", "start", "--file", "-")
	require.Equal(t, outcome{code: program.ExitInterrupted}, got)
	require.Empty(t, e.left())
}

func TestRowsOfOtherAccountsAreBadRows(t *testing.T) {
	e := newBatchEnvironment(t)
	server := new(batchServer)
	listen(t, server)
	for _, name := range []string{"SMARTASSIST_BOT_ID", "SMARTASSIST_CLIENT_ID", "SMARTASSIST_CLIENT_SECRET", "SMARTASSIST_ACCOUNT_NAME", "S3_ENDPOINT", "S3_BUCKET"} {
		t.Setenv(name, "")
	}
	archived := "archive: {endpoint: " + e.s3.URL.String() + "}"
	t.Setenv("CALLVAULT_CONFIG", accounts(t, `
accounts:
  - {name: acme, bots: [st-1], token: {clientId: cs-1, clientSecretFile: secret}, `+archived+`}
  - {name: globex, bots: [st-2], token: {clientId: cs-2, clientSecretFile: secret}, `+archived+`}
`))
	id := callID(callTime, 1)
	path := e.file("sessions.csv", "botId,sessionId", "st-0,"+id, "st-1,"+id, "st-2,"+id, "st-1,"+callID(callTime, 2))
	got := run(t.Context(), "batch", "start", "--file", path, "--id", "b1")
	require.Equal(t, program.ExitUsage, got.code)
	require.Contains(t, got.stderr, "line 2: bot st-0 is in no account of the configuration: correct botId, or add the bot to SMARTASSIST_BOT_ID or CALLVAULT_CONFIG")
	require.Contains(t, got.stderr, `line 4: bot st-2 belongs to account "globex", and the rows before it to account "acme": start a batch for each account: "st-2,`+id+`"`)
	require.Contains(t, got.stderr, "2 of 4 rows are wrong")
	require.Empty(t, server.started)

	got = run(t.Context(), "batch", "start", "--file", path, "--id", "b1", "--skip-invalid")
	require.Equal(t, program.ExitDone, got.code, got.stderr)
	require.Contains(t, got.stdout, "started batch b1 with 2 sessions")
	require.Equal(t, "callvault-batch/acme", server.queue)
}

func TestUnusableListSaysWhy(t *testing.T) {
	e := newBatchEnvironment(t)
	for name, row := range map[string]struct {
		path string
		says string
	}{
		"no file":    {filepath.Join(t.TempDir(), "none.csv"), "none.csv: no such file"},
		"a folder":   {t.TempDir(), "is a folder: give a CSV or NDJSON file"},
		"empty":      {e.file("empty.csv"), "the list cannot be used: the list is empty"},
		"no rows":    {e.file("header.csv", "botId,sessionId"), "the list has no rows"},
		"none good":  {e.file("bad.csv", csv("nonsense")...), "no row of the list is good"},
		"no columns": {e.file("other.csv", "bot;session"), "separated by semicolons"},
	} {
		t.Run(name, func(t *testing.T) {
			got := run(t.Context(), "batch", "start", "--file", row.path, "--skip-invalid")
			require.Equal(t, program.ExitUsage, got.code, got.stderr)
			require.Contains(t, got.stderr, row.says)
			require.Empty(t, got.stdout)
		})
	}
}

func TestTakenIDIsRefusedWithWhatToDo(t *testing.T) {
	for name, prepare := range map[string]func(*batchEnvironment, *batchServer){
		"running": func(_ *batchEnvironment, s *batchServer) { s.known = known("batch/b1", statusRunning) },
		"ended":   func(_ *batchEnvironment, s *batchServer) { s.known = known("batch/b1", statusCompleted) },
		"forgotten": func(e *batchEnvironment, _ *batchServer) {
			e.record(workflows.BatchRequest{BatchID: "b1"}, callID(callTime, 1))
		},
		"started at the same moment": func(_ *batchEnvironment, s *batchServer) {
			s.startErr = serviceerror.NewWorkflowExecutionAlreadyStarted("running", "", "run-1")
		},
	} {
		t.Run(name, func(t *testing.T) {
			e, server := newBatchEnvironment(t), new(batchServer)
			prepare(e, server)
			listen(t, server)
			got := run(t.Context(), "batch", "start", "--file", e.file("sessions.csv", csv(callID(callTime, 1))...), "--id", "b1")
			require.Equal(t, program.ExitUsage, got.code, got.stderr)
			require.Empty(t, got.stdout)
			starter := program.Command("starter")
			require.Contains(t, got.stderr, "there is a batch b1 already: to see it: "+starter+" batch status b1; to fetch again what it has not archived: "+starter+" batch retry b1; for another list give another --id")
			require.Empty(t, server.started)
			_, isStored := e.s3.Object(bucket, storedList)
			require.Equal(t, name == "started at the same moment", isStored)
		})
	}
}

func TestInterruptedStartGoesOnWithTheSameListAndRefusesAnother(t *testing.T) {
	e := newBatchEnvironment(t)
	server := new(batchServer)
	server.startErr = serviceerror.NewPermissionDenied("not yours", "")
	listen(t, server)
	path := e.file("sessions.csv", csv(callID(callTime, 1))...)
	got := run(t.Context(), "batch", "start", "--file", path, "--id", "b1")
	require.Equal(t, program.ExitFailed, got.code)
	require.Contains(t, got.stderr, "The list is stored as s3://recordings/"+storedList+". To go on with it, give the same file and --id b1 again.")
	require.Contains(t, got.stderr, "not yours")

	server.startErr = nil
	other := e.file("other.csv", csv(callID(callTime, 2))...)
	got = run(t.Context(), "batch", "start", "--file", other, "--id", "b1")
	require.Equal(t, program.ExitUsage, got.code)
	require.Contains(t, got.stderr, "s3://recordings/"+storedList+" is another list, stored by a start of batch b1 that was interrupted: give that file, or another --id, or remove the object")
	require.Empty(t, server.started)

	got = run(t.Context(), "batch", "start", "--file", path, "--id", "b1")
	require.Equal(t, program.ExitDone, got.code, got.stderr)
	require.Contains(t, got.stderr, "going on with it")
	require.Len(t, server.started, 1)
}

func TestRefusingStoreIsAConfigurationError(t *testing.T) {
	e := newBatchEnvironment(t)
	server := new(batchServer)
	listen(t, server)
	e.s3.Add(s3test.Rule{Operation: s3test.PutObject, Status: 403, Code: "AccessDenied"})
	got := run(t.Context(), "batch", "start", "--file", e.file("sessions.csv", csv(callID(callTime, 1))...), "--id", "b1")
	require.Equal(t, program.ExitUsage, got.code)
	require.Contains(t, got.stderr, "AccessDenied")
	require.Empty(t, server.started)
}

func TestWaitEndsWithTheTotals(t *testing.T) {
	for name, row := range map[string]struct {
		total workflows.ReportTotal
		code  int
		says  string
	}{
		"all archived": {workflows.ReportTotal{Sessions: 2, Outcomes: map[workflows.Outcome]int{"archived": 2}, Files: 3, Bytes: 2_000_000, Calls: 4}, program.ExitDone, "2 sessions: archived 2\n  3 files, 2.0 MB; calls of the vendor's API: 4\n"},
		"one failed":   {workflows.ReportTotal{Sessions: 2, Outcomes: map[workflows.Outcome]int{"archived": 1, "failed": 1}}, program.ExitFailed, "2 sessions: archived 1, failed 1\n"},
		"no outcome":   {workflows.ReportTotal{Sessions: 2, Outcomes: map[workflows.Outcome]int{"archived": 1}, NoOutcome: 1}, program.ExitFailed, "2 sessions: archived 1, no outcome 1\n"},
	} {
		t.Run(name, func(t *testing.T) {
			e := newBatchEnvironment(t)
			server := &batchServer{result: &workflows.BatchResult{BatchID: "b1", Phase: workflows.BatchDone, Total: row.total, Report: workflows.ObjectRef{Bucket: bucket, Key: "batches/b1/report.csv"}}}
			listen(t, server)
			path := e.file("sessions.csv", csv(ids(callTime, 2)...)...)
			got := run(t.Context(), "batch", "start", "--file", path, "--id", "b1", "--wait")
			require.Equal(t, row.code, got.code, got.stderr)
			require.Contains(t, got.stdout, "batch b1: done: "+row.says)
			require.Contains(t, got.stdout, "report: s3://recordings/batches/b1/report.csv\n")
			require.Contains(t, got.stderr, "started batch b1 with 2 sessions\n")

			got = run(t.Context(), "batch", "status", "b1", "--watch", "--output", "json")
			require.Equal(t, row.code, got.code, got.stderr)
			var result workflows.BatchResult
			require.NoError(t, json.Unmarshal([]byte(got.stdout), &result))
			require.Equal(t, row.total, result.Total)
		})
	}
}

func TestInterruptedWaitLeavesTheBatchRunning(t *testing.T) {
	e := newBatchEnvironment(t)
	ctx, interrupt := context.WithCancel(t.Context())
	server := &batchServer{ended: make(chan struct{}), waited: interrupt}
	listen(t, server)
	got := run(ctx, "batch", "start", "--file", e.file("sessions.csv", csv(callID(callTime, 1))...), "--id", "b1", "--wait")
	require.Equal(t, program.ExitInterrupted, got.code)
	require.Empty(t, got.stdout)
	require.Contains(t, got.stderr, "The batch continues in the background. To follow it again, or to stop it:\n  "+program.Command("starter")+" batch status b1 --watch\n")
	require.Zero(t, server.cancelled.Load())
}

func TestWaitShowsWhatChanges(t *testing.T) {
	e := newBatchEnvironment(t)
	server := &batchServer{ended: make(chan struct{}), result: &workflows.BatchResult{BatchID: "b1", Phase: workflows.BatchDone}}
	server.progress = workflows.BatchProgress{Phase: workflows.BatchLaunching, BatchCounts: workflows.BatchCounts{Sessions: 3, Launched: 1, Outcomes: map[workflows.Outcome]int{"archived": 1}}}
	listen(t, server)
	stderr := newAwaited("launching; 1 of 3 ended (archived 1, not started 2)")
	go func() { <-stderr.found; close(server.ended) }()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	got := runInto(ctx, stderr, "batch", "start", "--file", e.file("sessions.csv", csv(ids(callTime, 3)...)...), "--id", "b1", "--wait")
	require.Equal(t, program.ExitDone, got.code, got.stderr)
}

func TestBatchWithoutAConfigurationIsAUsageError(t *testing.T) {
	noConfiguration(t)
	for _, args := range [][]string{{"start", "--file", "-"}, {"report", "b1"}, {"retry", "b1"}} {
		got := run(t.Context(), append([]string{"batch"}, args...)...)
		require.Equal(t, program.ExitUsage, got.code)
		require.Contains(t, got.stderr, "SMARTASSIST_BOT_ID")
		require.Empty(t, got.stdout)
	}
}
