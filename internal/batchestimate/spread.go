package batchestimate

import (
	"maps"
	"slices"
	"time"
)

// Spread counts calls by when they took place.
type Spread struct {
	now    time.Time
	months map[string]int
	ages   [5]int
}

// NewSpread counts ages as of now.
func NewSpread(now time.Time) *Spread { return &Spread{now: now, months: make(map[string]int)} }

const day = 24 * time.Hour

// ages are the classes, each with its upper bound; a month has 30 days.
var ages = [5]struct {
	name  string
	under time.Duration
}{
	{"under a day", day}, {"under a week", 7 * day}, {"under a month", 30 * day}, {"under 3 months", 90 * day}, {"older", 0},
}

// Add counts a call.
func (s *Spread) Add(called time.Time) {
	s.months[called.UTC().Format("2006-01")]++
	age := s.now.Sub(called)
	for i, class := range ages {
		if age < class.under || class.under == 0 {
			s.ages[i]++
			return
		}
	}
}

// Part is a number of sessions under a name.
type Part struct {
	Name     string `json:"name"`
	Sessions int    `json:"sessions"`
}

// Months are those with calls in UTC, such as "2026-11", the earliest first.
func (s *Spread) Months() []Part {
	parts := []Part{}
	for _, month := range slices.Sorted(maps.Keys(s.months)) {
		parts = append(parts, Part{month, s.months[month]})
	}
	return parts
}

// Ages are all classes, the youngest first.
func (s *Spread) Ages() []Part {
	parts := []Part{}
	for i, class := range ages {
		parts = append(parts, Part{class.name, s.ages[i]})
	}
	return parts
}
