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
