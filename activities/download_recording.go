package activities

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"

	"github.com/callvault/callvault/internal/account"
	"github.com/callvault/callvault/internal/archive"
	"github.com/callvault/callvault/internal/failure"
	"github.com/callvault/callvault/internal/media"
	"github.com/callvault/callvault/internal/seal"
	"github.com/callvault/callvault/internal/timing"
	"github.com/callvault/callvault/workflows"
	"github.com/callvault/callvault/workflows/fetchrecording"
)

// DownloadRecording streams one file of a call from the media server into the
// archive. If it is all that the session has, it writes the manifest too.
type DownloadRecording struct {
	Served *account.Served
	Timing TransferTiming
}

// TransferTiming says when a transfer reports its progress and when it ends.
type TransferTiming struct {
	// Heartbeat is the time between two heartbeats. Defaults to
	// timing.HeartbeatInterval.
	Heartbeat time.Duration

	// Stall is how long no byte may move. Defaults to 1 minute.
	Stall time.Duration

	// Handover is how long a transfer may go on after its worker was asked to
	// stop. Defaults to timing.Handover.
	Handover time.Duration
}

func (t TransferTiming) withDefaults() TransferTiming {
	if t.Heartbeat == 0 {
		t.Heartbeat = timing.HeartbeatInterval
	}
	if t.Stall == 0 {
		t.Stall = time.Minute
	}
	if t.Handover == 0 {
		t.Handover = timing.Handover
	}
	return t
}

// Execute archives the file. It is safe to repeat: the key follows from the
// input, and the object is created only when it is complete.
func (a *DownloadRecording) Execute(ctx context.Context, input fetchrecording.DownloadRecordingInput) (*fetchrecording.DownloadRecordingResult, error) {
	proof := newProof(ctx, input.Manifest)
	served, err := a.Served.Of(input.BotID)
	if err != nil {
		return nil, activityError(err)
	}
	mediaURL, err := served.Sealer.Open(seal.MediaURL, activity.GetInfo(ctx).WorkflowExecution.ID, string(input.File.URL), time.Now())
	if err != nil {
		return nil, sealError(err, failure.MediaExpired)
	}
	store := served.Store
	folder, err := store.Folder(input.Session)
	if err != nil {
		return nil, activityError(err)
	}
	callTime, err := input.CallTime()
	if err != nil {
		return nil, activityError(failure.Wrap(failure.InvalidInput, err))
	}
	key := folder + input.File.ObjectName
	transfer := &transfer{fileName: input.File.ObjectName, again: activity.GetInfo(ctx).Attempt > 1, timing: a.Timing.withDefaults(), maxUnproved: archive.MaxObjectBytes}
	ctx, end := transfer.begin(ctx)
	defer end()

	if err := store.CleanUp(ctx, key); err != nil {
		return nil, transfer.fail(ctx, err)
	}
	stream, err := transfer.open(ctx, served.Fetcher, mediaURL)
	if err != nil {
		return nil, transfer.fail(ctx, expiredOr(err, mediaURL))
	}
	defer stream.Close()

	// As late as possible: another fetch of the session, under another workflow
	// id, may have archived it, and its objects are not written again.
	switch manifest, etag, err := store.ReadManifest(ctx, input.Session); {
	case err != nil:
		return nil, transfer.fail(ctx, err)
	case manifest != nil && manifest.Outcome == string(workflows.OutcomeArchived) && etag != input.Replaces:
		if earlier := proof.ofEarlierAttempt(ctx, store, manifest, input.File.Source); earlier != nil {
			return earlier, nil
		}
		return nil, activityError(failure.New(failure.AlreadyArchived, "another fetch has archived the session"))
	}
	object, err := store.Put(ctx, key, stream, stream.Length, archive.Attributes{
		ContentType: stream.Format.ContentType,
		Format:      stream.Format.Name,
	})
	if err != nil {
		return nil, transfer.fail(ctx, expiredOr(err, mediaURL))
	}
	return proof.add(ctx, store, workflows.Recording{
		FileName:            input.File.FileName,
		Bucket:              store.Bucket(),
		Key:                 key,
		Bytes:               object.Bytes,
		SHA256:              object.SHA256,
		ContentType:         stream.Format.ContentType,
		DeclaredContentType: stream.DeclaredContentType,
		Format:              stream.Format.Name,
		CallTime:            callTime,
		Source:              input.File.Source,
		Remarks:             stream.Remarks(),
	}), nil
}

// expiredOr returns a refusal of a URL that has expired by its own parameter as
// what it is: only a new URL helps.
func expiredOr(err error, mediaURL string) error {
	if (errors.Is(err, media.ErrRefused) || errors.Is(err, media.ErrInvalid)) && hasExpired(mediaURL, time.Now()) {
		return failure.Wrap(failure.MediaExpired, fmt.Errorf("the media URL has expired: %w", err))
	}
	return err
}

// transfer supervises one download.
type transfer struct {
	fileName    string
	again       bool // it is not the first attempt
	timing      TransferTiming
	maxUnproved int64 // bytes of the first of two downloads, whose length is not known
	current     atomic.Pointer[part]
}

// part is one of the downloads that a transfer takes.
type part struct {
	stream *media.Stream
	before int64 // bytes of the download before this one
	last   bool  // no other download follows
}

// begin starts the heartbeat, the stall watchdog and the watch for the worker's
// stop. The returned function ends all three.
func (t *transfer) begin(ctx context.Context) (context.Context, func()) {
	watched, unwatch := media.Watch(ctx, t.timing.Stall, t.moved)
	running, cancel := context.WithCancelCause(watched)
	stopped := activity.GetWorkerStopChannel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		ticker := time.NewTicker(t.timing.Heartbeat)
		defer ticker.Stop()
		var handover <-chan time.Time
		// A small file is spared the first heartbeat, which is a billable action: the
		// timeout counts from the start of the attempt. After an earlier attempt the server
		// still shows the progress of that one.
		beat := t.again
		for {
			if beat {
				activity.RecordHeartbeat(ctx, t.progress())
			}
			beat = false
			select {
			case <-running.Done():
				return
			case <-stopped:
				stopped, handover = nil, time.After(t.timing.Handover)
			case <-handover:
				cancel(failure.New(failure.HandedOver, "the worker is stopping: another one takes over"))
				return
			case <-ticker.C:
				beat = true
			}
		}
	}()
	return running, func() {
		cancel(context.Canceled)
		unwatch()
		<-done
	}
}

// open opens the media URL. A body whose end nothing proves may have been cut, so
// it is downloaded twice: the second download is whole if it has the same bytes.
func (t *transfer) open(ctx context.Context, fetcher *media.Fetcher, mediaURL string) (*media.Stream, error) {
	stream, err := fetcher.Open(ctx, mediaURL)
	if err != nil {
		return nil, err
	}
	t.current.Store(&part{stream: stream, last: stream.Proved()})
	if stream.Proved() {
		return stream, nil
	}
	defer stream.Close()
	switch _, err := io.CopyN(io.Discard, stream, t.maxUnproved+1); {
	case err == nil:
		return nil, archive.ErrTooLarge
	case !errors.Is(err, io.EOF):
		return nil, err
	}
	again, err := fetcher.Open(ctx, mediaURL)
	if err != nil {
		return nil, err
	}
	t.current.Store(&part{stream: again, before: stream.BytesRead(), last: true})
	if !again.Proved() {
		again.Expect(stream.SHA256(), stream.BytesRead())
	}
	return again, nil
}

// moved is what the stall watchdog needs: the bytes of both downloads, if there
// are two, and whether the last of them is whole.
func (t *transfer) moved() (int64, bool) {
	current := t.current.Load()
	if current == nil {
		return 0, false
	}
	return current.before + current.stream.BytesRead(), current.last && current.stream.Whole()
}

func (t *transfer) progress() fetchrecording.DownloadProgress {
	progress := fetchrecording.DownloadProgress{FileName: t.fileName, Total: -1}
	if current := t.current.Load(); current != nil {
		progress.Bytes, progress.Total = current.stream.BytesRead(), current.stream.Length
	}
	return progress
}

// fail prefers the reason for which the transfer was ended over the errors
// that this caused.
func (t *transfer) fail(ctx context.Context, err error) error {
	cause := context.Cause(ctx)
	switch {
	case temporal.IsCanceledError(cause):
		return cause
	case errors.Is(cause, activity.ErrActivityPaused), errors.Is(cause, activity.ErrActivityReset):
		return activityError(failure.Wrap(failure.HandedOver, cause))
	case cause != nil:
		err = cause
	}
	return activityError(err)
}
