package daylist

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/callvault/callvault/internal/smartassist"
)

// readBackFree calls, and one more of each readBackShare calls, may be spent on reading pages again because a row was on two of
// them. Lists that have rows twice cost some, too.
const (
	readBackFree  = 5
	readBackShare = 100
)

// InteractionLister lists a day from interactionDetails.
//
// The list has no order that is documented, and shows at most 1,100 rows of a window: a window is complete only if its last
// page has fewer than 100 rows, and either numResults agrees or the page behind it is empty. So the windows are chosen such
// that they have a little less, and one that is too full is split: by time, down to a second, and then by direction. Where
// numResults counts the rows of the window, it shows whether rows have gone while the window was read, so that others have
// moved to a page that was read before; where it does not, nothing does. Nor does anything show it if as many rows have come to later pages meanwhile: the pages add up to numResults
// with the row that has gone in place of the one that has moved. That one is in getSessions, or in the next listing of the day.
type InteractionLister struct {
	// AccountID is the account's at the vendor, and BotID the bot's stream id. Required.
	AccountID, BotID string
	// Day is listed up to Now. Required.
	Day Day
	Now time.Time
	// Hints are when the day's calls began by getSessions, in any order. Windows hold more rows with them. Defaults to none.
	Hints []time.Time
	// Page asks for a page. An error ends the listing. Required.
	Page func(ctx context.Context, query smartassist.InteractionQuery) (*smartassist.InteractionPage, error)
	// Sink takes each window once it is complete, oldest first. An error ends the listing. Required.
	Sink func(ctx context.Context, window Window) error

	spans *spans
	calls int // since the last window
	total int // in all
	again int // spent on reading pages again

	// Whether windows have the sessions that began in their first and in their last second, or do not have the latter: none is
	// documented.
	startIncluded, endIncluded, endExcluded bool
	// totalsCount: numResults has shown that it counts more than the page. totalsLie: it has contradicted the pages. tooMany
	// is what it last said of a window that was too full.
	totalsCount, totalsLie bool
	tooMany                int
}

// List lists the day, except for what was done before, and returns what it counted in addition.
func (l *InteractionLister) List(ctx context.Context, done *Done) (Tally, error) {
	var all Tally
	from, end := l.Day.bounds(l.Now)
	if done.newest.After(from) {
		from = done.newest
	}
	l.spans = newSpans(l.Hints, from, end)
	for from.Before(end) {
		to, isDoubtful := l.spans.next(from)
		windows, err := l.listSpan(ctx, Span{List: Interactions, From: from, To: to}, isDoubtful)
		if err != nil {
			return all, err
		}
		for i, read := range windows {
			window := done.seen.window(l.Day, read.span, read.rows)
			window.Remarks = read.remarks.Remarks
			if i == 0 {
				window.Calls, l.calls = l.calls, 0
			}
			if err := l.Sink(ctx, window); err != nil {
				return all, err
			}
			all.Add(window.Tally)
			from = to
		}
	}
	return all, nil
}

// listSpan reads a window. It returns nothing if the window is too full and can be split by time.
func (l *InteractionLister) listSpan(ctx context.Context, span Span, isDoubtful bool) (windows []*interactionReading, err error) {
	read, err := l.read(ctx, span, l.spans.lastSecond(span.To), isDoubtful)
	switch {
	case err != nil:
		return nil, err
	case !read.isFull:
		l.tooMany = 0
		l.spans.fitted(span.From, read.last, read.end)
		return []*interactionReading{read}, nil
	case span.To.Sub(span.From) > time.Second:
		l.tooMany = read.total
		l.spans.overflowed(span.From, read.last, read.total, read.began())
		return nil, nil
	}
	return l.listSecond(ctx, span, read)
}

// listSecond lists what began in a second whose window is full, be it because of the second behind it.
func (l *InteractionLister) listSecond(ctx context.Context, span Span, full *interactionReading) (windows []*interactionReading, err error) {
	if full.last.After(span.From) && !l.endExcluded {
		alone, err := l.read(ctx, span, span.From, false)
		if err != nil {
			return nil, err
		}
		if l.endExcluded = len(alone.rows) == 0 && full.beganAt(span.From); !l.endExcluded {
			full = alone
		}
	}
	if !full.isFull {
		return []*interactionReading{full}, nil
	}
	l.spans.passed()
	return l.byDirection(ctx, full)
}

// byDirection splits a window that cannot be split by time. Rows that have no direction are in neither half.
func (l *InteractionLister) byDirection(ctx context.Context, full *interactionReading) (windows []*interactionReading, err error) {
	span, at := full.span, full.span.From.Format(time.RFC3339)
	for _, direction := range directions {
		span.Direction = direction
		read, err := l.read(ctx, span, full.last, false)
		if err != nil {
			return nil, err
		}
		if read.isFull {
			read.remarks.remark("interactions: %d %s calls began at %s, and perhaps more: the list shows no more of one second",
				len(read.rows), strings.ToLower(direction), at)
		}
		windows = append(windows, read)
	}
	without := 0
	for _, row := range full.rows {
		if row.Direction == "" {
			without++
		}
	}
	if beyond := full.total - windows[0].end - windows[1].end; without > 0 || beyond > 0 {
		without = max(without, beyond)
		windows[0].remarks.remark("interactions: at least %d calls without a direction began at %s: there may be more, which the list does not show", without, at)
	}
	windows[0].add(full.rows) // Those without a direction.
	return windows, nil
}

// interactionReading is a window that was read.
type interactionReading struct {
	pageRows
	span   Span
	last   time.Time  // the end that was asked for
	isFull bool       // it may have more rows
	end    int        // how many rows the pages have shown, repeated ones included
	total  int        // what the vendor says that it has; -1 if it does not
	peeked bool       // the last page that can be had was read before its turn
	first  [][]uint64 // the identities of the rows of each page, as it was first read
	// appeared are the rows that came while it was read, and may be on pages that were read before.
	appeared int
	remarks  Tally
}

// beganAt reports whether a session of the window began in a second.
func (r *interactionReading) beganAt(second time.Time) bool {
	for _, row := range r.rows {
		if row.IsUsable() && startOf(row).Truncate(time.Second).Equal(second) {
			return true
		}
	}
	return false
}

// began returns when the rows began that were read.
func (r *interactionReading) began() (times []time.Time) {
	for _, row := range r.rows {
		if at := startOf(row); !at.IsZero() {
			times = append(times, at.Truncate(time.Second))
		}
	}
	return times
}

// read reads the pages of a window, up to a last second. Of one that may not fit it looks at the last page after the first.
func (l *InteractionLister) read(ctx context.Context, span Span, last time.Time, isDoubtful bool) (*interactionReading, error) {
	r := &interactionReading{span: span, last: last, total: -1}
	defer l.learnBounds(r)
	for number := 0; number <= smartassist.MaxInteractionPage; number++ {
		page, err := l.ask(ctx, r, number)
		if err != nil {
			return nil, err
		}
		if number == 0 && ignoresTimes(page.Rows, span.From, last) {
			return nil, ErrTimesIgnored
		}
		if number > 0 && len(page.Rows) == 0 {
			l.atEnd(r)
			return r, nil
		}
		if err := l.takeNext(ctx, r, page, number); err != nil {
			return nil, err
		}
		if len(page.Rows) < smartassist.PageRows && !l.mayFollow(r, number) {
			r.isFull = l.spans.lastPageEmpty && number == smartassist.MaxInteractionPage
			l.atEnd(r)
			return r, nil
		}
		if number == 0 {
			if r.isFull, err = l.looksFull(ctx, r, isDoubtful); err != nil || r.isFull {
				return r, err
			}
		}
	}
	r.isFull = true
	return r, nil
}

// takeNext adds a page that has rows, and reads others again if rows have moved to them.
func (l *InteractionLister) takeNext(ctx context.Context, r *interactionReading, page *smartassist.InteractionPage, number int) error {
	if number > 0 && r.end < number*smartassist.PageRows {
		l.spans.lastPageEmpty = true
		r.remarks.remark("interactions: a page of the window from %s to %s was not full, although another one followed: rows may be missing",
			r.span.From.Format(time.RFC3339), r.last.Format(time.RFC3339))
	}
	before := r.total
	moved := r.knows(page.Rows[:min(1, len(page.Rows))]) && (!r.peeked || number < smartassist.MaxInteractionPage)
	l.take(r, page, number)
	r.first = append(r.first, identities(page.Rows))
	if before >= 0 {
		r.appeared += max(0, r.total-before)
	}
	switch {
	case r.total >= 0 && r.total < before:
		return l.readAgain(ctx, r, number, before-r.total)
	case moved && number > 0:
		return l.readBack(ctx, r, number)
	}
	return nil
}

// readBack reads the pages before one again that begins with a row that was read before: the list has that row twice, or rows
// have come to a page before it. It ends at the first page that is as it was, or says that rows may be missing.
func (l *InteractionLister) readBack(ctx context.Context, r *interactionReading, number int) error {
	for before := number - 1; before >= 0; before-- {
		if l.again >= readBackFree+l.total/readBackShare {
			r.remarks.remark("interactions: rows have moved in the list from %s to %s while it was read: some may be missing",
				r.span.From.Format(time.RFC3339), r.last.Format(time.RFC3339))
			return nil
		}
		l.again++
		page, err := l.ask(ctx, r, before)
		if err != nil {
			return err
		}
		r.add(page.Rows)
		if slices.Equal(identities(page.Rows), r.first[before]) {
			return nil
		}
	}
	return nil
}

// mayFollow reports whether there may be a page behind one that is not full. The vendor may filter the rows of a page, so only
// a total that is believed says that there is none, unless far more rows were expected.
func (l *InteractionLister) mayFollow(r *interactionReading, number int) bool {
	expected := l.spans.expected(r.span.From, r.last)
	isShort := r.span.Direction == "" && expected-r.end > smartassist.PageRows && r.end < expected/2
	switch {
	case number == smartassist.MaxInteractionPage:
		return false
	case r.total < 0 || number == 0 && r.total == r.end && !l.totalsCount:
		return r.end > 0 || isShort
	}
	return r.total > r.end || isShort
}

// atEnd says what does not add up in a window that was read to its end.
func (l *InteractionLister) atEnd(r *interactionReading) {
	from, to := r.span.From.Format(time.RFC3339), r.last.Format(time.RFC3339)
	if r.appeared > 0 {
		r.remarks.remark("interactions: %d rows appeared in the list from %s to %s while it was read, and may not have been seen", r.appeared, from, to)
	}
	if r.total > r.end {
		l.totalsLie = true
		r.remarks.remark("interactions: the list says that it has %d rows from %s to %s, but shows %d", r.total, from, to, r.end)
	}
}

// looksFull finds out by one call, after the first, whether a window is too full. One that cannot be split by time is read all
// the same.
func (l *InteractionLister) looksFull(ctx context.Context, r *interactionReading, isDoubtful bool) (bool, error) {
	switch {
	case r.last.Sub(r.span.From) <= time.Second:
		return false, nil
	case r.total >= 0:
		// Of a shorter window it must say less, or it is not believed: at worst that costs ten calls.
		return r.total >= fullRows && (l.tooMany <= 0 || r.total < l.tooMany), nil
	case !isDoubtful:
		return false, nil
	}
	page, err := l.ask(ctx, r, smartassist.MaxInteractionPage)
	if err != nil {
		return false, err
	}
	r.add(page.Rows)
	r.peeked = true
	return len(page.Rows) == smartassist.PageRows, nil
}

// take adds a page. What numResults counts is not documented: the rows of the page, or those of the window.
func (l *InteractionLister) take(r *interactionReading, page *smartassist.InteractionPage, number int) {
	r.add(page.Rows)
	r.end = number*smartassist.PageRows + len(page.Rows)
	r.total = -1
	switch {
	case l.totalsLie || page.Results < 0:
	case page.Results == len(page.Rows) && (number > 0 || len(page.Rows) == smartassist.PageRows): // It may be that of the page.
	case page.Results < r.end:
		l.totalsLie = true
		r.remarks.remark("interactions: the list says that it has %d rows from %s to %s, but shows %d or more",
			page.Results, r.span.From.Format(time.RFC3339), r.last.Format(time.RFC3339), r.end)
	default:
		r.total = page.Results
		l.totalsCount = l.totalsCount || r.total > len(page.Rows)
	}
}

// readAgain reads pages again after rows have gone from the list: as many others have moved to the pages before.
func (l *InteractionLister) readAgain(ctx context.Context, r *interactionReading, number, gone int) error {
	first := max(0, number-1-(gone-1)/smartassist.PageRows)
	for again := number - 1; again >= first; again-- {
		page, err := l.ask(ctx, r, again)
		if err != nil {
			return err
		}
		r.add(page.Rows)
	}
	return nil
}

// learnBounds learns from sessions that began in the first and in the last second of a window whether it has both.
func (l *InteractionLister) learnBounds(r *interactionReading) {
	l.startIncluded = l.startIncluded || r.beganAt(r.span.From)
	l.endIncluded = l.endIncluded || r.beganAt(r.last)
	l.spans.closed = l.startIncluded && l.endIncluded
}

func (l *InteractionLister) ask(ctx context.Context, r *interactionReading, number int) (*smartassist.InteractionPage, error) {
	if l.total == maxCalls {
		return nil, ErrTooManyCalls
	}
	l.calls++
	l.total++
	return l.Page(ctx, smartassist.InteractionQuery{
		AccountID: l.AccountID, BotID: l.BotID, From: r.span.From, To: r.last, Direction: r.span.Direction, Page: number,
	})
}
