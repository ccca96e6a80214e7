package activities

import (
	"context"
	"slices"
	"time"

	"go.temporal.io/sdk/activity"

	"github.com/callvault/callvault/internal/account"
	"github.com/callvault/callvault/internal/archive"
	"github.com/callvault/callvault/workflows"
	"github.com/callvault/callvault/workflows/fetchrecording"
)

// proofTimeout bounds the manifest that a download writes, like that of WriteManifest.
const proofTimeout = time.Minute

// proof is the manifest that a download writes; its input is nil if it writes none.
type proof struct {
	input *fetchrecording.WriteManifestInput
	clock serverClock
	days  *ChangedDays
}

func newProof(ctx context.Context, input *fetchrecording.WriteManifestInput, days *ChangedDays) *proof {
	return &proof{input: input, clock: newServerClock(ctx), days: days}
}

// add returns a recording that is in the archive, verified or not, with the manifest that proves it, if
// that could be written. Whatever prevents it, the recording is not lost: the workflow
// has WriteManifest try it, and decides by how that fails.
func (p *proof) add(ctx context.Context, served *account.Account, recording workflows.Recording, verified bool) *fetchrecording.DownloadRecordingResult {
	result := &fetchrecording.DownloadRecordingResult{Recording: recording}
	if p.input == nil {
		return result
	}
	ctx, cancel := context.WithTimeout(ctx, proofTimeout)
	defer cancel()
	input := *p.input
	input.Result.Recordings = []workflows.Recording{recording}
	// By the Temporal server's clock, like the time at which the fetch began.
	input.Result.FinishedAt = p.clock.now()
	written, err := prove(ctx, served, p.days, input, verified)
	if err != nil {
		activity.GetLogger(ctx).Info("The manifest was not written with the download and will be tried again.", "error", err)
		return result
	}
	result.Written = written
	return result
}

// ofEarlierAttempt returns what an earlier attempt of the download stored and proved
// before its worker was lost; nil if it did not.
func (p *proof) ofEarlierAttempt(ctx context.Context, served *account.Account, manifest *archive.Manifest, source string) *fetchrecording.DownloadRecordingResult {
	if p.input == nil || !isOf(manifest, activity.GetInfo(ctx).WorkflowExecution) {
		return nil
	}
	stored := recordingsFrom(served.Store, manifest)
	i := slices.IndexFunc(stored, func(r workflows.Recording) bool { return r.Source == source })
	if i < 0 {
		return nil
	}
	result := p.add(ctx, served, stored[i], false)
	if result.Written == nil {
		return nil
	}
	return result
}
