package archive_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/internal/archive"
	"github.com/callvault/callvault/internal/archive/s3test"
	"github.com/callvault/callvault/workflows"
)

func voicemailNames(files ...archive.SourceFile) (names []string) {
	for _, file := range archive.NameVoicemail(files) {
		names = append(names, file.ObjectName)
	}
	return names
}

// The names are pinned: one that changed would archive a voicemail twice.
func TestNameOfAVoicemailFollowsFromTheFile(t *testing.T) {
	one := archive.SourceFile{Name: "voicemail_67aa38026e199c8f470e0000.wav", Location: "h/1.wav"}
	require.Equal(t, []string{"voicemail-b6dc357b29f28066.wav"}, voicemailNames(one))
	require.Equal(t, voicemailNames(one), voicemailNames(one, one), "one that is listed twice is named once")
	require.Len(t, voicemailNames(one, archive.SourceFile{Name: one.Name, Location: "h/2.wav"}), 2)
}

func TestVoicemailHasAPlainExtensionOrNone(t *testing.T) {
	for name, want := range map[string]string{
		"a.WAV": `\.wav`, "a.mp3": `\.mp3`, "a": "", "": "", "a.json": "", "../a.o/b": "", "a.w v": "", "a.extension": "", "a.": "", "manifest.json": "",
	} {
		require.Regexp(t, `^voicemail-[0-9a-f]{16}`+want+`$`, voicemailNames(archive.SourceFile{Name: name, Location: "h/1"})[0], name)
	}
}

func TestManifestKeepsItsAttachments(t *testing.T) {
	store, server := openStore(t)
	attachment := archive.Attachment{Kind: workflows.AttachmentTranscript, Key: folder + "transcript.json", Bytes: 3, SHA256: digestOf([]byte("abc")), ContentType: "application/json"}
	m := archivedAs(server, "run")
	m.Attachments = []archive.Attachment{attachment}
	m.LeftOut = []workflows.LeftOut{{Kind: workflows.AttachmentVoicemail, Reason: "refused"}}
	_, err := store.WriteManifest(t.Context(), m, "")
	require.NoError(t, err)
	read, _, err := store.ReadManifest(t.Context(), session)
	require.NoError(t, err)
	require.Equal(t, m.Attachments, read.Attachments)
	require.Equal(t, m.LeftOut, read.LeftOut)
}

func TestManifestWithABadAttachmentIsRefused(t *testing.T) {
	good := archive.Attachment{Kind: "later", Key: folder + "call.json", Bytes: 3, SHA256: digestOf([]byte("abc"))}
	for name, spoil := range map[string]func(*archive.Attachment){
		"of another session": func(a *archive.Attachment) {
			a.Key = "calls/" + botID + "/2024/03/05/65e7133a3242653c58d7bbbb/call.json"
		},
		"outside":              func(a *archive.Attachment) { a.Key = folder + "../call.json" },
		"the manifest":         func(a *archive.Attachment) { a.Key = folder + "manifest.json" },
		"no key":               func(a *archive.Attachment) { a.Key = "" },
		"no digest":            func(a *archive.Attachment) { a.SHA256 = "abc" },
		"a length that is not": func(a *archive.Attachment) { a.Bytes = -1 },
	} {
		t.Run(name, func(t *testing.T) {
			store, server := openStore(t)
			m := archivedAs(server, "run")
			m.Version = 1
			bad := good
			spoil(&bad)
			m.Attachments = []archive.Attachment{bad}
			body, err := json.Marshal(m)
			require.NoError(t, err)
			server.Set(bucket, folder+"manifest.json", s3test.Object{Body: body})
			_, _, err = store.ReadManifest(t.Context(), session)
			require.ErrorIs(t, err, archive.ErrInvalidManifest)
			require.ErrorContains(t, err, "its attachment")
		})
	}
}

// Releases that knew no attachments gave these names to recordings.
func TestRecordingWithTheNameOfAnAttachmentIsStillBelieved(t *testing.T) {
	store, server := openStore(t)
	m := archivedAs(server, "run")
	m.Files[0].Key = folder + "voicemail-0123456789abcdef.wav"
	_, err := store.WriteManifest(t.Context(), m, "")
	require.NoError(t, err)
	_, _, err = store.ReadManifest(t.Context(), session)
	require.NoError(t, err)
}

// An attachment that is missing costs no download of the recordings.
func TestMissingAttachmentIsNoDamage(t *testing.T) {
	store, server := openStore(t)
	m := archivedAs(server, "run")
	m.Attachments = []archive.Attachment{{Kind: workflows.AttachmentTranscript, Key: folder + "transcript.json", SHA256: digestOf(nil)}}
	damaged, err := store.Damaged(t.Context(), m)
	require.NoError(t, err)
	require.Empty(t, damaged)
}

// transcript stores the messages of the session's call.
func transcript(t *testing.T, store *archive.Store, content string) *archive.Attachment {
	t.Helper()
	stored, err := store.PutTranscript(t.Context(), session, []byte(content))
	require.NoError(t, err)
	return stored
}

func TestTranscriptIsStoredOnce(t *testing.T) {
	store, server := openStore(t)
	first := transcript(t, store, `{"messages":[]}`)
	require.Equal(t, &archive.Attachment{
		Kind: workflows.AttachmentTranscript, Key: folder + "transcript.json", Bytes: 15, SHA256: digestOf([]byte(`{"messages":[]}`)), ContentType: "application/json",
	}, first)
	require.Equal(t, counts{s3test.PutObject: 1}, requests(server))
	require.Equal(t, first, transcript(t, store, `{"messages":["later"]}`), "the one that is there is kept")
	require.Equal(t, `{"messages":[]}`, string(storedAt(t, server, first.Key)))
	found, err := store.FindAttachment(t.Context(), workflows.AttachmentTranscript, first.Key)
	require.NoError(t, err)
	require.Equal(t, first, found)
	found, err = store.FindAttachment(t.Context(), workflows.AttachmentTranscript, first.Key+"x")
	require.NoError(t, err)
	require.Nil(t, found)
}

// Unlike a call.json it is evidence.
func TestTranscriptIsLockedAndReadable(t *testing.T) {
	store, server := openWithOptions(t, archive.Options{LegalHold: true, StorageClass: "GLACIER"})
	object, _ := server.Object(bucket, transcript(t, store, `{}`).Key)
	require.Equal(t, map[string]string{"X-Amz-Object-Lock-Legal-Hold": "ON"}, object.Kept)
}

func TestAttachmentThatTheStoreDoesNotConfirmIsAskedFor(t *testing.T) {
	server := s3test.New(t, bucket)
	server.Lacks = map[s3test.Feature]bool{s3test.ReturnedChecksum: true}
	transcript(t, openOn(t, server, bucket), `{}`)
	require.Equal(t, counts{s3test.PutObject: 1, s3test.HeadObject: 1}, requests(server))
}

// What was archived stays in the proof, whatever replaces it.
func TestManifestKeepsTheAttachmentsOfTheOneItReplaces(t *testing.T) {
	store, server := openStore(t)
	attachment := func(kind workflows.AttachmentKind, name, content string) archive.Attachment {
		return archive.Attachment{Kind: kind, Key: folder + name, Bytes: int64(len(content)), SHA256: digestOf([]byte(content))}
	}
	call, voicemail := attachment(workflows.AttachmentCall, "call.json", "a"), attachment(workflows.AttachmentVoicemail, "voicemail-0123456789abcdef.wav", "b")
	first := manifestOf(workflows.OutcomeUnavailable, "first")
	first.Attachments = []archive.Attachment{call, voicemail, attachment(workflows.AttachmentTranscript, "transcript.json", "c")}
	etag := write(t, store, first)

	later := attachment(workflows.AttachmentTranscript, "transcript.json", "later")
	second := archivedAs(server, "second")
	second.Attachments = []archive.Attachment{later, attachment(workflows.AttachmentCall, "call.json", "other")}
	written, err := store.WriteManifest(t.Context(), second, etag)
	require.NoError(t, err)
	require.Equal(t, []archive.Attachment{later, call, voicemail}, written.Attachments)
	require.Len(t, second.Attachments, 2, "the argument is not changed")
	require.NotEqual(t, call, second.Attachments[1])
}
