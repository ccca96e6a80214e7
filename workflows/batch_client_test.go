package workflows_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/mocks"

	"github.com/callvault/callvault/workflows"
)

// runOf returns the run of a batch on a client, whose methods the test sets.
func runOf(t *testing.T) (*workflows.BatchRun, *mocks.Client, *mocks.WorkflowRun) {
	t.Helper()
	c, run := mocks.NewClient(t), mocks.NewWorkflowRun(t)
	run.On("GetID").Return("batch/2026-11").Maybe()
	c.On("GetWorkflow", mock.Anything, "batch/2026-11", "").Return(run)
	return workflows.GetBatch(t.Context(), c, "2026-11"), c, run
}

func TestStartBatchStartsItsWorkflow(t *testing.T) {
	c, run := mocks.NewClient(t), mocks.NewWorkflowRun(t)
	run.On("GetID").Return("batch/2026-11")
	run.On("GetRunID").Return("run")
	c.On("ExecuteWorkflow", mock.Anything, workflows.BatchStartOptions(aBatch), workflows.FetchRecordingsBatchWorkflowName, aBatch).Return(run, nil)
	started, err := workflows.StartBatch(t.Context(), c, aBatch)
	require.NoError(t, err)
	require.Equal(t, "batch/2026-11", started.WorkflowID())
	require.Equal(t, "run", started.RunID())
}

func TestStartBatchSaysThatThereIsABatchOfThatName(t *testing.T) {
	c := mocks.NewClient(t)
	c.On("ExecuteWorkflow", mock.Anything, mock.Anything, mock.Anything, mock.Anything).Return(nil, serviceerror.NewWorkflowExecutionAlreadyStarted("", "", "run"))
	_, err := workflows.StartBatch(t.Context(), c, aBatch)
	_, exists := errors.AsType[*serviceerror.WorkflowExecutionAlreadyStarted](err)
	require.True(t, exists, "%v", err)
}

func TestStartBatchMakesNoRequestForAnInvalidBatch(t *testing.T) {
	c := mocks.NewClient(t)
	_, err := workflows.StartBatch(t.Context(), c, workflows.BatchRequest{BatchID: "b"})
	require.ErrorContains(t, err, "sessions are missing")
	_, err = workflows.StartBatch(t.Context(), c, workflows.BatchRequest{Source: aSource})
	require.ErrorContains(t, err, "batchId is empty")
}

func TestResultOfABatchIsReturned(t *testing.T) {
	batch, _, run := runOf(t)
	run.On("Get", mock.Anything, mock.Anything).Return(func(_ context.Context, result any) error {
		result.(*workflows.BatchResult).Phase = workflows.BatchDone
		return nil
	}).Once()
	result, err := batch.Result(t.Context())
	require.NoError(t, err)
	require.Equal(t, workflows.BatchDone, result.Phase)

	run.On("Get", mock.Anything, mock.Anything).Return(errors.New("terminated"))
	result, err = batch.Result(t.Context())
	require.ErrorContains(t, err, "terminated")
	require.Nil(t, result)
}

func TestProgressOfABatchIsQueried(t *testing.T) {
	batch, c, _ := runOf(t)
	value := mocks.NewEncodedValue(t)
	value.On("Get", mock.Anything).Return(func(progress any) error {
		progress.(*workflows.BatchProgress).Phase = workflows.BatchLaunching
		return nil
	})
	c.On("QueryWorkflow", mock.Anything, "batch/2026-11", "", workflows.QueryProgress).Return(value, nil).Once()
	progress, err := batch.Progress(t.Context())
	require.NoError(t, err)
	require.Equal(t, workflows.BatchLaunching, progress.Phase)

	c.On("QueryWorkflow", mock.Anything, mock.Anything, mock.Anything, mock.Anything).Return(nil, serviceerror.NewNotFound("no batch"))
	_, err = batch.Progress(t.Context())
	require.ErrorContains(t, err, "no batch")
}

func TestBatchIsPausedAndResumedByUpdates(t *testing.T) {
	batch, c, _ := runOf(t)
	change := workflows.BatchChange{Reason: "audit"}
	for update, do := range map[string]func(context.Context, workflows.BatchChange) (workflows.BatchProgress, error){
		workflows.UpdatePause: batch.Pause, workflows.UpdateResume: batch.Resume,
	} {
		handle := mocks.NewWorkflowUpdateHandle(t)
		handle.On("Get", mock.Anything, mock.Anything).Return(func(_ context.Context, progress any) error {
			progress.(*workflows.BatchProgress).Reason = update
			return nil
		})
		c.On("UpdateWorkflow", mock.Anything, client.UpdateWorkflowOptions{
			WorkflowID: "batch/2026-11", UpdateName: update, Args: []any{change}, WaitForStage: client.WorkflowUpdateStageCompleted,
		}).Return(handle, nil).Once()
		progress, err := do(t.Context(), change)
		require.NoError(t, err)
		require.Equal(t, update, progress.Reason)
	}
	c.On("UpdateWorkflow", mock.Anything, mock.Anything).Return(nil, serviceerror.NewNotFound("ended"))
	_, err := batch.Pause(t.Context(), change)
	require.ErrorContains(t, err, "ended")
}

func TestBatchIsCancelledByItsWorkflow(t *testing.T) {
	batch, c, _ := runOf(t)
	c.On("CancelWorkflow", mock.Anything, "batch/2026-11", "").Return(nil)
	require.NoError(t, batch.Cancel(t.Context()))
}
