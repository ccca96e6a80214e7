package ledger

import (
	"errors"
	"fmt"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/callvault/callvault/internal/failure"
	"github.com/callvault/callvault/workflows"
)

const (
	// maxAtOnce bounds the entries of one write, and with them the input of the activity:
	// an entry of a day has some 500 bytes.
	maxAtOnce = 100

	// maxAtOnceBytes bounds them too: Temporal takes 2 MiB.
	maxAtOnceBytes = 1 << 20

	// maxWaiting bounds the entries that wait. A server in its default configuration lets ten
	// updates of a workflow wait at a time, and refuses the others itself. A day whose entry
	// is refused tries again.
	maxWaiting = 1_000

	// maxHistoryEvents is when the ledger continues as new.
	maxHistoryEvents = 2_000

	// unservedAfter is how long a write waits for a worker before its entries are refused.
	unservedAfter = time.Minute

	// writeWithin is how long a write is tried before its entries are refused, and the days
	// say why.
	writeWithin = 15 * time.Minute
)

// Workflow is registered as [workflows.ArchiveLedgerWorkflowName]. It never ends by itself.
func Workflow(ctx workflow.Context, input Input) error {
	if input.Log == "" {
		return temporal.NewNonRetryableApplicationError("invalid input: log is missing: callvault starts its ledgers itself", string(failure.InvalidInput), nil)
	}
	l := &ledger{log: input.Log, size: input.Entries, checkpoint: input.Checkpoint}
	if err := l.handleMessages(ctx); err != nil {
		return err
	}
	for {
		if err := workflow.Await(ctx, func() bool { return len(l.waiting) > 0 || l.hasLongHistory(ctx) }); err != nil {
			return err
		}
		if len(l.waiting) > 0 {
			if err := l.write(ctx); err != nil {
				return err
			}
		} else if err := l.continueAsNew(ctx); err != nil {
			return err
		}
	}
}

// ledger is one running ledger.
type ledger struct {
	log        string
	size       int64
	checkpoint []byte // the last one that was seen
	waiting    []*waiting
	blocked    string
	since      time.Time
}

// waiting is an entry that is not in the log yet.
type waiting struct {
	text  string
	index int64
	err   error
	done  bool
}

func (l *ledger) handleMessages(ctx workflow.Context) error {
	err := workflow.SetQueryHandlerWithOptions(ctx, workflows.QueryProgress, func() (workflows.LedgerProgress, error) { return l.progress(), nil },
		workflow.QueryHandlerOptions{Description: "The state of the log: how many entries it has, and what waits."})
	if err != nil {
		return err
	}
	return workflow.SetUpdateHandlerWithOptions(ctx, UpdateAppend,
		func(ctx workflow.Context, entry Entry) (Appended, error) {
			one := l.waitingFor(entry.Text)
			err := workflow.Await(ctx, func() bool { return one.done })
			if err == nil {
				err = one.err
			}
			return Appended{Index: one.index}, err
		},
		workflow.UpdateHandlerOptions{Description: "Appends an entry to the log, and returns its place.", Validator: func(entry Entry) error {
			if len(l.waiting) >= maxWaiting {
				return fmt.Errorf("%d entries wait already: try again later", len(l.waiting))
			}
			return entry.validate()
		}})
}

// waitingFor returns the entry of a text, which may wait already: whoever sent it has lost
// its connection since.
func (l *ledger) waitingFor(text string) *waiting {
	for _, one := range l.waiting {
		if one.text == text {
			return one
		}
	}
	one := &waiting{text: text}
	l.waiting = append(l.waiting, one)
	return one
}

func (l *ledger) progress() workflows.LedgerProgress {
	return workflows.LedgerProgress{Log: l.log, Entries: l.size, Waiting: len(l.waiting), Blocked: l.blocked, Since: l.since}
}

// write appends the entries that wait, as many as one write takes.
func (l *ledger) write(ctx workflow.Context) error {
	input := AppendInput{Log: l.log, Checkpoint: l.checkpoint}
	bytes := 0
	for _, one := range l.waiting {
		if bytes += len(one.text); len(input.Entries) == maxAtOnce || len(input.Entries) > 0 && bytes > maxAtOnceBytes {
			break
		}
		input.Entries = append(input.Entries, one.text)
	}
	var result AppendResult
	err := workflow.ExecuteActivity(workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		TaskQueue:              TaskQueue(l.log),
		ScheduleToStartTimeout: unservedAfter,
		ScheduleToCloseTimeout: writeWithin,
		StartToCloseTimeout:    5 * time.Minute,
		HeartbeatTimeout:       30 * time.Second,
		RetryPolicy:            &temporal.RetryPolicy{InitialInterval: time.Second, BackoffCoefficient: 2, MaximumInterval: time.Minute},
		Summary:                fmt.Sprintf("append %d entries", len(input.Entries)),
	}), AppendToLog, input).Get(ctx, &result)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	taken := l.waiting[:len(input.Entries)]
	l.waiting = l.waiting[len(input.Entries):]
	if err == nil && len(result.Indexes) != len(taken) {
		err = fmt.Errorf("the log has taken %d of %d entries", len(result.Indexes), len(taken))
	}
	if err != nil { // It needs operator action, and each day says so and tries again.
		for _, one := range taken {
			one.err, one.done = temporal.NewApplicationError(messageOf(err), errorTypeBlocked), true
		}
		l.show(ctx, messageOf(err))
		return nil
	}
	for i, one := range taken {
		one.index, one.done = result.Indexes[i], true
	}
	l.size, l.checkpoint = result.Size, result.Checkpoint
	l.show(ctx, "")
	return nil
}

func (l *ledger) show(ctx workflow.Context, blocked string) {
	if blocked != l.blocked {
		l.blocked, l.since = blocked, workflow.Now(ctx).UTC()
	}
	text := fmt.Sprintf("The log has %d entries.", l.size)
	if blocked != "" {
		text = "The log cannot be written: " + blocked
	}
	workflow.SetCurrentDetails(ctx, text)
}

func (l *ledger) hasLongHistory(ctx workflow.Context) bool {
	info := workflow.GetInfo(ctx)
	return info.GetContinueAsNewSuggested() || info.GetCurrentHistoryLength() > maxHistoryEvents
}

// continueAsNew starts a new run once every update has been answered.
func (l *ledger) continueAsNew(ctx workflow.Context) error {
	if err := workflow.Await(ctx, func() bool { return workflow.AllHandlersFinished(ctx) }); err != nil {
		return err
	}
	if len(l.waiting) > 0 { // An entry came meanwhile.
		return nil
	}
	return workflow.NewContinueAsNewErrorWithOptions(ctx,
		workflow.ContinueAsNewErrorOptions{InitialVersioningBehavior: workflow.ContinueAsNewVersioningBehaviorAutoUpgrade},
		workflows.ArchiveLedgerWorkflowName, Input{Log: l.log, Entries: l.size, Checkpoint: l.checkpoint})
}

// messageOf returns what an activity's error says, without the parts that Temporal adds.
func messageOf(err error) string {
	if timeout, ok := errors.AsType[*temporal.TimeoutError](err); ok && timeout.TimeoutType() == enumspb.TIMEOUT_TYPE_SCHEDULE_TO_START {
		return fmt.Sprintf("no worker has taken the log's work for %s: start one whose account has this archive", unservedAfter)
	}
	return failure.Message(err)
}
