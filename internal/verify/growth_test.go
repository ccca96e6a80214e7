package verify_test

import (
	"bytes"
	"context"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/internal/daylog"
	"github.com/callvault/callvault/internal/dayrecord"
	"github.com/callvault/callvault/internal/verify"
	"github.com/callvault/callvault/internal/verify/verifytest"
	"github.com/callvault/callvault/workflows"
)

// live is an archive whose checkpoint is another one each time that it is read; the last one
// stays.
type live struct {
	verify.Folder
	key         string
	checkpoints [][]byte
	reads       int
}

func (l *live) OpenFile(ctx context.Context, key string) (io.ReadCloser, int64, error) {
	if key != l.key || len(l.checkpoints) == 0 {
		return l.Folder.OpenFile(ctx, key)
	}
	now := l.checkpoints[min(l.reads, len(l.checkpoints)-1)]
	l.reads++
	return io.NopCloser(bytes.NewReader(now)), int64(len(now)), nil
}

// runLive verifies an archive whose log has these checkpoints one after the other.
func runLive(t *testing.T, sample *verifytest.Archive, options verify.Options, checkpoints ...[]byte) *verify.Result {
	t.Helper()
	folder, err := verify.OpenFolder(sample.Folder)
	require.NoError(t, err)
	defer folder.Close()
	options.Key, options.Prefix = sample.Key.Verifier(), sample.Prefix
	result, err := verify.Run(t.Context(), &live{Folder: folder, key: daylog.CheckpointKey(sample.Prefix), checkpoints: checkpoints}, options)
	require.NoError(t, err)
	return result
}

func TestAnArchiveThatGrowsWhileItIsVerifiedHolds(t *testing.T) {
	for seed := range uint64(10) {
		sample := sampleOf(t, verifytest.Config{Seed: seed, Prefix: []string{"", "calls/"}[seed%2], EmptyDays: int(seed/9) * 270})
		all := sample.Checkpoints
		for _, first := range []int{0, len(all) / 2, len(all) - 1} {
			for name, checkpoints := range map[string][][]byte{
				"at once": {all[first], all[len(all)-1]}, "step by step": {all[first], all[(first+len(all))/2], all[len(all)-1]},
			} {
				for _, options := range []verify.Options{{}, {BotID: sample.Revisions[0].Record.BotID}} {
					result := runLive(t, sample, options, checkpoints...)
					require.Empty(t, result.Failures, "seed %d, from checkpoint %d of %d, %s", seed, first, len(all), name)
					require.True(t, result.OK)
					require.Equal(t, all[first], result.Checkpoint, "what was verified is what the first one has")
				}
			}
		}
	}
}

// What the log does not get while it is verified is judged as in a copy.
func TestWhatALogThatGrowsDoesNotHaveIsFound(t *testing.T) {
	sample := sampleOf(t, verifytest.Config{Seed: 3, Prefix: "calls/"})
	all := sample.Checkpoints
	last, before := all[len(all)-1], all[len(all)-2]
	with("days/st-ghost/2026/03/05/r2.json")(t, sample)
	result := runLive(t, sample, verify.Options{}, before, last)
	require.Len(t, result.Failures, 1)
	require.Equal(t, verify.KindUnentered, result.Failures[0].Kind)
	require.NoError(t, os.Remove(path(sample, "calls/days/st-ghost/2026/03/05/r2.json")))

	require.Contains(t, texts(runLive(t, sample, verify.Options{}, all[0], all[1])), "the log was put back")
	require.Contains(t, texts(runLive(t, sample, verify.Options{}, all[0])), "the log was put back")
}

// latestWithRows returns the latest revision of a day that has one, sessions, and revisions before.
func latestWithRows(sample *verifytest.Archive) (latest verifytest.Revision, found bool) {
	for _, revision := range sample.Revisions {
		if revision.IsLatest && revision.Record.Revision > 1 && len(revision.Rows) > 0 {
			return revision, true
		}
	}
	return latest, false
}

// That a day has got a revision meanwhile excuses no session that does not hold by that either.
func TestASessionThatWasChangedIsFoundInADayThatWasSealedMeanwhile(t *testing.T) {
	tried := 0
	for seed := range uint64(16) {
		sample := sampleOf(t, verifytest.Config{Seed: seed})
		all := sample.Checkpoints
		latest, found := latestWithRows(sample)
		if !found {
			continue
		}
		manifest := path(sample, latest.Rows[0].Manifest.Key)
		content, err := os.ReadFile(manifest)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(manifest, append(content, ' '), 0o600))
		for at, checkpoint := range all {
			size, err := daylog.OpenCheckpoint(checkpoint, sample.Key.Verifier())
			require.NoError(t, err)
			known := slices.ContainsFunc(sample.Revisions[:size.Size], func(r verifytest.Revision) bool {
				return r.Record.BotID == latest.Record.BotID && r.Record.Date == latest.Record.Date &&
					slices.ContainsFunc(r.Rows, func(row dayrecord.Row) bool { return row.SessionID == latest.Rows[0].SessionID })
			})
			if known {
				tried++
				require.False(t, runLive(t, sample, verify.Options{}, checkpoint, all[len(all)-1]).OK, "seed %d, checkpoint %d", seed, at)
			}
		}
	}
	require.Greater(t, tried, 10)
}

// A checkpoint that was put in the place of the first one, and does not extend it, is found.
func TestALogThatIsReplacedWhileItIsVerifiedIsFound(t *testing.T) {
	sample := sampleOf(t, verifytest.Config{Seed: 3})
	all := sample.Checkpoints
	last, err := daylog.OpenCheckpoint(all[len(all)-1], sample.Key.Verifier())
	require.NoError(t, err)
	with("days/st-ghost/2026/03/05/r1.json")(t, sample) // So that there is something to ask for.
	for name, c := range map[string]struct {
		checkpoint daylog.Checkpoint
		says       string
	}{
		"longer":     {daylog.Checkpoint{Size: last.Size + 1, Root: last.Root}, "log: "},
		"the length": {daylog.Checkpoint{Size: last.Size}, "log: the entries of the log do not give its root hash"},
		"shorter":    {daylog.Checkpoint{Size: last.Size - 1, Root: last.Root}, "checkpoint: it has"},
	} {
		other, err := sample.Key.Sign(c.checkpoint)
		require.NoError(t, err)
		require.Contains(t, texts(runLive(t, sample, verify.Options{}, all[len(all)-1], other)), c.says, name)
	}
	result := runLive(t, sample, verify.Options{}, all[len(all)-1], []byte("x"))
	require.Contains(t, texts(result), "not a signed note")
	requireHolds(t, runLive(t, sample, verify.Options{}, all[len(all)-1]))
}

// copyOf copies an archive while it grows: first the keys that isFirst tells, and the others
// once grow has sealed what there is more.
func copyOf(t *testing.T, sample *verifytest.Archive, isFirst func(key string) bool, grow func()) *verifytest.Archive {
	t.Helper()
	copied := *sample
	copied.Folder = t.TempDir()
	for _, first := range []bool{true, false} {
		require.NoError(t, filepath.WalkDir(sample.Folder, func(name string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() {
				return err
			}
			key, err := filepath.Rel(sample.Folder, name)
			require.NoError(t, err)
			if isFirst(filepath.ToSlash(key)) != first {
				return nil
			}
			content, err := os.ReadFile(name)
			require.NoError(t, err)
			require.NoError(t, os.MkdirAll(filepath.Dir(path(&copied, key)), 0o700))
			return os.WriteFile(path(&copied, key), content, 0o600)
		}))
		if first {
			grow()
		}
	}
	return &copied
}

// Objects are never removed: what a log has that was copied first is in the rest of the copy.
func TestACopyOfALiveArchiveHoldsIfItsLogWasCopiedFirst(t *testing.T) {
	python := startPython(t)
	isLog := func(key string) bool { return strings.HasPrefix(key, "log/") }
	for name, c := range map[string]struct {
		isFirst func(string) bool
		holds   bool
	}{
		"the log first": {isLog, true},
		"the log last":  {func(key string) bool { return !isLog(key) }, false},
	} {
		sample := sampleOf(t, verifytest.Config{Seed: 3})
		copied := copyOf(t, sample, c.isFirst, func() {
			entry, err := sample.Seal(workflows.Day{BotID: "st-bot-0", Date: "2026-04-01"}, nil, []dayrecord.Listing{}, time.Date(2026, 4, 3, 0, 0, 0, 0, time.UTC))
			require.NoError(t, err)
			require.NoError(t, sample.Append(entry))
		})
		require.Equal(t, c.holds, run(t, copied, verify.Options{}).OK, name)
		if python != nil {
			require.Equal(t, c.holds, len(python.ask(t, copied, verify.Options{})) == 0, name)
		}
	}
}
