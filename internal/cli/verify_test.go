package cli_test

import (
	"encoding/json"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/internal/daylog"
	"github.com/callvault/callvault/internal/program"
	"github.com/callvault/callvault/internal/verify/verifytest"
)

func sampleArchive(t *testing.T) *verifytest.Archive {
	t.Helper()
	sample, err := verifytest.Write(filepath.Join(t.TempDir(), "copy"), verifytest.Config{Seed: 3, Prefix: "calls/"})
	require.NoError(t, err)
	return sample
}

// verifyCopy verifies a copy of an archive.
func verifyCopy(t *testing.T, sample *verifytest.Archive, args ...string) outcome {
	t.Helper()
	return run(t.Context(), append([]string{"verify", "--copy", sample.Folder, "--prefix", sample.Prefix, "--key", sample.Key.Public()}, args...)...)
}

func TestACopyIsVerifiedWithoutAnyConfiguration(t *testing.T) {
	noConfiguration(t)
	sample := sampleArchive(t)
	got := verifyCopy(t, sample)
	require.Equal(t, program.ExitDone, got.code, got.stderr)
	require.Contains(t, got.stdout, "holds: log acme.example/recordings of ")
	require.Contains(t, got.stdout, "checked: 9 day(s), ")
	require.Contains(t, got.stdout, "not proved: that the vendor listed every call")
	require.Contains(t, got.stdout, "with --checkpoint FILE")
	require.Empty(t, got.stderr)

	got = verifyCopy(t, sample, "--records-only", "--output", "json")
	require.Equal(t, program.ExitDone, got.code, got.stderr)
	var result map[string]any
	require.NoError(t, json.Unmarshal([]byte(got.stdout), &result))
	require.Equal(t, true, result["ok"])
	require.Equal(t, true, result["recordsOnly"])
	require.Equal(t, []any{}, result["failures"])
	require.Contains(t, result["notProved"], "every call")
}

func TestABrokenByteIsNamed(t *testing.T) {
	noConfiguration(t)
	sample := sampleArchive(t)
	for _, revision := range sample.Revisions {
		for _, row := range revision.Rows {
			if !revision.IsLatest || len(row.Files) == 0 {
				continue
			}
			path := filepath.Join(sample.Folder, filepath.FromSlash(row.Files[0].Key))
			content, err := os.ReadFile(path)
			require.NoError(t, err)
			content[0] ^= 1
			require.NoError(t, os.WriteFile(path, content, 0o600))

			got := verifyCopy(t, sample)
			require.Equal(t, program.ExitFailed, got.code)
			require.Contains(t, got.stdout, "DOES NOT HOLD: log acme.example/recordings, 1 thing(s)")
			require.Contains(t, got.stdout, row.CallTime.Format("2006-01-02")+" "+row.BotID+" "+row.SessionID+" file "+row.Files[0].Key+": its SHA-256 is not")
			got = verifyCopy(t, sample, "--session", row.SessionID)
			require.Equal(t, program.ExitFailed, got.code)
			require.Equal(t, program.ExitDone, verifyCopy(t, sample, "--session", row.SessionID, "--records-only").code)
			return
		}
	}
	t.Fatal("the sample has no file")
}

func TestTheCheckpointThatIsKeptGrowsAndFindsAFork(t *testing.T) {
	noConfiguration(t)
	sample := sampleArchive(t)
	kept := filepath.Join(t.TempDir(), "kept")
	read := func() string {
		content, err := os.ReadFile(kept)
		require.NoError(t, err)
		return string(content)
	}
	last := string(sample.Checkpoints[len(sample.Checkpoints)-1])

	got := verifyCopy(t, sample, "--checkpoint", kept)
	require.Equal(t, program.ExitDone, got.code, got.stderr)
	require.Contains(t, got.stdout, "is kept from now on in "+kept)
	require.Equal(t, last, read())

	require.NoError(t, os.WriteFile(kept, sample.Checkpoints[0], 0o600))
	got = verifyCopy(t, sample, "--checkpoint", kept)
	require.Equal(t, program.ExitDone, got.code, got.stderr)
	require.Contains(t, got.stdout, "the log extends the checkpoint of ")
	require.Equal(t, last, read())

	random := rand.New(rand.NewPCG(1, 1))
	for forks := 0; forks < 3; {
		changed, err := sample.Mutate(random)
		require.NoError(t, err)
		if changed.Kept != nil {
			forks++
			got = verifyCopy(t, sample, "--checkpoint", kept)
			require.Equal(t, program.ExitFailed, got.code, changed.Name)
			require.Equal(t, last, read(), "it is kept on")
		}
		require.NoError(t, changed.Undo())
	}
}

func TestWrongUsageOfVerifyIsSaid(t *testing.T) {
	noConfiguration(t)
	sample := sampleArchive(t)
	folder := t.TempDir()
	file := func(name, content string) string {
		require.NoError(t, os.WriteFile(filepath.Join(folder, name), []byte(content), 0o600))
		return filepath.Join(folder, name)
	}
	secret, _, err := daylog.NewKey("acme.example/recordings")
	require.NoError(t, err)
	for _, row := range []struct {
		says string
		args []string
	}{
		{"--key is empty", []string{"--copy", sample.Folder}},
		{"--key is neither a public key", []string{"--copy", sample.Folder, "--key", "nothing"}},
		{"it is the private key", []string{"--copy", sample.Folder, "--key", file("secret", secret)}},
		{"--copy: ", []string{"--copy", filepath.Join(folder, "none"), "--key", sample.Key.Public()}},
		{"--prefix is of a copy", []string{"--prefix", "calls/", "--key", sample.Key.Public()}},
		{"--account is of the configuration", []string{"--copy", sample.Folder, "--account", "acme", "--key", sample.Key.Public()}},
		{"--checkpoint is a file in the copy", []string{"--copy", sample.Folder, "--key", sample.Key.Public(), "--checkpoint", filepath.Join(sample.Folder, "kept")}},
		{"the checkpoint that was kept: it is not a signed note", []string{"--copy", sample.Folder, "--key", sample.Key.Public(), "--checkpoint", file("kept", "x")}},
		{"botId", []string{"--copy", sample.Folder, "--key", sample.Key.Public(), "--bot", "x"}},
		{"date", []string{"--copy", sample.Folder, "--key", sample.Key.Public(), "--day", "yesterday"}},
		{"belongs to day 2024-03-05", []string{"--copy", sample.Folder, "--key", sample.Key.Public(), "--session", session, "--day", "2024-03-06"}},
		{"SMARTASSIST_BOT_ID", []string{"--key", sample.Key.Public()}},
	} {
		got := run(t.Context(), append([]string{"verify"}, row.args...)...)
		require.Equal(t, program.ExitUsage, got.code, row.says)
		require.Contains(t, got.stderr, row.says)
		require.NotContains(t, got.stderr, secret)
	}
}

func TestAKeyOfTheLogIsMadeAndNeverOverwritten(t *testing.T) {
	noConfiguration(t)
	file := filepath.Join(t.TempDir(), "log.key")
	got := run(t.Context(), "log", "keygen", "--name", "acme.example/recordings", "--file", file)
	require.Equal(t, program.ExitDone, got.code, got.stderr)
	secret, err := os.ReadFile(file)
	require.NoError(t, err)
	key, err := daylog.ParseKey(string(secret))
	require.NoError(t, err)
	require.Equal(t, key.Public()+"\n", got.stdout)
	public, err := os.ReadFile(file + ".pub")
	require.NoError(t, err)
	require.Equal(t, got.stdout, string(public))
	info, err := os.Stat(file)
	require.NoError(t, err)
	require.EqualValues(t, 0o600, info.Mode().Perm())

	for _, there := range []string{file, file + ".pub"} {
		again := run(t.Context(), "log", "keygen", "--name", "acme", "--file", file)
		require.Equal(t, program.ExitUsage, again.code)
		require.Contains(t, again.stderr, "is not overwritten")
		require.NoError(t, os.Remove(there))
	}
	for _, args := range [][]string{{"--name", "a b", "--file", file}, {"--file", file}, {"--name", "acme"}} {
		require.Equal(t, program.ExitUsage, run(t.Context(), append([]string{"log", "keygen"}, args...)...).code)
	}
	entries, err := os.ReadDir(filepath.Dir(file))
	require.NoError(t, err)
	require.Empty(t, entries)
	require.NotContains(t, strings.ToLower(got.stderr), "private")
}
