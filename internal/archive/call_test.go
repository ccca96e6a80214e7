package archive_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/internal/archive"
	"github.com/callvault/callvault/internal/archive/s3test"
	"github.com/callvault/callvault/workflows"
)

const callKey = folder + "call.json"

var callBegan = time.Date(2024, 3, 5, 12, 42, 34, 0, time.UTC)

// callOf is what the lists say of a call of a minute, with one row.
func callOf(row string) archive.Call {
	return archive.Call{Lists: archive.CallLists{InteractionDetails: json.RawMessage(row)}, StartedAt: callBegan, EndedAt: callBegan.Add(time.Minute)}
}

// storeCall writes a call, and returns it as it is stored.
func storeCall(t *testing.T, store *archive.Store, row string) *archive.StoredCall {
	t.Helper()
	require.NoError(t, store.WriteCall(t.Context(), session, callOf(row)))
	stored, err := store.ReadCall(t.Context(), session)
	require.NoError(t, err)
	require.NotNil(t, stored)
	return stored
}

// setManifest stores a manifest with these attachments.
func setManifest(t *testing.T, store *archive.Store, outcome string, attachments ...archive.Attachment) *archive.Manifest {
	t.Helper()
	m := manifestOf(workflows.Outcome(outcome), "run")
	if outcome == "archived" {
		m.Files = []archive.File{{FileName: "a.wav", Key: aKey, SHA256: digestOf(nil)}}
	}
	m.Attachments = attachments
	written, err := store.WriteManifest(t.Context(), m, "")
	require.NoError(t, err)
	return written
}

func storedAt(t *testing.T, server *s3test.Server, key string) []byte {
	t.Helper()
	object, found := server.Object(bucket, key)
	require.True(t, found, key)
	return object.Body
}

func has(server *s3test.Server, key string) bool {
	_, found := server.Object(bucket, key)
	return found
}

func TestCallIsWrittenAsTheListsHaveIt(t *testing.T) {
	store, server := openStore(t)
	call := callOf(`{"queue": "A&B <1>", "n": 1.50, "agent": null}`)
	call.Lists.GetSessions = json.RawMessage(`{"sessionId":"65e7"}`)
	require.NoError(t, store.WriteCall(t.Context(), session, call))
	require.Equal(t, `{"version":1,"botId":"`+botID+`","sessionId":"`+sessionID+`","lists":{"getSessions":{"sessionId":"65e7"},`+
		`"interactionDetails":{"queue":"A&B <1>","n":1.50,"agent":null}},"startedAt":"2024-03-05T12:42:34Z","endedAt":"2024-03-05T12:43:34Z"}`+"\n",
		string(storedAt(t, server, callKey)))

	stored, err := store.ReadCall(t.Context(), session)
	require.NoError(t, err)
	require.Equal(t, time.Minute, stored.Length())
	body := storedAt(t, server, callKey)
	require.Equal(t, archive.Attachment{
		Kind: workflows.AttachmentCall, Key: callKey, Bytes: int64(len(body)), SHA256: digestOf(body), ContentType: "application/json",
	}, stored.Attachment)
}

func TestCallCostsTwoRequests(t *testing.T) {
	store, server := openStore(t)
	require.NoError(t, store.WriteCall(t.Context(), session, callOf(`{}`)))
	require.Equal(t, counts{s3test.GetObject: 1, s3test.PutObject: 1}, requests(server))
}

func TestCallThatNoListHasTimesOfHasNoLength(t *testing.T) {
	for _, times := range [][2]time.Time{{}, {callBegan}, {{}, callBegan}, {callBegan, callBegan.Add(-1)}, {callBegan, callBegan.AddDate(1, 0, 0)}} {
		require.Zero(t, (&archive.Call{StartedAt: times[0], EndedAt: times[1]}).Length())
	}
}

func TestSessionWithoutACallHasNone(t *testing.T) {
	store, _ := openStore(t)
	stored, err := store.ReadCall(t.Context(), session)
	require.NoError(t, err)
	require.Nil(t, stored)
}

// Personal data has to be erasable.
func TestCallIsNotLocked(t *testing.T) {
	store, server := openWithOptions(t, archive.Options{LockMode: archive.Compliance, LockDays: 3650, LegalHold: true, StorageClass: "GLACIER", Encryption: archive.SSES3})
	require.NoError(t, store.WriteCall(t.Context(), session, callOf(`{}`)))
	object, _ := server.Object(bucket, callKey)
	require.Equal(t, map[string]string{"X-Amz-Server-Side-Encryption": "AES256"}, object.Kept)
}

func TestLaterCallReplacesTheOneBefore(t *testing.T) {
	store, _ := openStore(t)
	before := storeCall(t, store, `{"agent":null}`)
	after := storeCall(t, store, `{"agent":"a"}`)
	require.NotEqual(t, before.Attachment.SHA256, after.Attachment.SHA256)
}

func TestSameCallIsWrittenOnce(t *testing.T) {
	store, server := openStore(t)
	storeCall(t, store, `{"agent":"a"}`)
	server.ForgetRequests()
	require.NoError(t, store.WriteCall(t.Context(), session, callOf(`{"agent":"a"}`)))
	require.Equal(t, counts{s3test.GetObject: 1, s3test.PutObject: 1, s3test.HeadObject: 1}, requests(server), "the PUT is refused")
}

func TestCallThatAManifestRefersToIsKept(t *testing.T) {
	for _, outcome := range []string{"archived", "unavailable"} {
		store, server := openStore(t)
		before := storeCall(t, store, `{"agent":null}`)
		setManifest(t, store, outcome, before.Attachment)
		require.Equal(t, before, storeCall(t, store, `{"agent":"a"}`))

		server.Remove(bucket, callKey)
		require.NoError(t, store.WriteCall(t.Context(), session, callOf(`{"agent":"a"}`)))
		require.False(t, has(server, callKey), "what was erased does not come back")
	}
}

func TestCallOfASessionThatIsArchivedWithoutItIsNotWritten(t *testing.T) {
	store, server := openStore(t)
	setManifest(t, store, "archived")
	require.NoError(t, store.WriteCall(t.Context(), session, callOf(`{}`)))
	require.False(t, has(server, callKey))
}

func TestCallOfASessionWithoutARecordingIsWritten(t *testing.T) {
	store, _ := openStore(t)
	setManifest(t, store, "unavailable")
	storeCall(t, store, `{}`)
}

// A fetch reads the call and writes its manifest while a later listing replaces the call:
// whichever of the two notices it puts back what the manifest refers to.
func TestCallThatAFetchHasReadIsPutBack(t *testing.T) {
	for _, manifestFirst := range []bool{true, false} {
		store, server := openStore(t)
		read := storeCall(t, store, `{"agent":null}`)
		if manifestFirst {
			server.Add(s3test.Rule{Operation: s3test.PutObject, Key: callKey, Skip: 1, After: func() { setManifest(t, store, "archived", read.Attachment) }})
		}
		require.NoError(t, store.WriteCall(t.Context(), session, callOf(`{"agent":"a"}`)))
		if !manifestFirst {
			require.NotEqual(t, read.Attachment.SHA256, digestOf(storedAt(t, server, callKey)))
			require.NoError(t, store.KeepCall(t.Context(), setManifest(t, store, "archived", read.Attachment), read))
		}
		require.Equal(t, read.Attachment.SHA256, digestOf(storedAt(t, server, callKey)), manifestFirst)
	}
}

func TestCallThatWasErasedIsNotPutBack(t *testing.T) {
	store, server := openStore(t)
	read := storeCall(t, store, `{}`)
	manifest := setManifest(t, store, "archived", read.Attachment)
	server.Remove(bucket, callKey)
	require.NoError(t, store.KeepCall(t.Context(), manifest, read))
	require.False(t, has(server, callKey))
}

func TestNothingIsPutBackThatTheManifestDoesNotReferTo(t *testing.T) {
	store, server := openStore(t)
	read := storeCall(t, store, `{"agent":null}`)
	storeCall(t, store, `{"agent":"a"}`)
	manifest := setManifest(t, store, "archived")
	server.ForgetRequests()
	require.NoError(t, store.KeepCall(t.Context(), manifest, read))
	require.NoError(t, store.KeepCall(t.Context(), manifest, nil))
	require.Empty(t, server.Operations())
}

func TestCallThatIsNotValidIsNotWritten(t *testing.T) {
	for _, row := range []string{`{"agent":`, `canary`, `"` + strings.Repeat("a", 1<<20) + `"`} {
		store, server := openStore(t)
		err := store.WriteCall(t.Context(), session, callOf(row))
		require.ErrorIs(t, err, archive.ErrInvalidCall)
		require.NotContains(t, err.Error(), "canary", "it is personal data")
		require.Empty(t, server.Operations())
	}
}

func TestOtherObjectInThePlaceOfACallIsLeftAlone(t *testing.T) {
	for name, body := range map[string]string{
		"no JSON": "RIFF", "another version": `{"version":2,"botId":"` + botID + `","sessionId":"` + sessionID + `"}`,
		"another session": `{"version":1,"botId":"` + botID + `","sessionId":"65e7133a3242653c58d7bbbb"}`,
		"too long":        `{"version":1,"botId":"` + botID + `","sessionId":"` + sessionID + `"}` + strings.Repeat(" ", 1<<20),
	} {
		t.Run(name, func(t *testing.T) {
			store, server := openStore(t)
			server.Set(bucket, callKey, s3test.Object{Body: []byte(body)})
			_, err := store.ReadCall(t.Context(), session)
			require.ErrorIs(t, err, archive.ErrInvalidCall)
			require.ErrorIs(t, store.WriteCall(t.Context(), session, callOf(`{}`)), archive.ErrInvalidCall)
			require.Equal(t, body, string(storedAt(t, server, callKey)))
		})
	}
}

func TestStoreThatFailsDoesNotHideACall(t *testing.T) {
	store, server := openStore(t)
	storeCall(t, store, `{}`)
	server.Add(s3test.Rule{Operation: s3test.GetObject, Key: callKey, Status: http.StatusServiceUnavailable, Code: "SlowDown"})
	_, err := store.ReadCall(t.Context(), session)
	requireUnavailable(t, err, "call.json")
}
