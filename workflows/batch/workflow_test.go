package batch_test

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/callvault/callvault/internal/failure"
	"github.com/callvault/callvault/workflows"
	"github.com/callvault/callvault/workflows/batch"
)

func TestBatchEndsOnceEverySessionHasEnded(t *testing.T) {
	h := newHarness(t, 500)
	h.execute(request())
	result := h.result()
	require.Equal(t, workflows.BatchDone, result.Phase)
	require.Equal(t, 500, result.Total.Sessions)
	require.Equal(t, "batches/b/report.csv", result.Report.Key)
	require.Len(t, h.started, 500)
	require.Len(t, h.reports, 1)
	require.WithinDuration(t, startTime.Add(500*time.Second), result.FinishedAt, time.Minute, "the call slots were never idle")
	require.Less(t, len(h.passes), 150, "passes cost billable actions")
}

// The call budget is never idle, and never more than a window of fetches waits for it.
func TestFetchesAreStartedJustAheadOfTheBudget(t *testing.T) {
	h := newHarness(t, 2000)
	h.perSecond = 10
	h.execute(request())
	require.WithinDuration(t, startTime.Add(200*time.Second), h.result().FinishedAt, 15*time.Second)
	for i, at := range h.started {
		require.WithinDuration(t, at, h.ends[i], 12*time.Second, "fetch %d", i)
	}
}

func TestPausedBatchStartsNothingUntilItIsResumed(t *testing.T) {
	h := newHarness(t, 500)
	var paused, resumed time.Time
	h.at(2*time.Minute, func() { paused = h.env.Now(); h.update(workflows.UpdatePause, "maintenance of the store") })
	h.at(time.Hour, func() {
		progress := h.progress()
		require.Equal(t, workflows.BatchPaused, progress.Phase)
		require.Equal(t, "maintenance of the store", progress.Reason)
		require.WithinDuration(t, paused, progress.Since, time.Second)
		require.Zero(t, progress.DoneAt)
		require.Equal(t, progress.Launched, progress.Ended(), "what was started goes on")
		require.Contains(t, h.details(), "### Paused since")
		resumed = h.env.Now()
		h.update(workflows.UpdateResume, "")
	})
	h.execute(request())
	require.Equal(t, workflows.BatchDone, h.result().Phase)
	require.Len(t, h.started, 500)
	for _, at := range h.started {
		require.False(t, at.After(paused) && at.Before(resumed), "started at %s while paused", at)
	}
}

func TestBatchThatIsPausedWhileItsListIsReadSaysSo(t *testing.T) {
	h := newHarness(t, 500)
	phases := h.listedPhases()
	h.env.OnActivity(batch.PrepareBatch, mock.Anything, mock.Anything).After(time.Minute).Return(h.plan(), nil)
	h.at(0, func() { h.update(workflows.UpdateResume, "") }) // in the first workflow task
	h.at(time.Second, func() { h.update(workflows.UpdatePause, "not before the weekend") })
	h.at(2*time.Second, func() {
		progress := h.progress()
		require.Equal(t, workflows.BatchPaused, progress.Phase)
		require.Equal(t, "not before the weekend", progress.Reason)
		require.Zero(t, progress.Sessions, "its list is still being read")
		require.Equal(t, []workflows.BatchPhase{workflows.BatchPreparing}, *phases, "that is for too short a time to be searched for")
	})
	h.at(time.Hour, func() {
		progress := h.progress()
		require.Equal(t, workflows.BatchPaused, progress.Phase)
		require.WithinDuration(t, startTime.Add(time.Second), progress.Since, 0)
		require.Equal(t, 500, progress.Sessions, "the list was read")
		require.Equal(t, []workflows.BatchPhase{workflows.BatchPreparing, workflows.BatchPaused}, *phases)
		require.Empty(t, h.started)
		h.update(workflows.UpdateResume, "")
	})
	h.execute(request())
	require.Equal(t, workflows.BatchDone, h.result().Phase)
	require.Len(t, h.started, 500)
}

// Its list is read by a worker that does not serve its first bot, after an outage.
func TestPausedBatchIsNotListedAsBlockedOnceItsListCanBeRead(t *testing.T) {
	h := newHarness(t, 50)
	phases := h.listedPhases()
	h.prepare = func(batch.PrepareInput) (*batch.Plan, error) {
		switch h.prepares {
		case 1:
			return nil, blocked("no such bucket")
		case 2, 3: // The pause comes before the second.
			return &batch.Plan{Elsewhere: botID}, nil
		}
		return nil, nil
	}
	h.at(time.Second, func() { h.update(workflows.UpdatePause, "not yet") })
	h.at(time.Hour, func() {
		require.Equal(t, workflows.BatchPaused, h.progress().Phase)
		require.Equal(t, []workflows.BatchPhase{workflows.BatchPreparing, workflows.BatchBlocked, workflows.BatchPreparing, workflows.BatchPaused}, *phases)
		h.update(workflows.UpdateResume, "")
	})
	h.execute(request())
	require.Equal(t, workflows.BatchDone, h.result().Phase)
}

func TestBatchStopsForTooManyFailures(t *testing.T) {
	h := newHarness(t, 1000)
	h.outcome = func(i int) workflows.Outcome {
		if i < 300 {
			return workflows.OutcomeUnavailable
		}
		return workflows.OutcomeArchived
	}
	r := request()
	r.MaxFailures = workflows.FailureLimit{Count: 50}
	var allowances []batch.Allowance // of passes that may start something
	h.launch = func(input batch.LaunchInput) error {
		if !input.Halted && (len(allowances) == 0 || allowances[len(allowances)-1] != input.Allowance) {
			allowances = append(allowances, input.Allowance)
		}
		return nil
	}
	h.at(time.Hour, func() {
		progress := h.progress()
		require.Equal(t, workflows.BatchStopped, progress.Phase)
		require.Contains(t, progress.Reason, "sessions were not archived, and maxFailures is 50")
		require.Less(t, progress.Launched, 300)
		require.Contains(t, h.details(), "### Stopped for failures: needs operator action")
		h.update(workflows.UpdateResume, "")
	})
	h.at(2*time.Hour, func() {
		require.Equal(t, workflows.BatchStopped, h.progress().Phase, "failures are counted anew, and there are too many again")
		h.outcome = nil
		h.update(workflows.UpdateResume, "")
	})
	h.execute(r)
	require.Equal(t, workflows.BatchDone, h.result().Phase)
	require.Len(t, h.started, 1000)

	require.Len(t, allowances, 5)
	require.Equal(t, batch.Allowance{MaxFailures: r.MaxFailures}, allowances[0])
	require.Zero(t, allowances[1], "the first pass after it was resumed starts fetches, whatever has failed since the last count")
	require.Equal(t, r.MaxFailures, allowances[2].MaxFailures)
	require.GreaterOrEqual(t, allowances[2].ForgivenFailures, 50)
	require.Zero(t, allowances[3], "it was resumed again")
	require.Greater(t, allowances[4].ForgivenEnded, allowances[2].ForgivenEnded)
}

func TestCancelledBatchEndsWithAReport(t *testing.T) {
	h := newHarness(t, 500)
	h.at(time.Minute, h.env.CancelWorkflow)
	var rejected *error
	h.at(time.Minute+10*time.Second, func() {
		require.Equal(t, workflows.BatchCancelling, h.progress().Phase)
		rejected = h.update(workflows.UpdateResume, "")
	})
	h.execute(request())
	require.ErrorContains(t, *rejected, "was cancelled")
	result := h.result()
	require.Equal(t, workflows.BatchCancelled, result.Phase)
	require.GreaterOrEqual(t, h.cancels, 1)
	require.Less(t, len(h.started), 200)
	require.WithinDuration(t, startTime.Add(2*time.Minute), result.FinishedAt, 30*time.Second, "the download ended first")
	last := h.reports[len(h.reports)-1]
	require.True(t, last.Cancelled)
	require.Equal(t, []int64{int64(len(h.started))}, last.Next)
}

func TestBatchThatIsCancelledBeforeItsListIsReadHasNoResult(t *testing.T) {
	h := newHarness(t, 500)
	h.prepare = func(batch.PrepareInput) (*batch.Plan, error) { return nil, blocked("no such bucket") }
	h.at(time.Minute, h.env.CancelWorkflow)
	h.execute(request())
	require.True(t, temporal.IsCanceledError(errors.Unwrap(h.env.GetWorkflowError())), h.env.GetWorkflowError())
	require.Empty(t, h.started)
}

func TestBatchIsBlockedUntilAnOperatorActs(t *testing.T) {
	h := newHarness(t, 50)
	fails := true
	h.prepare = func(batch.PrepareInput) (*batch.Plan, error) {
		if fails {
			return nil, blocked("the archive refuses the request: allow the worker s3:GetObject")
		}
		return nil, nil
	}
	h.at(5*time.Hour, func() {
		progress := h.progress()
		require.Equal(t, workflows.BatchBlocked, progress.Phase)
		require.Contains(t, progress.Reason, "allow the worker s3:GetObject")
		require.Less(t, h.prepares, 50, "it is tried ever less often")
		fails = false
		h.update(workflows.UpdateResume, "") // ends the wait
	})
	h.execute(request())
	require.WithinDuration(t, startTime.Add(5*time.Hour+50*time.Second), h.result().FinishedAt, time.Minute)
}

func TestBlockedPassLosesNothing(t *testing.T) {
	h := newHarness(t, 300)
	var failures int
	h.launch = func(batch.LaunchInput) error {
		if h.env.Now().After(startTime.Add(time.Minute)) && failures < 3 {
			failures++
			return blocked("free space in the store")
		}
		return nil
	}
	h.execute(request())
	require.Equal(t, workflows.BatchDone, h.result().Phase)
	require.Equal(t, 3, failures)
	require.Len(t, h.started, 300)
}

func TestListThatCannotBeUsedFailsTheBatch(t *testing.T) {
	h := newHarness(t, 50)
	h.prepare = func(batch.PrepareInput) (*batch.Plan, error) {
		return nil, temporal.NewNonRetryableApplicationError("2 rows of the list are wrong: line 3: …", string(failure.InvalidInput), nil)
	}
	h.execute(request())
	var failed *temporal.ApplicationError
	require.ErrorAs(t, h.env.GetWorkflowError(), &failed)
	require.Equal(t, workflows.ErrorTypeInvalidInput, failed.Type())
	require.Equal(t, "2 rows of the list are wrong: line 3: …", failed.Message())
}

func TestMalformedInputIsNamed(t *testing.T) {
	for name, row := range map[string]struct{ input, says string }{
		"no sessions":   {`{"batchId": "b"}`, "sessions are missing"},
		"unknown key":   {`{"batchID": "b"}`, `unknown key "batchID"`},
		"resume":        {`{"source": {"bucket": "b", "key": "k"}, "resume": {}}`, `key "resume" is set by the workflow itself`},
		"a wrong limit": {`{"source": {"bucket": "b", "key": "k"}, "maxFailures": "many"}`, "maxFailures"},
		"no object":     {`[]`, "want one JSON object"},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t, 1)
			h.execute(raw("%s", row.input))
			var failed *temporal.ApplicationError
			require.ErrorAs(t, h.env.GetWorkflowError(), &failed)
			require.Equal(t, workflows.ErrorTypeInvalidInput, failed.Type())
			require.Contains(t, failed.Message(), row.says)
			require.Zero(t, h.prepares)
		})
	}
}

func TestSessionThatSomebodyElseFetchesIsWaitedFor(t *testing.T) {
	h := newHarness(t, 10)
	h.report = func(batch.ReportInput) (*batch.ReportResult, error) {
		if h.env.Now().Before(startTime.Add(6 * time.Hour)) {
			return &batch.ReportResult{Awaited: &workflows.Session{BotID: botID, SessionID: "65e7133a3242653c58d7aaaa"}}, nil
		}
		return nil, nil
	}
	h.execute(request())
	require.WithinDuration(t, startTime.Add(6*time.Hour), h.result().FinishedAt, 11*time.Minute)
	require.Less(t, len(h.reports), 60, "each report reads every manifest")
}

func TestLongBatchContinuesAsNewAndKeepsWhatItKnows(t *testing.T) {
	h := newHarness(t, 500)
	h.at(2*time.Minute, func() { h.env.SetCurrentHistoryLength(3_501) })
	h.execute(request())
	var continued *workflow.ContinueAsNewError
	require.ErrorAs(t, h.env.GetWorkflowError(), &continued)
	var input batch.Input
	require.NoError(t, converterOf(continued, &input))
	require.Equal(t, "b", input.BatchID)
	require.Equal(t, startTime, input.Resume.StartedAt)
	require.Equal(t, len(h.started), input.Resume.Launched.Started)
	require.Positive(t, input.Resume.Last.Ended.Outcomes[workflows.OutcomeArchived])

	further := newHarness(t, 500)
	further.started, further.ends, further.free = h.started, h.ends, h.free
	further.env.SetStartTime(h.env.Now())
	further.env.SetContinuedExecutionRunID("earlier")
	further.execute(input)
	result := further.result()
	require.Equal(t, startTime, result.StartedAt)
	require.Zero(t, further.prepares)
	require.Len(t, further.started, 500)
}
