package cli_test

import (
	encoding "encoding/csv"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/internal/archive/s3test"
	"github.com/callvault/callvault/internal/dayindex/daytest"
	"github.com/callvault/callvault/internal/dayrecord"
	"github.com/callvault/callvault/internal/program"
	"github.com/callvault/callvault/workflows"
)

// foundSession is a row as find prints it.
type foundSession struct {
	Revision int
	dayrecord.Row
}

func find(t *testing.T, flags ...string) outcome {
	t.Helper()
	return run(t.Context(), append([]string{"find"}, flags...)...)
}

// found returns the ids of the sessions that are found.
func found(t *testing.T, flags ...string) []string {
	t.Helper()
	got := find(t, append(flags, "--output", "json")...)
	require.Equal(t, program.ExitDone, got.code, got.stderr)
	var ids []string
	for _, one := range decoded[[]foundSession](t, got) {
		ids = append(ids, one.SessionID)
	}
	return ids
}

func idsOf(rows ...dayrecord.Row) []string {
	var ids []string
	for _, row := range rows {
		ids = append(ids, row.SessionID)
	}
	return ids
}

func TestFindReadsTheLatestRevisionWithoutAServer(t *testing.T) {
	e := newBatchEnvironment(t)
	noTemporal(t)
	e.seal(dayOf("2026-11-18"), 1, failed)
	first := e.seal(dayOf("2026-11-18"), 2, archived, failed)
	second := e.seal(dayOf("2026-11-20"), 1, unavailable)
	other := e.seal(workflows.Day{BotID: "st-9", Date: "2026-11-19"}, 1, archived)
	days := []string{"--from", "2026-11-18", "--to", "2026-11-20"}

	require.Equal(t, idsOf(other[0]), found(t, append(days, "--bot", "st-9")...), "a bot that the configuration does not have any more")
	require.Equal(t, append(idsOf(other...), idsOf(first[0], first[1], second[0])...), found(t, days...), "by bot, as a store sorts them")
	require.Equal(t, idsOf(first[1], second[0]), found(t, append(days, "--bot", bot, "--outcome", "failed,unavailable")...))
	require.Equal(t, idsOf(second...), found(t, "--from", "2026-11-19", "--bot", bot), "up to today")
	require.Equal(t, idsOf(first[1]), found(t, "--session", first[1].SessionID), "an id tells its day")

	got := find(t, append(days, "--outcome", "archived", "--bot", bot)...)
	require.Equal(t, "2026-11-18T00:00:00Z  "+bot+"  "+first[0].SessionID+"  archived\n  "+first[0].Files[0].Key+"  10 bytes  sha256 "+strings.Repeat("a", 64)+"\n", got.stdout)
	require.Empty(t, got.stderr)
	got = find(t, append(days, "--outcome", "unavailable")...)
	require.Contains(t, got.stdout, "  unavailable\n  status media_unavailable; manifest "+second[0].Manifest.Key+"\n")
}

func TestNothingFoundIsAFailure(t *testing.T) {
	newBatchEnvironment(t)
	for output, stdout := range map[string]string{"text": "", "json": "[]\n", "csv": strings.Join(csvHeader, ",") + "\n"} {
		got := find(t, "--from", "2026-11-18", "--to", "2026-11-20", "--output", output)
		require.Equal(t, program.ExitFailed, got.code)
		require.Equal(t, stdout, got.stdout)
		require.Contains(t, got.stderr, "No session was found in the sealed days from 2026-11-18 to 2026-11-20")
	}
}

var csvHeader = []string{"botId", "sessionId", "callTime", "outcome", "status", "files", "key", "bytes", "sha256", "manifestKey", "manifestSha256", "listedBy", "purgeAt", "userHash", "revision"}

func TestFoundSessionsAreCSVThatNoSpreadsheetRuns(t *testing.T) {
	e := newBatchEnvironment(t)
	rows := daytest.Rows(t, dayOf("2026-11-20"), archived, failed)
	rows[0].PurgeAt = callTime
	rows[0].Files = append(rows[0].Files, dayrecord.Object{Key: "second.wav", SHA256: strings.Repeat("c", 64)})
	rows[1].Status = "=cmd()"
	e.sealRows(dayOf("2026-11-20"), 1, rows)
	got := find(t, "--from", "2026-11-20", "--output", "csv")
	require.Equal(t, program.ExitDone, got.code, got.stderr)
	lines, err := encoding.NewReader(strings.NewReader(got.stdout)).ReadAll()
	require.NoError(t, err)
	require.Equal(t, csvHeader, lines[0])
	require.Equal(t, []string{bot, rows[0].SessionID, "2026-11-20T00:00:00Z", "archived", "success", "2", rows[0].Files[0].Key + ";second.wav", "10",
		strings.Repeat("a", 64) + ";" + strings.Repeat("c", 64), rows[0].Manifest.Key, strings.Repeat("b", 64), "getSessions;interactionDetails", "2026-03-05T12:42:34Z", "", "1"}, lines[1])
	require.Equal(t, "'=cmd()", lines[2][4])
}

// Rows hold no user ids: whoever has the key finds a user's calls by the hash.
func TestUserIsFoundByTheKeyedHash(t *testing.T) {
	e := newBatchEnvironment(t)
	const key = "canary-0123456789"
	rows := daytest.Rows(t, dayOf("2026-11-20"), archived, archived)
	rows[1].UserHash = dayrecord.UserHash([]byte(key), "jane@example.com")
	require.Equal(t, "bfbe2f040ce21ba7bdd9456e08269276fcc5f7c26e3f286bf410f2eddbc20816", rows[1].UserHash, "as openssl computes it")
	e.sealRows(dayOf("2026-11-20"), 1, rows)
	require.Equal(t, idsOf(rows[1]), found(t, "--from", "2026-11-20", "--user-hash", rows[1].UserHash))

	got := find(t, "--from", "2026-11-20", "--user", "jane@example.com")
	require.Equal(t, program.ExitUsage, got.code)
	require.Contains(t, got.stderr, `account "acme" has no key of users' hashes`)
	require.NotContains(t, got.stderr, "jane")

	t.Setenv("CALLVAULT_USER_HASH_KEY", key)
	require.Equal(t, idsOf(rows[1]), found(t, "--from", "2026-11-20", "--user", "jane@example.com"))
	got = find(t, "--from", "2026-11-20", "--user", "john@example.com")
	require.Equal(t, program.ExitFailed, got.code)
}

func TestCopyNeedsNoConfiguration(t *testing.T) {
	noConfiguration(t)
	noTemporal(t)
	folder := t.TempDir()
	rows := daytest.Rows(t, dayOf("2026-11-20"), archived, failed)
	_, objects := daytest.Seal(t, "calls/", dayOf("2026-11-20"), 1, rows)
	for key, body := range objects {
		path := filepath.Join(folder, filepath.FromSlash(key))
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
		require.NoError(t, os.WriteFile(path, body, 0o600))
	}
	require.Equal(t, idsOf(rows...), found(t, "--from", "2026-11-20", "--copy", folder, "--prefix", "calls/"))
	require.Equal(t, program.ExitFailed, find(t, "--from", "2026-11-20", "--copy", folder).code, "the prefix is not guessed")
}

func TestDamagedRowsEndTheSearch(t *testing.T) {
	e := newBatchEnvironment(t)
	e.seal(dayOf("2026-11-20"), 1, archived)
	e.s3.Set(bucket, "days/"+bot+"/2026/11/20/r1.ndjson", s3test.Object{Body: []byte("{}\n")})
	got := find(t, "--from", "2026-11-20", "--output", "json")
	require.Equal(t, program.ExitFailed, got.code)
	require.Equal(t, "[]\n", got.stdout)
	require.Contains(t, got.stderr, "row 1 of days/"+bot+"/2026/11/20/r1.ndjson has a malformed session: it is damaged")
}
