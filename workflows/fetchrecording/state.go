package fetchrecording

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/callvault/callvault/internal/resume"
	"github.com/callvault/callvault/internal/status"
	"github.com/callvault/callvault/workflows"
)

// State is what a fetch knows and decides by. It survives a new run.
type State struct {
	StartedAt    time.Time `json:"startedAt"`
	GiveUpAt     time.Time `json:"giveUpAt"`
	StatusChecks int       `json:"statusChecks"`
	LastStatus   string    `json:"lastStatus,omitempty"`

	// Counts of waits in a row, by which the next one is chosen.
	Polls             int `json:"polls,omitempty"`
	TransientFailures int `json:"transientFailures,omitempty"`
	BlockedWaits      int `json:"blockedWaits,omitempty"`
	DownloadFailures  int `json:"downloadFailures,omitempty"`

	PartialRetries int       `json:"partialRetries,omitempty"`
	PartialDueAt   time.Time `json:"partialDueAt,omitzero"`

	// AnsweredAt is when the vendor last sent a status, and Evidence is which.
	AnsweredAt time.Time         `json:"answeredAt,omitzero"`
	Evidence   []status.Evidence `json:"evidence,omitempty"`

	// SaidNoneAt is when the vendor first said that there is no recording, of a call old
	// enough for that to be final: to this fetch, or to the one whose manifest it replaces.
	// Another status clears it.
	SaidNoneAt time.Time `json:"saidNoneAt,omitzero"`

	// AlarmRaised is the latest alarm that was raised, as the time before the purge, and
	// AlarmedOf is that purge.
	AlarmRaised time.Duration `json:"alarmRaised,omitempty"`
	AlarmedOf   time.Time     `json:"alarmedOf,omitzero"`

	// BlockedSince is set from the first failure that needs an operator until
	// the next answer; the clock of giveUpAfter stands still meanwhile.
	BlockedSince time.Time `json:"blockedSince,omitzero"`

	// DownloadFailed: a download has failed, and may have left something.
	DownloadFailed bool `json:"downloadFailed,omitempty"`

	// Refused: the last call was refused by rate.
	Refused bool `json:"refused,omitempty"`

	// Front: somebody has asked for the next check, by checkNow.
	Front bool `json:"front,omitempty"`

	// Unserved: no worker serves the bot, as far as is known.
	Unserved bool `json:"unserved,omitempty"`

	// Done are the files that are in the archive.
	Done []workflows.Recording `json:"done,omitempty"`

	// Replaces is the ETag of the manifest that this fetch may replace.
	Replaces string `json:"replaces,omitempty"`

	// Attachments are what is in the archive of what belongs to the call, LeftOut why
	// something is not, and Attached the kinds of which that is known.
	Attachments []workflows.Attachment     `json:"attachments,omitempty"`
	LeftOut     []workflows.LeftOut        `json:"leftOut,omitempty"`
	Attached    []workflows.AttachmentKind `json:"attached,omitempty"`

	// AttachmentsTried: some may be in the archive.
	AttachmentsTried bool `json:"attachmentsTried,omitempty"`

	// Damaged are the files of an archived session that are missing from the
	// archive or changed.
	Damaged []workflows.Recording `json:"damaged,omitempty"`
}

// Input is the input of [Workflow]: a caller's request and, in a further run of
// a long fetch, the state of the run before.
type Input struct {
	workflows.FetchRequest
	Resume *State

	// err is what was wrong with the JSON that this input was decoded from.
	err error
}

// maxInputBytes bounds a caller's input, and maxStateBytes one with a state: a
// hundred files have about 80 kB, with the longest names and twice, while they are
// repaired, ten times that. Temporal itself takes no more than 2 MiB.
const (
	maxInputBytes = 256 << 10
	maxStateBytes = 2 << 20
)

// MarshalJSON writes the request's keys and, if there is a state, "resume".
func (i Input) MarshalJSON() ([]byte, error) {
	type request workflows.FetchRequest
	return json.Marshal(struct {
		request
		Resume *State `json:"resume,omitempty"`
	}{request(i.FetchRequest), i.Resume})
}

// UnmarshalJSON decodes the input strictly but keeps the error for
// [Input.validate] instead of returning it: an error returned to the SDK's
// payload decoder would end the workflow with an untyped, retryable failure.
func (i *Input) UnmarshalJSON(data []byte) error {
	i.err = i.decode(data)
	return nil
}

func (i *Input) decode(data []byte) error {
	limit := maxInputBytes
	if resume.IsIn(data) {
		limit = maxStateBytes
	}
	if len(data) > limit {
		return fmt.Errorf("the input has %d bytes, more than %d", len(data), limit)
	}
	var err error
	if i.Resume, data, err = resume.Split[State](data); err != nil {
		return err
	}
	return i.FetchRequest.UnmarshalJSON(data)
}

// validate reports everything that is wrong with the input. continued says that
// this run continues an earlier one.
func (i Input) validate(now time.Time, continued bool) error {
	if i.Resume != nil && !continued {
		return errors.New(`invalid input: key "resume" is set by the workflow itself when it continues as new: remove it`)
	}
	if i.err != nil { // The rest was not decoded; validating it would name the wrong key.
		return fmt.Errorf("invalid input: %w", i.err)
	}
	return i.ValidateAt(now)
}
