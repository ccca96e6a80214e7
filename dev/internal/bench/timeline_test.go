package bench_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"

	"github.com/callvault/callvault/internal/simulator"
	"github.com/callvault/callvault/workflows"
)

// timeline describes what happened to a fetch, for finding out why one was slow.
func (s *site) timeline(one fetch) string {
	s.b.Helper()
	return s.timelineOf(one.run.WorkflowID(), one.run.RunID())
}

func (s *site) timelineOf(workflowID, runID string) string {
	s.b.Helper()
	var text strings.Builder
	var began time.Time
	names := make(map[int64]string)
	for _, event := range s.history(workflowID, runID) {
		at := event.GetEventTime().AsTime()
		if began.IsZero() {
			began = at
		}
		what := ""
		switch event.GetEventType() {
		case enumspb.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED:
			names[event.GetEventId()] = event.GetActivityTaskScheduledEventAttributes().GetActivityType().GetName()
			what = names[event.GetEventId()]
		case enumspb.EVENT_TYPE_ACTIVITY_TASK_STARTED:
			started := event.GetActivityTaskStartedEventAttributes()
			what = fmt.Sprintf("%s attempt %d %s", names[started.GetScheduledEventId()], started.GetAttempt(), started.GetLastFailure().GetMessage())
		case enumspb.EVENT_TYPE_ACTIVITY_TASK_COMPLETED:
			completed := event.GetActivityTaskCompletedEventAttributes()
			what = names[completed.GetScheduledEventId()]
			for _, payload := range completed.GetResult().GetPayloads() {
				if i := strings.Index(string(payload.GetData()), `"slot"`); i >= 0 {
					what += " " + string(payload.GetData()[i:])
				}
			}
		case enumspb.EVENT_TYPE_ACTIVITY_TASK_FAILED:
			failed := event.GetActivityTaskFailedEventAttributes()
			what = names[failed.GetScheduledEventId()] + ": " + failed.GetFailure().GetMessage()
		case enumspb.EVENT_TYPE_TIMER_STARTED:
			what = event.GetTimerStartedEventAttributes().GetStartToFireTimeout().AsDuration().String()
		case enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED:
			what = payloadsText(event.GetWorkflowExecutionSignaledEventAttributes().GetInput())
		case enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED:
			what = payloadsText(event.GetWorkflowExecutionUpdateAcceptedEventAttributes().GetAcceptedRequest().GetInput().GetArgs())
		case enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_COMPLETED:
			completed := event.GetWorkflowExecutionUpdateCompletedEventAttributes()
			what = fmt.Sprintf("of %d %s", completed.GetAcceptedEventId(), payloadsText(completed.GetOutcome().GetSuccess()))
		default:
		}
		fmt.Fprintf(&text, "%3d %8s %s %s %s\n", event.GetEventId(), at.Sub(began).Round(time.Millisecond), at.Format("05.000"), event.GetEventType(), what)
	}
	return text.String()
}

func payloadsText(payloads *commonpb.Payloads) string {
	var text []string
	for _, payload := range payloads.GetPayloads() {
		text = append(text, string(payload.GetData()))
	}
	return strings.Join(text, " ")
}

// keepBudget writes what happened to a bot's budget into the folder of the logs.
func (s *site) keepBudget(bot string, made []simulator.Call) {
	s.b.Helper()
	if *keepLogs == "" {
		return
	}
	var text strings.Builder
	for i, call := range made {
		fmt.Fprintf(&text, "call %d at %s %s %s\n", i, s.vendor.clock.real(call.At).Format("15:04:05.000"), call.SessionID, call.Reason)
	}
	for _, change := range s.budget(bot).Changes {
		fmt.Fprintf(&text, "%s %s\n", change.At.Format("15:04:05.000"), change.Text)
	}
	text.WriteString(s.timelineOf(workflows.CallBudgetWorkflowID(bot), ""))
	s.keep("budget", text.String())
}

// keepFailed writes what happened to the fetches that lost a slot in their check into the
// folder of the logs.
func (s *site) keepFailed(fetches []fetch) {
	s.b.Helper()
	if *keepLogs == "" {
		return
	}
	var text strings.Builder
	for _, one := range fetches {
		if countAttempts(s.history(one.run.WorkflowID(), one.run.RunID())).checkFailed > 0 {
			fmt.Fprintf(&text, "%s\n%s\n", one.run.WorkflowID(), s.timeline(one))
		}
	}
	s.keep("failed", text.String())
}

// keep writes a text into the folder of the logs.
func (s *site) keep(what, text string) {
	s.b.Helper()
	name := strings.ReplaceAll(s.b.Name(), "/", "-") + "-" + what + ".txt"
	require.NoError(s.b, os.WriteFile(filepath.Join(*keepLogs, name), []byte(text), 0o600))
}
