package workflows

import (
	"hash/fnv"
	"strconv"
	"time"
)

// How long a fetch waits, and why.

const (
	// firstSetbackWait is the wait after the first failure of an upstream that
	// is out of order.
	firstSetbackWait = 2 * time.Second

	// minWait is the least that a wait lasts, however short the policy has it: a
	// fetch that waits for nothing is a loop.
	minWait = 50 * time.Millisecond

	// partialJitter is the share of partialRetryAfter that is added to it at
	// most, so that a batch that fails as one does not wake as one.
	partialJitter = 0.01

	// pollJitter is the share of a poll's wait that is added to it at most.
	pollJitter = 0.2

	// rateLimitJitter is added to what the upstream asks for, so that the
	// fetches it refused together do not come back together.
	rateLimitJitter = 0.25
)

// pollWait is the wait after the n-th unsuccessful look (from 0): twice the
// last one, from pollMin to pollMax, spread by chance but never outside them.
func pollWait(p Policy, n int, minWait time.Duration, chance float64) time.Duration {
	base := max(doubled(p.PollMin, n, p.PollMax), min(minWait, p.PollMax))
	return min(spread(base, pollJitter, chance), p.PollMax)
}

// setbackWait is the wait after the n-th failure in a row (from 0) of an
// upstream that is out of order: short at first, because most of them pass
// at once, and at most pollMax.
func setbackWait(p Policy, n int, chance float64) time.Duration {
	return min(spread(doubled(min(firstSetbackWait, p.PollMax), n, p.PollMax), pollJitter, chance), p.PollMax)
}

// partialWait is the wait after a partial failure: never shorter than
// partialRetryAfter.
func partialWait(p Policy, chance float64) time.Duration {
	return spread(p.PartialRetryAfter, partialJitter, chance)
}

// doubled is d·2ⁿ, at most limit.
func doubled(d time.Duration, n int, limit time.Duration) time.Duration {
	for ; n > 0 && d < limit; n-- {
		d *= 2
	}
	return min(d, limit)
}

func spread(d time.Duration, share, chance float64) time.Duration {
	return d + time.Duration(float64(d)*share*chance)
}

// chanceOf is a number in [0, 1) that follows from the fetch and the number
// of its wait alone: chance enough to spread a batch, and the same on every
// replay without an event in the history.
func chanceOf(workflowID string, wait int) float64 {
	sum := fnv.New64a()
	_, _ = sum.Write([]byte(workflowID + "#" + strconv.Itoa(wait))) // It never fails.
	// FNV's upper bits move little when only the last byte differs; mix them.
	h := sum.Sum64()
	h ^= h >> 33
	h *= 0xff51afd7ed558ccd
	h ^= h >> 33
	return float64(h>>11) / (1 << 53)
}
