package activities

import (
	"cmp"
	"context"
	"errors"
	"io"
	"sync/atomic"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"

	"github.com/callvault/callvault/internal/archive"
	"github.com/callvault/callvault/internal/failure"
	"github.com/callvault/callvault/internal/media"
	"github.com/callvault/callvault/internal/timing"
	"github.com/callvault/callvault/workflows/fetchrecording"
)

// TransferTiming says when a transfer reports its progress and when it ends.
type TransferTiming struct {
	// Heartbeat is the time between two heartbeats. Defaults to
	// timing.HeartbeatInterval.
	Heartbeat time.Duration

	// Stall is how long no byte may move, to a quarter more. Defaults to 22 seconds: MinIO
	// refuses a body after 30 seconds without a byte, which would look like its own fault.
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
		t.Stall = 22 * time.Second
	}
	if t.Handover == 0 {
		t.Handover = timing.Handover
	}
	return t
}

// transfer supervises one download.
type transfer struct {
	fileName string
	again    bool // it is not the first attempt
	timing   TransferTiming
	resume   *resume
	current  atomic.Pointer[part]
	paused   atomic.Bool  // it waits for memory
	atStore  atomic.Bool  // it waits for a response of the store
	sent     atomic.Int64 // bytes of parts that were sent to the store

	// reporter and taskToken tell the Temporal server of parts; most is how many bytes the
	// file may have. partsAt has an element if there are parts to tell of, and reported is
	// how many bytes they had the last time.
	reporter  Reporter
	taskToken []byte
	most      int64
	partsAt   chan struct{}
	reported  int64
}

// part is one of the downloads that a transfer takes.
type part struct {
	stream *media.Stream
	before int64 // bytes of the download before this one
	last   bool  // no other download follows

	// from is how many bytes of the stream an earlier attempt has read, and earlier how many
	// this attempt has received of other streams.
	from, earlier int64
}

// received returns how many bytes this attempt has received so far.
func (p *part) received() int64 {
	if p == nil {
		return 0
	}
	return p.earlier + p.stream.BytesRead() - p.from
}

// follow supervises the next download of the transfer.
func (t *transfer) follow(p *part) {
	p.from, p.earlier = p.stream.BytesRead(), t.current.Load().received()
	t.current.Store(p)
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
			case <-t.partsAt:
				t.reportParts(ctx)
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

// openWhole opens the media URL. A body whose end nothing proves may have been cut, so
// it is downloaded twice: the second download is whole if it has the same bytes.
func (t *transfer) openWhole(ctx context.Context, fetcher *media.Fetcher, mediaURL string) (*media.Stream, error) {
	stream, err := fetcher.Open(ctx, mediaURL)
	if err != nil {
		return nil, err
	}
	t.follow(&part{stream: stream, last: stream.Proved()})
	if stream.Proved() {
		return stream, nil
	}
	defer stream.Close()
	if _, err := io.Copy(io.Discard, stream); err != nil {
		return nil, err
	}
	again, err := fetcher.Open(ctx, mediaURL)
	if err != nil {
		return nil, err
	}
	t.follow(&part{stream: again, before: stream.BytesRead(), last: true})
	if !again.Proved() {
		again.Expect(stream.SHA256(), stream.BytesRead())
	}
	return again, nil
}

// awaitBuffer waits for the memory for one part, which transfers share. The wait is nobody's
// fault.
func (t *transfer) awaitBuffer(ctx context.Context, buffers *archive.Buffers) (buffer []byte, free func(), err error) {
	t.paused.Store(true)
	defer t.paused.Store(false)
	return buffers.Take(ctx)
}

// moved is what the stall watchdog needs: the bytes that were read, of both downloads if
// there are two, and those that were sent in parts, and whether more of them can move.
func (t *transfer) moved() media.Moved {
	moved := media.Moved{Paused: t.paused.Load()}
	if current := t.current.Load(); current != nil {
		moved.Bytes = current.before + current.stream.BytesRead() + t.sent.Load()
		moved.Over = current.last && current.stream.Whole()
	}
	moved.Over = moved.Over || t.atStore.Load()
	return moved
}

func (t *transfer) progress() fetchrecording.DownloadProgress {
	progress := fetchrecording.DownloadProgress{FileName: t.fileName, Total: -1, Resume: t.resume.sealed()}
	if current := t.current.Load(); current != nil {
		progress.Bytes, progress.Total = current.stream.BytesRead(), current.stream.Length
	}
	return progress
}

// uploaded records that the archive has the parts, and tells the Temporal server of it as
// often as it has to know: what is not known there is downloaded twice if the worker dies.
func (t *transfer) uploaded(ctx context.Context, stream *media.Stream, parts archive.Parts) {
	position, ok := stream.Position()
	if !ok {
		return
	}
	if err := t.resume.set(position, parts); err != nil {
		activity.GetLogger(ctx).Info("The download could not be continued if it failed now.", "error", err)
		return
	}
	if size := max(stream.Length, 0); parts.Bytes-t.reported >= cmp.Or(size, t.most)/reports {
		t.reported = parts.Bytes
		select {
		case t.partsAt <- struct{}{}:
		default: // The last ones are not told of yet.
		}
	}
}

const (
	// reports is how many heartbeats the parts of a file cost at most, each a billable
	// action.
	reports = 33

	// reportTimeout bounds one of them. It is a hint that may be lost.
	reportTimeout = 5 * time.Second
)

// reportParts tells the Temporal server of the parts at once. The SDK would hold the heartbeat
// back for seconds, or, if it held none back, cancel the transfer when the server does not
// respond for a second.
func (t *transfer) reportParts(ctx context.Context) {
	if t.reporter == nil {
		activity.RecordHeartbeat(ctx, t.progress())
		return
	}
	ctx, cancel := context.WithTimeout(ctx, reportTimeout)
	defer cancel()
	if err := t.reporter.RecordActivityHeartbeat(ctx, t.taskToken, t.progress()); err != nil {
		activity.GetLogger(ctx).Debug("The parts of a download were not reported.", "error", err)
	}
}

// mayContinue reports whether another attempt may continue the upload that err has ended.
func (t *transfer) mayContinue(ctx context.Context, err error) bool {
	cause := context.Cause(ctx)
	if temporal.IsCanceledError(cause) || t.resume.point == nil {
		return false
	}
	if cause != nil {
		err = cause
	}
	switch failure.KindOf(err) {
	case failure.MediaInvalid, failure.MediaTooLarge, failure.ArchiveChanged, failure.AlreadyArchived:
		return false
	default:
		return !errors.Is(err, archive.ErrUploadGone)
	}
}

// fail prefers the reason for which the transfer was ended over the errors
// that this caused.
func (t *transfer) fail(ctx context.Context, err error) error {
	cause := context.Cause(ctx)
	switch {
	case temporal.IsCanceledError(cause):
		return cause
	case cause != nil && failure.KindOf(cause) == "": // For example, the activity was paused or reset.
		err = failure.Wrap(failure.HandedOver, cause)
	case cause != nil:
		err = cause
	}
	switch {
	case !t.mayContinue(ctx, err):
		return activityError(err)
	case failure.KindOf(err).Retryable():
		// The next attempt finds it there, and the server shows only short errors.
		// The context that the transfer had may be why it ended.
		activity.RecordHeartbeat(context.WithoutCancel(ctx), t.progress())
		return activityError(err)
	default:
		return activityErrorWith(err, t.resume.sealed())
	}
}
