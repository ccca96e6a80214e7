package batch

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/workflows"
)

var now = time.Date(2026, 3, 5, 12, 0, 0, 0, time.UTC)

// running is a batch of so many sessions of which so many wait, at a rate of sessions in
// a second.
func running(sessions, started, waiting int, perSecond float64) State {
	plan := Plan{Sessions: sessions, Bots: []BotRange{{BotID: "st-1", End: int64(sessions)}}}
	s := State{
		Plan: &plan, Launched: Launched{Next: []int64{int64(started)}, Started: started},
		Last: &LaunchResult{Waiting: waiting, Ended: Ended{Outcomes: map[workflows.Outcome]int{workflows.OutcomeArchived: started - waiting}}},
	}
	if perSecond > 0 {
		s.Samples = []sample{{At: now.Add(-100 * time.Second)}, {At: now, Ended: int(100 * perSecond)}}
	}
	return s
}

func TestNextPassComesBeforeTheBudgetIsIdle(t *testing.T) {
	for name, row := range map[string]struct {
		state State
		want  time.Duration
	}{
		"half of the window has gone":       {running(100_000, 500, 100, 1), 50 * time.Second},
		"a fast budget":                     {running(100_000, 500, 100, 50), time.Second},
		"a very fast budget":                {running(100_000, 500, 100, 5000), shortestWait / 4},
		"a slow budget":                     {running(100_000, 500, 100, 0.01), longestWait},
		"the rate is not known yet":         {running(100_000, 100, 100, 0), shortestWait},
		"a small batch is watched closely":  {running(200, 150, 100, 1), 3 * time.Second},
		"all is started":                    {running(1000, 1000, 500, 1), 10 * time.Second},
		"all is started, and it takes long": {running(10_000, 10_000, 10_000, 0.01), longestWait},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, row.want, situation{state: row.state, now: now}.nextPass())
		})
	}
	deferred := running(100, 100, 0, 1)
	deferred.Quiet = 9
	deferred.Launched.Deferred = []Deferred{{Due: now.Add(time.Hour)}, {Due: now.Add(30 * time.Second)}}
	require.Equal(t, 30*time.Second, situation{state: deferred, now: now}.nextPass(), "when the first of those that were not ready may be")

	more := running(100, 50, 0, 1)
	more.Last.More = true
	require.Zero(t, situation{state: more}.nextPass(), "there is room for more at once")
	more.Paused = &halt{}
	require.NotZero(t, situation{state: more}.nextPass())
}

func TestBatchInWhichNothingHappensIsLookedAtEverLessOften(t *testing.T) {
	s := running(1000, 1000, 5, 0)
	var last time.Duration
	for s.Quiet = 0; s.Quiet < 100; s.Quiet++ {
		wait := situation{state: s, now: now}.nextPass()
		require.GreaterOrEqual(t, wait, last)
		last = wait
	}
	require.Equal(t, idleWait, last)
}

func TestRateIsThatOfTheLastSamples(t *testing.T) {
	var s State
	for i := range 200 {
		s.addSample(sample{At: now.Add(time.Duration(i) * 10 * time.Second), Ended: max(0, i-100) * 20})
	}
	require.LessOrEqual(t, len(s.Samples), maxSamples)
	require.InDelta(t, 2, s.perSecond(), 0.01, "what happened long ago does not count")
	require.Zero(t, (&State{Samples: []sample{{At: now, Ended: 5}}}).perSecond())
	require.Zero(t, (&State{Samples: []sample{{At: now, Ended: 5}, {At: now, Ended: 7}}}).perSecond())
}

func TestBlockedBatchIsTriedEverLessOften(t *testing.T) {
	require.Equal(t, 5*time.Second, blockedWait(1))
	require.Equal(t, 10*time.Second, blockedWait(2))
	require.Equal(t, idleWait, blockedWait(100))
}

func TestPhaseSaysWhatKeepsTheBatch(t *testing.T) {
	halted := &halt{Reason: "why"}
	for name, row := range map[string]struct {
		change func(*State)
		phase  workflows.BatchPhase
		reason string
	}{
		"launching":     {func(*State) {}, workflows.BatchLaunching, ""},
		"starved":       {func(s *State) { s.Last.Starved = "no call slots: budget st-1 is paused: x" }, workflows.BatchLaunching, "no call slots: budget st-1 is paused: x"},
		"paused":        {func(s *State) { s.Paused = halted }, workflows.BatchPaused, "why"},
		"stopped":       {func(s *State) { s.Stopped, s.Paused = halted, &halt{Reason: "x"} }, workflows.BatchStopped, "why"},
		"cancelled":     {func(s *State) { s.Stopped, s.Cancelled = halted, true }, workflows.BatchCancelling, ""},
		"all started":   {func(s *State) { s.Launched.Next[0] = 100 }, workflows.BatchWaiting, ""},
		"some deferred": {func(s *State) { s.Launched.Next[0] = 100; s.Launched.Deferred = []Deferred{{}} }, workflows.BatchLaunching, ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := running(100, 50, 10, 1)
			row.change(&s)
			phase, reason := situation{state: s}.phase()
			require.Equal(t, row.phase, phase)
			require.Equal(t, row.reason, reason)
		})
	}
}

func TestFailuresAreCountedAnewAfterResume(t *testing.T) {
	s := running(1000, 200, 0, 1)
	s.Last.Ended = Ended{Outcomes: map[workflows.Outcome]int{workflows.OutcomeArchived: 90, workflows.OutcomeFailed: 10}}
	limit := workflows.FailureLimit{Percent: 10}
	require.Contains(t, situation{state: s, limit: limit}.stopReason(), "10 of 100 sessions were not archived, and maxFailures is 10%")
	s.forgive()
	require.Empty(t, situation{state: s, limit: limit}.stopReason())
	s.Last.Ended.Outcomes[workflows.OutcomeFailed] = 20
	require.Empty(t, situation{state: s, limit: limit}.stopReason(), "a percentage of ten sessions says nothing")
	s.Last.Ended.Outcomes[workflows.OutcomeArchived] = 180
	require.Contains(t, situation{state: s, limit: limit}.stopReason(), "10 of 100")
	require.Empty(t, situation{state: s}.stopReason(), "there is no limit")
	s.Launched.Next[0] = 1000
	require.Empty(t, situation{state: s, limit: limit}.stopReason(), "nothing is left to be stopped")
}
