package workflows_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/callvault/callvault/workflows"
)

// One test for each of the seven statuses of the vendor's page.

func TestStatusSuccessIsArchived(t *testing.T) {
	s := newStage(t, success("a.wav", "b.wav"))
	result := s.run(workflows.Policy{})

	require.Equal(t, workflows.OutcomeArchived, result.Outcome)
	require.Equal(t, "success", result.Status)
	require.Empty(t, result.Reason)
	require.Len(t, result.Recordings, 2)
	require.Equal(t, "a.wav", result.Recordings[0].FileName, "the upstream's order")
	require.Equal(t, 1, result.StatusChecks)
	require.Equal(t, startTime, result.StartedAt)
}

func TestStatusFailedIsFinal(t *testing.T) {
	s := newStage(t, status("failed"))
	result := s.run(workflows.Policy{})

	require.Equal(t, workflows.OutcomeFailed, result.Outcome)
	require.Equal(t, "failed", result.Status)
	require.Contains(t, result.Reason, "permanent")
	require.NotNil(t, result.Recordings, "an empty list, not null")
	require.Len(t, s.checkedAt, 1)
	require.Empty(t, s.downloads)
}

func TestStatusMediaUnavailableIsFinal(t *testing.T) {
	s := newStage(t, status("media_unavailable"))
	result := s.run(workflows.Policy{})

	require.Equal(t, workflows.OutcomeUnavailable, result.Outcome)
	require.Equal(t, "media_unavailable", result.Status)
	require.Contains(t, result.Reason, "not available")
	require.Len(t, s.checkedAt, 1)
}

func TestStatusCallInProgressIsPolledUntilTheRecordingIsThere(t *testing.T) {
	requirePolled(t, "call_in_progress", workflows.PhaseCallInProgress)
}

func TestStatusMediaInProgressIsPolledUntilTheRecordingIsThere(t *testing.T) {
	requirePolled(t, "media_in_progress", workflows.PhaseMediaInProgress)
}

func requirePolled(t *testing.T, name string, phase workflows.Phase) {
	waiting := status(name)
	s := newStage(t, waiting, waiting, waiting, waiting, waiting, waiting, waiting, success("a.wav"))
	s.after(30*time.Second, func() {
		progress := s.progress()
		require.Equal(t, phase, progress.Phase)
		require.Equal(t, name, progress.LastStatus)
		require.Equal(t, 1, progress.StatusChecks)
		require.WithinRange(t, progress.NextCheckAt, startTime.Add(time.Minute), startTime.Add(72*time.Second))
	})
	result := s.run(workflows.Policy{})

	require.Equal(t, workflows.OutcomeArchived, result.Outcome)
	require.Equal(t, 8, result.StatusChecks)
	base := time.Minute
	for i, gap := range s.gaps() {
		require.GreaterOrEqual(t, gap, base, "wait %d", i+1)
		require.LessOrEqual(t, gap, min(base+base/5, 30*time.Minute)+time.Second, "wait %d", i+1)
		base = min(2*base, 30*time.Minute)
	}
	s.requireDistinctTokens()
}

func TestStatusPartialDownloadFailedIsTriedAgainAfter24Hours(t *testing.T) {
	requireNextDay(t, "partial_download_failed")
}

func TestStatusPartialUploadFailedIsTriedAgainAfter24Hours(t *testing.T) {
	requireNextDay(t, "partial_upload_failed")
}

func requireNextDay(t *testing.T, name string) {
	s := newStage(t, status(name), success("a.wav"))
	s.after(23*time.Hour+59*time.Minute, func() {
		progress := s.progress()
		require.Equal(t, workflows.PhasePartialWait, progress.Phase)
		require.Len(t, s.checkedAt, 1, "not a second before 24 hours")
	})
	result := s.run(workflows.Policy{})

	require.Equal(t, workflows.OutcomeArchived, result.Outcome)
	require.Len(t, s.gaps(), 1)
	require.GreaterOrEqual(t, s.gaps()[0], 24*time.Hour)
	require.LessOrEqual(t, s.gaps()[0], 24*time.Hour+15*time.Minute)
	s.requireDistinctTokens()
}

func TestStatusesThatOnlyTheConsoleShows(t *testing.T) {
	for name, c := range map[string]struct {
		outcome         workflows.Outcome
		atLeast, atMost time.Duration
	}{
		"partial_failed":       {workflows.OutcomeArchived, 24 * time.Hour, 25 * time.Hour},
		"initial_fetch_failed": {workflows.OutcomeArchived, 24 * time.Hour, 25 * time.Hour},
		"fetching_in_progress": {workflows.OutcomeArchived, time.Minute, 2 * time.Minute},
		"retry_failed":         {workflows.OutcomeArchived, 15 * time.Minute, 20 * time.Minute},
		"24hr_retry_failed":    {workflows.OutcomeFailed, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t, status(name), success("a.wav"))
			result := s.run(workflows.Policy{})
			require.Equal(t, c.outcome, result.Outcome)
			for _, gap := range s.gaps() {
				require.GreaterOrEqual(t, gap, c.atLeast)
				require.LessOrEqual(t, gap, c.atMost)
			}
		})
	}
}

func TestAnUnknownStatusIsShownAndAskedAboutAgain(t *testing.T) {
	s := newStage(t, status("teleporting"), success("a.wav"))
	s.after(30*time.Second, func() {
		require.Equal(t, "teleporting", s.progress().LastStatus)
	})
	require.Equal(t, workflows.OutcomeArchived, s.run(workflows.Policy{}).Outcome)
}

func TestPartialFailuresAreGivenUpAfterTheRetriesOfThePolicy(t *testing.T) {
	for name, c := range map[string]struct {
		retries *int
		checks  int
	}{
		"the default of 7": {nil, 8},
		"2":                {new(2), 3},
		"none":             {new(0), 1},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t, status("partial_upload_failed"))
			result := s.run(workflows.Policy{PartialMaxRetries: c.retries})
			require.Equal(t, workflows.OutcomeGaveUp, result.Outcome)
			require.Equal(t, "partial_upload_failed", result.Status)
			require.Contains(t, result.Reason, "gave up after")
			require.Len(t, s.checkedAt, c.checks)
		})
	}
}

func TestGiveUpAfterEndsEveryKindOfWaiting(t *testing.T) {
	for name, waiting := range map[string]answer{
		"call in progress":  status("call_in_progress"),
		"media in progress": status("media_in_progress"),
		"unknown status":    status("teleporting"),
		"out of order":      {code: 503, body: "<html>"},
		"over budget":       refusal(429, "You've exceeded the per-minute rate limit. Please wait for sometime before retrying."),
		"partial":           status("partial_download_failed"),
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t, waiting)
			result := s.run(workflows.Policy{GiveUpAfter: 10 * time.Hour})
			require.Equal(t, workflows.OutcomeGaveUp, result.Outcome)
			require.NotEmpty(t, result.Reason)
			require.Equal(t, startTime.Add(10*time.Hour), result.FinishedAt.Truncate(time.Second), "not before its time, and not after")
		})
	}
}

func TestCheckNowEndsAWait(t *testing.T) {
	s := newStage(t, status("media_in_progress"), success("a.wav"))
	var answered *workflows.CheckNowResult
	s.after(10*time.Second, func() { answered = s.checkNow() })
	s.run(workflows.Policy{PollMin: time.Hour, PollMax: time.Hour})

	require.Equal(t, []time.Duration{10 * time.Second}, s.gaps())
	require.True(t, answered.EndedWait)
	require.Equal(t, workflows.PhaseMediaInProgress, answered.Phase)
	require.Contains(t, answered.Message, "media_in_progress")
	require.False(t, answered.PlannedAt.IsZero())
}

func TestCheckNowNeitherSpendsAPartialRetryNorStartsTheDayAnew(t *testing.T) {
	partial := status("partial_download_failed")
	s := newStage(t, partial, partial, partial, success("a.wav"))
	s.after(time.Hour, func() { s.checkNow() })
	s.after(2*time.Hour, func() { s.checkNow() })
	result := s.run(workflows.Policy{PartialMaxRetries: new(1)})

	require.Equal(t, workflows.OutcomeArchived, result.Outcome)
	last := s.checkedAt[3].Sub(startTime)
	require.GreaterOrEqual(t, last, 24*time.Hour)
	require.LessOrEqual(t, last, 24*time.Hour+15*time.Minute)
}

func TestCheckNowSaysWhenThereIsNothingToEnd(t *testing.T) {
	s := newStage(t, success("a.wav"))
	var answered *workflows.CheckNowResult
	s.after(0, func() { answered = s.checkNow() })
	s.run(workflows.Policy{})

	require.False(t, answered.EndedWait)
	require.Contains(t, answered.Message, "no wait")
}

func TestCancellationInEachPhaseLeavesNoOutcome(t *testing.T) {
	for phase, waiting := range map[workflows.Phase]answer{
		workflows.PhaseCallInProgress:  status("call_in_progress"),
		workflows.PhaseMediaInProgress: status("media_in_progress"),
		workflows.PhasePartialWait:     status("partial_upload_failed"),
		workflows.PhaseBlocked:         refusal(401, "Invalid SDK credentials"),
		workflows.PhaseChecking:        {code: 503},
	} {
		t.Run(string(phase), func(t *testing.T) {
			s := newStage(t, waiting)
			s.after(time.Second, func() {
				require.Equal(t, phase, s.progress().Phase)
				s.env.CancelWorkflow()
			})
			s.execute(workflows.FetchRequest{BotID: botID, SessionID: sessionID})
			require.True(t, temporal.IsCanceledError(s.env.GetWorkflowError()))
			require.Empty(t, s.manifests)
			require.Len(t, s.checkedAt, 1)
		})
	}
}

func TestABlockedFetchWaitsForThePersonAndGoesOnOnceMended(t *testing.T) {
	wrong := refusal(401, "Permission denied. Scope is incorrect!")
	s := newStage(t, wrong, wrong, wrong, status("media_in_progress"), success("a.wav"))
	s.after(time.Second, func() {
		progress := s.progress()
		require.Equal(t, workflows.PhaseBlocked, progress.Phase)
		require.Contains(t, progress.Reason, "SmartAssist Recordings", "it says what to mend")
		require.False(t, progress.NextCheckAt.IsZero())
	})
	result := s.run(workflows.Policy{})
	require.Equal(t, workflows.OutcomeArchived, result.Outcome)
	s.requireDistinctTokens()
}

func TestTheClockOfGiveUpAfterStandsStillWhileAFetchIsBlocked(t *testing.T) {
	answers := make([]answer, 0, 101)
	for range 100 {
		answers = append(answers, refusal(401, "Invalid SDK credentials"))
	}
	s := newStage(t, append(answers, success("a.wav"))...)
	result := s.run(workflows.Policy{GiveUpAfter: time.Hour})

	require.Equal(t, workflows.OutcomeArchived, result.Outcome)
	require.Greater(t, result.FinishedAt.Sub(result.StartedAt), 40*time.Hour, "it was blocked for far longer than giveUpAfter")
	for i, gap := range s.gaps() {
		require.LessOrEqual(t, gap, 30*time.Minute, "look %d", i+1)
	}
	require.GreaterOrEqual(t, s.gaps()[50], 29*time.Minute, "it looks again slowly")
}

func TestARateLimitIsWaitedOut(t *testing.T) {
	for name, c := range map[string]struct {
		refused         answer
		atLeast, atMost time.Duration
	}{
		"per minute":      {refusal(429, "You've exceeded the per-minute rate limit. Please wait for sometime before retrying."), time.Minute, 75 * time.Second},
		"per hour":        {refusal(429, "You've exceeded the hourly rate limit. Please wait for sometime before retrying."), 15 * time.Minute, 19 * time.Minute},
		"by text alone":   {refusal(400, "Rate limit for this API has been reached. Please try again later"), time.Minute, 75 * time.Second},
		"by Retry-After":  {answer{code: 429, header: http.Header{"Retry-After": {"600"}}}, 10 * time.Minute, 13 * time.Minute},
		"503 Retry-After": {answer{code: 503, header: http.Header{"Retry-After": {"600"}}}, 10 * time.Minute, 13 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t, c.refused, success("a.wav"))
			require.Equal(t, workflows.OutcomeArchived, s.run(workflows.Policy{}).Outcome)
			require.GreaterOrEqual(t, s.gaps()[0], c.atLeast)
			require.LessOrEqual(t, s.gaps()[0], c.atMost)
			s.requireDistinctTokens()
		})
	}
}

func TestAnUpstreamThatIsOutOfOrderIsAskedEverMoreSeldom(t *testing.T) {
	broken := answer{code: 502, body: "<html>Bad gateway</html>"}
	s := newStage(t, broken, broken, broken, answer{code: 200, body: "<html>"}, answer{code: 200, body: `{}`}, success("a.wav"))
	result := s.run(workflows.Policy{})

	require.Equal(t, workflows.OutcomeArchived, result.Outcome)
	base := 2 * time.Second
	for _, gap := range s.gaps() {
		require.GreaterOrEqual(t, gap, base)
		require.LessOrEqual(t, gap, base+base/5+time.Second)
		base *= 2
	}
}

func TestARequestThatTheUpstreamCallsWrongFailsTheWorkflow(t *testing.T) {
	s := newStage(t, refusal(412, "Validation errors/ Invalid arguments"))
	s.execute(workflows.FetchRequest{BotID: botID, SessionID: sessionID})

	err := applicationError(t, s.env.GetWorkflowError())
	require.Equal(t, workflows.ErrorTypeRejected, err.Type())
	require.Contains(t, err.Message(), "Validation errors")
	require.Empty(t, s.manifests, "it can be fetched once the input is corrected")
}

func TestARefusedMediaURLLeadsToANewCheckAndFinishedFilesAreKept(t *testing.T) {
	s := newStage(t, success("a.wav", "b.wav"))
	refused := 0
	s.download = func(input workflows.DownloadRecordingInput) (*workflows.Recording, error) {
		if input.File.FileName == "b.wav" && refused < 2 {
			refused++
			return nil, failWith(workflows.ErrorTypeMediaRefused, "the media server answered 403")
		}
		return recordingOf(input), nil
	}
	result := s.run(workflows.Policy{})

	require.Equal(t, workflows.OutcomeArchived, result.Outcome)
	require.Len(t, result.Recordings, 2)
	require.Equal(t, 3, result.StatusChecks)
	require.Less(t, s.gaps()[0], time.Second, "the first refusal is answered by a check at once")
	require.GreaterOrEqual(t, s.gaps()[1], time.Minute, "the next ones with patience")
	require.Equal(t, 1, strings.Count(strings.Join(s.downloads, " "), "a.wav"), "a file that is in the archive is not fetched again")
}

func TestAStoreThatIsOutOfOrderCostsNoCallOfTheUpstream(t *testing.T) {
	for _, errorType := range []string{workflows.ErrorTypeArchiveUnavailable, workflows.ErrorTypeArchiveBlocked} {
		t.Run(errorType, func(t *testing.T) {
			s := newStage(t, success("a.wav"))
			failures := 0
			s.download = func(input workflows.DownloadRecordingInput) (*workflows.Recording, error) {
				if failures++; failures <= 5 {
					return nil, failWith(errorType, "the store is away")
				}
				return recordingOf(input), nil
			}
			require.Equal(t, workflows.OutcomeArchived, s.run(workflows.Policy{}).Outcome)
			require.Len(t, s.checkedAt, 1)
		})
	}
}

func TestAnObjectThatChangedBeforeTheManifestIsFetchedAgain(t *testing.T) {
	s := newStage(t, success("a.wav"))
	s.write = func(input workflows.WriteManifestInput) (*workflows.WriteManifestResult, error) {
		if len(s.downloads) < 2 {
			return nil, failWith(workflows.ErrorTypeArchiveChanged, "the object is not what was put there")
		}
		s.manifests = append(s.manifests, input.Result)
		return &workflows.WriteManifestResult{Result: input.Result}, nil
	}
	require.Equal(t, workflows.OutcomeArchived, s.run(workflows.Policy{}).Outcome)
	require.Equal(t, []string{"a.wav", "a.wav"}, s.downloads)
}

func TestASessionWithAManifestIsAnsweredWithoutTheUpstream(t *testing.T) {
	s := newStage(t, success("a.wav"))
	before := workflows.FetchResult{BotID: botID, SessionID: sessionID, Outcome: workflows.OutcomeGaveUp, Reason: "gave up", Recordings: []workflows.Recording{}, StatusChecks: 8}
	s.found = func() (*workflows.FindArchivedResult, error) {
		return &workflows.FindArchivedResult{Result: &before}, nil
	}
	s.execute(workflows.FetchRequest{BotID: botID, SessionID: sessionID})

	var result workflows.FetchResult
	require.NoError(t, s.env.GetWorkflowResult(&result))
	require.Equal(t, before, result)
	require.Empty(t, s.checkedAt)
	require.Empty(t, s.manifests)
}

func TestABotThatIsNotServedFailsTheWorkflowByName(t *testing.T) {
	s := newStage(t, success("a.wav"))
	s.found = func() (*workflows.FindArchivedResult, error) {
		return nil, failWith(workflows.ErrorTypeBotNotServed, "bot st-other is not served here")
	}
	s.execute(workflows.FetchRequest{BotID: "st-other", SessionID: sessionID})

	err := applicationError(t, s.env.GetWorkflowError())
	require.Equal(t, workflows.ErrorTypeBotNotServed, err.Type())
	require.Contains(t, err.Message(), "st-other")
	require.Empty(t, s.checkedAt, "no call was spent")
}

func TestALongHistoryGoesOnInANewRunWithAllItKnows(t *testing.T) {
	partial := status("partial_download_failed")
	s := newStage(t, partial, partial, partial, success("a.wav"))
	s.after(30*time.Hour, func() { s.env.SetContinueAsNewSuggested(true) })
	s.execute(workflows.FetchRequest{BotID: botID, SessionID: sessionID, BatchID: "b1"})

	var next *workflow.ContinueAsNewError
	require.ErrorAs(t, s.env.GetWorkflowError(), &next)
	require.Equal(t, workflows.FetchRecordingWorkflowName, next.WorkflowType.Name)
	var request workflows.FetchRequest
	decodeInput(t, next, &request)
	require.NoError(t, request.Validate())
	require.Equal(t, "b1", request.BatchID)
	require.Equal(t, startTime, request.Resume.StartedAt)
	require.Equal(t, 2, request.Resume.StatusChecks)
	require.Equal(t, 2, request.Resume.PartialRetries)

	later := newStage(t, status("partial_download_failed"))
	later.env.SetContinuedExecutionRunID("the run before")
	later.env.SetStartTime(startTime.Add(49 * time.Hour)) // the second wait is over
	later.execute(request)
	var result workflows.FetchResult
	require.NoError(t, later.env.GetWorkflowResult(&result))
	require.Equal(t, workflows.OutcomeGaveUp, result.Outcome)
	require.Equal(t, 8, result.StatusChecks, "7 retries over both runs")
	require.Equal(t, startTime, result.StartedAt)
}

func TestAFetchThatIsBlockedForLongGoesOnInANewRunToo(t *testing.T) {
	for name, block := range map[string]func(*stage){
		"by the store, before the first check": func(s *stage) {
			s.found = func() (*workflows.FindArchivedResult, error) {
				return nil, failWith(workflows.ErrorTypeArchiveBlocked, "no such bucket")
			}
		},
		"by the store, at the download": func(s *stage) {
			s.download = func(workflows.DownloadRecordingInput) (*workflows.Recording, error) {
				return nil, failWith(workflows.ErrorTypeArchiveBlocked, "access denied")
			}
		},
		"by the upstream": func(s *stage) { s.answers = []answer{refusal(401, "Invalid SDK credentials")} },
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t, success("a.wav"))
			block(s)
			s.after(24*time.Hour, func() { s.env.SetCurrentHistoryLength(9_000) })
			s.execute(workflows.FetchRequest{BotID: botID, SessionID: sessionID})
			var next *workflow.ContinueAsNewError
			require.ErrorAs(t, s.env.GetWorkflowError(), &next)
		})
	}
}

func TestARefusedMediaHostLeadsToANewCheckEverMoreSeldom(t *testing.T) {
	s := newStage(t, success("a.wav"))
	refused := 0
	s.download = func(input workflows.DownloadRecordingInput) (*workflows.Recording, error) {
		if refused++; refused <= 8 {
			return nil, failWith(workflows.ErrorTypeBlocked, "media host refused: add it to SMARTASSIST_MEDIA_HOSTS")
		}
		return recordingOf(input), nil
	}
	require.Equal(t, workflows.OutcomeArchived, s.run(workflows.Policy{}).Outcome)
	require.GreaterOrEqual(t, s.gaps()[7], 29*time.Minute)
}

func TestASessionThatAnotherFetchHasArchivedMeanwhileIsAnsweredFromItsManifest(t *testing.T) {
	s := newStage(t, success("a.wav"))
	theirs := workflows.FetchResult{BotID: botID, SessionID: sessionID, Outcome: workflows.OutcomeArchived, Recordings: []workflows.Recording{}}
	s.download = func(workflows.DownloadRecordingInput) (*workflows.Recording, error) {
		s.found = func() (*workflows.FindArchivedResult, error) {
			return &workflows.FindArchivedResult{Result: &theirs}, nil
		}
		return nil, failWith(workflows.ErrorTypeAlreadyArchived, "another fetch has archived the session meanwhile")
	}
	s.execute(workflows.FetchRequest{BotID: botID, SessionID: sessionID})
	var result workflows.FetchResult
	require.NoError(t, s.env.GetWorkflowResult(&result))
	require.Equal(t, theirs, result)
	require.Empty(t, s.manifests)
}

func TestARetryAfterThatIsTooShortIsNotTakenAtItsWordForEver(t *testing.T) {
	s := newStage(t, answer{code: 429, header: http.Header{"Retry-After": {"1"}}})
	s.run(workflows.Policy{GiveUpAfter: 10 * time.Hour})
	require.Less(t, len(s.checkedAt), 40)
}

func TestAPolicyOfNanosecondsIsNoLoop(t *testing.T) {
	s := newStage(t, status("call_in_progress"))
	s.run(workflows.Policy{PollMin: 1, PollMax: 1, GiveUpAfter: time.Second})
	require.LessOrEqual(t, len(s.checkedAt), 25)
}

func TestARecordingThatComesWrongEveryTimeIsAskedForOnceADay(t *testing.T) {
	s := newStage(t, success("a.wav"))
	s.download = func(workflows.DownloadRecordingInput) (*workflows.Recording, error) {
		return nil, failWith(workflows.ErrorTypeMediaInvalid, "it has 100 bytes, but its WAV header promises 200")
	}
	result := s.run(workflows.Policy{})
	require.Equal(t, workflows.OutcomeGaveUp, result.Outcome)
	require.Less(t, len(s.checkedAt), 40, "in 30 days")
}

func TestTheLastLookComesWhenTheTimeIsOver(t *testing.T) {
	s := newStage(t, status("media_in_progress"), success("a.wav"))
	result := s.run(workflows.Policy{PollMin: time.Hour, PollMax: time.Hour, GiveUpAfter: 10 * time.Minute})
	require.Equal(t, workflows.OutcomeArchived, result.Outcome, "it had become ready just before the fetch would have given up")
	require.Equal(t, []time.Duration{10 * time.Minute}, s.gaps())
}
