package verify_test

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/internal/archive"
	"github.com/callvault/callvault/internal/archive/s3test"
	"github.com/callvault/callvault/internal/dayrecord"
	"github.com/callvault/callvault/internal/verify"
	"github.com/callvault/callvault/internal/verify/verifytest"
)

func sampleOf(t testing.TB, config verifytest.Config) *verifytest.Archive {
	t.Helper()
	sample, err := verifytest.Write(t.TempDir(), config)
	require.NoError(t, err)
	return sample
}

func run(t testing.TB, sample *verifytest.Archive, options verify.Options) *verify.Result {
	t.Helper()
	folder, err := verify.OpenFolder(sample.Folder)
	require.NoError(t, err)
	defer folder.Close()
	options.Key, options.Prefix = sample.Key.Verifier(), sample.Prefix
	result, err := verify.Run(t.Context(), folder, options)
	require.NoError(t, err)
	return result
}

func requireHolds(t testing.TB, result *verify.Result) {
	t.Helper()
	require.Empty(t, result.Failures)
	require.Zero(t, result.FailureCount)
	require.True(t, result.OK)
}

func TestAnUntouchedArchiveHolds(t *testing.T) {
	for seed := range uint64(6) {
		sample := sampleOf(t, verifytest.Config{Seed: seed, Prefix: []string{"", "calls/"}[seed%2], EmptyDays: int(seed%3) * 140})
		for _, kept := range [][]byte{nil, sample.Checkpoints[0], sample.Checkpoints[len(sample.Checkpoints)/2], sample.Checkpoints[len(sample.Checkpoints)-1]} {
			result := run(t, sample, verify.Options{Kept: kept})
			requireHolds(t, result)
			require.EqualValues(t, len(sample.Entries), result.Entries)
			require.Equal(t, len(sample.Revisions), result.Checked.Revisions)
			require.Empty(t, result.Notes)
		}
	}
}

// aSession returns a row that is in the latest revision of its day and has files.
func aSession(t *testing.T, sample *verifytest.Archive) dayrecord.Row {
	t.Helper()
	for _, revision := range sample.Revisions {
		for _, row := range revision.Rows {
			if revision.IsLatest && len(row.Files) > 0 {
				return row
			}
		}
	}
	t.Fatal("the sample has no session with files")
	return dayrecord.Row{}
}

func TestADayOrASessionAloneIsVerifiedWithoutTheOthers(t *testing.T) {
	sample := sampleOf(t, verifytest.Config{Seed: 3, Prefix: "calls/", EmptyDays: 300})
	row := aSession(t, sample)
	date := row.CallTime.Format(time.DateOnly)
	for _, options := range []verify.Options{{Date: date}, {BotID: row.BotID}, {BotID: row.BotID, Date: date}, {SessionID: row.SessionID}, {SessionID: row.SessionID, BotID: row.BotID}} {
		result := run(t, sample, options)
		requireHolds(t, result)
		require.Positive(t, result.Checked.Sessions)
		if options.SessionID != "" {
			require.Equal(t, 1, result.Checked.Sessions)
			require.Equal(t, len(row.Files), result.Checked.Files)
		}
	}
	// Nothing of other days is needed, nor the tiles.
	require.NoError(t, os.RemoveAll(path(sample, "calls/log/tile/0")))
	require.NoError(t, os.RemoveAll(path(sample, "calls/log/timestamps")))
	for _, revision := range sample.Revisions {
		if revision.Record.Date != date {
			require.NoError(t, os.RemoveAll(path(sample, "calls/days/"+revision.Record.BotID+"/"+strings.ReplaceAll(revision.Record.Date, "-", "/"))))
		}
	}
	requireHolds(t, run(t, sample, verify.Options{Date: date}))
	requireHolds(t, run(t, sample, verify.Options{SessionID: row.SessionID}))
	require.False(t, run(t, sample, verify.Options{}).OK)
}

func TestWhatIsAskedForAndIsNotInTheLogIsAFailure(t *testing.T) {
	sample := sampleOf(t, verifytest.Config{Seed: 3})
	row := aSession(t, sample)
	for _, options := range []verify.Options{
		{Date: "2020-01-01"}, {BotID: "st-other"}, {SessionID: "65e7133a3242653c58d7aaaa"}, {SessionID: row.SessionID[:8] + "0000000000000000"},
		{SessionID: row.SessionID, BotID: "st-other"},
	} {
		result := run(t, sample, options)
		require.Len(t, result.Failures, 1, "%+v", options)
		require.Equal(t, verify.KindSelection, result.Failures[0].Kind)
	}
}

// Whoever rolls one day back, in its folder, is found by a verification of that day alone: all
// entries of the log are read for it.
func TestADayThatWasRolledBackIsFoundByItsOwnVerification(t *testing.T) {
	for seed := range uint64(50) {
		sample := sampleOf(t, verifytest.Config{Seed: seed})
		for _, revision := range sample.Revisions {
			if revision.Record.Revision == 2 && revision.IsLatest {
				folder := "days/" + revision.Record.BotID + "/" + strings.ReplaceAll(revision.Record.Date, "-", "/")
				require.NoError(t, os.Remove(path(sample, folder+"/r2.json")))
				require.NoError(t, os.Remove(path(sample, folder+"/r2.ndjson")))
				require.False(t, run(t, sample, verify.Options{BotID: revision.Record.BotID, Date: revision.Record.Date}).OK)
				return
			}
		}
	}
	t.Fatal("no sample has a second revision")
}

func TestPersonalDataThatWasErasedIsNoFailure(t *testing.T) {
	erased := 0
	for seed := range uint64(5) {
		sample := sampleOf(t, verifytest.Config{Seed: seed})
		for key := range sample.Erasable {
			require.NoError(t, os.Remove(path(sample, key)))
		}
		result := run(t, sample, verify.Options{})
		requireHolds(t, result)
		erased += result.Checked.Erased
	}
	require.Positive(t, erased)
}

func TestWithoutTheBytesOfFilesOnlyTheirLengthIsCompared(t *testing.T) {
	sample := sampleOf(t, verifytest.Config{Seed: 3})
	file := aSession(t, sample).Files[0]
	content, err := os.ReadFile(path(sample, file.Key))
	require.NoError(t, err)
	content[0] ^= 1
	require.NoError(t, os.WriteFile(path(sample, file.Key), content, 0o600))
	result := run(t, sample, verify.Options{RecordsOnly: true})
	requireHolds(t, result)
	require.True(t, result.RecordsOnly)
	require.Zero(t, result.Checked.Bytes)
	require.NoError(t, os.Truncate(path(sample, file.Key), file.Bytes-1))
	require.Equal(t, verify.KindFile, run(t, sample, verify.Options{RecordsOnly: true}).Failures[0].Kind)
}

func TestTheStoreIsVerifiedAsACopyIs(t *testing.T) {
	sample := sampleOf(t, verifytest.Config{Seed: 3, Prefix: "calls/"})
	server := s3test.New(t, "recordings")
	store, err := archive.Open(archive.Config{
		Endpoint: server.URL, Bucket: "recordings", Region: "us-east-1", Prefix: "calls/", Credentials: credentials.NewStaticV4("key", "secret", ""),
	})
	require.NoError(t, err)
	require.NoError(t, filepath.WalkDir(sample.Folder, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := os.ReadFile(name)
		require.NoError(t, err)
		key, err := filepath.Rel(sample.Folder, name)
		require.NoError(t, err)
		_, err = store.WriteObject(t.Context(), filepath.ToSlash(key), "", content, "")
		return err
	}))
	for _, options := range []verify.Options{{}, {RecordsOnly: true}, {SessionID: aSession(t, sample).SessionID}} {
		options.Key, options.Prefix = sample.Key.Verifier(), sample.Prefix
		result, err := verify.Run(t.Context(), store, options)
		require.NoError(t, err)
		requireHolds(t, result)
	}
	key := aSession(t, sample).Files[0].Key
	server.Add(s3test.Rule{Operation: s3test.GetObject, Key: key, Always: true, Body: func(body []byte) []byte { return append([]byte{^body[0]}, body[1:]...) }})
	result, err := verify.Run(t.Context(), store, verify.Options{Key: sample.Key.Verifier(), Prefix: sample.Prefix})
	require.NoError(t, err)
	require.Len(t, result.Failures, 1)
	require.Equal(t, key, result.Failures[0].Key)

	server.Add(s3test.Rule{Operation: s3test.GetObject, Always: true, Status: 403, Code: "AccessDenied"})
	_, err = verify.Run(t.Context(), store, verify.Options{Key: sample.Key.Verifier(), Prefix: sample.Prefix})
	require.Error(t, err, "a store that refuses is no proof of anything")
}

func TestATimestampIsOfTheCheckpointBesideIt(t *testing.T) {
	sample := sampleOf(t, verifytest.Config{Seed: 3})
	stamped, err := filepath.Glob(path(sample, "log/timestamps/*.checkpoint"))
	require.NoError(t, err)
	require.Len(t, stamped, 1)
	stamp := strings.TrimSuffix(stamped[0], ".checkpoint") + ".tsr"
	other, err := os.ReadFile("../timestamp/testdata/openssl.tsr")
	require.NoError(t, err)
	checkpoint, err := os.ReadFile(stamped[0])
	require.NoError(t, err)
	for i := range checkpoint {
		changed := bytes.Clone(checkpoint)
		changed[i] ^= 1
		require.NoError(t, os.WriteFile(stamped[0], changed, 0o600))
		require.Equal(t, verify.KindTimestamp, run(t, sample, verify.Options{}).Failures[0].Kind, "byte %d", i)
	}
	require.NoError(t, os.WriteFile(stamped[0], sample.Checkpoints[0], 0o600))
	require.Contains(t, run(t, sample, verify.Options{}).Failures[0].Text, "its name says another number")
	require.NoError(t, os.WriteFile(stamped[0], checkpoint, 0o600))
	for content, says := range map[string]string{string(other): "not a timestamp of the checkpoint beside it", "x": "not a TimeStampResp"} {
		require.NoError(t, os.WriteFile(stamp, []byte(content), 0o600))
		result := run(t, sample, verify.Options{})
		require.Len(t, result.Failures, 1)
		require.Equal(t, verify.KindTimestamp, result.Failures[0].Kind)
		require.Contains(t, result.Failures[0].Text, says)
	}
}
