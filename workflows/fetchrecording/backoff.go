package fetchrecording

import (
	"hash/fnv"
	"strconv"
	"time"

	"github.com/callvault/callvault/workflows"
)

// How long a fetch waits, and why.

const (
	// firstTransientWait is the wait after the first transient failure in a row.
	firstTransientWait = 2 * time.Second

	// minWait is the shortest wait, whatever the policy says: a fetch that
	// does not wait at all is a loop.
	minWait = 50 * time.Millisecond

	// partialJitter is the share of partialRetryAfter that is added to it at
	// most, so that a batch that fails together does not wake together.
	partialJitter = 0.01

	// pollJitter is the share of a poll's wait that is added to it at most.
	pollJitter = 0.2

	// rateLimitJitter is the share added to the wait that the vendor asks for,
	// so that the fetches it refused together do not come back together.
	rateLimitJitter = 0.25
)

// pollWait returns the wait after the n-th check (from 0) that found nothing
// new: exponential, with jitter, from pollMin to pollMax.
func pollWait(p workflows.FetchPolicy, n int, least time.Duration, jitter float64) time.Duration {
	base := max(exponential(p.PollMin, n, p.PollMax), min(least, p.PollMax))
	return min(addJitter(base, pollJitter, jitter), p.PollMax)
}

// transientWait returns the wait after the n-th transient failure in a row
// (from 0): short at first, because most of them pass at once, and at most
// pollMax.
func transientWait(p workflows.FetchPolicy, n int, jitter float64) time.Duration {
	first := min(firstTransientWait, p.PollMax)
	return min(addJitter(exponential(first, n, p.PollMax), pollJitter, jitter), p.PollMax)
}

// partialWait returns the wait after a partial failure: never shorter than
// partialRetryAfter.
func partialWait(p workflows.FetchPolicy, jitter float64) time.Duration {
	return addJitter(p.PartialRetryAfter, partialJitter, jitter)
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
