package cli_test

import (
	"bytes"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/internal/archive"
	"github.com/callvault/callvault/internal/archive/s3test"
	"github.com/callvault/callvault/internal/program"
	"github.com/callvault/callvault/workflows"
)

// archivedCall is an archive with the call of a saved history.
func archivedCall(t *testing.T, name string) (*batchEnvironment, archive.Manifest) {
	t.Helper()
	e := newBatchEnvironment(t)
	t.Setenv("SUDO_USER", "")
	m := savedManifest(t, savedHistory(t, name), "run-1")
	e.putManifest(m, true)
	e.s3.ForgetRequests()
	return e, m
}

// openings are the records of who opened a session.
func (e *batchEnvironment) openings(of workflows.Session) []archive.Opening {
	e.t.Helper()
	all, _, err := e.store.Openings(e.t.Context(), of, 100)
	require.NoError(e.t, err)
	return all
}

func TestOpenPrintsALinkAndRecordsWhoAsked(t *testing.T) {
	e, m := archivedCall(t, "v0.3.0_few_events.json")
	began := time.Now().Truncate(time.Second)
	got := run(t.Context(), "open", m.SessionID, "--expires", "1h", "--reason", "complaint 12")
	require.Equal(t, program.ExitDone, got.code, got.stderr)
	require.NotContains(t, got.stderr, "X-Amz", "the link is a credential, and on stdout alone")

	link := strings.TrimSpace(got.stdout)
	require.Equal(t, 1, strings.Count(got.stdout, "\n"))
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, link, nil)
	require.NoError(t, err)
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.Equal(t, strings.Repeat("a", int(m.Files[0].Bytes)), string(body))

	all := e.openings(m.Session)
	require.Len(t, all, 1)
	host, err := os.Hostname()
	require.NoError(t, err)
	require.Equal(t, host, all[0].Host)
	require.NotEmpty(t, all[0].User)
	require.Equal(t, "complaint 12", all[0].Reason)
	require.Equal(t, m.Files[0].Key, all[0].Key)
	require.Equal(t, m.Files[0].SHA256, all[0].SHA256)
	require.False(t, all[0].At.Before(began.UTC()))
	require.Equal(t, all[0].At.Add(time.Hour), all[0].ExpiresAt)
	for _, key := range e.s3.Keys(bucket) {
		object, _ := e.s3.Object(bucket, key)
		require.NotContains(t, string(object.Body), "X-Amz", "%s: the link is nowhere else", key)
	}
	require.Contains(t, got.stderr, all[0].User+" on "+host+" may read "+m.Files[0].Key)
}

func TestOpenWithoutARecordPrintsNothing(t *testing.T) {
	e, m := archivedCall(t, "v0.3.0_few_events.json")
	e.s3.Add(s3test.Rule{Operation: s3test.PutObject, Status: http.StatusForbidden, Code: "AccessDenied"})
	got := run(t.Context(), "open", m.SessionID, "--output", "json")
	require.Equal(t, program.ExitUsage, got.code, "it is the configuration of the store")
	require.Empty(t, got.stdout)
	require.Contains(t, got.stderr, "no link is printed, since who asks for it cannot be recorded")
	require.Contains(t, got.stderr, "for keys of people who listen deploy/reader-policy.json is enough")

	e.s3.Add(s3test.Rule{Operation: s3test.PutObject, Status: http.StatusServiceUnavailable, Code: "SlowDown"})
	got = run(t.Context(), "open", m.SessionID)
	require.NotEqual(t, program.ExitDone, got.code)
	require.Empty(t, got.stdout)
}

func TestLinkDoesNotOutliveItsRecord(t *testing.T) {
	e, m := archivedCall(t, "v0.3.0_few_events.json")
	e.s3.Add(s3test.Rule{Operation: s3test.HeadObject, Before: func() {
		time.Sleep(time.Until(time.Now().Truncate(time.Second).Add(time.Second))) // It is signed in another second than the one in which it was asked for.
	}})
	got := run(t.Context(), "open", m.SessionID, "--expires", "1m")
	require.Equal(t, program.ExitDone, got.code, got.stderr)
	link, err := url.Parse(strings.TrimSpace(got.stdout))
	require.NoError(t, err)
	signed, err := time.Parse("20060102T150405Z", link.Query().Get("X-Amz-Date"))
	require.NoError(t, err)
	require.False(t, e.openings(m.Session)[0].ExpiresAt.Before(signed.Add(time.Minute)))
}

func TestOpenWithoutAReadableRecordPrintsNothing(t *testing.T) {
	e, m := archivedCall(t, "v0.3.0_few_events.json")
	t.Setenv("SUDO_USER", strings.Repeat("u", 20_000))
	got := run(t.Context(), "open", m.SessionID)
	require.NotEqual(t, program.ExitDone, got.code)
	require.Empty(t, got.stdout)
	require.Contains(t, got.stderr, "no link is printed, since who asks for it cannot be recorded: the record would have 20")
	require.Empty(t, e.openings(m.Session))
}

func TestOpenGivesNoLinkOutOfTheFolderOfTheSession(t *testing.T) {
	e, m := archivedCall(t, "v0.3.0_few_events.json")
	folder := strings.TrimSuffix(m.Files[0].Key, m.Files[0].FileName)
	for name, key := range map[string]string{
		"another bot's":        strings.ReplaceAll(folder, m.BotID, "st-other") + "a.wav",
		"another session's":    strings.ReplaceAll(folder, m.SessionID, session) + "a.wav",
		"a parent's":           folder + "../../a.wav",
		"another bucket's":     "x/../../other/" + folder + "a.wav",
		"a terminal's":         "\x1b]0;x\a/" + folder + "a.wav",
		"a folder's":           folder,
		"one with a backslash": folder + `..\a.wav`,
	} {
		t.Run(name, func(t *testing.T) {
			hostile := m
			hostile.Files = slices.Clone(m.Files)
			hostile.Files[0].Key = key
			e.putManifest(hostile, false)
			e.s3.Set(bucket, key, s3test.Object{Body: bytes.Repeat([]byte("a"), int(m.Files[0].Bytes))})
			got := run(t.Context(), "open", m.SessionID)
			require.Equal(t, program.ExitUsage, got.code, got.stderr)
			require.Empty(t, got.stdout)
			require.Contains(t, got.stderr, "is not in the session's folder")
			require.NotContains(t, got.stderr, "\x1b")
		})
	}
	require.Empty(t, e.openings(m.Session))
}

func TestOpenOfOneOfSeveralFiles(t *testing.T) {
	e, m := archivedCall(t, "v0.3.0_archived.json")
	got := run(t.Context(), "open", m.SessionID)
	require.Equal(t, program.ExitUsage, got.code)
	require.Contains(t, got.stderr, "the session has 2 files: name one:\n  --file 1  caller.wav, 480044 bytes\n  --file 2  agent.wav")
	got = run(t.Context(), "open", m.SessionID, "--file", "3")
	require.Equal(t, program.ExitUsage, got.code)
	require.Contains(t, got.stderr, "the session has 2 file(s)")
	require.Empty(t, e.openings(m.Session), "nothing was opened")

	got = run(t.Context(), "open", m.SessionID, "--file", "2", "--bot", bot, "--output", "json")
	require.Equal(t, program.ExitDone, got.code, got.stderr)
	opened := decoded[struct {
		Link, Key, User string
		Record          workflows.ObjectRef
	}](t, got)
	require.Contains(t, opened.Link, "/agent.wav?")
	require.Equal(t, m.Files[1].Key, opened.Key)
	require.NotEmpty(t, opened.Record.Key)
	require.Equal(t, m.Files[1].Key, e.openings(m.Session)[0].Key)
}

func TestOpenOfWhatIsNotThere(t *testing.T) {
	e, m := archivedCall(t, "v0.3.0_few_events.json")
	got := run(t.Context(), "open", session)
	require.Equal(t, program.ExitFailed, got.code)
	require.Contains(t, got.stderr, "there is no recording: the archive has no manifest of session "+session)

	e.put(workflows.Session{BotID: bot, SessionID: session}, workflows.OutcomeUnavailable)
	got = run(t.Context(), "open", session)
	require.Equal(t, program.ExitFailed, got.code)
	require.Contains(t, got.stderr, "there is no recording: the outcome of session "+session+" is unavailable")

	e.s3.Set(bucket, m.Files[0].Key, s3test.Object{Body: []byte("other")})
	got = run(t.Context(), "open", m.SessionID)
	require.Equal(t, program.ExitFailed, got.code)
	require.Contains(t, got.stderr, "the recording is damaged")
	e.s3.Remove(bucket, m.Files[0].Key)
	got = run(t.Context(), "open", m.SessionID)
	require.Equal(t, program.ExitFailed, got.code)
	require.Contains(t, got.stderr, "does not exist")
	require.Empty(t, e.openings(m.Session), "nothing was opened")
}

func TestWrongUseOfOpen(t *testing.T) {
	noConfiguration(t)
	for text, args := range map[string][]string{
		"want one session, got 0":                          {},
		"--expires 13h0m0s is out of bounds: want 1m0s to": {session, "--expires", "13h"},
		"--expires 1s is out of bounds":                    {session, "--expires", "1s"},
		"--file -1 is out of bounds":                       {session, "--file", "-1"},
		"--reason has 201 bytes":                           {session, "--reason", strings.Repeat("r", 201)},
		"SMARTASSIST_BOT_ID":                               {session},
	} {
		got := run(t.Context(), append([]string{"open"}, args...)...)
		require.Equal(t, program.ExitUsage, got.code, text)
		require.Contains(t, got.stderr, text)
		require.Empty(t, got.stdout)
	}
}
