package simulator

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestTheMinuteRolls(t *testing.T) {
	w := newWorld(t, Config{CallsPerMinute: 3})
	id := w.call(Session{})
	for range 3 {
		require.Equal(t, 200, w.ask(id).status)
		w.clock.Move(10 * time.Second)
	}
	requireError(t, w.ask(id), 429, 429, "You've exceeded the per-minute rate limit. Please wait for sometime before retrying.")
	w.clock.Move(29 * time.Second)
	require.Equal(t, 429, w.ask(id).status, "59 s after the first call")
	w.clock.Move(time.Second)
	require.Equal(t, 200, w.ask(id).status, "60 s after the first call")
	require.Equal(t, 429, w.ask(id).status, "the other two are still in the window")
	require.Equal(t, 3, w.Counts().Refused[ReasonMinute])
}

func TestTheHourRefusesThoughTheMinuteIsFree(t *testing.T) {
	w := newWorld(t, Config{CallsPerMinute: 2, CallsPerHour: 3, RetryAfter: true})
	id := w.call(Session{})
	for range 3 {
		require.Equal(t, 200, w.ask(id).status)
		w.clock.Move(time.Minute)
	}
	a := w.ask(id)
	requireError(t, a, 429, 429, "You've exceeded the hourly rate limit. Please wait for sometime before retrying.")
	require.Equal(t, "3420", a.header.Get("Retry-After"), "57 minutes until the first call is an hour old")
	w.clock.Move(57 * time.Minute)
	require.Equal(t, 200, w.ask(id).status)
	require.Equal(t, 1, w.Counts().Refused[ReasonHour])
}

func TestNoRetryAfterUnlessAskedFor(t *testing.T) {
	w := newWorld(t, Config{CallsPerMinute: 1})
	id := w.call(Session{})
	require.Equal(t, 200, w.ask(id).status)
	a := w.ask(id)
	require.Equal(t, 429, a.status)
	require.NotContains(t, a.header, "Retry-After")
}

func TestRefusedCallsCountOnlyIfConfigured(t *testing.T) {
	for _, count := range []bool{false, true} {
		t.Run(fmt.Sprint(count), func(t *testing.T) {
			w := newWorld(t, Config{CallsPerMinute: 1, RefusedCallsCount: count})
			id := w.call(Session{})
			require.Equal(t, 200, w.ask(id).status)
			w.clock.Move(30 * time.Second)
			require.Equal(t, 429, w.ask(id).status)
			w.clock.Move(30 * time.Second)
			want := map[bool]int{false: 200, true: 429}
			require.Equal(t, want[count], w.ask(id).status)
		})
	}
}

func TestEachBotHasItsOwnBudgetAndStrangersSpendNone(t *testing.T) {
	const other = "st-fd81a2b1-43af-544d-8082-831bc09c0002"
	w := newWorld(t, Config{CallsPerMinute: 1, BotIDs: []string{DefaultBotID, other}})
	id := w.call(Session{})
	require.Equal(t, 401, w.askWith("nonsense").status)
	require.Equal(t, 200, w.ask(id).status)
	require.Equal(t, 429, w.ask(id).status)
	require.Equal(t, 200, w.get(w.server.URL+"/api/public/bot/"+other+"/v2/recordings?sessionId="+id, "auth", w.token(nil)).status)
}

func TestInvalidArgumentsCostACall(t *testing.T) {
	w := newWorld(t, Config{CallsPerMinute: 1})
	require.Equal(t, 412, w.get(w.recordingsURL(""), "auth", w.token(nil)).status)
	require.Equal(t, 429, w.ask("65e7133a3242653c58d70000").status)
}

func TestWindowsAgreeWithCountingAllCalls(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	for range 50 {
		w := &windows{perMinute: 1 + rng.IntN(5), perHour: 1 + rng.IntN(20)}
		var let []time.Time
		now := noon
		for range 300 {
			now = now.Add(time.Duration(rng.IntN(60)) * time.Second)
			minute, hour := 0, 0
			for _, at := range let {
				if now.Sub(at) < time.Minute {
					minute++
				}
				if now.Sub(at) < time.Hour {
					hour++
				}
			}
			var want Reason
			switch {
			case hour >= w.perHour:
				want = ReasonHour
			case minute >= w.perMinute:
				want = ReasonMinute
			default:
				let = append(let, now)
			}
			got, wait := w.take(now)
			require.Equal(t, want, got)
			require.Equal(t, want != "", wait > 0)
			require.LessOrEqual(t, len(w.calls), max(w.perMinute, w.perHour))
		}
	}
}

func TestWhatIsRememberedOfRefusedCallsIsBounded(t *testing.T) {
	w := &windows{perMinute: 2, perHour: 5, refusedCount: true}
	for i := range 100 {
		w.take(noon.Add(time.Duration(i) * time.Second))
		require.LessOrEqual(t, len(w.calls), 5)
	}
	reason, wait := w.take(noon.Add(100 * time.Second))
	require.Equal(t, ReasonHour, reason)
	require.Equal(t, time.Hour-5*time.Second, wait, "the last five calls are what counts")
}

func TestUnlimitedKeepsNothing(t *testing.T) {
	w := &windows{perMinute: Unlimited, perHour: Unlimited, refusedCount: true}
	for range 100 {
		reason, _ := w.take(noon)
		require.Empty(t, reason)
	}
	require.Empty(t, w.calls)
}
