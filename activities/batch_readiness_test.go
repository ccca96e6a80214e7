package activities_test

import (
	"bytes"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/activities"
	"github.com/callvault/callvault/internal/account"
	"github.com/callvault/callvault/internal/failure"
	"github.com/callvault/callvault/internal/simulator"
	"github.com/callvault/callvault/workflows"
	"github.com/callvault/callvault/workflows/batch"
	"github.com/callvault/callvault/workflows/callbudget"
)

// readinessHarness is a batch at an account that asks the session list of a simulator.
type readinessHarness struct {
	*batchHarness
	upstream *upstream
	slots    *callSlots
	logged   *bytes.Buffer
}

func newReadinessHarness(t *testing.T, sessions ...workflows.Session) *readinessHarness {
	t.Helper()
	u := newUpstream(t, simulator.Config{BotIDs: []string{"st-a", "st-b"}})
	h := newBatchHarnessWith(t, func(s *account.Settings) { s.API, s.AskWhenReady = u.url, true }, sessions...)
	r := &readinessHarness{batchHarness: h, upstream: u, slots: &callSlots{slot: callbudget.Slot{Within: time.Minute}}, logged: new(bytes.Buffer)}
	h.launch.Readiness = &activities.Readiness{Slots: r.slots, Logger: slog.New(slog.NewTextHandler(r.logged, nil))}
	return r
}

const (
	goesOn = time.Duration(0) // forever
	brief  = time.Minute
)

// call adds calls to the vendor's list that last so long.
func (r *readinessHarness) call(length time.Duration, sessions ...workflows.Session) {
	r.t.Helper()
	for _, one := range sessions {
		added := simulator.Session{BotID: one.BotID, SessionID: one.SessionID, Length: length}
		if length == goesOn {
			added.Script = []simulator.Step{{Status: simulator.StatusCallInProgress}}
		}
		require.NoError(r.t, r.upstream.AddSession(added))
	}
}

// asked are the ids of each call of the session list that was accepted.
func (r *readinessHarness) asked() (ids [][]string) {
	for _, one := range r.upstream.Calls() {
		if one.Kind == simulator.KindSessions {
			ids = append(ids, one.SessionIDs)
		}
	}
	return ids
}

func idsOf(sessions []workflows.Session) (ids []string) {
	for _, one := range sessions {
		ids = append(ids, one.SessionID)
	}
	return ids
}

func hoursAgo(hours float64) time.Time {
	return time.Now().Add(-time.Duration(hours * float64(time.Hour)))
}

func TestBotWhoseSessionsAreNotReadyStopsNoOther(t *testing.T) {
	open, old := callsOf("st-a", 300, hoursAgo(2)), callsOf("st-b", 30, longAgo)
	h := newReadinessHarness(t, slices.Concat(open, old)...)
	h.call(goesOn, open...)
	result := h.pass()
	h.requireStartedOnce(old)
	require.Len(t, result.Launched.Deferred, 150, "its share of 300")
	for i, deferred := range result.Launched.Deferred {
		require.Equal(t, 0, deferred.Bot)
		require.Equal(t, open[i].SessionID, deferred.SessionID)
		require.Equal(t, int64(i)*25, deferred.At)
		require.WithinDuration(t, time.Now().Add(5*time.Minute), deferred.Due, time.Minute)
	}
	require.Equal(t, []int64{150 * 25, h.input.Plan.Bots[1].End}, result.Launched.Next)
	require.False(t, result.Launched.IsComplete(h.input.Plan))
	require.False(t, result.More)

	require.Equal(t, result.Launched.Deferred, h.pass().Launched.Deferred, "there is no place for more")
}

func TestSessionsBehindThoseThatAreNotReadyAreStarted(t *testing.T) {
	sessions := callsOf("st-a", 40, hoursAgo(2))
	h := newReadinessHarness(t, sessions...)
	h.call(goesOn, sessions[:10]...)
	h.call(brief, sessions[10:20]...)
	h.call(goesOn, sessions[20:30]...)
	h.call(brief, sessions[30:]...)
	result := h.pass()
	h.requireStartedOnce(slices.Concat(sessions[10:20], sessions[30:]))
	require.Len(t, result.Launched.Deferred, 20)
	require.Equal(t, 20, result.Launched.Started)
}

func TestDeferredSessionsComeWhenTheyAreDue(t *testing.T) {
	sessions := callsOf("st-a", 5, hoursAgo(2))
	h := newReadinessHarness(t, sessions...)
	h.call(brief, sessions[0], sessions[3], sessions[4])
	h.call(goesOn, sessions[1])
	h.call(2*time.Hour-time.Minute, sessions[2]) // It has ended a minute ago.
	h.setManifests(workflows.OutcomeArchived, sessions[4])
	past, future := time.Now().Add(-time.Minute).UTC(), time.Now().Add(time.Hour).UTC()
	for i, due := range []time.Time{past, past, past, future, past} {
		h.input.Launched.Deferred = append(h.input.Launched.Deferred, batch.Deferred{At: int64(i) * 25, SessionID: sessions[i].SessionID, Due: due})
	}
	h.input.Launched.Next, h.input.Launched.Window = []int64{h.input.Plan.Bots[0].End}, []int{50}
	result := h.pass()
	h.requireStartedOnce(sessions[:1])
	require.Equal(t, 1, result.Launched.Started)
	require.Equal(t, 1, result.Launched.Found)
	deferred := result.Launched.Deferred
	require.Len(t, deferred, 3)
	require.Equal(t, idsOf(sessions[1:4]), []string{deferred[0].SessionID, deferred[1].SessionID, deferred[2].SessionID})
	require.WithinDuration(t, time.Now().Add(5*time.Minute), deferred[0].Due, time.Minute)
	require.WithinDuration(t, time.Now().Add(11*time.Minute), deferred[1].Due, time.Minute)
	require.WithinDuration(t, future, deferred[2].Due, 0)
	require.Equal(t, []string{sessions[0].SessionID, sessions[1].SessionID, sessions[2].SessionID, sessions[4].SessionID}, h.asked()[0])

	require.Equal(t, deferred, h.pass().Launched.Deferred)
	require.Len(t, h.asked(), 1, "nothing is due")
}

func TestDeferredSessionsHaveTheRoomThatThereIs(t *testing.T) {
	sessions := callsOf("st-a", 30, hoursAgo(2))
	h := newReadinessHarness(t, sessions...)
	h.call(brief, sessions...)
	for i, one := range callsOf("st-a", 30, longAgo) {
		h.temporal.add(one, fetch{})
		h.input.Launched.Deferred = append(h.input.Launched.Deferred, batch.Deferred{At: int64(i) * 25, SessionID: sessions[i].SessionID, Due: time.Now().Add(-time.Minute)})
	}
	h.input.Launched.Next, h.input.Launched.Window = []int64{h.input.Plan.Bots[0].End}, []int{50}
	result := h.pass()
	h.requireStartedOnce(sessions[:20])
	require.Len(t, result.Launched.Deferred, 10)
}

func TestInterruptedDeferredSessionsAreCountedOnce(t *testing.T) {
	sessions := callsOf("st-a", 45, hoursAgo(2))
	h := newReadinessHarness(t, sessions...)
	h.call(brief, sessions...)
	for i := range sessions {
		h.input.Launched.Deferred = append(h.input.Launched.Deferred, batch.Deferred{At: int64(i) * 25, SessionID: sessions[i].SessionID, Due: time.Now().Add(-time.Minute)})
	}
	h.input.Launched.Next, h.input.Launched.Window = []int64{h.input.Plan.Bots[0].End}, []int{50}
	result := h.interruptedPass(10)
	require.True(t, result.Interrupted)
	require.Len(t, result.Launched.Deferred, 45)
	h.temporal.change(archives)
	result = h.pass()
	h.requireStartedOnce(sessions)
	require.Empty(t, result.Launched.Deferred)
	require.Equal(t, 45, result.Launched.Started)
	require.Zero(t, result.Launched.Attached)
}

func TestOneCallAsksForFiftySessionsOfTheLastDay(t *testing.T) {
	old, recent := callsOf("st-a", 30, hoursAgo(24.1)), callsOf("st-a", 140, hoursAgo(23))
	h := newReadinessHarness(t, slices.Concat(old, recent)...)
	h.call(brief, recent...)
	h.setManifests(workflows.OutcomeArchived, recent[:20]...)
	h.input.Launched = batch.Launched{Next: []int64{0}, Window: []int{500}}
	h.pass()
	h.requireStartedOnce(slices.Concat(old, recent[20:]))
	require.Equal(t, [][]string{idsOf(recent[20:70]), idsOf(recent[70:120]), idsOf(recent[120:])}, h.asked())
	require.Equal(t, slices.Repeat([]callbudget.Want{{BotID: "st-a", Level: callbudget.LastLevel}}, 3), h.slots.wants)
	require.Empty(t, h.slots.reports, "ordinary answers teach nothing")
}

func TestFailureOfTheSessionListStopsTheCallsOfThePage(t *testing.T) {
	older, young := callsOf("st-a", 120, hoursAgo(2)), callsOf("st-a", 60, hoursAgo(0.5))
	h := newReadinessHarness(t, slices.Concat(older, young)...)
	h.slots.err = failure.New(failure.NoSlotYet, "no slot yet")
	h.input.Launched = batch.Launched{Next: []int64{0}, Window: []int{500}}
	result := h.pass()
	require.Len(t, h.slots.wants, 1)
	h.requireStartedOnce(older)
	require.Len(t, result.Launched.Deferred, 60)
	require.WithinDuration(t, time.Now().Add(2*time.Minute), result.Launched.Deferred[0].Due, time.Minute)
	require.Contains(t, result.Readiness, "once the session list says that the calls are over")
}

func TestMissingScopeIsRememberedAndDescribed(t *testing.T) {
	sessions := callsOf("st-a", 180, hoursAgo(0.1))
	h := newReadinessHarness(t, sessions...)
	h.call(goesOn, sessions...)
	h.upstream.SetSessionsScope(false)
	require.NotContains(t, h.pass().Readiness, "once the session list says") // of the first window
	h.temporal.change(archives)
	result := h.pass()
	h.temporal.change(archives)
	h.requireStartedOnce(sessions[:150])
	require.Empty(t, result.Launched.Deferred)
	require.Len(t, h.asked(), 1, "it is not asked again")
	require.Contains(t, result.Readiness, "asked for at once, which may waste calls: the session list cannot be used: ")
	require.Contains(t, result.Readiness, "Bot Sessions")
	require.Equal(t, 1, strings.Count(h.logged.String(), "the session list cannot be used"))
	requireNoSecret(t, h.logged.String())

	h.upstream.SetSessionsScope(true)
	h.launch.Readiness = &activities.Readiness{Slots: h.slots, Logger: slog.New(slog.DiscardHandler)} // as after an hour
	result = h.pass()
	require.Len(t, result.Launched.Deferred, 30)
	require.Contains(t, result.Readiness, "once the session list says that the calls are over")
}

func TestAccountThatDoesNotAskStartsRecentSessionsAtOnce(t *testing.T) {
	sessions := callsOf("st-a", 10, hoursAgo(0.1))
	h := newReadinessHarness(t, sessions...)
	h.call(goesOn, sessions...)
	h.served.Accounts[0].AskWhenReady = false
	require.Contains(t, h.pass().Readiness, "askWhenReady is off")
	h.requireStartedOnce(sessions)
	require.Empty(t, h.asked())
}

func TestCallsOfTheSessionListThatTeachItsBudgetAreReported(t *testing.T) {
	for name, row := range map[string]struct {
		prepare func(h *readinessHarness)
		calls   int
		want    callbudget.CallResult
	}{
		"refused by rate": {func(h *readinessHarness) {
			require.NoError(h.t, h.upstream.SetOutage(&simulator.Fault{Kind: simulator.Respond, Status: 429, RetryAfter: "7"}))
		}, 1, callbudget.Refused},
		"withdrawn": {func(h *readinessHarness) { h.slots.void = true }, 0, callbudget.Unused},
		"probe":     {func(h *readinessHarness) { h.slots.slot.Probe = true }, 1, callbudget.Answered},
		"probe without the scope": {func(h *readinessHarness) {
			h.slots.slot.Probe = true
			h.upstream.SetSessionsScope(false)
		}, 1, callbudget.Answered},
		"late": {func(h *readinessHarness) { h.slots.slot.Within, h.slots.in = -time.Second, time.Millisecond }, 0, callbudget.Unused},
	} {
		t.Run(name, func(t *testing.T) {
			sessions := callsOf("st-a", 3, hoursAgo(0.1))
			h := newReadinessHarness(t, sessions...)
			h.call(goesOn, sessions...)
			row.prepare(h)
			h.pass()
			require.Len(t, h.asked(), row.calls)
			require.Len(t, h.slots.reports, 1)
			require.Equal(t, row.want, h.slots.reports[0].Result)
			require.Equal(t, "st-a", h.slots.reports[0].BotID)
			if row.want == callbudget.Refused {
				require.Equal(t, 7*time.Second, h.slots.reports[0].RetryAfter)
			}
		})
	}
}
