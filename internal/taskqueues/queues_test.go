package taskqueues_test

import (
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/internal/account"
	"github.com/callvault/callvault/internal/archive"
	"github.com/callvault/callvault/internal/secret"
	"github.com/callvault/callvault/internal/smartassist"
	"github.com/callvault/callvault/internal/taskqueues"
	"github.com/callvault/callvault/workflows"
)

func open(t *testing.T, name string, bots ...string) *account.Account {
	t.Helper()
	opened, err := account.Open(account.Settings{
		Name: name, API: &url.URL{Scheme: "https", Host: "smartassist.example.com"}, BotIDs: bots,
		Credentials: smartassist.Credentials{ClientID: "cs-1", Key: secret.Value("secret")},
		Budget:      account.Budget{Windows: []workflows.CallWindow{{Calls: 60, Span: time.Minute}}},
		Archive:     archive.Config{Endpoint: &url.URL{Scheme: "https", Host: "s3.example.com"}, Bucket: "recordings"},
	})
	require.NoError(t, err)
	return opened
}

func TestAccountHasEachOfItsQueuesOnce(t *testing.T) {
	acme, globex := open(t, "acme", "st-1", "st-2"), open(t, "globex", "st-3")
	byKind, names := make(map[taskqueues.Kind]int), make(map[string]bool)
	for _, queue := range append(taskqueues.Shared(), taskqueues.Of([]*account.Account{acme, globex})...) {
		require.False(t, names[queue.Name], "%s is listed twice", queue.Name)
		names[queue.Name] = true
		byKind[queue.Kind]++
	}
	require.Equal(t, map[taskqueues.Kind]int{
		taskqueues.Fetches: 1, taskqueues.Budgets: 1, taskqueues.OldChecks: 1, taskqueues.OldTransfers: 1,
		taskqueues.Checks: 2, taskqueues.Manifests: 2, taskqueues.Transfers: 2, taskqueues.Batches: 2, taskqueues.Days: 2, taskqueues.DayLists: 2,
		taskqueues.BatchLists: 1, taskqueues.Ledgers: 1, // The accounts share the archive.
		taskqueues.FirstSteps: 6, taskqueues.Slots: 3 * (10 + 4), taskqueues.OldSlots: 3,
	}, byKind)

	acme.Voicemail = true
	require.Len(t, taskqueues.Of([]*account.Account{acme}), 8+2*17+1)
}

func TestQueueHasTasksOfItsKind(t *testing.T) {
	for _, queue := range append(taskqueues.Shared(), taskqueues.Of([]*account.Account{open(t, "acme", "st-1")})...) {
		require.Equal(t, queue.Name == "callvault" || queue.Name == "callvault-budget", queue.HasWorkflowTasks(), queue.Name)
		require.Equal(t, queue.Name != "callvault-budget", queue.HasActivityTasks(), queue.Name)
	}
}
