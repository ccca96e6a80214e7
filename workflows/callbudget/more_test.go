package callbudget

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/workflows"
)

// budgetOf is a budget of so many calls a minute, with asks that wait.
func budgetOf(perMinute int, now time.Time, asks ...Ask) *budget {
	b := &budget{state: newState("st-1", []workflows.CallWindow{{Calls: perMinute, Span: time.Minute}}, now, now)}
	for i, ask := range asks {
		b.asks = append(b.asks, &pending{Ask: ask, number: i + 1, until: now.Add(time.Minute)})
	}
	return b
}

// firstSlot hands out the slot that an answer begins with.
func (b *budget) firstSlot(now time.Time) (*candidate, Slot) {
	chosen, at := b.state.choose(b.state.candidates(b.asks, now), now)
	slot := b.state.handOut(latest(at, now.Add(b.state.notice(now))))
	b.state.served(chosen.want)
	return chosen, slot
}

func TestFastBudgetAnswersWithASlotForEachCallThatIsHeld(t *testing.T) {
	now := time.Date(2026, 3, 5, 12, 0, 0, 0, time.UTC)
	want := Want{BotID: "st-1", Level: 4}
	for name, row := range map[string]struct {
		perMinute, held, slots int
	}{
		"as many as are held":                 {60_000, 5, 5},
		"as many as are close to each other":  {6_000, 100, 43},
		"one of a budget that is slow enough": {600, 20, 1},
		"one of the usual budget":             {60, 20, 1},
		"one if nothing is counted":           {60_000, 0, 1},
	} {
		t.Run(name, func(t *testing.T) {
			ask := Ask{Worker: "w", Wants: []Want{want}}
			if row.held > 0 {
				ask.Held = []int{row.held}
			}
			b := budgetOf(row.perMinute, now, ask)
			chosen, first := b.firstSlot(now)
			more := b.more(chosen, first, now)
			require.InDelta(t, row.slots, 1+len(more), float64(row.slots)/10)
			last := first.At
			for _, m := range more {
				require.True(t, m.Slot.At.After(last), "each slot has a time of its own")
				require.LessOrEqual(t, m.Slot.At.Sub(first.At), answerSpan)
				require.Equal(t, want, m.Want)
				last = m.Slot.At
			}
			require.Equal(t, 1+len(more), b.state.Handed)
		})
	}
}

func TestFurtherSlotsGoToNobodyBeforeHisTurn(t *testing.T) {
	now := time.Date(2026, 3, 5, 12, 0, 0, 0, time.UTC)
	urgent, usual := Want{BotID: "st-1", Level: 3}, Want{BotID: "st-1", Level: 8}
	b := budgetOf(60_000, now,
		Ask{Worker: "a", Wants: []Want{usual}, Held: []int{10}},
		Ask{Worker: "b", Wants: []Want{urgent}, Held: []int{2}},
	)
	chosen, first := b.firstSlot(now)
	require.Equal(t, "b", chosen.ask.Worker)
	require.Len(t, b.more(chosen, first, now), 1, "the urgent calls, and no other of the worker")

	b = budgetOf(60_000, now,
		Ask{Worker: "a", Wants: []Want{usual}, Held: []int{10}},
		Ask{Worker: "b", Wants: []Want{{BotID: "st-1", Level: 8, Batch: "x"}}, Held: []int{10}},
	)
	chosen, first = b.firstSlot(now)
	require.Empty(t, b.more(chosen, first, now), "batches take turns")
}

func TestBatchesOfOneWorkerShareAnAnswer(t *testing.T) {
	now := time.Date(2026, 3, 5, 12, 0, 0, 0, time.UTC)
	x, y := Want{BotID: "st-1", Level: 8, Batch: "x"}, Want{BotID: "st-1", Level: 8, Batch: "y"}
	b := budgetOf(60_000, now, Ask{Worker: "a", Wants: []Want{x, y}, Held: []int{3, 2}})
	chosen, first := b.firstSlot(now)
	got := map[string]int{chosen.want.Batch: 1}
	order := []string{chosen.want.Batch}
	for _, m := range b.more(chosen, first, now) {
		got[m.Want.Batch]++
		order = append(order, m.Want.Batch)
	}
	require.Equal(t, map[string]int{"x": 3, "y": 2}, got)
	require.NotEqual(t, order[0], order[1], "they take turns")
}

func TestNoFurtherSlotsWhileACallMayTellOfABlock(t *testing.T) {
	now := time.Date(2026, 3, 5, 12, 0, 0, 0, time.UTC)
	want := Want{BotID: "st-1", Level: 4}
	b := budgetOf(60_000, now, Ask{Worker: "a", Wants: []Want{want}, Held: []int{5}})
	chosen, first := b.firstSlot(now)
	first.Probe = true
	require.Empty(t, b.more(chosen, first, now))
	first.Probe, first.Suspect = false, true
	require.Empty(t, b.more(chosen, first, now))
}

func TestCountsOfHeldCallsAreChecked(t *testing.T) {
	require.True(t, areCounts(nil, 3))
	require.True(t, areCounts([]int{1, MaxHeld}, 2))
	for _, held := range [][]int{{1}, {1, 2, 3}, {0, 1}, {1, MaxHeld + 1}} {
		require.False(t, areCounts(held, 2), held)
	}
}
