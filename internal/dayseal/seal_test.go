package dayseal_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/internal/archive"
	"github.com/callvault/callvault/internal/archive/s3test"
	"github.com/callvault/callvault/internal/dayrecord"
	"github.com/callvault/callvault/internal/dayseal"
	"github.com/callvault/callvault/internal/daysessions"
	"github.com/callvault/callvault/internal/merkle"
	"github.com/callvault/callvault/workflows"
)

const (
	bucket = "recordings"
	botID  = "st-1"
)

var (
	theDay   = workflows.Day{BotID: botID, Date: "2026-03-05"}
	sealedAt = time.Date(2026, 3, 8, 3, 0, 0, 0, time.UTC)
	bothRead = []dayrecord.Listing{{List: dayrecord.GetSessions, At: sealedAt}, {List: dayrecord.InteractionDetails, At: sealedAt}}
)

// id is the id of the n-th session of the day.
func id(n int) string {
	return fmt.Sprintf("%08x%016x", time.Date(2026, 3, 5, 8, 0, n, 0, time.UTC).Unix(), n)
}

func newStore(t *testing.T) (*archive.Store, *s3test.Server) {
	t.Helper()
	server := s3test.New(t, bucket)
	store, err := archive.Open(archive.Config{
		Endpoint: server.URL, Bucket: bucket, Region: "us-east-1", Prefix: "calls/", Credentials: credentials.NewStaticV4("key", "secret", ""),
	})
	require.NoError(t, err)
	return store, server
}

// putManifest archives a session with an outcome, in place of the manifest that it had.
func putManifest(t *testing.T, store *archive.Store, n int, outcome workflows.Outcome) {
	t.Helper()
	session := workflows.Session{BotID: botID, SessionID: id(n)}
	_, etag, err := store.ReadManifest(t.Context(), session)
	require.NoError(t, err)
	folder, err := store.Folder(session)
	require.NoError(t, err)
	manifest := &archive.Manifest{Session: session, Outcome: string(outcome), Status: "success", WorkflowID: "w", RunID: fmt.Sprint(outcome, etag)}
	if outcome == workflows.OutcomeArchived {
		manifest.Files = []archive.File{{FileName: "a.wav", Key: folder + "a.wav", Bytes: 10, SHA256: strings.Repeat("ab", 32)}}
	}
	_, err = store.WriteManifest(t.Context(), manifest, etag)
	require.NoError(t, err)
}

func known(ids ...int) daysessions.Sessions {
	sessions := make(daysessions.Sessions)
	for _, n := range ids {
		sessions.Add(dayrecord.GetSessions, id(n), "user", true)
		sessions.Add(dayrecord.InteractionDetails, id(n), "", true)
	}
	return sessions
}

func seal(t *testing.T, store *archive.Store, sessions daysessions.Sessions) *dayseal.Sealed {
	t.Helper()
	sealed, err := trySeal(t, store, sessions)
	require.NoError(t, err)
	return sealed
}

func trySeal(t *testing.T, store *archive.Store, sessions daysessions.Sessions) (*dayseal.Sealed, error) {
	return dayseal.Seal(t.Context(), store, dayseal.Day{Day: theDay, Sessions: sessions, Listings: bothRead, SealedAt: sealedAt},
		dayseal.Options{Retention: 30 * 24 * time.Hour, UserHashKey: []byte("0123456789abcdef"), TempDir: t.TempDir()})
}

func rowsOf(t *testing.T, server *s3test.Server, key string) []dayrecord.Row {
	t.Helper()
	object, found := server.Object(bucket, key)
	require.True(t, found, key)
	var rows []dayrecord.Row
	for line := range bytes.Lines(object.Body) {
		var row dayrecord.Row
		require.NoError(t, json.Unmarshal(line, &row))
		rows = append(rows, row)
	}
	return rows
}

func TestSealedDayHasARowForEachSession(t *testing.T) {
	store, server := newStore(t)
	putManifest(t, store, 1, workflows.OutcomeArchived)
	putManifest(t, store, 2, workflows.OutcomeUnavailable)
	sealed := seal(t, store, known(2, 1))
	require.Equal(t, "calls/days/st-1/2026/03/05/r1.json", sealed.Key)
	require.Equal(t, dayrecord.Counts{Sessions: 2, Outcomes: map[workflows.Outcome]int{"archived": 1, "unavailable": 1}, Files: 1, Bytes: 10}, sealed.Counts)
	require.Nil(t, sealed.Disagreement)
	require.Nil(t, sealed.Previous)

	rows := rowsOf(t, server, "calls/days/st-1/2026/03/05/r1.ndjson")
	require.Equal(t, []string{id(1), id(2)}, []string{rows[0].SessionID, rows[1].SessionID})
	manifest, _ := server.Object(bucket, rows[0].Manifest.Key)
	sum := sha256.Sum256(manifest.Body)
	require.Equal(t, hex.EncodeToString(sum[:]), rows[0].Manifest.SHA256)
	require.Equal(t, int64(10), rows[0].Bytes)
	require.Equal(t, rows[0].CallTime.Add(30*24*time.Hour), rows[0].PurgeAt)
	require.Equal(t, dayrecord.UserHash([]byte("0123456789abcdef"), "user"), rows[0].UserHash)
	require.NotContains(t, string(manifest.Body), "user")
	require.Equal(t, []string{dayrecord.GetSessions, dayrecord.InteractionDetails}, rows[0].ListedBy)
}

func TestRecordHasTheHashAndTheTreeOfItsRows(t *testing.T) {
	store, server := newStore(t)
	for n := range 70 {
		putManifest(t, store, n, workflows.OutcomeFailed)
	}
	sessions := make(daysessions.Sessions)
	for n := range 70 {
		sessions.Add(dayrecord.GetSessions, id(n), "", true)
	}
	sealed := seal(t, store, sessions)
	object, _ := server.Object(bucket, sealed.Rows.Key)
	var tree merkle.Tree
	for line := range bytes.Lines(object.Body) {
		tree.Add(bytes.TrimSuffix(line, []byte("\n")))
	}
	sum := sha256.Sum256(object.Body)
	require.Equal(t, hex.EncodeToString(sum[:]), sealed.Rows.SHA256)
	require.Equal(t, int64(len(object.Body)), sealed.Rows.Bytes)
	require.Equal(t, int64(70), sealed.Rows.TreeSize)
	require.Equal(t, tree.HexRoot(), sealed.Rows.TreeRoot)

	record, _ := server.Object(bucket, sealed.Key)
	sum = sha256.Sum256(record.Body)
	require.Equal(t, hex.EncodeToString(sum[:]), sealed.SHA256)
}

func TestDisagreementOfTheListsIsInTheRecordById(t *testing.T) {
	store, _ := newStore(t)
	sessions := known(1)
	sessions.Add(dayrecord.GetSessions, id(2), "", true)
	sessions.Add(dayrecord.InteractionDetails, id(3), "", true)
	sessions.AddArchived(id(4))
	for n := 1; n <= 4; n++ {
		putManifest(t, store, n, workflows.OutcomeArchived)
	}
	record := seal(t, store, sessions).Record
	require.Equal(t, &dayrecord.Disagreement{OnlyGetSessions: []string{id(2)}, OnlyInteractionDetails: []string{id(3)}, Unlisted: []string{id(4)}}, record.Disagreement)
	require.Equal(t, []int{1, 1, 1}, []int{record.Counts.OnlyGetSessions, record.Counts.OnlyInteractionDetails, record.Counts.Unlisted})
}

func TestListThatWasNeverReadDisagreesWithNothing(t *testing.T) {
	store, _ := newStore(t)
	putManifest(t, store, 1, workflows.OutcomeArchived)
	sessions := make(daysessions.Sessions)
	sessions.Add(dayrecord.GetSessions, id(1), "", true)
	listings := []dayrecord.Listing{bothRead[0], {List: dayrecord.InteractionDetails, At: sealedAt, Unavailable: "no account id"}}
	sealed, err := dayseal.Seal(t.Context(), store, dayseal.Day{Day: theDay, Sessions: sessions, Listings: listings, SealedAt: sealedAt}, dayseal.Options{})
	require.NoError(t, err)
	require.Nil(t, sealed.Disagreement)
	require.Equal(t, "no account id", sealed.Listings[1].Unavailable)
}

func TestSessionWithoutAManifestKeepsTheDayFromBeingSealed(t *testing.T) {
	store, server := newStore(t)
	putManifest(t, store, 1, workflows.OutcomeArchived)
	_, err := trySeal(t, store, known(1, 2, 3))
	missing, ok := errors.AsType[*dayseal.MissingError](err)
	require.True(t, ok, "%v", err)
	require.Equal(t, dayseal.MissingError{Sessions: 2, Example: id(2)}, *missing)
	for _, key := range server.Keys(bucket) {
		require.NotContains(t, key, "/days/")
	}
}

func TestDayThatHasNotChangedKeepsItsRevision(t *testing.T) {
	store, server := newStore(t)
	putManifest(t, store, 1, workflows.OutcomeArchived)
	first := seal(t, store, known(1))
	again := seal(t, store, known(1))
	require.True(t, again.Unchanged)
	require.Equal(t, first.SHA256, again.SHA256)
	require.NotContains(t, strings.Join(server.Keys(bucket), " "), "r2")
}

func TestChangedManifestMakesTheNextRevisionWhichNamesTheOneBefore(t *testing.T) {
	store, server := newStore(t)
	putManifest(t, store, 1, workflows.OutcomeUnavailable)
	first := seal(t, store, known(1))
	before, _ := server.Object(bucket, first.Rows.Key)
	putManifest(t, store, 1, workflows.OutcomeArchived)
	second := seal(t, store, known(1))
	require.Equal(t, 2, second.Record.Revision)
	require.Equal(t, &dayrecord.Previous{Key: first.Key, SHA256: first.SHA256}, second.Previous)
	require.Len(t, second.Listings, 4, "those of both revisions")
	after, _ := server.Object(bucket, first.Rows.Key)
	require.Equal(t, before.Body, after.Body, "the first revision stays")
	latest, err := dayseal.Latest(t.Context(), store, theDay)
	require.NoError(t, err)
	require.Equal(t, second.SHA256, latest.SHA256)
}

// A worker is killed after it has written the rows; another manifest changes before the next attempt.
func TestRowsOfALostAttemptAreTakenAndTheChangeComesNext(t *testing.T) {
	store, server := newStore(t)
	putManifest(t, store, 1, workflows.OutcomeUnavailable)
	server.Add(s3test.Rule{Operation: s3test.PutObject, Status: http.StatusForbidden, Code: "AccessDenied", Key: "calls/days/st-1/2026/03/05/r1.json"})
	_, err := trySeal(t, store, known(1))
	require.Error(t, err)
	putManifest(t, store, 1, workflows.OutcomeArchived)

	taken := seal(t, store, known(1))
	require.Equal(t, 1, taken.Record.Revision)
	require.Equal(t, map[workflows.Outcome]int{"unavailable": 1}, taken.Counts.Outcomes)
	require.True(t, taken.Behind, "so the next revision has to follow")
	next := seal(t, store, known(1))
	require.Equal(t, 2, next.Record.Revision)
	require.Equal(t, map[workflows.Outcome]int{"archived": 1}, next.Counts.Outcomes)
}

// The log is to name the rows for good: those that callvault has not written like this are not taken.
func TestRowsThatSomebodyHasPutThereAreNotTaken(t *testing.T) {
	store, server := newStore(t)
	putManifest(t, store, 1, workflows.OutcomeArchived)
	first := seal(t, store, known(1))
	rows, _ := server.Object(bucket, first.Rows.Key)
	for name, change := range map[string]string{"a key more": `{"note":"x",`, "another order": `{ `} {
		t.Run(name, func(t *testing.T) {
			server.Remove(bucket, first.Key)
			server.Set(bucket, first.Rows.Key, s3test.Object{Body: []byte(change + strings.TrimPrefix(string(rows.Body), "{"))})
			_, err := trySeal(t, store, known(1))
			require.ErrorIs(t, err, archive.ErrBlocked)
			require.ErrorContains(t, err, "is not as callvault writes it")
			require.ErrorContains(t, err, "move it away")
		})
	}
}

func TestRecordOfAnotherAttemptIsTaken(t *testing.T) {
	store, server := newStore(t)
	putManifest(t, store, 1, workflows.OutcomeArchived)
	first := seal(t, store, known(1))
	record, _ := server.Object(bucket, first.Key)
	server.Remove(bucket, first.Key)
	server.Add(s3test.Rule{Operation: s3test.PutObject, Key: first.Key, Before: func() { server.Set(bucket, first.Key, record) }})
	later, err := dayseal.Seal(t.Context(), store, dayseal.Day{Day: theDay, Sessions: known(1), Listings: bothRead, SealedAt: sealedAt.Add(time.Hour)}, dayseal.Options{Retention: 30 * 24 * time.Hour, UserHashKey: []byte("0123456789abcdef")})
	require.NoError(t, err)
	require.Equal(t, first.SHA256, later.SHA256)
}

func TestRecordThatIsNotOfTheDayBlocks(t *testing.T) {
	store, server := newStore(t)
	for name, body := range map[string]string{
		"another day":  `{"version":1,"botId":"st-1","date":"2026-03-06","revision":1}`,
		"not JSON":     `x`,
		"from later":   `{"version":9,"botId":"st-1","date":"2026-03-05","revision":1}`,
		"other number": `{"version":1,"botId":"st-1","date":"2026-03-05","revision":2}`,
	} {
		t.Run(name, func(t *testing.T) {
			server.Set(bucket, "calls/days/st-1/2026/03/05/r1.json", s3test.Object{Body: []byte(body)})
			_, err := dayseal.Latest(t.Context(), store, theDay)
			require.ErrorIs(t, err, archive.ErrBlocked)
		})
	}
}

func TestNotesAreRemembered(t *testing.T) {
	store, _ := newStore(t)
	putManifest(t, store, 1, workflows.OutcomeArchived)
	sealed := seal(t, store, known(1))
	index, err := dayseal.LogIndex(t.Context(), store, sealed.Revision)
	require.NoError(t, err)
	require.Equal(t, int64(-1), index)
	require.NoError(t, dayseal.NoteLogIndex(t.Context(), store, sealed.Revision, 7))
	index, err = dayseal.LogIndex(t.Context(), store, sealed.Revision)
	require.NoError(t, err)
	require.Equal(t, int64(7), index)

	require.NoError(t, dayseal.NoteReview(t.Context(), store, theDay, sealedAt))
	listed, err := dayseal.LastReview(t.Context(), store, theDay)
	require.NoError(t, err)
	require.Equal(t, sealedAt, listed)
}
