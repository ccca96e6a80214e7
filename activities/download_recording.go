package activities

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.temporal.io/sdk/activity"

	"github.com/callvault/callvault/internal/account"
	"github.com/callvault/callvault/internal/archive"
	"github.com/callvault/callvault/internal/failure"
	"github.com/callvault/callvault/internal/media"
	"github.com/callvault/callvault/internal/metric"
	"github.com/callvault/callvault/internal/seal"
	"github.com/callvault/callvault/workflows"
	"github.com/callvault/callvault/workflows/fetchrecording"
)

// DownloadRecording streams one file of a call from the media server into the
// archive. If it is all that the session has, it writes the manifest too.
type DownloadRecording struct {
	Served *account.Served
	Timing TransferTiming

	// Buffers hold the parts of files whose length is not known. Required.
	Buffers *archive.Buffers

	// Reporter tells the Temporal server at once which parts are uploaded. Defaults to the
	// heartbeats of the SDK, which holds them back.
	Reporter Reporter

	// Days are told of a session whose day was sealed before. Defaults to nothing.
	Days *ChangedDays
}

// Reporter records a heartbeat of an activity at the Temporal server, as client.Client does.
type Reporter interface {
	RecordActivityHeartbeat(ctx context.Context, taskToken []byte, details ...any) error
}

// Execute archives the file. It is safe to repeat: the key follows from the
// input, and the object is created only when it is complete.
func (a *DownloadRecording) Execute(ctx context.Context, input fetchrecording.DownloadRecordingInput) (*fetchrecording.DownloadRecordingResult, error) {
	proof := newProof(ctx, input.Manifest, a.Days)
	d, err := a.newDownload(ctx, input, proof)
	if err != nil {
		return nil, err
	}
	defer d.measure(ctx)()
	ctx, end := d.begin(ctx)
	defer end()
	earlier, err := d.run(ctx)
	if earlier != nil || err != nil && !d.mayContinue(ctx, err) {
		d.abandon(ctx)
	}
	if err != nil {
		return nil, d.fail(ctx, expiredOr(err, d.mediaURL))
	}
	if earlier != nil {
		return earlier, nil
	}
	return proof.add(ctx, d.account, d.recording, d.verified), nil
}

// measure begins to measure the attempt. The returned function records what came of it.
func (d *download) measure(ctx context.Context) (end func()) {
	began, stored := time.Now(), d.resume.bytes()
	return func() {
		metrics := metricsOf(ctx, d.account)
		now := d.resume.bytes()
		if d.recording.SHA256 != "" { // The file is in the archive.
			now = d.recording.Bytes
			metrics.Timer(metric.Transfer).Record(time.Since(began))
			metrics.Counter(metric.ArchivedBytes).Inc(now)
		}
		if notKept := d.current.Load().received() - (now - stored); notKept > 0 {
			metrics.Counter(metric.RefetchedBytes).Inc(notKept)
		}
	}
}

// download is one attempt to archive a file.
type download struct {
	*transfer
	input    fetchrecording.DownloadRecordingInput
	account  *account.Account
	store    *archive.Store
	buffers  *archive.Buffers
	mediaURL string
	key      string
	proof    *proof

	// recording is the file once it is in the archive, and verified reports whether the
	// store has confirmed its checksum.
	recording workflows.Recording
	verified  bool
}

func (a *DownloadRecording) newDownload(ctx context.Context, input fetchrecording.DownloadRecordingInput, proof *proof) (*download, error) {
	served, err := a.Served.Of(input.BotID)
	if err != nil {
		return nil, activityError(err)
	}
	info := activity.GetInfo(ctx)
	mediaURL, err := served.Sealer.Open(seal.MediaURL, info.WorkflowExecution.ID, string(input.File.URL), time.Now())
	if err != nil {
		return nil, sealError(err, failure.MediaExpired)
	}
	folder, err := served.Store.Folder(input.Session)
	if err != nil {
		return nil, activityError(err)
	}
	callTime, err := input.CallTime()
	if err != nil {
		return nil, activityError(failure.Wrap(failure.InvalidInput, err))
	}
	key := folder + input.File.ObjectName
	d := &download{
		transfer: &transfer{
			fileName: input.File.ObjectName, again: info.Attempt > 1, timing: a.Timing.withDefaults(),
			reporter: a.Reporter, taskToken: info.TaskToken, most: served.Fetcher.MaxBytes, partsAt: make(chan struct{}, 1),
			resume: newResume(served.Sealer, info.WorkflowExecution.ID, input.File.Source),
		},
		input: input, account: served, store: served.Store, buffers: a.Buffers, mediaURL: mediaURL, key: key, proof: proof,
		recording: workflows.Recording{FileName: input.File.FileName, Bucket: served.Store.Bucket(), Key: key, CallTime: callTime, Source: input.File.Source},
	}
	d.resume.load(ctx, input.Resume)
	return d, nil
}

// run archives the file. It returns what an earlier attempt of this download had archived,
// if that is what it finds.
func (d *download) run(ctx context.Context) (earlier *fetchrecording.DownloadRecordingResult, err error) {
	if d.isFirst() {
		// Most often nothing is there, and nothing has to be asked. If something is, the
		// store refuses the object.
		if earlier, err := d.archive(ctx, archive.Present{}, d.input.Waited); !errors.Is(err, archive.ErrConflict) {
			return earlier, err
		}
	}
	replaces, err := d.findLeft(ctx)
	if err != nil {
		return nil, err
	}
	return d.archive(ctx, replaces, true)
}

// findLeft returns the object that another attempt has left, and removes its unfinished
// uploads but the one that is continued.
func (d *download) findLeft(ctx context.Context) (archive.Present, error) {
	d.atStore.Store(true)
	defer d.atStore.Store(false)
	if err := d.store.CleanUp(ctx, d.key, d.resume.uploadID()); err != nil {
		return archive.Present{}, err
	}
	return d.store.Find(ctx, d.key)
}

// isFirst reports whether no other attempt may have left anything.
func (d *download) isFirst() bool {
	return !d.again && d.input.Replaces == "" && !d.input.Again && d.resume.point == nil
}

// archive stores the file where the archive has the object replaces, or none. If looks is
// true, it looks for another fetch's manifest first.
func (d *download) archive(ctx context.Context, replaces archive.Present, looks bool) (earlier *fetchrecording.DownloadRecordingResult, err error) {
	earlier, err = d.transferFile(ctx, replaces, looks)
	if errors.Is(err, archive.ErrUploadGone) {
		d.beginAgain(ctx, err)
		return d.transferFile(ctx, replaces, false)
	}
	return earlier, err
}

func (d *download) transferFile(ctx context.Context, replaces archive.Present, looks bool) (earlier *fetchrecording.DownloadRecordingResult, err error) {
	stream, parts, buffer, free, err := d.openWithMemory(ctx)
	if err != nil {
		return nil, err
	}
	defer free()
	defer stream.Close()
	if looks {
		if earlier, err := d.findOther(ctx); earlier != nil || err != nil {
			return earlier, err
		}
	}
	object, err := d.store.Put(ctx, archive.Upload{
		Key: d.key, Source: stream, Length: stream.Length, ContentType: stream.Format.ContentType, Buffer: buffer,
		Session: d.input.Session, Replaces: replaces, Continues: parts,
		Uploaded: func(parts archive.Parts) { d.uploaded(ctx, stream, parts) },
		Sending:  func(n int) { d.sent.Add(int64(n)) },
		Awaiting: d.atStore.Store,
		Keep:     func(err error) bool { return d.mayContinue(ctx, err) },
	})
	if err == nil {
		d.record(stream, object)
	}
	return nil, err
}

// openWithMemory opens what is to be stored, with the memory for its parts if its length is
// not known. free gives that back.
func (d *download) openWithMemory(ctx context.Context) (stream *media.Stream, parts *archive.Parts, buffer []byte, free func(), err error) {
	stream, parts, err = d.open(ctx)
	if err != nil || stream.Length >= 0 {
		return stream, parts, nil, func() {}, err
	}
	if buffer, free = d.buffers.TryTake(); buffer != nil {
		return stream, parts, buffer, free, nil
	}
	// No media server holds a connection open for as long as this may take.
	stream.Close()
	if buffer, free, err = d.awaitBuffer(ctx, d.buffers); err != nil {
		return nil, nil, nil, nil, err
	}
	if stream, parts, err = d.open(ctx); err != nil {
		free()
		return nil, nil, nil, nil, err
	}
	return stream, parts, buffer, free, nil
}

// findOther looks for another fetch of the session, under another workflow id, that has
// archived it meanwhile: its objects are not written again. This is done as late as
// possible.
func (d *download) findOther(ctx context.Context) (earlier *fetchrecording.DownloadRecordingResult, err error) {
	d.atStore.Store(true)
	defer d.atStore.Store(false)
	manifest, etag, err := d.store.ReadManifest(ctx, d.input.Session)
	if err != nil || manifest == nil || manifest.Outcome != string(workflows.OutcomeArchived) || etag == d.input.Replaces {
		return nil, err
	}
	if earlier := d.proof.ofEarlierAttempt(ctx, d.account, manifest, d.input.File.Source); earlier != nil {
		return earlier, nil
	}
	return nil, failure.New(failure.AlreadyArchived, "another fetch has archived the session")
}

// record keeps what the archive has of the file.
func (d *download) record(stream *media.Stream, object archive.Object) {
	d.verified = object.Verified
	d.recording.Bytes, d.recording.SHA256 = object.Bytes, object.SHA256
	d.recording.StoreChecksum = checksumFrom(object.Checksum)
	d.recording.ContentType, d.recording.Format = stream.Format.ContentType, stream.Format.Name
	d.recording.DeclaredContentType = stream.DeclaredContentType
	found := stream.Findings()
	d.recording.Audio = findingsFrom(found)
	// How long the call lasted is known with the manifest, see addCall.
	d.recording.Remarks = append(stream.Remarks(), found.Remarks(0)...)
}

// open opens the rest of the file, if an earlier attempt has stored its beginning, or else
// all of it.
func (d *download) open(ctx context.Context) (*media.Stream, *archive.Parts, error) {
	if point := d.resume.point; point != nil {
		stream, err := d.account.Fetcher.Continue(ctx, d.mediaURL, point.Position)
		if err == nil {
			d.follow(&part{stream: stream, last: true})
			return stream, &point.Parts, nil
		}
		if !errors.Is(err, media.ErrNotContinued) {
			return nil, nil, err
		}
		d.beginAgain(ctx, err)
	}
	stream, err := d.openWhole(ctx, d.account.Fetcher, d.mediaURL)
	return stream, nil, err
}

// beginAgain gives up what an earlier attempt has stored.
func (d *download) beginAgain(ctx context.Context, because error) {
	activity.GetLogger(ctx).Info("The download begins again with the first byte.", "file", d.fileName, "because", because)
	d.abandon(ctx)
}

// abandonTimeout bounds the request that removes an upload.
const abandonTimeout = 10 * time.Second

// abandon removes the upload that nobody will continue.
func (d *download) abandon(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), abandonTimeout)
	defer cancel()
	if err := d.store.Abort(ctx, d.key, d.resume.uploadID()); err != nil {
		activity.GetLogger(ctx).Info("An unfinished upload was not removed.", "file", d.fileName, "error", err)
	}
	d.resume.forget()
}

// expiredOr returns a refusal of a URL that has expired by its own parameter as
// what it is: only a new URL helps.
func expiredOr(err error, mediaURL string) error {
	if (errors.Is(err, media.ErrRefused) || errors.Is(err, media.ErrInvalid)) && hasExpired(mediaURL, time.Now()) {
		return failure.Wrap(failure.MediaExpired, fmt.Errorf("the media URL has expired: %w", err))
	}
	return err
}
