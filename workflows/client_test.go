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

var aFetch = workflows.FetchRequest{Session: session}

func TestStartFetchAttachesToTheOneThatIsRunning(t *testing.T) {
	c, run := mocks.NewClient(t), mocks.NewWorkflowRun(t)
	run.On("GetRunID").Return("theirs")
	run.On("GetID").Return(session.FetchWorkflowID())
	c.On("ExecuteWorkflow", mock.Anything, mock.Anything, workflows.FetchRecordingWorkflowName, aFetch).Return(nil, serviceerror.NewWorkflowExecutionAlreadyStarted("", "", "theirs"))
	c.On("GetWorkflow", mock.Anything, session.FetchWorkflowID(), "theirs").Return(run)
	fetch, err := workflows.StartFetch(t.Context(), c, aFetch)
	require.NoError(t, err)
	require.True(t, fetch.Attached)
	require.Equal(t, "theirs", fetch.RunID())
	require.Equal(t, session.FetchWorkflowID(), fetch.WorkflowID())
}

func TestStartFetchStartsOneOrSaysWhyNot(t *testing.T) {
	c := mocks.NewClient(t)
	c.On("ExecuteWorkflow", mock.Anything, mock.Anything, workflows.FetchRecordingWorkflowName, aFetch).Return(mocks.NewWorkflowRun(t), nil).Once()
	fetch, err := workflows.StartFetch(t.Context(), c, aFetch)
	require.NoError(t, err)
	require.False(t, fetch.Attached)

	c.On("ExecuteWorkflow", mock.Anything, mock.Anything, mock.Anything, mock.Anything).Return(nil, errors.New("unavailable")).Once()
	_, err = workflows.StartFetch(t.Context(), c, aFetch)
	require.ErrorContains(t, err, "unavailable")
	_, err = workflows.StartFetch(t.Context(), c, workflows.FetchRequest{})
	require.ErrorContains(t, err, "botId is empty")
}

func TestRunningFetchIsFollowed(t *testing.T) {
	c, run, progress, handle := mocks.NewClient(t), mocks.NewWorkflowRun(t), mocks.NewEncodedValue(t), mocks.NewWorkflowUpdateHandle(t)
	run.On("GetID").Return(session.FetchWorkflowID())
	c.On("GetWorkflow", mock.Anything, session.FetchWorkflowID(), "").Return(run)
	fetch := workflows.GetFetch(t.Context(), c, session)

	progress.On("Get", mock.Anything).Return(func(value any) error {
		value.(*workflows.FetchProgress).Phase = workflows.PhaseBlocked
		return nil
	})
	c.On("QueryWorkflow", mock.Anything, session.FetchWorkflowID(), "", workflows.QueryProgress).Return(progress, nil).Once()
	shown, err := fetch.Progress(t.Context())
	require.NoError(t, err)
	require.Equal(t, workflows.PhaseBlocked, shown.Phase)

	handle.On("Get", mock.Anything, mock.Anything).Return(func(_ context.Context, value any) error {
		value.(*workflows.CheckNowResult).EndedWait = true
		return nil
	})
	c.On("UpdateWorkflow", mock.Anything, mock.MatchedBy(func(options client.UpdateWorkflowOptions) bool {
		return options.UpdateName == workflows.UpdateCheckNow && options.WorkflowID == session.FetchWorkflowID()
	})).Return(handle, nil).Once()
	checked, err := fetch.CheckNow(t.Context())
	require.NoError(t, err)
	require.True(t, checked.EndedWait)

	run.On("Get", mock.Anything, mock.Anything).Return(func(_ context.Context, value any) error {
		value.(*workflows.FetchResult).Outcome = workflows.OutcomeArchived
		return nil
	}).Once()
	result, err := fetch.Result(t.Context())
	require.NoError(t, err)
	require.Equal(t, workflows.OutcomeArchived, result.Outcome)
}

func TestFetchThatIsGoneCannotBeFollowed(t *testing.T) {
	c, run := mocks.NewClient(t), mocks.NewWorkflowRun(t)
	gone := serviceerror.NewNotFound("gone")
	run.On("GetID").Return(session.FetchWorkflowID())
	run.On("Get", mock.Anything, mock.Anything).Return(gone)
	c.On("GetWorkflow", mock.Anything, mock.Anything, "").Return(run)
	c.On("QueryWorkflow", mock.Anything, mock.Anything, mock.Anything, mock.Anything).Return(nil, gone)
	c.On("UpdateWorkflow", mock.Anything, mock.Anything).Return(nil, gone)
	c.On("CancelWorkflow", mock.Anything, session.FetchWorkflowID(), "").Return(gone)
	fetch := workflows.GetFetch(t.Context(), c, session)
	_, err := fetch.Progress(t.Context())
	require.Equal(t, gone, err)
	_, err = fetch.CheckNow(t.Context())
	require.Equal(t, gone, err)
	_, err = fetch.Result(t.Context())
	require.Equal(t, gone, err)
	require.Equal(t, gone, fetch.Cancel(t.Context()))
}
