package fetchrecording_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/callvault/callvault/internal/failure"
	"github.com/callvault/callvault/workflows"
	"github.com/callvault/callvault/workflows/fetchrecording"
)

// One test for each of the seven statuses of the vendor's page.

func TestSuccessIsArchived(t *testing.T) {
	h := newHarness(t, success("a.wav", "b.wav"))
	result := h.run(workflows.FetchPolicy{})

	require.Equal(t, workflows.OutcomeArchived, result.Outcome)
	require.Equal(t, "success", result.Status)
	require.Empty(t, result.Reason)
	require.Len(t, result.Recordings, 2)
	require.Equal(t, "a.wav", result.Recordings[0].FileName, "the vendor's order")
	require.Equal(t, 1, result.StatusChecks)
	require.Equal(t, startTime, result.StartedAt)
}

func TestFailedIsFinal(t *testing.T) {
	h := newHarness(t, answered("failed"))
	result := h.run(workflows.FetchPolicy{})

	require.Equal(t, workflows.OutcomeFailed, result.Outcome)
	require.Equal(t, "failed", result.Status)
	require.Contains(t, result.Reason, "permanent")
	require.NotNil(t, result.Recordings, "an empty list, not null")
	require.Len(t, h.checkedAt, 1)
	require.Empty(t, h.downloads)
}

func TestMediaUnavailableOfAnOldCallIsFinal(t *testing.T) {
	h := newHarness(t, answered("media_unavailable"))
	result := h.run(workflows.FetchPolicy{})

	require.Equal(t, workflows.OutcomeUnavailable, result.Outcome)
	require.Equal(t, "media_unavailable", result.Status)
	require.Contains(t, result.Reason, "not available")
	require.Len(t, h.checkedAt, 1)
}

func TestCallInProgressIsPolled(t *testing.T) {
	requirePolled(t, "call_in_progress", workflows.PhaseCallInProgress)
}

func TestMediaInProgressIsPolled(t *testing.T) {
	requirePolled(t, "media_in_progress", workflows.PhaseMediaInProgress)
}

func requirePolled(t *testing.T, name string, phase workflows.FetchPhase) {
	waiting := answered(name)
	h := newHarness(t, waiting, waiting, waiting, waiting, waiting, waiting, waiting, success("a.wav"))
	h.after(30*time.Second, func() {
		progress := h.progress()
		require.Equal(t, phase, progress.Phase)
		require.Equal(t, name, progress.LastStatus)
		require.Equal(t, 1, progress.StatusChecks)
		require.WithinRange(t, progress.NextCheckAt, startTime.Add(time.Minute), startTime.Add(72*time.Second))
	})
	result := h.run(workflows.FetchPolicy{})

	require.Equal(t, workflows.OutcomeArchived, result.Outcome)
	require.Equal(t, 8, result.StatusChecks)
	base := time.Minute
	for i, gap := range h.gaps() {
		require.GreaterOrEqual(t, gap, base, "wait %d", i+1)
		require.LessOrEqual(t, gap, base+base/5+time.Second, "wait %d", i+1)
		base *= 2
	}
	h.requireDistinctTokens()
}

func TestPartialDownloadFailedIsRetriedAfter24Hours(t *testing.T) {
	requireNextDay(t, "partial_download_failed")
}

func TestPartialUploadFailedIsRetriedAfter24Hours(t *testing.T) {
	requireNextDay(t, "partial_upload_failed")
}

func requireNextDay(t *testing.T, name string) {
	h := newHarness(t, answered(name), success("a.wav"))
	h.after(23*time.Hour+59*time.Minute, func() {
		progress := h.progress()
		require.Equal(t, workflows.PhasePartialWait, progress.Phase)
		require.Len(t, h.checkedAt, 1, "not before 24 hours")
	})
	result := h.run(workflows.FetchPolicy{})

	require.Equal(t, workflows.OutcomeArchived, result.Outcome)
	require.Len(t, h.gaps(), 1)
	require.GreaterOrEqual(t, h.gaps()[0], 24*time.Hour)
	require.LessOrEqual(t, h.gaps()[0], 24*time.Hour+15*time.Minute)
	h.requireDistinctTokens()
}

func TestConsoleStatuses(t *testing.T) {
	for name, c := range map[string]struct {
		outcome         workflows.Outcome
		atLeast, atMost time.Duration
	}{
		"partial_failed":       {workflows.OutcomeArchived, 24 * time.Hour, 25 * time.Hour},
		"initial_fetch_failed": {workflows.OutcomeArchived, 24 * time.Hour, 25 * time.Hour},
		"fetching_in_progress": {workflows.OutcomeArchived, time.Minute, 2 * time.Minute},
		"retry_failed":         {workflows.OutcomeArchived, 15 * time.Minute, 20 * time.Minute},
		"24hr_retry_failed":    {workflows.OutcomeFailed, 0, 0},

		"media_conversion_failed":          {workflows.OutcomeArchived, 24 * time.Hour, 25 * time.Hour},
		"media_generation_failed":          {workflows.OutcomeFailed, 0, 0},
		"media_unavailable_short_duration": {workflows.OutcomeUnavailable, 0, 0},
		"recording_disabled":               {workflows.OutcomeUnavailable, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t, answered(name), success("a.wav"))
			result := h.run(workflows.FetchPolicy{})
			require.Equal(t, c.outcome, result.Outcome)
			for _, gap := range h.gaps() {
				require.GreaterOrEqual(t, gap, c.atLeast)
				require.LessOrEqual(t, gap, c.atMost)
			}
		})
	}
}

func TestUnknownStatusIsShownAndPolled(t *testing.T) {
	h := newHarness(t, answered("teleporting"), success("a.wav"))
	h.after(30*time.Second, func() {
		require.Equal(t, "teleporting", h.progress().LastStatus)
	})
	require.Equal(t, workflows.OutcomeArchived, h.run(workflows.FetchPolicy{}).Outcome)
}

func TestPartialFailureGivesUpAfterMaxRetries(t *testing.T) {
	for name, c := range map[string]struct {
		retries *int
		checks  int
	}{
		"the default of 7": {nil, 8},
		"2":                {new(2), 3},
		"none":             {new(0), 1},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t, answered("partial_upload_failed"))
			result := h.run(workflows.FetchPolicy{PartialMaxRetries: c.retries})
			require.Equal(t, workflows.OutcomeGaveUp, result.Outcome)
			require.Equal(t, "partial_upload_failed", result.Status)
			require.Contains(t, result.Reason, "gave up after")
			require.Len(t, h.checkedAt, c.checks)
		})
	}
}

func TestCheckNowEndsAWait(t *testing.T) {
	h := newHarness(t, answered("media_in_progress"), success("a.wav"))
	var got *workflows.CheckNowResult
	h.after(10*time.Second, func() { got = h.checkNow() })
	h.run(workflows.FetchPolicy{PollMin: time.Hour, PollMax: time.Hour})

	require.Equal(t, []time.Duration{10 * time.Second}, h.gaps())
	require.True(t, got.EndedWait)
	require.Equal(t, workflows.PhaseMediaInProgress, got.Phase)
	require.Contains(t, got.Message, "media_in_progress")
	require.False(t, got.PlannedAt.IsZero())
}

func TestCheckNowSpendsNoPartialRetry(t *testing.T) {
	partial := answered("partial_download_failed")
	h := newHarness(t, partial, partial, partial, success("a.wav"))
	h.after(time.Hour, func() { h.checkNow() })
	h.after(2*time.Hour, func() { h.checkNow() })
	result := h.run(workflows.FetchPolicy{PartialMaxRetries: new(1)})

	require.Equal(t, workflows.OutcomeArchived, result.Outcome)
	last := h.checkedAt[3].Sub(startTime)
	require.GreaterOrEqual(t, last, 24*time.Hour)
	require.LessOrEqual(t, last, 24*time.Hour+15*time.Minute)
}

func TestCheckNowReportsThatThereIsNoWait(t *testing.T) {
	h := newHarness(t, success("a.wav"))
	var got *workflows.CheckNowResult
	h.after(0, func() { got = h.checkNow() })
	h.run(workflows.FetchPolicy{})

	require.False(t, got.EndedWait)
	require.Contains(t, got.Message, "no wait")
}

func TestCancellationInEachPhaseLeavesNoOutcome(t *testing.T) {
	for phase, waiting := range map[workflows.FetchPhase]response{
		workflows.PhaseCallInProgress:  answered("call_in_progress"),
		workflows.PhaseMediaInProgress: answered("media_in_progress"),
		workflows.PhasePartialWait:     answered("partial_upload_failed"),
		workflows.PhaseBlocked:         refusal(401, "Invalid SDK credentials"),
		workflows.PhaseChecking:        {code: 503},
	} {
		t.Run(string(phase), func(t *testing.T) {
			h := newHarness(t, waiting)
			h.after(time.Second, func() {
				require.Equal(t, phase, h.progress().Phase)
				h.env.CancelWorkflow()
			})
			h.execute(workflows.FetchRequest{Session: session})
			require.True(t, temporal.IsCanceledError(h.env.GetWorkflowError()))
			require.Empty(t, h.manifests)
			require.Len(t, h.checkedAt, 1)
		})
	}
}

func TestBlockedFetchContinuesOnceFixed(t *testing.T) {
	wrong := refusal(401, "Permission denied. Scope is incorrect!")
	h := newHarness(t, wrong, wrong, wrong, answered("media_in_progress"), success("a.wav"))
	h.after(time.Second, func() {
		progress := h.progress()
		require.Equal(t, workflows.PhaseBlocked, progress.Phase)
		require.Contains(t, progress.Reason, "SmartAssist Recordings", "it says what to fix")
		require.False(t, progress.NextCheckAt.IsZero())
	})
	result := h.run(workflows.FetchPolicy{})
	require.Equal(t, workflows.OutcomeArchived, result.Outcome)
	h.requireDistinctTokens()
}

// The budget's workflow lets one call at a time of all fetches find out whether it is
// over, so a single fetch does not wait ever longer.
func TestBlockedFetchWaitsAtMostPollMaxForTheNextCallSlot(t *testing.T) {
	var responses []response
	for range 30 {
		responses = append(responses, refusal(401, "Invalid SDK credentials"))
	}
	h := newHarness(t, append(responses, success("a.wav"))...)
	h.after(time.Second, func() { require.Equal(t, workflows.PhaseBlocked, h.progress().Phase) })
	result := h.run(workflows.FetchPolicy{GiveUpAfter: 10 * time.Minute})
	require.Equal(t, workflows.OutcomeArchived, result.Outcome, "the time while it was blocked does not count")
	require.LessOrEqual(t, h.gaps()[0], 72*time.Second)
	require.Equal(t, 30*time.Minute, h.gaps()[29])
}

func TestFetchWithoutAnAccountThatIsBlockedWaitsEverLonger(t *testing.T) {
	responses := make([]response, 0, 31)
	for range 30 {
		responses = append(responses, refusal(401, "Invalid SDK credentials"))
	}
	h := newHarness(t, append(responses, answered("media_in_progress"), success("a.wav"))...)
	h.unplaced = true
	result := h.run(workflows.FetchPolicy{GiveUpAfter: time.Hour})

	require.Equal(t, workflows.OutcomeArchived, result.Outcome)
	require.Greater(t, result.FinishedAt.Sub(result.StartedAt), 40*time.Hour, "it was blocked for far longer than giveUpAfter")
	require.LessOrEqual(t, h.gaps()[8], 30*time.Minute, "at most pollMax at first")
	require.Equal(t, 2*time.Hour, h.gaps()[15], "less often when it has been blocked for hours")
	require.Equal(t, 24*time.Hour, h.gaps()[28], "and for days")
}

// The clock stands still until an answer arrives, not only while the fetch sleeps.
func TestGiveUpAfterExcludesTheWayOutOfABlock(t *testing.T) {
	h := newHarness(t, refusal(401, "Invalid SDK credentials"), response{code: 503, header: http.Header{"Retry-After": {"36000"}}}, answered("media_in_progress"), success("a.wav"))
	result := h.run(workflows.FetchPolicy{GiveUpAfter: time.Hour})
	require.Equal(t, workflows.OutcomeArchived, result.Outcome)
	require.Greater(t, h.gaps()[1], 9*time.Hour)
}

// The budget's workflow stops all calls of the bot, and hands out the next slot when
// there is one.
func TestFetchThatIsRefusedByRateGoesBackToTheQueueOfCallSlots(t *testing.T) {
	h := newHarness(t, refusal(429, "You've exceeded the hourly rate limit. Please wait for sometime before retrying."), success("a.wav"))
	require.Equal(t, workflows.OutcomeArchived, h.run(workflows.FetchPolicy{}).Outcome)
	require.Less(t, h.gaps()[0], 3*time.Second)
	h.requireDistinctTokens()
}

func TestFetchWithoutAnAccountWaitsOutARateLimit(t *testing.T) {
	for name, c := range map[string]struct {
		refused         response
		atLeast, atMost time.Duration
	}{
		"per minute":      {refusal(429, "You've exceeded the per-minute rate limit. Please wait for sometime before retrying."), time.Minute, 75 * time.Second},
		"per hour":        {refusal(429, "You've exceeded the hourly rate limit. Please wait for sometime before retrying."), 15 * time.Minute, 19 * time.Minute},
		"by text alone":   {refusal(400, "Rate limit for this API has been reached. Please try again later"), time.Minute, 75 * time.Second},
		"by Retry-After":  {response{code: 429, header: http.Header{"Retry-After": {"600"}}}, 10 * time.Minute, 13 * time.Minute},
		"503 Retry-After": {response{code: 503, header: http.Header{"Retry-After": {"600"}}}, 10 * time.Minute, 13 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t, c.refused, success("a.wav"))
			h.unplaced = true
			require.Equal(t, workflows.OutcomeArchived, h.run(workflows.FetchPolicy{}).Outcome)
			require.GreaterOrEqual(t, h.gaps()[0], c.atLeast)
			require.LessOrEqual(t, h.gaps()[0], c.atMost)
			h.requireDistinctTokens()
		})
	}
}

func TestUnavailableAPIIsRetriedWithExponentialBackoff(t *testing.T) {
	broken := response{code: 502, body: "<html>Bad gateway</html>"}
	h := newHarness(t, broken, broken, broken, response{code: 200, body: "<html>"}, response{code: 200, body: `{}`}, success("a.wav"))
	result := h.run(workflows.FetchPolicy{})

	require.Equal(t, workflows.OutcomeArchived, result.Outcome)
	base := 2 * time.Second
	for _, gap := range h.gaps() {
		require.GreaterOrEqual(t, gap, base)
		require.LessOrEqual(t, gap, base+base/5+time.Second)
		base *= 2
	}
}

func TestRejectedRequestFailsTheWorkflow(t *testing.T) {
	h := newHarness(t, refusal(412, "Validation errors/ Invalid arguments"))
	h.execute(workflows.FetchRequest{Session: session})

	err := applicationError(t, h.env.GetWorkflowError())
	require.Equal(t, workflows.ErrorTypeRejected, err.Type())
	require.Contains(t, err.Message(), "Validation errors")
	require.Empty(t, h.manifests, "it can be fetched once the input is corrected")
}

func TestMediaURLIsUsedAgainBeforeACallIsSpent(t *testing.T) {
	for _, kind := range []failure.Kind{failure.MediaRefused, failure.MediaUnavailable, failure.MediaInvalid} {
		t.Run(string(kind), func(t *testing.T) {
			h := newHarness(t, success("a.wav", "b.wav"))
			refused := 0
			h.download = func(input fetchrecording.DownloadRecordingInput) (*workflows.Recording, error) {
				if input.File.FileName == "b.wav" && refused < 3 {
					refused++
					return nil, failWith(kind, "the media server returned 403")
				}
				return recordingOf(input), nil
			}
			result := h.run(workflows.FetchPolicy{})

			require.Equal(t, workflows.OutcomeArchived, result.Outcome)
			require.Len(t, result.Recordings, 2)
			require.Equal(t, 1, result.StatusChecks)
			require.Equal(t, 1, strings.Count(strings.Join(h.downloads, " "), "a.wav"), "a file that is in the archive is not fetched again")
			require.WithinRange(t, result.FinishedAt, startTime.Add(time.Minute), startTime.Add(2*time.Minute))
		})
	}
}

func TestExpiredMediaURLIsReplacedAtOnce(t *testing.T) {
	h := newHarness(t, success("a.wav"))
	refused := 0
	h.download = func(input fetchrecording.DownloadRecordingInput) (*workflows.Recording, error) {
		if refused++; refused < 3 {
			return nil, failWith(failure.MediaExpired, "the media URL has expired")
		}
		return recordingOf(input), nil
	}
	result := h.run(workflows.FetchPolicy{})
	require.Equal(t, 3, result.StatusChecks)
	require.Less(t, h.gaps()[0], time.Second, "the first one leads to a check at once")
	require.GreaterOrEqual(t, h.gaps()[1], 30*time.Second, "the next ones to a wait")
}

func TestUnavailableStoreCostsNoCall(t *testing.T) {
	for _, kind := range []failure.Kind{failure.ArchiveUnavailable, failure.ArchiveBlocked} {
		t.Run(string(kind), func(t *testing.T) {
			h := newHarness(t, success("a.wav"))
			failures := 0
			h.download = func(input fetchrecording.DownloadRecordingInput) (*workflows.Recording, error) {
				if failures++; failures <= 5 {
					return nil, failWith(kind, "the store is unavailable")
				}
				return recordingOf(input), nil
			}
			require.Equal(t, workflows.OutcomeArchived, h.run(workflows.FetchPolicy{}).Outcome)
			require.Len(t, h.checkedAt, 1)
		})
	}
}

func TestObjectChangedBeforeTheManifestIsFetchedAgain(t *testing.T) {
	h := newHarness(t, success("a.wav"))
	h.write = func(input fetchrecording.WriteManifestInput) (*fetchrecording.WriteManifestResult, error) {
		if h.downloadCount() < 2 {
			return nil, failWith(failure.ArchiveChanged, "the object is not what was put there")
		}
		h.manifests = append(h.manifests, input.Result)
		return &fetchrecording.WriteManifestResult{Result: input.Result}, nil
	}
	require.Equal(t, workflows.OutcomeArchived, h.run(workflows.FetchPolicy{}).Outcome)
	require.Equal(t, []string{"a.wav", "a.wav"}, h.downloads)
}

func TestSessionWithAManifestCostsNoCall(t *testing.T) {
	h := newHarness(t, success("a.wav"))
	before := workflows.FetchResult{Session: session, Outcome: workflows.OutcomeGaveUp, Reason: "gave up", Recordings: []workflows.Recording{}, StatusChecks: 8}
	h.found = func(fetchrecording.FindArchivedInput) (*fetchrecording.FindArchivedResult, error) {
		return &fetchrecording.FindArchivedResult{Result: &before}, nil
	}
	h.execute(workflows.FetchRequest{Session: session})

	var result workflows.FetchResult
	require.NoError(t, h.env.GetWorkflowResult(&result))
	require.Equal(t, before, result)
	progress := h.progress()
	require.Equal(t, workflows.FetchPhase(workflows.OutcomeGaveUp), progress.Phase)
	require.Equal(t, 8, progress.StatusChecks, "the manifest's, not this fetch's")
	require.NotContains(t, h.details(), "Found in the manifest")
	require.Empty(t, h.checkedAt)
	require.Empty(t, h.manifests)
}

func TestBotThatNoWorkerServesBlocks(t *testing.T) {
	h := newHarness(t, success("a.wav"))
	tries := 0
	h.found = func(fetchrecording.FindArchivedInput) (*fetchrecording.FindArchivedResult, error) {
		if tries++; tries < 3 {
			return nil, failWith(failure.BotNotServed, "no worker of this namespace serves bot st-9")
		}
		return &fetchrecording.FindArchivedResult{}, nil
	}
	h.after(time.Second, func() {
		require.Equal(t, workflows.PhaseBlocked, h.progress().Phase)
		require.Contains(t, h.progress().Reason, "no worker of this namespace serves bot")
		require.Empty(t, h.checkedAt)
	})
	require.Equal(t, workflows.OutcomeArchived, h.run(workflows.FetchPolicy{}).Outcome, "a deploy has brought a worker that does")
}

func TestLongHistoryContinuesAsNewWithItsState(t *testing.T) {
	partial := answered("partial_download_failed")
	h := newHarness(t, partial, partial, partial, success("a.wav"))
	h.after(30*time.Hour, func() { h.env.SetContinueAsNewSuggested(true) })
	h.execute(workflows.FetchRequest{Session: session, BatchID: "b1"})

	var next *workflow.ContinueAsNewError
	require.ErrorAs(t, h.env.GetWorkflowError(), &next)
	require.Equal(t, workflows.FetchRecordingWorkflowName, next.WorkflowType.Name)
	var input fetchrecording.Input
	decodeInput(t, next, &input)
	require.NoError(t, input.Validate())
	require.Equal(t, "b1", input.BatchID)
	require.Equal(t, startTime, input.Resume.StartedAt)
	require.Equal(t, 2, input.Resume.StatusChecks)
	require.Equal(t, 2, input.Resume.PartialRetries)

	later := newHarness(t, answered("partial_download_failed"))
	later.env.SetContinuedExecutionRunID("the run before")
	later.env.SetStartTime(startTime.Add(49 * time.Hour)) // the second wait is over
	later.executeInput(input)
	var result workflows.FetchResult
	require.NoError(t, later.env.GetWorkflowResult(&result))
	require.Equal(t, workflows.OutcomeGaveUp, result.Outcome)
	require.Equal(t, 8, result.StatusChecks, "7 retries over both runs")
	require.Equal(t, startTime, result.StartedAt)
}

func TestLongBlockedFetchContinuesAsNew(t *testing.T) {
	for name, block := range map[string]func(*harness){
		"by the store, before the first check": func(h *harness) {
			h.found = func(fetchrecording.FindArchivedInput) (*fetchrecording.FindArchivedResult, error) {
				return nil, failWith(failure.ArchiveBlocked, "no such bucket")
			}
		},
		"by the store, at the download": func(h *harness) {
			h.download = func(fetchrecording.DownloadRecordingInput) (*workflows.Recording, error) {
				return nil, failWith(failure.ArchiveBlocked, "access denied")
			}
		},
		"by the upstream": func(h *harness) { h.responses = []response{refusal(401, "Invalid SDK credentials")} },
	} {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t, success("a.wav"))
			block(h)
			h.after(24*time.Hour, func() { h.env.SetCurrentHistoryLength(9_000) })
			h.execute(workflows.FetchRequest{Session: session})
			var next *workflow.ContinueAsNewError
			require.ErrorAs(t, h.env.GetWorkflowError(), &next)
		})
	}
}

func TestRefusedMediaHostIsRetriedWithExponentialBackoff(t *testing.T) {
	h := newHarness(t, success("a.wav"))
	refused := 0
	h.download = func(input fetchrecording.DownloadRecordingInput) (*workflows.Recording, error) {
		if refused++; refused <= 8 {
			return nil, failWith(failure.Blocked, "media host refused: add it to SMARTASSIST_MEDIA_HOSTS")
		}
		return recordingOf(input), nil
	}
	require.Equal(t, workflows.OutcomeArchived, h.run(workflows.FetchPolicy{}).Outcome)
	require.GreaterOrEqual(t, h.gaps()[7], 29*time.Minute)
}

func TestSessionArchivedConcurrentlyReturnsItsManifest(t *testing.T) {
	h := newHarness(t, success("a.wav"))
	theirs := workflows.FetchResult{Session: session, Outcome: workflows.OutcomeArchived, Recordings: []workflows.Recording{}}
	h.download = func(fetchrecording.DownloadRecordingInput) (*workflows.Recording, error) {
		h.found = func(fetchrecording.FindArchivedInput) (*fetchrecording.FindArchivedResult, error) {
			return &fetchrecording.FindArchivedResult{Result: &theirs}, nil
		}
		return nil, failWith(failure.AlreadyArchived, "another fetch has archived the session meanwhile")
	}
	h.execute(workflows.FetchRequest{Session: session})
	var result workflows.FetchResult
	require.NoError(t, h.env.GetWorkflowResult(&result))
	require.Equal(t, theirs, result)
	require.Empty(t, h.manifests)
}

func TestShortRetryAfterDoesNotDisableBackoff(t *testing.T) {
	h := newHarness(t, response{code: 429, header: http.Header{"Retry-After": {"1"}}})
	h.after(30*24*time.Hour, h.env.CancelWorkflow)
	h.execute(workflows.FetchRequest{Session: session})
	require.Less(t, len(h.checkedAt), 60, "in 30 days")
}

func TestPolicyOfNanosecondsIsNotABusyLoop(t *testing.T) {
	h := newHarness(t, answered("call_in_progress"))
	h.run(workflows.FetchPolicy{PollMin: 1, PollMax: 1, GiveUpAfter: time.Second})
	require.LessOrEqual(t, len(h.checkedAt), 25)
}

func TestPollMaxAloneLowersPollMin(t *testing.T) {
	h := newHarness(t, answered("call_in_progress"), answered("call_in_progress"), success("a.wav"))
	h.run(workflows.FetchPolicy{PollMax: 10 * time.Second})
	for _, gap := range h.gaps() {
		require.LessOrEqual(t, gap, 25*time.Second, "pollMax alone shortens pollMin's default too")
	}
}

func TestHistoryIsBounded(t *testing.T) {
	for events, continues := range map[int]bool{8_000: false, 8_001: true} {
		h := newHarness(t, answered("call_in_progress"), success("a.wav"))
		h.env.SetCurrentHistoryLength(events)
		h.execute(workflows.FetchRequest{Session: session})
		require.Equal(t, continues, workflow.IsContinueAsNewError(h.env.GetWorkflowError()), "%d events", events)
	}
}
