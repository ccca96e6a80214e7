package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"github.com/callvault/callvault/internal/program"
	"github.com/callvault/callvault/workflows"
)

// batches sends requests about the batches of a namespace.
type batches struct {
	client    client.Client
	namespace string
}

// withBatches connects for as long as act needs.
func withBatches(command *cobra.Command, act func(batches) error) error {
	c, namespace, err := connect(command.Context(), command.ErrOrStderr())
	if err != nil {
		return err
	}
	defer c.Close()
	return act(batches{c, namespace})
}

// errNotKnown means that Temporal has no such batch.
var errNotKnown = errors.New("not known")

// batchRequestTimeout bounds a request about one batch that needs no worker.
const batchRequestTimeout = 10 * time.Second

// state returns how a batch's workflow stands. It is errNotKnown if Temporal has none.
func (b batches) state(ctx context.Context, batchID string) (enumspb.WorkflowExecutionStatus, error) {
	bounded, cancel := context.WithTimeout(ctx, batchRequestTimeout)
	defer cancel()
	described, err := b.client.WorkflowService().DescribeWorkflowExecution(bounded, &workflowservice.DescribeWorkflowExecutionRequest{
		Namespace: b.namespace,
		Execution: &commonpb.WorkflowExecution{WorkflowId: workflows.BatchWorkflowID(batchID)},
	})
	switch {
	case err != nil && ctx.Err() == nil && bounded.Err() != nil: // No worker is needed for this.
		return 0, fmt.Errorf("batch %s: the server does not respond: %w", batchID, err)
	case err != nil:
		return 0, b.explain(ctx, batchID, err)
	}
	return described.GetWorkflowExecutionInfo().GetStatus(), nil
}

// progress returns what a batch says of itself, also one that has ended.
func (b batches) progress(ctx context.Context, batchID string) (workflows.BatchProgress, error) {
	return b.progressOf(ctx, batchID, workflows.BatchWorkflowID(batchID))
}

// progressOf returns the progress of a batch whose workflow somebody may have named in
// another way.
func (b batches) progressOf(ctx context.Context, batchID, workflowID string) (workflows.BatchProgress, error) {
	var progress workflows.BatchProgress
	bounded, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	value, err := b.client.QueryWorkflow(bounded, workflowID, "", workflows.QueryProgress)
	if err == nil {
		err = value.Get(&progress)
	}
	return progress, b.explain(ctx, batchID, err)
}

// change sends an update to a batch and returns its progress after it.
func (b batches) change(ctx context.Context, batchID, update string, change workflows.BatchChange) (workflows.BatchProgress, error) {
	bounded, cancel := context.WithTimeout(ctx, changeTimeout)
	defer cancel()
	run := workflows.GetBatch(bounded, b.client, batchID)
	send := run.Pause
	if update == workflows.UpdateResume {
		send = run.Resume
	}
	progress, err := send(bounded, change)
	var rejected *temporal.ApplicationError
	switch {
	case err == nil:
		return progress, nil
	case ctx.Err() != nil:
		return progress, program.ErrInterrupted
	case errors.As(err, &rejected):
		return progress, fmt.Errorf("batch %s rejects the change: %s", batchID, rejected.Message())
	case isNotFound(err):
		return progress, b.notRunning(ctx, batchID)
	case bounded.Err() != nil:
		return progress, fmt.Errorf("batch %s: %w within %s: start one with %q, which may still make the change; to see whether it did: %s",
			batchID, errNoWorker, changeTimeout, program.Command("worker"), exampleBatch("status "+batchID))
	}
	return progress, fmt.Errorf("batch %s: %w; to see whether the change was made: %s", batchID, err, exampleBatch("status "+batchID))
}

// cancel asks a batch to end. It needs no worker.
func (b batches) cancel(ctx context.Context, batchID string) error {
	bounded, cancel := context.WithTimeout(ctx, batchRequestTimeout)
	defer cancel()
	err := workflows.GetBatch(bounded, b.client, batchID).Cancel(bounded)
	switch {
	case isNotFound(err):
		return b.notRunning(ctx, batchID)
	case err != nil && ctx.Err() == nil && bounded.Err() != nil:
		return fmt.Errorf("batch %s: the server does not respond: %w", batchID, err)
	}
	return b.explain(ctx, batchID, err)
}

// explain says what a failed request about a batch means.
func (b batches) explain(ctx context.Context, batchID string, err error) error {
	var noPoller *serviceerror.FailedPrecondition
	var deadline *serviceerror.DeadlineExceeded
	var failing *serviceerror.WorkflowNotReady
	var failed *serviceerror.QueryFailed
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return program.ErrInterrupted
	case isNotFound(err):
		return fmt.Errorf("batch %s is %w in namespace %q: correct the ID (%s shows those that are), or it ended so long ago that Temporal has forgotten it", batchID, errNotKnown, b.namespace, exampleBatch("list --all"))
	case errors.As(err, &failing):
		return fmt.Errorf("batch %s cannot continue: see its last workflow task in the Web UI", batchID)
	case errors.As(err, &failed):
		return fmt.Errorf("batch %s does not tell its progress, as it could not begin: see %s in the Web UI: %w", batchID, workflows.BatchWorkflowID(batchID), err)
	case errors.As(err, &noPoller), errors.As(err, &deadline), errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("batch %s: %w: start one with %q", batchID, errNoWorker, program.Command("worker"))
	}
	return fmt.Errorf("batch %s: %w", batchID, err)
}

// notRunning says what can be done about a batch that does not run.
func (b batches) notRunning(ctx context.Context, batchID string) error {
	_, err := b.state(ctx, batchID)
	if err != nil {
		return err
	}
	return fmt.Errorf("batch %s is not running any more: to see how it ended: %s; to fetch again what was not archived: %s",
		batchID, exampleBatch("status "+batchID), exampleBatch("retry "+batchID))
}

func isNotFound(err error) bool {
	var missing *serviceerror.NotFound
	return errors.As(err, &missing)
}

// batchFailure returns the failure of a batch's workflow in its own words.
func batchFailure(batchID string, err error) error {
	var failed *temporal.ApplicationError
	var canceled *temporal.CanceledError
	var terminated *temporal.TerminatedError
	switch {
	case errors.As(err, &failed) && failed.Type() == workflows.ErrorTypeInvalidInput:
		return program.Usage(fmt.Errorf("batch %s could not begin: %s", batchID, failed.Message()))
	case errors.As(err, &failed):
		return fmt.Errorf("batch %s failed: %s (%s)", batchID, failed.Message(), failed.Type())
	case errors.As(err, &canceled):
		return fmt.Errorf("batch %s was cancelled before its list was read: nothing was started", batchID)
	case errors.As(err, &terminated):
		return fmt.Errorf("batch %s was terminated: the fetches that it has started go on; to see what became of its sessions: %s", batchID, exampleBatch("report "+batchID))
	}
	return err
}
