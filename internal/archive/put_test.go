package archive_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/internal/archive"
	"github.com/callvault/callvault/internal/archive/s3test"
)

const mebibyte = 1 << 20

func contentOf(size int) []byte {
	content := make([]byte, size)
	for i := range content {
		content[i] = byte(i * 7)
	}
	return content
}

// put stores content. length is -1 if the store is not to know it.
func put(t *testing.T, store *archive.Store, content []byte, length int64) (archive.Object, error) {
	t.Helper()
	return store.Put(t.Context(), uploadOf(recordingOf(content), length))
}

func uploadOf(source archive.Source, length int64) archive.Upload {
	upload := archive.Upload{Key: aKey, Session: session, Source: source, Length: length, ContentType: "audio/wav"}
	if length < 0 {
		upload.Buffer = make([]byte, archive.BufferBytes(1))
	}
	return upload
}

func requireStored(t *testing.T, server *s3test.Server, content []byte, object archive.Object) {
	t.Helper()
	require.EqualValues(t, len(content), object.Bytes)
	require.Equal(t, digestOf(content), object.SHA256)
	stored, found := server.Object(bucket, aKey)
	require.True(t, found)
	require.True(t, bytes.Equal(content, stored.Body))
	require.Equal(t, "audio/wav", stored.ContentType)
	require.Empty(t, stored.Metadata)
	require.Empty(t, server.Uploads())
}

func TestSmallRecordingCostsOneRequest(t *testing.T) {
	store, server := openStore(t)
	for _, size := range []int{1, 64 << 10, mebibyte, mebibyte + 1, 3 * mebibyte} {
		server.Remove(bucket, aKey)
		server.ForgetRequests()
		content := contentOf(size)
		object, err := put(t, store, content, int64(size))
		require.NoError(t, err)
		requireStored(t, server, content, object)
		require.True(t, object.Verified)
		require.Nil(t, object.Checksum)

		require.Equal(t, []s3test.Operation{s3test.PutObject}, server.Operations())
		written := sent(server, s3test.PutObject)[0]
		requireConditions(t, written, "", "*")
		require.Equal(t, "STREAMING-UNSIGNED-PAYLOAD-TRAILER", written.Get("X-Amz-Content-Sha256"))
		require.Equal(t, "x-amz-checksum-sha256", written.Get("X-Amz-Trailer"))
		stored, _ := server.Object(bucket, aKey)
		require.Equal(t, checksumOf(content), stored.Checksum)
	}
}

func TestObjectIsNotVerifiedIfTheStoreReturnsNoChecksum(t *testing.T) {
	for _, length := range []int64{100, -1} {
		store, server := openStore(t)
		server.Lacks = map[s3test.Feature]bool{s3test.ReturnedChecksum: true}
		content := contentOf(100)
		object, err := put(t, store, content, length)
		require.NoError(t, err)
		requireStored(t, server, content, object)
		require.False(t, object.Verified)
		require.Empty(t, sent(server, s3test.HeadObject), "whoever writes the manifest asks")
	}
}

func TestStoreThatReturnsAnotherChecksumIsAMismatch(t *testing.T) {
	store, server := openStore(t)
	server.Add(s3test.Rule{Operation: s3test.PutObject, Header: func(header http.Header) { header.Set("X-Amz-Checksum-Sha256", checksumOf(nil)) }})
	_, err := put(t, store, contentOf(100), 100)
	require.ErrorIs(t, err, archive.ErrMismatch)
	require.ErrorContains(t, err, "write s3://recordings/"+aKey+": the store returned a different SHA-256")
}

func TestObjectIsReplacedOnlyIfItIsTheOneThatWasFound(t *testing.T) {
	for _, length := range []int64{100, -1} {
		store, server := openStore(t)
		present, err := store.Find(t.Context(), aKey)
		require.NoError(t, err)
		require.Zero(t, present)

		server.Set(bucket, aKey, objectOf([]byte("left by an earlier attempt")))
		_, err = put(t, store, contentOf(100), length)
		require.ErrorIs(t, err, archive.ErrConflict)
		require.Empty(t, server.Uploads())

		present, err = store.Find(t.Context(), aKey)
		require.NoError(t, err)
		upload := uploadOf(recordingOf(contentOf(100)), length)
		upload.Replaces = present
		object, err := store.Put(t.Context(), upload)
		require.NoError(t, err)
		requireStored(t, server, contentOf(100), object)

		upload = uploadOf(recordingOf(contentOf(99)), min(length, 99))
		upload.Replaces = present
		_, err = store.Put(t.Context(), upload)
		require.ErrorIs(t, err, archive.ErrConflict)
		stored, _ := server.Object(bucket, aKey)
		require.Equal(t, contentOf(100), stored.Body)
	}
}

func TestFindReturnsTheStoresRefusal(t *testing.T) {
	store, server := openStore(t)
	server.Add(s3test.Rule{Operation: s3test.HeadObject, Status: http.StatusServiceUnavailable, Code: "SlowDown"})
	_, err := store.Find(t.Context(), aKey)
	requireUnavailable(t, err, "inspect s3://"+bucket+"/"+aKey)
}

func TestByteFlippedOnTheWayIsRefused(t *testing.T) {
	for _, row := range []struct {
		at     s3test.Operation
		length int64
	}{{s3test.PutObject, 100}, {s3test.UploadPart, -1}} {
		store, server := openStore(t)
		server.Add(s3test.Rule{Operation: row.at, Damage: func(body []byte) { body[50] ^= 1 }})
		_, err := put(t, store, contentOf(100), row.length)
		requireUnavailable(t, err, "write s3://recordings/"+aKey, "did not match")
		require.Empty(t, server.Keys(bucket))
		require.Empty(t, server.Uploads())
	}
}

func TestErrorOfTheSourceIsReturnedAsItIs(t *testing.T) {
	broken := errors.New("the media server cut the file short")
	for _, length := range []int64{100, -1} {
		store, server := openStore(t)
		source := recordingFrom(io.MultiReader(bytes.NewReader(contentOf(99)), iotest.ErrReader(broken)))
		object, err := store.Put(t.Context(), uploadOf(source, length))
		require.Equal(t, broken, err)
		require.Zero(t, object)
		require.Empty(t, server.Keys(bucket))
		require.Empty(t, server.Uploads())
	}
}

func TestSourceOfAnotherLengthIsNotStored(t *testing.T) {
	for _, size := range []int{99, 101} {
		store, server := openStore(t)
		_, err := put(t, store, contentOf(size), 100)
		require.Error(t, err)
		require.Empty(t, server.Keys(bucket))
	}
}

// endless is a recording that is not over, and has no more bytes for now.
type endless struct{ wait chan struct{} }

func (e endless) Read([]byte) (int, error) {
	<-e.wait
	return 0, io.ErrUnexpectedEOF
}

func TestStoreThatRespondsBeforeTheEndIsAMismatch(t *testing.T) {
	store, server := openStore(t)
	server.Add(s3test.Rule{Operation: s3test.PutObject, Status: http.StatusOK, Early: true})
	wait := make(chan struct{})
	defer close(wait)
	_, err := store.Put(t.Context(), uploadOf(recordingFrom(endless{wait}), 100))
	require.ErrorIs(t, err, archive.ErrMismatch)
	require.ErrorContains(t, err, "write s3://recordings/"+aKey+": the store responded before it had the whole recording")
}

func TestStoreThatRefusesBeforeTheEndIsUnderstood(t *testing.T) {
	store, server := openStore(t)
	server.Add(s3test.Rule{Operation: s3test.PutObject, Status: http.StatusPreconditionFailed, Code: "PreconditionFailed", Early: true})
	wait := make(chan struct{})
	defer close(wait)
	_, err := store.Put(t.Context(), uploadOf(recordingFrom(endless{wait}), 100))
	require.ErrorIs(t, err, archive.ErrConflict)
}

func TestErrorsOfAPutNameTheStep(t *testing.T) {
	for _, row := range []struct {
		at     s3test.Operation
		length int64
	}{
		{s3test.PutObject, 100},
		{s3test.CreateMultipartUpload, -1},
		{s3test.UploadPart, -1},
		{s3test.CompleteMultipartUpload, -1},
	} {
		store, server := openStore(t)
		server.Add(s3test.Rule{Operation: row.at, Status: http.StatusServiceUnavailable, Code: "SlowDown"})
		_, err := put(t, store, contentOf(100), row.length)
		requireUnavailable(t, err, "write s3://"+bucket+"/"+aKey, "SlowDown")
		require.Empty(t, server.Uploads())
		require.True(t, store.IsFailing())
	}
}

func TestRefusalWithoutABodyIsUnderstood(t *testing.T) {
	for status, want := range map[int]error{http.StatusForbidden: archive.ErrBlocked, http.StatusPreconditionFailed: archive.ErrConflict} {
		store, server := openStore(t)
		server.Add(s3test.Rule{Operation: s3test.PutObject, Status: status})
		_, err := put(t, store, contentOf(100), 100)
		require.ErrorIs(t, err, want)
	}
}

func TestRedirectIsNotFollowed(t *testing.T) {
	store, server := openStore(t)
	server.Add(s3test.Rule{Operation: s3test.PutObject, Status: http.StatusTemporaryRedirect, Header: func(header http.Header) {
		header.Set("Location", server.URL.String()+"/elsewhere/a")
	}})
	_, err := put(t, store, contentOf(100), 100)
	require.ErrorContains(t, err, "307 Temporary Redirect")
	require.Len(t, server.Requests(), 1)
}

// The bytes were sent: they must not be fetched again.
func TestLostResponseOfAWriteIsNoFailure(t *testing.T) {
	for _, row := range []struct {
		lost   s3test.Operation
		length int64
	}{{s3test.PutObject, 100}, {s3test.CompleteMultipartUpload, -1}} {
		store, server := openStore(t)
		content := contentOf(100)
		server.Add(s3test.Rule{Operation: row.lost, LoseResponse: true})
		object, err := put(t, store, content, row.length)
		require.NoError(t, err)
		requireStored(t, server, content, object)
		require.True(t, object.Verified)
	}
}

func TestLostWriteIsAFailure(t *testing.T) {
	for name, theirs := range map[string]*s3test.Object{"nothing is there": nil, "another object is there": {Body: contentOf(101)}} {
		t.Run(name, func(t *testing.T) {
			store, server := openStore(t)
			server.Add(s3test.Rule{Operation: s3test.PutObject, Status: http.StatusServiceUnavailable, Code: "SlowDown", After: func() {
				if theirs != nil {
					server.Set(bucket, aKey, *theirs)
				}
			}})
			_, err := put(t, store, contentOf(100), 100)
			requireUnavailable(t, err, "SlowDown")
		})
	}
}

// An earlier attempt may have written it. It is the same recording.
func TestSameObjectIsNoConflict(t *testing.T) {
	for _, length := range []int64{100, -1} {
		store, server := openStore(t)
		first, err := put(t, store, contentOf(100), length)
		require.NoError(t, err)
		again, err := put(t, store, contentOf(100), length)
		require.NoError(t, err)
		require.Equal(t, first, again)
		require.Len(t, server.Versions(bucket, aKey), 1)
		require.Empty(t, server.Uploads())
	}
}

func TestRefusedWriteIsNotLookedFor(t *testing.T) {
	store, server := openStore(t)
	server.Add(s3test.Rule{Operation: s3test.PutObject, Status: http.StatusForbidden, Code: "AccessDenied"})
	_, err := put(t, store, contentOf(100), 100)
	require.ErrorIs(t, err, archive.ErrBlocked)
	require.Empty(t, sent(server, s3test.HeadObject))
}
