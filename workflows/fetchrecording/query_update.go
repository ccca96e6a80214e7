package fetchrecording

import (
	"fmt"
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/callvault/callvault/workflows"
)

// handleMessages registers the query and the update.
func (f *fetch) handleMessages(ctx workflow.Context) error {
	err := workflow.SetQueryHandlerWithOptions(ctx, workflows.QueryProgress, f.progress, workflow.QueryHandlerOptions{
		Description: "The state of the fetch: phase, last status, checks, next check, purge by the vendor, bytes done.",
	})
	if err != nil {
		return err
	}
	return workflow.SetUpdateHandlerWithOptions(ctx, workflows.UpdateCheckNow, f.checkNow, workflow.UpdateHandlerOptions{
		Description: "Ends a wait early and checks the status now; costs one call of the budget.",
	})
}

func (f *fetch) progress() (workflows.FetchProgress, error) {
	progress := workflows.FetchProgress{
		Phase:        f.phase,
		LastStatus:   f.state.LastStatus,
		StatusChecks: f.state.StatusChecks,
		GiveUpAt:     f.state.GiveUpAt,
		PurgeAt:      f.purgeAt(),
		Reason:       f.reason,
		FilesDone:    len(f.state.Done),
		Files:        len(f.files),
	}
	if f.timer != nil {
		progress.NextCheckAt = f.timer.until.UTC()
	}
	for _, done := range f.state.Done {
		progress.BytesDone += done.Bytes
	}
	return progress, nil
}

func (f *fetch) checkNow(workflow.Context) (workflows.CheckNowResult, error) {
	result := workflows.CheckNowResult{Phase: f.phase}
	if f.jumpQueue != nil && !f.state.Front {
		f.state.Front = true
		f.jumpQueue()
		result.EndedWait = true
		result.Message = "the check waits for the next call slot, in front of all others"
		return result, nil
	}
	if f.timer == nil {
		result.Message = fmt.Sprintf("there is no wait to end: the fetch is %s", f.phase)
		return result, nil
	}
	f.wake = true
	result.EndedWait = true
	result.PlannedAt = f.timer.until.UTC()
	result.Message = fmt.Sprintf("ended the wait (%s) that was planned until %s", f.timer.summary, result.PlannedAt.Format(time.RFC3339))
	return result, nil
}
