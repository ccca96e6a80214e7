package verify_test

import (
	"testing"

	"github.com/stretchr/testify/require"

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
	for seed := range uint64(20) {
		sample := sampleOf(t, verifytest.Config{Seed: seed, Prefix: []string{"", "calls/"}[seed%2], EmptyDays: int(seed%4) * 90})
		for _, kept := range [][]byte{nil, sample.Checkpoints[0], sample.Checkpoints[len(sample.Checkpoints)/2], sample.Checkpoints[len(sample.Checkpoints)-1]} {
			result := run(t, sample, verify.Options{Kept: kept})
			requireHolds(t, result)
			require.EqualValues(t, len(sample.Entries), result.Entries)
			require.Equal(t, len(sample.Revisions), result.Checked.Revisions)
			require.Empty(t, result.Notes)
		}
	}
}
