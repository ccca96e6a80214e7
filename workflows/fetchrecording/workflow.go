package fetchrecording

import (
	"fmt"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/callvault/callvault/internal/failure"
	"github.com/callvault/callvault/workflows"
)

// Workflow is registered as [workflows.FetchRecordingWorkflowName]. It returns a
// result whatever the outcome, and fails only where no result can be trusted:
// with failure.InvalidInput or Rejected, or when it is cancelled or terminated.
func Workflow(ctx workflow.Context, input Input) (*workflows.FetchResult, error) {
	f, err := newFetch(ctx, input)
	if err != nil {
		return nil, err
	}
	result, err := f.run(ctx)
	if err != nil && !workflow.IsContinueAsNewError(err) && !beganUnderV010(ctx) {
		f.phase, f.reason, f.over = "", "", true
		workflow.SetCurrentDetails(ctx, f.details())
		_ = f.upsert(ctx, workflows.SearchAttributePhase.ValueUnset()) // It fails only without attributes.
	}
	if temporal.IsCanceledError(err) {
		return nil, workflow.ErrCanceled
	}
	return result, err
}

// run repeats steps, decisions and waits until one of them ends the fetch.
func (f *fetch) run(ctx workflow.Context) (*workflows.FetchResult, error) {
	for step := find; ; {
		var n next
		switch step {
		case find:
			n = f.findArchived(ctx)
		case check:
			n = f.checkStatus(ctx)
		case download:
			n = f.download(ctx)
		case write:
			n = f.writeManifest(ctx)
		default:
			return nil, fmt.Errorf("step %d is not known", step)
		}
		f.apply(ctx, n)
		if n.wait > 0 {
			n = f.wait(ctx, n)
			f.apply(ctx, n)
		}
		if n.err != nil {
			return nil, n.err
		}
		if n.result != nil {
			return n.result, f.showOutcome(ctx, n.result)
		}
		step = n.step
	}
}

// fetch is one running fetch.
type fetch struct {
	input      Input
	policy     workflows.FetchPolicy
	callTime   time.Time
	workflowID string
	flow       int  // see flow.go
	fewEvents  bool // the same
	v010       bool // it began under v0.1.0, see v010.go
	state      State

	// place is where the bot's work is done; nil if no result has said so.
	place *Place
	// jumpQueue ends the wait for a call slot, for one in front of all others; nil if
	// the fetch does not wait for one.
	jumpQueue workflow.CancelFunc
	// files are those that the vendor named last.
	files []RemoteFile
	// resumes are the points where failed downloads may be continued, by
	// [RemoteFile.Source]. A further run has none, and downloads the whole file.
	resumes map[string]leftover
	// result is what the manifest is written from, once there is an outcome.
	result *workflows.FetchResult
	// decisions counts the decisions of this run, for the jitter.
	decisions int

	view
}

// leftover is what a failed download has left of a file.
type leftover struct {
	objectName string
	point      SealedText
}

func newFetch(ctx workflow.Context, input Input) (*fetch, error) {
	flow := flowOf(ctx)
	info := workflow.GetInfo(ctx)
	continued := info.ContinuedExecutionRunID != ""
	err := input.validate(workflow.Now(ctx), continued)
	if err != nil && (continued || beganUnderV010(ctx)) {
		err = input.validate(time.Time{}, continued) // It began before its id was checked for the time.
	}
	if err != nil {
		if !beganUnderV010(ctx) {
			clearPhase(ctx)
		}
		return nil, temporal.NewNonRetryableApplicationError(err.Error(), string(failure.InvalidInput), nil)
	}
	f := &fetch{
		input:      input,
		policy:     input.Policy.WithDefaults(),
		workflowID: info.WorkflowExecution.ID,
		flow:       flow,
		fewEvents:  flow >= workflows.FlowFewEvents,
		resumes:    make(map[string]leftover),
		view:       view{phase: workflows.PhaseChecking},
	}
	if f.callTime, err = input.CallTime(); err != nil {
		return nil, err
	}
	if input.Resume != nil {
		f.state = *input.Resume
	} else {
		f.state.StartedAt = workflow.Now(ctx).UTC()
		f.state.GiveUpAt = f.state.StartedAt.Add(f.policy.GiveUpAfter)
	}
	if err := f.handleMessages(ctx); err != nil {
		return nil, err
	}
	return f, f.completeSearchAttributes(ctx)
}

// situation is what the next decision depends on. An ordinary one, in which all
// is well, is the same under every version; finding out which one it is costs
// events, which a fetch without any wait is spared.
func (f *fetch) situation(ctx workflow.Context, ordinary bool) situation {
	if !ordinary {
		f.v010 = beganUnderV010(ctx)
	}
	f.decisions++
	return f.now(ctx)
}

// now is the situation between two decisions.
func (f *fetch) now(ctx workflow.Context) situation {
	return situation{
		state:    f.state,
		policy:   f.policy,
		refetch:  f.input.Refetch,
		callTime: f.callTime,
		now:      workflow.Now(ctx),
		jitter:   jitterOf(f.workflowID, f.state.StatusChecks<<16+f.decisions),
		listed:   len(f.files) > 0,
		v010:     f.v010,
		placed:   f.place != nil,

		retention:   f.retention(),
		endsAtPurge: f.flow >= workflows.FlowPurgeAlarm,
	}
}

// apply takes over what a decision changes.
func (f *fetch) apply(ctx workflow.Context, n next) {
	f.state = n.state
	if n.note != "" {
		f.addNote(ctx, n.note)
	}
	if n.outcome != "" {
		f.result = f.newResult(ctx, n.outcome, n.reason)
	}
}

func (f *fetch) newResult(ctx workflow.Context, outcome workflows.Outcome, reason string) *workflows.FetchResult {
	return &workflows.FetchResult{
		Session:      f.input.Session,
		Outcome:      outcome,
		Source:       workflows.SourceFetch,
		Status:       f.state.LastStatus,
		Reason:       reason,
		Recordings:   f.archivedFiles(),
		Attachments:  f.state.Attachments,
		LeftOut:      f.state.LeftOut,
		StatusChecks: f.state.StatusChecks,
		StartedAt:    f.state.StartedAt,
		FinishedAt:   workflow.Now(ctx).UTC(),
	}
}
