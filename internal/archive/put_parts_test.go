package archive_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"testing"
	"testing/iotest"
	"time"

	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/internal/archive"
	"github.com/callvault/callvault/internal/archive/s3test"
)

// openParts returns an archive that stores what has 5 MiB in parts of 8 MiB.
func openParts(t *testing.T, server *s3test.Server) *archive.Store {
	t.Helper()
	store, err := archive.Open(archive.Config{
		Endpoint: server.URL, Bucket: bucket, Region: "us-east-1", Prefix: "calls/", MultipartFrom: archive.MinMultipartFrom,
		Credentials: credentials.NewStaticV4("key", "canary-secret", ""),
	})
	require.NoError(t, err)
	return store
}

func TestLargeRecordingIsStoredInParts(t *testing.T) {
	for _, size := range []int{5 * mebibyte, 8 * mebibyte, 8*mebibyte + 1, 20 * mebibyte} {
		for _, length := range []int64{int64(size), -1} {
			server := s3test.New(t, bucket)
			content := contentOf(size)
			object, err := put(t, openParts(t, server), content, length)
			require.NoError(t, err)
			requireStored(t, server, content, object)
			require.True(t, object.Verified)
			stored, _ := server.Object(bucket, aKey)
			require.Equal(t, &archive.Checksum{Algorithm: "CRC64NVME", Value: stored.CRC64, PartBytes: 8 * mebibyte}, object.Checksum)

			want := []s3test.Operation{s3test.CreateMultipartUpload}
			for range (size + 8*mebibyte - 1) / (8 * mebibyte) {
				want = append(want, s3test.UploadPart)
			}
			require.Equal(t, append(want, s3test.CompleteMultipartUpload), server.Operations())
			requireConditions(t, sent(server, s3test.CreateMultipartUpload)[0], "", "")
			requireConditions(t, sent(server, s3test.CompleteMultipartUpload)[0], "", "*")
		}
	}
}

func TestStoreWithoutTheChecksumOfTheWholeGetsThatOfTheParts(t *testing.T) {
	server := s3test.New(t, bucket)
	server.Lacks = map[s3test.Feature]bool{s3test.WholeChecksumOfParts: true}
	store := openParts(t, server)
	content := contentOf(20 * mebibyte)
	for range 2 {
		server.Remove(bucket, aKey)
		object, err := put(t, store, content, int64(len(content)))
		require.NoError(t, err)
		requireStored(t, server, content, object)
		require.True(t, object.Verified)
		stored, _ := server.Object(bucket, aKey)
		require.Contains(t, stored.Checksum, "-3")
		require.Equal(t, &archive.Checksum{Algorithm: "SHA256", Value: stored.Checksum, PartBytes: 8 * mebibyte}, object.Checksum)
		require.NoError(t, store.Verify(t.Context(), aKey, object))
	}
	require.Len(t, sent(server, s3test.CreateMultipartUpload), 3, "it is asked once whether it has the other")
}

// interrupt uploads the beginning of content, and returns what another process needs to
// continue.
func interrupt(t *testing.T, server *s3test.Server, content []byte, at int) archive.Parts {
	t.Helper()
	broken := errors.New("the media server cut the file short")
	var last archive.Parts
	upload := uploadOf(recordingFrom(io.MultiReader(bytes.NewReader(content[:at]), iotest.ErrReader(broken))), int64(len(content)))
	upload.Uploaded = func(parts archive.Parts) { last = parts }
	upload.Keep = func(err error) bool { return errors.Is(err, broken) }
	_, err := openParts(t, server).Put(t.Context(), upload)
	require.ErrorIs(t, err, broken)
	require.Len(t, server.Uploads(), 1)
	server.ForgetRequests()
	return last
}

func TestUploadIsContinuedWithItsNextPart(t *testing.T) {
	for _, noCRC64 := range []bool{false, true} {
		server := s3test.New(t, bucket)
		server.Lacks = map[s3test.Feature]bool{s3test.WholeChecksumOfParts: noCRC64}
		content := contentOf(50 * mebibyte)
		parts := interrupt(t, server, content, 45*mebibyte)
		require.EqualValues(t, 40*mebibyte, parts.Bytes)

		upload := uploadOf(restOf(content, parts.Bytes), int64(len(content)))
		upload.Continues = &parts
		object, err := openParts(t, server).Put(t.Context(), upload)
		require.NoError(t, err)
		requireStored(t, server, content, object)
		require.True(t, object.Verified)
		require.Equal(t, []s3test.Operation{
			s3test.ListParts, s3test.ListParts, s3test.UploadPart, s3test.UploadPart, s3test.CompleteMultipartUpload,
		}, server.Operations())
		require.Len(t, parts.Sums, 5, "what was recorded does not change")
	}
}

// The store may have parts that were uploaded after the state was recorded.
func TestPartsBehindTheStateAreReplaced(t *testing.T) {
	server := s3test.New(t, bucket)
	content := contentOf(30 * mebibyte)
	parts := interrupt(t, server, content, 25*mebibyte)
	parts.Sums, parts.Bytes = parts.Sums[:1], parts.PartBytes
	upload := uploadOf(restOf(content, parts.Bytes), int64(len(content)))
	upload.Continues = &parts
	object, err := openParts(t, server).Put(t.Context(), upload)
	require.NoError(t, err)
	requireStored(t, server, content, object)
}

func TestUploadThatIsNotAsItWasIsNotContinued(t *testing.T) {
	content := contentOf(30 * mebibyte)
	for name, change := range map[string]func(*s3test.Server, *archive.Parts){
		"it is gone": func(server *s3test.Server, parts *archive.Parts) {
			require.NoError(t, openParts(t, server).Abort(t.Context(), aKey, parts.UploadID))
		},
		"it may not be looked at": func(server *s3test.Server, _ *archive.Parts) {
			server.Add(s3test.Rule{Operation: s3test.ListParts, Status: http.StatusForbidden, Code: "AccessDenied"})
		},
		"another checksum":    func(_ *s3test.Server, parts *archive.Parts) { parts.Sums[1] = bytes.Repeat([]byte{1}, 8) },
		"another part length": func(_ *s3test.Server, parts *archive.Parts) { parts.PartBytes++ },
		"more parts": func(_ *s3test.Server, parts *archive.Parts) {
			parts.Sums = append(parts.Sums, parts.Sums[0])
			parts.Bytes = 30 * mebibyte
		},
		"no part":                func(_ *s3test.Server, parts *archive.Parts) { parts.Sums, parts.Bytes = nil, 0 },
		"fewer bytes than parts": func(_ *s3test.Server, parts *archive.Parts) { parts.Bytes = 1 },
		"an unknown checksum":    func(_ *s3test.Server, parts *archive.Parts) { parts.Algorithm = "MD5" },
		"no upload":              func(_ *s3test.Server, parts *archive.Parts) { parts.UploadID = "" },
		"parts of no length":     func(_ *s3test.Server, parts *archive.Parts) { parts.PartBytes = 0 },
	} {
		t.Run(name, func(t *testing.T) {
			server := s3test.New(t, bucket)
			parts := interrupt(t, server, content, 25*mebibyte)
			change(server, &parts)
			upload := uploadOf(restOf(content, 24*mebibyte), int64(len(content)))
			upload.Continues = &parts
			_, err := openParts(t, server).Put(t.Context(), upload)
			require.ErrorIs(t, err, archive.ErrUploadGone)
			require.Empty(t, server.Keys(bucket))
		})
	}
}

// The last part was uploaded, and then nothing more was heard.
func TestCompleteUploadIsContinuedWithoutItsBytes(t *testing.T) {
	content := contentOf(20 * mebibyte)
	for name, row := range map[string]struct {
		rule s3test.Rule
		want []s3test.Operation
	}{
		"it was not completed": {s3test.Rule{Operation: s3test.CompleteMultipartUpload, Status: http.StatusServiceUnavailable, Code: "SlowDown"},
			[]s3test.Operation{s3test.ListParts, s3test.CompleteMultipartUpload}},
		"it was completed, the response was lost": {s3test.Rule{Operation: s3test.CompleteMultipartUpload, LoseResponse: true},
			[]s3test.Operation{s3test.ListParts, s3test.HeadObject}},
	} {
		t.Run(name, func(t *testing.T) {
			server := s3test.New(t, bucket)
			server.Add(row.rule)
			server.Add(s3test.Rule{Operation: s3test.HeadObject, Status: http.StatusServiceUnavailable})
			var parts archive.Parts
			upload := uploadOf(recordingOf(content), int64(len(content)))
			upload.Uploaded = func(p archive.Parts) { parts = p }
			upload.Keep = func(error) bool { return true }
			_, err := openParts(t, server).Put(t.Context(), upload)
			requireUnavailable(t, err)
			require.EqualValues(t, len(content), parts.Bytes)
			server.ForgetRequests()

			upload = uploadOf(restOf(content, parts.Bytes), int64(len(content)))
			upload.Continues = &parts
			object, err := openParts(t, server).Put(t.Context(), upload)
			require.NoError(t, err)
			requireStored(t, server, content, object)
			require.True(t, object.Verified)
			require.Equal(t, row.want, server.Operations())
		})
	}
}

func TestUploadIsAbortedUnlessItIsKept(t *testing.T) {
	for _, kept := range []bool{false, true} {
		server := s3test.New(t, bucket)
		server.Add(s3test.Rule{Operation: s3test.UploadPart, Skip: 1, Status: http.StatusServiceUnavailable, Code: "SlowDown"})
		upload := uploadOf(recordingOf(contentOf(20*mebibyte)), 20*mebibyte)
		upload.Keep = func(error) bool { return kept }
		_, err := openParts(t, server).Put(t.Context(), upload)
		requireUnavailable(t, err)
		require.Equal(t, kept, len(server.Uploads()) == 1)
	}
}

func TestPartsAreFewAndNotSmall(t *testing.T) {
	for length, want := range map[int64]int64{1: 8 * mebibyte, 800 * mebibyte: 8 * mebibyte, 801 * mebibyte: 9 * mebibyte, 6 << 30: 62 * mebibyte, 5 << 40: 5 << 30} {
		require.Equal(t, want, archive.PartBytesFor(length), length)
		require.LessOrEqual(t, (length+want-1)/want, int64(10_000))
	}
	for most, want := range map[int64]int64{4 << 30: 8 * mebibyte, 5 << 40: 549_755_814} {
		require.Equal(t, want, archive.BufferBytes(most))
		require.GreaterOrEqual(t, want*10_000, most)
	}
}

// A part of a recording of unknown length is still in memory; another one has to be read
// again.
func TestStoreThatIgnoresTheChecksumOfTheWholeIsNoticedByTheFirstPart(t *testing.T) {
	content := contentOf(20 * mebibyte)
	for _, length := range []int64{-1, int64(len(content))} {
		server := s3test.New(t, bucket)
		server.Lacks = map[s3test.Feature]bool{s3test.ReturnedChecksum: true}
		store := openParts(t, server)
		object, err := put(t, store, content, length)
		if length > 0 {
			require.ErrorIs(t, err, archive.ErrUploadGone)
			require.Empty(t, server.Uploads())
			object, err = put(t, store, content, length)
		}
		require.NoError(t, err)
		requireStored(t, server, content, object)
		require.Equal(t, "SHA256", object.Checksum.Algorithm)
		for _, request := range server.Requests() {
			require.False(t, request.Operation == s3test.AbortMultipartUpload && request.Query.Get("uploadId") == "", "some stores delete the object then")
		}
	}
}

func TestAbortWithoutAnIDIsNotSent(t *testing.T) {
	store, server := openStore(t)
	require.NoError(t, store.Abort(t.Context(), aKey, ""))
	require.Empty(t, server.Requests())
}

// It would be refused again, however often it is continued.
func TestUploadThatCannotBeCompletedBeginsAgain(t *testing.T) {
	for code, status := range map[string]int{"ConditionalRequestConflict": 409, "InvalidPart": 400, "EntityTooSmall": 400, "NoSuchUpload": 404, "NotImplemented": 501} {
		server := s3test.New(t, bucket)
		server.Add(s3test.Rule{Operation: s3test.CompleteMultipartUpload, Status: status, Code: code})
		_, err := put(t, openParts(t, server), contentOf(8*mebibyte), 8*mebibyte)
		require.ErrorIs(t, err, archive.ErrUploadGone, code)
		require.Empty(t, server.Uploads())
	}
}

// Its parts are still good once the keys are, or the store is.
func TestUploadIsNotGoneWhileTheStoreRefusesTheRequest(t *testing.T) {
	content := contentOf(20 * mebibyte)
	for code, status := range map[string]int{"ExpiredToken": 400, "InvalidAccessKeyId": 403, "RequestTimeTooSkewed": 403, "SlowDown": 503, "TooManyRequests": 429} {
		server := s3test.New(t, bucket)
		parts := interrupt(t, server, content, 17*mebibyte)
		server.Add(s3test.Rule{Operation: s3test.ListParts, Status: status, Code: code})
		attempt := func() error {
			upload := uploadOf(restOf(content, parts.Bytes), int64(len(content)))
			upload.Continues, upload.Keep = &parts, func(error) bool { return true }
			_, err := openParts(t, server).Put(t.Context(), upload)
			return err
		}
		err := attempt()
		require.Error(t, err)
		require.NotErrorIs(t, err, archive.ErrUploadGone, code)
		require.NoError(t, attempt(), code)
	}
}

// What replaces an object is retained at least as long as that one, but the retention was
// said when the upload began.
func TestUploadThatWouldBeRetainedForLessIsNotContinued(t *testing.T) {
	server := s3test.New(t, bucket)
	content := contentOf(20 * mebibyte)
	parts := interrupt(t, server, content, 17*mebibyte)
	upload := uploadOf(restOf(content, parts.Bytes), int64(len(content)))
	upload.Continues, upload.Replaces = &parts, archive.Present{ETag: "e", RetainedUntil: time.Now()}
	_, err := openParts(t, server).Put(t.Context(), upload)
	require.ErrorIs(t, err, archive.ErrUploadGone)
}
