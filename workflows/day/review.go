package day

import "time"

// reviewedAt are the ages at which a sealed day is listed again.
var reviewedAt = []time.Duration{7 * 24 * time.Hour, 30 * 24 * time.Hour}

// ReviewedFor is the age, from its begin, from which a sealed day is not listed again by
// itself. A schedule that was paused for two weeks misses no review.
const ReviewedFor = 45 * 24 * time.Hour

// ReviewIsDue reports whether a sealed day that was listed at a time for the last time is
// to be listed again.
func ReviewIsDue(begin, listed, now time.Time) bool {
	for _, age := range reviewedAt {
		if due := begin.Add(24*time.Hour + age); listed.Before(due) && !now.Before(due) {
			return true
		}
	}
	return false
}
