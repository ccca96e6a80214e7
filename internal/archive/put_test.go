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
	"github.com/callvault/callvault/internal/failure"
)

const mebibyte = 1 << 20

func contentOf(size int) []byte {
	content := make([]byte, size)
	for i := range content {
		content[i] = byte(i * 7)
	}
	return content
}

func put(t *testing.T, store *archive.Store, content []byte, length int64) (archive.Object, error) {
	t.Helper()
	return store.Put(t.Context(), aKey, recordingOf(content), length, attributes)
}

func requireStored(t *testing.T, server *s3test.Server, content []byte, object archive.Object) {
	t.Helper()
	require.Equal(t, archive.Object{Bytes: int64(len(content)), SHA256: digestOf(content)}, object)
	stored, found := server.Object(bucket, aKey)
	require.True(t, found)
	require.True(t, bytes.Equal(content, stored.Body))
	require.Equal(t, checksumOf(content), stored.Checksum)
	require.Equal(t, "audio/wav", stored.ContentType)
	require.Equal(t, map[string]string{"Sha256": digestOf(content), "Format": "wav"}, stored.Metadata)
	require.Empty(t, server.Uploads())
}

func TestRecordingIsStoredWithItsDigest(t *testing.T) {
	store, server := openStore(t)
	for _, size := range []int{1, 64 << 10, mebibyte + 1} {
		server.Remove(bucket, aKey)
		server.ForgetRequests()
		content := contentOf(size)
		object, err := put(t, store, content, int64(size))
		require.NoError(t, err)
		requireStored(t, server, content, object)

		require.Equal(t, []s3test.Operation{s3test.HeadObject, s3test.PutObject, s3test.CopyObject, s3test.HeadObject}, server.Operations())
		written := sent(server, s3test.PutObject)[0]
		requireConditions(t, written, "", "*")
		require.Equal(t, "STREAMING-UNSIGNED-PAYLOAD-TRAILER", written.Get("X-Amz-Content-Sha256"))
		require.Equal(t, "x-amz-checksum-sha256", written.Get("X-Amz-Trailer"))
		labelled, _ := server.Object(bucket, aKey)
		require.Equal(t, labelled.ETag, sent(server, s3test.CopyObject)[0].Get("X-Amz-Copy-Source-If-Match"))
		require.Equal(t, "ENABLED", sent(server, s3test.HeadObject)[1].Get("X-Amz-Checksum-Mode"))
	}
}

func TestRecordingOfUnknownLengthIsStoredInParts(t *testing.T) {
	store, server := openStore(t)
	content := contentOf(9 * mebibyte)
	object, err := put(t, store, content, -1)
	require.NoError(t, err)
	requireStored(t, server, content, object)
	require.Equal(t, []s3test.Operation{
		s3test.HeadObject, s3test.CreateMultipartUpload, s3test.UploadPart, s3test.UploadPart,
		s3test.CompleteMultipartUpload, s3test.CopyObject, s3test.HeadObject,
	}, server.Operations(), "parts of 8 MiB")
	for _, part := range sent(server, s3test.UploadPart) {
		require.NotEmpty(t, part.Get("X-Amz-Checksum-Sha256"))
	}
}

func TestWriteIsConditionalOnTheObjectThatWasThere(t *testing.T) {
	store, server := openStore(t)
	server.Set(bucket, aKey, objectOf([]byte("left by an earlier attempt")))
	before, _ := server.Object(bucket, aKey)
	content := contentOf(100)
	object, err := put(t, store, content, 100)
	require.NoError(t, err)
	requireStored(t, server, content, object)
	requireConditions(t, sent(server, s3test.PutObject)[0], `"`+before.ETag+`"`, "")
}

func TestConcurrentChangeOfAnObjectIsAConflict(t *testing.T) {
	theirs := objectOf([]byte("theirs"))
	leftover := objectOf([]byte("left by an earlier attempt"))
	for _, row := range []struct {
		name     string
		leftover bool
		at       s3test.Operation
		act      func(*s3test.Server)
		want     *s3test.Object
	}{
		{"written before the first PUT", false, s3test.PutObject, func(s *s3test.Server) { s.Set(bucket, aKey, theirs) }, &theirs},
		{"replaced before a replacing PUT", true, s3test.PutObject, func(s *s3test.Server) { s.Set(bucket, aKey, theirs) }, &theirs},
		{"removed before a replacing PUT", true, s3test.PutObject, func(s *s3test.Server) { s.Remove(bucket, aKey) }, nil},
		{"replaced before it is labelled", false, s3test.CopyObject, func(s *s3test.Server) { s.Set(bucket, aKey, theirs) }, &theirs},
		{"removed before it is labelled", false, s3test.CopyObject, func(s *s3test.Server) { s.Remove(bucket, aKey) }, nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			store, server := openStore(t)
			if row.leftover {
				server.Set(bucket, aKey, leftover)
			}
			server.Add(s3test.Rule{Operation: row.at, Before: func() { row.act(server) }})
			object, err := put(t, store, contentOf(100), 100)
			require.ErrorIs(t, err, archive.ErrConflict)
			require.ErrorContains(t, err, "s3://recordings/"+aKey)
			require.Zero(t, object)
			stored, found := server.Object(bucket, aKey)
			require.Equal(t, row.want != nil, found)
			if found {
				require.Equal(t, row.want.Body, stored.Body)
			}
		})
	}
}

func TestObjectChangedAfterTheUploadIsAMismatch(t *testing.T) {
	content := contentOf(100)
	flipped := bytes.Clone(content)
	flipped[50] ^= 1
	for name, object := range map[string]s3test.Object{
		"other bytes under the same metadata": {Body: flipped, Metadata: map[string]string{"Sha256": digestOf(content)}},
		"other bytes":                         objectOf(flipped),
		"fewer bytes":                         objectOf(content[:99]),
	} {
		t.Run(name, func(t *testing.T) {
			store, server := openStore(t)
			server.Add(s3test.Rule{Operation: s3test.CopyObject, After: func() { server.Set(bucket, aKey, object) }})
			_, err := put(t, store, content, 100)
			require.ErrorIs(t, err, archive.ErrMismatch)
		})
	}
}

func TestByteFlippedOnTheWayIsRefused(t *testing.T) {
	for _, row := range []struct {
		at     s3test.Operation
		length int64
	}{{s3test.PutObject, 100}, {s3test.UploadPart, -1}} {
		store, server := openStore(t)
		server.Add(s3test.Rule{Operation: row.at, Damage: func(body []byte) { body[50] ^= 1 }})
		_, err := put(t, store, contentOf(100), row.length)
		requireUnavailable(t, err, "write s3://recordings/"+aKey, "SHA-256")
		require.Empty(t, server.Keys(bucket))
		require.Empty(t, server.Uploads())
	}
}

func TestErrorOfTheSourceIsReturnedAsItIs(t *testing.T) {
	broken := errors.New("the media server cut the file short")
	for _, length := range []int64{100, -1} {
		store, server := openStore(t)
		source := recording{io.MultiReader(bytes.NewReader(contentOf(99)), iotest.ErrReader(broken)), nil}
		object, err := store.Put(t.Context(), aKey, source, length, attributes)
		require.Equal(t, broken, err)
		require.Zero(t, object)
		require.Empty(t, server.Keys(bucket))
		require.Empty(t, server.Uploads())
	}
}

func TestSourceThatIsShorterThanItsLengthIsNotStored(t *testing.T) {
	store, server := openStore(t)
	_, err := put(t, store, contentOf(99), 100)
	require.Error(t, err)
	require.Empty(t, server.Keys(bucket))
}

func TestRecordingThatIsTooLargeIsRefused(t *testing.T) {
	store, server := openStore(t)
	_, err := put(t, store, nil, 5<<30+1)
	require.Equal(t, archive.ErrTooLarge, err)
	failed, _ := failure.Of(err)
	require.Equal(t, failure.MediaInvalid, failed.FailureKind())
	require.Empty(t, server.Requests())

	_, err = put(t, store, nil, 5<<30)
	require.Error(t, err)
	require.NotErrorIs(t, err, archive.ErrTooLarge)
	require.NotEmpty(t, server.Requests())
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
	_, err := store.Put(t.Context(), aKey, recording{endless{wait}, nil}, 100, attributes)
	require.ErrorIs(t, err, archive.ErrMismatch)
	require.ErrorContains(t, err, "write s3://recordings/"+aKey+": the store responded before it had the whole recording")
}

func TestErrorsOfAPutNameTheStep(t *testing.T) {
	for _, row := range []struct {
		at     s3test.Operation
		skip   int
		length int64
		says   string
	}{
		{s3test.HeadObject, 0, 100, "inspect s3://"},
		{s3test.PutObject, 0, 100, "write s3://"},
		{s3test.CopyObject, 0, 100, "label s3://"},
		{s3test.HeadObject, 1, 100, "verify s3://"},
		{s3test.CreateMultipartUpload, 0, -1, "write s3://"},
		{s3test.UploadPart, 0, -1, "write s3://"},
		{s3test.CompleteMultipartUpload, 0, -1, "write s3://"},
	} {
		store, server := openStore(t)
		server.Add(s3test.Rule{Operation: row.at, Skip: row.skip, Status: http.StatusServiceUnavailable, Code: "SlowDown"})
		_, err := put(t, store, contentOf(100), row.length)
		requireUnavailable(t, err, row.says+bucket+"/"+aKey)
		require.Empty(t, server.Uploads())
	}
}

// S3 may report the failure of a copy after it has begun a response of success.
func TestFailureInASuccessfulCopyResponseIsNoticed(t *testing.T) {
	store, server := openStore(t)
	server.Add(s3test.Rule{Operation: s3test.CopyObject, Status: http.StatusOK, Code: "InternalError"})
	_, err := put(t, store, contentOf(100), 100)
	requireUnavailable(t, err, "label s3://")
}

func TestLostResponseOfAWriteIsRepeatedByTheNextAttempt(t *testing.T) {
	for _, lost := range []s3test.Operation{s3test.PutObject, s3test.CopyObject} {
		store, server := openStore(t)
		content := contentOf(100)
		server.Add(s3test.Rule{Operation: lost, LoseResponse: true})
		_, err := put(t, store, content, 100)
		requireUnavailable(t, err)
		object, err := put(t, store, content, 100)
		require.NoError(t, err)
		requireStored(t, server, content, object)
	}
}
