package activities

import (
	"context"
	"errors"
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
// archive.
type DownloadRecording struct {
	Account *account.Account
	Timing  TransferTiming
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
func (a *DownloadRecording) Execute(ctx context.Context, input fetchrecording.DownloadRecordingInput) (*workflows.Recording, error) {
	mediaURL, err := a.Account.Sealer.Open(seal.MediaURL, activity.GetInfo(ctx).WorkflowExecution.ID, string(input.File.URL), time.Now())
	if err != nil {
		return nil, sealError(err, failure.MediaRefused)
	}
	store := a.Account.Store
	folder, err := store.Folder(input.Session)
	if err != nil {
		return nil, activityError(err)
	}
	callTime, err := input.CallTime()
	if err != nil {
		return nil, activityError(failure.Wrap(failure.InvalidInput, err))
	}
	key := folder + input.File.ObjectName
	transfer := &transfer{fileName: input.File.ObjectName, timing: a.Timing.withDefaults()}
	ctx, end := transfer.begin(ctx)
	defer end()

	if err := store.CleanUp(ctx, key); err != nil {
		return nil, transfer.fail(ctx, err)
	}
	stream, err := a.Account.Fetcher.Open(ctx, mediaURL)
	if err != nil {
		return nil, transfer.fail(ctx, err)
	}
	defer stream.Close()
	transfer.stream.Store(stream)

	// As late as possible: another fetch of the session, under another workflow
	// id, may have ended, and what has a manifest is not written again.
	switch manifest, err := store.ReadManifest(ctx, input.Session); {
	case err != nil:
		return nil, transfer.fail(ctx, err)
	case manifest != nil:
		return nil, activityError(failure.New(failure.AlreadyArchived, "another fetch has archived the session"))
	}
	object, err := store.Put(ctx, key, stream, stream.Length, archive.Attributes{
		ContentType: stream.Format.ContentType,
		Format:      stream.Format.Name,
	})
	if err != nil {
		return nil, transfer.fail(ctx, err)
	}
	return &workflows.Recording{
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
	}, nil
}

// transfer supervises one download.
type transfer struct {
	fileName string
	timing   TransferTiming
	stream   atomic.Pointer[media.Stream]
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
		for {
			activity.RecordHeartbeat(ctx, t.progress())
			select {
			case <-running.Done():
				return
			case <-stopped:
				stopped, handover = nil, time.After(t.timing.Handover)
			case <-handover:
				cancel(&media.UnavailableError{Text: "the worker is stopping: another one takes over", Wait: time.Second})
				return
			case <-ticker.C:
			}
		}
	}()
	return running, func() {
		cancel(context.Canceled)
		unwatch()
		<-done
	}
}

func (t *transfer) moved() (int64, bool) {
	stream := t.stream.Load()
	if stream == nil {
		return 0, false
	}
	return stream.BytesRead(), stream.Whole()
}

func (t *transfer) progress() fetchrecording.DownloadProgress {
	progress := fetchrecording.DownloadProgress{FileName: t.fileName, Total: -1}
	if stream := t.stream.Load(); stream != nil {
		progress.Bytes, progress.Total = stream.BytesRead(), stream.Length
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
		return activityError(&media.UnavailableError{Text: cause.Error()})
	case cause != nil:
		err = cause
	}
	return activityError(err)
}
