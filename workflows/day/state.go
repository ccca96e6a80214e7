package day

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/callvault/callvault/internal/dayrecord"
	"github.com/callvault/callvault/internal/resume"
	"github.com/callvault/callvault/workflows"
)

// State is what a day knows and decides by. It survives a new run.
type State struct {
	StartedAt time.Time `json:"startedAt"`

	// Phase is what people are shown, and Since when it began.
	Phase workflows.DayPhase `json:"phase"`
	Since time.Time          `json:"since"`

	// Step is what is done next.
	Step step `json:"step"`

	// Opening is nil until it is known where the day's work is done.
	Opening *Opening `json:"opening,omitempty"`

	// Rounds counts the readings of both lists, Listings are those that the record names.
	Rounds   int                 `json:"rounds,omitempty"`
	Listings []dayrecord.Listing `json:"listings,omitempty"`

	// Listing is the folder with the rows of the last round, and Had are the lists that had
	// some. Answered are the lists that could be read in any round.
	Listing  string   `json:"listing,omitempty"`
	Had      []string `json:"had,omitempty"`
	Answered []string `json:"answered,omitempty"`

	// OnlyChanged: manifests of the day have changed since it was sealed, so the next round
	// looks at these and not at the lists.
	OnlyChanged bool `json:"onlyChanged,omitempty"`

	// Merged is what is known after the last of them; nil before it.
	Merged *Merged `json:"merged,omitempty"`

	// Batches counts the batches that were run, and BatchID is the one that runs.
	Batches int    `json:"batches,omitempty"`
	BatchID string `json:"batchId,omitempty"`

	// Remarks say what is not as it should be in the last round.
	Remarks []string `json:"remarks,omitempty"`

	// NextListing is when the lists are read again.
	NextListing time.Time `json:"nextListing,omitzero"`

	// Written is the latest revision whose record is in the archive; it may not be in the log
	// yet. Unchanged reports that it was there before.
	Written   *workflows.SealedDay `json:"written,omitempty"`
	Unchanged bool                 `json:"unchanged,omitempty"`

	// Behind: the next revision has to follow at once.
	Behind bool `json:"behind,omitempty"`

	// Sealed is the latest revision that is in the log, as far as the archive says.
	Sealed *workflows.SealedDay `json:"sealed,omitempty"`

	// Changed: a run before this one was told that something has changed, and has not looked.
	Changed bool `json:"changed,omitempty"`

	// Changes counts how often something had changed once the day was sealed.
	Changes int `json:"changes,omitempty"`

	// AlarmRaised is the latest alarm of the vendor's purge that was raised; 0 for none.
	AlarmRaised time.Duration `json:"alarmRaised,omitempty"`

	// Failures counts activities in a row that need operator action.
	Failures int `json:"failures,omitempty"`
}

// step is a part of a round.
type step string

// The steps of a round, in their order.
const (
	stepList  step = ""
	stepMerge step = "merge"
	stepFetch step = "fetch"
	stepSeal  step = "seal"
	stepLog   step = "log"
	stepDone  step = "done"
)

// Input is the input of [Workflow]: a caller's request and, in a further run, the state of
// the run before.
type Input struct {
	workflows.DayRequest
	Resume *State

	// err is what was wrong with the JSON that this input was decoded from.
	err error
}

// MarshalJSON writes the request's keys and, if there is a state, "resume".
func (i Input) MarshalJSON() ([]byte, error) {
	request, err := json.Marshal(i.DayRequest)
	if err != nil || i.Resume == nil {
		return request, err
	}
	return resume.Join(request, i.Resume)
}

// UnmarshalJSON decodes the input strictly but keeps the error for [Input.validate], see
// the input of a batch.
func (i *Input) UnmarshalJSON(data []byte) error {
	i.err = i.decode(data)
	return nil
}

func (i *Input) decode(data []byte) error {
	var err error
	if i.Resume, data, err = resume.Split[State](data); err != nil {
		return err
	}
	return i.DayRequest.UnmarshalJSON(data)
}

var errResume = errors.New(`invalid input: key "resume" is set by the workflow itself when it continues as new: remove it`)

// validate reports everything that is wrong with the input. continued says that this run
// continues an earlier one, whose input was checked.
func (i Input) validate(now time.Time, continued bool) error {
	switch {
	case i.Resume != nil && !continued:
		return errResume
	case i.err != nil:
		return fmt.Errorf("invalid input: %w", i.err)
	case continued:
		return nil
	}
	return i.ValidateAt(now)
}
