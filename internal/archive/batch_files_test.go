package archive_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/internal/archive"
	"github.com/callvault/callvault/internal/archive/s3test"
	"github.com/callvault/callvault/internal/failure"
)

const (
	planKey = "calls/batches/2026-11/plan.txt"
	text    = "text/plain; charset=utf-8"
)

func TestFilesOfABatchAreBesideTheBots(t *testing.T) {
	store, _ := openStore(t)
	for file, want := range map[archive.BatchFile]string{
		archive.BatchRecordFile: "batch.json", archive.BatchPlanOf("run-1"): "plan-run-1.txt", archive.BatchListCSV: "sessions.csv",
		archive.BatchListNDJSON: "sessions.ndjson", archive.BatchReportFile: "report.csv",
	} {
		require.Equal(t, "calls/batches/2026-11/"+want, store.BatchKey("2026-11", file))
	}
}

// writers are the two ways to write a file of a batch.
func writers(store *archive.Store) map[string]func(t *testing.T, body io.Reader, length int64) error {
	return map[string]func(t *testing.T, body io.Reader, length int64) error{
		"write": func(t *testing.T, body io.Reader, length int64) error {
			return store.WriteFile(t.Context(), planKey, text, body, length)
		},
		"create": func(t *testing.T, body io.Reader, length int64) error {
			return store.CreateFile(t.Context(), planKey, text, body, length)
		},
	}
}

func TestFileIsWrittenWithItsDigest(t *testing.T) {
	store, server := openStore(t)
	for name, write := range writers(store) {
		for _, size := range []int{0, 1, 64 << 10, 9 * mebibyte} {
			for _, length := range []int64{int64(size), -1} {
				if length == 0 { // Nobody writes one, and the client sends no digest of it.
					continue
				}
				t.Run(fmt.Sprint(name, size, length), func(t *testing.T) {
					server.Remove(bucket, planKey)
					content := contentOf(size)
					require.NoError(t, write(t, iotest.HalfReader(bytes.NewReader(content)), length))
					stored, found := server.Object(bucket, planKey)
					require.True(t, found)
					require.True(t, bytes.Equal(content, stored.Body))
					require.Equal(t, text, stored.ContentType)
					require.NotEmpty(t, stored.Checksum+stored.CRC64)
					require.Empty(t, server.Uploads())

					reader, length, err := store.OpenFile(t.Context(), planKey)
					require.NoError(t, err)
					defer reader.Close()
					require.EqualValues(t, size, length)
					read, err := io.ReadAll(reader)
					require.NoError(t, err)
					require.True(t, bytes.Equal(content, read))
				})
			}
		}
	}
}

func TestFileOfUnknownLengthIsWrittenInParts(t *testing.T) {
	store, server := openStore(t)
	require.NoError(t, store.WriteFile(t.Context(), planKey, text, bytes.NewReader(contentOf(16*mebibyte)), -1))
	require.Equal(t, counts{s3test.CreateMultipartUpload: 1, s3test.UploadPart: 2, s3test.CompleteMultipartUpload: 1}, requests(server))
}

func TestWriteFileReplacesWhatIsThere(t *testing.T) {
	store, server := openStore(t)
	for _, length := range []int64{3, -1} {
		server.Set(bucket, planKey, s3test.Object{Body: []byte("before")})
		server.ForgetRequests()
		require.NoError(t, store.WriteFile(t.Context(), planKey, text, strings.NewReader("new"), length))
		stored, _ := server.Object(bucket, planKey)
		require.Equal(t, "new", string(stored.Body))
		require.Zero(t, requests(server)[s3test.HeadObject])
	}
	require.NoError(t, store.WriteFile(t.Context(), planKey, text, strings.NewReader("new"), 3))
	requireConditions(t, sent(server, s3test.PutObject)[0], "", "")
}

func TestCreateFileReplacesNothing(t *testing.T) {
	store, server := openStore(t)
	for _, length := range []int64{3, -1} {
		server.Set(bucket, planKey, s3test.Object{Body: []byte("before")})
		err := store.CreateFile(t.Context(), planKey, text, strings.NewReader("new"), length)
		require.ErrorIs(t, err, archive.ErrExists)
		require.ErrorContains(t, err, "s3://recordings/"+planKey)
		stored, _ := server.Object(bucket, planKey)
		require.Equal(t, "before", string(stored.Body))
	}
}

func TestFileThatIsCreatedMeanwhileIsKept(t *testing.T) {
	store, server := openStore(t)
	server.Add(s3test.Rule{Operation: s3test.PutObject, Before: func() {
		server.Set(bucket, planKey, s3test.Object{Body: []byte("theirs")})
	}})
	err := store.CreateFile(t.Context(), planKey, text, strings.NewReader("ours"), 4)
	require.ErrorIs(t, err, archive.ErrExists)
	stored, _ := server.Object(bucket, planKey)
	require.Equal(t, "theirs", string(stored.Body))
}

func TestFileThatCannotBeCreatedIsExplained(t *testing.T) {
	store, server := openStore(t)
	server.Add(s3test.Rule{Operation: s3test.HeadObject, Status: http.StatusForbidden, Code: "AccessDenied"})
	server.Add(s3test.Rule{Operation: s3test.ListObjects, Status: http.StatusForbidden, Code: "SignatureDoesNotMatch"})
	err := store.CreateFile(t.Context(), planKey, text, strings.NewReader("new"), 3)
	require.ErrorIs(t, err, archive.ErrBlocked)
	require.ErrorContains(t, err, "AWS_SECRET_ACCESS_KEY")

	server.Add(s3test.Rule{Operation: s3test.HeadObject, Status: http.StatusServiceUnavailable, Code: "SlowDown"})
	requireUnavailable(t, store.CreateFile(t.Context(), planKey, text, strings.NewReader("new"), 3), "inspect s3://recordings/"+planKey)
	require.Empty(t, server.Keys(bucket))
}

func TestInterruptedFileIsNotThere(t *testing.T) {
	store, server := openStore(t)
	broken := errors.New("the list cannot be read any further")
	for name, write := range writers(store) {
		for _, length := range []int64{10 * mebibyte, -1} {
			body := io.MultiReader(bytes.NewReader(contentOf(9*mebibyte)), iotest.ErrReader(broken))
			require.ErrorIs(t, write(t, body, length), broken, "%s %d", name, length)
			require.Empty(t, server.Keys(bucket))
			require.Empty(t, server.Uploads())
		}
		require.Error(t, write(t, strings.NewReader("short"), 6), "%s: fewer bytes than announced", name)
		require.Empty(t, server.Keys(bucket))
	}
}

func TestFileOfAStoreThatFailsIsTriedAgain(t *testing.T) {
	store, server := openStore(t)
	for name, write := range writers(store) {
		server.Add(s3test.Rule{Operation: s3test.PutObject, Status: http.StatusServiceUnavailable, Code: "SlowDown"})
		requireUnavailable(t, write(t, strings.NewReader("new"), 3), "write s3://recordings/"+planKey)
		server.Add(s3test.Rule{Operation: s3test.PutObject, Status: http.StatusForbidden, Code: "AccessDenied"})
		require.ErrorIs(t, write(t, strings.NewReader("new"), 3), archive.ErrBlocked, name)
	}
}

func TestMissingFileIsMissing(t *testing.T) {
	store, _ := openStore(t)
	_, _, err := store.OpenFile(t.Context(), planKey)
	require.ErrorIs(t, err, archive.ErrMissing)
	require.ErrorContains(t, err, "s3://recordings/"+planKey+": the object does not exist")
	_, err = store.ReadRange(t.Context(), planKey, 0, 1)
	require.ErrorIs(t, err, archive.ErrMissing)
	require.ErrorContains(t, err, "s3://recordings/"+planKey)
}

func TestFileThatCannotBeReadIsNotMissing(t *testing.T) {
	store, server := openStore(t)
	server.Set(bucket, planKey, s3test.Object{Body: contentOf(100)})
	for name, read := range map[string]func() error{
		"open":  func() error { _, _, err := store.OpenFile(t.Context(), planKey); return err },
		"range": func() error { _, err := store.ReadRange(t.Context(), planKey, 0, 10); return err },
	} {
		server.Add(s3test.Rule{Operation: s3test.GetObject, Status: http.StatusServiceUnavailable, Code: "SlowDown"})
		requireUnavailable(t, read(), "read s3://recordings/"+planKey)
		server.Add(s3test.Rule{Operation: s3test.GetObject, Status: http.StatusForbidden, Code: "AccessDenied"})
		err := read()
		require.ErrorIs(t, err, archive.ErrBlocked, name)
		require.NotErrorIs(t, err, archive.ErrMissing, name)
	}
	missing := openOn(t, server, "another-bucket")
	_, _, err := missing.OpenFile(t.Context(), planKey)
	require.ErrorIs(t, err, archive.ErrBlocked)
	_, err = missing.ReadRange(t.Context(), planKey, 0, 1)
	require.ErrorIs(t, err, archive.ErrBlocked)
}

func TestRangeIsReadExactly(t *testing.T) {
	store, server := openStore(t)
	content := contentOf(100)
	server.Set(bucket, planKey, s3test.Object{Body: content})
	for _, row := range []struct {
		from, to int64
		short    bool
	}{
		{0, 1, false}, {0, 100, false}, {1, 2, false}, {37, 91, false}, {99, 100, false},
		{0, 101, true}, {99, 101, true}, {100, 101, true}, {1000, 2000, true},
	} {
		t.Run(fmt.Sprint(row.from, "-", row.to), func(t *testing.T) {
			server.ForgetRequests()
			got, err := store.ReadRange(t.Context(), planKey, row.from, row.to)
			require.Equal(t, []s3test.Operation{s3test.GetObject}, server.Operations())
			require.Equal(t, fmt.Sprintf("bytes=%d-%d", row.from, row.to-1), server.Requests()[0].Header.Get("Range"))
			if row.short {
				require.ErrorIs(t, err, archive.ErrMismatch)
				require.ErrorContains(t, err, fmt.Sprintf("s3://recordings/%s has less than %d bytes", planKey, row.to))
				require.Nil(t, got)
				return
			}
			require.NoError(t, err)
			require.Equal(t, content[row.from:row.to], got)
		})
	}
}

func TestEmptyRangeCostsNoRequest(t *testing.T) {
	store, server := openStore(t)
	for _, at := range []int64{0, 7} {
		got, err := store.ReadRange(t.Context(), planKey, at, at)
		require.NoError(t, err)
		require.Empty(t, got)
	}
	_, err := store.ReadRange(t.Context(), planKey, -3, 5)
	require.Error(t, err, "no part of an object")
	require.Empty(t, server.Operations())
}

func TestEmptyObjectHasNoRange(t *testing.T) {
	store, server := openStore(t)
	server.Set(bucket, planKey, s3test.Object{})
	_, err := store.ReadRange(t.Context(), planKey, 0, 1)
	require.ErrorIs(t, err, archive.ErrMismatch)
}

// Its first bytes would pass for those that were asked for: the batch would fetch the
// sessions at its begin again and again, and never the others.
func TestStoreThatIgnoresRangesIsRefused(t *testing.T) {
	for name, prepare := range map[string]func(server *s3test.Server){
		"whole object": func(server *s3test.Server) { server.IgnoreRange = true },
		"another part": func(server *s3test.Server) {
			server.Add(s3test.Rule{Operation: s3test.GetObject, Always: true, Header: func(header http.Header) { header.Set("Content-Range", "bytes 50-59/100") }})
		},
		"longer number": func(server *s3test.Server) {
			server.Add(s3test.Rule{Operation: s3test.GetObject, Always: true, Header: func(header http.Header) { header.Set("Content-Range", "bytes 50000-59000/100000") }})
		},
		"unknown part": func(server *s3test.Server) {
			server.Add(s3test.Rule{Operation: s3test.GetObject, Always: true, Header: func(header http.Header) { header.Del("Content-Range") }})
		},
	} {
		t.Run(name, func(t *testing.T) {
			store, server := openStore(t)
			prepare(server)
			server.Set(bucket, planKey, s3test.Object{Body: contentOf(100)})
			for _, from := range []int64{0, 5} {
				got, err := store.ReadRange(t.Context(), planKey, from, from+10)
				require.Nil(t, got)
				failed, ok := failure.Of(err)
				require.True(t, ok, "%v", err)
				require.Equal(t, failure.ArchiveBlocked, failed.FailureKind())
				require.ErrorContains(t, err, fmt.Sprintf("read s3://recordings/%s from byte %d: the store ignores the header Range", planKey, from))
			}
		})
	}
}

func TestFileThatIsCutOffIsReadAgain(t *testing.T) {
	store, server := openStore(t)
	server.Set(bucket, planKey, s3test.Object{Body: contentOf(100)})
	server.Add(s3test.Rule{
		Operation: s3test.GetObject,
		Body:      func(body []byte) []byte { return body[:40] },
		Header:    func(header http.Header) { header.Set("Content-Length", strconv.Itoa(100)) },
	})
	reader, _, err := store.OpenFile(t.Context(), planKey)
	require.NoError(t, err)
	defer reader.Close()
	read, err := io.ReadAll(reader)
	requireUnavailable(t, err, "read s3://recordings/"+planKey)
	require.Equal(t, contentOf(100)[:40], read)
}

func TestRangeThatIsCutOffIsReadAgain(t *testing.T) {
	store, server := openStore(t)
	server.Set(bucket, planKey, s3test.Object{Body: contentOf(100)})
	server.Add(s3test.Rule{
		Operation: s3test.GetObject,
		Body:      func(body []byte) []byte { return body[:len(body)/2] },
		Header:    func(header http.Header) { header.Set("Content-Length", strconv.Itoa(50)) },
	})
	_, err := store.ReadRange(t.Context(), planKey, 10, 60)
	requireUnavailable(t, err, "read s3://recordings/"+planKey)
	require.NotErrorIs(t, err, archive.ErrMismatch)
}
