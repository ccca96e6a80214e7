package activities

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"strings"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"

	"github.com/callvault/callvault/internal/account"
	"github.com/callvault/callvault/internal/archive"
	"github.com/callvault/callvault/internal/failure"
	"github.com/callvault/callvault/internal/media"
	"github.com/callvault/callvault/internal/smartassist"
	"github.com/callvault/callvault/workflows"
	"github.com/callvault/callvault/workflows/callbudget"
	"github.com/callvault/callvault/workflows/fetchrecording"
)

// FetchAttachments fetches what belongs to a call beside its recordings into the archive: its
// voicemail, or its messages. What cannot be had is said in the result, so that no recording is
// lost or held back because of it.
type FetchAttachments struct {
	Served *account.Served
	Slots  CallSlots
	Timing TransferTiming

	// Buffers hold the parts of files whose length is not known. Required.
	Buffers *archive.Buffers

	// Logger says what is left out. Defaults to none.
	Logger *slog.Logger

	// Patience is how long after it was scheduled the activity gives up what it cannot get
	// for the moment. Defaults to fetchrecording.AttachmentPatience.
	Patience time.Duration

	log leftOutLog
}

// Execute is safe to repeat: the keys follow from what is stored, and an object that is there
// is kept. Each call of the API has a slot and a token of its own, which never leave it.
func (a *FetchAttachments) Execute(ctx context.Context, input fetchrecording.FetchAttachmentsInput) (*fetchrecording.FetchAttachmentsResult, error) {
	served, err := a.Served.Of(input.BotID)
	if err != nil {
		return nil, activityError(err)
	}
	info := activity.GetInfo(ctx)
	f := &attachmentFetch{
		FetchAttachments: a, input: input, account: served, again: input.Again || info.Attempt > 1,
		transfer: &transfer{
			fileName: string(input.Kind), again: info.Attempt > 1, timing: a.Timing.withDefaults(), most: served.MaxRecordingBytes,
			partsAt: make(chan struct{}, 1), resume: newResume(served.Sealer, info.WorkflowExecution.ID, string(input.Kind)),
		},
	}
	clock := newServerClock(ctx)
	f.paused.Store(true)
	running, end := f.begin(ctx)
	defer end()
	var result fetchrecording.FetchAttachmentsResult
	switch input.Kind {
	case workflows.AttachmentTranscript:
		err = f.transcript(running, &result)
	case workflows.AttachmentVoicemail:
		err = f.voicemail(running, &result)
	default:
		err = failure.New(failure.Rejected, "this worker cannot fetch it: upgrade the workers")
	}
	if err == nil {
		return &result, nil
	}
	isOver := clock.now().Sub(info.ScheduledTime) >= cmp.Or(a.Patience, fetchrecording.AttachmentPatience)
	return f.settle(running, err, isOver)
}

// attachmentFetch is one attempt to fetch the attachments of a kind.
type attachmentFetch struct {
	*FetchAttachments
	*transfer
	input   fetchrecording.FetchAttachmentsInput
	account *account.Account

	// again: something may be in the archive already.
	again bool
}

// settle decides by what ended the attempt. The archive's failures are those of the manifest
// too, and what needs another worker has to be said to the workflow. What cannot be had is
// left out: at once if it concerns the attachments alone and does not pass, and otherwise
// once time is up.
func (f *attachmentFetch) settle(ctx context.Context, err error, isOver bool) (*fetchrecording.FetchAttachmentsResult, error) {
	cause := context.Cause(ctx)
	if temporal.IsCanceledError(cause) {
		return nil, cause
	}
	if cause != nil && failure.KindOf(cause) != "" {
		err = cause
	}
	kind := failure.KindOf(err)
	switch kind {
	case failure.HandedOver, failure.ArchiveUnavailable, failure.ArchiveBlocked, failure.BotNotServed:
		return nil, activityError(err)
	case failure.Rejected, failure.MediaTooLarge:
		isOver = true
	case failure.Blocked:
		// The credentials are those of the recordings: somebody will correct them.
		refused, isOfVendor := errors.AsType[*smartassist.Error](err)
		isOver = isOver || isOfVendor && refused.ScopeMissing || errors.Is(err, media.ErrHostRefused)
	default:
	}
	if isOver && kind != "" {
		result := new(fetchrecording.FetchAttachmentsResult)
		f.leaveOut(result, err.Error())
		return result, nil
	}
	return nil, f.tryAgain(err, kind)
}

// tryAgain is an error that Temporal retries, not before the other side wants it.
func (f *attachmentFetch) tryAgain(err error, kind failure.Kind) error {
	failed, ok := failure.Of(err)
	if !ok {
		return err
	}
	return temporal.NewApplicationErrorWithOptions(err.Error(), string(kind), temporal.ApplicationErrorOptions{
		NextRetryDelay: failed.RetryAfter(), Category: temporal.ApplicationErrorCategoryBenign,
	})
}

// call makes one call of the API that has a budget.
func (f *attachmentFetch) call(ctx context.Context, budget *account.Account, do func(token string) error) error {
	want := callbudget.Want{BotID: f.input.BotID, Level: f.input.Level, Batch: f.input.BatchID}
	return slotCall{slots: f.Slots, budget: budget, want: want}.make(ctx, do)
}

// keep adds an object to the result.
func (f *attachmentFetch) keep(result *fetchrecording.FetchAttachmentsResult, stored *archive.Attachment) {
	result.Attachments = append(result.Attachments, attachmentFrom(f.account.Store, *stored))
}

// maxReasonBytes bounds a reason.
const maxReasonBytes = 1 << 10

// leaveOut adds a reason to the result.
func (f *attachmentFetch) leaveOut(result *fetchrecording.FetchAttachmentsResult, reason string) {
	leftOut := workflows.LeftOut{Kind: f.input.Kind, Reason: strings.ToValidUTF8(reason[:min(len(reason), maxReasonBytes)], "")}
	result.LeftOut = append(result.LeftOut, leftOut)
	f.log.add(f.Logger, f.account.Name, leftOut)
}
