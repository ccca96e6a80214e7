package bench_test

import (
	"sync"
	"time"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/sdk/converter"

	"github.com/callvault/callvault/workflows"
	"github.com/callvault/callvault/workflows/fetchrecording"
)

// cost is what a budget's workflow has cost.
type cost struct {
	runs, events                              int
	updates, timers, signals, upserts, starts int
	tasks, failedTasks                        int
}

// actions are what Temporal Cloud would bill.
func (c cost) actions() int { return c.updates + c.timers + c.signals + c.upserts + c.starts }

// budgetCost reads the histories of all runs of a bot's budget.
func (s *site) budgetCost(bot string) cost {
	s.b.Helper()
	var c cost
	for runID, more := "", true; more; more = runID != "" {
		c.runs++
		next := ""
		for i, event := range s.history(workflows.CallBudgetWorkflowID(bot), runID) {
			if i == 0 {
				next = event.GetWorkflowExecutionStartedEventAttributes().GetContinuedExecutionRunId()
			}
			c.add(event.GetEventType())
		}
		runID = next
	}
	return c
}

func (c *cost) add(kind enumspb.EventType) {
	c.events++
	switch kind {
	case enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED:
		c.starts++
	case enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED:
		c.updates++
	case enumspb.EVENT_TYPE_TIMER_STARTED:
		c.timers++
	case enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED:
		c.signals++
	case enumspb.EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES:
		c.upserts++
	case enumspb.EVENT_TYPE_WORKFLOW_TASK_COMPLETED:
		c.tasks++
	case enumspb.EVENT_TYPE_WORKFLOW_TASK_FAILED, enumspb.EVENT_TYPE_WORKFLOW_TASK_TIMED_OUT:
		c.failedTasks++
	default:
	}
}

func (s *site) history(workflowID, runID string) []*historypb.HistoryEvent {
	s.b.Helper()
	var events []*historypb.HistoryEvent
	iterator := s.client.GetWorkflowHistory(s.ctx, workflowID, runID, false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for iterator.HasNext() {
		event, err := iterator.Next()
		require.NoError(s.b, err)
		events = append(events, event)
	}
	return events
}

// attempts are the attempts of the activities of some fetches that concern slots.
type attempts struct {
	mint, check, checkFailed int

	// minted is how long before its slot each token was there, and early how long
	// before it the check was started by the Temporal server.
	minted, early []time.Duration
}

// attempts reads the histories of fetches.
func (s *site) attempts(fetches []fetch) attempts {
	s.b.Helper()
	const readers = 4
	var mu sync.Mutex
	var all sync.WaitGroup
	var total attempts
	next := make(chan fetch)
	for range readers {
		all.Go(func() {
			for one := range next {
				got := countAttempts(s.history(one.run.WorkflowID(), one.run.RunID()))
				mu.Lock()
				total.mint += got.mint
				total.check += got.check
				total.checkFailed += got.checkFailed
				total.minted = append(total.minted, got.minted...)
				total.early = append(total.early, got.early...)
				mu.Unlock()
			}
		})
	}
	for _, one := range fetches {
		next <- one
	}
	close(next)
	all.Wait()
	return total
}

func countAttempts(events []*historypb.HistoryEvent) attempts {
	var got attempts
	names := make(map[int64]string)
	var slot time.Time // of the latest token
	for _, event := range events {
		switch event.GetEventType() {
		case enumspb.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED:
			names[event.GetEventId()] = event.GetActivityTaskScheduledEventAttributes().GetActivityType().GetName()
		case enumspb.EVENT_TYPE_ACTIVITY_TASK_STARTED:
			started := event.GetActivityTaskStartedEventAttributes()
			switch names[started.GetScheduledEventId()] {
			case fetchrecording.MintToken:
				got.mint += int(started.GetAttempt())
			case fetchrecording.CheckStatus:
				got.check += int(started.GetAttempt())
				got.early = append(got.early, slot.Sub(event.GetEventTime().AsTime()))
			}
		case enumspb.EVENT_TYPE_ACTIVITY_TASK_COMPLETED:
			completed := event.GetActivityTaskCompletedEventAttributes()
			if names[completed.GetScheduledEventId()] != fetchrecording.MintToken {
				continue
			}
			var minted fetchrecording.MintTokenResult
			err := converter.GetDefaultDataConverter().FromPayloads(completed.GetResult(), &minted)
			if err == nil && minted.Slot != nil {
				slot = minted.Slot.At
				got.minted = append(got.minted, slot.Sub(event.GetEventTime().AsTime()))
			}
		case enumspb.EVENT_TYPE_ACTIVITY_TASK_FAILED:
			if names[event.GetActivityTaskFailedEventAttributes().GetScheduledEventId()] == fetchrecording.CheckStatus {
				got.checkFailed++
			}
		case enumspb.EVENT_TYPE_ACTIVITY_TASK_TIMED_OUT:
			if names[event.GetActivityTaskTimedOutEventAttributes().GetScheduledEventId()] == fetchrecording.CheckStatus {
				got.checkFailed++
			}
		default:
		}
	}
	return got
}
