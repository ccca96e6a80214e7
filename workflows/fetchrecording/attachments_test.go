package fetchrecording_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"

	"github.com/callvault/callvault/internal/failure"
	"github.com/callvault/callvault/workflows"
	"github.com/callvault/callvault/workflows/fetchrecording"
)

// keeping has the account keep these kinds of attachments, and attach fetch them.
func (h *harness) keeping(attach func(context.Context, fetchrecording.FetchAttachmentsInput) (*fetchrecording.FetchAttachmentsResult, error), kinds ...workflows.AttachmentKind) {
	h.found = func(fetchrecording.FindArchivedInput) (*fetchrecording.FindArchivedResult, error) {
		return &fetchrecording.FindArchivedResult{Place: &fetchrecording.Place{Account: "acme", Attachments: kinds}}, nil
	}
	h.register(fetchrecording.FetchAttachments, func(ctx context.Context, input fetchrecording.FetchAttachmentsInput) (*fetchrecording.FetchAttachmentsResult, error) {
		h.count(fetchrecording.FetchAttachments)
		return attach(ctx, input)
	})
}

// attached is what the stub of the activity fetches.
func attached(input fetchrecording.FetchAttachmentsInput) *fetchrecording.FetchAttachmentsResult {
	return &fetchrecording.FetchAttachmentsResult{Attachments: []workflows.Attachment{{Kind: input.Kind, Key: "k/" + string(input.Kind)}}}
}

func attach(_ context.Context, input fetchrecording.FetchAttachmentsInput) (*fetchrecording.FetchAttachmentsResult, error) {
	return attached(input), nil
}

var bothKinds = []workflows.AttachmentKind{workflows.AttachmentTranscript, workflows.AttachmentVoicemail}

func TestAccountWithoutAttachmentsHasNoSuchStep(t *testing.T) {
	h := newHarness(t, success("a.wav"))
	h.keeping(attach)
	result := h.run(workflows.FetchPolicy{})
	require.Zero(t, h.executed[fetchrecording.FetchAttachments])
	require.Zero(t, h.executed[fetchrecording.WriteManifest], "the download of an only file writes the manifest")
	require.Nil(t, result.Attachments)
}

func TestAttachmentsAreFetchedBetweenTheDownloadsAndTheManifest(t *testing.T) {
	for name, response := range map[string]response{"an only file": success("a.wav"), "several files": success("a.wav", "b.wav")} {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t, response)
			h.keeping(func(ctx context.Context, input fetchrecording.FetchAttachmentsInput) (*fetchrecording.FetchAttachmentsResult, error) {
				require.NotZero(t, h.downloadCount())
				require.Empty(t, h.manifests)
				require.Equal(t, "callvault-attachments/acme", activity.GetInfo(ctx).TaskQueue)
				require.Equal(t, session, input.Session)
				require.False(t, input.Again)
				return attached(input), nil
			}, bothKinds...)
			result := h.run(workflows.FetchPolicy{})
			require.Equal(t, workflows.OutcomeArchived, result.Outcome)
			require.Equal(t, []workflows.Attachment{{Kind: "transcript", Key: "k/transcript"}, {Kind: "voicemail", Key: "k/voicemail"}}, result.Attachments)
			require.Equal(t, 2, h.executed[fetchrecording.FetchAttachments])
			require.Equal(t, 1, h.executed[fetchrecording.WriteManifest])
		})
	}
}

// A voicemail is no recording: a call without one may have it.
func TestCallWithoutARecordingHasItsAttachments(t *testing.T) {
	h := newHarness(t, answered("failed"))
	h.keeping(attach, workflows.AttachmentVoicemail)
	result := h.run(workflows.FetchPolicy{})
	require.Equal(t, workflows.OutcomeFailed, result.Outcome)
	require.Len(t, result.Attachments, 1)
}

func TestSessionThatIsArchivedIsNotAskedAbout(t *testing.T) {
	h := newHarness(t, success("a.wav"))
	h.keeping(attach, bothKinds...)
	h.found = func(fetchrecording.FindArchivedInput) (*fetchrecording.FindArchivedResult, error) {
		return &fetchrecording.FindArchivedResult{
			Place:  &fetchrecording.Place{Account: "acme", Attachments: bothKinds},
			Result: &workflows.FetchResult{Session: session, Outcome: workflows.OutcomeArchived, Recordings: []workflows.Recording{}},
		}, nil
	}
	h.execute(workflows.FetchRequest{Session: session})
	require.NoError(t, h.env.GetWorkflowError())
	require.Zero(t, h.executed[fetchrecording.FetchAttachments])
}

func TestWhatIsLeftOutIsInTheResult(t *testing.T) {
	leftOut := workflows.LeftOut{Kind: workflows.AttachmentTranscript, Reason: "the scope is missing"}
	h := newHarness(t, success("a.wav"))
	h.keeping(func(_ context.Context, input fetchrecording.FetchAttachmentsInput) (*fetchrecording.FetchAttachmentsResult, error) {
		if input.Kind == workflows.AttachmentTranscript {
			return &fetchrecording.FetchAttachmentsResult{LeftOut: []workflows.LeftOut{leftOut}}, nil
		}
		return attached(input), nil
	}, bothKinds...)
	result := h.run(workflows.FetchPolicy{})
	require.Equal(t, workflows.OutcomeArchived, result.Outcome)
	require.Equal(t, []workflows.LeftOut{leftOut}, result.LeftOut)
	require.Len(t, result.Attachments, 1)
}

// Whatever happens to an attachment, the recording is archived within a day and some hours.
func TestRecordingIsNeverLostBecauseOfAnAttachment(t *testing.T) {
	for name, row := range map[string]struct {
		err  error
		says string
	}{
		"a failure that is tried again": {temporal.NewApplicationError("the upstream is unavailable", string(failure.Transient)), "the upstream is unavailable"},
		"a bug":                         {errors.New("canary"), "it could not be fetched: the worker's log says why"},
		"a failure that is not":         {failWith("Unheard of", "canary"), "it could not be fetched: the worker's log says why"},
		"a refusal":                     {failWith(failure.Rejected, "the request is invalid"), "the request is invalid"},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t, success("a.wav"))
			h.keeping(func(context.Context, fetchrecording.FetchAttachmentsInput) (*fetchrecording.FetchAttachmentsResult, error) {
				return nil, row.err
			}, workflows.AttachmentTranscript)
			result := h.run(workflows.FetchPolicy{})
			require.Equal(t, workflows.OutcomeArchived, result.Outcome)
			require.Len(t, result.Recordings, 1)
			require.Equal(t, []workflows.LeftOut{{Kind: workflows.AttachmentTranscript, Reason: row.says}}, result.LeftOut)
			require.LessOrEqual(t, result.FinishedAt.Sub(result.StartedAt), 26*time.Hour)
		})
	}
}

// A store that needs an operator could not take the manifest either.
func TestBlockedStoreIsWaitedForAndNothingIsFetchedTwice(t *testing.T) {
	h := newHarness(t, success("a.wav"))
	blocked := true
	var again []bool
	h.keeping(func(_ context.Context, input fetchrecording.FetchAttachmentsInput) (*fetchrecording.FetchAttachmentsResult, error) {
		if input.Kind == workflows.AttachmentVoicemail {
			again = append(again, input.Again)
			if blocked {
				return nil, failWith(failure.ArchiveBlocked, "the store is full")
			}
		}
		return attached(input), nil
	}, bothKinds...)
	h.after(30*time.Second, func() {
		require.Equal(t, workflows.PhaseBlocked, h.progress().Phase)
		blocked = false
	})
	result := h.run(workflows.FetchPolicy{})
	require.Equal(t, []bool{false, true}, again)
	require.Equal(t, 3, h.executed[fetchrecording.FetchAttachments], "the transcript is fetched once")
	require.Len(t, result.Attachments, 2)
	require.Equal(t, 1, h.downloadCount())
}

func TestWorkerThatDoesNotServeTheAccountLeavesTheAttachmentsToAnother(t *testing.T) {
	h := newHarness(t, success("a.wav"))
	first := true
	h.keeping(func(_ context.Context, input fetchrecording.FetchAttachmentsInput) (*fetchrecording.FetchAttachmentsResult, error) {
		if first {
			first = false
			return nil, failWith(failure.BotNotServed, "this worker does not serve the bot")
		}
		return attached(input), nil
	}, workflows.AttachmentTranscript)
	result := h.run(workflows.FetchPolicy{})
	require.Len(t, result.Attachments, 1)
	require.Equal(t, 1, h.downloadCount(), "the recording is not fetched again")
}

func TestCancelledFetchOfAttachmentsWritesNoManifest(t *testing.T) {
	h := newHarness(t, success("a.wav"))
	h.keeping(func(context.Context, fetchrecording.FetchAttachmentsInput) (*fetchrecording.FetchAttachmentsResult, error) {
		return nil, temporal.NewApplicationError("the upstream is unavailable", string(failure.Transient))
	}, workflows.AttachmentTranscript)
	h.after(time.Minute, h.env.CancelWorkflow)
	h.execute(workflows.FetchRequest{Session: session})
	require.True(t, temporal.IsCanceledError(h.env.GetWorkflowError()), "%v", h.env.GetWorkflowError())
	require.Empty(t, h.manifests)
}
