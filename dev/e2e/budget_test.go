package e2e_test

import (
	"context"
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	taskqueuepb "go.temporal.io/api/taskqueue/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"github.com/callvault/callvault/internal/simulator"
	"github.com/callvault/callvault/workflows"
	"github.com/callvault/callvault/workflows/fetchrecording"
)

func TestTwoWorkersStayWithinTheSharedBudget(t *testing.T) {
	t.Parallel()
	// The vendor's clock runs at double speed, so that its minute takes thirty
	// seconds and the fetches below last longer than one whole window. The vendor
	// allows 60 calls in each, exactly what the workers are configured for. Two
	// workers that did not share the budget would make 108. A faster clock would
	// leave less room for a burst and a slow machine than real time does.
	const (
		speedup   = 2
		perMinute = 60
		perHour   = 60 * perMinute
		fetches   = 64
	)
	start := time.Now()
	h := newHarness(t, func(c *simulator.Config) {
		c.CallsPerMinute, c.CallsPerHour = perMinute, perHour
		c.Now = func() time.Time { return start.Add(speedup * time.Since(start)) }
	})
	budget := []string{
		"SMARTASSIST_CALLS_PER_MINUTE", strconv.Itoa(speedup * perMinute),
		"SMARTASSIST_CALLS_PER_HOUR", strconv.Itoa(speedup * perHour),
	}
	h.startWorker(budget...)
	h.startWorker(budget...)

	var runs []client.WorkflowRun
	for i := range fetches {
		runs = append(runs, h.execute(h.addSession(nil, recording(fmt.Sprintf("%d.wav", i), 1_000)), workflows.FetchPolicy{}))
	}
	for _, run := range runs {
		result := h.result(run)
		require.Equal(t, workflows.OutcomeArchived, result.Outcome)
		require.Equal(t, 1, result.StatusChecks)
	}

	counts := h.upstream.Counts()
	require.Empty(t, counts.Refused, "calls refused by the vendor")
	require.Equal(t, fetches, counts.API)
	var calls []time.Time
	for _, call := range h.upstream.Calls() {
		if call.Kind == simulator.KindAPI {
			calls = append(calls, call.At)
		}
	}
	require.Greater(t, calls[len(calls)-1].Sub(calls[0]), time.Minute, "the calls span more than one of the vendor's windows")
	t.Logf("the vendor's busiest minute had %d of %d calls", mostWithin(time.Minute, calls), perMinute)

	identities := make(map[string]int)
	for _, run := range runs {
		for _, event := range h.history(h.ctx, run.GetID(), run.GetRunID()) {
			if event.GetEventType() == enumspb.EVENT_TYPE_ACTIVITY_TASK_STARTED {
				identities[event.GetActivityTaskStartedEventAttributes().GetIdentity()]++
			}
		}
	}
	require.Len(t, identities, 2, "both workers ran activities: %v", identities)
}

// mostWithin returns how many of the sorted times are within one span, at most.
func mostWithin(span time.Duration, times []time.Time) int {
	most, first := 0, 0
	for i, at := range times {
		for at.Sub(times[first]) >= span {
			first++
		}
		most = max(most, i-first+1)
	}
	return most
}

func TestWorkerRefusesQueueLimitAboveTheBudget(t *testing.T) {
	t.Parallel()
	// refusalTimeout bounds how long a worker may take to detect the limit.
	const refusalTimeout = 25 * time.Second
	tests := []struct {
		name      string
		perSecond float32
	}{
		{"a limit set through Temporal's API", 500},
		{"a limit equal to the server's default", 1_000},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			h := newHarness(t)
			queue := fetchrecording.CallTaskQueue(bot)
			h.limitQueue(queue, &workflowservice.UpdateTaskQueueConfigRequest_RateLimitUpdate{
				RateLimit: &taskqueuepb.RateLimit{RequestsPerSecond: test.perSecond},
			})
			refused := h.start("worker", workerBinary, h.env)
			ctx, cancel := context.WithTimeout(h.ctx, refusalTimeout)
			defer cancel()
			require.Equal(t, 1, refused.exitCode(ctx))
			require.Contains(t, refused.stderr.String(), queue)
			require.Contains(t, refused.stderr.String(), "--queue-rps-limit default")
			require.NotContains(t, refused.stderr.String(), "the worker serves")

			// What the command in the error message does.
			h.limitQueue(queue, &workflowservice.UpdateTaskQueueConfigRequest_RateLimitUpdate{})
			h.startWorker()
		})
	}
}

// limitQueue sets the limit of an activity queue through Temporal's API.
func (h *harness) limitQueue(queue string, update *workflowservice.UpdateTaskQueueConfigRequest_RateLimitUpdate) {
	h.t.Helper()
	_, err := h.client.WorkflowService().UpdateTaskQueueConfig(h.ctx, &workflowservice.UpdateTaskQueueConfigRequest{
		Namespace: h.name, TaskQueue: queue, TaskQueueType: enumspb.TASK_QUEUE_TYPE_ACTIVITY, UpdateQueueRateLimit: update,
	})
	require.NoError(h.t, err)
}
