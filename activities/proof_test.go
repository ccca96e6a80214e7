package activities_test

import (
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/internal/account"
	"github.com/callvault/callvault/internal/archive/s3test"
	"github.com/callvault/callvault/internal/failure"
	"github.com/callvault/callvault/internal/status"
	"github.com/callvault/callvault/workflows"
	"github.com/callvault/callvault/workflows/fetchrecording"
)

// recorded are the bytes that proved serves.
const recorded = "ID3\x04\x00\x00 audio"

// proved downloads the file a.wav, of a session that has no other, with its manifest.
func proved(t *testing.T, a *account.Served, media *url.URL, replaces string, again bool) (*fetchrecording.DownloadRecordingResult, error) {
	t.Helper()
	result := resultOf(workflows.OutcomeArchived)
	result.Recordings, result.Reason, result.FinishedAt = []workflows.Recording{}, "", time.Time{}
	file := fileAt(t, media.String())
	file.Source = "source of a.wav"
	return download{account: a, replaces: replaces, again: again, manifest: &fetchrecording.WriteManifestInput{
		Result: result, BatchID: "july", Replaces: replaces, Evidence: []status.Evidence{{Status: "success", Count: 1}},
	}}.execute(t, file)
}

func openArchive(t *testing.T) (*account.Served, *s3test.Server, *url.URL) {
	t.Helper()
	media := serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { writeFile(w, recorded, true) }))
	a, server := openAccount(t, media)
	return a, server, media
}

func TestDownloadOfAnOnlyFileWritesTheManifest(t *testing.T) {
	a, server, media := openArchive(t)
	before := time.Now()
	got, err := proved(t, a, media, "", false)
	require.NoError(t, err)
	require.Equal(t, []string{aKey, manifestKey}, server.Keys(bucket))

	result := got.Written.Result
	require.Equal(t, workflows.OutcomeArchived, result.Outcome)
	require.Equal(t, workflows.SourceFetch, result.Source)
	require.Equal(t, []workflows.Recording{got.Recording}, result.Recordings)
	require.WithinRange(t, result.FinishedAt, before, time.Now(), "by the server's clock, which is ours here")
	m, _ := stored(t, a)
	require.Equal(t, []string{workflowID, runID, "july", "success"}, []string{m.WorkflowID, m.RunID, m.BatchID, m.Evidence[0].Status})
	require.Equal(t, sha(recorded), m.Files[0].SHA256)
	require.Equal(t, 2, m.StatusChecks)
	require.Equal(t, finishedAt, m.StartedAt)
	require.WithinDuration(t, result.FinishedAt, m.FinishedAt, 0)
}

func TestManifestOfADownloadReplacesWhatTheFetchMayReplace(t *testing.T) {
	a, _, media := openArchive(t)
	replaces := write(t, a, manifestOf(workflows.OutcomeGaveUp), "")
	got, err := proved(t, a, media, replaces, false)
	require.NoError(t, err)
	require.Equal(t, workflows.OutcomeArchived, got.Written.Result.Outcome)
	m, _ := stored(t, a)
	require.Equal(t, string(workflows.OutcomeGaveUp), m.Previous.Outcome)
}

// The workflow has WriteManifest meet the same failure, and decides by it.
func TestManifestThatCannotBeWrittenLosesNoRecording(t *testing.T) {
	for name, rule := range map[string]func(*s3test.Server) s3test.Rule{
		"refused": func(*s3test.Server) s3test.Rule {
			return s3test.Rule{Operation: s3test.PutObject, Key: manifestKey, Status: http.StatusForbidden, Code: "AccessDenied", Always: true}
		},
		"unavailable": func(*s3test.Server) s3test.Rule {
			return s3test.Rule{Operation: s3test.PutObject, Key: manifestKey, Status: http.StatusInternalServerError, Code: "InternalError", Always: true}
		},
		"the object was changed meanwhile": func(server *s3test.Server) s3test.Rule {
			server.Lacks = map[s3test.Feature]bool{s3test.ReturnedChecksum: true} // so that the object is looked at
			return s3test.Rule{Operation: s3test.HeadObject, Key: aKey, Before: func() { store(server, aKey, "another") }}
		},
	} {
		t.Run(name, func(t *testing.T) {
			a, server, media := openArchive(t)
			server.Add(rule(server))
			got, err := proved(t, a, media, "", false)
			require.NoError(t, err)
			require.Nil(t, got.Written)
			require.Equal(t, sha(recorded), got.SHA256)
			require.Equal(t, []string{aKey}, server.Keys(bucket))
		})
	}
}

func TestDownloadReturnsTheManifestThatAnotherFetchHasWrittenMeanwhile(t *testing.T) {
	a, server, media := openArchive(t)
	server.Add(s3test.Rule{Operation: s3test.PutObject, Key: manifestKey, Before: func() {
		theirs := manifestOf(workflows.OutcomeArchived, fileOf("a.wav", recorded))
		_, err := a.Accounts[0].Store.WriteManifest(t.Context(), theirs, "")
		require.NoError(t, err)
	}})
	got, err := proved(t, a, media, "", false)
	require.NoError(t, err)
	require.Equal(t, workflows.SourceManifest, got.Written.Result.Source)
	require.Equal(t, 7, got.Written.Result.StatusChecks)
}

// A worker may be killed between the manifest and its response to Temporal.
func TestNextAttemptReturnsWhatTheFirstHasProved(t *testing.T) {
	a, server, media := openArchive(t)
	first, err := proved(t, a, media, "", false)
	require.NoError(t, err)
	server.ForgetRequests()
	second, err := proved(t, a, media, "", true)
	require.NoError(t, err)
	require.Equal(t, first.Written, second.Written, "also its time")
	require.Equal(t, first.SHA256, second.SHA256)
	for _, request := range server.Requests() {
		require.False(t, request.Operation == s3test.PutObject && request.Key == aKey, "the file is not written again")
	}

	store(server, aKey, "changed since")
	_, err = proved(t, a, media, "", true)
	requireKind(t, err, failure.AlreadyArchived, false, true)
}
