package fetchrecording

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"

	"github.com/callvault/callvault/internal/failure"
	"github.com/callvault/callvault/internal/shortlist"
	"github.com/callvault/callvault/internal/status"
	"github.com/callvault/callvault/workflows"
)

var noon = time.Date(2026, 3, 5, 12, 0, 0, 0, time.UTC)

// fresh is a fetch that has just started, at the call's begin, with half of
// every jitter.
func fresh(changes ...func(*situation)) situation {
	s := situation{
		policy:   workflows.DefaultFetchPolicy(),
		state:    State{StartedAt: noon, GiveUpAt: noon.Add(720 * time.Hour)},
		callTime: noon,
		now:      noon,
		jitter:   0.5,
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
	const second, minute = time.Second, time.Minute
	for name, row := range map[string]struct {
		status string
		given  situation
		want   decided
	}{
		"success":                        {"success", fresh(), decided{step: download}},
		"failed":                         {"failed", fresh(), decided{step: write, outcome: workflows.OutcomeFailed}},
		"media_unavailable, a new call":  {"media_unavailable", fresh(), decided{step: check, phase: workflows.PhaseMediaInProgress, wait: 15*minute + 4500*time.Millisecond}},
		"media_unavailable, settled":     {"media_unavailable", fresh(aged(48 * time.Hour)), decided{step: write, outcome: workflows.OutcomeUnavailable}},
		"no such session, a new call":    {"no_such_session", fresh(), decided{step: check, phase: workflows.PhaseMediaInProgress, wait: 15*minute + 4500*time.Millisecond}},
		"no such session, settled":       {"no_such_session", fresh(aged(48 * time.Hour)), decided{step: write, outcome: workflows.OutcomeUnavailable}},
		"too short to be recorded":       {"media_unavailable_short_duration", fresh(), decided{step: write, outcome: workflows.OutcomeUnavailable}},
		"recording_disabled":             {"recording_disabled", fresh(), decided{step: write, outcome: workflows.OutcomeUnavailable}},
		"media_generation_failed":        {"media_generation_failed", fresh(), decided{step: write, outcome: workflows.OutcomeFailed}},
		"media_conversion_failed":        {"media_conversion_failed", fresh(), decided{step: check, phase: workflows.PhasePartialWait, wait: day + day/200}},
		"call_in_progress":               {"call_in_progress", fresh(), decided{step: check, phase: workflows.PhaseCallInProgress, wait: 66 * second}},
		"media_in_progress, third time":  {"media_in_progress", fresh(polled("media_in_progress", 2)), decided{step: check, phase: workflows.PhaseMediaInProgress, wait: 264 * second}},
		"media_in_progress, after calls": {"media_in_progress", fresh(polled("call_in_progress", 2)), decided{step: check, phase: workflows.PhaseMediaInProgress, wait: 66 * second}},
		"media_in_progress, at the most": {"media_in_progress", fresh(polled("media_in_progress", 50)), decided{step: check, phase: workflows.PhaseMediaInProgress, wait: 30 * minute}},
		"media_in_progress, a day old":   {"media_in_progress", fresh(polled("media_in_progress", 50), aged(day)), decided{step: check, phase: workflows.PhaseMediaInProgress, wait: 8 * time.Hour}},
		"media_in_progress, a week old":  {"media_in_progress", fresh(polled("media_in_progress", 50), aged(7*day)), decided{step: check, phase: workflows.PhaseMediaInProgress, wait: day}},
		"media_in_progress, time is up":  {"media_in_progress", fresh(over), decided{step: write, outcome: workflows.OutcomeGaveUp}},
		"media_unavailable, time is up":  {"media_unavailable", fresh(over, aged(time.Hour)), decided{step: write, outcome: workflows.OutcomeGaveUp}},
		"partial, time is up":            {"partial_upload_failed", fresh(over), decided{step: write, outcome: workflows.OutcomeGaveUp}},
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

// listed is a fetch that knows the vendor's list of files.
func listed(s *situation) { s.listed = true }

// oneDone is a fetch with a file in the archive.
func oneDone(s *situation) { s.state.Done = []workflows.Recording{{Key: "k/done", Source: "done"}} }

// repairing is a fetch that may replace a manifest.
func repairing(s *situation) { s.state.Replaces = "e" }

// polled is a fetch that was told the same status so many times.
func polled(last string, polls int) func(*situation) {
	return func(s *situation) {
		s.state.LastStatus, s.state.Polls = last, polls
		s.state.Evidence = []status.Evidence{{Status: last, First: s.now, Last: s.now, Count: polls}}
	}
}

// aged is a fetch of a call that began so long ago.
func aged(age time.Duration) func(*situation) {
	return func(s *situation) { s.callTime = s.now.Add(-age) }
}

// over is a fetch whose time is up.
func over(s *situation) {
	s.now = s.state.GiveUpAt
	s.callTime = s.now.Add(-30 * day)
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
	again := func(wait time.Duration) decided {
		return decided{step: download, phase: workflows.PhaseChecking, wait: wait}
	}
	answeredNow := func(s *situation) { s.state.AnsweredAt = s.now }
	fails := decided{fails: true}
	failures := func(n int) func(*situation) { return func(s *situation) { s.state.DownloadFailures = n } }
	for name, row := range map[string]struct {
		got  next
		want decided
	}{
		"find: blocked":                     {fresh().afterFind(nil, failed(failure.ArchiveBlocked, 0)), blockedAt(find)},
		"find: bot not served":              {fresh().afterFind(nil, failed(failure.BotNotServed, 0)), blockedAt(find)},
		"find: nothing":                     {fresh().afterFind(&FindArchivedResult{}, nil), decided{step: check}},
		"find: another failure":             {fresh().afterFind(nil, errors.New("x")), fails},
		"mint: timeout":                     {fresh().afterMint("st-1", timeout), decided{step: find, phase: workflows.PhaseChecking, wait: 2200 * time.Millisecond}},
		"mint: bot not served":              {fresh().afterMint("st-1", failed(failure.BotNotServed, 0)), blockedAt(find)},
		"check: timeout":                    {fresh().afterCheckFailure(timeout), transient(2200 * time.Millisecond)},
		"check: transient":                  {fresh().afterCheckFailure(failed(failure.Transient, 0)), transient(2200 * time.Millisecond)},
		"check: asked to wait":              {fresh().afterCheckFailure(failed(failure.Transient, minute)), transient(67500 * time.Millisecond)},
		"check: rate limited":               {fresh().afterCheckFailure(failed(failure.RateLimited, minute)), transient(67500 * time.Millisecond)},
		"check: token stale":                {fresh().afterCheckFailure(failed(failure.TokenStale, 0)), transient(2200 * time.Millisecond)},
		"check: blocked":                    {fresh().afterCheckFailure(failed(failure.Blocked, 0)), blockedAt(check)},
		"check: rejected":                   {fresh().afterCheckFailure(failed(failure.Rejected, 0)), fails},
		"check: cancelled":                  {fresh().afterCheckFailure(temporal.NewCanceledError()), fails},
		"check: time is up":                 {fresh(over).afterCheckFailure(failed(failure.Transient, 0)), transient(2200 * time.Millisecond)},
		"download: done":                    {fresh(listed, oneDone).afterDownload(true), decided{step: write, outcome: workflows.OutcomeArchived}},
		"download: nothing":                 {fresh().afterDownload(false), transient(2200 * time.Millisecond)},
		"download: archived":                {fresh().afterDownload(false, failed(failure.AlreadyArchived, 0)), decided{step: find, phase: workflows.PhaseChecking, wait: 2200 * time.Millisecond}},
		"download: store blocked":           {fresh().afterDownload(false, failed(failure.ArchiveBlocked, 0)), blockedAt(download)},
		"download: too large":               {fresh().afterDownload(false, failed(failure.MediaTooLarge, 0)), decided{step: write, outcome: workflows.OutcomeFailed}},
		"download: one too large, one open": {fresh().afterDownload(false, failed(failure.MediaTooLarge, 0), failed(failure.HandedOver, 0)), decided{step: download, phase: workflows.PhaseChecking, wait: 2200 * time.Millisecond}},
		"download: one open, one too large": {fresh().afterDownload(false, failed(failure.HandedOver, 0), failed(failure.MediaTooLarge, 0)), decided{step: download, phase: workflows.PhaseChecking, wait: 2200 * time.Millisecond}},
		"download: one done, one too large": {fresh(listed, oneDone).afterDownload(true, nil, failed(failure.MediaTooLarge, 0)), decided{step: write, outcome: workflows.OutcomeFailed}},
		"download: store away":              {fresh().afterDownload(false, failed(failure.ArchiveUnavailable, 0)), decided{step: download, phase: workflows.PhaseChecking, wait: 2200 * time.Millisecond}},
		"download: handed over":             {fresh().afterDownload(false, failed(failure.HandedOver, 0)), decided{step: download, phase: workflows.PhaseChecking, wait: 2200 * time.Millisecond}},
		"download: host refused":            {fresh().afterDownload(false, failed(failure.Blocked, 0)), blockedAt(check)},
		"download: refused":                 {fresh(listed).afterDownload(false, failed(failure.MediaRefused, 0)), again(10050 * time.Millisecond)},
		"download: 2nd time":                {fresh(listed, failures(1)).afterDownload(false, failed(failure.MediaInvalid, 0)), again(30150 * time.Millisecond)},
		"download: 3rd time":                {fresh(listed, failures(2)).afterDownload(false, failed(failure.MediaUnavailable, 0)), again(60300 * time.Millisecond)},
		"download: 4th time":                {fresh(listed, failures(3)).afterDownload(false, failed(failure.MediaInvalid, 0)), transient(60300 * time.Millisecond)},
		"download: 5th time":                {fresh(listed, failures(4)).afterDownload(false, failed(failure.MediaInvalid, 0)), transient(time.Hour + 18*second)},
		"download: 6th time":                {fresh(listed, failures(5)).afterDownload(false, failed(failure.MediaInvalid, 0)), transient(day + 432*second)},
		"download: 99th time":               {fresh(listed, failures(98)).afterDownload(false, failed(failure.MediaInvalid, 0)), transient(16*day + 16*432*second)},
		"download: asked to wait":           {fresh(listed).afterDownload(false, failed(failure.MediaUnavailable, minute)), again(minute)},
		"download: expired":                 {fresh(listed).afterDownload(false, failed(failure.MediaExpired, 0)), decided{step: check}},
		"download: expired again":           {fresh(listed, failures(1)).afterDownload(false, failed(failure.MediaExpired, 0)), transient(30150 * time.Millisecond)},
		"download: progress":                {fresh(listed, failures(8)).afterDownload(true, failed(failure.MediaInvalid, 0)), again(10050 * time.Millisecond)},
		"download: timeout":                 {fresh(listed).afterDownload(false, timeout), again(10050 * time.Millisecond)},
		"download: cancelled":               {fresh().afterDownload(false, temporal.NewCanceledError()), fails},
		"download: time is up":              {fresh(listed, failures(8), over).afterDownload(false, failed(failure.MediaInvalid, 0)), decided{step: check}},
		"download: and answered":            {fresh(listed, failures(8), over, answeredNow).afterDownload(false, failed(failure.MediaInvalid, 0)), decided{step: write, outcome: workflows.OutcomeGaveUp}},
		"download: URL works yet":           {fresh(listed, over, answeredNow).afterDownload(false, failed(failure.MediaInvalid, 0)), again(10050 * time.Millisecond)},
		"write: blocked":                    {fresh().afterWrite(nil, failed(failure.ArchiveBlocked, 0)), blockedAt(write)},
		"write: changed":                    {fresh(listed).afterWrite(nil, failed(failure.ArchiveChanged, 0)), again(10050 * time.Millisecond)},
		"write: changed, no list":           {fresh().afterWrite(nil, failed(failure.ArchiveChanged, 0)), transient(10050 * time.Millisecond)},
		"write: changed, repair":            {fresh(listed, repairing).afterWrite(nil, failed(failure.ArchiveChanged, 0)), decided{step: find, phase: workflows.PhaseChecking, wait: 10050 * time.Millisecond}},
		"write: again and again":            {fresh(listed, repairing, failures(3)).afterWrite(nil, failed(failure.ArchiveChanged, 0)), transient(60300 * time.Millisecond)},
		"write: archived, lost":             {fresh().afterWrite(nil, failed(failure.AlreadyArchived, 0)), decided{step: find, phase: workflows.PhaseChecking, wait: 2200 * time.Millisecond}},
		"write: anything else":              {fresh().afterWrite(nil, errors.New("x")), fails},
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
	err := fresh().afterCheckFailure(failed(failure.Rejected, 0)).err
	outermost, ok := err.(*temporal.ApplicationError)
	require.True(t, ok)
	require.Equal(t, workflows.ErrorTypeRejected, outermost.Type())
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
	inTime := fresh().afterStatus(&CheckStatusResult{Status: "call_in_progress", Meaning: status.Of("call_in_progress")})
	blocked := fresh().afterDownload(false, failed(failure.ArchiveBlocked, 0))
	for name, row := range map[string]struct {
		got  next
		want step
	}{
		"poll":                        {fresh().afterWait(inTime, false), check},
		"poll, time is up":            {fresh(over).afterWait(inTime, false), check},
		"poll, on request":            {fresh(over).afterWait(inTime, true), check},
		"blocked by the store":        {fresh(over).afterWait(blocked, false), download},
		"blocked by the store, asked": {fresh().afterWait(blocked, true), check},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, row.want, row.got.step)
			require.Empty(t, row.got.outcome, "only an answer ends a fetch")
		})
	}
}

func TestClockOfABlockedFetchStandsStillUntilTheNextAnswer(t *testing.T) {
	s := fresh()
	end := s.state.GiveUpAt
	s.state = s.afterCheckFailure(failed(failure.Blocked, 0)).state
	require.Equal(t, noon, s.state.BlockedSince)

	// The obstacle is gone, but no answer has come yet.
	s.now = noon.Add(2 * time.Hour)
	s.state = s.afterCheckFailure(failed(failure.Transient, 0)).state
	s.state = s.afterCheckFailure(failed(failure.Blocked, 0)).state
	require.Equal(t, noon, s.state.BlockedSince, "it began then")
	require.Equal(t, 2, s.state.BlockedWaits)
	require.Equal(t, end, s.state.GiveUpAt)

	s.now = noon.Add(5 * time.Hour)
	s.state = s.afterStatus(&CheckStatusResult{Status: "call_in_progress", Meaning: status.Of("call_in_progress")}).state
	require.Equal(t, end.Add(5*time.Hour), s.state.GiveUpAt)
	require.Zero(t, s.state.BlockedSince)
	require.Zero(t, s.state.BlockedWaits)

	// The store's block ends with what the media server says.
	s.state = s.afterDownload(false, failed(failure.ArchiveBlocked, 0)).state
	s.now = s.now.Add(time.Hour)
	require.Equal(t, end.Add(6*time.Hour), s.afterDownload(false, failed(failure.MediaRefused, 0)).state.GiveUpAt)
	require.Equal(t, end.Add(6*time.Hour), s.afterDownload(true).state.GiveUpAt)
}

func TestAlternatingStatusesDoNotRestartTheBackoff(t *testing.T) {
	s := fresh()
	for i := range 10 {
		name := []string{"call_in_progress", "media_in_progress"}[i%2]
		s.state = s.afterStatus(&CheckStatusResult{Status: name, Meaning: status.Of(name)}).state
	}
	require.Equal(t, 9, s.state.Polls, "restarted once, when media_in_progress was new")
	require.Equal(t, 5, s.state.Evidence[1].Count)
	s.state = s.afterStatus(&CheckStatusResult{Status: "media_unavailable", Meaning: status.Of("media_unavailable")}).state
	require.Equal(t, 1, s.state.Polls, "a new one, which counts as well")

	s = fresh()
	for i := range maxRestarts {
		s.state = s.afterStatus(&CheckStatusResult{Status: fmt.Sprint("status ", i), Meaning: status.Of("an unknown one")}).state
		require.Equal(t, 1, s.state.Polls)
	}
	s.state = s.afterStatus(&CheckStatusResult{Status: "one more", Meaning: status.Of("an unknown one")}).state
	require.Equal(t, 2, s.state.Polls, "an endless list of statuses does not restart the backoff each time")
}

func TestManifestDecidesWhetherToFetch(t *testing.T) {
	file := func(key string) workflows.Recording { return workflows.Recording{Key: key, Source: "source of " + key} }
	found := func(outcome workflows.Outcome, damaged ...string) *FindArchivedResult {
		return &FindArchivedResult{ETag: "e", Damaged: damaged, Result: &workflows.FetchResult{
			Outcome: outcome, Recordings: []workflows.Recording{file("a"), file("b")}}}
	}
	wasArchived := func(found *FindArchivedResult) *FindArchivedResult {
		found.Before = []workflows.Recording{file("a"), file("b"), file("c")}
		return found
	}
	refetch := func(s *situation) { s.refetch = true }
	for name, row := range map[string]struct {
		given  situation
		found  *FindArchivedResult
		step   step // 0: the manifest's result
		intact int
	}{
		"archived":                   {fresh(), found(workflows.OutcomeArchived), 0, 0},
		"archived, refetch":          {fresh(refetch), found(workflows.OutcomeArchived), 0, 0},
		"archived, damaged":          {fresh(), found(workflows.OutcomeArchived, "b"), check, 1},
		"unavailable":                {fresh(), found(workflows.OutcomeUnavailable), 0, 0},
		"unavailable, refetch":       {fresh(refetch), found(workflows.OutcomeUnavailable), check, 2},
		"failed, refetch":            {fresh(refetch), found(workflows.OutcomeFailed), check, 2},
		"gave up, refetch, damaged":  {fresh(refetch), found(workflows.OutcomeGaveUp, "a", "b"), check, 0},
		"gave up, meanwhile":         {fresh(func(s *situation) { s.state.StatusChecks = 1 }), found(workflows.OutcomeGaveUp), check, 2},
		"damaged":                    {fresh(), wasArchived(found(workflows.OutcomeDamaged, "c")), 0, 0},
		"damaged, refetch":           {fresh(refetch), wasArchived(found(workflows.OutcomeDamaged, "c")), check, 2},
		"damaged, restored, refetch": {fresh(refetch), wasArchived(found(workflows.OutcomeDamaged)), write, 3},
		"gave up, damaged":           {fresh(), found(workflows.OutcomeGaveUp, "a"), 0, 0},
		"archived, one file at hand": {fresh(func(s *situation) { s.state.Done = []workflows.Recording{file("b")} }), found(workflows.OutcomeArchived, "a"), check, 1},
	} {
		t.Run(name, func(t *testing.T) {
			got := row.given.afterFind(row.found, nil)
			require.Equal(t, row.step, got.step)
			require.Len(t, got.state.Done, row.intact)
			if row.step == 0 {
				require.Equal(t, row.found.Result, got.result)
				return
			}
			require.Equal(t, "e", got.state.Replaces, "what it replaces")
			if row.found.Before != nil && row.step == check {
				require.Equal(t, []workflows.Recording{file("c")}, got.state.Damaged)
			}
			if row.step == write {
				require.Equal(t, workflows.OutcomeArchived, got.outcome)
			}
		})
	}
}

func TestSessionIsDamagedWhileAFileIsMissing(t *testing.T) {
	a, b := workflows.Recording{Key: "k/a", Source: "a"}, workflows.Recording{Key: "k/b", Source: "b"}
	s := fresh().afterFind(&FindArchivedResult{ETag: "e", Damaged: []string{"k/b"},
		Result: &workflows.FetchResult{Outcome: workflows.OutcomeArchived, Recordings: []workflows.Recording{a, b}}}, nil)
	require.Contains(t, s.note, "k/b")
	missing := fresh(func(to *situation) { to.state = s.state })
	missing.callTime = noon.Add(-100 * day)

	gone := missing.afterStatus(&CheckStatusResult{Status: "media_unavailable", Meaning: status.Of("media_unavailable")})
	require.Equal(t, workflows.OutcomeDamaged, gone.outcome)
	require.Contains(t, gone.reason, "k/b")
	require.NotContains(t, gone.reason, "k/a")
	require.Contains(t, gone.reason, "not available on the server", "and what the vendor said")
	require.Equal(t, workflows.OutcomeDamaged, missing.afterDownload(false).outcome, "the vendor lists other files")

	missing.state.Done = append(missing.state.Done, b)
	require.Equal(t, workflows.OutcomeArchived, missing.afterDownload(true).outcome)
	failure := missing.afterStatus(&CheckStatusResult{Status: "failed", Meaning: status.Of("failed")})
	require.Equal(t, workflows.OutcomeArchived, failure.outcome, "it has all that it had, whatever became of what is new")
	require.Empty(t, failure.reason)
}

func TestOneAnswerDoesNotOutweighASuccess(t *testing.T) {
	gone := func(count int, success bool) next {
		s := fresh(aged(3*day), func(s *situation) {
			if count > 0 {
				s.state.Evidence = append(s.state.Evidence, status.Evidence{Status: "media_unavailable", First: s.now.Add(-15 * time.Minute), Count: count})
			}
			if success {
				s.state.Evidence = append(s.state.Evidence, status.Evidence{Status: "success", Count: 1})
			}
		})
		return s.afterStatus(&CheckStatusResult{Status: "media_unavailable", Meaning: status.Of("media_unavailable")})
	}
	require.Equal(t, workflows.OutcomeUnavailable, gone(0, false).outcome)
	require.Empty(t, gone(0, true).outcome)
	require.Equal(t, 15*time.Minute+4500*time.Millisecond, gone(0, true).wait)
	require.Equal(t, workflows.OutcomeUnavailable, gone(1, true).outcome)
}

func TestWaitIsCutShortForTheLastCheck(t *testing.T) {
	f := fetch{state: State{GiveUpAt: noon.Add(time.Hour)}}
	for name, row := range map[string]struct {
		n      next
		began  time.Time
		length time.Duration
		want   bool
	}{
		"it ends before":                {next{}, noon, time.Hour - 1, false},
		"it ends at the time":           {next{}, noon, time.Hour, false},
		"it would end after":            {next{}, noon, time.Hour + 1, true},
		"it begins when the time is up": {next{}, noon.Add(time.Hour), time.Hour, false},
		"it begins just before":         {next{}, noon.Add(time.Hour - 1), time.Hour, true},
		"it is blocked":                 {next{blocked: true}, noon, 2 * time.Hour, false},
		"it ends within the slack":      {next{slack: time.Minute}, noon, time.Hour + time.Minute, false},
		"it ends just after the slack":  {next{slack: time.Minute}, noon, time.Hour + time.Minute + 1, true},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, row.want, f.isCutShort(row.n, row.began, row.began.Add(row.length)))
		})
	}
	f.state.BlockedSince = noon
	require.False(t, f.isCutShort(next{}, noon, noon.Add(2*time.Hour)), "its clock stands still")
	partly := fresh().afterStatus(&CheckStatusResult{Status: "partial_upload_failed", Meaning: status.Of("partial_upload_failed")})
	require.Equal(t, day/10, partly.slack)
	require.Contains(t, partly.reason, "waiting 24h0m0s plus up to 1 % jitter")
}

func TestLongListsOfKeysAreCut(t *testing.T) {
	require.Equal(t, "a, b, c, d, e", shortlist.Of([]string{"a", "b", "c", "d", "e"}, maxNamedKeys))
	require.Equal(t, "a, b, c, d, e and 2 more", shortlist.Of([]string{"a", "b", "c", "d", "e", "f", "g"}, maxNamedKeys))
}

// A history of v0.1.0 has to replay, so these stay as they were.
func TestFetchOfV010KeepsItsDecisions(t *testing.T) {
	old := func(s *situation) { s.v010 = true }
	failures := func(n int) func(*situation) { return func(s *situation) { s.state.DownloadFailures = n } }
	transient := func(wait time.Duration) decided {
		return decided{step: check, phase: workflows.PhaseChecking, wait: wait}
	}
	poll := func(s situation) next {
		return s.afterStatus(&CheckStatusResult{Status: "call_in_progress", Meaning: status.Of("call_in_progress")})
	}
	for name, row := range map[string]struct {
		got  next
		want decided
	}{
		"bot not served":         {fresh(old).afterFind(nil, failed(failure.BotNotServed, 0)), decided{fails: true}},
		"no call slot":           {fresh(old).afterMint("st-1", timeout), transient(2200 * time.Millisecond)},
		"URL refused":            {fresh(old).afterDownload(false, failed(failure.MediaRefused, 0)), decided{step: check}},
		"URL refused twice":      {fresh(old, failures(1)).afterDownload(false, failed(failure.MediaRefused, 0)), transient(132 * time.Second)},
		"not whole":              {fresh(old).afterDownload(false, failed(failure.MediaInvalid, 0)), decided{step: check}},
		"not whole, third time":  {fresh(old, failures(2)).afterDownload(false, failed(failure.MediaInvalid, 0)), transient(264 * time.Second)},
		"not whole, fourth time": {fresh(old, failures(3)).afterDownload(false, failed(failure.MediaInvalid, 0)), transient(day + 432*time.Second)},
		"media unavailable":      {fresh(old, failures(3)).afterDownload(false, failed(failure.MediaUnavailable, 0)), transient(528 * time.Second)},
		"download timeout":       {fresh(old).afterDownload(false, timeout), transient(66 * time.Second)},
		"progress":               {fresh(old, failures(1)).afterDownload(true, failed(failure.MediaRefused, 0)), transient(132 * time.Second)},
		"object changed":         {fresh(old).afterWrite(nil, failed(failure.ArchiveChanged, 0)), transient(66 * time.Second)},
		"poll, a week old":       {poll(fresh(old, aged(7*day), polled("call_in_progress", 50))), decided{step: check, phase: workflows.PhaseCallInProgress, wait: 30 * time.Minute}},
		"poll, time is up":       {poll(fresh(old, over)), decided{step: check, phase: workflows.PhaseCallInProgress, wait: 66 * time.Second}},
		"another status again":   {poll(fresh(old, polled("call_in_progress", 3), func(s *situation) { s.state.LastStatus = "x" })), decided{step: check, phase: workflows.PhaseCallInProgress, wait: 66 * time.Second}},
		"after the time is up":   {fresh(old, over).afterWait(poll(fresh(old)), false), decided{step: write, outcome: workflows.OutcomeGaveUp}},
	} {
		t.Run(name, func(t *testing.T) { requireDecided(t, row.want, row.got) })
	}
	lastCheck := poll(fresh(old, func(s *situation) { s.now = s.state.GiveUpAt.Add(-time.Second) }))
	require.Equal(t, check, fresh(old, over).afterWait(lastCheck, false).step, "one last check")
	require.Equal(t, check, fresh(old, over).afterWait(poll(fresh(old)), true).step, "on request")

	require.Equal(t, find, fresh(old).afterDownload(false, failed(failure.AlreadyArchived, 0)).step)
	require.Zero(t, fresh(old).afterDownload(false, failed(failure.AlreadyArchived, 0)).wait)
	both := []workflows.Recording{{Source: "a"}, {Source: "b"}}
	fewer := fresh(old, func(s *situation) { s.state.Done = both }).afterStatus(&CheckStatusResult{Status: "success", Meaning: status.Of("success"), Files: []RemoteFile{{Source: "b"}}})
	require.Equal(t, both[1:], fewer.state.Done)
	now := fresh(func(s *situation) { s.state.Done = both }).afterStatus(&CheckStatusResult{Status: "success", Meaning: status.Of("success"), Files: []RemoteFile{{Source: "b"}}})
	require.Equal(t, both, now.state.Done)
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
