package fetchrecording

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/internal/failure"
	"github.com/callvault/callvault/internal/status"
	"github.com/callvault/callvault/workflows"
)

// The bounds on a session that never changes, in 30 days.
const (
	maxChecks    = 60
	maxDownloads = 12
)

// vendor decides what comes of the n-th status check and of every download.
type vendor struct {
	status   func(n int) string
	checked  error // instead of a status
	download error
}

func always(name string) vendor { return vendor{status: func(int) string { return name }} }

// neverEnding are the states in which a session may stay for good.
func neverEnding() map[string]vendor {
	alternating := vendor{status: func(n int) string { return []string{"call_in_progress", "media_in_progress", "retry_failed"}[n%3] }}
	states := map[string]vendor{
		"an unknown status":    always("teleporting"),
		"alternating statuses": alternating,
		"API unavailable":      {checked: failed(failure.Transient, 0)},
		"over budget":          {checked: failed(failure.RateLimited, time.Minute)},
		"blocked":              {checked: failed(failure.Blocked, 0)},
	}
	for _, name := range []string{"call_in_progress", "media_in_progress", "fetching_in_progress", "retry_failed", "media_unavailable",
		"no_such_session", "partial_download_failed", "media_conversion_failed"} {
		states[name] = always(name)
	}
	for _, kind := range []failure.Kind{failure.MediaRefused, failure.MediaExpired, failure.MediaInvalid, failure.MediaUnavailable, failure.Blocked} {
		v := always("success")
		v.download = failed(kind, 0)
		states["success, but "+string(kind)] = v
	}
	return states
}

// month lets a fetch meet the vendor for 30 days, by its decisions alone.
func month(v vendor, age time.Duration, seed string) (checks, downloads int, outcome workflows.Outcome) {
	s := fresh(aged(age), listed)
	end := s.now.Add(30 * day)
	for step := check; s.now.Before(end.Add(time.Hour)); {
		s.jitter = jitterOf(seed, checks<<16+downloads)
		var n next
		if step == check {
			checks++
			if v.checked != nil {
				n = s.afterCheckFailure(v.checked)
			} else {
				name := v.status(checks)
				n = s.afterStatus(&CheckStatusResult{Status: name, Meaning: status.Of(name)})
			}
		} else {
			downloads++
			n = s.afterDownload(false, v.download)
		}
		s.state = n.state
		if n.outcome != "" {
			return checks, downloads, n.outcome
		}
		until := s.now.Add(n.wait)
		f := fetch{state: s.state}
		if f.isCutShort(n, s.now, until) {
			until = s.state.GiveUpAt
		}
		s.now = until
		s.state = s.afterWait(n, false).state
		step = n.step
	}
	return checks, downloads, ""
}

func TestSessionThatNeverChangesCostsFewCalls(t *testing.T) {
	for name, v := range neverEnding() {
		t.Run(name, func(t *testing.T) {
			most := [2]int{}
			for i := range 1000 {
				for _, age := range []time.Duration{0, 5 * time.Hour, 30 * time.Hour, 400 * day} {
					checks, downloads, outcome := month(v, age, fmt.Sprint(i))
					require.LessOrEqual(t, checks, maxChecks, "age %s", age)
					blocked := name == "success, but Blocked" // a refused host is not contacted
					require.True(t, blocked || downloads <= maxDownloads, "%d downloads, age %s", downloads, age)
					if v.checked != nil || blocked {
						require.Empty(t, outcome, "no verdict without an answer, and none while it is blocked")
					} else {
						require.NotEmpty(t, outcome)
					}
					most = [2]int{max(most[0], checks), max(most[1], downloads)}
				}
			}
			t.Logf("at most %d checks and %d downloads", most[0], most[1])
		})
	}
}

// The waits of the table, with which the README and the architecture must agree.
func TestLongestWaitGrowsWithTheAge(t *testing.T) {
	p := workflows.DefaultFetchPolicy()
	for age, want := range map[time.Duration]time.Duration{
		-time.Minute:    30 * time.Minute, // the vendor's clock is ahead
		0:               30 * time.Minute,
		3*time.Hour - 1: 30 * time.Minute,
		3 * time.Hour:   2 * time.Hour,
		day - 1:         2 * time.Hour,
		day:             8 * time.Hour,
		3*day - 1:       8 * time.Hour,
		3 * day:         day,
		4000 * day:      day,
	} {
		require.Equal(t, want, longestWait(p, age), "age %s", age)
	}
	p.PollMax = time.Second
	require.Equal(t, 48*time.Second, longestWait(p, 5*day), "a shorter pollMax shortens all waits")
	p.PollMax = 7 * 366 * day
	require.Equal(t, p.PollMax, longestWait(p, 5*day), "a longer one is the longest wait")
	p.PollMax = 20 * time.Hour
	require.Equal(t, day, longestWait(p, 5*time.Hour))
}

func TestSettledSessionIsCheckedAtTheVendorsTimes(t *testing.T) {
	p := workflows.DefaultFetchPolicy()
	var checks []time.Duration
	age := time.Duration(0)
	for age < p.UnavailableSettlesAfter && len(checks) < 10 {
		age += settleWait(p, age, age, 0)
		checks = append(checks, age)
	}
	require.Equal(t, []time.Duration{15 * time.Minute, 75 * time.Minute, 26 * time.Hour, 48 * time.Hour}, checks)

	require.Equal(t, 9*time.Minute, settleWait(p, 6*time.Minute, time.Hour, 0), "a check in between changes nothing")
	require.Equal(t, time.Hour, settleWait(p, day, 25*time.Hour, 0), "the next age")
	require.Equal(t, 5*time.Minute, settleWait(p, 0, 26*time.Hour-5*time.Minute, 0), "the age comes first")
	require.Equal(t, 10*time.Minute, settleWait(p, 0, 47*time.Hour+50*time.Minute, 0), "never longer than until it has settled")
	for _, age := range []time.Duration{48 * time.Hour, 50 * time.Hour} {
		require.Equal(t, 15*time.Minute, settleWait(p, 0, age, 0), "a second answer, although it has settled")
	}
	p.UnavailableSettlesAfter = 40 * time.Hour
	require.Equal(t, time.Hour, settleWait(p, day, 39*time.Hour, 0), "not until the next age")
	p.UnavailableSettlesAfter = 10 * time.Second
	require.Equal(t, 10*time.Second, settleWait(p, 0, 0, 0))
	p.UnavailableSettlesAfter = 30 * day
	require.Equal(t, 8*time.Hour, settleWait(p, day, 50*time.Hour, 0), "after the last age as any other wait")
}

func TestDownloadWaitIsBounded(t *testing.T) {
	p := workflows.FetchPolicy{PollMin: 7 * 366 * day, PollMax: 7 * 366 * day}
	for n := range 20 {
		_, wait := downloadWait(p, n+1, 0.5)
		require.Positive(t, wait)
		require.LessOrEqual(t, wait, 17*day)
	}
}
