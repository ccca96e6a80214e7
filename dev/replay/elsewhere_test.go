package replay_test

import (
	"context"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	sdkworker "go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/callvault/callvault/internal/simulator"
	"github.com/callvault/callvault/internal/worker"
	"github.com/callvault/callvault/workflows"
	"github.com/callvault/callvault/workflows/fetchrecording"
)

// Two workers share the queue of the workflows. Where the one takes a fetch that does not
// serve its bot, the first step goes to the other.
func TestTodaysHistoryOfAFetchThatFoundItsBotElsewhereReplays(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	s, c := start(ctx, t)
	settings, err := s.Settings()
	require.NoError(t, err)
	settings.Accounts = slices.Clone(settings.Accounts[:1])
	settings.Accounts[0].Name, settings.Accounts[0].BotIDs = "elsewhere", []string{"st-elsewhere"}
	run(ctx, t, worker.Options{Client: c, Settings: settings, Logger: slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))})

	replayer := sdkworker.NewWorkflowReplayer()
	replayer.RegisterWorkflowWithOptions(fetchrecording.Workflow, workflow.RegisterOptions{Name: workflows.FetchRecordingWorkflowName})
	const most = 30 // Either worker may take a workflow.
	for serial := range uint64(most) {
		id := simulator.NewSessionID(time.Date(2026, 3, 5, 12, 42, 34, 0, time.UTC), serial)
		require.NoError(t, s.Upstream.AddSession(simulator.Session{BotID: simulator.DefaultBotID, SessionID: id, Files: []simulator.File{{Name: "caller.wav"}}}))
		run, err := workflows.StartFetch(ctx, c, workflows.FetchRequest{Session: workflows.Session{BotID: simulator.DefaultBotID, SessionID: id}})
		require.NoError(t, err)
		result, err := run.Result(ctx)
		require.NoError(t, err)
		require.Equal(t, workflows.OutcomeArchived, result.Outcome)
		history := export(ctx, t, c, run.WorkflowID(), run.RunID())
		if slices.Contains(billed(history), "ActivityTaskScheduled FindArchived on callvault-bot/"+simulator.DefaultBotID) {
			require.Contains(t, billed(history), "MarkerRecorded LocalActivity", "it was asked first")
			keep(t, "fetchrecording", "found_elsewhere", history) // Before the replay, which changes the history.
			require.NoError(t, replayer.ReplayWorkflowHistory(nil, history))
			return
		}
	}
	require.Fail(t, "no workflow was taken by the worker that does not serve its bot")
}
