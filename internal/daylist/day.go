package daylist

import (
	"fmt"
	"time"

	"github.com/callvault/callvault/workflows"
)

// margin is how far beyond the day, at both ends, the lists are asked: the lists' times decide which rows they show, the ids'
// which of them are the day's. In the vendor's samples they are the same to the second (7 of 7), but both are taken when a
// session is opened, and need not be. An hour would cost up to a twelfth more calls; that the margin is too small is said.
const margin = 10 * time.Minute

// Day is a day in UTC: the calls whose ids' times are in it.
type Day struct{ begin time.Time }

// ParseDay reads a date such as "2026-11-20".
func ParseDay(date string) (Day, error) {
	begin, err := time.Parse(time.DateOnly, date)
	if err != nil {
		return Day{}, fmt.Errorf("date %.20q is not a day: want one such as 2026-11-20", date)
	}
	return Day{begin}, nil
}

// has reports whether a call is one of the day: by its id, as in the archive's layout.
func (d Day) has(sessionID string) bool {
	at, err := workflows.Session{SessionID: sessionID}.CallTime()
	return err == nil && !at.Before(d.begin) && at.Before(d.begin.AddDate(0, 0, 1))
}

// bounds are the times for which the lists are asked, in whole seconds. Of a day that goes on they end at now.
func (d Day) bounds(now time.Time) (from, to time.Time) {
	from, to = d.begin.Add(-margin), d.begin.AddDate(0, 0, 1).Add(margin)
	if now = now.UTC().Truncate(time.Second); now.Before(to) {
		to = now
	}
	if to.Before(from) {
		to = from
	}
	return from, to
}
