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
)

func TestTwoWorkersTogetherNeverOverdrawTheVendorsBudget(t *testing.T) {
	t.Parallel()
	// The vendor's clock runs twice as fast, so that its minute passes in thirty
	// seconds: the fetches below take longer than one whole window. The vendor
	// allows 60 calls in each, exactly what the workers are told; two workers
	// that did not know of each other would make 108. A clock that runs faster
	// would leave less room for a burst and a slow machine than real time does.
	const (
		haste     = 2
		perMinute = 60
		perHour   = 60 * perMinute
		fetches   = 64
	)
	start := time.Now()
	w := newWorld(t, func(c *simulator.Config) {
		c.CallsPerMinute, c.CallsPerHour = perMinute, perHour
		c.Now = func() time.Time { return start.Add(haste * time.Since(start)) }
	})
	budget := []string{
		"SMARTASSIST_CALLS_PER_MINUTE", strconv.Itoa(haste * perMinute),
		"SMARTASSIST_CALLS_PER_HOUR", strconv.Itoa(haste * perHour),
	}
	w.startWorker(budget...)
	w.startWorker(budget...)

	var runs []client.WorkflowRun
	for i := range fetches {
		runs = append(runs, w.execute(w.addSession(nil, recording(fmt.Sprintf("%d.wav", i), 1_000)), workflows.Policy{}))
	}
	for _, run := range runs {
		result := w.result(run)
		require.Equal(t, workflows.OutcomeArchived, result.Outcome)
		require.Equal(t, 1, result.StatusChecks)
	}

	counts := w.upstream.Counts()
	require.Empty(t, counts.Refused, "calls that the vendor refused")
	require.Equal(t, fetches, counts.API)
	var calls []time.Time
	for _, call := range w.upstream.Calls() {
		if call.Kind == simulator.KindAPI {
			calls = append(calls, call.At)
		}
	}
	require.Greater(t, calls[len(calls)-1].Sub(calls[0]), time.Minute, "more than one of the vendor's windows")
	t.Logf("the vendor's fullest minute saw %d calls of %d", mostWithin(time.Minute, calls), perMinute)

	minters := make(map[string]int)
	for _, run := range runs {
		for _, event := range w.history(w.ctx, run.GetID(), run.GetRunID()) {
			if event.GetEventType() == enumspb.EVENT_TYPE_ACTIVITY_TASK_STARTED {
				minters[event.GetActivityTaskStartedEventAttributes().GetIdentity()]++
			}
		}
	}
	require.Len(t, minters, 2, "both workers had a share in it: %v", minters)
}

// mostWithin is the largest number of times that lie within the span.
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

func TestAWorkerRefusesToServeUnderALimitAboveTheBudget(t *testing.T) {
	t.Parallel()
	// refusalLimit bounds how long a worker may take to see the limit.
	const refusalLimit = 25 * time.Second
	tests := []struct {
		name      string
		perSecond float32
	}{
		{"a limit that somebody set through Temporal's API", 500},
		{"one that is as high as the server's own", 1_000},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			queue := workflows.APITaskQueue(bot)
			w.limitQueue(queue, &workflowservice.UpdateTaskQueueConfigRequest_RateLimitUpdate{
				RateLimit: &taskqueuepb.RateLimit{RequestsPerSecond: test.perSecond},
			})
			refused := w.start("worker", workerBinary, w.env)
			ctx, cancel := context.WithTimeout(w.ctx, refusalLimit)
			defer cancel()
			require.Equal(t, 1, refused.exitCode(ctx))
			require.Contains(t, refused.stderr.String(), queue)
			require.Contains(t, refused.stderr.String(), "--queue-rps-limit default")
			require.NotContains(t, refused.stderr.String(), "the worker serves")

			// What the command in its message does.
			w.limitQueue(queue, &workflowservice.UpdateTaskQueueConfigRequest_RateLimitUpdate{})
			w.startWorker()
		})
	}
}

// limitQueue sets the limit of an activity queue through Temporal's API.
func (w *world) limitQueue(queue string, update *workflowservice.UpdateTaskQueueConfigRequest_RateLimitUpdate) {
	w.t.Helper()
	_, err := w.client.WorkflowService().UpdateTaskQueueConfig(w.ctx, &workflowservice.UpdateTaskQueueConfigRequest{
		Namespace: w.name, TaskQueue: queue, TaskQueueType: enumspb.TASK_QUEUE_TYPE_ACTIVITY, UpdateQueueRateLimit: update,
	})
	require.NoError(w.t, err)
}
