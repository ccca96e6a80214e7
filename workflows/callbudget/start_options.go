package callbudget

import (
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"github.com/callvault/callvault/workflows"
)

// taskTimeout is when a workflow task is presumed lost with its worker: the budget
// hands out nothing meanwhile.
const taskTimeout = 3 * time.Second

// StartOptions returns the options with which the workflow of a budget is started, if
// it is not running.
func StartOptions(name string) client.StartWorkflowOptions {
	options := client.StartWorkflowOptions{
		ID:                       workflows.CallBudgetWorkflowID(name),
		TaskQueue:                workflows.CallBudgetTaskQueue,
		WorkflowTaskTimeout:      taskTimeout,
		WorkflowIDConflictPolicy: enumspb.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING,
		WorkflowIDReusePolicy:    enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
		StaticSummary:            "Call budget of " + name,
		StaticDetails: "Hands out the call slots of one call budget. The query `" + workflows.QueryBudget + "` returns its state; " +
			"the updates `" + workflows.UpdatePause + "`, `" + workflows.UpdateResume + "` and `" + workflows.UpdateSetLimits + "` steer it.",
	}
	if workflows.ValidateBotID(name) == nil {
		options.TypedSearchAttributes = temporal.NewSearchAttributes(workflows.SearchAttributeBot.ValueSet(name))
	}
	return options
}
