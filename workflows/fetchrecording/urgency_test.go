package fetchrecording_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/workflows"
	"github.com/callvault/callvault/workflows/callbudget"
	"github.com/callvault/callvault/workflows/fetchrecording"
)

// levels are those of the slots that the fetch waited for.
func (h *harness) levels() []int {
	var levels []int
	for _, want := range h.wants {
		levels = append(levels, want.Level)
	}
	return levels
}

func TestCallSlotsAreWaitedForByPriority(t *testing.T) {
	for name, row := range map[string]struct {
		priority int
		batch    string
		levels   []int // of the first check and a repeated one
	}{
		"a single fetch":           {0, "", []int{4, 3}},
		"one of a batch":           {0, "july", []int{8, 7}},
		"the first":                {1, "july", []int{2, 1}},
		"the last":                 {5, "", []int{10, 9}},
		"a batch of priority five": {5, "july", []int{10, 9}},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t, answered("media_in_progress"), success("a.wav"))
			h.execute(workflows.FetchRequest{Session: session, Priority: row.priority, BatchID: row.batch})
			require.NoError(t, h.env.GetWorkflowError())
			require.Equal(t, row.levels, h.levels())
			require.Equal(t, row.batch, h.wants[0].Batch)
		})
	}
}

func TestSessionThatIsPurgedSoonIsUrgent(t *testing.T) {
	age := startTime.Sub(callTime)
	for name, row := range map[string]struct {
		retention time.Duration
		level     int
	}{
		"not known":                           {0, 4},
		"in more than a week":                 {age + 8*24*time.Hour + 90*24*time.Hour, 4},
		"in less than a tenth of it":          {age + time.Minute, 3},
		"already, as far as anybody can say":  {age - time.Minute, 3},
		"a day ago, so nothing is left of it": {age - 24*time.Hour - time.Minute, 4},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t, success("a.wav"))
			h.retention = row.retention
			h.run(workflows.FetchPolicy{})
			require.Equal(t, []int{row.level}, h.levels())
		})
	}
}

func TestCheckNowGoesToTheFront(t *testing.T) {
	h := newHarness(t, answered("media_in_progress"), answered("media_in_progress"), success("a.wav"))
	h.after(time.Second, func() { h.checkNow() })
	h.run(workflows.FetchPolicy{})
	require.Equal(t, []int{4, callbudget.FrontLevel, 3}, h.levels(), "once")
}

func TestCheckNowEndsTheWaitForACallSlot(t *testing.T) {
	h := newHarness(t, success("a.wav"))
	release := make(chan struct{})
	defer close(release)
	h.take = func(want callbudget.Want) (*callbudget.Slot, time.Duration, error) {
		if want.Level != callbudget.FrontLevel {
			<-release // It waits for its turn.
		}
		return nil, 0, nil
	}
	var first, second *workflows.CheckNowResult
	h.after(time.Second, func() { first = h.checkNow() })
	h.after(time.Second, func() { second = h.checkNow() })
	result := h.run(workflows.FetchPolicy{})
	require.Equal(t, workflows.OutcomeArchived, result.Outcome)
	require.True(t, first.EndedWait)
	require.Contains(t, first.Message, "in front of all others")
	require.False(t, second.EndedWait, "it waits there already")
	require.Equal(t, []int{4, callbudget.FrontLevel}, h.levels())
	require.Equal(t, 1, result.StatusChecks)
}

func TestBlockedFetchIsASuspect(t *testing.T) {
	h := newHarness(t, refusal(401, "Invalid SDK credentials"), answered("media_in_progress"), success("a.wav"))
	h.run(workflows.FetchPolicy{})
	require.Len(t, h.wants, 3)
	require.False(t, h.wants[0].Suspect)
	require.True(t, h.wants[1].Suspect, "another refusal of it would tell nothing of others")
	require.False(t, h.wants[2].Suspect)
}

// A live fetch does not wait for the first steps of a backfill that is just started.
func TestFirstStepsOfBackfillsHaveAQueueOfTheirOwn(t *testing.T) {
	for name, row := range map[string]struct {
		request workflows.FetchRequest
		queue   string
	}{
		"a single fetch":      {workflows.FetchRequest{}, "callvault-bot/" + botID},
		"one of a batch":      {workflows.FetchRequest{BatchID: "july"}, "callvault-backfill/" + botID},
		"an urgent batch":     {workflows.FetchRequest{BatchID: "july", Priority: 2}, "callvault-bot/" + botID},
		"a less urgent fetch": {workflows.FetchRequest{Priority: 3}, "callvault-backfill/" + botID},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t, success("a.wav"))
			h.notHere = true
			row.request.Session = session
			h.execute(row.request)
			require.NoError(t, h.env.GetWorkflowError())
			require.Equal(t, row.queue, h.findQueue)
		})
	}
}

func TestFirstChecksOfABatchWaitInItsLane(t *testing.T) {
	h := newHarness(t, answered("media_in_progress"), success("a.wav"))
	var asked fetchrecording.FindArchivedInput
	h.found = func(input fetchrecording.FindArchivedInput) (*fetchrecording.FindArchivedResult, error) {
		asked = input
		return &fetchrecording.FindArchivedResult{Place: &fetchrecording.Place{Account: "acme", Lane: 3}}, nil
	}
	h.execute(workflows.FetchRequest{Session: session, BatchID: "july"})
	require.NoError(t, h.env.GetWorkflowError())
	require.Equal(t, fetchrecording.FindArchivedInput{Session: session, BatchID: "july", Level: 8}, asked)
	require.Equal(t, []string{"callvault-slot/" + botID + "/batch/3", "callvault-slot/" + botID + "/7"}, h.queues)
}

func TestUrgentFirstCheckOfABatchWaitsWithTheOtherUrgentOnes(t *testing.T) {
	h := newHarness(t, success("a.wav"))
	h.found = func(fetchrecording.FindArchivedInput) (*fetchrecording.FindArchivedResult, error) {
		purgedInAMinute := startTime.Sub(callTime) + time.Minute
		return &fetchrecording.FindArchivedResult{Place: &fetchrecording.Place{Account: "acme", Retention: purgedInAMinute, Lane: 3}}, nil
	}
	h.execute(workflows.FetchRequest{Session: session, BatchID: "july"})
	require.NoError(t, h.env.GetWorkflowError())
	require.Equal(t, []string{"callvault-slot/" + botID + "/7"}, h.queues)
}

func TestBatchWithoutALaneWaitsInTheQueueOfItsLevel(t *testing.T) {
	h := newHarness(t, success("a.wav"))
	h.execute(workflows.FetchRequest{Session: session, BatchID: "july"})
	require.NoError(t, h.env.GetWorkflowError())
	require.Equal(t, []string{"callvault-slot/" + botID + "/8"}, h.queues)
}
