package fetchrecording

import (
	"fmt"
	"slices"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/callvault/callvault/internal/timing"
	"github.com/callvault/callvault/workflows"
)

// What belongs to a call beside its recordings, as far as it costs calls of the vendor's
// API: it is fetched once the outcome is known, before the manifest is written. Only an
// account that keeps it has these steps, so that others pay nothing for it.

// FetchAttachments fetches what belongs to a call, of one kind, into the archive.
const FetchAttachments = "FetchAttachments"

// FetchAttachmentsInput names what to fetch.
type FetchAttachmentsInput struct {
	workflows.Session
	Kind workflows.AttachmentKind `json:"kind"`

	// BatchID is the batch that the fetch belongs to, if any, and Level says how urgent its
	// calls are.
	BatchID string `json:"batchId,omitempty"`
	Level   int    `json:"level,omitempty"`

	// Again: something of the session may be in the archive already.
	Again bool `json:"again,omitempty"`
}

// FetchAttachmentsResult is what the archive has now; both lists are empty if the call has
// nothing of the kind.
type FetchAttachmentsResult struct {
	Attachments []workflows.Attachment `json:"attachments,omitempty"`
	LeftOut     []workflows.LeftOut    `json:"leftOut,omitempty"`
}

// AttachmentTaskQueue is the queue of what belongs to an account's calls, separate from
// the recordings: it waits for budgets of its own.
func AttachmentTaskQueue(account string) string {
	return ofAccount(workflows.TaskQueue+"-attachments", account)
}

const (
	// AttachmentPatience is how long a fetch tries to get what belongs to its call, at most:
	// the manifest waits meanwhile. The activity itself gives up then, and says why.
	AttachmentPatience = 24 * time.Hour

	// attachmentMargin is how much longer the workflow waits for it.
	attachmentMargin = 2 * time.Hour
)

func attachmentOptions(account string, kind workflows.AttachmentKind) workflow.ActivityOptions {
	return workflow.ActivityOptions{
		TaskQueue:              AttachmentTaskQueue(account),
		ScheduleToStartTimeout: takenAfter,
		ScheduleToCloseTimeout: AttachmentPatience + attachmentMargin,
		StartToCloseTimeout:    attachmentMargin,
		HeartbeatTimeout:       timing.HeartbeatTimeout,
		WaitForCancellation:    true,
		Summary:                string(kind),
		RetryPolicy:            &temporal.RetryPolicy{InitialInterval: 30 * time.Second, BackoffCoefficient: 2, MaximumInterval: time.Hour},
	}
}

// missingAttachments are the kinds that the account keeps and that were not fetched yet.
func (f *fetch) missingAttachments() []workflows.AttachmentKind {
	if f.place == nil {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(f.place.Attachments), func(kind workflows.AttachmentKind) bool {
		return slices.Contains(f.state.Attached, kind)
	})
}

// fetchAttachments fetches each kind that is missing. It returns false with a decision if
// the manifest cannot be written yet.
func (f *fetch) fetchAttachments(ctx workflow.Context) (n next, ok bool) {
	kinds := f.missingAttachments()
	if len(kinds) == 0 {
		return n, true
	}
	f.enter(ctx, workflows.PhaseArchiving, fmt.Sprintf("fetching what belongs to the call: %v", kinds))
	again := f.state.Replaces != "" || f.state.AttachmentsTried
	f.state.AttachmentsTried = true
	var futures []workflow.Future
	for _, kind := range kinds {
		futures = append(futures, workflow.ExecuteActivity(
			workflow.WithActivityOptions(ctx, attachmentOptions(f.account(), kind)),
			FetchAttachments,
			FetchAttachmentsInput{Session: f.input.Session, Kind: kind, BatchID: f.input.BatchID, Level: f.level(workflow.Now(ctx)), Again: again},
		))
	}
	var errs []error
	for i, future := range futures {
		var fetched FetchAttachmentsResult
		err := future.Get(ctx, &fetched)
		if text, isOver := givenUp(err); isOver {
			fetched.LeftOut, err = []workflows.LeftOut{{Kind: kinds[i], Reason: text}}, nil
		}
		if err != nil {
			errs = append(errs, err)
			continue
		}
		f.state.Attached = append(f.state.Attached, kinds[i])
		f.state.Attachments = append(f.state.Attachments, fetched.Attachments...)
		f.state.LeftOut = append(f.state.LeftOut, fetched.LeftOut...)
	}
	if len(errs) > 0 {
		return f.situation(ctx, false).afterAttachmentFailure(errs...), false
	}
	f.result.Attachments, f.result.LeftOut, f.result.FinishedAt = f.state.Attachments, f.state.LeftOut, workflow.Now(ctx).UTC()
	return n, true
}
