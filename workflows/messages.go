package workflows

import (
	"fmt"
	"time"

	"go.temporal.io/sdk/workflow"
)

// handleMessages answers the query and the update.
func (f *fetch) handleMessages(ctx workflow.Context) error {
	err := workflow.SetQueryHandlerWithOptions(ctx, QueryProgress, f.progress, workflow.QueryHandlerOptions{
		Description: "Where the fetch stands: phase, last status, checks, next check, bytes done.",
	})
	if err != nil {
		return err
	}
	return workflow.SetUpdateHandlerWithOptions(ctx, UpdateCheckNow, f.checkNow, workflow.UpdateHandlerOptions{
		Description: "Ends a wait early and asks the upstream now; costs one call of the budget.",
	})
}

func (f *fetch) progress() (Progress, error) {
	progress := Progress{
		Phase:        f.phase,
		LastStatus:   f.resume.LastStatus,
		StatusChecks: f.resume.StatusChecks,
		GiveUpAt:     f.resume.GiveUpAt,
		Reason:       f.reason,
		FilesDone:    len(f.resume.Done),
		Files:        len(f.files),
	}
	if f.waiting != nil {
		progress.NextCheckAt = f.waiting.until.UTC()
	}
	for _, done := range f.resume.Done {
		progress.BytesDone += done.Bytes
	}
	return progress, nil
}

func (f *fetch) checkNow(workflow.Context) (CheckNowResult, error) {
	result := CheckNowResult{Phase: f.phase}
	if f.waiting == nil {
		result.Message = fmt.Sprintf("there is no wait to end: the fetch is %s", f.phase)
		return result, nil
	}
	f.wake = true
	result.EndedWait = true
	result.PlannedAt = f.waiting.until.UTC()
	result.Message = fmt.Sprintf("ended the wait (%s) that was planned until %s", f.waiting.summary, result.PlannedAt.Format(time.RFC3339))
	return result, nil
}
