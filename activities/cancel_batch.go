package activities

import (
	"context"
	"fmt"
	"sync"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"golang.org/x/sync/errgroup"

	"github.com/callvault/callvault/workflows"
	"github.com/callvault/callvault/workflows/batch"
)

const (
	cancelPage     = 500
	cancelsAtOnce  = 20
	progressWithin = 5 * time.Second
)

// CancelBatch cancels the fetches of a batch that wait. One that downloads has spent its
// call and is left to end.
type CancelBatch struct {
	Client client.Client
	// Namespace is the one that Client works in.
	Namespace string
}

// Execute lists the batch's running fetches and cancels those that wait.
func (a *CancelBatch) Execute(ctx context.Context, input batch.CancelInput) (*batch.CancelResult, error) {
	request := &workflowservice.ListWorkflowExecutionsRequest{
		Namespace: a.Namespace, PageSize: cancelPage,
		Query: batch.FetchesQuery(input.BatchID, input.StartedAt) + " AND ExecutionStatus = 'Running'",
	}
	result := new(batch.CancelResult)
	defer beat(ctx, func() any { return nil })()
	for {
		listed, err := a.Client.ListWorkflow(ctx, request)
		if err != nil {
			return nil, fmt.Errorf("list the batch's fetches: %w", err)
		}
		if err := a.cancelAll(ctx, listed.GetExecutions(), result); err != nil {
			return nil, err
		}
		request.NextPageToken = listed.GetNextPageToken()
		if len(request.NextPageToken) == 0 {
			return result, nil
		}
	}
}

func (a *CancelBatch) cancelAll(ctx context.Context, fetches []*workflowpb.WorkflowExecutionInfo, result *batch.CancelResult) error {
	var mu sync.Mutex
	var all errgroup.Group
	all.SetLimit(cancelsAtOnce)
	for _, fetch := range fetches {
		all.Go(func() error {
			cancelled, err := a.cancel(ctx, fetch.GetExecution())
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err != nil:
				return err
			case cancelled:
				result.Cancelled++
			default:
				result.Left++
			}
			return nil
		})
	}
	return all.Wait()
}

// cancel cancels a fetch unless it downloads, and reports whether it did.
func (a *CancelBatch) cancel(ctx context.Context, fetch *commonpb.WorkflowExecution) (bool, error) {
	asking, stop := context.WithTimeout(ctx, progressWithin)
	defer stop()
	var progress workflows.FetchProgress
	if value, err := a.Client.QueryWorkflow(asking, fetch.GetWorkflowId(), fetch.GetRunId(), workflows.QueryProgress); err == nil && value.Get(&progress) == nil && progress.Phase == workflows.PhaseArchiving {
		return false, nil
	}
	err := a.Client.CancelWorkflow(ctx, fetch.GetWorkflowId(), fetch.GetRunId()) // A later run may be somebody else's.
	if isMissing(err) {
		return false, nil // It has ended.
	}
	return err == nil, err
}
