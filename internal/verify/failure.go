package verify

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/callvault/callvault/workflows"
)

// Kind is what does not hold.
type Kind string

// The kinds of failures.
const (
	KindCheckpoint Kind = "checkpoint" // of the log, or it does not extend the one that was kept
	KindLog        Kind = "log"        // its entries or tiles
	KindEntry      Kind = "entry"      // one entry of the log
	KindRecord     Kind = "record"     // r{n}.json
	KindRows       Kind = "rows"       // r{n}.ndjson
	KindRow        Kind = "row"        // one line of it
	KindManifest   Kind = "manifest"
	KindFile       Kind = "file"
	KindAttachment Kind = "attachment"
	KindUnentered  Kind = "unentered" // an object of a revision that the log does not have
	KindTimestamp  Kind = "timestamp"
	KindSelection  Kind = "selection" // the log does not have what was asked for
)

// Failure is one thing that does not hold. What does not apply is empty.
type Failure struct {
	Kind      Kind   `json:"kind"`
	BotID     string `json:"botId,omitempty"`
	Date      string `json:"date,omitempty"`
	SessionID string `json:"sessionId,omitempty"`
	Key       string `json:"key,omitempty"`
	Text      string `json:"text"`
}

// Bounds of a report.
const (
	maxFailures = 10_000
	maxNotes    = 100
	maxText     = 300
)

// report collects what is found. It is safe for concurrent use.
type report struct {
	mu       sync.Mutex
	failures []Failure
	count    int
	notes    []string
	checked  Checked
}

func (r *report) fail(f Failure) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.count++
	if len(r.failures) < maxFailures {
		f.Key, f.Text, f.BotID, f.SessionID = shown(f.Key), shown(f.Text), shown(f.BotID), shown(f.SessionID)
		r.failures = append(r.failures, f)
	}
}

func (r *report) note(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.notes) < maxNotes {
		r.notes = append(r.notes, shown(fmt.Sprintf(format, args...)))
	}
}

func (r *report) add(c Checked) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.checked.add(c)
}

// shown bounds a text of an object, and keeps it from steering a terminal.
func shown(text string) string {
	text = strings.Map(func(c rune) rune {
		if c < ' ' || c >= 0x7f && c < 0xa0 {
			return '?'
		}
		return c
	}, text)
	if runes := []rune(text); len(runes) > maxText {
		return string(runes[:maxText]) + "…"
	}
	return text
}

// sorted returns the failures in an order that does not depend on which was found first.
func (r *report) sorted() []Failure {
	slices.SortStableFunc(r.failures, func(a, b Failure) int {
		return cmp.Or(cmp.Compare(a.Date, b.Date), cmp.Compare(a.BotID, b.BotID), cmp.Compare(a.SessionID, b.SessionID), cmp.Compare(a.Key, b.Key))
	})
	return r.failures
}

// place is what a failure is about.
type place struct {
	kind    Kind
	day     workflows.Day
	session string
	key     string
}

func (p place) failure(text string) Failure {
	return Failure{Kind: p.kind, BotID: p.day.BotID, Date: p.day.Date, SessionID: p.session, Key: p.key, Text: text}
}

// problem is an error that says what does not hold. Any other error ends the verification.
type problem struct{ text string }

func (p *problem) Error() string { return p.text }

func problemf(format string, args ...any) error { return &problem{fmt.Sprintf(format, args...)} }
