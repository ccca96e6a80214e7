package activities

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"

	"github.com/callvault/callvault/internal/archive"
	"github.com/callvault/callvault/internal/media"
	"github.com/callvault/callvault/internal/seal"
	"github.com/callvault/callvault/workflows"
)

// DownloadRecording streams one file of a call from the media server into the
// archive.
type DownloadRecording struct {
	Fetcher *media.Fetcher
	Store   *archive.Store
	Sealer  *seal.Sealer
	Timing  TransferTiming
}

// TransferTiming says when a transfer reports and when it is taken for dead.
type TransferTiming struct {
	// Heartbeat is the pause between two heartbeats. It must be well below the
	// activity's heartbeat timeout of 30 seconds. Defaults to 5 seconds.
	Heartbeat time.Duration

	// Stall is how long no byte may move. Defaults to 1 minute.
	Stall time.Duration

	// Handover is how long a transfer may go on after its worker was asked to
	// stop. It must be below the worker's stop timeout. Defaults to 20 seconds.
	Handover time.Duration
}

func (t TransferTiming) withDefaults() TransferTiming {
	if t.Heartbeat == 0 {
		t.Heartbeat = 5 * time.Second
	}
	if t.Stall == 0 {
		t.Stall = time.Minute
	}
	if t.Handover == 0 {
		t.Handover = 20 * time.Second
	}
	return t
}

// Execute archives the file. It is safe to repeat: the key follows from the
// input, and the object comes into being only when it is whole.
func (a *DownloadRecording) Execute(ctx context.Context, input workflows.DownloadRecordingInput) (*workflows.Recording, error) {
	mediaURL, err := a.Sealer.Open(seal.MediaURL, activity.GetInfo(ctx).WorkflowExecution.ID, string(input.File.URL), time.Now())
	if err != nil {
		return nil, sealError(err, workflows.ErrorTypeMediaRefused)
	}
	folder, callTime, err := sessionFolder(a.Store, input.BotID, input.SessionID)
	if err != nil {
		return nil, err
	}
	key := folder + input.File.ObjectName
	transfer := &transfer{fileName: input.File.ObjectName, timing: a.Timing.withDefaults()}
	ctx, end := transfer.begin(ctx)
	defer end()

	if err := a.Store.CleanUp(ctx, key); err != nil {
		return nil, transfer.fail(ctx, err)
	}
	stream, err := a.Fetcher.Open(ctx, mediaURL)
	if err != nil {
		return nil, transfer.fail(ctx, err)
	}
	defer stream.Close()
	transfer.stream.Store(stream)

	// As late as can be: another fetch of the session, under another workflow
	// id, may have come to its end, and what has a manifest is not written again.
	switch manifest, err := a.Store.ReadManifest(ctx, folder, input.BotID, input.SessionID); {
	case err != nil:
		return nil, transfer.fail(ctx, err)
	case manifest != nil:
		return nil, waiting("another fetch has archived the session meanwhile", workflows.ErrorTypeAlreadyArchived)
	}
	object, err := a.Store.Put(ctx, key, stream, stream.Length, archive.Attributes{
		ContentType: stream.Format.ContentType,
		Format:      stream.Format.Name,
	})
	if err != nil {
		return nil, transfer.fail(ctx, err)
	}
	return &workflows.Recording{
		FileName:            input.File.FileName,
		Bucket:              a.Store.Bucket(),
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

// transfer looks after one download while it runs.
type transfer struct {
	fileName string
	timing   TransferTiming
	stream   atomic.Pointer[media.Stream]
}

// begin starts to report, to watch for a stall and to listen for the worker's
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

func (t *transfer) progress() workflows.DownloadProgress {
	progress := workflows.DownloadProgress{FileName: t.fileName, Total: -1}
	if stream := t.stream.Load(); stream != nil {
		progress.Bytes, progress.Total = stream.BytesRead(), stream.Length
	}
	return progress
}

// fail prefers the reason for which the transfer was ended over the errors
// that ending it caused.
func (t *transfer) fail(ctx context.Context, err error) error {
	cause := context.Cause(ctx)
	switch {
	case temporal.IsCanceledError(cause):
		return cause
	case errors.Is(cause, activity.ErrActivityPaused), errors.Is(cause, activity.ErrActivityReset):
		return transferError(&media.UnavailableError{Text: cause.Error()})
	case cause != nil:
		err = cause
	}
	return transferError(err)
}
