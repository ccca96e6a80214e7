package batchreport_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/mocks"

	"github.com/callvault/callvault/internal/batchreport"
)

func TestMissingManifestIsExplainedByTheFetch(t *testing.T) {
	for state, want := range map[enumspb.WorkflowExecutionStatus]batchreport.Unfinished{
		enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING:          {Running: true, Reason: "its fetch is running"},
		enumspb.WORKFLOW_EXECUTION_STATUS_PAUSED:           {Running: true, Reason: "its fetch is running"},
		enumspb.WORKFLOW_EXECUTION_STATUS_CONTINUED_AS_NEW: {Running: true, Reason: "its fetch is running"},
		enumspb.WORKFLOW_EXECUTION_STATUS_COMPLETED:        {Ended: true, Reason: "its fetch has ended, but its manifest is missing from the archive"},
		enumspb.WORKFLOW_EXECUTION_STATUS_CANCELED:         {Reason: "its fetch ended without an outcome (Canceled)"},
		enumspb.WORKFLOW_EXECUTION_STATUS_TERMINATED:       {Reason: "its fetch ended without an outcome (Terminated)"},
		enumspb.WORKFLOW_EXECUTION_STATUS_FAILED:           {Reason: "its fetch ended without an outcome (Failed)"},
		enumspb.WORKFLOW_EXECUTION_STATUS_TIMED_OUT:        {Reason: "its fetch ended without an outcome (TimedOut)"},
	} {
		c := mocks.NewClient(t)
		c.On("DescribeWorkflowExecution", mock.Anything, sessionOf(0).FetchWorkflowID(), "").Return(&workflowservice.DescribeWorkflowExecutionResponse{
			WorkflowExecutionInfo: &workflowpb.WorkflowExecutionInfo{Status: state},
		}, nil)
		got, err := batchreport.ByWorkflow(c, nil)(t.Context(), sessionOf(0), 0, 0)
		require.NoError(t, err)
		require.Equal(t, want, got, state)
	}
}

func TestFetchThatNobodyKnowsExplainsTooLittle(t *testing.T) {
	c := mocks.NewClient(t)
	c.On("DescribeWorkflowExecution", mock.Anything, mock.Anything, mock.Anything).Return(nil, serviceerror.NewNotFound("no such workflow"))
	got, err := batchreport.ByWorkflow(c, nil)(t.Context(), sessionOf(0), 0, 0)
	require.NoError(t, err)
	require.False(t, got.Running)
	require.Contains(t, got.Reason, "no fetch of it is known")
}

func TestTemporalThatIsUnavailableExplainsNothing(t *testing.T) {
	c := mocks.NewClient(t)
	unavailable := errors.New("unavailable")
	c.On("DescribeWorkflowExecution", mock.Anything, mock.Anything, mock.Anything).Return(nil, unavailable)
	_, err := batchreport.ByWorkflow(c, nil)(t.Context(), sessionOf(0), 0, 0)
	require.Equal(t, unavailable, err)
}

func TestSessionsWhoseTurnNeverCameAreNotAskedFor(t *testing.T) {
	c := mocks.NewClient(t)
	c.On("DescribeWorkflowExecution", mock.Anything, mock.Anything, mock.Anything).Return(nil, serviceerror.NewNotFound(""))
	explain := batchreport.ByWorkflow(c, []int64{100, 250})
	for _, row := range []struct {
		bot        int
		at         int64
		notStarted bool
	}{{0, 75, false}, {0, 100, true}, {0, 125, true}, {1, 225, false}, {1, 250, true}, {2, 1000, false}} {
		got, err := explain(t.Context(), sessionOf(0), row.bot, row.at)
		require.NoError(t, err)
		require.Equal(t, row.notStarted, got == batchreport.Unfinished{Reason: "not started"}, "%+v", row)
	}
	c.AssertNumberOfCalls(t, "DescribeWorkflowExecution", 3)
}
