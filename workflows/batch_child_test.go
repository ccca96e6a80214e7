package workflows_test

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"

	"github.com/callvault/callvault/workflows"
)

// parentEnvironment runs [workflows.RunBatch] with this child.
func parentEnvironment(child func(workflow.Context, workflows.BatchRequest) (*workflows.BatchResult, error)) *testsuite.TestWorkflowEnvironment {
	env := new(testsuite.WorkflowTestSuite).NewTestWorkflowEnvironment()
	env.RegisterWorkflow(workflows.RunBatch)
	env.RegisterWorkflowWithOptions(child, workflow.RegisterOptions{Name: workflows.FetchRecordingsBatchWorkflowName})
	return env
}

var aBatch = workflows.BatchRequest{BatchID: "2026-11", Sessions: []workflows.BatchSession{{Session: session, UserID: "u"}}}

func TestAnotherWorkflowRunsABatchAsItsChild(t *testing.T) {
	var id string
	var got workflows.BatchRequest
	env := parentEnvironment(func(ctx workflow.Context, request workflows.BatchRequest) (*workflows.BatchResult, error) {
		id, got = workflow.GetInfo(ctx).WorkflowExecution.ID, request
		return &workflows.BatchResult{BatchID: request.BatchID, Phase: workflows.BatchDone, Total: workflows.ReportTotal{Sessions: 1}}, nil
	})
	env.ExecuteWorkflow(workflows.RunBatch, aBatch)

	var result workflows.BatchResult
	require.NoError(t, env.GetWorkflowResult(&result))
	require.Equal(t, workflows.BatchResult{BatchID: "2026-11", Phase: workflows.BatchDone, Total: workflows.ReportTotal{Sessions: 1}}, result)
	require.Equal(t, "batch/2026-11", id)
	require.Equal(t, aBatch, got)
}

func TestParentWithAnInvalidBatchStartsNoChild(t *testing.T) {
	for name, row := range map[string]struct {
		request workflows.BatchRequest
		want    string
	}{
		"no sessions": {workflows.BatchRequest{BatchID: "b"}, "sessions are missing"},
		"no id":       {workflows.BatchRequest{Sessions: aBatch.Sessions}, "batchId is empty"},
		"no valid id": {workflows.BatchRequest{BatchID: "a/b", Sessions: aBatch.Sessions}, "is malformed"},
	} {
		t.Run(name, func(t *testing.T) {
			env := parentEnvironment(func(workflow.Context, workflows.BatchRequest) (*workflows.BatchResult, error) { panic("started") })
			env.ExecuteWorkflow(workflows.RunBatch, row.request)
			failed, ok := errors.AsType[*temporal.ApplicationError](env.GetWorkflowError())
			require.True(t, ok, "%v", env.GetWorkflowError())
			require.Equal(t, workflows.ErrorTypeInvalidInput, failed.Type())
			require.True(t, failed.NonRetryable())
			require.ErrorContains(t, failed, row.want)
		})
	}
}

// The clock of the workflow decides, so that a replay decides the same.
func TestParentChecksTheTimeOfCallsByItsOwnClock(t *testing.T) {
	env := parentEnvironment(func(workflow.Context, workflows.BatchRequest) (*workflows.BatchResult, error) { panic("started") })
	env.SetStartTime(time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC))
	env.ExecuteWorkflow(workflows.RunBatch, aBatch)
	require.ErrorContains(t, env.GetWorkflowError(), "in the future (now is 2020-01-01T00:00:00Z)")
}

func TestFailedBatchKeepsItsErrorType(t *testing.T) {
	env := parentEnvironment(func(workflow.Context, workflows.BatchRequest) (*workflows.BatchResult, error) {
		return nil, temporal.NewNonRetryableApplicationError("the list is empty", workflows.ErrorTypeInvalidInput, nil)
	})
	env.ExecuteWorkflow(workflows.RunBatch, aBatch)
	failed, ok := errors.AsType[*temporal.ChildWorkflowExecutionError](env.GetWorkflowError())
	require.True(t, ok, "%v", env.GetWorkflowError())
	cause, ok := errors.AsType[*temporal.ApplicationError](failed.Unwrap())
	require.True(t, ok)
	require.Equal(t, workflows.ErrorTypeInvalidInput, cause.Type())
}

// A child that somebody cancelled is no cancellation of its parent.
func TestBatchThatEndsWithoutAResultFailsItsParent(t *testing.T) {
	env := parentEnvironment(func(workflow.Context, workflows.BatchRequest) (*workflows.BatchResult, error) {
		return nil, temporal.NewCanceledError()
	})
	env.ExecuteWorkflow(workflows.RunBatch, aBatch)
	failed, ok := errors.AsType[*temporal.ApplicationError](env.GetWorkflowError())
	require.True(t, ok, "%v", env.GetWorkflowError())
	require.Equal(t, workflows.ErrorTypeNoOutcome, failed.Type())
	require.ErrorContains(t, failed, "the batch ended without an outcome")
}

func TestBatchOfThatNameFailsItsParent(t *testing.T) {
	env := parentEnvironment(func(workflow.Context, workflows.BatchRequest) (*workflows.BatchResult, error) { panic("mocked") })
	env.OnWorkflow(workflows.FetchRecordingsBatchWorkflowName, mock.Anything, mock.Anything).Return(nil, testsuite.ErrMockStartChildWorkflowFailed)
	env.ExecuteWorkflow(workflows.RunBatch, aBatch)
	require.ErrorContains(t, env.GetWorkflowError(), "WorkflowAlreadyExists")
}

func TestCancelledParentGetsTheResultOfTheBatchThatItCancels(t *testing.T) {
	env := parentEnvironment(func(ctx workflow.Context, request workflows.BatchRequest) (*workflows.BatchResult, error) {
		err := workflow.Sleep(ctx, 24*time.Hour)
		require.True(t, temporal.IsCanceledError(err))
		ctx, _ = workflow.NewDisconnectedContext(ctx)
		return &workflows.BatchResult{BatchID: request.BatchID, Phase: workflows.BatchCancelled}, workflow.Sleep(ctx, time.Hour) // its report
	})
	env.RegisterDelayedCallback(env.CancelWorkflow, time.Minute)
	env.ExecuteWorkflow(workflows.RunBatch, aBatch)

	var result workflows.BatchResult
	require.NoError(t, env.GetWorkflowResult(&result))
	require.Equal(t, workflows.BatchCancelled, result.Phase)
}
