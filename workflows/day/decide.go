package day

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"go.temporal.io/sdk/temporal"

	"github.com/callvault/callvault/internal/dayrecord"
	"github.com/callvault/callvault/internal/failure"
	"github.com/callvault/callvault/workflows"
)

// Pure functions from what is known to what comes next.

// endMargin is how long after a day its lists are read for the first time: rows come into
// them some minutes after a call has begun.
const endMargin = 10 * time.Minute

// isQuiet reports whether the day can be sealed after its last listing: nothing was new,
// and nothing is left to fetch. A day without a record is listed at least twice.
func (s *State) isQuiet() bool {
	nothingLeft := s.Merged.ToFetch == 0 && s.Merged.Open == 0
	return nothingLeft && s.Merged.New == 0 && (s.Sealed != nil || s.Opening.Recorded || s.Rounds > 1)
}

// refusedSince says which list could not be read that could be read before: a single refusal
// says little, and the day would be sealed without what that list alone has. Empty if there is
// none.
func (s *State) refusedSince(sessions, interactions ListResult) string {
	list, reason := dayrecord.GetSessions, sessions.Unavailable
	if reason == "" {
		list, reason = dayrecord.InteractionDetails, interactions.Unavailable
	}
	if reason == "" || !slices.Contains(s.Answered, list) {
		return ""
	}
	return fmt.Sprintf("%s cannot be read any more: %s", list, reason)
}

// isOwnFault reports whether a list could not be read because of the archive or the worker,
// and not because of the vendor.
func isOwnFault(err error) bool {
	failed, ok := errors.AsType[*temporal.ApplicationError](err)
	if !ok {
		return false
	}
	switch failure.Kind(failed.Type()) {
	case failure.BotNotServed, failure.ArchiveBlocked, failure.ArchiveUnavailable, failure.InvalidInput:
		return true
	default:
		return false
	}
}

// The waits between two revisions that follow from changes double from the first to the
// last.
const (
	firstChangeWait = 30 * time.Second
	lastChangeWait  = time.Hour
)

// changeIsDue returns when the last of so many changes in a row is sealed, of which there is
// at least one.
func changeIsDue(sealedAt time.Time, changes int) time.Time {
	return sealedAt.Add(min(firstChangeWait<<min(changes-1, 10), lastChangeWait))
}

// areBothUnavailable reports whether neither list of the last round could be read.
func areBothUnavailable(sessions, interactions ListResult) bool {
	return sessions.Unavailable != "" && interactions.Unavailable != ""
}

// batchID names the next batch of a day. A run of the day's workflow has names of its own.
func batchID(day workflows.Day, runID string, batches int) string {
	return fmt.Sprintf("day-%s-%s-%.8s-%d", day.Date, day.BotID, runID, batches)
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
