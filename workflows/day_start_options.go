package workflows

import (
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
)

// DayStartOptions returns the options with which a client starts the workflow of a day, or
// attaches to the one that is running. A day that was sealed may start again: it is sealed
// again only if something has changed. req must be valid.
func DayStartOptions(req DayRequest) client.StartWorkflowOptions {
	return client.StartWorkflowOptions{
		ID:                       req.WorkflowID(),
		TaskQueue:                TaskQueue,
		WorkflowIDConflictPolicy: enumspb.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING,
		WorkflowIDReusePolicy:    enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
		TypedSearchAttributes:    req.SearchAttributes(),
		Memo:                     memo(),
		StaticSummary:            "Day " + req.Date + " of " + req.BotID,
		StaticDetails:            dayStaticDetails,
	}
}

const dayStaticDetails = "Lists the calls of a day by both of the vendor's lists, fetches them, lists again, and seals the day in the archive once nothing is new. " +
	"The query `" + QueryProgress + "` returns its state."

// DaysStartOptions returns the options with which a client starts a backfill of days. id
// distinguishes it; req must be valid.
func DaysStartOptions(id string, req DaysRequest) client.StartWorkflowOptions {
	return client.StartWorkflowOptions{
		ID:                       DaysWorkflowID(req.BotID, id),
		TaskQueue:                TaskQueue,
		WorkflowIDConflictPolicy: enumspb.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING,
		WorkflowIDReusePolicy:    enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
		TypedSearchAttributes:    req.SearchAttributes(),
		Memo:                     memo(),
		StaticSummary:            "Days of " + req.BotID + " from " + req.From,
		StaticDetails:            daysStaticDetails,
	}
}

const daysStaticDetails = "Starts the workflow of each day that is not sealed, oldest first."

// DaysWorkflowID returns the id of a workflow that starts days of a bot: "days/{bot}/{id}".
func DaysWorkflowID(botID, id string) string { return "days/" + botID + "/" + id }
