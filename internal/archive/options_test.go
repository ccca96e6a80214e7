package archive_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/internal/archive"
	"github.com/callvault/callvault/internal/archive/s3test"
	"github.com/callvault/callvault/workflows"
)

// everyOption are options of which each one shows in a request.
var everyOption = archive.Options{
	Encryption: archive.SSEKMS, KMSKey: "alias/calls", LockMode: archive.Compliance, LockDays: 3650, LegalHold: true,
	StorageClass: "STANDARD_IA", Tags: archive.Tags,
}

// openWithOptions returns an archive on a bucket with Object Lock.
func openWithOptions(t *testing.T, options archive.Options) (*archive.Store, *s3test.Server) {
	t.Helper()
	server := s3test.New(t, bucket)
	server.EnableLock(bucket)
	return openWith(t, server, func(c *archive.Config) { c.Options = options }), server
}

// The headers of the options.
const (
	encryptionHeader  = "X-Amz-Server-Side-Encryption"
	kmsKeyHeader      = "X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id"
	lockModeHeader    = "X-Amz-Object-Lock-Mode"
	retainUntilHeader = "X-Amz-Object-Lock-Retain-Until-Date"
	legalHoldHeader   = "X-Amz-Object-Lock-Legal-Hold"
	classHeader       = "X-Amz-Storage-Class"
	taggingHeader     = "X-Amz-Tagging"
)

func optionsOf(header http.Header) map[string]string {
	found := make(map[string]string)
	for _, name := range []string{encryptionHeader, kmsKeyHeader, lockModeHeader, legalHoldHeader, classHeader, taggingHeader} {
		if value := header.Get(name); value != "" {
			found[name] = value
		}
	}
	return found
}

// requireRetained requires a retention that was counted from a moment since start.
func requireRetained(t *testing.T, header http.Header, start time.Time, days int) {
	t.Helper()
	until, err := time.Parse(time.RFC3339, header.Get(retainUntilHeader))
	require.NoError(t, err)
	require.False(t, until.Before(start.AddDate(0, 0, days)), "it is not shorter by a part of a second")
	require.False(t, until.After(time.Now().AddDate(0, 0, days).Add(time.Second)))
}

func tagsOf(outcome string) string {
	return "callvault-bot=" + botID + "&callvault-date=2024-03-05&callvault-outcome=" + outcome
}

func TestEveryOptionIsInTheRequestOfARecording(t *testing.T) {
	content := contentOf(100)
	for operation, length := range map[s3test.Operation]int64{s3test.PutObject: 100, s3test.CreateMultipartUpload: -1} {
		t.Run(string(operation), func(t *testing.T) {
			store, server := openWithOptions(t, everyOption)
			start := time.Now()
			_, err := put(t, store, content, length)
			require.NoError(t, err)
			written := sent(server, operation)
			require.Len(t, written, 1)
			require.Equal(t, map[string]string{
				encryptionHeader: "aws:kms", kmsKeyHeader: "alias/calls", lockModeHeader: "COMPLIANCE", legalHoldHeader: "ON",
				classHeader: "STANDARD_IA", taggingHeader: tagsOf("archived"),
			}, optionsOf(written[0]))
			requireRetained(t, written[0], start, 3650)
			for _, part := range append(sent(server, s3test.UploadPart), sent(server, s3test.CompleteMultipartUpload)...) {
				require.Empty(t, part.Get(lockModeHeader)+part.Get(taggingHeader)+part.Get(classHeader))
			}
		})
	}
}

func TestEveryOptionIsInTheRequestOfAManifest(t *testing.T) {
	store, server := openWithOptions(t, everyOption)
	start := time.Now()
	_, err := store.WriteManifest(t.Context(), manifestOf(workflows.OutcomeGaveUp, "1"), "")
	require.NoError(t, err)
	_, err = store.WriteManifest(t.Context(), archivedAs(server, "2"), "")
	require.NoError(t, err, "it replaces the other")
	require.Len(t, server.Versions(bucket, manifestKey), 2)
	for i, version := range server.Versions(bucket, manifestKey) {
		require.Equal(t, map[string]string{
			encryptionHeader: "aws:kms", kmsKeyHeader: "alias/calls", lockModeHeader: "COMPLIANCE", legalHoldHeader: "ON",
			classHeader: "STANDARD_IA", taggingHeader: tagsOf([]string{"gave_up", "archived"}[i]), retainUntilHeader: version.Kept[retainUntilHeader],
		}, version.Kept)
		requireRetained(t, http.Header{retainUntilHeader: {version.Kept[retainUntilHeader]}}, start, 3650)
	}
}

func TestFileOfABatchIsEncryptedAndNothingElse(t *testing.T) {
	store, server := openWithOptions(t, everyOption)
	for _, length := range []int64{4, -1} {
		require.NoError(t, store.WriteFile(t.Context(), planKey, text, strings.NewReader("plan"), length))
	}
	require.NoError(t, store.CreateFile(t.Context(), planKey+"2", text, strings.NewReader("plan"), 4))
	written := append(sent(server, s3test.PutObject), sent(server, s3test.CreateMultipartUpload)...)
	require.Len(t, written, 3)
	for _, header := range written {
		require.Equal(t, map[string]string{encryptionHeader: "aws:kms", kmsKeyHeader: "alias/calls", classHeader: "STANDARD_IA"}, optionsOf(header))
		require.Empty(t, header.Get(retainUntilHeader))
	}
}

func TestOneOptionBringsNoOther(t *testing.T) {
	for name, row := range map[string]struct {
		options archive.Options
		want    map[string]string
	}{
		"none":          {archive.Options{}, map[string]string{}},
		"SSE-S3":        {archive.Options{Encryption: archive.SSES3}, map[string]string{encryptionHeader: "AES256"}},
		"SSE-KMS":       {archive.Options{Encryption: archive.SSEKMS}, map[string]string{encryptionHeader: "aws:kms"}},
		"lock":          {archive.Options{LockMode: archive.Governance, LockDays: 1}, map[string]string{lockModeHeader: "GOVERNANCE"}},
		"legal hold":    {archive.Options{LegalHold: true}, map[string]string{legalHoldHeader: "ON"}},
		"storage class": {archive.Options{StorageClass: "GLACIER_IR"}, map[string]string{classHeader: "GLACIER_IR"}},
		"one tag":       {archive.Options{Tags: []archive.Tag{archive.TagDate}}, map[string]string{taggingHeader: "callvault-date=2024-03-05"}},
	} {
		t.Run(name, func(t *testing.T) {
			store, server := openWithOptions(t, row.options)
			_, err := put(t, store, []byte("a"), 1)
			require.NoError(t, err)
			require.Equal(t, row.want, optionsOf(sent(server, s3test.PutObject)[0]))
			require.Equal(t, row.options.LockMode == "", sent(server, s3test.PutObject)[0].Get(retainUntilHeader) == "")
		})
	}
}

// A recording may be where it has to be restored before it can be read. What callvault reads
// itself must not be.
func TestColdStorageClassIsForRecordingsAlone(t *testing.T) {
	for _, class := range []string{"GLACIER", "DEEP_ARCHIVE"} {
		store, server := openWithOptions(t, archive.Options{StorageClass: class})
		_, err := put(t, store, []byte("a"), 1)
		require.NoError(t, err)
		_, err = store.WriteManifest(t.Context(), manifestOf(workflows.OutcomeFailed, "1"), "")
		require.NoError(t, err)
		require.NoError(t, store.WriteFile(t.Context(), planKey, text, strings.NewReader("plan"), 4))
		var classes []string
		for _, header := range sent(server, s3test.PutObject) {
			classes = append(classes, header.Get(classHeader))
		}
		require.Equal(t, []string{class, "", ""}, classes)
	}
}

// Fewer days may be configured since the version was written that is replaced.
func TestRetentionIsNeverShortened(t *testing.T) {
	long := archive.Options{LockMode: archive.Governance, LockDays: 3650}
	short := archive.Options{LockMode: archive.Governance, LockDays: 1}
	for name, row := range map[string]struct {
		first, second archive.Options
		same          bool
	}{
		"fewer days": {long, short, true},
		"more days":  {short, long, false},
		"lock since": {archive.Options{}, short, false},
	} {
		t.Run(name, func(t *testing.T) {
			first, server := openWithOptions(t, row.first)
			second := openWith(t, server, func(c *archive.Config) { c.Options = row.second })
			_, err := first.WriteManifest(t.Context(), manifestOf(workflows.OutcomeFailed, "1"), "")
			require.NoError(t, err)
			start := time.Now()

			_, err = second.WriteManifest(t.Context(), manifestOf(workflows.OutcomeFailed, "2"), etagOf(t, first))
			require.NoError(t, err)
			manifests := server.Versions(bucket, manifestKey)
			require.Len(t, manifests, 2)
			before, after := manifests[0].Kept[retainUntilHeader], manifests[1].Kept[retainUntilHeader]
			require.Equal(t, row.same, before == after)
			requireRetained(t, http.Header{retainUntilHeader: {after}}, start.Add(-time.Minute), max(row.first.LockDays, row.second.LockDays))
		})
	}
}

// The same for a recording, which replaces one that another fetch has left there.
func TestRetentionOfARecordingIsNotShortenedEither(t *testing.T) {
	store, server := openWithOptions(t, archive.Options{LockMode: archive.Governance, LockDays: 1})
	until := time.Now().AddDate(10, 0, 0).UTC().Truncate(time.Second).Format(time.RFC3339)
	for _, length := range []int64{3, -1} {
		server.Set(bucket, aKey, s3test.Object{Body: []byte("one"), Kept: map[string]string{lockModeHeader: "GOVERNANCE", retainUntilHeader: until}})
		present, err := store.Find(t.Context(), aKey)
		require.NoError(t, err)
		upload := uploadOf(recordingOf([]byte("two")), length)
		upload.Replaces = present
		_, err = store.Put(t.Context(), upload)
		require.NoError(t, err)
	}
	written := append(sent(server, s3test.PutObject), sent(server, s3test.CreateMultipartUpload)...)
	require.Len(t, written, 2)
	for _, header := range written {
		require.Equal(t, until, header.Get(retainUntilHeader))
	}
}

func TestLockWithoutObjectLockInTheBucketBlocks(t *testing.T) {
	server := s3test.New(t, bucket)
	store := openWith(t, server, func(c *archive.Config) { c.Options = everyOption })
	_, err := store.WriteManifest(t.Context(), manifestOf(workflows.OutcomeFailed, "1"), "")
	require.ErrorIs(t, err, archive.ErrBlocked)
	require.ErrorContains(t, err, "Object Lock")
}

func TestInvalidOptionsAreReported(t *testing.T) {
	for _, row := range []struct {
		options archive.Options
		says    string
	}{
		{archive.Options{Encryption: "AES"}, `encryption: "AES" is not an encryption: want none, SSE-S3 or SSE-KMS`},
		{archive.Options{Encryption: archive.SSES3, KMSKey: "k"}, "kmsKey: is used with SSE-KMS alone"},
		{archive.Options{KMSKey: "k"}, "kmsKey: is used with SSE-KMS alone"},
		{archive.Options{Encryption: archive.SSEKMS, KMSKey: "a key\r\nX: y"}, "kmsKey: "},
		{archive.Options{LockDays: 1}, "lock.mode: is not set"},
		{archive.Options{LockMode: "governance", LockDays: 1}, `lock.mode: "governance" is not a mode: want GOVERNANCE or COMPLIANCE`},
		{archive.Options{LockMode: archive.Governance}, "lock.days: want how long an object is retained, from 1 to 36500 days"},
		{archive.Options{LockMode: archive.Governance, LockDays: -1}, "lock.days: "},
		{archive.Options{LockMode: archive.Governance, LockDays: 36501}, "lock.days: "},
		{archive.Options{StorageClass: "a b"}, `storageClass: "a b" is not a storage class`},
		{archive.Options{Tags: []archive.Tag{"session"}}, `tags: "session" is not a tag: want bot, date or outcome`},
		{archive.Options{Tags: []archive.Tag{archive.TagBot, archive.TagBot}}, `tags: "bot" is named twice`},
	} {
		require.Len(t, row.options.Problems(), 1, row.says)
		_, err := archive.Open(archive.Config{Endpoint: &url.URL{Scheme: "https", Host: "s3.example.com"}, Options: row.options})
		require.ErrorContains(t, err, row.says)
	}
	require.Empty(t, everyOption.Problems())
	require.Empty(t, archive.Options{}.Problems())
}
