package batch

import (
	"time"

	"github.com/callvault/callvault/workflows"
)

// The activities that a batch schedules, by the names that are recorded in histories.
const (
	// PrepareBatch reads and checks the list, and writes it to the archive in the order
	// in which the sessions are fetched: the plan.
	PrepareBatch = "PrepareBatch"
	// LaunchBatch starts the fetches that there is room for, and counts all of them.
	LaunchBatch = "LaunchBatch"
	// CancelBatch cancels the fetches that wait.
	CancelBatch = "CancelBatch"
	// ReportBatch writes the report from the manifests.
	ReportBatch = "ReportBatch"
)

// PrepareInput is the batch whose list is prepared.
type PrepareInput struct {
	Request workflows.BatchRequest `json:"request"`

	// StartedAt is when the batch began: what the vendor purges first follows from it.
	StartedAt time.Time `json:"startedAt"`
}

// Plan is the list of a batch, in the archive of its account: for each bot a range of
// lines, those that the vendor purges first at the beginning.
type Plan struct {
	// Elsewhere is set, and nothing else, if the worker that read the list does not serve
	// its first bot: those that do have to read it.
	Elsewhere string `json:"elsewhere,omitempty"`

	// Account is the name of the account that all bots of the list belong to.
	Account string `json:"account"`

	// Key is the object's.
	Key string `json:"key"`

	Bots []BotRange `json:"bots"`

	Sessions   int `json:"sessions"`
	Duplicates int `json:"duplicates,omitempty"`
}

// BotRange is where the sessions of a bot are in the plan, in bytes.
type BotRange struct {
	BotID    string `json:"botId"`
	Offset   int64  `json:"offset"`
	End      int64  `json:"end"`
	Sessions int    `json:"sessions"`
}

// LaunchInput is a launch pass. It is also the detail of its heartbeats, with which the
// next attempt goes on.
type LaunchInput struct {
	BatchID  string                `json:"batchId"`
	Policy   workflows.FetchPolicy `json:"policy,omitzero"`
	Priority int                   `json:"priority,omitempty"`
	Refetch  bool                  `json:"refetch,omitempty"`
	Plan     Plan                  `json:"plan"`

	// Halted: the pass starts nothing, it only counts.
	Halted bool `json:"halted,omitempty"`

	// Allowance: nor does it once this is spent.
	Allowance

	// Again: a pass before did not come to its end, so it may have started sessions
	// that Launched does not tell of.
	Again bool `json:"again,omitempty"`

	// Pass numbers the passes; each begins with another bot.
	Pass int `json:"pass"`

	// Unseen are fetches that were started lately and not listed by the last pass.
	Unseen int `json:"unseen,omitempty"`

	// Flow is the flow of the fetches, see workflows.MemoFlow; 0 if the caller of the
	// batch knew none.
	Flow int `json:"flow,omitempty"`

	Launched Launched `json:"launched"`
	Settled  Settled  `json:"settled"`

	// StartedAt is when the batch began: fetches of an earlier batch of that name are
	// not counted.
	StartedAt time.Time `json:"startedAt"`
}

// Allowance is how many sessions may end otherwise than archived before no more are started,
// beyond ForgivenFailures of the first ForgivenEnded that ended.
type Allowance struct {
	MaxFailures      workflows.FailureLimit `json:"maxFailures,omitzero"`
	ForgivenFailures int                    `json:"forgivenFailures,omitempty"`
	ForgivenEnded    int                    `json:"forgivenEnded,omitempty"`
}

// IsSpent reports whether so many failures are too many. ended are the sessions that have
// ended, with those that are forgiven, of so many that the batch fetches.
func (a Allowance) IsSpent(failures, ended, sessions int) bool {
	return a.MaxFailures.IsReached(failures-a.ForgivenFailures, ended-a.ForgivenEnded, sessions-a.ForgivenEnded)
}

// Launched says how far the launch is.
type Launched struct {
	// Next is where the next session of each bot is in the plan, in the order of
	// Plan.Bots; empty before the first pass.
	Next []int64 `json:"next,omitempty"`

	// Window is how many fetches of each bot may wait for their first call slot.
	Window []int `json:"window,omitempty"`

	// Deferred are sessions that were not ready when their turn came.
	Deferred []Deferred `json:"deferred,omitempty"`

	Started  int `json:"started,omitempty"`
	Attached int `json:"attached,omitempty"`
	Found    int `json:"found,omitempty"`
}

// Deferred is a session that is asked for later.
type Deferred struct {
	// Bot is the index in Plan.Bots, At the place in the plan.
	Bot       int    `json:"bot"`
	At        int64  `json:"at"`
	SessionID string `json:"sessionId"`
	// Due is the time of the next check.
	Due time.Time `json:"due"`
}

// From returns the places in the plan from which on nothing was started.
func (l Launched) From(plan Plan) []int64 {
	if len(l.Next) > 0 {
		return l.Next
	}
	var from []int64
	for _, bot := range plan.Bots {
		from = append(from, bot.Offset)
	}
	return from
}

// IsComplete reports whether every session of the plan has had its turn.
func (l Launched) IsComplete(plan Plan) bool {
	if len(l.Next) == 0 && len(plan.Bots) > 0 || len(l.Deferred) > 0 {
		return false
	}
	for i, next := range l.Next {
		if next < plan.Bots[i].End {
			return false
		}
	}
	return true
}

// Settled are the fetches that had ended by a time, and are not counted again: the server
// may forget them before the batch is over.
type Settled struct {
	Until  time.Time `json:"until,omitzero"`
	Counts Ended     `json:"counts"`
}

// Ended are the fetches that have ended.
type Ended struct {
	Outcomes  map[workflows.Outcome]int `json:"outcomes,omitempty"`
	NoOutcome int                       `json:"noOutcome,omitempty"`
	Calls     int                       `json:"calls,omitempty"`
}

// BatchCounts returns the counts of a batch that has no other fetches.
func (e Ended) BatchCounts() workflows.BatchCounts {
	return workflows.BatchCounts{Outcomes: e.Outcomes, NoOutcome: e.NoOutcome, Calls: e.Calls}
}

// LaunchResult is what a pass did and found.
type LaunchResult struct {
	Launched Launched `json:"launched"`
	Settled  Settled  `json:"settled"`

	// Ended are all fetches that have ended; Running are the others, by phase.
	Ended   Ended                        `json:"ended"`
	Running map[workflows.FetchPhase]int `json:"running,omitempty"`

	// More: the pass ended although more fetches could have been started.
	More bool `json:"more,omitempty"`

	// Interrupted: the pass, or one before it, was ended in the middle.
	Interrupted bool `json:"interrupted,omitempty"`

	// Queries are the visibility queries of the pass: servers bound them.
	Queries int `json:"queries"`

	// Blocked says what needs operator action before more fetches can be started.
	Blocked string `json:"blocked,omitempty"`

	// Waiting are the fetches that wait for their first call slot.
	Waiting int `json:"waiting,omitempty"`

	// Failures are the last sessions that were not archived, newest first.
	Failures []workflows.BatchFailure `json:"failures,omitempty"`

	// Readiness says whether sessions are asked for only once they are ready, and why
	// not.
	Readiness string `json:"readiness,omitempty"`

	// Starved says why the call budgets hand out no slots; empty if they do.
	Starved string `json:"starved,omitempty"`

	At time.Time `json:"at"`
}

// CancelInput names the fetches to cancel.
type CancelInput struct {
	BatchID   string    `json:"batchId"`
	StartedAt time.Time `json:"startedAt"`
}

// CancelResult counts the fetches that were cancelled, and those that were left to end
// because they download.
type CancelResult struct {
	Cancelled int `json:"cancelled"`
	Left      int `json:"left"`
}

// ReportInput is the report to write.
type ReportInput struct {
	BatchID string `json:"batchId"`
	Plan    Plan   `json:"plan"`

	// Cancelled: the sessions from Next on, in the order of Plan.Bots, were not started.
	Cancelled bool    `json:"cancelled,omitempty"`
	Next      []int64 `json:"next,omitempty"`

	// Refetch: a manifest that says anything but archived may be about to be replaced.
	Refetch bool `json:"refetch,omitempty"`

	// Awaited is the session whose fetch was running when the report was last tried; nil
	// if it was not tried.
	Awaited *workflows.Session `json:"awaited,omitempty"`
}

// ReportResult is the report, or nothing if fetches are running.
type ReportResult struct {
	// Awaited is a session without a manifest whose fetch has not ended; nil if there is
	// none. The report is not written then.
	Awaited *workflows.Session `json:"awaited,omitempty"`

	Report workflows.ObjectRef   `json:"report"`
	Total  workflows.ReportTotal `json:"total"`
}
