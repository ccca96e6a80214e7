package activities_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/activities"
	"github.com/callvault/callvault/internal/account"
	"github.com/callvault/callvault/internal/archive"
	"github.com/callvault/callvault/internal/failure"
	"github.com/callvault/callvault/workflows"
	"github.com/callvault/callvault/workflows/fetchrecording"
)

var finishedAt = time.Date(2024, 3, 6, 12, 0, 0, 0, time.UTC)

func findArchived(t *testing.T, a *account.Account) (*fetchrecording.FindArchivedResult, error) {
	t.Helper()
	execute := (&activities.FindArchived{Account: a}).Execute
	return run[fetchrecording.FindArchivedResult](t, execute, fetchrecording.FindArchivedInput{Session: session})
}

// manifest returns the manifest of a failed session, as a fetch wrote it.
func manifest(workflowID, runID string) *archive.Manifest {
	return &archive.Manifest{
		Session: session, Outcome: "failed", Status: "failed", Reason: "permanent failure", StatusChecks: 7,
		StartedAt: finishedAt.Add(-time.Hour), FinishedAt: finishedAt, WorkflowID: workflowID, RunID: runID,
	}
}

// resultOf returns the result that manifest stands for.
func resultOf(source workflows.ResultSource) workflows.FetchResult {
	return workflows.FetchResult{
		Session: session, Outcome: workflows.OutcomeFailed, Source: source, Status: "failed", Reason: "permanent failure",
		Recordings: []workflows.Recording{}, Manifest: workflows.ObjectRef{Bucket: "recordings", Key: folder + archive.ManifestName},
		StatusChecks: 7, StartedAt: finishedAt.Add(-time.Hour), FinishedAt: finishedAt,
	}
}

func TestFindArchivedReturnsWhatTheManifestSays(t *testing.T) {
	a, _ := openAccount(t, nil)
	_, err := a.Store.WriteManifest(t.Context(), manifest("another-workflow", "another-run"))
	require.NoError(t, err)
	found, err := findArchived(t, a)
	require.NoError(t, err)
	require.NotNil(t, found.Result)
	require.Equal(t, resultOf(workflows.SourceManifest), *found.Result)
}

func TestFindArchivedReturnsNilWithoutAManifest(t *testing.T) {
	a, _ := openAccount(t, nil)
	found, err := findArchived(t, a)
	require.NoError(t, err)
	require.Nil(t, found.Result)
}

func TestFindArchivedRefusesBotThatIsNotServed(t *testing.T) {
	a, _ := openAccount(t, nil)
	_, err := a.Store.WriteManifest(t.Context(), manifest("another-workflow", "another-run"))
	require.NoError(t, err)
	a.BotIDs = []string{"st-1"}
	_, err = findArchived(t, a)
	requireKind(t, err, failure.BotNotServed, false, false)
	require.ErrorContains(t, err, botID)
}

func TestWriteManifestReportsWhichFetchWroteIt(t *testing.T) {
	recording := workflows.Recording{
		FileName: "a.wav", Bucket: "recordings", Key: folder + "a.wav", Bytes: 5, SHA256: "digest", ContentType: "audio/wav", Format: "wav",
		DeclaredContentType: "audio/x-wav", CallTime: time.Date(2024, 3, 5, 12, 42, 34, 0, time.UTC), Source: "0123456789abcdef",
	}
	given := workflows.FetchResult{
		Session: session, Outcome: workflows.OutcomeArchived, Status: "success", Reason: "none", Recordings: []workflows.Recording{recording},
		StatusChecks: 2, StartedAt: finishedAt, FinishedAt: finishedAt.Add(time.Hour),
	}
	written := given
	written.Source = workflows.SourceFetch
	written.Manifest = workflows.ObjectRef{Bucket: "recordings", Key: folder + archive.ManifestName}

	for _, row := range []struct {
		name    string
		present *archive.Manifest
		want    workflows.FetchResult
	}{
		{"no manifest", nil, written},
		{"manifest of its own earlier attempt", manifest(workflowID, runID), resultOf(workflows.SourceFetch)},
		{"manifest of another run", manifest(workflowID, "another-run"), resultOf(workflows.SourceManifest)},
		{"manifest of another workflow", manifest("another-workflow", runID), resultOf(workflows.SourceManifest)},
	} {
		t.Run(row.name, func(t *testing.T) {
			a, fake := openAccount(t, nil)
			fake.objects[recording.Key] = "audio"
			fake.labels[recording.Key] = http.Header{"X-Amz-Meta-Sha256": {recording.SHA256}}
			if row.present != nil {
				_, err := a.Store.WriteManifest(t.Context(), row.present)
				require.NoError(t, err)
			}
			execute := (&activities.WriteManifest{Account: a}).Execute
			for range 2 { // Temporal repeats an attempt whose result it did not get.
				got, err := run[fetchrecording.WriteManifestResult](t, execute, fetchrecording.WriteManifestInput{Result: given, BatchID: "b"})
				require.NoError(t, err)
				require.Equal(t, row.want, got.Result)
			}
			require.ElementsMatch(t, []string{recording.Key, folder + archive.ManifestName}, fake.keys())
			stored, err := a.Store.ReadManifest(t.Context(), session)
			require.NoError(t, err)
			require.Equal(t, string(row.want.Outcome), stored.Outcome)
			if row.present == nil {
				require.Equal(t, []string{workflowID, runID, "b"}, []string{stored.WorkflowID, stored.RunID, stored.BatchID})
			}
		})
	}
}
