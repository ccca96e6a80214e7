package day_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/callvault/callvault/internal/failure"
	"github.com/callvault/callvault/workflows"
	"github.com/callvault/callvault/workflows/day"
)

func TestDayIsSealedOnceASecondListingHasNothingNew(t *testing.T) {
	h := newHarness(t)
	h.listed = always("a", "b")
	h.execute()
	result := h.result()
	require.Equal(t, 1, result.Revision)
	require.Equal(t, 2, result.Sessions)
	require.Len(t, h.listings, 2)
	require.WithinDuration(t, h.listings[0].Add(49*time.Hour), h.listings[1], time.Minute, "48 hours after the fetches, which take an hour")
	require.Equal(t, []int{1}, h.logged)
	require.Len(t, h.batches, 1)
	require.Equal(t, workflows.DaySealed, h.progress().Phase)
	require.Equal(t, &workflows.ObjectRef{Bucket: "recordings", Key: "fetch"}, h.requested[0].Source)
	require.Regexp(t, `^day-2026-03-05-st-1-.{0,8}-1$`, h.requested[0].BatchID)
	require.NoError(t, workflows.ValidateBatchID(h.requested[0].BatchID))
}

func TestEmptyDayIsListedTwiceAndSealed(t *testing.T) {
	h := newHarness(t)
	h.execute()
	require.Zero(t, h.result().Sessions)
	require.Len(t, h.listings, 2)
	require.Empty(t, h.batches)
}

func TestSessionThatIsListedLaterIsFetchedAndTheDaySettlesAgain(t *testing.T) {
	h := newHarness(t)
	late := startTime.Add(24 * time.Hour)
	h.listed = func(list string, now time.Time) []string {
		if now.After(late) && list == "interactionDetails" {
			return []string{"a", "late"}
		}
		return []string{"a"}
	}
	h.execute()
	require.Equal(t, 2, h.result().Sessions)
	require.Len(t, h.listings, 3)
	require.Equal(t, [][]string{{"a"}, {"late"}}, h.batches)
}

func TestSessionThatIsOpenIsFetchedOnceItsCallIsOver(t *testing.T) {
	h := newHarness(t)
	h.listed = always("a", "open")
	h.open = func(id string, now time.Time) bool { return id == "open" && now.Before(startTime.Add(40*time.Hour)) }
	h.execute()
	require.Equal(t, 2, h.result().Sessions)
	require.Equal(t, [][]string{{"a"}, {"open"}}, h.batches)
}

func TestSessionWithoutAnOutcomeKeepsTheDayOpen(t *testing.T) {
	h := newHarness(t)
	h.listed = always("a")
	h.outcome = func(_ string, now time.Time) workflows.Outcome {
		if now.Before(startTime.Add(72 * time.Hour)) {
			return "" // Somebody cancels it.
		}
		return workflows.OutcomeUnavailable
	}
	h.execute()
	require.Equal(t, workflows.OutcomeUnavailable, h.archived["a"])
	require.Equal(t, 1, h.result().Revision)
	require.Len(t, h.batches, 3, "it is fetched again in each round")
}

func TestOneListAloneIsEnoughAndTheDaySaysSo(t *testing.T) {
	h := newHarness(t)
	h.listed = always("a")
	h.unavailable = func(list string, _ time.Time) string {
		if list == "interactionDetails" {
			return "set SMARTASSIST_ACCOUNT_ID"
		}
		return ""
	}
	h.execute()
	require.Equal(t, 1, h.result().Sessions)
	require.Contains(t, h.progress().Remarks[0], "interactionDetails is unavailable: set SMARTASSIST_ACCOUNT_ID")
}

func TestDayWithoutAnyListIsBlockedUntilOneCanBeRead(t *testing.T) {
	h := newHarness(t)
	h.listed = always("a")
	fixed := startTime.Add(5 * time.Hour)
	h.unavailable = func(_ string, now time.Time) string {
		if now.Before(fixed) {
			return "grant the scope"
		}
		return ""
	}
	h.env.RegisterDelayedCallback(func() {
		progress := h.progress()
		require.Equal(t, workflows.DayBlocked, progress.Phase)
		require.Contains(t, progress.Reason, "grant the scope")
	}, 4*time.Hour)
	h.execute()
	require.Equal(t, 1, h.result().Sessions)
}

// A round in which a list is refused that was read before says little of what is new.
func TestListThatIsRefusedForAMomentIsReadAgain(t *testing.T) {
	h := newHarness(t)
	h.listed = func(list string, now time.Time) []string {
		if list == "interactionDetails" && now.After(startTime.Add(40*time.Hour)) {
			return []string{"a", "late"}
		}
		return []string{"a"}
	}
	refusals := 3
	h.unavailable = func(list string, now time.Time) string {
		if list == "interactionDetails" && now.After(startTime.Add(40*time.Hour)) && refusals > 0 {
			refusals--
			return "permission denied"
		}
		return ""
	}
	h.env.SetOnTimerScheduledListener(func(_ string, wait time.Duration) {
		if wait == 30*time.Second {
			require.Equal(t, "interactionDetails cannot be read any more: permission denied", h.progress().Reason)
		}
	})
	h.execute()
	require.Equal(t, 2, h.result().Sessions)
	require.Zero(t, refusals)
}

func TestListThatIsRefusedForGoodIsUnavailableAfterAnHour(t *testing.T) {
	h := newHarness(t)
	h.listed = always("a")
	h.unavailable = func(list string, now time.Time) string {
		if list == "interactionDetails" && now.After(startTime.Add(40*time.Hour)) {
			return "permission denied"
		}
		return ""
	}
	h.execute()
	require.Equal(t, 1, h.result().Sessions)
	require.Equal(t, []string{"interactionDetails is unavailable: permission denied"}, h.progress().Remarks)
	require.Len(t, h.listings, 12, "the first round, and ten more attempts of the second one")
}

// The day may have been opened again since, in a further run or for another account.
func TestListingIsReadWhereItWasWritten(t *testing.T) {
	h := newHarness(t)
	h.listed = always("a")
	h.failing[day.MergeListings] = []error{temporal.NewTimeoutError(enumspb.TIMEOUT_TYPE_SCHEDULE_TO_START, nil)}
	h.execute()
	require.Equal(t, 1, h.result().Revision)
	require.Equal(t, 2, h.opened)
	require.Equal(t, "work-1/listing-1/", h.merged[0].Folder)
	require.Equal(t, []string{"getSessions", "interactionDetails"}, h.merged[0].Had)
}

func TestListingWhoseRowsAreGoneIsMadeAgain(t *testing.T) {
	h := newHarness(t)
	h.listed = always("a")
	h.lost = true
	h.execute()
	require.Equal(t, 1, h.result().Sessions)
	require.Len(t, h.listings, 3)
}

func TestListThatFailsForHoursIsUnavailable(t *testing.T) {
	h := newHarness(t)
	h.listed = always("a")
	h.fail(day.ListInteractions, 2, temporal.NewNonRetryableApplicationError("no answer", string(failure.Transient), nil)) // in both rounds
	h.execute()
	require.Equal(t, 1, h.result().Sessions)
	require.Equal(t, []string{"interactionDetails is unavailable: it could not be read, although it was tried for hours: no answer"}, h.progress().Remarks)
}

// What the archive or the worker lacks says nothing of the vendor's list.
func TestListIsReadOnceArchiveAndWorkerLetIt(t *testing.T) {
	for _, kind := range []failure.Kind{failure.BotNotServed, failure.ArchiveBlocked, failure.ArchiveUnavailable, failure.InvalidInput} {
		t.Run(string(kind), func(t *testing.T) {
			h := newHarness(t)
			h.listed = always("a")
			h.fail(day.ListInteractions, 20, temporal.NewNonRetryableApplicationError("the bucket is away", string(kind), nil))
			h.env.RegisterDelayedCallback(func() {
				require.Equal(t, workflows.DayBlocked, h.progress().Phase)
				require.Equal(t, "the bucket is away", h.progress().Reason)
			}, time.Hour)
			h.execute()
			require.Equal(t, 1, h.result().Revision)
			require.Empty(t, h.progress().Remarks)
		})
	}
}

func TestEntryThatIsRefusedAgainAndAgainBlocksTheDay(t *testing.T) {
	h := newHarness(t)
	h.fail(day.LogDay, 7, errors.New("the ledger did not respond")) // Five of them are one attempt of the day.
	blocked := false
	h.env.SetOnTimerScheduledListener(func(string, time.Duration) { blocked = blocked || h.progress().Reason == "the ledger did not respond" })
	h.execute()
	require.Equal(t, []int{1}, h.logged)
	require.True(t, blocked)
	require.Len(t, h.listings, 2)
}

func TestDayWaitsForItsLog(t *testing.T) {
	h := newHarness(t)
	h.listed = always("a")
	fixed := startTime.Add(100 * time.Hour)
	h.logBlocked = func(now time.Time) string {
		if now.Before(fixed) {
			return "make a key"
		}
		return ""
	}
	h.env.RegisterDelayedCallback(func() {
		require.Equal(t, workflows.DayBlocked, h.progress().Phase)
		require.Equal(t, "make a key", h.progress().Reason)
	}, 99*time.Hour)
	h.execute()
	require.Equal(t, 1, h.result().Revision)
	require.Equal(t, []int{1}, h.logged)
	require.Len(t, h.listings, 2, "the lists are not read again for that")
}

func TestSealedDayThatHasNotChangedKeepsItsRevision(t *testing.T) {
	h := newHarness(t)
	h.listed = always("a")
	h.execute()
	again := h.again()
	again.execute()
	result := again.result()
	require.True(t, result.Unchanged)
	require.Equal(t, 1, result.Revision)
	require.Len(t, again.listings, 1, "one listing is enough for a day that was sealed")
}

// As after a workflow that was terminated between the record and the log.
func TestRecordThatIsNotInTheLogIsEntered(t *testing.T) {
	h := newHarness(t)
	h.listed = always("a")
	h.execute()
	again := h.again()
	again.notLogged = true
	fixed := again.env.Now().Add(time.Hour)
	again.logBlocked = func(now time.Time) string {
		if now.Before(fixed) {
			return "make a key"
		}
		return ""
	}
	again.env.RegisterDelayedCallback(func() {
		require.Equal(t, "make a key", again.progress().Reason)
		require.Nil(t, again.progress().Sealed, "not before it is in the log")
	}, 30*time.Minute)
	again.execute()
	result := again.result()
	require.True(t, result.Unchanged)
	require.Equal(t, []int{1}, again.logged)
	require.Len(t, again.listings, 1, "its record is there")
}

func TestSealedDayWithANewSessionGetsItsNextRevision(t *testing.T) {
	h := newHarness(t)
	h.listed = always("a")
	h.execute()
	again := h.again()
	again.listed = always("a", "late")
	again.execute()
	require.Equal(t, 2, again.result().Revision)
	require.Len(t, again.listings, 2)
}

func TestChangedManifestReopensASealedDayWithoutListing(t *testing.T) {
	h := newHarness(t)
	h.listed = always("a")
	h.outcome = func(string, time.Time) workflows.Outcome { return workflows.OutcomeUnavailable }
	h.execute()
	again := h.again()
	again.archived["a"] = workflows.OutcomeArchived // refetched
	again.env.RegisterDelayedCallback(func() { again.env.SignalWorkflow(workflows.SignalChanged, nil) }, 0)
	again.execute()
	require.Equal(t, 2, again.result().Revision)
	require.Empty(t, again.listings)
}

func TestChangeWhileTheDayIsSealedIsNotLost(t *testing.T) {
	h := newHarness(t)
	h.listed = always("a")
	h.outcome = func(string, time.Time) workflows.Outcome { return workflows.OutcomeUnavailable }
	once := false
	h.logBlocked = func(time.Time) string {
		if !once {
			once = true
			h.archived["a"] = workflows.OutcomeArchived
			h.env.SignalWorkflow(workflows.SignalChanged, nil)
		}
		return ""
	}
	h.execute()
	require.Equal(t, 2, h.result().Revision)
	require.Equal(t, []int{1, 2}, h.logged)
}

// A day that waits for its log for days continues as new, and is told of a refetch meanwhile.
func TestChangeIsKnownToTheNextRun(t *testing.T) {
	h := newHarness(t)
	h.listed = always("a")
	h.outcome = func(string, time.Time) workflows.Outcome { return workflows.OutcomeUnavailable }
	h.logBlocked = func(time.Time) string { return "make a key" }
	h.env.RegisterDelayedCallback(func() {
		h.env.SignalWorkflow(workflows.SignalChanged, nil)
		h.env.SetContinueAsNewSuggested(true)
	}, 100*time.Hour)
	h.execute()
	continued, ok := errors.AsType[*workflow.ContinueAsNewError](h.env.GetWorkflowError())
	require.True(t, ok, h.env.GetWorkflowError())

	next := h.again()
	next.notLogged = true
	next.archived["a"] = workflows.OutcomeArchived // refetched
	next.env.SetContinuedExecutionRunID("the run before")
	var input day.Input
	require.NoError(t, converter.GetDefaultDataConverter().FromPayloads(continued.Input, &input))
	next.env.ExecuteWorkflow(workflows.ArchiveDayWorkflowName, input)
	require.Equal(t, 2, next.result().Revision)
	require.Equal(t, []int{1, 2}, next.logged)
	require.Empty(t, next.listings)
}

// A deploy takes longer than a minute, at whatever step of the day.
func TestDayGoesOnAtTheStepForWhichThereWasNoWorker(t *testing.T) {
	for _, step := range []string{day.OpenDay, day.ListSessions, day.MergeListings, day.SealDay, day.LogDay} {
		t.Run(step, func(t *testing.T) {
			h := newHarness(t)
			h.listed = always("a")
			h.failing[step] = []error{temporal.NewTimeoutError(enumspb.TIMEOUT_TYPE_SCHEDULE_TO_START, nil)}
			h.execute()
			require.Equal(t, 1, h.result().Revision)
			require.Equal(t, []int{1}, h.logged)
			require.Len(t, h.batches, 1)
			require.LessOrEqual(t, len(h.listings), 3, "what was listed is not listed again")
		})
	}
}

func TestStepThatIsBlockedIsMadeAgainAlone(t *testing.T) {
	h := newHarness(t)
	h.listed = always("a")
	h.fail(day.SealDay, 20, temporal.NewNonRetryableApplicationError("an invalid manifest", "ArchiveBlocked", nil))
	h.env.RegisterDelayedCallback(func() {
		require.Equal(t, workflows.DayBlocked, h.progress().Phase)
		require.Equal(t, "an invalid manifest", h.progress().Reason)
	}, 49*time.Hour+30*time.Minute)
	h.execute()
	require.Equal(t, 1, h.result().Revision)
	require.Len(t, h.listings, 2)
}

func TestRowsOfALostAttemptAreFollowedByTheNextRevision(t *testing.T) {
	h := newHarness(t)
	h.listed = always("a")
	h.behind = true
	h.logBlocked = func(time.Time) string { // The manifest that the rows of the first revision lack.
		h.archived["a"] = workflows.OutcomeUnavailable
		return ""
	}
	h.execute()
	require.Equal(t, 2, h.result().Revision)
	require.Equal(t, []int{1, 2}, h.logged)
	require.Equal(t, "known", h.merged[len(h.merged)-1].Known, "the rows of the lost attempt may lack sessions that are known")
}

func TestManyChangesMakeFewRevisions(t *testing.T) {
	h := newHarness(t)
	h.listed = always("a")
	h.execute()
	again := h.again()
	changes := 0
	var change func()
	change = func() {
		if changes++; changes <= 120 {
			again.archived[fmt.Sprint("refetched-", changes)] = workflows.OutcomeArchived
			again.env.SignalWorkflow(workflows.SignalChanged, nil)
			again.env.RegisterDelayedCallback(change, 30*time.Second)
		}
	}
	again.env.RegisterDelayedCallback(change, 0)
	again.execute()
	result := again.result()
	require.Equal(t, 121, result.Sessions)
	require.LessOrEqual(t, result.Revision, 9, "each revision has all rows of the day")
	require.Empty(t, again.listings)
}

func TestDayThatIsNotSealedRaisesTheAlarmOfThePurge(t *testing.T) {
	h := newHarness(t)
	h.listed = always("a")
	h.retention = 30 * 24 * time.Hour
	var raised []time.Time
	h.env.OnUpsertTypedSearchAttributes(mock.Anything).Return(nil).Run(func(args mock.Arguments) {
		attributes := args.Get(0).(temporal.SearchAttributes)
		if purgeAt, set := attributes.GetTime(workflows.SearchAttributePurgeAt); set {
			require.Equal(t, time.Date(2026, 4, 4, 0, 0, 0, 0, time.UTC), purgeAt.UTC())
			raised = append(raised, h.env.Now().UTC())
		}
	})
	sealed := startTime.Add(25 * 24 * time.Hour)
	h.logBlocked = func(now time.Time) string {
		if now.Before(sealed) {
			return "make a key"
		}
		return ""
	}
	h.execute()
	require.Equal(t, 1, h.result().Revision)
	require.Equal(t, []time.Time{time.Date(2026, 3, 21, 0, 0, 0, 0, time.UTC), time.Date(2026, 3, 28, 0, 0, 0, 0, time.UTC)}, raised, "14 and 7 days before; it is sealed before the last alarm")
}

func TestInvalidDayIsRefused(t *testing.T) {
	h := newHarness(t)
	h.env.ExecuteWorkflow(workflows.ArchiveDayWorkflowName, workflows.DayRequest{Day: workflows.Day{BotID: "st-1", Date: "5 March"}})
	failed, ok := errors.AsType[*temporal.ApplicationError](h.env.GetWorkflowError())
	require.True(t, ok)
	require.Equal(t, string(failure.InvalidInput), failed.Type())
	require.Contains(t, failed.Message(), "want a day in UTC, such as 2026-11-20")
}

func TestDayThatIsNotOverIsWaitedFor(t *testing.T) {
	h := newHarness(t)
	h.env.SetStartTime(startTime.Add(-9 * time.Hour))
	h.env.RegisterDelayedCallback(func() { require.Equal(t, workflows.DayWaiting, h.progress().Phase) }, time.Hour)
	h.execute()
	require.Equal(t, 1, h.result().Revision)
	require.False(t, h.listings[0].Before(time.Date(2026, 3, 6, 0, 10, 0, 0, time.UTC)))
}

func TestCancelledDayShowsThatItIsNotSealed(t *testing.T) {
	h := newHarness(t)
	h.listed = always("a")
	h.env.RegisterDelayedCallback(h.env.CancelWorkflow, 10*time.Hour)
	h.execute()
	require.True(t, temporal.IsCanceledError(h.env.GetWorkflowError()))
	require.Empty(t, h.logged)
	require.Equal(t, "it was cancelled", h.progress().Reason)
}

func TestReviewIsDueAtSevenAndThirtyDays(t *testing.T) {
	begin := time.Date(2026, 3, 5, 0, 0, 0, 0, time.UTC)
	at := func(days float64) time.Time { return begin.Add(time.Duration(days * 24 * float64(time.Hour))) }
	for _, test := range []struct {
		listed, now float64
		due         bool
	}{
		{3, 4, false}, {3, 7.9, false}, {3, 8.1, true}, {8.1, 9, false}, {8.1, 31.1, true}, {31.1, 300, false}, {3, 300, true},
	} {
		require.Equal(t, test.due, day.ReviewIsDue(begin, at(test.listed), at(test.now)), "%v", test)
	}
}

// again is the same day in a further run of its workflow.
func (h *harness) again() *harness {
	next := newHarness(h.t)
	next.env.SetStartTime(h.env.Now())
	next.listed, next.outcome = h.listed, h.outcome
	next.known, next.archived, next.sealed, next.rows = h.known, h.archived, h.sealed, h.rows
	return next
}
