package activities

import (
	"context"
	"fmt"
	"sync"
	"time"

	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"

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
	for {
		listed, err := a.Client.ListWorkflow(ctx, request)
		if err != nil {
			return nil, fmt.Errorf("list the batch's fetches: %w", err)
		}
		var ids []string
		for _, execution := range listed.GetExecutions() {
			ids = append(ids, execution.GetExecution().GetWorkflowId())
		}
		if err := a.cancelAll(ctx, ids, result); err != nil {
			return nil, err
		}
		activity.RecordHeartbeat(ctx, result)
		request.NextPageToken = listed.GetNextPageToken()
		if len(request.NextPageToken) == 0 {
			return result, nil
		}
	}
}

func (a *CancelBatch) cancelAll(ctx context.Context, workflowIDs []string, result *batch.CancelResult) error {
	var mu sync.Mutex
	var failed error
	work := make(chan string)
	var all sync.WaitGroup
	for range min(cancelsAtOnce, len(workflowIDs)) {
		all.Go(func() {
			for id := range work {
				cancelled, err := a.cancel(ctx, id)
				mu.Lock()
				switch {
				case err != nil:
					failed = err
				case cancelled:
					result.Cancelled++
				default:
					result.Left++
				}
				mu.Unlock()
			}
		})
	}
	for _, id := range workflowIDs {
		work <- id
	}
	close(work)
	all.Wait()
	return failed
}

// cancel cancels a fetch unless it downloads, and reports whether it did.
func (a *CancelBatch) cancel(ctx context.Context, workflowID string) (bool, error) {
	asking, stop := context.WithTimeout(ctx, progressWithin)
	defer stop()
	var progress workflows.FetchProgress
	if value, err := a.Client.QueryWorkflow(asking, workflowID, "", workflows.QueryProgress); err == nil && value.Get(&progress) == nil && progress.Phase == workflows.PhaseArchiving {
		return false, nil
	}
	err := a.Client.CancelWorkflow(ctx, workflowID, "")
	if isMissing(err) {
		return false, nil // It has ended.
	}
	return err == nil, err
}
