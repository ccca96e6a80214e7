package fetchrecording

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"

	"github.com/callvault/callvault/internal/failure"
	"github.com/callvault/callvault/internal/status"
	"github.com/callvault/callvault/workflows"
)

var noon = time.Date(2026, 3, 5, 12, 0, 0, 0, time.UTC)

// fresh is a fetch that has just started, with half of every jitter.
func fresh(changes ...func(*situation)) situation {
	s := situation{
		policy: workflows.DefaultFetchPolicy(),
		state:  State{StartedAt: noon, GiveUpAt: noon.Add(720 * time.Hour)},
		now:    noon,
		jitter: 0.5,
	}
	for _, change := range changes {
		change(&s)
	}
	return s
}

func failed(kind failure.Kind, retryAfter time.Duration) error {
	var details []any
	if retryAfter > 0 {
		details = []any{FailureDetail{RetryAfter: retryAfter}}
	}
	return temporal.NewApplicationErrorWithOptions("the text", string(kind), temporal.ApplicationErrorOptions{NonRetryable: true, Details: details})
}

var timeout = temporal.NewTimeoutError(enumspb.TIMEOUT_TYPE_SCHEDULE_TO_START, nil)

// decided is what a table says of a decision.
type decided struct {
	step    step
	phase   workflows.FetchPhase // empty: no wait
	wait    time.Duration
	blocked bool
	outcome workflows.Outcome
	fails   bool
}

func requireDecided(t *testing.T, want decided, got next) {
	t.Helper()
	require.Equal(t, want, decided{got.step, got.phase, got.wait, got.blocked, got.outcome, got.err != nil})
}

func TestDecisionAfterAStatus(t *testing.T) {
	const second, minute, day = time.Second, time.Minute, 24 * time.Hour
	for name, row := range map[string]struct {
		status string
		given  situation
		want   decided
	}{
		"success":                        {"success", fresh(), decided{step: download}},
		"failed":                         {"failed", fresh(), decided{step: write, outcome: workflows.OutcomeFailed}},
		"media_unavailable":              {"media_unavailable", fresh(), decided{step: write, outcome: workflows.OutcomeUnavailable}},
		"call_in_progress":               {"call_in_progress", fresh(), decided{step: check, phase: workflows.PhaseCallInProgress, wait: 66 * second}},
		"media_in_progress, third time":  {"media_in_progress", fresh(polled("media_in_progress", 2)), decided{step: check, phase: workflows.PhaseMediaInProgress, wait: 264 * second}},
		"media_in_progress, after calls": {"media_in_progress", fresh(polled("call_in_progress", 2)), decided{step: check, phase: workflows.PhaseMediaInProgress, wait: 66 * second}},
		"media_in_progress, at the most": {"media_in_progress", fresh(polled("media_in_progress", 50)), decided{step: check, phase: workflows.PhaseMediaInProgress, wait: 30 * minute}},
		"retry_failed":                   {"retry_failed", fresh(), decided{step: check, phase: workflows.PhaseMediaInProgress, wait: 15*minute + 90*second}},
		"unknown":                        {"teleporting", fresh(), decided{step: check, phase: workflows.PhaseChecking, wait: 66 * second}},
		"partial, first":                 {"partial_upload_failed", fresh(), decided{step: check, phase: workflows.PhasePartialWait, wait: day + day/200}},
		"partial, within the day":        {"partial_upload_failed", fresh(partial(1, noon.Add(7*time.Hour))), decided{step: check, phase: workflows.PhasePartialWait, wait: 7 * time.Hour}},
		"partial, no retry left":         {"partial_upload_failed", fresh(partial(7, noon)), decided{step: write, outcome: workflows.OutcomeGaveUp}},
	} {
		t.Run(name, func(t *testing.T) {
			got := row.given.afterStatus(&CheckStatusResult{Status: row.status, Meaning: status.Of(row.status)})
			requireDecided(t, row.want, got)
			require.Equal(t, row.status, got.state.LastStatus)
		})
	}
	unknown := fresh().afterStatus(&CheckStatusResult{Status: "x", Meaning: status.Meaning{Action: "of a later version"}})
	require.ErrorContains(t, unknown.err, "deploy the same version to all workers")
}

func polled(last string, polls int) func(*situation) {
	return func(s *situation) { s.state.LastStatus, s.state.Polls = last, polls }
}

func partial(retries int, due time.Time) func(*situation) {
	return func(s *situation) {
		s.state.LastStatus, s.state.PartialRetries, s.state.PartialDueAt = "partial_upload_failed", retries, due
	}
}

func TestDecisionAfterAFailure(t *testing.T) {
	const second, minute = time.Second, time.Minute
	transient := func(wait time.Duration) decided {
		return decided{step: check, phase: workflows.PhaseChecking, wait: wait}
	}
	blockedAt := func(step step) decided {
		return decided{step: step, phase: workflows.PhaseBlocked, wait: 66 * second, blocked: true}
	}
	fails := decided{fails: true}
	failures := func(n int) func(*situation) { return func(s *situation) { s.state.DownloadFailures = n } }
	for name, row := range map[string]struct {
		got  next
		want decided
	}{
		"find: blocked":           {fresh().afterFind(nil, failed(failure.ArchiveBlocked, 0)), blockedAt(find)},
		"find: bot not served":    {fresh().afterFind(nil, failed(failure.BotNotServed, 0)), fails},
		"find: nothing":           {fresh().afterFind(nil, nil), decided{step: check}},
		"mint: timeout":           {fresh().afterMint("st-1", timeout), transient(2200 * time.Millisecond)},
		"mint: bot not served":    {fresh().afterMint("st-1", failed(failure.BotNotServed, 0)), fails},
		"check: timeout":          {fresh().afterCheckFailure(timeout), transient(2200 * time.Millisecond)},
		"check: transient":        {fresh().afterCheckFailure(failed(failure.Transient, 0)), transient(2200 * time.Millisecond)},
		"check: asked to wait":    {fresh().afterCheckFailure(failed(failure.Transient, minute)), transient(67500 * time.Millisecond)},
		"check: rate limited":     {fresh().afterCheckFailure(failed(failure.RateLimited, minute)), transient(67500 * time.Millisecond)},
		"check: token stale":      {fresh().afterCheckFailure(failed(failure.TokenStale, 0)), transient(2200 * time.Millisecond)},
		"check: blocked":          {fresh().afterCheckFailure(failed(failure.Blocked, 0)), blockedAt(check)},
		"check: rejected":         {fresh().afterCheckFailure(failed(failure.Rejected, 0)), fails},
		"check: cancelled":        {fresh().afterCheckFailure(temporal.NewCanceledError()), fails},
		"download: done":          {fresh().afterDownload(nil), decided{step: write, outcome: workflows.OutcomeArchived}},
		"download: archived":      {fresh().afterDownload(failed(failure.AlreadyArchived, 0)), decided{step: find}},
		"download: store blocked": {fresh().afterDownload(failed(failure.ArchiveBlocked, 0)), blockedAt(download)},
		"download: store away":    {fresh().afterDownload(failed(failure.ArchiveUnavailable, 0)), decided{step: download, phase: workflows.PhaseChecking, wait: 2200 * time.Millisecond}},
		"download: host refused":  {fresh().afterDownload(failed(failure.Blocked, 0)), blockedAt(check)},
		"download: URL refused":   {fresh().afterDownload(failed(failure.MediaRefused, 0)), decided{step: check}},
		"download: twice refused": {fresh(failures(1)).afterDownload(failed(failure.MediaRefused, 0)), transient(132 * second)},
		"download: invalid":       {fresh().afterDownload(failed(failure.MediaInvalid, 0)), decided{step: check}},
		"download: often invalid": {fresh(failures(3)).afterDownload(failed(failure.MediaInvalid, 0)), transient(24*time.Hour + 432*second)},
		"download: unavailable":   {fresh().afterDownload(failed(failure.MediaUnavailable, 0)), transient(66 * second)},
		"download: timeout":       {fresh().afterDownload(timeout), transient(66 * second)},
		"download: cancelled":     {fresh().afterDownload(temporal.NewCanceledError()), fails},
		"write: blocked":          {fresh().afterWrite(nil, failed(failure.ArchiveBlocked, 0)), blockedAt(write)},
		"write: changed":          {fresh().afterWrite(nil, failed(failure.ArchiveChanged, 0)), transient(66 * second)},
		"write: anything else":    {fresh().afterWrite(nil, errors.New("x")), fails},
	} {
		t.Run(name, func(t *testing.T) { requireDecided(t, row.want, row.got) })
	}
}

func TestWorstDownloadFailureDecides(t *testing.T) {
	refused, blocked, cancelled := failed(failure.MediaRefused, 0), failed(failure.ArchiveBlocked, 0), temporal.NewCanceledError()
	require.NoError(t, worstOf(nil))
	require.Equal(t, refused, worstOf([]error{refused, failed(failure.MediaInvalid, 0)}))
	require.Equal(t, blocked, worstOf([]error{refused, blocked, refused}))
	require.ErrorIs(t, worstOf([]error{cancelled, blocked}), cancelled)
	require.ErrorIs(t, worstOf([]error{blocked, cancelled}), cancelled)
}

func TestCheckThatCannotHaveSpentACallIsNotCounted(t *testing.T) {
	require.True(t, maySpendCall(nil))
	require.True(t, maySpendCall(failed(failure.Transient, 0)))
	require.True(t, maySpendCall(failed(failure.Rejected, 0)))
	require.True(t, maySpendCall(temporal.NewTimeoutError(enumspb.TIMEOUT_TYPE_START_TO_CLOSE, nil)))
	require.False(t, maySpendCall(timeout), "no worker took it")
	require.False(t, maySpendCall(failed(failure.TokenStale, 0)))
	require.False(t, maySpendCall(temporal.NewCanceledError()))
}

func TestFailedWorkflowKeepsTheActivitysErrorOutermost(t *testing.T) {
	err := fresh().afterFind(nil, failed(failure.BotNotServed, 0)).err
	outermost, ok := err.(*temporal.ApplicationError)
	require.True(t, ok)
	require.Equal(t, workflows.ErrorTypeBotNotServed, outermost.Type())
	require.Equal(t, "the text", outermost.Message())
	require.True(t, outermost.NonRetryable())
	require.Equal(t, context.Canceled, fresh().afterFind(nil, context.Canceled).err, "anything else stays as it is")
}

func TestBackoffGrowsAndIsReset(t *testing.T) {
	s := fresh()
	var waits []time.Duration
	for range 12 {
		n := s.afterCheckFailure(failed(failure.Transient, 0))
		s.state = n.state
		waits = append(waits, n.wait)
	}
	require.Equal(t, 2200*time.Millisecond, waits[0])
	require.Equal(t, 4400*time.Millisecond, waits[1])
	require.Equal(t, 30*time.Minute, waits[11], "pollMax")

	s.state = s.blocked(check, "x").state
	s.state = s.afterStatus(&CheckStatusResult{Status: "call_in_progress", Meaning: status.Of("call_in_progress")}).state
	require.Zero(t, s.state.TransientFailures)
	require.Zero(t, s.state.BlockedWaits)
	require.Equal(t, 1, s.state.Polls)
}

func TestDecisionAfterAWait(t *testing.T) {
	over := func(s *situation) { s.now = s.state.GiveUpAt }
	poll := func(s situation) next {
		return s.afterStatus(&CheckStatusResult{Status: "call_in_progress", Meaning: status.Of("call_in_progress")})
	}
	inTime := poll(fresh())
	inTime.reason = "the call is ongoing"
	requireStep := func(want step, got next) {
		t.Helper()
		require.Equal(t, want, got.step)
		require.Empty(t, got.outcome)
	}
	requireStep(check, fresh().afterWait(inTime, false))

	gaveUp := fresh(over).afterWait(inTime, false)
	require.Equal(t, workflows.OutcomeGaveUp, gaveUp.outcome)
	require.Equal(t, "gave up after 720h0m0s: the call is ongoing", gaveUp.reason)
	requireStep(check, fresh(over).afterWait(inTime, true)) // the operator asked for a check

	blocked := fresh().afterDownload(failed(failure.ArchiveBlocked, 0))
	requireStep(download, fresh(over).afterWait(blocked, false)) // blocked time does not count
	requireStep(check, fresh().afterWait(blocked, true))

	cutShort := poll(fresh(func(s *situation) { s.now = s.state.GiveUpAt.Add(-time.Second) }))
	requireStep(check, fresh(over).afterWait(cutShort, false)) // one last check
	require.Equal(t, workflows.OutcomeGaveUp, fresh(over).afterWait(poll(fresh(over)), false).outcome)
}

func TestJitterIsSpreadAndRepeatable(t *testing.T) {
	var sum float64
	const n = 1000
	for i := range n {
		jitter := jitterOf("fetch-recording/st-1/65e7133a3242653c58d7aaaa", i)
		require.GreaterOrEqual(t, jitter, 0.0)
		require.Less(t, jitter, 1.0)
		sum += jitter
	}
	require.InDelta(t, 0.5, sum/n, 0.05)
	require.NotEqual(t, jitterOf("a", 1), jitterOf("b", 1))
}
