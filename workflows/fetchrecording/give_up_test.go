package fetchrecording_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/internal/failure"
	"github.com/callvault/callvault/workflows"
	"github.com/callvault/callvault/workflows/fetchrecording"
)

func TestLastCheckEndsEveryKindOfWait(t *testing.T) {
	for _, name := range []string{"call_in_progress", "media_in_progress", "teleporting", "partial_download_failed"} {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t, answered(name))
			result := h.run(workflows.FetchPolicy{GiveUpAfter: 10 * time.Hour})
			require.Equal(t, workflows.OutcomeGaveUp, result.Outcome)
			require.NotEmpty(t, result.Reason)
			require.Equal(t, startTime.Add(10*time.Hour), result.FinishedAt.Truncate(time.Second), "not before its time, and not after")
			require.Equal(t, 10*time.Hour, h.checkedAt[len(h.checkedAt)-1].Sub(startTime).Truncate(time.Second), "it was asked once more")

			ready := newHarness(t, answered(name), success("a.wav"))
			result = ready.run(workflows.FetchPolicy{PollMin: 20 * time.Hour, PollMax: 20 * time.Hour, GiveUpAfter: 10 * time.Hour})
			require.Equal(t, workflows.OutcomeArchived, result.Outcome, "it had become ready just before the fetch would have given up")
			require.Equal(t, 10*time.Hour, ready.gaps()[0].Truncate(time.Second))
		})
	}
}

func TestNoVerdictWithoutAnAnswer(t *testing.T) {
	down := response{code: 503, body: "<html>"}
	for name, row := range map[string]struct {
		responses []response
		outcome   workflows.Outcome
	}{
		"the API is down across the end":  {[]response{down, down, down, down, down, down, down, down, answered("media_in_progress")}, workflows.OutcomeGaveUp},
		"and has the recording after it":  {[]response{down, down, down, down, down, down, down, down, success("a.wav")}, workflows.OutcomeArchived},
		"over budget across the end":      {[]response{refusal(429, "You've exceeded the hourly rate limit."), refusal(429, "You've exceeded the hourly rate limit."), success("a.wav")}, workflows.OutcomeArchived},
		"down after an answer in between": {[]response{answered("media_in_progress"), down, down, down, down, down, success("a.wav")}, workflows.OutcomeArchived},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t, row.responses...)
			h.unplaced = true // So that it waits by itself when it is over budget.
			result := h.run(workflows.FetchPolicy{GiveUpAfter: 65 * time.Second})
			require.Equal(t, row.outcome, result.Outcome)
			require.Len(t, h.checkedAt, len(row.responses))
			require.Greater(t, result.FinishedAt.Sub(startTime), 65*time.Second)
		})
	}
}

// The workers were down, or the budget was spent, until after the end.
func TestFirstAnswerAfterTheEndDecides(t *testing.T) {
	for name, row := range map[string]struct {
		response response
		outcome  workflows.Outcome
	}{
		"ready":     {success("a.wav"), workflows.OutcomeArchived},
		"not ready": {answered("media_in_progress"), workflows.OutcomeGaveUp},
		"partial":   {answered("partial_upload_failed"), workflows.OutcomeGaveUp},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t, row.response)
			h.notHere = true
			h.env.OnActivity(fetchrecording.FindArchived, mock.Anything, mock.Anything).After(2*time.Hour).
				Return(&fetchrecording.FindArchivedResult{}, nil)
			result := h.run(workflows.FetchPolicy{GiveUpAfter: time.Hour})
			require.Equal(t, row.outcome, result.Outcome)
			require.Len(t, h.checkedAt, 1)
		})
	}
}

func TestOnePartialRetryFitsIntoOneDay(t *testing.T) {
	h := newHarness(t, answered("partial_download_failed"), success("a.wav"))
	result := h.run(workflows.FetchPolicy{PartialMaxRetries: new(1), GiveUpAfter: 24 * time.Hour})
	require.Equal(t, workflows.OutcomeArchived, result.Outcome)
	require.Len(t, h.gaps(), 1)
	require.GreaterOrEqual(t, h.gaps()[0], 24*time.Hour, "the vendor's day is kept")
}

func TestTextBodyIsRequestedSparinglyAndReported(t *testing.T) {
	h := newHarness(t, success("a.wav"))
	h.download = func(fetchrecording.DownloadRecordingInput) (*workflows.Recording, error) {
		return nil, failWith(failure.MediaInvalid, "not a complete recording: the media server returned text/html, 5123 bytes, sha256 00ff, not audio")
	}
	result := h.run(workflows.FetchPolicy{})
	require.Equal(t, workflows.OutcomeGaveUp, result.Outcome)
	require.Contains(t, result.Reason, "text/html, 5123 bytes, sha256 00ff", "what the auditor can compare")
	require.LessOrEqual(t, len(h.checkedAt), 12)
	require.LessOrEqual(t, len(h.downloads), 12)
	require.Equal(t, 720*time.Hour, result.FinishedAt.Sub(startTime).Truncate(time.Hour))
}

func TestStoreThatIsDownEndsNoFetch(t *testing.T) {
	h := newHarness(t, success("a.wav"))
	h.download = func(input fetchrecording.DownloadRecordingInput) (*workflows.Recording, error) {
		if h.env.Now().Before(startTime.Add(30 * time.Hour)) {
			return nil, failWith(failure.ArchiveUnavailable, "connection refused")
		}
		return recordingOf(input), nil
	}
	require.Equal(t, workflows.OutcomeArchived, h.run(workflows.FetchPolicy{GiveUpAfter: time.Hour}).Outcome)
}
