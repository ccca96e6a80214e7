package fetchrecording_test

import (
	"testing"

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
	h := newHarness(t, status("media_unavailable"))
	h.env.RegisterWorkflow(nightly)
	h.env.ExecuteWorkflow(nightly, sessionID)

	var result workflows.FetchResult
	require.NoError(t, h.env.GetWorkflowResult(&result), "an outcome other than archived is a result, not a failure")
	require.Equal(t, workflows.OutcomeUnavailable, result.Outcome)
}

func TestFailedChildKeepsItsErrorType(t *testing.T) {
	h := newHarness(t, status("media_unavailable"))
	h.env.RegisterWorkflow(nightly)
	h.env.ExecuteWorkflow(nightly, "not-a-session")

	var child *temporal.ChildWorkflowExecutionError
	require.ErrorAs(t, h.env.GetWorkflowError(), &child)
	require.Equal(t, workflows.ErrorTypeInvalidInput, applicationError(t, child).Type())
}
