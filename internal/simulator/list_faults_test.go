package simulator

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// bothLists returns the ids that each list has of the day's sessions, with repetitions.
func (h *harness) bothLists() (sessions, interactions map[string]int) {
	h.t.Helper()
	sessions, interactions = map[string]int{}, map[string]int{}
	for skip := 0; ; skip += 100 {
		list := h.getSessionList(fmt.Sprintf(`{"skip":%d,"limit":100}`, skip)).sessionList(h.t)
		for _, id := range list.ids() {
			sessions[id]++
		}
		if !list.MoreAvailable {
			break
		}
	}
	for page := range 11 {
		list := h.getInteractions(fmt.Sprintf("?offset=%d", page), between(noon.Add(-24*time.Hour), noon, "")).interactions(h.t)
		for _, id := range list.ids() {
			interactions[id]++
		}
	}
	return sessions, interactions
}

func (h *harness) addCalls(n int) (ids []string) {
	for i := range n {
		ids = append(ids, h.addAt(noon.Add(-time.Duration(i)*time.Minute), Session{}))
	}
	return ids
}

func TestListLacksRowsUntilATimeOrForGood(t *testing.T) {
	h := newHarness(t, Config{SessionListFaults: ListFaults{LackShare: 0.1}})
	ids := h.addCalls(1000)
	require.NoError(t, h.SetListFaults(KindInteractions, ListFaults{Lacks: ids[:7], LackUntil: noon.Add(time.Minute)}))
	sessions, interactions := h.bothLists()
	require.InDelta(t, 900, len(sessions), 40)
	require.Len(t, interactions, 993)
	require.NotContains(t, interactions, ids[0])
	again, _ := h.bothLists()
	require.Equal(t, sessions, again, "they are the same ones at each call")
	h.clock.Advance(time.Minute)
	_, interactions = h.bothLists()
	require.Len(t, interactions, 1000)
}

func TestListRepeatsRows(t *testing.T) {
	h := newHarness(t, Config{SessionListFaults: ListFaults{RepeatShare: 0.1}})
	h.addCalls(1000)
	sessions, interactions := h.bothLists()
	require.Len(t, sessions, 1000)
	rows := 0
	for _, n := range sessions {
		rows += n
	}
	require.InDelta(t, 1100, rows, 40)
	for _, n := range interactions {
		require.Equal(t, 1, n)
	}
}

func TestRowsAppearAndDisappearWhileAListIsPaged(t *testing.T) {
	h := newHarness(t, Config{SessionCallsPerMinute: Unlimited, SessionCallsPerHour: Unlimited})
	h.addCalls(1000)
	require.NoError(t, h.SetListFaults(KindSessions, ListFaults{AppearShare: 0.1, ShiftCalls: 10}))
	total := func() int { return h.getSessionList(`{"limit":1}`).sessionList(t).Total }
	first := total()
	require.InDelta(t, 910, first, 40)
	require.Greater(t, total(), first)
	for range 8 {
		total()
	}
	require.Equal(t, 1000, total())
	require.NoError(t, h.SetListFaults(KindSessions, ListFaults{DisappearShare: 0.1, ShiftCalls: 10}))
	require.InDelta(t, 990, total(), 20)
	for range 9 {
		total()
	}
	require.InDelta(t, 900, total(), 40)
}

func TestListSaysAWrongTotal(t *testing.T) {
	h := newHarness(t, Config{InteractionTotals: true, InteractionFaults: ListFaults{TotalOff: 5}, SessionListFaults: ListFaults{TotalOff: -5}})
	h.addCalls(10)
	require.Equal(t, 15, h.getInteractions("", between(noon.Add(-24*time.Hour), noon, "")).interactions(t).NumResults)
	require.Equal(t, 5, h.getSessionList(`{}`).sessionList(t).Total)
}

func TestOneListIsUnavailable(t *testing.T) {
	h := newHarness(t, Config{})
	require.NoError(t, h.SetListFaults(KindInteractions, ListFaults{Outage: &Fault{Kind: Respond, Status: 503}}))
	require.Equal(t, 503, h.getInteractions("", between(noon.Add(-time.Hour), noon, "")).status)
	require.Equal(t, 200, h.getSessionList(`{}`).status)
	require.Equal(t, 1, h.Counts().Faults[Respond])
	require.NoError(t, h.SetListFaults(KindInteractions, ListFaults{}))
	require.Equal(t, 200, h.getInteractions("", between(noon.Add(-time.Hour), noon, "")).status)
}

func TestInvalidListFaultsAreRefused(t *testing.T) {
	h := newHarness(t, Config{})
	for _, faults := range []ListFaults{{LackShare: 1.1}, {RepeatShare: -0.1}, {AppearShare: 0.1}, {AppearShare: 0.6, DisappearShare: 0.6, ShiftCalls: 1}, {Outage: &Fault{Kind: Cut}}} {
		require.Error(t, h.SetListFaults(KindSessions, faults))
	}
	require.Error(t, h.SetListFaults(KindAPI, ListFaults{}))
	_, err := New(Config{InteractionFaults: ListFaults{LackShare: 2}})
	require.Error(t, err)
	require.Error(t, h.AddSession(Session{BotID: DefaultBotID, SessionID: NewSessionID(noon, 1), Direction: "inbound"}))
	require.Error(t, h.AddSession(Session{BotID: DefaultBotID, SessionID: NewSessionID(noon, 1), Channel: "korevg"}))
}

func TestRemovedSessionLeavesTheLists(t *testing.T) {
	h := newHarness(t, Config{})
	ids := h.addCalls(3)
	h.RemoveSession(DefaultBotID, ids[1])
	require.NoError(t, h.AddSession(Session{BotID: DefaultBotID, SessionID: ids[0], Conversations: 2}))
	sessions, interactions := h.bothLists()
	require.Equal(t, map[string]int{ids[0]: 1, ids[2]: 1}, sessions)
	require.Equal(t, map[string]int{ids[0]: 2, ids[2]: 1}, interactions)
}
