package workflows

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
)

// The names of the workflow that hands out the call slots of one budget. They
// never change, even if the Go identifiers do.
const (
	// CallBudgetWorkflowName is the type of the workflow. It is started by whoever
	// needs a call slot first, and never ends by itself.
	CallBudgetWorkflowName = "CallBudgetWorkflow"

	// CallBudgetTaskQueue is its queue, apart from that of the fetches: a thousand
	// fetches that start together must not delay a call slot.
	CallBudgetTaskQueue = "callvault-budget"

	// QueryBudget is the query that returns a [BudgetStatus].
	QueryBudget = "budget"

	// UpdatePause and UpdateResume stop all calls of the budget and let them go on.
	// They take a [BudgetChange] and return a [BudgetStatus].
	UpdatePause  = "pause"
	UpdateResume = "resume"

	// UpdateSetLimits replaces the configured call windows, until it is sent again
	// without windows. It forgets what was learned of the vendor's true limits. It
	// takes a [LimitsChange] and returns a [BudgetStatus].
	UpdateSetLimits = "setLimits"
)

// CallBudgetWorkflowID returns the id of the one workflow that hands out the call
// slots of a budget: that of a bot, or of an account whose bots share one.
func CallBudgetWorkflowID(budget string) string { return "call-budget/" + budget }

// QueryCallBudget sends [QueryBudget] to the workflow of a budget, and returns a [BudgetStatus]
// that is still encoded. It fails with a serviceerror.NotFound if the budget does not run, and
// without a worker when ctx ends.
func QueryCallBudget(ctx context.Context, c client.Client, budget string) (converter.EncodedValue, error) {
	response, err := c.QueryWorkflowWithOptions(ctx, &client.QueryWorkflowWithOptionsRequest{
		WorkflowID:           CallBudgetWorkflowID(budget),
		QueryType:            QueryBudget,
		QueryRejectCondition: enumspb.QUERY_REJECT_CONDITION_NOT_OPEN,
	})
	if err != nil {
		return nil, err
	}
	if response.QueryRejected != nil {
		return nil, serviceerror.NewNotFound("the budget is not running")
	}
	return response.QueryResult, nil
}

// maxReasonBytes bounds a reason.
const maxReasonBytes = 200

// BudgetChange asks for a change that somebody will want to understand later.
type BudgetChange struct {
	// Reason is kept and shown: 1 to 200 bytes. Required.
	Reason string `json:"reason"`
}

// UnmarshalJSON decodes the change strictly.
func (c *BudgetChange) UnmarshalJSON(data []byte) error {
	type plain BudgetChange
	return decodeStrictly(data, (*plain)(c))
}

// Validate reports what is wrong with the change.
func (c BudgetChange) Validate() error { return validateReason(c.Reason) }

func validateReason(reason string) error {
	switch {
	case strings.TrimSpace(reason) == "":
		return errors.New("reason is empty: say why, for those who will ask later")
	case len(reason) > maxReasonBytes:
		return fmt.Errorf("reason has %d bytes, more than %d: shorten it", len(reason), maxReasonBytes)
	case !utf8.ValidString(reason) || strings.ContainsFunc(reason, isControl):
		return errors.New("reason holds control characters: give it in one line")
	}
	return nil
}

// MaxWindows bounds the windows of a budget.
const MaxWindows = 4

// LimitsChange replaces the call windows of a budget while it is in use.
type LimitsChange struct {
	// Windows hold all at once; at most 4. Defaults to none, which goes back to the
	// configured ones.
	Windows []CallWindow `json:"windows,omitempty"`

	// Reason is kept and shown: 1 to 200 bytes. Required.
	Reason string `json:"reason"`
}

// UnmarshalJSON decodes the change strictly.
func (c *LimitsChange) UnmarshalJSON(data []byte) error {
	type plain LimitsChange
	return decodeStrictly(data, (*plain)(c))
}

// Validate reports everything that is wrong with the change.
func (c LimitsChange) Validate() error {
	err := validateReason(c.Reason)
	if len(c.Windows) > 0 { // Otherwise the configured ones hold again.
		err = errors.Join(err, ValidateCallWindows(c.Windows))
	}
	return err
}

// BudgetStatus is the state of a call budget. Times are in UTC.
type BudgetStatus struct {
	// Budget is the bot's stream id, or the account's name.
	Budget string `json:"budget"`

	// State says in a word whether slots are handed out: "open", "paused", "blocked"
	// or "stopped".
	State BudgetState `json:"state"`

	// AsOf is the time of these numbers: that of the last slot or change.
	AsOf time.Time `json:"asOf"`

	// Reason says why they are not; empty if they are.
	Reason string `json:"reason,omitempty"`

	// Since is when the state began; zero if it is open.
	Since time.Time `json:"since,omitzero"`

	// Until is when slots are handed out again, or when the next call finds out
	// whether the cause is gone; zero if that needs an operator.
	Until time.Time `json:"until,omitzero"`

	// Windows are the call windows, the shortest first.
	Windows []BudgetWindow `json:"windows"`

	// LimitsReason is the reason of the limits that were set while running; empty
	// if the configured ones hold.
	LimitsReason string `json:"limitsReason,omitempty"`

	// Waiting counts the fetches that wait for a slot, by priority (1 to 5), as far
	// as the workers have counted them; the numbers may be some minutes old.
	Waiting map[int]int `json:"waiting,omitempty"`

	// Slots counts the slots handed out, and Refusals the calls that the vendor
	// refused by rate.
	Slots    int `json:"slots"`
	Refusals int `json:"refusals"`

	// LastSlotAt is when the latest slot is or was to be used.
	LastSlotAt time.Time `json:"lastSlotAt,omitzero"`

	// Changes are the latest 20: what was set, paused, learned, refused, newest
	// first.
	Changes []BudgetEvent `json:"changes,omitempty"`
}

// BudgetState says whether a budget hands out slots.
type BudgetState string

// The states of a budget.
const (
	// BudgetOpen: slots are handed out.
	BudgetOpen BudgetState = "open"
	// BudgetPaused: an operator has paused all calls.
	BudgetPaused BudgetState = "paused"
	// BudgetBlocked: the vendor refuses the credentials, or it cannot be reached in
	// a way that needs operator action. One call at a time finds out whether that
	// is over.
	BudgetBlocked BudgetState = "blocked"
	// BudgetStopped: the vendor refused a call by rate, and its window has to free
	// up first.
	BudgetStopped BudgetState = "stopped"
)

// BudgetWindow is one call window and its use.
type BudgetWindow struct {
	// Limit is what is configured, or was set while running. It has 0 calls if the
	// vendor has a window that nobody configured.
	Limit CallWindow `json:"limit"`

	// Used counts the slots within the span before now.
	Used int `json:"used"`

	// Learned is the lower limit that the vendor's refusals show; 0 if none.
	Learned int `json:"learned,omitempty"`

	// ProbeAt is when one call more than learned is tried.
	ProbeAt time.Time `json:"probeAt,omitzero"`
}

// BudgetEvent is something that changed a budget.
type BudgetEvent struct {
	At   time.Time `json:"at"`
	Text string    `json:"text"`
}
