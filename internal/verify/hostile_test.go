package verify_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/mod/sumdb/note"

	"github.com/callvault/callvault/internal/daylog"
	"github.com/callvault/callvault/internal/dayrecord"
	"github.com/callvault/callvault/internal/verify"
	"github.com/callvault/callvault/internal/verify/verifytest"
	"github.com/callvault/callvault/workflows"
)

var aDay = workflows.Day{BotID: "st-1", Date: "2026-03-05"}

func path(sample *verifytest.Archive, key string) string {
	return filepath.Join(sample.Folder, filepath.FromSlash(key))
}

// sealed returns an archive with one day whose rows are these lines, although no release
// writes such rows: root, digests and log are as they should be.
func sealed(t *testing.T, lines ...string) *verifytest.Archive {
	t.Helper()
	sample := verifytest.New(t.TempDir(), "", 1)
	require.NoError(t, sample.SealLines(aDay, lines))
	return sample
}

const goodRow = `{"botId":"st-1","sessionId":"69a8c780000000000000000a","callTime":"2026-03-05T00:00:00Z","listedBy":["getSessions"],"outcome":"unavailable","status":"media_unavailable",` +
	`"manifest":{"key":"m","bytes":3,"sha256":"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},"files":[],"bytes":0}`

func texts(result *verify.Result) string {
	var all []string
	for _, failure := range result.Failures {
		all = append(all, string(failure.Kind)+": "+failure.Text)
	}
	return strings.Join(all, "\n")
}

func TestRowsThatBreakTheRulesAreNamed(t *testing.T) {
	with := func(old, changed string) string {
		require.Contains(t, goodRow, old)
		return strings.Replace(goodRow, old, changed, 1)
	}
	for _, row := range []struct {
		name, says string
		lines      []string
	}{
		{"no JSON", "not a JSON object", []string{"x"}},
		{"a list", "not a JSON object", []string{"[]"}},
		{"null", "not a JSON object", []string{"null"}},
		{"space around it", "not a JSON object and nothing else", []string{" " + goodRow}},
		{"not UTF-8", "not UTF-8", []string{with("media_unavailable", "\xff")}},
		{"byte order mark", "not a JSON object", []string{"\ufeff" + goodRow}},
		{"nested too deep", "not a JSON object", []string{strings.Repeat(`{"a":`, 20000) + "1" + strings.Repeat("}", 20000)}},
		{"too long", "more than 1048576 bytes", []string{with("media_unavailable", strings.Repeat("x", 1<<20))}},
		{"another bot", "botId", []string{with(`"st-1"`, `"st-2"`)}},
		{"another day", "callTime", []string{with("69a8c780", "69aa1900")}},
		{"malformed session", "sessionId", []string{with("69a8c780000000000000000a", "69A8C780000000000000000A")}},
		{"time with an offset", "not a time", []string{with("00:00:00Z", "00:00:00+00:00")}},
		{"time in the year 0", "purgeAt is not a time", []string{with(`"files":[]`, `"purgeAt":"0000-01-01T00:00:00Z","files":[]`)}},
		{"no time", "callTime", []string{with(`"callTime":"2026-03-05T00:00:00Z",`, "")}},
		{"key in another case", "its outcome is not a text", []string{with(`"outcome"`, `"Outcome"`)}},
		{"lists not in order", "listedBy", []string{with(`["getSessions"]`, `["interactionDetails","getSessions"]`)}},
		{"list twice", "listedBy", []string{with(`["getSessions"]`, `["getSessions","getSessions"]`)}},
		{"unknown list", "listedBy", []string{with(`["getSessions"]`, `["other"]`)}},
		{"no list of lists", "listedBy", []string{with(`["getSessions"]`, `null`)}},
		{"number with a fraction", "bytes is not a whole number", []string{with(`"bytes":0}`, `"bytes":0.0}`)}},
		{"negative number", "bytes is not a whole number", []string{with(`"bytes":0}`, `"bytes":-1}`)}},
		{"huge number", "bytes is not a whole number", []string{with(`"bytes":0}`, `"bytes":9007199254740993}`)}},
		{"number as a text", "bytes is not a whole number", []string{with(`"bytes":0}`, `"bytes":"0"}`)}},
		{"wrong sum", "not the sum", []string{with(`"bytes":0}`, `"bytes":1}`)}},
		{"digest in capitals", "64 lower-case", []string{with("ba7816bf", "BA7816BF")}},
		{"twice", "not in order, or its session is there twice", []string{goodRow, goodRow}},
		{"key that leads out", "not a key that an object may have", []string{with(`"key":"m"`, `"key":"../m"`)}},
		{"absolute key", "not a key that an object may have", []string{with(`"key":"m"`, `"key":"/etc/passwd"`)}},
		{"key with a zero", "not a key that an object may have", []string{with(`"key":"m"`, `"key":"m\u0000"`)}},
		{"huge manifest", "more than 1048576", []string{with(`"bytes":3`, `"bytes":9007199254740992`)}},
		{"manifest missing", "does not exist", []string{goodRow}},
	} {
		t.Run(row.name, func(t *testing.T) {
			result := run(t, sealed(t, row.lines...), verify.Options{})
			require.False(t, result.OK)
			require.Contains(t, texts(result), row.says)
		})
	}
}

func TestALineWithoutLineFeedAndAnEmptyLineAreNamed(t *testing.T) {
	sample := sealed(t, goodRow)
	rows := path(sample, "days/st-1/2026/03/05/r1.ndjson")
	for content, says := range map[string]string{goodRow: "does not end with a line feed", goodRow + "\n\n": "not a JSON object"} {
		require.NoError(t, os.WriteFile(rows, []byte(content), 0o600))
		require.Contains(t, texts(run(t, sample, verify.Options{})), says)
	}
}

// signedBy returns the public key that has signed a checkpoint of that text, in a copy that has
// nothing else.
func signedBy(t *testing.T, folder, text string) note.Verifier {
	t.Helper()
	secret, public, err := daylog.NewKey("acme")
	require.NoError(t, err)
	signer, err := note.NewSigner(secret)
	require.NoError(t, err)
	signed, err := note.Sign(&note.Note{Text: text}, signer)
	require.NoError(t, err)
	require.NoError(t, os.MkdirAll(filepath.Join(folder, "log"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(folder, "log", "checkpoint"), signed, 0o600))
	key, err := daylog.ParsePublicKey(public)
	require.NoError(t, err)
	return key
}

func TestACheckpointOfAHugeLogEndsAtOnce(t *testing.T) {
	for size, says := range map[string]string{
		"1099511627776": "the log cannot be read from here on", "1099511627777": "not one from 0 to", "9223372036854775807": "not one from 0 to", "9223372036854775808": "not one from 0 to",
	} {
		folder := t.TempDir()
		key := signedBy(t, folder, "acme\n"+size+"\n"+base64.StdEncoding.EncodeToString(make([]byte, 32))+"\n")
		source, err := verify.OpenFolder(folder)
		require.NoError(t, err)
		defer source.Close()
		result, err := verify.Run(t.Context(), source, verify.Options{Key: key})
		require.NoError(t, err)
		require.Contains(t, texts(result), says)
		require.Nil(t, map[bool][]byte{true: result.Checkpoint}[strings.HasPrefix(says, "not one")])
	}
}

func TestEntriesThatBreakTheRulesAreNamed(t *testing.T) {
	entry := `{"version":1,"kind":"day","botId":"st-1","date":"2026-03-05","revision":1,"sealedAt":"2026-03-07T00:00:00Z","record":"` + strings.Repeat("0", 64) + `","treeSize":0,"treeRoot":"` + strings.Repeat("0", 64) +
		`","counts":{"sessions":0,"outcomes":{},"files":0,"bytes":0,"onlyGetSessions":0,"onlyInteractionDetails":0,"unlisted":0}}`
	for _, row := range []struct{ old, changed, says string }{
		{`"version":1`, `"version":2`, "its version"},
		{`"st-1"`, `"../../etc"`, "its botId is not that of a bot"},
		{`"2026-03-05"`, `"2026-02-30"`, "its date is not one"},
		{`"revision":1`, `"revision":0`, "its revision is not one"},
		{`"revision":1`, `"revision":1000000000`, "its revision is not one"},
		{`"revision":1`, `"revision":2`, "revision 2 is entered where 1 is due"},
		{`{"sessions":0,`, `{"sessions":-1,`, "in its counts"},
		{`"outcomes":{}`, `"outcomes":{"archived":1e3}`, "in its counts"},
		{entry, `x`, "not a JSON object"},
	} {
		require.Contains(t, entry, row.old)
		sample := verifytest.New(t.TempDir(), "", 1)
		require.NoError(t, sample.Append([]byte(strings.Replace(entry, row.old, row.changed, 1))))
		require.Contains(t, texts(run(t, sample, verify.Options{})), row.says)
	}
	sample := verifytest.New(t.TempDir(), "", 1)
	require.NoError(t, sample.Append([]byte(`{"version":7,"kind":"something else"}`)))
	requireHolds(t, run(t, sample, verify.Options{}))
}

func TestWhatIsNoFileInACopyIsNotRead(t *testing.T) {
	secretFolder := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(secretFolder, "abc"), []byte("abc"), 0o600))
	sample := sealed(t, goodRow)
	require.NoError(t, os.Symlink(filepath.Join(secretFolder, "abc"), path(sample, "m")))
	result := run(t, sample, verify.Options{})
	require.Contains(t, texts(result), "manifest: it cannot be read")
	require.NoError(t, os.Remove(path(sample, "m")))
	require.NoError(t, os.Mkdir(path(sample, "m"), 0o700))
	require.Contains(t, texts(run(t, sample, verify.Options{})), "manifest: it cannot be read")
}

func TestFailuresDoNotSteerATerminal(t *testing.T) {
	row := strings.Replace(goodRow, `"key":"m"`, `"key":"m\u001b[2Jm\u0007`+strings.Repeat("x", 900)+`"`, 1)
	result := run(t, sealed(t, row), verify.Options{})
	for _, failure := range result.Failures {
		require.Less(t, len(failure.Key), 400)
		require.NotContains(t, failure.Key, "\x1b")
	}
	require.NotEmpty(t, result.Failures)
}

func TestAllFailuresAreCountedAndNotAllAreKept(t *testing.T) {
	var lines []string
	for i := range 10_050 {
		lines = append(lines, strings.Replace(goodRow, "69a8c780000000000000000a", fmt.Sprintf("69a8c780%016x", i), 1))
	}
	result := run(t, sealed(t, lines...), verify.Options{})
	require.Equal(t, 10_050, result.FailureCount)
	require.Len(t, result.Failures, 10_000)
	require.Equal(t, 10_050, result.Checked.Sessions)
}

func TestRevisionsOfADayAreAChain(t *testing.T) {
	sample := verifytest.New(t.TempDir(), "", 1)
	at := time.Date(2026, 3, 7, 0, 0, 0, 0, time.UTC)
	first, err := sample.Seal(aDay, nil, []dayrecord.Listing{}, at)
	require.NoError(t, err)
	second, err := sample.Seal(aDay, nil, []dayrecord.Listing{}, at.Add(time.Hour))
	require.NoError(t, err)
	require.NoError(t, sample.Append(first))
	require.Empty(t, run(t, sample, verify.Options{}).Failures, "the next revision is about to be entered")
	require.Len(t, run(t, sample, verify.Options{}).Notes, 2)
	require.NoError(t, sample.Append(second))
	requireHolds(t, run(t, sample, verify.Options{}))

	swapped := verifytest.New(t.TempDir(), "", 1)
	require.NoError(t, os.CopyFS(swapped.Folder, os.DirFS(sample.Folder)))
	require.NoError(t, os.RemoveAll(path(swapped, "log")))
	require.NoError(t, swapped.Append(second, first))
	require.Contains(t, texts(run(t, swapped, verify.Options{})), "revision 2 is entered where 1 is due")
}

func TestAVerificationThatIsCancelledIsNoFailure(t *testing.T) {
	sample := sampleOf(t, verifytest.Config{Seed: 1})
	source, err := verify.OpenFolder(sample.Folder)
	require.NoError(t, err)
	defer source.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = verify.Run(ctx, source, verify.Options{Key: sample.Key.Verifier()})
	require.ErrorIs(t, err, context.Canceled)
}

func FuzzARowAndAnEntryNeverBreakAVerifier(f *testing.F) {
	f.Add([]byte(goodRow))
	f.Add([]byte(`{"kind":"day"}`))
	f.Fuzz(func(t *testing.T, line []byte) {
		if len(line) == 0 || len(line) > 65000 {
			return
		}
		sample := verifytest.New(t.TempDir(), "", 1)
		require.NoError(t, sample.SealLines(aDay, []string{string(bytes.ReplaceAll(line, []byte("\n"), nil))}))
		require.NoError(t, sample.Append(line))
		run(t, sample, verify.Options{})
	})
}
