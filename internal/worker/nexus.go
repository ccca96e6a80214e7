package worker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/nexus-rpc/sdk-go/nexus"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/temporalnexus"

	"github.com/callvault/callvault/workflows"
)

// servesNexus reports whether the server has Nexus: the polls of one that has not would fail
// for ever.
func servesNexus(ctx context.Context, c client.Client, logger *slog.Logger) bool {
	info, err := c.WorkflowService().GetSystemInfo(ctx, &workflowservice.GetSystemInfoRequest{})
	switch {
	case err != nil:
		logger.Warn("it could not be found out whether the Temporal server has Nexus; this worker serves no Nexus operations", "error", err)
	case !info.GetCapabilities().GetNexus():
		logger.Info("the Temporal server has no Nexus: other namespaces cannot call this one")
	}
	return info.GetCapabilities().GetNexus()
}

// newNexusService returns the service that [workflows.NexusService] describes.
func newNexusService() *nexus.Service {
	service := nexus.NewService(workflows.NexusService)
	service.MustRegister(
		temporalnexus.MustNewTemporalOperation(temporalnexus.TemporalOperationOptions[workflows.FetchRequest, *workflows.FetchResult]{
			Name: workflows.NexusFetchRecording, Start: startFetch, CancelWorkflowRun: cancelFetch,
		}),
		temporalnexus.MustNewTemporalOperation(temporalnexus.TemporalOperationOptions[workflows.BatchRequest, *workflows.BatchResult]{
			Name: workflows.NexusStartBatch, Start: startBatch, CancelWorkflowRun: cancelBatch,
		}),
	)
	return service
}

func startFetch(ctx context.Context, c temporalnexus.NexusClient, req workflows.FetchRequest, _ temporalnexus.StartTemporalOperationOptions) (temporalnexus.TemporalOperationResult[*workflows.FetchResult], error) {
	if err := req.Validate(); err != nil {
		return temporalnexus.TemporalOperationResult[*workflows.FetchResult]{}, invalidInput(err)
	}
	return temporalnexus.StartUntypedWorkflow[*workflows.FetchResult](ctx, c, workflows.FetchStartOptions(req), workflows.FetchRecordingWorkflowName, req)
}

func startBatch(ctx context.Context, c temporalnexus.NexusClient, req workflows.BatchRequest, _ temporalnexus.StartTemporalOperationOptions) (temporalnexus.TemporalOperationResult[*workflows.BatchResult], error) {
	var none temporalnexus.TemporalOperationResult[*workflows.BatchResult]
	if err := errors.Join(req.Validate(), workflows.ValidateBatchID(req.BatchID)); err != nil {
		return none, invalidInput(err)
	}
	started, err := temporalnexus.StartUntypedWorkflow[*workflows.BatchResult](ctx, c, workflows.BatchStartOptions(req), workflows.FetchRecordingsBatchWorkflowName, req)
	var exists *serviceerror.WorkflowExecutionAlreadyStarted
	if errors.As(err, &exists) {
		return none, operationError(fmt.Errorf("there is a batch %q already: give another batchId, or refetch to continue it once it has ended", req.BatchID), workflows.ErrorTypeBatchExists)
	}
	return started, err
}

func invalidInput(err error) error { return operationError(err, workflows.ErrorTypeInvalidInput) }

// operationError ends an operation with an error that its caller can tell by its type: the SDK
// would put another ApplicationError around that of a nexus.OperationError. A bad request is not
// tried again.
func operationError(err error, errorType string) error {
	return &nexus.HandlerError{
		Type: nexus.HandlerErrorTypeBadRequest, Message: err.Error(),
		Cause: temporal.NewNonRetryableApplicationError(err.Error(), errorType, nil),
	}
}

// cancelFetch cancels a fetch that an operation has started, if nobody else is known to wait
// for it. A fetch that goes on is no failure: its operation ends with it.
func cancelFetch(ctx context.Context, c client.Client, options temporalnexus.CancelTemporalWorkflowRunOptions, _ nexus.CancelOperationOptions) error {
	described, err := c.DescribeWorkflowExecution(ctx, options.WorkflowID, "")
	if err != nil {
		return ignoreEnded(err)
	}
	if described.GetWorkflowExecutionInfo().GetType().GetName() != workflows.FetchRecordingWorkflowName {
		return foreignToken()
	}
	if len(described.GetCallbacks()) > 1 {
		return nil
	}
	first, err := c.GetWorkflowHistory(ctx, options.WorkflowID, described.GetWorkflowExecutionInfo().GetFirstRunId(), false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT).Next()
	if err != nil {
		return ignoreEnded(err)
	}
	if len(first.GetWorkflowExecutionStartedEventAttributes().GetCompletionCallbacks()) == 0 {
		return nil // A client, a batch or a parent has started it.
	}
	return ignoreEnded(c.CancelWorkflow(ctx, options.WorkflowID, described.GetWorkflowExecutionInfo().GetExecution().GetRunId()))
}

// cancelBatch cancels the batch that an operation has started.
func cancelBatch(ctx context.Context, c client.Client, options temporalnexus.CancelTemporalWorkflowRunOptions, _ nexus.CancelOperationOptions) error {
	if id, err := workflows.BatchIDOf(options.WorkflowID); err != nil || workflows.BatchWorkflowID(id) != options.WorkflowID {
		return foreignToken()
	}
	return ignoreEnded(c.CancelWorkflow(ctx, options.WorkflowID, ""))
}

// foreignToken refuses an operation's token that is of something else. Tokens are not signed:
// who may call the endpoint over HTTP can make one, and must not stop a call budget by it.
func foreignToken() error {
	return nexus.NewHandlerErrorf(nexus.HandlerErrorTypeBadRequest, "the token is not that of such an operation: give the one that its start returned")
}

func ignoreEnded(err error) error {
	var ended *serviceerror.NotFound
	if errors.As(err, &ended) {
		return nil
	}
	return err
}
