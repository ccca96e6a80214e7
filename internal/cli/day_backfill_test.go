package cli_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"

	"github.com/callvault/callvault/internal/program"
	"github.com/callvault/callvault/workflows"
)

const workflowOfDays = "days/" + bot + "/2026-11-18_2026-11-20"

func backfill(ctx context.Context, flags ...string) outcome {
	return run(ctx, append([]string{"day", "backfill", "--bot", bot}, flags...)...)
}

var threeDays = []string{"--from", "2026-11-18", "--to", "2026-11-20"}

func TestBackfillStartsTheDaysAndAttachesToThem(t *testing.T) {
	noConfiguration(t) // Temporal alone is needed.
	server := new(dayServer)
	listen(t, server)
	got := backfill(t.Context(), append(threeDays, "--settle-after", "24h", "--at-once", "5")...)
	require.Equal(t, program.ExitDone, got.code, got.stderr)
	require.Empty(t, got.stderr)
	require.Contains(t, got.stdout, "started "+workflowOfDays+": the days of "+bot+" from 2026-11-18 to 2026-11-20, oldest first\n")
	require.Len(t, server.started, 1)
	require.Equal(t, "ArchiveDaysWorkflow", server.started[0].GetWorkflowType().GetName())
	require.JSONEq(t, `{"botId": "`+bot+`", "from": "2026-11-18", "to": "2026-11-20", "settleAfter": "24h0m0s", "atOnce": 5}`,
		string(server.started[0].GetInput().GetPayloads()[0].GetData()))

	server.set(workflowOfDays, statusRunning)
	got = backfill(t.Context(), append(threeDays, "--output", "json")...)
	require.Equal(t, program.ExitDone, got.code, got.stderr)
	require.JSONEq(t, `{"workflowId": "`+workflowOfDays+`", "runId": "run-0", "namespace": "default", "botId": "`+bot+`", "from": "2026-11-18", "to": "2026-11-20", "attached": true}`, got.stdout)
	require.Equal(t, "These days are already being archived: attached to that. Its options apply, not this command's.\n", got.stderr)
}

func TestBackfillOfAnUnservedBotIsRefusedUnlessItRuns(t *testing.T) {
	server := &dayServer{unserved: true}
	listen(t, server)
	got := backfill(t.Context(), threeDays...)
	require.Equal(t, program.ExitUsage, got.code)
	require.Contains(t, got.stderr, "no worker of namespace")
	require.Empty(t, server.started)
	require.Equal(t, program.ExitDone, backfill(t.Context(), append(threeDays, "--no-check")...).code)
	server.set(workflowOfDays, statusRunning)
	require.Equal(t, program.ExitDone, backfill(t.Context(), threeDays...).code)
}

func TestBackfillSinceRetentionBeginsWithWhatTheVendorStillHas(t *testing.T) {
	newBatchEnvironment(t)
	server := new(dayServer)
	listen(t, server)
	got := backfill(t.Context(), "--since-retention")
	require.Equal(t, program.ExitUsage, got.code)
	require.Contains(t, got.stderr, `does not say how long the vendor keeps the recordings of account "acme": set SMARTASSIST_RETENTION`)

	t.Setenv("SMARTASSIST_RETENTION", "90d")
	before := time.Now().UTC()
	got = backfill(t.Context(), "--since-retention", "--output", "json")
	require.Equal(t, program.ExitDone, got.code, got.stderr)
	begun := decoded[struct{ From, To string }](t, got)
	var want []string
	for _, now := range []time.Time{before, time.Now().UTC()} { // Midnight may pass meanwhile.
		want = append(want, now.AddDate(0, 0, -90).Format(time.DateOnly)+" "+now.AddDate(0, 0, -1).Format(time.DateOnly))
	}
	require.Contains(t, want, begun.From+" "+begun.To)
}

func TestBackfillWaitsUntilEveryDayIsSealed(t *testing.T) {
	e := newBatchEnvironment(t)
	e.seal(dayOf("2026-11-18"), 1, archived)
	e.seal(dayOf("2026-11-19"), 1, archived, archived)
	server := &dayServer{progress: map[string]workflows.DayProgress{
		"2026-11-20": {Day: dayOf("2026-11-20"), Phase: workflows.DayBlocked, Reason: "the scope Bot Sessions is missing"},
	}}
	server.set("day/"+bot+"/2026-11-20", statusRunning)
	listen(t, server)
	stderr := newAwaited("2 of 3 days sealed, blocked 1; 2026-11-20 is blocked: the scope Bot Sessions is missing\n")
	ended := make(chan outcome)
	go func() {
		ended <- runInto(t.Context(), stderr, append([]string{"day", "backfill", "--bot", bot, "--wait"}, threeDays...)...)
	}()
	<-stderr.found
	e.seal(dayOf("2026-11-20"), 1, archived)
	server.set("day/"+bot+"/2026-11-20", statusCompleted)
	got := <-ended
	require.Equal(t, program.ExitDone, got.code, got.stderr)
	require.Contains(t, got.stderr, "  3 of 3 days sealed\n")
	require.Equal(t, "2026-11-18  "+bot+"  sealed r1  1 sessions: archived 1\n"+
		"2026-11-19  "+bot+"  sealed r1  2 sessions: archived 2\n"+
		"2026-11-20  "+bot+"  sealed r1  1 sessions: archived 1\n", got.stdout)
	require.Contains(t, server.queries, "WorkflowType = 'ArchiveDayWorkflow' AND CallvaultBot = '"+bot+"' AND ExecutionStatus = 'Running'")
}

// A record is written before its entry in the log, and a sealed day may be listed again.
func TestBackfillWaitsForTheLogAsFarAsTheWorkflowTells(t *testing.T) {
	e := newBatchEnvironment(t)
	for _, date := range []string{"2026-11-18", "2026-11-19", "2026-11-20"} {
		e.seal(dayOf(date), 1, archived)
	}
	server := &dayServer{progress: map[string]workflows.DayProgress{
		"2026-11-19": {Phase: workflows.DayListing, Sealed: &workflows.SealedDay{Revision: 1, LogIndex: new(int64(3))}},
		"2026-11-20": {Phase: workflows.DayBlocked, Reason: "no key signs the log"},
	}}
	server.set("day/"+bot+"/2026-11-19", statusRunning)
	server.set("day/"+bot+"/2026-11-20", statusRunning)
	listen(t, server)
	stderr := newAwaited("2 of 3 days sealed, blocked 1; 2026-11-20 is blocked: no key signs the log\n")
	ended := make(chan outcome)
	go func() {
		ended <- runInto(t.Context(), stderr, append([]string{"day", "backfill", "--bot", bot, "--wait"}, threeDays...)...)
	}()
	<-stderr.found
	server.set("day/"+bot+"/2026-11-20", statusCompleted)
	got := <-ended
	require.Equal(t, program.ExitDone, got.code, got.stderr)
	require.Contains(t, got.stderr, "  3 of 3 days sealed\n")
}

func TestBackfillThatWaitsFailsUnlessEverySessionIsArchived(t *testing.T) {
	e := newBatchEnvironment(t)
	for _, date := range []string{"2026-11-18", "2026-11-19"} {
		e.seal(dayOf(date), 1, archived)
	}
	e.seal(dayOf("2026-11-20"), 1, archived, unavailable)
	listen(t, new(dayServer))
	got := backfill(t.Context(), append(threeDays, "--wait", "--output", "json")...)
	require.Equal(t, program.ExitFailed, got.code)
	require.Len(t, decoded[[]printedDay](t, got), 3)
}

func TestBackfillDoesNotWaitForDaysThatWereEnded(t *testing.T) {
	e := newBatchEnvironment(t)
	e.seal(dayOf("2026-11-18"), 1, archived)
	server := new(dayServer)
	server.set("day/"+bot+"/2026-11-19", enumspb.WORKFLOW_EXECUTION_STATUS_CANCELED)
	server.set("day/"+bot+"/2026-11-20", enumspb.WORKFLOW_EXECUTION_STATUS_FAILED)
	listen(t, server)
	got := backfill(t.Context(), append(threeDays, "--wait")...)
	require.Equal(t, program.ExitFailed, got.code)
	require.Contains(t, got.stderr, "1 of 3 days sealed, ended without being sealed 2\n")
	require.Contains(t, got.stderr, "2 days are not sealed: 2026-11-19 (its workflow was cancelled), 2026-11-20 (its workflow has failed): to go on: "+
		program.Command("starter")+" day backfill --bot "+bot+" --from 2026-11-18 --to 2026-11-20\n")
	require.Contains(t, got.stdout, "2026-11-19  "+bot+"  not sealed\n")
}

func TestBackfillWhoseWorkflowWasEndedSaysSo(t *testing.T) {
	newBatchEnvironment(t)
	server := new(dayServer)
	server.listed = func() { server.set(workflowOfDays, enumspb.WORKFLOW_EXECUTION_STATUS_TERMINATED) }
	server.set(workflowOfDays, statusRunning)
	listen(t, server)
	got := backfill(t.Context(), append(threeDays, "--wait")...)
	require.Equal(t, program.ExitFailed, got.code)
	require.Empty(t, got.stdout)
	require.Contains(t, got.stderr, "the workflow of the backfill was terminated, and 3 days are not started")
}

func TestInterruptedBackfillGoesOn(t *testing.T) {
	newBatchEnvironment(t)
	server := new(dayServer)
	server.set(workflowOfDays, statusRunning)
	listen(t, server)
	ctx, interrupt := context.WithCancel(t.Context())
	server.listed = interrupt
	got := backfill(ctx, append(threeDays, "--wait")...)
	require.Equal(t, program.ExitInterrupted, got.code)
	require.Empty(t, got.stdout)
	require.Contains(t, got.stderr, "The days go on in the background. To follow them again:\n  "+
		program.Command("starter")+" day backfill --bot "+bot+" --from 2026-11-18 --to 2026-11-20 --wait\n")
}

// Somebody who waits for days would wait for an archive that cannot be read in vain.
func TestArchiveIsReadBeforeADayIsStarted(t *testing.T) {
	newBatchEnvironment(t)
	t.Setenv("S3_BUCKET", "another")
	server := new(dayServer)
	listen(t, server)
	got := backfill(t.Context(), append(threeDays, "--wait")...)
	require.NotEqual(t, program.ExitDone, got.code)
	require.Contains(t, got.stderr, "another")
	require.Empty(t, server.started)
}
