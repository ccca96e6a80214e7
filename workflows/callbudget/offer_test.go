package callbudget

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// offered returns a budget of one call a minute whose slot was offered to a worker.
func offered(t *testing.T) (*budget, Slot) {
	t.Helper()
	b := &budget{state: newState("b", windows("1/1m"), start, start)}
	waiting := b.enter(takingAsk("killed", 8), start)
	b.answerDue(start)
	require.NotNil(t, waiting.answer)
	return b, *waiting.answer.Slot
}

func takingAsk(worker string, level int) Ask {
	return Ask{Worker: worker, Wants: []Want{{BotID: "st-1", Level: level}}, Patience: time.Minute, Takes: true}
}

func take(worker string, slot Slot) Ask {
	return Ask{Worker: worker, Patience: time.Minute, Takes: true, Took: slot.At}
}

func TestSlotThatIsNotTakenGoesToTheNextCall(t *testing.T) {
	b, slot := offered(t)
	before := slot.At.Add(-time.Millisecond)
	waiting := b.enter(takingAsk("alive", 8), before)
	b.state.endOffers(before)
	b.answerDue(before)
	require.NotNil(t, waiting.answer)
	require.WithinDuration(t, slot.At, waiting.answer.Slot.At, 2*time.Second, "not a minute later")
	require.Equal(t, 1, b.status(before).Slots)
	require.Equal(t, 1, b.state.Slots.within(time.Minute, waiting.answer.Slot.At))
}

func TestSlotThatIsTakenIsUsed(t *testing.T) {
	b, slot := offered(t)
	require.NoError(t, b.admit(take("killed", slot), start))
	b.enter(take("killed", slot), start)
	waiting := b.enter(takingAsk("alive", 8), slot.At)
	b.state.endOffers(slot.At)
	b.answerDue(slot.At)
	require.Nil(t, waiting.answer, "the window is full for a minute")
	require.Equal(t, 1, b.status(slot.At).Slots)
}

func TestSlotCannotBeTakenTwiceOrTooLateOrByAnother(t *testing.T) {
	b, slot := offered(t)
	require.ErrorContains(t, b.admit(take("another", slot), start), "given back")
	require.NoError(t, b.admit(take("killed", slot), start))
	b.enter(take("killed", slot), start)
	require.ErrorContains(t, b.admit(take("killed", slot), start), "given back")

	b, slot = offered(t)
	b.state.endOffers(slot.At)
	require.ErrorContains(t, b.admit(take("killed", slot), slot.At), "given back")
}

func TestWithdrawalAndLeavingAreNotLateness(t *testing.T) {
	for name, end := range map[string]func(*budget){
		"withdrawn": func(b *budget) { b.withdraw(start) },
		"left":      func(b *budget) { b.state.retractIf(start, func(offer) bool { return true }) },
	} {
		b, _ := offered(t)
		end(b)
		require.Empty(t, b.state.Offers, name)
		require.Equal(t, minNotice, max(minNotice, b.state.Notice), name)
	}
	b, slot := offered(t)
	b.state.endOffers(slot.At)
	require.Greater(t, b.state.Notice, minNotice, "messages may be slow")
}

// A slot that may be free soon is not waited for as long as for one of a full window.
func TestEndOfAnOfferWakesTheWorkflow(t *testing.T) {
	b := &budget{state: newState("b", windows("1/1h"), start, start)}
	b.enter(takingAsk("killed", 8), start)
	b.answerDue(start)
	b.enter(takingAsk("alive", 8), start)
	due := b.answerDue(start)
	require.Greater(t, due, start.Add(time.Hour))
	require.Less(t, b.wakeFor(start, due), start.Add(time.Minute))
}

// Each slot that was handed out counts until it was given back, and no other does.
func TestOffersAreAmongTheSlots(t *testing.T) {
	s := simulate(t, 15, newVendor("60/1m", "1800/1h"), "60/1m", "1800/1h")
	s.saturate(5)
	caller := s.workers[0]
	s.every(7*time.Second, func() { caller.call(Want{BotID: "st-1", Level: 3}) })
	s.every(31*time.Second, func() { s.workers[s.random.IntN(5)].kills = true })
	s.every(3*time.Minute, func() { s.send(func() { s.budget.withdraw(s.now) }) })
	checked := 0
	s.every(100*time.Millisecond, func() {
		for _, o := range s.budget.state.Offers {
			_, found := slices.BinarySearch(s.budget.state.Slots, o.Slot.At.UnixMilli())
			require.True(t, found)
			checked++
		}
	})
	s.run(time.Hour)
	require.Greater(t, checked, 1000)
	require.Zero(t, s.refusals(start))
	s.requireWithin("60/1m", "1800/1h")
}

// A slot is taken even if the budget serves no more requests.
func TestSlotIsTakenWhileTheBudgetContinuesAsNewOrManyWait(t *testing.T) {
	b, slot := offered(t)
	b.closing = true
	ask := take("killed", slot)
	ask.Wants = []Want{{BotID: "st-1", Level: 8}}
	require.NoError(t, b.admit(ask, start))
	require.NotNil(t, b.enter(ask, start).answer)
	require.Empty(t, b.state.Offers)

	b, slot = offered(t)
	for i := range maxPending {
		b.enter(takingAsk(string(rune('a'+i)), 1), start)
	}
	require.NoError(t, b.admit(ask, start))
	ask.Took = slot.At
	require.Equal(t, &Answer{}, b.enter(ask, start).answer)
	require.Empty(t, b.state.Offers)
	require.Len(t, b.asks, maxPending)
}

func TestOfferIsWithdrawnLikeASlot(t *testing.T) {
	b, slot := offered(t)
	b.withdraw(start)
	require.ErrorContains(t, b.admit(take("killed", slot), start), "given back")
	require.Zero(t, b.status(start).Slots)
}

func TestProbeThatNobodyTakesIsMadeByAnother(t *testing.T) {
	b := &budget{state: newState("b", windows("60/1m"), start, start)}
	b.takeReport(CallReport{BotID: "st-1", SessionID: "1", Result: Blocked, Reason: "scope"}, start)
	waiting := b.enter(takingAsk("killed", 8), start)
	b.answerDue(start)
	probe := *waiting.answer.Slot
	require.True(t, probe.Probe)
	waiting = b.enter(takingAsk("alive", 8), probe.At)
	b.state.endOffers(probe.At)
	b.answerDue(probe.At)
	require.NotNil(t, waiting.answer, "after less than the time in which a probe counts as lost")
	require.True(t, waiting.answer.Slot.Probe)
}

// Slots that were taken back in the middle leave room for later ones, but never for one
// that counts as withdrawn.
func TestSlotsAfterAWithdrawalAreNotVoid(t *testing.T) {
	b := &budget{state: newState("b", windows("60/1m"), start, start)}
	b.enter(Ask{Worker: "w", Wants: []Want{{BotID: "st-1", Level: 8}}, Patience: time.Minute}, start)
	b.answerDue(start)
	slot := b.state.Slots.last()
	b.withdraw(start)
	b.takeReport(CallReport{BotID: "st-1", Slot: Slot{At: slot}, Result: Unused}, start)
	ask := takingAsk("w", 8)
	ask.VoidKnown = b.state.VoidThrough
	waiting := b.enter(ask, start)
	b.answerDue(start)
	require.NotNil(t, waiting.answer)
	require.True(t, waiting.answer.Slot.At.After(b.state.VoidThrough))

	void := b.state.VoidThrough
	b.withdraw(start)
	require.Equal(t, void, b.state.VoidThrough, "what was withdrawn before stays withdrawn")
	require.Equal(t, 1, b.state.levelAt(b.state.Windows[0], start.Add(time.Minute)), "no call was made")
}

func TestSlotThatCameTooLateIsFreeAgain(t *testing.T) {
	b := &budget{state: newState("b", windows("1/1m"), start, start)}
	slot := b.state.handOut(start)
	require.True(t, b.state.nextSlot(LastLevel).After(start.Add(time.Minute)))
	b.takeReport(CallReport{BotID: "st-1", Slot: slot, Result: Late, LateBy: time.Second}, start.Add(time.Second))
	require.False(t, b.state.nextSlot(LastLevel).After(start.Add(time.Second)))
}

func TestOfferGoesToACallThatSomebodyWaitsFor(t *testing.T) {
	for level, goes := range map[int]bool{1: true, maxLiveLevel: true, maxLiveLevel + 1: false} {
		b := &budget{state: newState("b", windows("10/1m"), start, start)}
		b.enter(takingAsk("first", 8), start)
		b.enter(takingAsk("second", 8), start)
		b.answerDue(start)
		require.Len(t, b.state.Offers, 2)
		first, second := b.state.Offers[0].Slot, b.state.Offers[1].Slot
		now := first.At.Add(-time.Millisecond) // Too late for the first one.
		live := b.enter(takingAsk("live", level), now)
		b.answerDue(now)
		if !goes {
			require.Nil(t, live.answer)
			continue
		}
		require.Equal(t, second.At, live.answer.Slot.At)
		require.ErrorContains(t, b.admit(take("second", second), now), "given back")
		require.NoError(t, b.admit(take("live", second), now))
		require.Equal(t, 2, b.status(now).Slots)

		another := b.enter(takingAsk("another", level), now)
		b.answerDue(now)
		require.Nil(t, another.answer, "it is no more urgent")
	}
}

// The worker of the urgent call gives it the slot itself.
func TestOfferOfItsOwnWorkerIsNotRetracted(t *testing.T) {
	b := &budget{state: newState("b", windows("10/1m"), start, start)}
	b.enter(takingAsk("w", 8), start)
	b.answerDue(start)
	slot := b.state.Offers[0].Slot
	live := b.enter(takingAsk("w", 1), start)
	b.answerDue(start)
	require.NoError(t, b.admit(take("w", slot), start))
	require.NotNil(t, live.answer, "it was caught up")
	require.NotEqual(t, slot.At, live.answer.Slot.At)
}

func TestOfferOfItsOwnWorkerToAnotherBotIsPassedOver(t *testing.T) {
	b := &budget{state: newState("b", windows("10/1m"), start, start)}
	b.enter(takingAsk("w", 8), start)
	b.answerDue(start)
	b.enter(takingAsk("other", 8), start)
	b.answerDue(start)
	require.Len(t, b.state.Offers, 2)
	another := b.state.Offers[1].Slot
	ask := takingAsk("w", 1)
	ask.Wants[0].BotID = "st-2"
	live := b.enter(ask, start)
	b.answerDue(start)
	require.Equal(t, another.At, live.answer.Slot.At)
}

// Asks may overtake each other. The one that names the urgent call stays.
func TestAskThatWasOvertakenReplacesNothing(t *testing.T) {
	b := &budget{state: newState("b", windows("60/1m"), start, start)}
	b.withdraw(start)
	newer, older := takingAsk("w", 1), takingAsk("w", 8)
	newer.Number, older.Number = 2, 1
	first := b.enter(newer, start)
	require.NotNil(t, b.enter(older, start).answer)
	require.Nil(t, first.answer)
	require.Len(t, b.asks, 1)
}

func TestProbeIsNotRetracted(t *testing.T) {
	b := &budget{state: newState("b", windows("60/1m"), start, start)}
	b.takeReport(CallReport{BotID: "st-1", SessionID: "1", Result: Blocked, Reason: "scope"}, start)
	b.enter(takingAsk("w", 8), start)
	b.answerDue(start)
	ask := takingAsk("live", 1)
	ask.Wants[0].BotID = "st-2"
	live := b.enter(ask, start)
	b.answerDue(start)
	require.False(t, live.answer.Slot.Probe)
	require.Len(t, b.state.Offers, 2)
}

// Workers that were killed while they waited for a slot cost nothing.
func TestKilledWorkersLoseNoSlot(t *testing.T) {
	for _, limit := range []string{"60/1m", "300/1m"} {
		s := simulate(t, 14, newVendor(limit), limit)
		s.saturate(3)
		s.every(time.Minute, func() { s.workers[s.random.IntN(3)].kills = true })
		s.run(time.Hour)
		require.Zero(t, s.lost)
		require.Zero(t, s.refusals(start))
		require.Greater(t, s.budget.state.GivenBack, 40)
		require.InDelta(t, len(s.calls), s.budget.status(s.now).Slots, 3, "those that are under way")
		require.GreaterOrEqual(t, s.share(limit, start), 0.97, limit)
	}
}
