package workflows

import (
	"errors"
	"fmt"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"
)

// maxHistoryEvents is when a fetch goes on in a new run, if the server has
// not asked for it before: well below the 10,240 events at which it warns.
const maxHistoryEvents = 8_000

// FetchRecordingWorkflow brings the recording of one session into the archive,
// or finds out that there is none, and leaves a manifest that proves it.
//
// It answers with a result for good news and bad. It fails only where no
// result can be trusted: with [ErrorTypeInvalidInput], [ErrorTypeBotNotServed]
// or [ErrorTypeRejected], or when it is cancelled or terminated.
func FetchRecordingWorkflow(ctx workflow.Context, req FetchRequest) (*FetchResult, error) {
	f, err := newFetch(ctx, req)
	if err != nil {
		return nil, err
	}
	result, err := f.run(ctx)
	switch {
	case errors.Is(err, errHistoryLong):
		return nil, f.continueAsNew(ctx)
	case temporal.IsCanceledError(err):
		return nil, workflow.ErrCanceled
	}
	return result, err
}

// fetch is the state of one running fetch.
type fetch struct {
	req        FetchRequest
	policy     Policy
	callTime   time.Time
	workflowID string

	// resume is all that must survive a new run.
	resume Resume

	// files are what the upstream named last.
	files []RemoteFile

	phase  Phase
	shown  Phase // the phase that the search attribute holds
	reason string
	notes  []string
	over   bool

	// waiting is the wait in course, nil if there is none; wake ends it.
	waiting *wait
	wake    bool
	waits   int
}

var (
	// errGaveUp ends a fetch whose time or tries are spent.
	errGaveUp = errors.New("gave up")
	// errHistoryLong ends a run after a wait; the fetch goes on in a new one.
	errHistoryLong = errors.New("the history is long")
)

func newFetch(ctx workflow.Context, req FetchRequest) (*fetch, error) {
	info := workflow.GetInfo(ctx)
	if req.Resume != nil && info.ContinuedExecutionRunID == "" && req.fault == nil {
		req.fault = errors.New(`key "resume" is set by the workflow itself when it continues as new: remove it`)
	}
	if err := req.Validate(); err != nil {
		return nil, temporal.NewNonRetryableApplicationError(err.Error(), ErrorTypeInvalidInput, nil)
	}
	callTime, err := CallTime(req.SessionID)
	if err != nil {
		return nil, temporal.NewNonRetryableApplicationError(err.Error(), ErrorTypeInvalidInput, nil)
	}
	f := &fetch{
		req:        req,
		policy:     req.Policy.withDefaults(),
		callTime:   callTime,
		workflowID: info.WorkflowExecution.ID,
		phase:      PhaseChecking,
	}
	if req.Resume != nil {
		f.resume = *req.Resume
	} else {
		f.resume.StartedAt = workflow.Now(ctx).UTC()
		f.resume.GiveUpAt = f.resume.StartedAt.Add(f.policy.GiveUpAfter)
	}
	if err := f.handleMessages(ctx); err != nil {
		return nil, err
	}
	f.shown, err = completeSearchAttributes(ctx, req)
	return f, err
}

func (f *fetch) run(ctx workflow.Context) (*FetchResult, error) {
	archived, err := f.findArchived(ctx)
	if err != nil || archived != nil {
		return archived, err
	}
	for {
		outcome, err := f.attempt(ctx)
		switch {
		case errors.Is(err, errGaveUp):
			outcome = OutcomeGaveUp
		case isType(err, ErrorTypeAlreadyArchived):
			if archived, err := f.findArchived(ctx); err != nil || archived != nil {
				return archived, err
			}
			continue
		case err != nil:
			return nil, err
		case outcome == "":
			continue
		}
		result, err := f.finish(ctx, outcome)
		if !isType(err, ErrorTypeArchiveChanged) {
			return result, failure(err)
		}
		// Somebody replaced an object between its download and the manifest.
		f.resume.Done = nil
		err = f.downloadFailed(ctx, err)
		switch {
		case errors.Is(err, errGaveUp):
			result, err := f.finish(ctx, OutcomeGaveUp)
			return result, failure(err)
		case err != nil:
			return nil, err
		}
	}
}

// attempt asks for the status once and does what it says: download, wait or
// end. It answers no outcome if the upstream has to be asked again.
func (f *fetch) attempt(ctx workflow.Context) (Outcome, error) {
	status, err := f.checkStatus(ctx)
	if err != nil || status == nil {
		return "", err
	}
	switch status.Verdict {
	case VerdictArchive:
		return f.archive(ctx, status)
	case VerdictFinal:
		f.reason = status.Meaning
		return status.Outcome, nil
	case VerdictRetryNextDay:
		return "", f.waitForNextDay(ctx, status)
	case VerdictPoll:
		return "", f.waitForMedia(ctx, status)
	default:
		return "", fmt.Errorf("status %q has the verdict %q, which this version does not know: deploy the same version to all workers", status.Status, status.Verdict)
	}
}

// findArchived answers from the session's manifest, if it has one.
func (f *fetch) findArchived(ctx workflow.Context) (*FetchResult, error) {
	var found FindArchivedResult
	err := f.unblocked(ctx, func() error {
		return workflow.ExecuteActivity(
			workflow.WithActivityOptions(ctx, archiveOptions("look for a manifest")),
			ActivityFindArchived,
			FindArchivedInput{BotID: f.req.BotID, SessionID: f.req.SessionID},
		).Get(ctx, &found)
	})
	if err != nil || found.Result == nil {
		return nil, failure(err)
	}
	return found.Result, f.showOutcome(ctx, found.Result, "It was fetched before; the upstream was not asked.")
}

// finish writes the manifest and answers with what it says.
func (f *fetch) finish(ctx workflow.Context, outcome Outcome) (*FetchResult, error) {
	result := FetchResult{
		BotID:        f.req.BotID,
		SessionID:    f.req.SessionID,
		Outcome:      outcome,
		Status:       f.resume.LastStatus,
		Recordings:   f.archivedFiles(),
		StatusChecks: f.resume.StatusChecks,
		StartedAt:    f.resume.StartedAt,
		FinishedAt:   workflow.Now(ctx).UTC(),
	}
	if outcome != OutcomeArchived {
		result.Reason = f.reason
	}
	var written WriteManifestResult
	err := f.unblocked(ctx, func() error {
		return workflow.ExecuteActivity(
			workflow.WithActivityOptions(ctx, archiveOptions("write the manifest: "+string(outcome))),
			ActivityWriteManifest,
			WriteManifestInput{Result: result, BatchID: f.req.BatchID, Unfinished: f.unfinished()},
		).Get(ctx, &written)
	})
	if err != nil {
		return nil, err
	}
	return &written.Result, f.showOutcome(ctx, &written.Result, "")
}

func historyIsLong(ctx workflow.Context) bool {
	info := workflow.GetInfo(ctx)
	return info.GetContinueAsNewSuggested() || info.GetCurrentHistoryLength() > maxHistoryEvents
}

func (f *fetch) continueAsNew(ctx workflow.Context) error {
	if err := workflow.Await(ctx, func() bool { return workflow.AllHandlersFinished(ctx) }); err != nil {
		return err
	}
	next := f.req
	next.Resume = &f.resume
	return workflow.NewContinueAsNewError(ctx, FetchRecordingWorkflowName, next)
}
