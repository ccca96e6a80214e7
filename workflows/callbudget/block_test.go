package callbudget

import (
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const reason = "the API refuses the credentials"

// blockedState is one in which a bot is blocked since a time.
func blockedState(bots ...string) *State {
	s := newState("b", windows("60/1m"), start, start)
	for _, bot := range bots {
		s.blockBot(CallReport{BotID: bot, Reason: reason, Slot: Slot{}, SessionID: nextSession()}, start)
		s.blockBot(CallReport{BotID: bot, Reason: reason, Slot: Slot{Probe: true}, SessionID: nextSession()}, start)
	}
	return &s
}

func due(t *testing.T, s *State, bot string, level int) time.Duration {
	t.Helper()
	at, blocked := s.probeDue(Want{BotID: bot, Level: level})
	require.True(t, blocked)
	return at.Sub(start)
}

func TestOneFailureIsFollowedByAProbeAtOnce(t *testing.T) {
	s := newState("b", windows("60/1m"), start, start)
	require.False(t, s.blockBot(CallReport{BotID: "a", Reason: reason, Slot: Slot{}, SessionID: nextSession()}, start))
	require.Empty(t, s.blocked(), "one call may concern one session")
	require.Zero(t, due(t, &s, "a", LastLevel))
	s.unblockBot("a", start)
	require.Empty(t, s.Blocks)
	require.Empty(t, s.Changes, "nothing happened")
}

func TestSecondFailureBlocksTheBot(t *testing.T) {
	s := newState("b", windows("60/1m"), start, start)
	s.blockBot(CallReport{BotID: "a", Reason: "something", Slot: Slot{}, SessionID: nextSession()}, start)
	require.True(t, s.blockBot(CallReport{BotID: "a", Reason: reason, Slot: Slot{Probe: true}, SessionID: nextSession()}, start.Add(time.Second)))
	require.Equal(t, []string{"a"}, s.blocked())
	require.Equal(t, reason, s.Blocks["a"].Reason)
	require.Contains(t, s.Changes[0].Text, reason)
	require.False(t, s.blockBot(CallReport{BotID: "a", Reason: "late", Slot: Slot{}, SessionID: nextSession()}, start.Add(2*time.Second)), "a call that was under way tells nothing new")
	require.Equal(t, reason, s.Blocks["a"].Reason)
	require.Equal(t, firstBlockWait+time.Second, due(t, &s, "a", LastLevel))
}

func TestProbesFollowWithBackoff(t *testing.T) {
	s := blockedState("a")
	now := start
	for _, wait := range []time.Duration{time.Minute, 2 * time.Minute, 4 * time.Minute, 8 * time.Minute, 10 * time.Minute, 10 * time.Minute} {
		now = now.Add(time.Hour)
		require.False(t, s.blockBot(CallReport{BotID: "a", Reason: reason, Slot: Slot{Probe: true}, SessionID: nextSession()}, now), "only the first time is news")
		require.Equal(t, now.Add(wait).Sub(start), due(t, s, "a", LastLevel))
	}
}

func TestOneProbeAtATimeOverAllBots(t *testing.T) {
	s := blockedState("a", "b")
	s.Probing = start.Add(firstBlockWait)
	require.Equal(t, firstBlockWait+probeTimeout, due(t, s, "b", LastLevel), "until it is reported, or lost")
	require.Equal(t, firstBlockWait+probeTimeout, due(t, s, "a", FrontLevel))
	s.blockBot(CallReport{BotID: "a", Reason: reason, Slot: Slot{Probe: true}, SessionID: nextSession()}, start.Add(firstBlockWait+time.Second))
	require.Equal(t, firstBlockWait, due(t, s, "b", LastLevel))
	_, blocked := s.probeDue(Want{BotID: "c"})
	require.False(t, blocked)
}

func TestCallSentToTheFrontIsTriedAtOnce(t *testing.T) {
	s := blockedState("a")
	at, blocked := s.probeDue(Want{BotID: "a", Level: FrontLevel, Front: true})
	require.True(t, blocked)
	require.Equal(t, frontWait, at.Sub(start))
	require.Equal(t, firstBlockWait, due(t, s, "a", FrontLevel), "an urgent call of the first priority is none of these")
}

func TestWhenOneBotCanBeCalledTheOthersAreTriedAtOnce(t *testing.T) {
	s := blockedState("a", "b", "c")
	now := start.Add(10 * time.Second)
	s.unblockBot("b", now)
	require.Equal(t, []string{"a", "c"}, s.blocked())
	require.Equal(t, 10*time.Second, due(t, s, "a", LastLevel))
	require.Equal(t, 10*time.Second, due(t, s, "c", LastLevel))
	require.Contains(t, s.Changes[0].Text, "no longer blocked after 10s (bot b)")
	changes := len(s.Changes)
	s.unblockBot("b", now)
	require.Len(t, s.Changes, changes)
}

func TestProbeWithoutResponseIsRepeatedLater(t *testing.T) {
	s := blockedState("a")
	s.Probing = start
	now := start.Add(20 * time.Second)
	s.probeUnknown("a", Slot{Probe: true}, now)
	require.Equal(t, now.Add(firstBlockWait).Sub(start), due(t, s, "a", LastLevel))
	s.probeUnknown("unknown", Slot{Probe: true}, now)
	require.Len(t, s.Blocks, 1)
}

func TestBlockedBotsAreBounded(t *testing.T) {
	s := newState("b", windows("60/1m"), start, start)
	for i := range maxBlocks + 10 {
		s.blockBot(CallReport{BotID: fmt.Sprint(i), Reason: reason, Slot: Slot{}, SessionID: nextSession()}, start)
	}
	require.Len(t, s.Blocks, maxBlocks)
}

func TestLongestBlockedBotComesFirst(t *testing.T) {
	s := newState("b", windows("60/1m"), start, start)
	for i, bot := range []string{"z", "m", "a"} {
		at := start.Add(time.Duration(i) * time.Second)
		s.blockBot(CallReport{BotID: bot, Reason: reason, Slot: Slot{}, SessionID: nextSession()}, at)
		s.blockBot(CallReport{BotID: bot, Reason: reason, Slot: Slot{Probe: true}, SessionID: nextSession()}, at)
	}
	require.Equal(t, []string{"z", "m", "a"}, s.blocked())
}

// A blocked bot's calls do not hold back the other bots' calls, and one of them at a
// time is a probe.
func TestOtherBotsGoOnWhileOneIsBlocked(t *testing.T) {
	s := simulate(t, 1, newVendor("60/1m"), "60/1m")
	s.worker(Want{BotID: "blocked", Level: 2})
	s.worker(Want{BotID: "fine", Level: 10})
	s.run(time.Minute)
	s.send(func() {
		s.budget.takeReport(CallReport{BotID: "blocked", Result: Blocked, Reason: reason}, s.now)
		s.budget.takeReport(CallReport{BotID: "blocked", Result: Blocked, Reason: reason}, s.now)
	})
	since := s.now
	s.run(10 * time.Minute)
	var probes, other int
	for _, c := range s.calls {
		switch {
		case c.at.Before(since):
		case c.want.BotID == "blocked" && c.slot.Probe:
			probes++
		case c.want.BotID == "blocked":
			other++
		}
	}
	require.LessOrEqual(t, other, 2, "those under way")
	require.InDelta(t, 10*time.Minute/probeTimeout, probes, 1, "no result of a probe is reported here: each counts as lost")
	require.Greater(t, len(s.accepted(since)), 9*59)
}

func TestReportsOfProbesAreTaken(t *testing.T) {
	report := func(b *budget, result CallResult, probe bool, now time.Time) {
		b.takeReport(CallReport{BotID: "a", SessionID: nextSession(), Slot: Slot{At: now, Probe: probe}, Result: result, Reason: reason}, now)
	}
	for result, blocked := range map[CallResult]bool{Answered: false, Refused: false, Blocked: true, Unknown: true, Late: true} {
		b := testBudget("60/1m")
		report(b, Blocked, false, start)
		report(b, Blocked, true, start)
		b.state.Probing = start.Add(time.Minute)
		b.changed = false
		report(b, result, true, start.Add(time.Minute))
		require.True(t, b.changed)
		require.Equal(t, blocked, len(b.state.Blocks) == 1, result)
		if blocked {
			require.Zero(t, b.state.Probing, result)
		}
	}
	b := testBudget("60/1m")
	report(b, Blocked, false, start)
	b.state.Probing = start
	report(b, Late, false, start)
	require.NotZero(t, b.state.Probing, "a late slot of another call is not the probe's")
}

func TestSlotsAreWithdrawnWhenCallsStop(t *testing.T) {
	for _, result := range []CallResult{Refused, Blocked} {
		b := testBudget("60/1m")
		slot := b.state.handOut(start)
		under := b.state.handOut(start.Add(time.Second))
		waiting := b.askFrom(t, "w", 8, start)
		if result == Blocked {
			b.takeReport(CallReport{BotID: "a", SessionID: "1", Slot: slot, Result: result}, start)
			require.Nil(t, waiting.answer)
		}
		b.takeReport(CallReport{BotID: "a", SessionID: "2", Slot: slot, Result: result}, start)
		require.Equal(t, under.At, b.state.VoidThrough)
		require.Equal(t, &Answer{VoidThrough: under.At}, waiting.answer)
		require.Empty(t, b.asks)
		require.Contains(t, b.state.Unused, under.At.UnixMilli(), "nor do they count as accepted")
	}
}

var sessions int

// nextSession is another session each time.
func nextSession() string {
	sessions++
	return strconv.Itoa(sessions)
}
