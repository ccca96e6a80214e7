package activities_test

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/serviceerror"

	"github.com/callvault/callvault/activities"
	"github.com/callvault/callvault/workflows"
	"github.com/callvault/callvault/workflows/batch"
)

var batchStart = time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)

func cancelBatch(t *testing.T, server *temporalServer) (*batch.CancelResult, error) {
	t.Helper()
	return run[batch.CancelResult](t, (&activities.CancelBatch{Client: server, Namespace: "ns"}).Execute, batch.CancelInput{BatchID: batchID, StartedAt: batchStart})
}

func TestFetchesThatWaitAreCancelledAndDownloadsAreLeft(t *testing.T) {
	server := newTemporalServer(t)
	sessions := callsOf("st-a", 20, longAgo)
	var want [][2]string
	for i, phase := range []workflows.FetchPhase{workflows.PhaseChecking, workflows.PhaseCallInProgress, workflows.PhaseMediaInProgress, workflows.PhasePartialWait, workflows.PhaseBlocked} {
		one := server.add(sessions[i], fetch{phase: phase})
		want = append(want, [2]string{one.id, one.run})
	}
	server.add(sessions[5], fetch{phase: workflows.PhaseArchiving})
	server.add(sessions[6], fetch{phase: workflows.PhaseArchiving})
	server.add(sessions[7], fetch{status: isCompleted, outcome: workflows.OutcomeArchived})
	server.add(sessions[8], fetch{batch: "another"})
	server.add(sessions[9], fetch{startedAt: batchStart.Add(-time.Second)}) // an earlier batch of that name
	result, err := cancelBatch(t, server)
	require.NoError(t, err)
	require.Equal(t, &batch.CancelResult{Cancelled: 5, Left: 2}, result)
	require.ElementsMatch(t, want, server.cancelled)
}

// A session's fetch may end, and somebody else start another one, after the list was made.
func TestOnlyTheRunThatWasListedIsCancelled(t *testing.T) {
	server := newTemporalServer(t)
	session := callsOf("st-a", 1, longAgo)[0]
	server.add(session, fetch{run: "listed"})
	server.add(session, fetch{run: "later", batch: "another", phase: workflows.PhaseArchiving})
	result, err := cancelBatch(t, server)
	require.NoError(t, err)
	require.Equal(t, &batch.CancelResult{Cancelled: 1}, result)
	require.Equal(t, [][2]string{{session.FetchWorkflowID(), "listed"}}, server.cancelled)
}

func TestFetchThatHasEndedMeanwhileIsLeft(t *testing.T) {
	server := newTemporalServer(t)
	sessions := callsOf("st-a", 2, longAgo)
	server.add(sessions[0], fetch{})
	server.add(sessions[1], fetch{})
	server.failing = func(id string) error {
		if id == sessions[0].FetchWorkflowID() {
			return serviceerror.NewNotFound("it has ended")
		}
		return nil
	}
	result, err := cancelBatch(t, server)
	require.NoError(t, err)
	require.Equal(t, &batch.CancelResult{Cancelled: 1, Left: 1}, result)
}

func TestFetchesWithoutAWorkerAreCancelled(t *testing.T) {
	server := newTemporalServer(t)
	server.add(callsOf("st-a", 1, longAgo)[0], fetch{})
	server.noWorker = true
	result, err := cancelBatch(t, server)
	require.NoError(t, err)
	require.Equal(t, &batch.CancelResult{Cancelled: 1}, result)
}

func TestAllPagesOfFetchesAreCancelled(t *testing.T) {
	server := newTemporalServer(t)
	for _, one := range callsOf("st-a", 1201, longAgo) {
		server.add(one, fetch{})
	}
	result, err := cancelBatch(t, server)
	require.NoError(t, err)
	require.Equal(t, &batch.CancelResult{Cancelled: 1201}, result)
	require.Len(t, server.lists, 3)
	unique := make(map[[2]string]bool)
	for _, one := range server.cancelled {
		unique[one] = true
	}
	require.Len(t, unique, 1201)
}

func TestCancellationThatFailsIsTriedAgain(t *testing.T) {
	server := newTemporalServer(t)
	for _, one := range callsOf("st-a", 30, longAgo) {
		server.add(one, fetch{})
	}
	server.failing = func(string) error { return errors.New("the Temporal server is not reachable") }
	_, err := cancelBatch(t, server)
	require.ErrorContains(t, err, "the Temporal server is not reachable")
}
