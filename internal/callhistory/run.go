// Package callhistory tells what a run of a fetch has done, from its history in Temporal: one
// line for each thing that matters. Inputs and results of activities hold sealed tokens and
// media URLs; nothing of these is told.
package callhistory

import (
	"strings"
	"time"
	"unicode"

	"github.com/callvault/callvault/internal/oneline"
	"github.com/callvault/callvault/workflows"
)

// MaxEvents bounds the events that are told of one run. Of more, the first and the last
// hundreds are, and [Run.LeftOut] counts the others.
const MaxEvents = 400

// Kind is what an event is about.
type Kind string

// The kinds.
const (
	Started     Kind = "started"
	Looked      Kind = "looked"      // for a manifest
	Slot        Kind = "slot"        // a call slot of the budget
	Check       Kind = "check"       // one call of the vendor's API, or one that was not made
	Wait        Kind = "wait"        // a durable timer
	CheckNow    Kind = "checkNow"    // somebody ended a wait
	Download    Kind = "download"    // one file
	Attachments Kind = "attachments" // what belongs to the call beside its recordings
	Manifest    Kind = "manifest"    // the proof of the outcome was written
	Problem     Kind = "problem"     // a workflow task failed
	Ended       Kind = "ended"
)

// Event is one thing that happened.
type Event struct {
	At   time.Time `json:"at"`
	Kind Kind      `json:"kind"`
	// Text says it in one line of at most a few hundred bytes, without control characters.
	Text string `json:"text"`
	// Check is the number of the status check in this run, from 1; 0 if it is none that
	// was answered.
	Check int `json:"check,omitempty"`
	// Took is from when the work could have begun until it was done; 0 if it is no work.
	Took time.Duration `json:"tookNanoseconds,omitempty"`
	// Attempts is how often Temporal had the work begun; 0 if it is no work.
	Attempts int `json:"attempts,omitempty"`
	// Worker has done the work; nil if no worker has, or none that is known.
	Worker *Worker `json:"worker,omitempty"`
}

// Worker is a worker process.
type Worker struct {
	// Identity is what it calls itself: its process and host, if nothing else is configured.
	Identity string `json:"identity"`
	// Build is the build id of its deployment version or, without one, the digest of its
	// program; empty if the server was not told.
	Build string `json:"build,omitempty"`
}

// Run is one run of a fetch.
type Run struct {
	WorkflowID string `json:"workflowId"`
	RunID      string `json:"runId"`
	// ContinuedFrom is the run that this one continues as new; empty if none.
	ContinuedFrom string    `json:"continuedFrom,omitempty"`
	StartedAt     time.Time `json:"startedAt"`
	// EndedAt is zero while it runs, as far as the history was read.
	EndedAt time.Time `json:"endedAt,omitzero"`
	BatchID string    `json:"batchId,omitempty"`
	// Result is what it returned; nil if it returned nothing.
	Result *workflows.FetchResult `json:"result,omitempty"`
	// Wrote is who wrote the manifest, and when; nil if this run has not.
	Wrote  *Event  `json:"wrote,omitempty"`
	Events []Event `json:"events"`
	// Unreadable is why its input could not be decoded, such as a key that is missing: then
	// much of the rest cannot be either. It is empty if it could.
	Unreadable string `json:"unreadable,omitempty"`
	// LeftOut is how many events in the middle are not told.
	LeftOut int `json:"eventsLeftOut,omitempty"`
}

// add adds an event, and drops one in the middle if there are too many.
func (r *Run) add(e Event) {
	e.Text = printable(e.Text)
	if len(r.Events) == MaxEvents {
		const first = MaxEvents / 2
		r.Events = append(r.Events[:first], r.Events[first+1:]...)
		r.LeftOut++
	}
	r.Events = append(r.Events, e)
}

// maxText bounds what one event says, in runes.
const maxText = 600

// printable returns a text, part of which others may have written, in one line, without what
// stands for bytes that are no text.
func printable(text string) string {
	return strings.ReplaceAll(oneline.Bounded(text, maxText), string(unicode.ReplacementChar), " ")
}
