package fetchrecording

import (
	"hash/fnv"
	"strconv"
	"time"

	"github.com/callvault/callvault/workflows"
)

// How long a fetch waits, and why. Repeated waits grow exponentially up to the
// longest wait of the table below, which grows with the age of the call: most
// recordings appear within minutes, and what has not appeared after days is not
// worth a call every half an hour.

// longestWaits are the longest waits between two checks. A session that never
// changes is checked at most 60 times in 30 days under the default policy.
var longestWaits = []struct {
	youngerThan time.Duration // the age of the call or, if the fetch is blocked, of the block
	pollMax     int           // the longest wait, in multiples of pollMax
}{
	{3 * time.Hour, 1}, // 30 minutes by default
	{day, 4},           // 2 hours
	{3 * day, 16},      // 8 hours
	{1 << 62, 48},      // 1 day, which is also the most
}

// downloadWaits are the waits after the n-th failed download in a row, in
// multiples of pollMin and pollMax. The URL is used again for as long as it may
// work; then each download costs a status check too. That makes 11 downloads of
// a file in 30 days.
var downloadWaits = []struct {
	step             step
	pollMin, pollMax float64
}{
	{download, 1. / 6, 0}, // 10 seconds by default
	{download, 1. / 2, 0}, // 30 seconds
	{download, 1, 0},      // 1 minute
	{check, 1, 0},
	{check, 0, 2},   // 1 hour
	{check, 0, 48},  // 1 day
	{check, 0, 96},  // 2 days
	{check, 0, 192}, // 4 days
	{check, 0, 384}, // 8 days
	{check, 0, 768}, // 16 days
}

// The checks of a session that the vendor says it has no recording of, until
// unavailableSettlesAfter: two soon after the first, then at an age of the call.
// The vendor pulls the media about 10 minutes after a call and after 24 hours.
var (
	settleWaits = []time.Duration{15 * time.Minute, 75 * time.Minute}
	settleAges  = []time.Duration{26 * time.Hour, 48 * time.Hour}
)

const (
	day = 24 * time.Hour

	// firstTransientWait is the wait after the first transient failure in a row.
	firstTransientWait = 2 * time.Second

	// minWait is the shortest wait, whatever the policy says: a fetch that
	// does not wait at all is a loop.
	minWait = 50 * time.Millisecond

	// partialJitter is the share of partialRetryAfter that is added to it at
	// most, so that a batch that fails together does not wake together.
	partialJitter = 0.01

	// partialSlack is the share of partialRetryAfter by which a fetch may pass
	// its end for a retry that is due then: the vendor asks for 24 hours, and a
	// fetch of 24 hours begins before its first answer.
	partialSlack = 0.1

	// pollJitter is the share of a poll's wait that is added to it at most.
	pollJitter = 0.2

	// rateLimitJitter is the share added to the wait that the vendor asks for,
	// so that the fetches it refused together do not come back together.
	rateLimitJitter = 0.25
)

// longestWait returns the longest wait at an age.
func longestWait(p workflows.FetchPolicy, age time.Duration) time.Duration {
	for _, row := range longestWaits {
		if age < row.youngerThan && p.PollMax < day {
			return min(time.Duration(row.pollMax)*p.PollMax, day)
		}
	}
	return p.PollMax
}

// pollWait returns the wait after the n-th check (from 0) that found nothing
// new: exponential, with jitter, from pollMin to longest. least is the vendor's
// advice, which is taken within the bounds of the policy.
func pollWait(p workflows.FetchPolicy, n int, least, longest time.Duration, jitter float64) time.Duration {
	base := max(exponential(p.PollMin, n, longest), min(least, p.PollMax))
	return min(addJitter(base, pollJitter, jitter), longest)
}

// transientWait returns the wait after the n-th transient failure in a row
// (from 0): short at first, because most of them pass at once.
func transientWait(p workflows.FetchPolicy, n int, longest time.Duration, jitter float64) time.Duration {
	first := min(firstTransientWait, p.PollMax)
	return min(addJitter(exponential(first, n, longest), pollJitter, jitter), longest)
}

// partialWait returns the wait after a partial failure: never shorter than
// partialRetryAfter.
func partialWait(p workflows.FetchPolicy, jitter float64) time.Duration {
	return addJitter(p.PartialRetryAfter, partialJitter, jitter)
}

// downloadWait returns what follows the n-th failed download in a row (from 1),
// and the wait before it.
func downloadWait(p workflows.FetchPolicy, n int, jitter float64) (step, time.Duration) {
	row := downloadWaits[min(n, len(downloadWaits))-1]
	base := min(row.pollMin*float64(p.PollMin)+row.pollMax*float64(p.PollMax), float64(16*day))
	return row.step, addJitter(time.Duration(base), partialJitter, jitter)
}

// settleWait returns the wait of a session that may have no recording, which is
// never longer than until it has settled. known is how long ago the vendor said
// so first.
func settleWait(p workflows.FetchPolicy, known, age time.Duration, jitter float64) time.Duration {
	wait := longestWait(p, age)
	for _, at := range settleAges {
		if at > age {
			wait = at - age
			break
		}
	}
	for _, at := range settleWaits {
		if at > known {
			wait = min(wait, at-known)
			break
		}
	}
	if left := p.UnavailableSettlesAfter - age; left > 0 {
		wait = min(wait, left)
	}
	return addJitter(wait, partialJitter, jitter)
}

// exponential returns d·2ⁿ, at most limit.
func exponential(d time.Duration, n int, limit time.Duration) time.Duration {
	for ; n > 0 && d < limit; n-- {
		d *= 2
	}
	return min(d, limit)
}

// addJitter adds jitter, from 0 to 1, times share of d.
func addJitter(d time.Duration, share, jitter float64) time.Duration {
	return d + time.Duration(float64(d)*share*jitter)
}

// jitterOf returns a number in [0, 1) that follows from the fetch and the
// number of its decision alone: random enough to spread a batch, and the same
// on every replay without an event in the history.
func jitterOf(workflowID string, decision int) float64 {
	sum := fnv.New64a()
	_, _ = sum.Write([]byte(workflowID + "#" + strconv.Itoa(decision))) // It never fails.
	// FNV's upper bits change little when only the last byte differs; mix them.
	h := sum.Sum64()
	h ^= h >> 33
	h *= 0xff51afd7ed558ccd
	h ^= h >> 33
	return float64(h>>11) / (1 << 53)
}
