package archive_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/internal/archive"
	"github.com/callvault/callvault/internal/archive/s3test"
	"github.com/callvault/callvault/internal/failure"
	"github.com/callvault/callvault/internal/status"
	"github.com/callvault/callvault/workflows"
)

const manifestKey = folder + archive.ManifestName

// manifestOf returns a manifest of the session without files.
func manifestOf(outcome workflows.Outcome, runID string) *archive.Manifest {
	return &archive.Manifest{
		Session: session, Outcome: string(outcome), Status: "from the vendor", WorkflowID: session.FetchWorkflowID(), RunID: runID,
		Files: []archive.File{}, Evidence: []status.Evidence{{Status: "success", Count: 1}},
	}
}

// archivedAs returns a manifest of a session with one file, which it stores.
func archivedAs(server *s3test.Server, runID string) *archive.Manifest {
	return withFile(server, manifestOf(workflows.OutcomeArchived, runID), "a.wav")
}

// withFile adds a file to a manifest, and stores it.
func withFile(server *s3test.Server, m *archive.Manifest, name string) *archive.Manifest {
	content := []byte("the recording")
	server.Set(bucket, folder+name, objectOf(content))
	m.Files = append(m.Files, archive.File{FileName: name, Key: folder + name, Bytes: int64(len(content)), SHA256: digestOf(content)})
	return m
}

// write stores a manifest as another fetch would, and returns its ETag.
func write(t *testing.T, store *archive.Store, m *archive.Manifest) (etag string) {
	t.Helper()
	_, err := store.WriteManifest(t.Context(), m, "")
	require.NoError(t, err)
	return etagOf(t, store)
}

func etagOf(t *testing.T, store *archive.Store) string {
	t.Helper()
	m, etag, err := store.ReadManifest(t.Context(), session)
	require.NoError(t, err)
	require.NotNil(t, m)
	return etag
}

func stored(t *testing.T, store *archive.Store) *archive.Manifest {
	t.Helper()
	m, _, err := store.ReadManifest(t.Context(), session)
	require.NoError(t, err)
	return m
}

func TestFirstManifestIsOneConditionalRequest(t *testing.T) {
	store, server := openStore(t)
	m := manifestOf(workflows.OutcomeFailed, "1")
	m.Previous = manifestOf(workflows.OutcomeGaveUp, "0")
	written, err := store.WriteManifest(t.Context(), m, "")
	require.NoError(t, err)

	require.Equal(t, []s3test.Operation{s3test.PutObject}, server.Operations())
	request := server.Requests()[0]
	require.Equal(t, manifestKey, request.Key)
	requireConditions(t, request.Header, "", "*")
	object, _ := server.Object(bucket, manifestKey)
	require.Equal(t, "application/json", object.ContentType)
	require.Equal(t, checksumOf(object.Body), object.Checksum)

	require.Equal(t, written, stored(t, store))
	require.Equal(t, 1, written.Version)
	require.Nil(t, written.Previous, "it replaced none")
	require.Zero(t, m.Version, "the argument is not changed")
	require.NotNil(t, m.Previous, "the argument is not changed")
}

func TestReplacingManifestContainsThePreviousOne(t *testing.T) {
	store, server := openStore(t)
	replaced := write(t, store, manifestOf(workflows.OutcomeUnavailable, "1"))
	previous := stored(t, store)
	server.ForgetRequests()

	written, err := store.WriteManifest(t.Context(), manifestOf(workflows.OutcomeFailed, "2"), replaced)
	require.NoError(t, err)
	require.Equal(t, []s3test.Operation{s3test.GetObject, s3test.PutObject}, server.Operations())
	requireConditions(t, sent(server, s3test.PutObject)[0], `"`+replaced+`"`, "")
	require.Equal(t, "2", written.RunID)
	require.Equal(t, previous, written.Previous)
	require.Equal(t, written, stored(t, store))
}

func TestManifestToReplaceMayBeGone(t *testing.T) {
	store, server := openStore(t)
	written, err := store.WriteManifest(t.Context(), manifestOf(workflows.OutcomeFailed, "2"), "gone")
	require.NoError(t, err)
	require.Nil(t, written.Previous)
	require.Equal(t, []s3test.Operation{s3test.GetObject, s3test.PutObject}, server.Operations())
	requireConditions(t, sent(server, s3test.PutObject)[0], "", "*")
}

// Ten replaced manifests are kept; the eleventh drops the first.
func TestOldestPreviousManifestIsDropped(t *testing.T) {
	store, _ := openStore(t)
	etag := ""
	for i := range 13 {
		_, err := store.WriteManifest(t.Context(), manifestOf(workflows.OutcomeFailed, fmt.Sprint(i)), etag)
		require.NoError(t, err)
		etag = etagOf(t, store)
	}
	var runs []string
	for m := stored(t, store); m != nil; m = m.Previous {
		runs = append(runs, m.RunID)
	}
	require.Equal(t, []string{"12", "11", "10", "9", "8", "7", "6", "5", "4", "3", "2"}, runs)
}

// The rules by which two manifests of one session are resolved.
func TestConflictOfManifestsIsResolved(t *testing.T) {
	const (
		kept = iota
		replaced
		archivedBefore
	)
	whole := func(*s3test.Server) {}
	missing := func(server *s3test.Server) { server.Remove(bucket, aKey) }
	changed := func(server *s3test.Server) { server.Set(bucket, aKey, objectOf([]byte("another file!"))) }
	for _, row := range []struct {
		name    string
		present workflows.Outcome
		runID   string
		object  func(*s3test.Server)
		ours    workflows.Outcome
		want    int
	}{
		{"own earlier attempt", workflows.OutcomeFailed, "ours", whole, workflows.OutcomeFailed, kept},
		{"own earlier attempt that failed", workflows.OutcomeFailed, "ours", whole, workflows.OutcomeArchived, kept},
		{"own earlier attempt whose object is missing", workflows.OutcomeArchived, "ours", missing, workflows.OutcomeArchived, kept},
		{"archived twice", workflows.OutcomeArchived, "theirs", whole, workflows.OutcomeArchived, kept},
		{"archived before a failure", workflows.OutcomeArchived, "theirs", whole, workflows.OutcomeFailed, kept},
		{"archived before damaged", workflows.OutcomeArchived, "theirs", whole, workflows.OutcomeDamaged, kept},
		{"object missing, archived again", workflows.OutcomeArchived, "theirs", missing, workflows.OutcomeArchived, replaced},
		{"object changed, archived again", workflows.OutcomeArchived, "theirs", changed, workflows.OutcomeArchived, replaced},
		{"object missing, then a failure", workflows.OutcomeArchived, "theirs", missing, workflows.OutcomeUnavailable, archivedBefore},
		{"object changed, then damaged", workflows.OutcomeArchived, "theirs", changed, workflows.OutcomeDamaged, archivedBefore},
		{"archived after a failure", workflows.OutcomeFailed, "theirs", missing, workflows.OutcomeArchived, replaced},
		{"archived after damaged", workflows.OutcomeDamaged, "theirs", missing, workflows.OutcomeArchived, replaced},
		{"two failures", workflows.OutcomeFailed, "theirs", missing, workflows.OutcomeGaveUp, kept},
	} {
		for _, replaces := range []string{"", "the-etag-of-another-one"} {
			t.Run(row.name+" "+replaces, func(t *testing.T) {
				store, server := openStore(t)
				present := archivedAs(server, row.runID)
				present.Outcome = string(row.present)
				etag := write(t, store, present)
				row.object(server)
				server.ForgetRequests()

				ours := withFile(server, manifestOf(row.ours, "ours"), "ours.wav")
				written, err := store.WriteManifest(t.Context(), ours, replaces)
				puts := sent(server, s3test.PutObject)
				if replaces == "" {
					requireConditions(t, puts[0], "", "*")
					puts = puts[1:]
				}
				switch row.want {
				case kept:
					require.NoError(t, err)
					require.Empty(t, puts)
					require.Equal(t, string(row.present), written.Outcome)
					require.Nil(t, written.Previous)
				case replaced:
					require.NoError(t, err)
					require.Len(t, puts, 1)
					requireConditions(t, puts[0], `"`+etag+`"`, "")
					require.Equal(t, string(row.ours), written.Outcome)
					require.Equal(t, string(row.present), written.Previous.Outcome)
					require.Nil(t, written.Previous.Previous)
				case archivedBefore:
					require.ErrorIs(t, err, archive.ErrArchivedBefore)
					require.NotErrorIs(t, err, archive.ErrBlocked)
					require.ErrorContains(t, err, "s3://recordings/"+aKey)
					failed, _ := failure.Of(err)
					require.Equal(t, failure.AlreadyArchived, failed.FailureKind(), "the fetch repairs the session")
					require.Nil(t, written)
					require.Empty(t, puts)
					written = present
				}
				require.Equal(t, written.Outcome, stored(t, store).Outcome)
			})
		}
	}
}

// Another workflow may have the same run id, and another run the same workflow id.
func TestManifestIsOwnOnlyByWorkflowAndRun(t *testing.T) {
	for _, row := range []struct{ workflowID, runID, kept string }{
		{"w", "r", "failed"}, {"w", "another", "archived"}, {"another", "r", "archived"},
	} {
		store, server := openStore(t)
		present := manifestOf(workflows.OutcomeFailed, "r")
		present.WorkflowID = "w"
		write(t, store, present)
		ours := archivedAs(server, row.runID)
		ours.WorkflowID = row.workflowID
		written, err := store.WriteManifest(t.Context(), ours, "")
		require.NoError(t, err)
		require.Equal(t, row.kept, written.Outcome)
	}
}

func TestLostResponseOfAWriteIsFoundByTheNextAttempt(t *testing.T) {
	for name, first := range map[string]bool{"first manifest": true, "replacing manifest": false} {
		t.Run(name, func(t *testing.T) {
			store, server := openStore(t)
			replaces := ""
			if !first {
				replaces = write(t, store, manifestOf(workflows.OutcomeFailed, "1"))
			}
			server.Add(s3test.Rule{Operation: s3test.PutObject, LoseResponse: true})
			m := manifestOf(workflows.OutcomeGaveUp, "2")
			_, err := store.WriteManifest(t.Context(), m, replaces)
			requireUnavailable(t, err, "write s3://recordings/"+manifestKey)

			etag := etagOf(t, store)
			written, err := store.WriteManifest(t.Context(), m, replaces)
			require.NoError(t, err)
			require.Equal(t, "2", written.RunID)
			require.Equal(t, first, written.Previous == nil)
			require.Equal(t, etag, etagOf(t, store), "it is not written again")
		})
	}
}

// replaceBefore lets another fetch write its manifest right before a PUT of ours.
func replaceBefore(t *testing.T, store *archive.Store, server *s3test.Server, skip int, theirs *archive.Manifest) {
	server.Add(s3test.Rule{Operation: s3test.PutObject, Skip: skip, Before: func() {
		server.Remove(bucket, manifestKey)
		_, err := store.WriteManifest(t.Context(), theirs, "")
		require.NoError(t, err)
	}})
}

func TestManifestWrittenMeanwhileIsResolved(t *testing.T) {
	store, server := openStore(t)
	replaceBefore(t, store, server, 0, manifestOf(workflows.OutcomeFailed, "theirs"))
	written, err := store.WriteManifest(t.Context(), manifestOf(workflows.OutcomeGaveUp, "ours"), "")
	require.NoError(t, err)
	require.Equal(t, "theirs", written.RunID)

	replaces := etagOf(t, store)
	replaceBefore(t, store, server, 0, archivedAs(server, "theirs too"))
	written, err = store.WriteManifest(t.Context(), manifestOf(workflows.OutcomeGaveUp, "ours"), replaces)
	require.NoError(t, err)
	require.Equal(t, "theirs too", written.RunID, "the ETag that ours may replace is no longer the manifest's")
}

func TestManifestReplacedDuringAReplaceIsAConflict(t *testing.T) {
	for name, meanwhile := range map[string]func(*s3test.Server){
		"another one": func(server *s3test.Server) { server.Set(bucket, manifestKey, s3test.Object{Body: []byte("{}")}) },
		"removed":     func(server *s3test.Server) { server.Remove(bucket, manifestKey) },
	} {
		t.Run(name, func(t *testing.T) {
			store, server := openStore(t)
			write(t, store, manifestOf(workflows.OutcomeFailed, "theirs"))
			server.Add(s3test.Rule{Operation: s3test.PutObject, Skip: 1, Before: func() { meanwhile(server) }})
			_, err := store.WriteManifest(t.Context(), archivedAs(server, "ours"), "")
			require.ErrorIs(t, err, archive.ErrConflict)
		})
	}
}

func TestManifestRemovedAfterAConflictIsAConflict(t *testing.T) {
	for _, replace := range []bool{false, true} {
		store, server := openStore(t)
		replaces := write(t, store, manifestOf(workflows.OutcomeFailed, "theirs"))
		if !replace {
			replaces = ""
		}
		server.Add(s3test.Rule{
			Operation: s3test.PutObject,
			Before:    func() { server.Set(bucket, manifestKey, s3test.Object{Body: []byte("{}")}) },
			After:     func() { server.Remove(bucket, manifestKey) },
		})
		written, err := store.WriteManifest(t.Context(), manifestOf(workflows.OutcomeFailed, "ours"), replaces)
		require.ErrorIs(t, err, archive.ErrConflict)
		require.ErrorContains(t, err, "write s3://recordings/"+manifestKey)
		require.Nil(t, written)
	}
}

func TestErrorsOfManifestRequestsAreReturned(t *testing.T) {
	unavailable := func(operation s3test.Operation, skip int) s3test.Rule {
		return s3test.Rule{Operation: operation, Skip: skip, Status: http.StatusServiceUnavailable, Code: "SlowDown"}
	}
	for _, row := range []struct {
		name     string
		rule     s3test.Rule
		replaces string
		says     string
	}{
		{"first write", unavailable(s3test.PutObject, 0), "", "write s3://"},
		{"read after a conflict", unavailable(s3test.GetObject, 0), "", "read s3://"},
		{"read before a replace", unavailable(s3test.GetObject, 0), "etag", "read s3://"},
		{"read after another ETag", unavailable(s3test.GetObject, 1), "etag", "read s3://"},
		{"verify", unavailable(s3test.HeadObject, 0), "", "verify s3://"},
		{"replace", unavailable(s3test.PutObject, 1), "", "write s3://"},
	} {
		t.Run(row.name, func(t *testing.T) {
			store, server := openStore(t)
			write(t, store, archivedAs(server, "theirs"))
			if row.name == "replace" {
				server.Remove(bucket, aKey)
			}
			etag := etagOf(t, store)
			server.Add(row.rule)
			ours := withFile(server, manifestOf(workflows.OutcomeArchived, "ours"), "ours.wav")
			written, err := store.WriteManifest(t.Context(), ours, row.replaces)
			requireUnavailable(t, err, row.says)
			require.Nil(t, written)
			require.Equal(t, etag, etagOf(t, store))
		})
	}
}

func TestManifestOfInvalidSessionIsRefused(t *testing.T) {
	store, server := openStore(t)
	m := manifestOf(workflows.OutcomeFailed, "1")
	m.SessionID = "../.."
	_, err := store.WriteManifest(t.Context(), m, "")
	failed, _ := failure.Of(err)
	require.Equal(t, failure.InvalidInput, failed.FailureKind())
	_, _, err = store.ReadManifest(t.Context(), m.Session)
	failed, _ = failure.Of(err)
	require.Equal(t, failure.InvalidInput, failed.FailureKind())
	require.Empty(t, server.Requests())
}

func TestManifestThatCannotBeReadBackIsNotWritten(t *testing.T) {
	store, server := openStore(t)
	m := manifestOf(workflows.OutcomeFailed, "1")
	m.Reason = strings.Repeat("x", 1<<20)
	_, err := store.WriteManifest(t.Context(), m, "")
	require.ErrorIs(t, err, archive.ErrBlocked)
	m = manifestOf(workflows.OutcomeFailed, "1")
	m.FinishedAt = time.Date(10_000, 1, 1, 0, 0, 0, 0, time.UTC)
	_, err = store.WriteManifest(t.Context(), m, "")
	require.ErrorContains(t, err, "encode the manifest")
	require.Empty(t, server.Requests())
}

// The fetch that found objects missing holds the ETag, but somebody restored them.
func TestFailureReplacesAnArchivedManifestOnlyWhileObjectsAreMissing(t *testing.T) {
	for name, missing := range map[string]bool{"restored": false, "missing still": true} {
		t.Run(name, func(t *testing.T) {
			store, server := openStore(t)
			archived := archivedAs(server, "1")
			etag := write(t, store, archived)
			if missing {
				server.Remove(bucket, aKey)
			}
			written, err := store.WriteManifest(t.Context(), manifestOf(workflows.OutcomeDamaged, "2"), etag)
			require.NoError(t, err)
			if missing {
				require.Equal(t, "2", written.RunID)
				require.Equal(t, archived.RunID, written.Previous.RunID)
			} else {
				require.Equal(t, "1", written.RunID)
			}
			require.Equal(t, written, stored(t, store))
		})
	}
}
