package workflows_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/callvault/callvault/workflows"
)

// nightly is another team's workflow, as the README shows it.
func nightly(ctx workflow.Context, sessionID string) (workflows.Outcome, error) {
	request := workflows.FetchRequest{BotID: botID, SessionID: sessionID}
	ctx = workflow.WithChildOptions(ctx, workflows.ChildOptions(request))
	var result workflows.FetchResult
	err := workflow.ExecuteChildWorkflow(ctx, workflows.FetchRecordingWorkflowName, request).Get(ctx, &result)
	return result.Outcome, err
}

func TestAnotherWorkflowRunsAFetchAsItsChild(t *testing.T) {
	s := newStage(t, status("media_unavailable"))
	s.env.RegisterWorkflow(nightly)
	s.env.ExecuteWorkflow(nightly, sessionID)

	var outcome workflows.Outcome
	require.NoError(t, s.env.GetWorkflowResult(&outcome), "bad news is a result, not a failure")
	require.Equal(t, workflows.OutcomeUnavailable, outcome)
}

func TestTheFailureOfAChildKeepsItsType(t *testing.T) {
	s := newStage(t, status("media_unavailable"))
	s.env.RegisterWorkflow(nightly)
	s.env.ExecuteWorkflow(nightly, "not-a-session")

	var child *temporal.ChildWorkflowExecutionError
	require.ErrorAs(t, s.env.GetWorkflowError(), &child)
	require.Equal(t, workflows.ErrorTypeInvalidInput, applicationError(t, child).Type())
}

func TestNothingPersonalIsShownInListsOfFetches(t *testing.T) {
	request := workflows.FetchRequest{BotID: botID, SessionID: sessionID, UserID: "jane.doe@example.com", BatchID: "b1"}
	options := workflows.StartOptions(request)
	for key, value := range options.TypedSearchAttributes.GetUntypedValues() {
		require.NotContains(t, fmt.Sprint(value), "jane", key.GetName())
	}
	require.NotContains(t, options.ID+options.StaticSummary+options.StaticDetails, "jane")
	require.Len(t, options.TypedSearchAttributes.GetUntypedValues(), 4, "all that is known at the start is set at the start")
}
