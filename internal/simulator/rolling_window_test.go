package simulator

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestMinuteWindowRolls(t *testing.T) {
	h := newHarness(t, Config{CallsPerMinute: 3})
	id := h.addSession(Session{})
	for range 3 {
		require.Equal(t, 200, h.getStatus(id).status)
		h.clock.Advance(10 * time.Second)
	}
	requireError(t, h.getStatus(id), 429, 429, "You've exceeded the per-minute rate limit. Please wait for sometime before retrying.")
	h.clock.Advance(29 * time.Second)
	require.Equal(t, 429, h.getStatus(id).status, "59 s after the first call")
	h.clock.Advance(time.Second)
	require.Equal(t, 200, h.getStatus(id).status, "60 s after the first call")
	require.Equal(t, 429, h.getStatus(id).status, "the other two are still in the window")
	require.Equal(t, 3, h.Counts().Refused[ReasonMinute])
}

func TestHourLimitAppliesWithMinuteBudgetLeft(t *testing.T) {
	h := newHarness(t, Config{CallsPerMinute: 2, CallsPerHour: 3, RetryAfter: true})
	id := h.addSession(Session{})
	for range 3 {
		require.Equal(t, 200, h.getStatus(id).status)
		h.clock.Advance(time.Minute)
	}
	resp := h.getStatus(id)
	requireError(t, resp, 429, 429, "You've exceeded the hourly rate limit. Please wait for sometime before retrying.")
	require.Equal(t, "3420", resp.header.Get("Retry-After"), "57 minutes until the first call is an hour old")
	h.clock.Advance(57 * time.Minute)
	require.Equal(t, 200, h.getStatus(id).status)
	require.Equal(t, 1, h.Counts().Refused[ReasonHour])
}

func TestRetryAfterIsSentOnlyIfConfigured(t *testing.T) {
	h := newHarness(t, Config{CallsPerMinute: 1})
	id := h.addSession(Session{})
	require.Equal(t, 200, h.getStatus(id).status)
	resp := h.getStatus(id)
	require.Equal(t, 429, resp.status)
	require.NotContains(t, resp.header, "Retry-After")
}

func TestRefusedCallsCountOnlyIfConfigured(t *testing.T) {
	for _, count := range []bool{false, true} {
		t.Run(fmt.Sprint(count), func(t *testing.T) {
			h := newHarness(t, Config{CallsPerMinute: 1, RefusedCallsCount: count})
			id := h.addSession(Session{})
			require.Equal(t, 200, h.getStatus(id).status)
			h.clock.Advance(30 * time.Second)
			require.Equal(t, 429, h.getStatus(id).status)
			h.clock.Advance(30 * time.Second)
			want := map[bool]int{false: 200, true: 429}
			require.Equal(t, want[count], h.getStatus(id).status)
		})
	}
}

func TestBudgetIsPerBotAndUnauthorizedCallsAreFree(t *testing.T) {
	const other = "st-fd81a2b1-43af-544d-8082-831bc09c0002"
	h := newHarness(t, Config{CallsPerMinute: 1, BotIDs: []string{DefaultBotID, other}})
	id := h.addSession(Session{})
	require.Equal(t, 401, h.getStatusWith("nonsense").status)
	require.Equal(t, 200, h.getStatus(id).status)
	require.Equal(t, 429, h.getStatus(id).status)
	require.Equal(t, 200, h.get(h.server.URL+"/api/public/bot/"+other+"/v2/recordings?sessionId="+id, "auth", h.token(nil)).status)
}

func TestInvalidArgumentsCostACall(t *testing.T) {
	h := newHarness(t, Config{CallsPerMinute: 1})
	require.Equal(t, 412, h.get(h.recordingsURL(""), "auth", h.token(nil)).status)
	require.Equal(t, 429, h.getStatus("65e7133a3242653c58d70000").status)
}

func TestWindowsMatchACountOfAllCalls(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	for range 50 {
		w := &windows{}
		var accepted []time.Time
		now := noon
		for i := range 300 {
			if i%100 == 0 { // limits that change keep the calls
				w.perMinute, w.perHour = 1+rng.IntN(5), 1+rng.IntN(20)
			}
			now = now.Add(time.Duration(rng.IntN(60)) * time.Second)
			minute, hour := 0, 0
			for _, at := range accepted {
				if now.Sub(at) < time.Minute {
					minute++
				}
				if now.Sub(at) < time.Hour {
					hour++
				}
			}
			require.Equal(t, max(0, min(w.perMinute-minute, w.perHour-hour)), w.left(now))
			var want Reason
			switch {
			case hour >= w.perHour:
				want = ReasonHour
			case minute >= w.perMinute:
				want = ReasonMinute
			default:
				accepted = append(accepted, now)
			}
			got, wait := w.take(now)
			require.Equal(t, want, got)
			require.Equal(t, want != "", wait > 0)
		}
	}
}

func TestStoredCallsAreBounded(t *testing.T) {
	w := &windows{perMinute: 2, perHour: maxWindowCalls, refusedCount: true, calls: make([]time.Time, maxWindowCalls)}
	for i := range w.calls {
		w.calls[i] = noon.Add(time.Duration(i))
	}
	now := noon.Add(maxWindowCalls)
	for range 5 {
		w.take(now)
		require.Len(t, w.calls, maxWindowCalls)
	}
	reason, wait := w.take(now)
	require.Equal(t, ReasonHour, reason)
	require.Equal(t, time.Hour-maxWindowCalls+5, wait, "only the last calls count")
}

func TestCallsOfTheLastHourAreStoredAndNoOthers(t *testing.T) {
	w := &windows{perMinute: Unlimited, perHour: Unlimited}
	for i := range 120 {
		reason, _ := w.take(noon.Add(time.Duration(i) * time.Minute))
		require.Empty(t, reason)
	}
	require.Len(t, w.calls, 60)
}
