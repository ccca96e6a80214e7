package daylist

import (
	"context"
	"slices"
	"time"

	"github.com/callvault/callvault/internal/smartassist"
)

const (
	// sessionPagesOfWindow is how many pages of getSessions a window has: some 1,000 rows. A session that begins in the second in
	// which a window would end takes it further, up to mostPagesOfWindow.
	sessionPagesOfWindow = 10
	mostPagesOfWindow    = 60

	// stepBack is how many rows the reading goes back if a page does not join the one before, and mostStepsBack how often.
	stepBack      = smartassist.PageRows / 2
	mostStepsBack = 4

	// placeRows is how many rows at the end of a page tell how far the list was read. The second newest of them counts, so that
	// oddPlaces may say too late a time, which would have much read twice, and four too early a one, which would lose calls.
	placeRows = 6
	oddPlaces = 1

	// readAgainFree calls, and one more of each readAgainShare calls, may be spent on windows in which rows have appeared
	// before the page that was read.
	readAgainFree  = 10
	readAgainShare = 50
)

// SessionLister lists a day from getSessions.
//
// The list is newest first (vendor docs), and each window ends at a fixed time: rows that come or go elsewhere shift nothing
// in it. Each page begins with the last row of the one before, which shows whether rows have come or gone in between.
//
// No single row is believed about the order: one that says that it began hours before its place would have all time down to
// it taken for read. So a window ends at the time that several rows agree on, and what the next one repeats is known by then.
type SessionLister struct {
	// BotID is the bot's stream id. Required.
	BotID string
	// Day is listed up to Now. Required.
	Day Day
	Now time.Time
	// Page asks for a page. An error ends the listing. Required.
	Page func(ctx context.Context, query smartassist.SessionsQuery) (*smartassist.SessionsPage, error)
	// Sink takes each window once it is complete, newest first. An error ends the listing. Required.
	Sink func(ctx context.Context, window Window) error

	calls int // since the last window
	total int // of all windows
	again int // spent on reading windows again
}

// List lists the day, except for what was done before, and returns what it counted in addition.
func (l *SessionLister) List(ctx context.Context, done *Done) (Tally, error) {
	var all Tally
	from, top := l.Day.bounds(l.Now)
	if !done.oldest.IsZero() {
		top = done.oldest
	}
	for from.Before(top) {
		rows, end, remarks, err := l.window(ctx, from, top)
		if err != nil {
			return all, err
		}
		window := done.seen.window(l.Day, Span{List: Sessions, From: end, To: top}, rows)
		window.Calls, window.Remarks = l.calls, remarks.Remarks
		l.calls = 0
		if err := l.Sink(ctx, window); err != nil {
			return all, err
		}
		all.Add(window.Tally)
		top = end
	}
	return all, nil
}

// window reads the newest rows from from to top, and returns them with the time at which they end.
func (l *SessionLister) window(ctx context.Context, from, top time.Time) (rows []smartassist.ListedSession, end time.Time, remarks Tally, err error) {
	reading := sessionReading{lister: l, from: from, top: top}
	for {
		if err := reading.next(ctx); err != nil {
			return nil, end, remarks, err
		}
		if reading.complete {
			end = from
			break
		}
		if reading.pages < sessionPagesOfWindow {
			continue
		}
		// What began in the second of the last row may go on on the next page.
		end = reading.reached().Truncate(time.Second).Add(time.Second)
		if end.Before(top) && end.After(from) {
			break
		}
		if reading.pages >= mostPagesOfWindow {
			end = minTime(reading.reached().Truncate(time.Second), top.Add(-time.Second))
			reading.remarks.remark("sessions: more than %d began at %s: the list was not read to its end there", len(reading.rows), end.Format(time.RFC3339))
			break
		}
	}
	if err := reading.readAgain(ctx); err != nil {
		return nil, end, remarks, err
	}
	if reading.misplaced > 0 {
		reading.remarks.remark("sessions: %d rows between %s and %s are not in the order of their begin: if the list is not newest first, others are missing",
			reading.misplaced, end.Format(time.RFC3339), top.Format(time.RFC3339))
	}
	return reading.rows, end, reading.remarks, nil
}

func minTime(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

func (l *SessionLister) ask(ctx context.Context, from, top time.Time, skip int) (*smartassist.SessionsPage, error) {
	if l.total == maxCalls {
		return nil, ErrTooManyCalls
	}
	l.calls++
	l.total++
	return l.Page(ctx, smartassist.SessionsQuery{BotID: l.BotID, From: from, To: top, Skip: skip})
}

// sessionReading is a window that is being read.
type sessionReading struct {
	pageRows
	lister    *SessionLister
	from, top time.Time

	places    []time.Time // when the last rows began that were read, at most placeRows
	end       int         // how many rows of the list precede what was not read yet
	last      uint64      // the identity of the last row that was read
	pages     int
	misplaced int // rows that began after the time down to which the list was read before
	appeared  int // rows that came to the list before the page that was read, and were not seen
	doubted   bool
	complete  bool
	remarks   Tally
}

// next reads the next page.
func (r *sessionReading) next(ctx context.Context) error {
	skip := max(0, r.end-1)
	page, err := r.lister.ask(ctx, r.from, r.top, skip)
	if err != nil {
		return err
	}
	for step := 0; r.end > 0 && !r.knows(page.Rows) && skip > 0; step++ {
		if step == mostStepsBack {
			r.remarks.remark("sessions: the list changed so much while it was read that rows before %s may be missing", r.reached().Format(time.RFC3339))
			break
		}
		skip = max(0, skip-stepBack)
		if page, err = r.lister.ask(ctx, r.from, r.top, skip); err != nil {
			return err
		}
	}
	if r.pages == 0 && ignoresTimes(page.Rows, r.from, r.top) {
		return ErrTimesIgnored
	}
	r.take(page, skip)
	return nil
}

// take adds a page, and decides whether it is the last one.
func (r *sessionReading) take(page *smartassist.SessionsPage, skip int) {
	at := slices.IndexFunc(page.Rows, func(row smartassist.ListedSession) bool { return row.Identity == r.last })
	shifted := 0
	if r.end > 0 && at >= 0 {
		shifted = at - (r.end - 1 - skip) // rows that came before the last one, less those that went
	}
	before := r.end
	added := 0
	if at > 0 {
		added = r.add(page.Rows[:at])
	}
	r.appeared += max(0, shifted-added)
	r.misplaced += r.countMisplaced(page.Rows[max(0, at):])
	fresh := added + r.add(page.Rows[max(0, at):])
	r.end = skip + len(page.Rows)
	if n := len(page.Rows); n > 0 {
		r.last = page.Rows[n-1].Identity
	}
	r.place(page.Rows)
	r.pages++
	r.judgeEnd(page, fresh > 0 && r.end > before)
}

// judgeEnd believes the end of the list if all that a page says of it agrees; otherwise it is asked once more.
func (r *sessionReading) judgeEnd(page *smartassist.SessionsPage, isFurther bool) {
	isShort := len(page.Rows) < smartassist.PageRows
	switch {
	case page.MoreAvailable && !isShort && isFurther:
		r.doubted = false
	case !page.MoreAvailable && (page.Total == r.end || page.Total < 0 && (isShort || !isFurther)):
		r.complete = true
	case r.doubted && !isFurther:
		r.complete = true
		r.remarks.remark("sessions: from %s to %s the list says that it has %d rows (more to come: %t), but shows %d",
			r.from.Format(time.RFC3339), r.top.Format(time.RFC3339), page.Total, page.MoreAvailable, r.end)
	default:
		r.doubted = true
	}
}

// place notes when the last rows of a page began; a page that does not say changes nothing.
func (r *sessionReading) place(rows []smartassist.ListedSession) {
	var places []time.Time
	for _, row := range slices.Backward(rows) {
		if at := startOf(row); !at.IsZero() && len(places) < placeRows {
			places = append(places, at)
		}
	}
	if len(places) > 0 {
		r.places = places
	}
}

// reached is the time down to which the list was read: what began after it is not on a later page, as long as the list is
// sorted, newest first.
func (r *sessionReading) reached() time.Time {
	if len(r.places) == 0 {
		return r.top
	}
	newestFirst := slices.SortedFunc(slices.Values(r.places), func(a, b time.Time) int { return b.Compare(a) })
	return newestFirst[min(oddPlaces, len(newestFirst)-1)]
}

// countMisplaced counts the new rows that the list should have shown on an earlier page.
func (r *sessionReading) countMisplaced(rows []smartassist.ListedSession) (misplaced int) {
	latest := r.reached().Add(time.Second) // The list may know less than a second of when they began.
	for _, row := range rows {
		if r.pages > 0 && !r.known[row.Identity] && startOf(row).After(latest) {
			misplaced++
		}
	}
	return misplaced
}

// readAgain reads a window again in which rows have appeared before the page that was read.
func (r *sessionReading) readAgain(ctx context.Context) error {
	if r.appeared == 0 {
		return nil
	}
	for skip := 0; skip < r.end && r.appeared > 0; skip += smartassist.PageRows {
		if r.lister.again >= readAgainFree+r.lister.total/readAgainShare {
			break
		}
		r.lister.again++
		page, err := r.lister.ask(ctx, r.from, r.top, skip)
		if err != nil {
			return err
		}
		r.appeared -= r.add(page.Rows)
	}
	if r.appeared > 0 {
		r.remarks.remark("sessions: %d rows appeared in the list between %s and %s while it was read, and were not seen",
			r.appeared, r.reached().Format(time.RFC3339), r.top.Format(time.RFC3339))
	}
	return nil
}
