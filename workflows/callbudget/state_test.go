package callbudget

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestStateSurvivesItsJSON(t *testing.T) {
	v := newVendor(minute60...)
	s := simulate(t, 1, v, configured...)
	s.saturate(2)
	s.run(20 * time.Minute)
	s.rest(2 * time.Hour)
	s.run(3 * time.Hour)
	state := s.budget.state
	state.unused(s.now)
	state.blockBot(CallReport{BotID: "st-1", Reason: reason, Slot: Slot{}, SessionID: nextSession()}, s.now)
	state.Probing = s.now
	state.Paused = &pause{Reason: "audit", Since: s.now}
	state.Waiting = map[string]map[int]int{"st-1": {1: 2, 5: 3}}
	state.Set, state.SetReason = windows("50/1m"), "less"
	require.NotZero(t, state.Windows[0].Learned)
	body, err := json.Marshal(state)
	require.NoError(t, err)
	var back State
	require.NoError(t, json.Unmarshal(body, &back))
	again, err := json.Marshal(back)
	require.NoError(t, err)
	require.JSONEq(t, string(body), string(again))
	for _, level := range []int{FrontLevel, LastLevel} {
		require.True(t, state.nextSlot(level).Equal(back.nextSlot(level)), "it decides the same")
	}
	require.Equal(t, state.Windows[0].limit(), back.Windows[0].limit())
}

func TestPastIsBounded(t *testing.T) {
	s := newState("b", windows("60/1m"), start, start)
	for i := range 3 * maxChanges {
		s.note(start.Add(time.Duration(i)*time.Second), "change %d", i)
	}
	require.Len(t, s.Changes, maxChanges)
	require.Equal(t, fmt.Sprintf("change %d", 3*maxChanges-1), s.Changes[0].Text, "newest first")
}

func TestWindowWithoutALimitTakesWhatABudgetCanHandOut(t *testing.T) {
	require.Equal(t, 36_000, window{Span: time.Hour}.limit())
	require.Equal(t, 60, window{Calls: 60}.limit())
	require.Equal(t, 36, window{Calls: 60, Learned: 36}.limit())
	require.Equal(t, 60, window{Calls: 60, Learned: 70}.limit())
	require.Equal(t, 37, window{Calls: 60, Learned: 36, Probing: start}.limit(), "one more")
	require.Equal(t, time.Second, window{Span: time.Hour}.margin())
	require.Equal(t, 100*time.Millisecond, window{Span: 6 * time.Second}.margin())
	require.Zero(t, window{Span: time.Hour, Probing: start}.margin())
}
