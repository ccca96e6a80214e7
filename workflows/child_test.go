package workflows_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"

	"github.com/callvault/callvault/workflows"
)

// fetchEnvironment runs [workflows.RunFetch] with this child.
func fetchEnvironment(child func(workflow.Context, workflows.FetchRequest) (*workflows.FetchResult, error)) *testsuite.TestWorkflowEnvironment {
	env := new(testsuite.WorkflowTestSuite).NewTestWorkflowEnvironment()
	env.RegisterWorkflow(workflows.RunFetch)
	env.RegisterWorkflowWithOptions(child, workflow.RegisterOptions{Name: workflows.FetchRecordingWorkflowName})
	return env
}

func archivedFetch(_ workflow.Context, request workflows.FetchRequest) (*workflows.FetchResult, error) {
	return &workflows.FetchResult{Session: request.Session, Outcome: workflows.OutcomeArchived, Source: workflows.SourceFetch}, nil
}

func TestRunFetchReturnsTheResultOfItsChild(t *testing.T) {
	env := fetchEnvironment(archivedFetch)
	env.ExecuteWorkflow(workflows.RunFetch, workflows.FetchRequest{Session: session})
	var result workflows.FetchResult
	require.NoError(t, env.GetWorkflowResult(&result))
	require.Equal(t, workflows.FetchResult{Session: session, Outcome: workflows.OutcomeArchived, Source: workflows.SourceFetch}, result)
}

func TestRunFetchOfAnInvalidSessionStartsNoChild(t *testing.T) {
	env := fetchEnvironment(func(workflow.Context, workflows.FetchRequest) (*workflows.FetchResult, error) { panic("started") })
	env.ExecuteWorkflow(workflows.RunFetch, workflows.FetchRequest{})
	failed, ok := errors.AsType[*temporal.ApplicationError](env.GetWorkflowError())
	require.True(t, ok, "%v", env.GetWorkflowError())
	require.Equal(t, workflows.ErrorTypeInvalidInput, failed.Type())
}

func TestFetchThatSomebodyCancelledIsNoCancellationOfItsParent(t *testing.T) {
	env := fetchEnvironment(func(workflow.Context, workflows.FetchRequest) (*workflows.FetchResult, error) {
		return nil, temporal.NewCanceledError()
	})
	env.ExecuteWorkflow(workflows.RunFetch, workflows.FetchRequest{Session: session})
	failed, ok := errors.AsType[*temporal.ApplicationError](env.GetWorkflowError())
	require.True(t, ok, "%v", env.GetWorkflowError())
	require.Equal(t, workflows.ErrorTypeNoOutcome, failed.Type())
	require.ErrorContains(t, failed, "the fetch ended without an outcome")
}
