package archive_test

import (
	"testing"

	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/internal/archive"
	"github.com/callvault/callvault/internal/archive/s3test"
	"github.com/callvault/callvault/internal/failure"
)

const recordKey = "calls/log/checkpoint"

func TestAnObjectOfTheProofIsWrittenOnItsConditionAlone(t *testing.T) {
	store, server := openStore(t)
	written, err := store.WriteObject(t.Context(), recordKey, "text/plain", []byte("one"), "")
	require.NoError(t, err)
	require.True(t, written)
	written, err = store.WriteObject(t.Context(), recordKey, "text/plain", []byte("two"), "")
	require.NoError(t, err)
	require.False(t, written, "it is there")

	content, etag, err := store.ReadObject(t.Context(), recordKey, 3)
	require.NoError(t, err)
	require.Equal(t, "one", string(content))
	written, err = store.WriteObject(t.Context(), recordKey, "text/plain", []byte("two"), etag)
	require.NoError(t, err)
	require.True(t, written)
	written, err = store.WriteObject(t.Context(), recordKey, "text/plain", []byte("three"), etag)
	require.NoError(t, err)
	require.False(t, written, "it was replaced meanwhile")
	written, err = store.WriteObject(t.Context(), "calls/none", "text/plain", []byte("three"), etag)
	require.NoError(t, err)
	require.False(t, written, "what should be replaced is missing")

	headers := sent(server, s3test.PutObject)
	requireConditions(t, headers[0], "", "*")
	requireConditions(t, headers[2], `"`+etag+`"`, "")
}

func TestAnObjectOfTheProofIsReadWithinItsBound(t *testing.T) {
	store, _ := openStore(t)
	content, etag, err := store.ReadObject(t.Context(), recordKey, 3)
	require.NoError(t, err)
	require.Nil(t, content)
	require.Empty(t, etag)
	for _, text := range []string{"", "abcd"} {
		key := recordKey + text
		_, err = store.WriteObject(t.Context(), key, "text/plain", []byte(text), "")
		require.NoError(t, err)
		content, _, err = store.ReadObject(t.Context(), key, 4)
		require.NoError(t, err)
		require.NotNil(t, content)
		require.Equal(t, text, string(content))
	}
	_, _, err = store.ReadObject(t.Context(), recordKey+"abcd", 3)
	require.Equal(t, failure.ArchiveBlocked, failure.KindOf(err))
	require.ErrorContains(t, err, "larger than any that callvault writes there")
}

func TestAFailureToWriteAnObjectOfTheProofIsOneOfTheStore(t *testing.T) {
	store, server := openStore(t)
	server.Add(s3test.Rule{Operation: s3test.PutObject, Status: 403, Code: "AccessDenied"})
	_, err := store.WriteObject(t.Context(), recordKey, "text/plain", []byte("one"), "")
	require.ErrorIs(t, err, archive.ErrBlocked)
	server.Add(s3test.Rule{Operation: s3test.GetObject, Status: 403, Code: "AccessDenied"})
	_, _, err = store.ReadObject(t.Context(), recordKey, 10)
	require.ErrorIs(t, err, archive.ErrBlocked)
	server.Add(s3test.Rule{Operation: s3test.PutObject, LoseResponse: true})
	_, err = store.WriteObject(t.Context(), recordKey, "text/plain", []byte("one"), "")
	requireUnavailable(t, err)
}

func TestAnObjectOfTheProofIsLockedAsAManifestAndAWorkingObjectIsNot(t *testing.T) {
	server := s3test.New(t, bucket)
	server.EnableLock(bucket)
	store, err := archive.Open(archive.Config{
		Endpoint: server.URL, Bucket: bucket, Region: "us-east-1", Prefix: "calls/", Credentials: credentials.NewStaticV4("key", "secret", ""),
		Options: archive.Options{Encryption: archive.SSES3, LockMode: archive.Governance, LockDays: 3, LegalHold: true, StorageClass: "GLACIER", Tags: archive.Tags},
	})
	require.NoError(t, err)
	_, err = store.WriteObject(t.Context(), recordKey, "text/plain", []byte("one"), "")
	require.NoError(t, err)
	_, err = store.WriteWorkingObject(t.Context(), "calls/log/pending", "text/plain", []byte("one"), "")
	require.NoError(t, err)
	headers := sent(server, s3test.PutObject)
	require.Equal(t, "GOVERNANCE", headers[0].Get("X-Amz-Object-Lock-Mode"))
	require.Equal(t, "ON", headers[0].Get("X-Amz-Object-Lock-Legal-Hold"))
	require.Empty(t, headers[1].Get("X-Amz-Object-Lock-Mode"))
	require.Empty(t, headers[1].Get("X-Amz-Object-Lock-Legal-Hold"))
	for _, header := range headers {
		require.Equal(t, "AES256", header.Get("X-Amz-Server-Side-Encryption"))
		require.Empty(t, header.Get("X-Amz-Storage-Class"), "it has to be readable at any time")
		require.Empty(t, header.Get("X-Amz-Tagging"), "it belongs to no one session")
	}
}

func TestTheLengthOfAFileIsToldWithoutReadingIt(t *testing.T) {
	store, server := openStore(t)
	_, err := store.WriteObject(t.Context(), recordKey, "text/plain", []byte("one"), "")
	require.NoError(t, err)
	server.ForgetRequests()
	size, err := store.FileSize(t.Context(), recordKey)
	require.NoError(t, err)
	require.EqualValues(t, 3, size)
	require.Equal(t, []s3test.Operation{s3test.HeadObject}, server.Operations())
	_, err = store.FileSize(t.Context(), "calls/none")
	require.ErrorIs(t, err, archive.ErrMissing)
}
