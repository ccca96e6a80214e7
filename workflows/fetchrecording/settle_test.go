package fetchrecording_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/workflows"
)

// callAt returns a session that began at a time.
func callAt(begin time.Time, n int) workflows.Session {
	return workflows.Session{BotID: botID, SessionID: fmt.Sprintf("%08x%016x", begin.Unix(), n)}
}

// Sessions that are fetched at hang-up, whose media appear when the platform
// pulls them: about 10 minutes after the call, or 24 hours after, or later still.
func TestMediaThatAppearLateAreArchived(t *testing.T) {
	const seed = 7
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, seed))
	for i, appears := range []time.Duration{
		11 * time.Minute, 25 * time.Hour, 47 * time.Hour, 11 * time.Minute, 25 * time.Hour, 47 * time.Hour,
		11 * time.Minute, 25 * time.Hour, 47 * time.Hour, 47*time.Hour + 30*time.Minute,
	} {
		t.Run(fmt.Sprint(i, " after ", appears), func(t *testing.T) {
			lasted := time.Duration(random.IntN(600)+1) * time.Second
			h := newHarness(t, answered("media_unavailable"))
			h.session = callAt(startTime.Add(-min(lasted, 25*time.Minute)), i)
			h.after(appears, func() { h.answer(success("a.wav")) })
			result := h.run(workflows.FetchPolicy{})
			require.Equal(t, workflows.OutcomeArchived, result.Outcome)
			require.LessOrEqual(t, result.StatusChecks, 5)
			evidence := h.evidence[0]
			require.Len(t, evidence, 2)
			require.Equal(t, "media_unavailable", evidence[0].Status)
			require.Equal(t, result.StatusChecks-1, evidence[0].Count)
			require.WithinDuration(t, startTime, evidence[0].First, time.Second)
			require.WithinDuration(t, h.checkedAt[len(h.checkedAt)-2], evidence[0].Last, time.Second)
			require.Equal(t, "success", evidence[1].Status)
		})
	}
}

func TestMediaUnavailableIsFinalOnceSettled(t *testing.T) {
	h := newHarness(t, answered("media_unavailable"))
	h.session = callAt(startTime, 1)
	h.after(time.Minute, func() {
		require.Equal(t, workflows.PhaseMediaInProgress, h.progress().Phase)
		require.Contains(t, h.progress().Reason, "48h0m0s")
	})
	result := h.run(workflows.FetchPolicy{})
	require.Equal(t, workflows.OutcomeUnavailable, result.Outcome)
	require.Len(t, h.checkedAt, 5, "at once, after 15 minutes, an hour, and at 26 and 48 hours")
	for i, at := range []time.Duration{0, 15 * time.Minute, 75 * time.Minute, 26 * time.Hour, 48 * time.Hour} {
		require.WithinRange(t, h.checkedAt[i], startTime.Add(at), startTime.Add(at+at/50+time.Second))
	}
	require.Equal(t, 5, h.evidence[0][0].Count)
}

func TestUnavailableSettlesAfterIsAPolicy(t *testing.T) {
	h := newHarness(t, answered("media_unavailable"), answered("media_unavailable"), success("a.wav"))
	h.session = callAt(startTime, 1)
	result := h.run(workflows.FetchPolicy{UnavailableSettlesAfter: time.Minute})
	require.Equal(t, workflows.OutcomeUnavailable, result.Outcome)
	require.Len(t, h.checkedAt, 2)
	require.WithinRange(t, h.checkedAt[1], startTime.Add(time.Minute), startTime.Add(62*time.Second))
}

func TestUnsettledSessionGivesUpWhenItsTimeIsUp(t *testing.T) {
	h := newHarness(t, answered("media_unavailable"))
	h.session = callAt(startTime, 1)
	result := h.run(workflows.FetchPolicy{GiveUpAfter: 10 * time.Hour})
	require.Equal(t, workflows.OutcomeGaveUp, result.Outcome, "nobody knows yet whether it is unavailable")
	require.Equal(t, 10*time.Hour, result.FinishedAt.Sub(startTime).Truncate(time.Second))
}

func TestSessionThatTheAPIDoesNotKnowSettles(t *testing.T) {
	h := newHarness(t, refusal(404, "Session not found"))
	h.session = callAt(startTime, 1)
	result := h.run(workflows.FetchPolicy{})
	require.Equal(t, workflows.OutcomeUnavailable, result.Outcome)
	require.Equal(t, "no_such_session", result.Status)
	require.Len(t, h.checkedAt, 5)

	late := newHarness(t, refusal(404, "Session not found"), success("a.wav"))
	late.session = callAt(startTime, 1)
	require.Equal(t, workflows.OutcomeArchived, late.run(workflows.FetchPolicy{}).Outcome)
}
