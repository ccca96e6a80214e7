package activities_test

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/activities"
	"github.com/callvault/callvault/internal/account"
	"github.com/callvault/callvault/internal/archive"
	"github.com/callvault/callvault/internal/archive/s3test"
	"github.com/callvault/callvault/internal/failure"
	"github.com/callvault/callvault/internal/program"
	"github.com/callvault/callvault/internal/status"
	"github.com/callvault/callvault/workflows"
	"github.com/callvault/callvault/workflows/callbudget"
	"github.com/callvault/callvault/workflows/fetchrecording"
)

var finishedAt = time.Date(2024, 3, 6, 12, 0, 0, 0, time.UTC)

const audio = "the audio"

func findArchived(t *testing.T, a *account.Served) (*fetchrecording.FindArchivedResult, error) {
	t.Helper()
	execute := (&activities.FindArchived{Served: a}).Execute // A fetch without a batch asks for no lane.
	return run[fetchrecording.FindArchivedResult](t, execute, fetchrecording.FindArchivedInput{Session: session})
}

func writeManifest(t *testing.T, a *account.Served, input fetchrecording.WriteManifestInput) (workflows.FetchResult, error) {
	t.Helper()
	execute := (&activities.WriteManifest{Served: a}).Execute
	written, err := run[fetchrecording.WriteManifestResult](t, execute, input)
	if err != nil {
		return workflows.FetchResult{}, err
	}
	return written.Result, nil
}

// manifestOf returns a manifest of the session that another fetch wrote.
func manifestOf(outcome workflows.Outcome, files ...archive.File) *archive.Manifest {
	return &archive.Manifest{
		Session: session, Outcome: string(outcome), Status: "from the vendor", Reason: "by another fetch", StatusChecks: 7, Files: files,
		StartedAt: finishedAt.Add(-time.Hour), FinishedAt: finishedAt, WorkflowID: "another-workflow", RunID: "another-run",
	}
}

// fileOf returns a file of a manifest.
func fileOf(name, content string) archive.File {
	return archive.File{FileName: name, Key: folder + name, Bytes: int64(len(content)), SHA256: sha(content), ContentType: "audio/wav", Format: "wav", Source: "source of " + name}
}

// recordingOf returns the recording that stands for such a file.
func recordingOf(name, content string) workflows.Recording {
	return workflows.Recording{
		FileName: name, Bucket: bucket, Key: folder + name, Bytes: int64(len(content)), SHA256: sha(content), ContentType: "audio/wav", Format: "wav",
		Source: "source of " + name,
	}
}

// resultOf returns a result of the fetch under test.
func resultOf(outcome workflows.Outcome, recordings ...workflows.Recording) workflows.FetchResult {
	return workflows.FetchResult{
		Session: session, Outcome: outcome, Source: workflows.SourceFetch, Status: "success", Reason: "by this fetch", Recordings: recordings,
		StatusChecks: 2, StartedAt: finishedAt, FinishedAt: finishedAt.Add(time.Hour),
	}
}

// write stores a manifest as another fetch does, and returns its ETag.
func write(t *testing.T, a *account.Served, m *archive.Manifest, replaces string) (etag string) {
	t.Helper()
	_, err := a.Accounts[0].Store.WriteManifest(t.Context(), m, replaces)
	require.NoError(t, err)
	_, etag = stored(t, a)
	return etag
}

func stored(t *testing.T, a *account.Served) (m *archive.Manifest, etag string) {
	t.Helper()
	m, etag, err := a.Accounts[0].Store.ReadManifest(t.Context(), session)
	require.NoError(t, err)
	return m, etag
}

// place is where the bot's work is done.
var place = &fetchrecording.Place{Account: "acme", Retention: 90 * 24 * time.Hour}

func TestFindArchivedReturnsWhatTheManifestSays(t *testing.T) {
	a, server := openAccount(t, nil)
	store(server, aKey, audio)
	file := fileOf("a.wav", audio)
	file.Remarks, file.NoLongerListed, file.DeclaredContentType = []string{"a remark"}, true, "audio/x-wav"
	m := manifestOf(workflows.OutcomeFailed, file)
	m.CallTime = finishedAt.Add(-2 * time.Hour)
	etag := write(t, a, m, "")

	recording := recordingOf("a.wav", audio)
	recording.Remarks, recording.NoLongerListed, recording.DeclaredContentType = file.Remarks, true, "audio/x-wav"
	recording.CallTime = m.CallTime
	found, err := findArchived(t, a)
	require.NoError(t, err)
	require.Equal(t, &fetchrecording.FindArchivedResult{
		Place: place,
		ETag:  etag,
		Result: &workflows.FetchResult{
			Session: session, Outcome: workflows.OutcomeFailed, Source: workflows.SourceManifest, Status: "from the vendor", Reason: "by another fetch",
			Recordings: []workflows.Recording{recording}, Manifest: workflows.ObjectRef{Bucket: bucket, Key: manifestKey},
			StatusChecks: 7, StartedAt: finishedAt.Add(-time.Hour), FinishedAt: finishedAt,
		},
	}, found)
	require.NotEmpty(t, etag)
}

func TestFindArchivedReturnsNilWithoutAManifest(t *testing.T) {
	a, _ := openAccount(t, nil)
	found, err := findArchived(t, a)
	require.NoError(t, err)
	require.Equal(t, &fetchrecording.FindArchivedResult{Place: place}, found)
}

// laneThree assigns lane 3 to every batch.
type laneThree struct{ asked []callbudget.LaneRequest }

func (l *laneThree) Lane(_ context.Context, _ *account.Account, request callbudget.LaneRequest) int {
	l.asked = append(l.asked, request)
	return 3
}

func TestFindArchivedReturnsTheLaneOfTheBatchIfACallMayFollow(t *testing.T) {
	for name, row := range map[string]struct {
		manifest func(file archive.File) *archive.Manifest
		lost     bool
		lane     int
	}{
		"without a manifest": {lane: 3},
		"not archived":       {manifest: func(archive.File) *archive.Manifest { return manifestOf(workflows.OutcomeFailed) }, lane: 3},
		"archived":           {manifest: func(file archive.File) *archive.Manifest { return manifestOf(workflows.OutcomeArchived, file) }},
		"archived, but lost": {manifest: func(file archive.File) *archive.Manifest { return manifestOf(workflows.OutcomeArchived, file) }, lost: true, lane: 3},
	} {
		t.Run(name, func(t *testing.T) {
			a, server := openAccount(t, nil)
			if !row.lost {
				store(server, aKey, audio)
			}
			if row.manifest != nil {
				write(t, a, row.manifest(fileOf("a.wav", audio)), "")
			}
			lanes := new(laneThree)
			execute := (&activities.FindArchived{Served: a, Lanes: lanes}).Execute
			found, err := run[fetchrecording.FindArchivedResult](t, execute, fetchrecording.FindArchivedInput{Session: session, BatchID: "july", Level: 8})
			require.NoError(t, err)
			require.Equal(t, row.lane, found.Place.Lane)
			if row.lane > 0 {
				require.Equal(t, []callbudget.LaneRequest{{BotID: session.BotID, Lane: callbudget.Lane{Batch: "july", Level: 8}}}, lanes.asked)
			} else {
				require.Empty(t, lanes.asked)
			}
		})
	}
}

func TestFindArchivedReturnsTheDamagedKeys(t *testing.T) {
	a, server := openAccount(t, nil)
	var files []archive.File
	for _, name := range []string{"intact.wav", "missing.wav", "longer.wav", "other-label.wav", "other-bytes.wav"} {
		files = append(files, fileOf(name, audio))
		store(server, folder+name, audio)
	}
	store(server, folder+"longer.wav", audio+"!")
	server.Remove(bucket, folder+"missing.wav")
	store(server, folder+"other-label.wav", "THE AUDIO")
	// The label is right, the store's own checksum is not.
	server.Set(bucket, folder+"other-bytes.wav", s3test.Object{Body: []byte("THE AUDIO"), Metadata: map[string]string{"Sha256": sha(audio)}})
	write(t, a, manifestOf(workflows.OutcomeArchived, files...), "")

	found, err := findArchived(t, a)
	require.NoError(t, err)
	require.Equal(t, []string{folder + "missing.wav", folder + "longer.wav", folder + "other-label.wav", folder + "other-bytes.wav"}, found.Damaged)
	require.Len(t, found.Result.Recordings, 5)
}

// A damaged session is proved by the files that it had when it was archived, and by
// those that were archived since: a later list may have named other files, and a
// file that was fetched again may have other bytes.
func TestFilesOfADamagedSessionAreFoundInBothManifests(t *testing.T) {
	const newer = "the audio, fetched again"
	lost, intact, changed := fileOf("lost.wav", audio), fileOf("intact.wav", audio), fileOf("changed.wav", audio)
	again, between, gone := fileOf("changed.wav", newer), fileOf("between.wav", audio), fileOf("gone.wav", audio)
	for _, row := range []struct {
		name    string
		between workflows.Outcome // of a manifest after the archived one, if any
		damaged []archive.File
		want    []archive.File // with those that are missing
		missing []string
	}{
		{"no other files", "", []archive.File{intact, again}, []archive.File{lost, intact, again}, []string{"lost.wav"}},
		{"another file", "", []archive.File{between, again, intact}, []archive.File{lost, intact, again, between}, []string{"lost.wav"}},
		{"another file that is missing", workflows.OutcomeFailed, []archive.File{gone, again}, []archive.File{lost, intact, again, gone}, []string{"lost.wav", "gone.wav"}},
		{"no files", "", nil, []archive.File{lost, intact, changed}, []string{"lost.wav", "changed.wav"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			a, server := openAccount(t, nil)
			store(server, intact.Key, audio)
			store(server, again.Key, newer)
			store(server, between.Key, audio)
			archived := manifestOf(workflows.OutcomeArchived, lost, intact, changed)
			archived.CallTime = finishedAt.Add(-2 * time.Hour)
			etag := write(t, a, archived, "")
			if row.between != "" {
				etag = write(t, a, manifestOf(row.between), etag)
			}
			etag = write(t, a, manifestOf(workflows.OutcomeDamaged, row.damaged...), etag)
			server.ForgetRequests()

			found, err := findArchived(t, a)
			require.NoError(t, err)
			require.Equal(t, etag, found.ETag)
			var before []archive.File
			for _, recording := range found.Before {
				require.Equal(t, archived.CallTime, recording.CallTime)
				before = append(before, fileOf(recording.FileName, map[string]string{sha(audio): audio, sha(newer): newer}[recording.SHA256]))
			}
			require.Equal(t, row.want, before)
			var missing []string
			for _, name := range row.missing {
				missing = append(missing, folder+name)
			}
			require.Equal(t, missing, found.Damaged)
			require.Len(t, found.Result.Recordings, len(row.damaged), "the manifest's own")
			require.Equal(t, workflows.OutcomeDamaged, found.Result.Outcome)
			require.Len(t, server.Requests(), 1+len(row.want), "each object is verified once")
		})
	}
}

func TestUnavailableStoreIsNotTakenForDamage(t *testing.T) {
	a, server := openAccount(t, nil)
	store(server, aKey, audio)
	write(t, a, manifestOf(workflows.OutcomeArchived, fileOf("a.wav", audio)), "")
	server.Add(s3test.Rule{Operation: s3test.HeadObject, Status: http.StatusServiceUnavailable, Code: "SlowDown"})
	_, err := findArchived(t, a)
	requireKind(t, err, failure.ArchiveUnavailable, true, false)
}

func TestFindArchivedRefusesBotThatIsNotServed(t *testing.T) {
	_, server := openAccount(t, nil)
	none, err := account.OpenAll(nil)
	require.NoError(t, err)
	_, err = findArchived(t, none)
	requireKind(t, err, failure.BotNotServed, false, true)
	require.ErrorContains(t, err, "this worker does not serve bot "+botID)
	require.Empty(t, server.Requests())
}

// The JSON is kept for years: its keys are a contract.
func TestManifestContainsEvidenceRemarksAndTheReplacedOne(t *testing.T) {
	a, server := openAccount(t, nil)
	store(server, aKey, audio)
	store(server, folder+"b.wav", audio)
	replaces := write(t, a, manifestOf(workflows.OutcomeFailed), "")
	listed, unlisted := recordingOf("a.wav", audio), recordingOf("b.wav", audio)
	listed.DeclaredContentType, listed.Remarks = "audio/x-wav", []string{"it lasts 1s"}
	unlisted.NoLongerListed = true

	result := resultOf(workflows.OutcomeArchived, listed, unlisted)
	_, err := writeManifest(t, a, fetchrecording.WriteManifestInput{
		Result: result, BatchID: "a batch", Replaces: replaces,
		Evidence: []status.Evidence{{Status: "media_in_progress", First: finishedAt.Add(-time.Minute), Last: finishedAt, Count: 3}},
	})
	require.NoError(t, err)
	object, _ := server.Object(bucket, manifestKey)
	require.JSONEq(t, fmt.Sprintf(`{
		"version": 1, "botId": %[1]q, "sessionId": %[2]q, "batchId": "a batch", "callTime": "2024-03-05T12:42:34Z",
		"outcome": "archived", "status": "success", "reason": "by this fetch", "statusChecks": 2,
		"startedAt": "2024-03-06T12:00:00Z", "finishedAt": "2024-03-06T13:00:00Z", "workflowId": %[3]q, "runId": %[4]q, "writtenBy": %[8]q,
		"files": [
			{"fileName": "a.wav", "key": %[5]q, "bytes": 9, "sha256": %[7]q, "contentType": "audio/wav", "format": "wav", "source": "source of a.wav",
			 "declaredContentType": "audio/x-wav", "remarks": ["it lasts 1s"]},
			{"fileName": "b.wav", "key": %[6]q, "bytes": 9, "sha256": %[7]q, "contentType": "audio/wav", "format": "wav", "source": "source of b.wav",
			 "noLongerListed": true}
		],
		"evidence": [{"status": "media_in_progress", "first": "2024-03-06T11:59:00Z", "last": "2024-03-06T12:00:00Z", "count": 3}],
		"previous": {
			"version": 1, "botId": %[1]q, "sessionId": %[2]q, "callTime": "0001-01-01T00:00:00Z",
			"outcome": "failed", "status": "from the vendor", "reason": "by another fetch", "statusChecks": 7, "files": [],
			"startedAt": "2024-03-06T11:00:00Z", "finishedAt": "2024-03-06T12:00:00Z", "workflowId": "another-workflow", "runId": "another-run"
		}
	}`, botID, sessionID, workflowID, runID, aKey, folder+"b.wav", sha(audio), program.Version()), string(object.Body))
}

func TestWrittenManifestIsTheResult(t *testing.T) {
	a, server := openAccount(t, nil)
	store(server, aKey, audio)
	recording := recordingOf("a.wav", audio)
	recording.Remarks, recording.CallTime = []string{"it lasts 1s"}, time.Date(2024, 3, 5, 12, 42, 34, 0, time.UTC)
	given := resultOf(workflows.OutcomeArchived, recording)
	got, err := writeManifest(t, a, fetchrecording.WriteManifestInput{Result: given})
	require.NoError(t, err)
	given.Manifest = workflows.ObjectRef{Bucket: bucket, Key: manifestKey}
	require.Equal(t, given, got)
}

// What is the archive's word when two fetches of a session disagree.
func TestWhichManifestStays(t *testing.T) {
	const (
		none = iota
		intact
		missing
	)
	failed, archived, damaged, gaveUp, unavailable := workflows.OutcomeFailed, workflows.OutcomeArchived, workflows.OutcomeDamaged, workflows.OutcomeGaveUp, workflows.OutcomeUnavailable
	for _, row := range []struct {
		name    string
		found   workflows.Outcome // the manifest that the fetch found, if any, and may replace
		present workflows.Outcome // the one that another fetch wrote later, if any
		given   workflows.Outcome // the fetch's own
		objects int               // of found and present
		written bool              // the fetch's own stays
		kind    failure.Kind      // or it fails
	}{
		{"first", "", "", failed, none, true, ""},
		{"refetch replaces a failure", failed, "", archived, none, true, ""},
		{"refetch that fails replaces a failure", gaveUp, "", unavailable, none, true, ""},
		{"archived replaces a failure that appeared", "", failed, archived, none, true, ""},
		{"archived replaces damage that appeared", "", damaged, archived, missing, true, ""},
		{"archived replaces a failure by another than it found", gaveUp, failed, archived, none, true, ""},
		{"archived keeps another archived", "", archived, archived, intact, false, ""},
		{"archived replaces another archived that is damaged", "", archived, archived, missing, true, ""},
		{"failure keeps a failure that appeared", "", gaveUp, failed, none, false, ""},
		{"failure keeps a failure by another than it found", unavailable, gaveUp, failed, none, false, ""},
		{"failure keeps an archived that appeared", "", archived, failed, intact, false, ""},
		{"failure keeps an archived by another than it found", failed, archived, failed, intact, false, ""},
		{"failure gives way to an archived that is damaged", failed, archived, failed, missing, false, failure.AlreadyArchived},
		{"failure gives way to a damaged archived that appeared", "", archived, unavailable, missing, false, failure.AlreadyArchived},
		{"damaged replaces the archived", archived, "", damaged, missing, true, ""},
		{"damaged keeps the archived whose objects are back", archived, "", damaged, intact, false, ""},
		{"damaged keeps the archived that another fetch repaired", archived, archived, damaged, intact, false, ""},
		{"repaired replaces the archived", archived, "", archived, missing, true, ""},
		{"repaired replaces the archived whose objects are back", archived, "", archived, intact, true, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			a, server := openAccount(t, nil)
			store(server, aKey, audio)
			var files []archive.File
			switch row.objects {
			case intact:
				files = []archive.File{fileOf("other.wav", audio)}
				store(server, folder+"other.wav", audio)
			case missing:
				files = []archive.File{fileOf("other.wav", audio)}
			}
			var replaces string
			if row.found != "" {
				replaces = write(t, a, manifestOf(row.found, files...), "")
			}
			if row.present != "" {
				later := manifestOf(row.present, files...)
				later.RunID = "a later run"
				write(t, a, later, replaces)
			}
			before, _ := stored(t, a)

			given := resultOf(row.given, recordingOf("a.wav", audio))
			got, err := writeManifest(t, a, fetchrecording.WriteManifestInput{Result: given, Replaces: replaces})
			after, _ := stored(t, a)
			if !row.written {
				require.Equal(t, before, after)
			}
			switch {
			case row.kind != "":
				requireKind(t, err, row.kind, false, true)
			case row.written:
				require.NoError(t, err)
				require.Equal(t, workflows.SourceFetch, got.Source)
				require.Equal(t, row.given, got.Outcome)
				require.Equal(t, "by this fetch", got.Reason)
				require.Equal(t, runID, after.RunID)
				require.Equal(t, program.Version(), after.WrittenBy)
				require.Equal(t, before, after.Previous)
			default:
				require.NoError(t, err)
				require.Equal(t, workflows.SourceManifest, got.Source)
				require.Equal(t, before.Outcome, string(got.Outcome))
				require.Equal(t, "by another fetch", got.Reason)
			}
		})
	}
}

// Temporal repeats an attempt whose result it did not get. The fetch that wrote the
// manifest still reports it as its own.
func TestLostResponseReturnsTheFirstAttemptsManifest(t *testing.T) {
	for _, row := range []struct{ found, given workflows.Outcome }{
		{"", workflows.OutcomeFailed},
		{"", workflows.OutcomeArchived},
		{workflows.OutcomeFailed, workflows.OutcomeArchived},
		{workflows.OutcomeGaveUp, workflows.OutcomeFailed},
		{workflows.OutcomeArchived, workflows.OutcomeDamaged},
	} {
		t.Run(fmt.Sprintf("%s over %q", row.given, row.found), func(t *testing.T) {
			a, server := openAccount(t, nil)
			store(server, aKey, audio)
			input := fetchrecording.WriteManifestInput{Result: resultOf(row.given, recordingOf("a.wav", audio))}
			if row.found != "" {
				input.Replaces = write(t, a, manifestOf(row.found, fileOf("missing.wav", audio)), "")
			}
			server.Add(s3test.Rule{Operation: s3test.PutObject, LoseResponse: true})
			_, err := writeManifest(t, a, input)
			requireKind(t, err, failure.ArchiveUnavailable, true, false)
			first, etag := stored(t, a)
			require.Equal(t, runID, first.RunID, "it was written")

			input.Result.FinishedAt = input.Result.FinishedAt.Add(time.Minute)
			got, err := writeManifest(t, a, input)
			require.NoError(t, err)
			require.Equal(t, workflows.SourceFetch, got.Source)
			require.Equal(t, row.given, got.Outcome)
			require.Equal(t, first.FinishedAt, got.FinishedAt)
			_, now := stored(t, a)
			require.Equal(t, etag, now)
		})
	}
}

// Only the same run is the same fetch.
func TestSourceNamesWhoWroteTheManifest(t *testing.T) {
	for _, row := range []struct {
		workflowID, runID string
		want              workflows.ResultSource
	}{
		{workflowID, runID, workflows.SourceFetch},
		{workflowID, "another-run", workflows.SourceManifest},
		{"another-workflow", runID, workflows.SourceManifest},
	} {
		a, _ := openAccount(t, nil)
		m := manifestOf(workflows.OutcomeFailed)
		m.WorkflowID, m.RunID = row.workflowID, row.runID
		write(t, a, m, "")
		got, err := writeManifest(t, a, fetchrecording.WriteManifestInput{Result: resultOf(workflows.OutcomeGaveUp)})
		require.NoError(t, err)
		require.Equal(t, workflows.OutcomeFailed, got.Outcome)
		require.Equal(t, row.want, got.Source)
	}
}

func TestChangedRecordingGetsNoManifest(t *testing.T) {
	for name, damage := range map[string]func(*s3test.Server){
		"missing":   func(server *s3test.Server) { server.Remove(bucket, aKey) },
		"longer":    func(server *s3test.Server) { store(server, aKey, audio+"!") },
		"different": func(server *s3test.Server) { store(server, aKey, "THE AUDIO") },
	} {
		a, server := openAccount(t, nil)
		store(server, aKey, audio)
		damage(server)
		_, err := writeManifest(t, a, fetchrecording.WriteManifestInput{Result: resultOf(workflows.OutcomeArchived, recordingOf("a.wav", audio))})
		requireKind(t, err, failure.ArchiveChanged, false, true)
		require.NotContains(t, server.Keys(bucket), manifestKey, name)
	}
}

// Whether the archived manifest may be replaced is not known then.
func TestUnavailableStoreReplacesNothing(t *testing.T) {
	for _, operation := range []s3test.Operation{s3test.GetObject, s3test.HeadObject} {
		a, server := openAccount(t, nil)
		replaces := write(t, a, manifestOf(workflows.OutcomeArchived, fileOf("missing.wav", audio)), "")
		server.Add(s3test.Rule{Operation: operation, Status: http.StatusServiceUnavailable, Code: "SlowDown"})
		_, err := writeManifest(t, a, fetchrecording.WriteManifestInput{Result: resultOf(workflows.OutcomeDamaged), Replaces: replaces})
		requireKind(t, err, failure.ArchiveUnavailable, true, false)
		_, etag := stored(t, a)
		require.Equal(t, replaces, etag)
	}
}

func TestUnfinishedUploadsAreRemovedBeforeTheManifest(t *testing.T) {
	a, server := openAccount(t, nil)
	server.AcceptUnchecked = true // for the client below
	client, err := minio.New(server.URL.Host, &minio.Options{Creds: credentials.NewStaticV4("key", "secret", ""), Region: "us-east-1"})
	require.NoError(t, err)
	for _, name := range []string{"a.wav", "b.wav"} {
		_, err = minio.Core{Client: client}.NewMultipartUpload(t.Context(), bucket, folder+name, minio.PutObjectOptions{})
		require.NoError(t, err)
	}
	_, err = writeManifest(t, a, fetchrecording.WriteManifestInput{Result: resultOf(workflows.OutcomeGaveUp), Unfinished: []string{"a.wav"}})
	require.NoError(t, err)
	require.Equal(t, []string{folder + "b.wav"}, server.Uploads(), "another fetch may be writing it")
}
