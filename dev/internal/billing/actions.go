// Package billing counts what Temporal Cloud bills for a workflow.
package billing

import (
	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
)

// localActivity is the name of the marker that the SDK records for a local activity.
const localActivity = "LocalActivity"

// Actions counts the billable actions that a history shows: starts, attempts of
// activities, local activities, timers, signals, updates, children and upserts of search
// attributes. Heartbeats are in no history.
func Actions(events []*historypb.HistoryEvent) int {
	actions := 0
	for _, event := range events {
		switch event.GetEventType() {
		case enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED, enumspb.EVENT_TYPE_TIMER_STARTED,
			enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED, enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED,
			enumspb.EVENT_TYPE_START_CHILD_WORKFLOW_EXECUTION_INITIATED, enumspb.EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES:
			actions++
		case enumspb.EVENT_TYPE_ACTIVITY_TASK_STARTED:
			actions += int(event.GetActivityTaskStartedEventAttributes().GetAttempt()) // The event is of the last attempt.
		case enumspb.EVENT_TYPE_MARKER_RECORDED:
			if event.GetMarkerRecordedEventAttributes().GetMarkerName() == localActivity {
				actions++
			}
		default:
		}
	}
	return actions
}
