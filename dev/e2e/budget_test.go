package e2e_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"

	"github.com/callvault/callvault/dev/internal/bench"
	"github.com/callvault/callvault/dev/internal/system"
	"github.com/callvault/callvault/internal/simulator"
	"github.com/callvault/callvault/workflows"
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
		fetches   = 64
	)
	start := time.Now()
	h := newHarness(t, func(c *simulator.Config) {
		c.CallsPerMinute = perMinute
		c.Now = func() time.Time { return start.Add(speedup * time.Since(start)) }
	})
	budget := accountOf(h, "budget")
	budget.Windows = []string{fmt.Sprintf("%d/%s", perMinute, time.Minute/speedup)}
	h.Env = h.configured(budget)
	h.StartWorker()
	h.StartWorker()

	var runs []client.WorkflowRun
	for i := range fetches {
		runs = append(runs, h.Execute(h.AddSession(nil, system.Recording(fmt.Sprintf("%d.wav", i), 1_000)), workflows.FetchPolicy{}))
	}
	for _, run := range runs {
		result := h.Result(run)
		require.Equal(t, workflows.OutcomeArchived, result.Outcome)
		require.Equal(t, 1, result.StatusChecks)
	}

	counts := h.Upstream.Counts()
	require.Empty(t, counts.Refused, "calls refused by the vendor")
	require.Equal(t, fetches, counts.API)
	var calls []time.Time
	for _, call := range h.Upstream.Calls() {
		if call.Kind == simulator.KindAPI {
			calls = append(calls, call.At)
		}
	}
	require.Greater(t, calls[len(calls)-1].Sub(calls[0]), time.Minute, "the calls span more than one of the vendor's windows")
	t.Logf("the vendor's busiest minute had %d of %d calls", bench.MostWithin(time.Minute, calls), perMinute)

	identities := make(map[string]int)
	for _, run := range runs {
		for _, event := range h.History(h.Ctx, run.GetID(), run.GetRunID()) {
			if event.GetEventType() == enumspb.EVENT_TYPE_ACTIVITY_TASK_STARTED {
				identities[event.GetActivityTaskStartedEventAttributes().GetIdentity()]++
			}
		}
	}
	require.Len(t, identities, 2, "both workers ran activities: %v", identities)
}
