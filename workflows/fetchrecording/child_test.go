package fetchrecording_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/callvault/callvault/workflows"
)

// nightly is another team's workflow.
func nightly(ctx workflow.Context, sessionID string) (*workflows.FetchResult, error) {
	return workflows.RunFetch(ctx, workflows.FetchRequest{Session: workflows.Session{BotID: botID, SessionID: sessionID}})
}

func TestAnotherWorkflowRunsAFetchAsItsChild(t *testing.T) {
	h := newHarness(t, answered("media_unavailable"))
	h.env.RegisterWorkflow(nightly)
	h.env.ExecuteWorkflow(nightly, sessionID)

	var result workflows.FetchResult
	require.NoError(t, h.env.GetWorkflowResult(&result), "an outcome other than archived is a result, not a failure")
	require.Equal(t, workflows.OutcomeUnavailable, result.Outcome)
}

func TestFailedChildKeepsItsErrorType(t *testing.T) {
	child := func(ctx workflow.Context, request workflows.FetchRequest) error {
		ctx = workflow.WithChildOptions(ctx, workflows.FetchChildOptions(request))
		return workflow.ExecuteChildWorkflow(ctx, workflows.FetchRecordingWorkflowName, request).Get(ctx, nil)
	}
	h := newHarness(t, answered("media_unavailable"))
	h.env.RegisterWorkflow(child)
	h.env.ExecuteWorkflow(child, workflows.FetchRequest{Session: workflows.Session{BotID: botID, SessionID: "not-a-session"}})

	var failed *temporal.ChildWorkflowExecutionError
	require.ErrorAs(t, h.env.GetWorkflowError(), &failed)
	require.Equal(t, workflows.ErrorTypeInvalidInput, applicationError(t, failed).Type())
}

func TestParentWithInvalidInputStartsNoChild(t *testing.T) {
	for _, sessionID := range []string{"", "not-a-session", strings.Repeat("6", 2000)} {
		h := newHarness(t, answered("media_unavailable"))
		h.env.RegisterWorkflow(nightly)
		h.env.OnWorkflow(workflows.FetchRecordingWorkflowName, mock.Anything, mock.Anything).Panic("started")
		h.env.ExecuteWorkflow(nightly, sessionID)
		require.Equal(t, workflows.ErrorTypeInvalidInput, applicationError(t, h.env.GetWorkflowError()).Type())
	}
}
