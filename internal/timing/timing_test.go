package timing_test

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/internal/timing"
)

func TestTimingsLeaveRoomForEachOther(t *testing.T) {
	for _, row := range []struct {
		why             string
		shorter, longer time.Duration
	}{
		{"a token outlives the wait for a worker, the call and the vendor's clock being behind", timing.TokenUse + timing.CallTimeout + timing.ClockSkew, timing.TokenLife + 1},
		{"the vendor accepts the token's life, counted from a time in the past", timing.TokenLife + timing.ClockSkew, timing.MaxTokenLife},
		{"the HTTP request ends before its activity times out", timing.CallTimeout, timing.CheckTimeout},
		{"the store and the budget are asked within the first step", timing.FindStore + timing.AskLane, timing.FindHere},
		{"the first step ends within its workflow task", timing.FindHere, timing.WorkflowTask},
		{"every heartbeat that may reach the server is a new one", timing.HeartbeatInterval, timing.HeartbeatThrottle},
		{"two heartbeats may be lost", 2*timing.HeartbeatThrottle + timing.HeartbeatInterval, timing.HeartbeatTimeout},
		{"a transfer hands over before its worker stops waiting", timing.Handover + timing.HeartbeatInterval, timing.WorkerStop},
		{"the worker stops before its container is killed", timing.SlotStop + timing.WorkerStop, timing.ContainerStop},
	} {
		require.Less(t, row.shorter, row.longer, row.why)
	}
}

func TestComposeGivesTheWorkerItsTimeToStop(t *testing.T) {
	compose, err := os.ReadFile("../../docker-compose.yml")
	require.NoError(t, err)
	require.Contains(t, string(compose), fmt.Sprintf("stop_grace_period: %.0fs # the worker", timing.ContainerStop.Seconds()))
}
