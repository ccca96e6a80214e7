package daylist

import (
	"errors"
	"fmt"
	"time"

	"github.com/callvault/callvault/internal/smartassist"
)

// ErrTimesIgnored means that a list shows sessions of other times than it was asked for, as if it knew days alone. A busy day
// cannot be listed then: asked for an hour or a second, the list would show the same rows again.
var ErrTimesIgnored = errors.New("the list shows sessions of other times than it is asked for, so it cannot be read in parts: report it to the vendor")

// maxCalls bounds the calls of one listing: a bot's usual budget has 43,200 in a day.
const maxCalls = 40_000

// ErrTooManyCalls means that a listing has taken so many calls that something must be wrong with the list.
var ErrTooManyCalls = fmt.Errorf("listing the day has taken more than %d calls: report it to the vendor", maxCalls)

// farOff is how far a session's begin may be from the times that a list was asked for, which may not be about its begin.
const farOff = time.Hour

// ignoresTimes reports whether most of the rows began at quite another time.
func ignoresTimes(rows []smartassist.ListedSession, from, to time.Time) bool {
	inside, outside := 0, 0
	for _, row := range rows {
		switch at := startOf(row); {
		case at.IsZero():
		case at.Before(from.Add(-farOff)) || at.After(to.Add(farOff)):
			outside++
		default:
			inside++
		}
	}
	return outside > inside
}
