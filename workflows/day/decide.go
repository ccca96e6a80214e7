package day

import (
	"fmt"
	"strings"
	"time"

	"github.com/callvault/callvault/workflows"
)

// Pure functions from what is known to what comes next.

// endMargin is how long after a day its lists are read for the first time: rows come into
// them some minutes after a call has begun.
const endMargin = 10 * time.Minute

// isQuiet reports whether the day can be sealed after its last listing: nothing was new,
// and nothing is left to fetch. A day that was never sealed is listed at least twice.
func (s *State) isQuiet() bool {
	nothingLeft := s.Merged.ToFetch == 0 && s.Merged.Open == 0
	return nothingLeft && s.Merged.New == 0 && (s.Opening.Sealed != nil || s.Rounds > 1)
}

// areBothUnavailable reports whether neither list of the last round could be read.
func areBothUnavailable(sessions, interactions ListResult) bool {
	return sessions.Unavailable != "" && interactions.Unavailable != ""
}

const batchPrefix = "day-"

// IsBatch reports whether a batch is one of a day's, by its id.
func IsBatch(batchID string) bool { return strings.HasPrefix(batchID, batchPrefix) }

// batchID names the next batch of a day. A run of the day's workflow has names of its own.
func batchID(day workflows.Day, runID string, batches int) string {
	return fmt.Sprintf(batchPrefix+"%s-%s-%.8s-%d", day.Date, day.BotID, runID, batches)
}

// listingFolder is where the rows of a round are.
func listingFolder(opening Opening, round int) string {
	return fmt.Sprintf("%slisting-%d/", opening.Folder, round)
}

// The waits of a day that is blocked double from the first to the last.
const (
	firstBlockedWait = 30 * time.Second
	lastBlockedWait  = 10 * time.Minute
)

// blockedWait returns how long the day waits after so many failures in a row.
func blockedWait(failures int) time.Duration {
	wait := firstBlockedWait
	for range failures - 1 {
		if wait *= 2; wait >= lastBlockedWait {
			return lastBlockedWait
		}
	}
	return wait
}
