package activities_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"

	"github.com/callvault/callvault/activities"
	"github.com/callvault/callvault/internal/account"
	"github.com/callvault/callvault/internal/archive"
	"github.com/callvault/callvault/internal/archive/s3test"
	"github.com/callvault/callvault/internal/failure"
	"github.com/callvault/callvault/workflows"
	"github.com/callvault/callvault/workflows/fetchrecording"
)

const largeBytes = 36 << 20 // in parts of 8 MiB

// largeFile is the content of a recording that is uploaded in parts.
var largeFile = sync.OnceValue(func() []byte {
	content := bytes.Repeat([]byte("ID3\x04\x00\x00 audio, "), largeBytes/13+1)[:largeBytes]
	for i := 0; i < len(content); i += 4096 { // No part is like another.
		copy(content[i+16:], fmt.Sprint(i))
	}
	return content
})

// largeServer serves largeFile, and cuts the first cuts responses after so many bytes of
// the file. It keeps the header Range of each request.
type largeServer struct {
	mu     sync.Mutex
	cutAt  int64
	cuts   int
	etag   string
	ranges []string
}

func (s *largeServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.ranges = append(s.ranges, r.Header.Get("Range"))
	isCut := s.cuts > 0
	s.cuts--
	etag := s.etag
	s.mu.Unlock()
	w.Header().Set("Content-Type", "audio/mpeg")
	w.Header().Set("ETag", etag)
	if isCut {
		w.Header().Set("Content-Length", fmt.Sprint(largeBytes))
		_, _ = w.Write(largeFile()[:s.cutAt])
		panic(http.ErrAbortHandler)
	}
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(largeFile()))
}

func openLarge(t *testing.T, server *largeServer) (*account.Served, *s3test.Server, fetchrecording.RemoteFile) {
	t.Helper()
	if server.etag == "" {
		server.etag = `"v1"`
	}
	media := serve(t, server)
	a, store := openAccount(t, media)
	return a, store, fileAt(t, media.String())
}

// resumeOf returns the point that a failed download gave the workflow.
func resumeOf(t *testing.T, err error) fetchrecording.SealedText {
	t.Helper()
	applicationError := requireKind(t, err, failure.MediaUnavailable, false, true)
	var detail fetchrecording.FailureDetail
	require.NoError(t, applicationError.Details(&detail))
	require.NotEmpty(t, detail.Resume)
	return detail.Resume
}

func requireLarge(t *testing.T, store *s3test.Server) {
	t.Helper()
	object, found := store.Object(bucket, aKey)
	require.True(t, found)
	require.True(t, bytes.Equal(largeFile(), object.Body))
	require.Empty(t, store.Uploads())
}

func TestDownloadThatWasCutIsContinuedByTheNext(t *testing.T) {
	server := &largeServer{cuts: 1, cutAt: 26 << 20}
	a, store, file := openLarge(t, server)
	_, err := download{account: a}.fetch(t, file)
	point := resumeOf(t, err)
	require.Len(t, store.Uploads(), 1)
	require.Empty(t, store.Keys(bucket))

	got, err := download{account: a, again: true, resume: point}.fetch(t, file)
	require.NoError(t, err)
	require.Equal(t, sha(string(largeFile())), got.SHA256)
	require.EqualValues(t, largeBytes, got.Bytes)
	require.Equal(t, "CRC64NVME", got.StoreChecksum.Algorithm)
	require.Equal(t, "mp3", got.Format)
	require.Equal(t, []string{"", fmt.Sprintf("bytes=%d-", 24<<20)}, server.ranges, "three parts of 8 MiB were there")
	requireLarge(t, store)
}

// What the Temporal server knows of a worker that was killed are its heartbeats.
func TestDownloadOfAKilledWorkerIsContinuedFromItsHeartbeat(t *testing.T) {
	server := new(largeServer)
	a, store, file := openLarge(t, server)
	store.Add(s3test.Rule{Operation: s3test.UploadPart, Skip: 3, Status: http.StatusServiceUnavailable, Code: "SlowDown"})
	last := failing(t, a, file)
	require.NotEmpty(t, last.Resume)
	require.NotContains(t, string(last.Resume), "upload-1", "it is sealed")

	got, err := resumed(t, a, file, last, nil)
	require.NoError(t, err)
	require.Equal(t, sha(string(largeFile())), got.SHA256)
	require.Len(t, server.ranges, 2)
	require.Regexp(t, `^bytes=\d+-$`, server.ranges[1])
	requireLarge(t, store)
}

// failing runs an attempt that fails because of the store, and returns the last progress
// that it reported.
func failing(t *testing.T, a *account.Served, file fetchrecording.RemoteFile) fetchrecording.DownloadProgress {
	t.Helper()
	var beats sync.Mutex
	var last fetchrecording.DownloadProgress
	_, err := download{account: a, beat: func(progress fetchrecording.DownloadProgress) {
		beats.Lock()
		defer beats.Unlock()
		last = progress
	}}.fetch(t, file)
	requireKind(t, err, failure.ArchiveUnavailable, true, false)
	beats.Lock()
	defer beats.Unlock()
	return last
}

// resumed runs an attempt after one that reported this progress.
func resumed(t *testing.T, a *account.Served, file fetchrecording.RemoteFile, last fetchrecording.DownloadProgress, beat func(fetchrecording.DownloadProgress)) (*fetchrecording.DownloadRecordingResult, error) {
	t.Helper()
	environment := newEnvironment((&activities.DownloadRecording{Served: a, Buffers: archive.NewBuffers(8<<20, 0)}).Execute)
	environment.SetHeartbeatDetails(last)
	environment.SetOnActivityHeartbeatListener(func(_ *activity.Info, details converter.EncodedValues) {
		var progress fetchrecording.DownloadProgress
		if beat != nil && details.Get(&progress) == nil {
			beat(progress)
		}
	})
	value, err := environment.ExecuteActivity("under-test", fetchrecording.DownloadRecordingInput{Session: session, File: file})
	if err != nil {
		return nil, err
	}
	result := new(fetchrecording.DownloadRecordingResult)
	require.NoError(t, value.Get(result))
	return result, nil
}

// The heartbeat is a hint. Where the store or the media server disagrees, the download
// begins with the first byte, and nothing of the first upload stays.
func TestDownloadThatCannotBeContinuedBeginsAgain(t *testing.T) {
	for name, change := range map[string]func(*testing.T, *account.Served, *largeServer, *fetchrecording.SealedText){
		"the file has changed at the media server": func(_ *testing.T, _ *account.Served, server *largeServer, _ *fetchrecording.SealedText) {
			server.etag = `"v2"`
		},
		"the ETag is weak now": func(_ *testing.T, _ *account.Served, server *largeServer, _ *fetchrecording.SealedText) {
			server.etag = `W/"v1"`
		},
		"the upload is gone": func(t *testing.T, a *account.Served, _ *largeServer, _ *fetchrecording.SealedText) {
			require.NoError(t, a.Accounts[0].Store.CleanUp(t.Context(), aKey, ""))
		},
		"the point was altered": func(_ *testing.T, _ *account.Served, _ *largeServer, point *fetchrecording.SealedText) {
			*point = fetchrecording.SealedText(strings.Replace(string(*point), "a", "b", 1))
		},
		"the point is not sealed": func(_ *testing.T, _ *account.Served, _ *largeServer, point *fetchrecording.SealedText) {
			*point = `{"source":"","position":{"offset":8388608},"parts":{"uploadId":"upload-1"}}`
		},
	} {
		t.Run(name, func(t *testing.T) {
			server := &largeServer{cuts: 1, cutAt: 20 << 20}
			a, store, file := openLarge(t, server)
			_, err := download{account: a}.fetch(t, file)
			point := resumeOf(t, err)
			change(t, a, server, &point)
			got, err := download{account: a, again: true, resume: point}.fetch(t, file)
			require.NoError(t, err)
			require.Equal(t, sha(string(largeFile())), got.SHA256)
			require.Empty(t, server.ranges[len(server.ranges)-1])
			requireLarge(t, store)
		})
	}
}

func TestPointOfAnotherFileIsNotUsed(t *testing.T) {
	server := &largeServer{cuts: 1, cutAt: 20 << 20}
	a, store, file := openLarge(t, server)
	_, err := download{account: a}.fetch(t, file)
	point := resumeOf(t, err)
	file.Source = "another file of the call"
	_, err = download{account: a, again: true, resume: point}.fetch(t, file)
	require.NoError(t, err)
	require.Equal(t, []string{"", ""}, server.ranges)
	requireLarge(t, store)
}

// Everything was uploaded, but the store did not complete it.
func TestCompleteUploadIsNotDownloadedAgain(t *testing.T) {
	server := new(largeServer)
	a, store, file := openLarge(t, server)
	store.Add(s3test.Rule{Operation: s3test.CompleteMultipartUpload, Status: http.StatusServiceUnavailable, Code: "SlowDown"})
	last := failing(t, a, file)
	_, err := resumed(t, a, file, last, nil)
	require.NoError(t, err)
	require.Len(t, server.ranges, 1)
	requireLarge(t, store)
}

func TestCancelledDownloadLeavesNoUpload(t *testing.T) {
	a, store, file := openLarge(t, new(largeServer))
	ctx, end := context.WithCancelCause(t.Context())
	store.Add(s3test.Rule{Operation: s3test.UploadPart, Skip: 2, After: func() { end(temporal.NewCanceledError()) }})
	_, err := download{account: a, ctx: ctx}.fetch(t, file)
	require.True(t, temporal.IsCanceledError(err), "%v", err)
	require.Empty(t, store.Uploads())
	require.Empty(t, store.Keys(bucket))
}

// No size is known before the end, so each part is in memory, and there is memory for one.
func TestFilesOfUnknownLengthWaitForMemory(t *testing.T) {
	content := largeFile()[:20<<20]
	began, goOn := make(chan struct{}, 2), make(chan struct{})
	media := serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write(content[:64<<10])
		_ = http.NewResponseController(w).Flush()
		began <- struct{}{}
		<-goOn
		_, _ = w.Write(content[64<<10:])
	}))
	a, store := openAccount(t, media)
	buffers := archive.NewBuffers(8<<20, 0)
	execute := (&activities.DownloadRecording{Served: a, Buffers: buffers, Timing: activities.TransferTiming{Stall: time.Minute}}).Execute
	var both sync.WaitGroup
	for _, name := range []string{"a.wav", "b.wav"} {
		file := fileAt(t, media.String())
		file.ObjectName = name
		both.Go(func() {
			_, err := newEnvironment(execute).ExecuteActivity("under-test", fetchrecording.DownloadRecordingInput{Session: session, File: file})
			if err != nil {
				t.Error(err)
			}
		})
	}
	<-began
	<-began
	close(goOn)
	both.Wait()
	for _, key := range []string{aKey, folder + "b.wav"} {
		object, found := store.Object(bucket, key)
		require.True(t, found)
		require.True(t, bytes.Equal(content, object.Body))
	}
	_, free, err := buffers.Take(t.Context())
	require.NoError(t, err, "both have given it back")
	free()
}

func TestStoreThatIgnoresOneChecksumGetsTheOther(t *testing.T) {
	content := largeFile()[:20<<20]
	for _, isStated := range []bool{false, true} {
		requests := 0
		media := serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			requests++
			if isStated {
				w.Header().Set("Content-Length", fmt.Sprint(len(content)))
			}
			_, _ = w.Write(content)
		}))
		a, store := openAccount(t, media)
		store.Lacks = map[s3test.Feature]bool{s3test.ReturnedChecksum: true}
		got, err := download{account: a}.fetch(t, fileAt(t, media.String()))
		require.NoError(t, err)
		require.Equal(t, sha(string(content)), got.SHA256)
		require.Equal(t, "SHA256", got.StoreChecksum.Algorithm)
		require.Equal(t, map[bool]int{false: 1, true: 2}[isStated], requests)
		require.Empty(t, store.Uploads())
	}
}

// Its length is known once it was read.
func TestCompleteUploadOfUnknownLengthIsNotDownloadedAgain(t *testing.T) {
	content := largeFile()[:20<<20]
	requests := 0
	media := serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		requests++
		w.Header().Set("ETag", `"v1"`)
		_, _ = w.Write(content)
	}))
	a, store := openAccount(t, media)
	store.Add(s3test.Rule{Operation: s3test.CompleteMultipartUpload, Status: http.StatusServiceUnavailable, Code: "SlowDown"})
	file := fileAt(t, media.String())
	got, err := resumed(t, a, file, failing(t, a, file), nil)
	require.NoError(t, err)
	require.Equal(t, sha(string(content)), got.SHA256)
	require.Equal(t, 1, requests)
}

func TestUploadIsRemovedIfAnotherFetchHasArchivedTheSession(t *testing.T) {
	server := &largeServer{cuts: 1, cutAt: 26 << 20}
	a, store, file := openLarge(t, server)
	_, err := download{account: a}.fetch(t, file)
	point := resumeOf(t, err)
	require.Len(t, store.Uploads(), 1)
	write(t, a, manifestOf(workflows.OutcomeArchived, fileOf("other.wav", "audio")), "")
	_, err = download{account: a, again: true, resume: point}.fetch(t, file)
	requireKind(t, err, failure.AlreadyArchived, false, true)
	require.Empty(t, store.Uploads())
}

// While it waited, the media server became unavailable.
func TestFileThatCannotBeOpenedAgainGivesItsMemoryBack(t *testing.T) {
	var requests atomic.Int64
	closed := make(chan struct{})
	media := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if requests.Add(1) > 1 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		_, _ = w.Write(largeFile()[:64<<10])
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done() // The download waits for memory.
		close(closed)
	}))
	a, _ := openAccount(t, media)
	buffers := archive.NewBuffers(8<<20, 0)
	_, free := buffers.TryTake()
	require.NotNil(t, free)
	execute := (&activities.DownloadRecording{Served: a, Buffers: buffers}).Execute
	environment := newEnvironment(execute)
	go func() {
		<-closed
		free()
	}()
	_, err := environment.ExecuteActivity("under-test", fetchrecording.DownloadRecordingInput{Session: session, File: fileAt(t, media.String())})
	requireKind(t, err, failure.MediaUnavailable, false, true)
	_, free = buffers.TryTake()
	require.NotNil(t, free, "it was given back")
}
