package batch

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/callvault/callvault/internal/resume"
	"github.com/callvault/callvault/workflows"
)

// State is what a batch knows and decides by. It survives a new run.
type State struct {
	StartedAt time.Time `json:"startedAt"`

	// Plan is nil until the list has been prepared.
	Plan     *Plan    `json:"plan,omitempty"`
	Launched Launched `json:"launched"`
	Settled  Settled  `json:"settled"`

	// Last is the latest pass without its Launched and Settled; nil before it.
	Last *LaunchResult `json:"last,omitempty"`

	// Phase is what people are shown, and Since when it began.
	Phase workflows.BatchPhase `json:"phase"`
	Since time.Time            `json:"since"`

	// Paused is set by an operator, Stopped by too many failures.
	Paused  *halt `json:"paused,omitempty"`
	Stopped *halt `json:"stopped,omitempty"`

	// ForgivenFailures of ForgivenEnded sessions do not count any more: an operator has
	// resumed the batch after them.
	ForgivenFailures int `json:"forgivenFailures,omitempty"`
	ForgivenEnded    int `json:"forgivenEnded,omitempty"`

	// Resumed: no pass has counted since an operator resumed the batch that had stopped.
	Resumed bool `json:"resumed,omitempty"`

	// Cancelled: no more fetches are started, and those that wait are cancelled.
	Cancelled bool `json:"cancelled,omitempty"`

	// Samples tell how many sessions had ended at a time, the oldest first.
	Samples []sample `json:"samples,omitempty"`

	// Passes counts the launch passes, and Quiet those in a row that found no change.
	Passes int `json:"passes,omitempty"`
	Quiet  int `json:"quiet,omitempty"`

	// StartedLastAt is when the last pass that started fetches counted them.
	StartedLastAt time.Time `json:"startedLastAt,omitzero"`

	// Again: the last pass did not come to its end.
	Again bool `json:"again,omitempty"`

	// Awaited is the session that kept the report from being written.
	Awaited *workflows.Session `json:"awaited,omitempty"`

	// Elsewhere is a bot whose workers have to read the list.
	Elsewhere string `json:"elsewhere,omitempty"`

	// Failures counts activities in a row that need operator action.
	Failures int `json:"failures,omitempty"`
}

type halt struct {
	Reason string    `json:"reason"`
	Since  time.Time `json:"since"`
}

type sample struct {
	At    time.Time `json:"at"`
	Ended int       `json:"ended"`
}

// counts are the sessions by where they are.
func (s *State) counts() workflows.BatchCounts {
	counts := workflows.BatchCounts{
		Found: s.Launched.Found, Launched: s.Launched.Started, Attached: s.Launched.Attached, NotReady: len(s.Launched.Deferred),
	}
	if s.Plan != nil {
		counts.Sessions = s.Plan.Sessions
	}
	if s.Last != nil {
		counts.Running = s.Last.Running
		counts.Outcomes, counts.NoOutcome, counts.Calls = s.Last.Ended.Outcomes, s.Last.Ended.NoOutcome, s.Last.Ended.Calls
	}
	return counts
}

// isLaunched reports whether nothing is left to start.
func (s *State) isLaunched() bool {
	return s.Cancelled || s.Plan != nil && s.Launched.IsComplete(*s.Plan)
}

// isHalted reports whether nothing may be started now.
func (s *State) isHalted() bool { return s.Cancelled || s.Paused != nil || s.Stopped != nil }

// Input is the input of [Workflow]: a caller's request and, in a further run of a long
// batch, the state of the run before.
type Input struct {
	workflows.BatchRequest
	Resume *State

	// err is what was wrong with the JSON that this input was decoded from.
	err error
}

// maxInputBytes bounds the input: a thousand sessions with the longest user ids have
// 650 kB. Temporal itself takes no more than 2 MiB.
const maxInputBytes = 2 << 20

// MarshalJSON writes the request's keys and, if there is a state, "resume".
func (i Input) MarshalJSON() ([]byte, error) {
	type request workflows.BatchRequest
	return json.Marshal(struct {
		request
		Resume *State `json:"resume,omitempty"`
	}{request(i.BatchRequest), i.Resume})
}

// UnmarshalJSON decodes the input strictly but keeps the error for [Input.validate]
// instead of returning it: an error returned to the SDK's payload decoder would end the
// workflow with an untyped, retryable failure.
func (i *Input) UnmarshalJSON(data []byte) error {
	i.err = i.decode(data)
	return nil
}

func (i *Input) decode(data []byte) error {
	if len(data) > maxInputBytes {
		return fmt.Errorf("the input has %d bytes, more than %d: put the list into the archive, and give it as source", len(data), maxInputBytes)
	}
	var err error
	if i.Resume, data, err = resume.Split[State](data); err != nil {
		return err
	}
	return i.BatchRequest.UnmarshalJSON(data)
}

// validate reports everything that is wrong with the input. continued says that this run
// continues an earlier one, whose input was checked.
func (i Input) validate(now time.Time, continued bool) error {
	switch {
	case i.Resume != nil && !continued:
		return errors.New(`invalid input: key "resume" is set by the workflow itself when it continues as new: remove it`)
	case i.err != nil: // The rest was not decoded; validating it would name the wrong key.
		return fmt.Errorf("invalid input: %w", i.err)
	case continued:
		return nil
	}
	return i.ValidateAt(now)
}
