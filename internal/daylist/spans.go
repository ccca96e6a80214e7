package daylist

import (
	"slices"
	"sort"
	"time"

	"github.com/callvault/callvault/internal/smartassist"
)

const (
	// fullRows is how many rows make a window of interactionDetails that may have more.
	fullRows = smartassist.MaxInteractionRows

	// farOffRows is an error of the hints from which on they do not tell of interactionDetails.
	farOffRows = 300

	// firstHinted is how many rows the first window is to have whose start times getSessions gave: it shows how far the lists
	// agree. Later ones are as large as the error of the last ones allows, and leave at least leastRoom.
	firstHinted = 490
	leastRoom   = 15

	// unhintedRows is how many rows a window is to have whose size follows from the density of the last one, and
	// leastUnhinted to what this falls if windows are too full again and again.
	unhintedRows  = 1000
	leastUnhinted = 500

	// firstSplit is by how much a day of unknown density is divided that does not fit into a window.
	firstSplit = 8

	// rising is from which increase on a window may be too full because its density goes on to rise.
	rising = 1.15

	// longSpan is how long a window is in which the density may change much.
	longSpan = 40 * time.Minute

	// keptShare is the share of a window's rows that its first part is to have after it was too full, and crowd the share of
	// them that began in one second, in which it is not to end.
	keptShare = 0.75
	crowd     = 0.15
)

// spans chooses the windows of interactionDetails, from what is known of when sessions began: the start times of getSessions, or else the
// density of the last windows. It decides alone, and asks nothing.
type spans struct {
	hints []int64 // Unix seconds, in order
	end   time.Time

	// closed: windows have been seen to have the sessions of their first and of their last second, so that they need not
	// overlap.
	closed bool

	// lastPageEmpty: windows are to leave the last page that can be had empty, as nothing else shows that they end.
	lastPageEmpty bool

	// What windows have shown that were not too full.
	rows, hinted int           // in those with hints
	off          int           // by how far the last ones were off
	density      float64       // rows a second in the last one; 0 if it is not known
	rises        bool          // the last one was denser than those before
	last         time.Duration // how long the last ones were
	aim          int           // the rows that a window without hints is to have

	// limit is the longest window from the present place, after one that was too full.
	limit time.Duration
}

// newSpans takes the hints of the time that is left, if they are enough for a window.
func newSpans(hints []time.Time, from, end time.Time) *spans {
	s := &spans{end: end, aim: unhintedRows}
	for _, hint := range hints {
		if !hint.Before(from) && hint.Before(end) {
			s.hints = append(s.hints, hint.Unix())
		}
	}
	if len(s.hints) < firstHinted {
		s.hints = nil
	}
	slices.Sort(s.hints)
	return s
}

// lastSecond is the end to ask for, of a window that is to have everything before a time: one that overlaps with the next one as
// long as it is not known whether its last second is in it.
func (s *spans) lastSecond(to time.Time) time.Time {
	if s.closed {
		return to.Add(-time.Second)
	}
	return to
}

// next returns the time before which the window ends that begins at from, and whether it is doubtful that it fits. It is at
// least a second long.
func (s *spans) next(from time.Time) (to time.Time, isDoubtful bool) {
	to = s.end
	switch {
	case len(s.hints) > 0:
		to = s.byHints(from)
		if s.off > farOffRows && s.density > 0 {
			to = minTime(to, from.Add(s.byDensity()))
		}
	case s.density > 0:
		span := s.byDensity()
		to = from.Add(span)
		isDoubtful = s.rises || span > longSpan
	default:
		isDoubtful = s.limit == 0 || s.limit > time.Hour
	}
	if s.limit > 0 && to.Sub(from) > s.limit {
		to = from.Add(s.limit)
	}
	to = to.Truncate(time.Second)
	if least := from.Add(time.Second); to.Before(least) {
		to = least
	}
	return minTime(to, s.end), isDoubtful
}

// byDensity returns how long a window is to be if the density of the last ones goes on.
func (s *spans) byDensity() time.Duration {
	return min(time.Duration(float64(s.aim)/s.density*float64(time.Second)), 2*s.last)
}

// byHints returns the time by which as many sessions have begun as a window is to have.
func (s *spans) byHints(from time.Time) time.Time {
	first := s.firstFrom(from)
	beyond := first + s.wanted()
	if beyond >= len(s.hints) {
		return s.end
	}
	if s.closed {
		return time.Unix(s.hints[beyond], 0).UTC()
	}
	// It has its last second too, as far as is known. One in which a session began will show.
	to := s.hints[beyond] - 1
	if last := sort.Search(len(s.hints), func(i int) bool { return s.hints[i] > to }) - 1; last >= 0 && s.hints[last] > from.Unix() {
		to = s.hints[last]
	}
	return time.Unix(to, 0).UTC()
}

func (s *spans) firstFrom(from time.Time) int {
	return sort.Search(len(s.hints), func(i int) bool { return s.hints[i] >= from.Unix() })
}

// wanted is how many hints a window is to have.
func (s *spans) wanted() int {
	if s.hinted == 0 {
		return firstHinted
	}
	full := fullRows
	if s.lastPageEmpty {
		full -= smartassist.PageRows
	}
	rows := max(full/2, full-1-max(leastRoom, 2*s.off))
	return max(1, rows*s.hinted/max(1, s.rows))
}

// expected is how many rows a window will have that ends in a second; -1 if that is not known.
func (s *spans) expected(from, last time.Time) int {
	switch {
	case s.hinted > 0:
		return s.count(from, last) * s.rows / s.hinted
	case len(s.hints) == 0 && s.density > 0:
		return int(s.density * last.Sub(from).Seconds())
	}
	return -1
}

// count is how many hints there are from one second to another, both included.
func (s *spans) count(from, last time.Time) int {
	return max(0, s.firstFrom(last.Add(time.Second))-s.firstFrom(from))
}

// fitted learns from a window that had so many rows, up to and in its last second.
func (s *spans) fitted(from, last time.Time, rows int) {
	if expected := s.expected(from, last); len(s.hints) > 0 && expected >= 0 {
		// The last error, but one that was small by chance counts for little.
		s.off = max(expected-rows, rows-expected, s.off*3/4)
	}
	if hinted := s.count(from, last); hinted > 0 && s.off <= farOffRows {
		s.rows, s.hinted = s.rows+rows, s.hinted+hinted
	}
	span := last.Sub(from) + time.Second // Both are in it.
	density := float64(max(rows, 1)) / span.Seconds()
	s.rises = s.density > 0 && density > s.density*rising
	if s.density > 0 && rows > unhintedRows/4 { // A crowd in one second tells little of the next window.
		density = (density*2 + s.density) / 3
	}
	s.density, s.last = density, max(span, s.last/2)
	s.aim += (unhintedRows - s.aim) / 3
	s.limit *= 4
	if last.Add(s.limit).After(s.end) {
		s.limit = 0
	}
}

// passed goes on behind a second that had a full window: what is known of the rest still holds.
func (s *spans) passed() { s.limit = 0 }

// overflowed learns from a window that was too full. total is how many rows the vendor says that it has, -1 if it does not;
// began are the starts of those that were seen.
func (s *spans) overflowed(from, last time.Time, total int, began []time.Time) {
	span := last.Sub(from)
	switch {
	case total > fullRows:
		s.limit = time.Duration(float64(span) * float64(s.aim) / float64(total))
	case len(s.hints) == 0 && s.density == 0:
		s.limit = span / firstSplit
	default:
		s.limit = s.firstPart(from, span, began)
	}
	s.limit = max(s.limit, time.Second)
	s.aim = max(leastUnhinted, s.aim*9/10)
}

// firstPart returns how long the first part of a window may be. The rows that were seen show it if they are spread over the
// window: the list's order is not known.
func (s *spans) firstPart(from time.Time, span time.Duration, began []time.Time) time.Duration {
	if len(began) == 0 {
		return span / 2
	}
	slices.SortFunc(began, time.Time.Compare)
	if began[0].Sub(from) > span/4 {
		return span / 2
	}
	at := began[int(float64(len(began))*keptShare)]
	inSecond := 0
	for _, other := range began {
		if other.Equal(at) {
			inSecond++
		}
	}
	if float64(inSecond) >= crowd*float64(len(began)) {
		at = s.lastSecond(at) // It ends before the crowd.
	}
	return min(at.Sub(from), span*9/10)
}
