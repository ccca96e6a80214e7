package activities_test

import (
	"net/http"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/activities"
	"github.com/callvault/callvault/internal/account"
	"github.com/callvault/callvault/internal/archive/s3test"
	"github.com/callvault/callvault/workflows"
	"github.com/callvault/callvault/workflows/fetchrecording"
)

func findHere(t *testing.T, a *account.Served, input fetchrecording.FindArchivedInput) *fetchrecording.FindArchivedHereResult {
	t.Helper()
	found, err := run[fetchrecording.FindArchivedHereResult](t, activities.NewFindArchivedHere(&activities.FindArchived{Served: a, Lanes: new(laneThree)}).Execute, input)
	require.NoError(t, err, "it never fails")
	return found
}

func TestWorkerOfTheBotKnowsWhatFindArchivedReturns(t *testing.T) {
	a, server := openAccount(t, nil)
	input := fetchrecording.FindArchivedInput{Session: session, BatchID: "july", Level: 8}
	for range 2 {
		found := findHere(t, a, input)
		there, err := run[fetchrecording.FindArchivedResult](t, (&activities.FindArchived{Served: a, Lanes: new(laneThree)}).Execute, input)
		require.NoError(t, err)
		require.Equal(t, &fetchrecording.FindArchivedHereResult{Known: true, FindArchivedResult: *there}, found)
		store(server, aKey, audio) // And with a manifest.
		write(t, a, manifestOf(workflows.OutcomeFailed, fileOf("a.wav", audio)), "")
	}
}

func TestWorkerThatDoesNotServeTheBotDoesNotKnow(t *testing.T) {
	a, server := openAccount(t, nil)
	require.Equal(t, &fetchrecording.FindArchivedHereResult{}, findHere(t, a, fetchrecording.FindArchivedInput{Session: workflows.Session{BotID: "st-9", SessionID: sessionID}}))
	require.Empty(t, server.Requests())
}

func TestStoreThatFailsIsLeftToFindArchived(t *testing.T) {
	a, server := openAccount(t, nil)
	server.Add(s3test.Rule{Status: http.StatusForbidden, Code: "AccessDenied", Always: true})
	require.False(t, findHere(t, a, fetchrecording.FindArchivedInput{Session: session}).Known)
}

func TestStoreThatIsKnownToFailIsNotAskedHere(t *testing.T) {
	a, server := openAccount(t, nil)
	server.Add(s3test.Rule{Operation: s3test.PutObject, Status: http.StatusForbidden, Code: "AccessDenied", Always: true})
	_, err := writeManifest(t, a, fetchrecording.WriteManifestInput{Result: resultOf(workflows.OutcomeFailed)})
	require.Error(t, err)
	require.True(t, a.Accounts[0].Store.IsFailing())
	server.ForgetRequests()
	require.False(t, findHere(t, a, fetchrecording.FindArchivedInput{Session: session}).Known)
	require.Empty(t, server.Requests())
}

// A local activity holds a workflow task, of which a worker has a hundred for all accounts.
func TestFewWorkflowTasksWaitForASlowStoreAndNotForLong(t *testing.T) {
	const fetches, atMost = 40, 32
	a, server := openAccount(t, nil)
	server.Add(s3test.Rule{Before: func() { <-t.Context().Done() }, Always: true})
	here := activities.NewFindArchivedHere(&activities.FindArchived{Served: a})
	var all sync.WaitGroup
	for range fetches {
		all.Go(func() {
			found, err := run[fetchrecording.FindArchivedHereResult](t, here.Execute, fetchrecording.FindArchivedInput{Session: session})
			assert.NoError(t, err)
			assert.False(t, found.Known)
		})
	}
	all.Wait()
	require.Len(t, server.Requests(), atMost)
	require.False(t, a.Accounts[0].Store.IsFailing(), "the store may only be slow")
}
