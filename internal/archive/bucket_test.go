package archive_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/internal/archive"
	"github.com/callvault/callvault/internal/archive/s3test"
)

func TestMissingBucketIsCreatedOnce(t *testing.T) {
	server := s3test.New(t)
	store := openOn(t, server, "recordings")
	require.NoError(t, store.EnsureBucket(t.Context()))
	require.NoError(t, store.EnsureBucket(t.Context()))
	require.Equal(t, []string{"recordings"}, server.Buckets())
	require.Equal(t, []s3test.Operation{s3test.HeadBucket, s3test.CreateBucket, s3test.HeadBucket}, server.Operations())
}

func TestBucketCreatedByAnotherWorkerIsUsed(t *testing.T) {
	server := s3test.New(t)
	server.Add(s3test.Rule{Operation: s3test.CreateBucket, Status: http.StatusConflict, Code: "BucketAlreadyOwnedByYou"})
	require.NoError(t, openOn(t, server, "recordings").EnsureBucket(t.Context()))
}

func TestBucketThatCannotBeCreatedNeedsAnOperator(t *testing.T) {
	server := s3test.New(t)
	server.Add(s3test.Rule{Operation: s3test.CreateBucket, Status: http.StatusForbidden, Code: "AccessDenied"})
	err := openOn(t, server, "recordings").EnsureBucket(t.Context())
	require.ErrorIs(t, err, archive.ErrBlocked)
	require.ErrorContains(t, err, "create s3://recordings/")
	require.Empty(t, server.Buckets())
}

// Only a status that an operator can do something about is worth a second request.
func TestOnlyRefusalsAreAskedFor(t *testing.T) {
	for _, row := range []struct {
		status int
		asked  bool
	}{
		{299, false}, {300, true}, {301, true}, {400, true}, {403, true}, {405, true}, {412, false}, {499, true}, {500, false}, {503, false},
	} {
		t.Run(fmt.Sprint(row.status), func(t *testing.T) {
			store, server := openStore(t)
			setManifests(t, store, server, sessionsOfADay(0, 5)) // of which only the first is listed
			server.Add(s3test.Rule{Operation: s3test.HeadBucket, Status: row.status, Code: "Any"})
			err := store.EnsureBucket(t.Context())
			require.ErrorContains(t, err, "check s3://recordings/")
			lists := 0
			for _, request := range server.Requests() {
				if request.Operation == s3test.ListObjects {
					lists++
					require.Equal(t, "1", request.Query.Get("max-keys"))
				}
			}
			require.Equal(t, row.asked, lists == 1, lists)
		})
	}
}

func TestMissingObjectIsNotAskedFor(t *testing.T) {
	store, server := openStore(t)
	server.Add(s3test.Rule{Operation: s3test.HeadObject, Status: http.StatusNotFound, Code: "NoSuchKey", Header: func(header http.Header) {
		header.Set("X-Minio-Error-Code", "XMinioSomethingElse")
	}})
	require.Error(t, store.Verify(t.Context(), aKey, archive.Object{}))
	require.Equal(t, []s3test.Operation{s3test.HeadObject}, server.Operations())
}
