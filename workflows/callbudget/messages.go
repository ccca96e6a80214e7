package callbudget

import (
	"time"

	"github.com/callvault/callvault/workflows"
)

// The messages between the workers and the budget. Their names are recorded in
// histories and never change.
const (
	// UpdateTakeSlot asks for the next call slot: an [Ask], answered by an [Answer]
	// once there is one.
	UpdateTakeSlot = "takeSlot"

	// UpdateAssignLane asks for the lane of a batch: a [LaneRequest], answered at once by
	// a list of [Lane]: all lanes of the bot, from lane 1.
	UpdateAssignLane = "assignLane"

	// SignalReportCall reports a call that was refused, that needs operator action, that
	// was a probe, or that was not made: a [CallReport].
	SignalReportCall = "reportCall"

	// SignalLeave takes back the ask of a worker that stops: a [Leave].
	SignalLeave = "leave"
)

// ErrorTypeBusy is the type of the error by which an ask is rejected because too
// many workers ask at once; a better one would have been taken.
const ErrorTypeBusy = "Busy"

// ErrorTypeGivenBack is the type of the error by which an ask is rejected that takes a
// slot too late: it was given back, and another call may have it.
const ErrorTypeGivenBack = "GivenBack"

// Levels of urgency: 1 is served first. Each priority of a request has two, the
// first of them for repeated checks and sessions that the vendor purges soon.
const (
	FrontLevel = 1
	LastLevel  = 10
)

// Level returns the level of a call: of a priority from 1 to 5, urgent or not.
func Level(priority int, urgent bool) int {
	if urgent {
		return 2*priority - 1
	}
	return 2 * priority
}

// Priority returns the priority that a level belongs to.
func Priority(level int) int { return (level + 1) / 2 }

// IsLive reports whether somebody may be waiting for calls of a level.
func IsLive(level int) bool { return level <= maxLiveLevel }

// maxLiveLevel is the last level of calls that somebody may be waiting for: those
// of priorities 1 and 2.
const maxLiveLevel = 4

// Want is a call that waits for a slot.
type Want struct {
	BotID string `json:"bot"`
	Level int    `json:"level"`

	// Batch is the batch that the fetch belongs to; batches of the same level take
	// turns.
	Batch string `json:"batch,omitempty"`

	// Suspect: the fetch's last call needed operator action or was refused by rate, so
	// that another such result tells little of other fetches.
	Suspect bool `json:"suspect,omitempty"`

	// Front: somebody asked for this call, by the update checkNow of its fetch.
	Front bool `json:"front,omitempty"`
}

// Ask is the request of one worker process for its next slot. A later ask of the
// same worker replaces an earlier one.
type Ask struct {
	// Worker identifies the process.
	Worker string `json:"worker"`

	// Number counts the process's asks, since they may overtake each other.
	Number int `json:"number,omitempty"`

	// Wants are the calls that wait in the worker: at least one, unless the ask takes
	// a slot.
	Wants []Want `json:"wants"`

	// Held counts the calls that wait for each of Wants, in the same order; one for each
	// if there is none.
	Held []int `json:"held,omitempty"`

	// Takes: the worker uses no slot before an ask that takes it was accepted. A slot
	// that is not taken in time, because the worker was killed, is given back.
	// (Workers that know no offers use every slot.)
	Takes bool `json:"takes,omitempty"`

	// Took is the time of the slot that the ask takes: the one of the last answer.
	// Zero if there was none.
	Took time.Time `json:"took,omitzero"`

	// Patience is how long the worker waits for the answer.
	Patience time.Duration `json:"patience"`

	// VoidKnown is the latest [Answer.VoidThrough] that the worker has got.
	VoidKnown time.Time `json:"voidKnown,omitzero"`

	// Configured are the windows that the worker was configured with when it
	// started, at ConfiguredAt. The latest start decides.
	Configured   []workflows.CallWindow `json:"configured"`
	ConfiguredAt time.Time              `json:"configuredAt"`

	// Waiting counts the calls that wait in the task queues of some bots, by bot
	// and priority, if the worker has counted them lately.
	Waiting map[string]map[int]int `json:"waiting,omitempty"`

	// WaitingInLanes counts those in the lanes of these bots, from lane 1.
	WaitingInLanes map[string][]int `json:"waitingInLanes,omitempty"`
}

// Answer is what an ask gets: a slot, or none.
type Answer struct {
	// Slot is nil if the ask was replaced or has to be sent again.
	Slot *Slot `json:"slot,omitempty"`

	// Want is the one that the slot is for.
	Want Want `json:"want,omitzero"`

	// In is how long after the answer the slot is to be used, and TakeIn when the worker
	// is to take it, by its next ask: a little before.
	In     time.Duration `json:"in,omitempty"`
	TakeIn time.Duration `json:"takeIn,omitempty"`

	// More are further slots for calls that the worker holds, of a budget that is faster
	// than the messages. They need not be taken.
	More []MoreSlot `json:"more,omitempty"`

	// VoidThrough withdraws the slots up to that time: nobody uses them any more.
	VoidThrough time.Time `json:"voidThrough,omitzero"`
}

// MoreSlot is a further slot of an answer.
type MoreSlot struct {
	Slot Slot `json:"slot"`
	Want Want `json:"want"`
}

// Slot is the permission for one call.
type Slot struct {
	// Budget is the budget's name.
	Budget string `json:"budget"`

	// At is when the call is to be made, by the clock of the Temporal server, and
	// Within how much later it may be at most.
	At     time.Time     `json:"at"`
	Within time.Duration `json:"within"`

	// Probe: the budget is blocked, and the call finds out whether it still has to
	// be.
	Probe bool `json:"probe,omitempty"`

	// ForAccount: all bots of the account are blocked, and the probe tells of them all.
	ForAccount bool `json:"forAccount,omitempty"`

	// Suspect is that of the [Want] that the slot is for.
	Suspect bool `json:"suspect,omitempty"`
}

// Leave names a worker that asks for no slot any more.
type Leave struct {
	Worker string `json:"worker"`
}

// CallResult is how a reported call ended.
type CallResult string

// The results that are reported.
const (
	// Refused: by rate.
	Refused CallResult = "refused"
	// Blocked: by something that needs operator action.
	Blocked CallResult = "blocked"
	// Answered: neither; reported for probes alone.
	Answered CallResult = "answered"
	// Late: it was not made, because its slot came too late.
	Late CallResult = "late"
	// Unused: it was not made, because its slot was withdrawn or no call was left for it.
	Unused CallResult = "unused"
	// Unknown: there was no response; reported for probes alone.
	Unknown CallResult = "unknown"
)

// CallReport says how a call ended.
type CallReport struct {
	BotID string `json:"bot"`

	// SessionID tells one fetch from another.
	SessionID string `json:"session,omitempty"`

	Slot   Slot       `json:"slot"`
	Result CallResult `json:"result"`

	// Elsewhere: the slot is of another budget of the bot's account. Told of calls that
	// need operator action, and of probes for the account.
	Elsewhere bool `json:"elsewhere,omitempty"`

	// Span is that of the window which refused the call, if the vendor said it.
	Span time.Duration `json:"span,omitempty"`

	// LateBy is by how much a slot came too late, if the result is Late.
	LateBy time.Duration `json:"lateBy,omitempty"`

	// RetryAfter is how long the vendor asks to wait; 0 if it does not say.
	RetryAfter time.Duration `json:"retryAfter,omitempty"`

	// Reason is the text for the operator, without secrets.
	Reason string `json:"reason,omitempty"`
}
