package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"

	"github.com/callvault/callvault/internal/callhistory"
	"github.com/callvault/callvault/internal/program"
	"github.com/callvault/callvault/workflows"
)

const (
	// historyTimeout bounds one request for a page of a history.
	historyTimeout = 10 * time.Second
	// historyPage is how many events are asked for at a time.
	historyPage = 500
	// maxRunEvents bounds what is read of one run: a fetch continues as new after 8,000.
	maxRunEvents = 12_000
	// maxRuns bounds how many runs of a session's fetches are read.
	maxRuns = 8
)

// histories reads the fetches of a session in a namespace.
type histories struct {
	client    client.Client
	namespace string
	payloads  converter.DataConverter // decrypts, if payloads are encrypted
}

// runID names a run; without a run's id the last one of the workflow.
type runID struct{ workflowID, runID string }

// isKnown reports whether Temporal has a fetch of the session.
func (h *histories) isKnown(ctx context.Context, session workflows.Session) (bool, error) {
	described, err := h.describe(ctx, runID{session.FetchWorkflowID(), ""})
	return described != nil, err
}

// describe returns nil if Temporal does not have the run.
func (h *histories) describe(ctx context.Context, of runID) (*workflowservice.DescribeWorkflowExecutionResponse, error) {
	bounded, cancel := context.WithTimeout(ctx, historyTimeout)
	defer cancel()
	described, err := h.client.WorkflowService().DescribeWorkflowExecution(bounded, &workflowservice.DescribeWorkflowExecutionRequest{
		Namespace: h.namespace, Execution: &commonpb.WorkflowExecution{WorkflowId: of.workflowID, RunId: of.runID},
	})
	return described, h.failure(ctx, err)
}

// failure returns nil for what Temporal does not have.
func (h *histories) failure(ctx context.Context, err error) error {
	var malformed *serviceerror.InvalidArgument // A run's id that is none.
	switch {
	case ctx.Err() != nil:
		return program.ErrInterrupted
	case err == nil, isNotFound(err), errors.As(err, &malformed):
		return nil
	}
	return fmt.Errorf("read the history from Temporal: %w", err)
}

// add adds the runs of a session's fetches: the last one, the one that wrote the manifest
// and those whose manifests it replaced, each with the runs that it continues.
func (h *histories) add(ctx context.Context, shown *shownCall, ui webUI) error {
	wanted := []runID{{shown.FetchWorkflowID(), ""}}
	for m := shown.Manifest; m != nil; m = m.Previous {
		wanted = append(wanted, runID{m.WorkflowID, m.RunID})
	}
	seen := make(map[string]bool)
	for len(wanted) > 0 && len(shown.Runs) < maxRuns {
		next := wanted[0]
		wanted = wanted[1:]
		if next.workflowID == "" || seen[next.runID] {
			continue
		}
		described, err := h.describe(ctx, next)
		if err != nil {
			return err
		}
		info := described.GetWorkflowExecutionInfo()
		next.runID = info.GetExecution().GetRunId()
		if described == nil || seen[next.runID] {
			continue
		}
		seen[next.runID] = true
		run, err := h.read(ctx, next, shown)
		if err != nil {
			return err
		}
		if run == nil {
			continue
		}
		shown.Runs = append(shown.Runs, shownRun{*run, runStatusText(info.GetStatus()), ui.workflow(h.namespace, next.workflowID, next.runID)})
		if run.ContinuedFrom != "" {
			wanted = append([]runID{{next.workflowID, run.ContinuedFrom}}, wanted...)
		}
		if info.GetStatus() == enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING {
			h.addRunning(ctx, shown, next, described.GetPendingActivities())
		}
	}
	slices.SortStableFunc(shown.Runs, func(a, b shownRun) int { return a.StartedAt.Compare(b.StartedAt) })
	h.sayForgotten(shown, seen)
	return nil
}

// sayForgotten says which run's history is not there any more.
func (h *histories) sayForgotten(shown *shownCall, seen map[string]bool) {
	if m := shown.Manifest; m != nil && m.RunID != "" && !seen[m.RunID] {
		shown.Missing = append(shown.Missing, fmt.Sprintf("Temporal does not remember run %s of %s, which wrote the manifest: the namespace %q keeps a history for its retention only", m.RunID, m.WorkflowID, h.namespace))
	}
}

// read returns a run; nil if Temporal has forgotten it meanwhile.
func (h *histories) read(ctx context.Context, of runID, shown *shownCall) (*callhistory.Run, error) {
	reader := callhistory.NewReader(of.workflowID, of.runID, h.payloads)
	request := &workflowservice.GetWorkflowExecutionHistoryRequest{
		Namespace: h.namespace, Execution: &commonpb.WorkflowExecution{WorkflowId: of.workflowID, RunId: of.runID}, MaximumPageSize: historyPage,
	}
	for events := 0; ; {
		bounded, cancel := context.WithTimeout(ctx, historyTimeout)
		page, err := h.client.WorkflowService().GetWorkflowExecutionHistory(bounded, request)
		cancel()
		if err = h.failure(ctx, err); err != nil || page == nil {
			return nil, err
		}
		for _, event := range page.GetHistory().GetEvents() {
			reader.Add(event)
		}
		events += len(page.GetHistory().GetEvents())
		request.NextPageToken = page.GetNextPageToken()
		if len(request.NextPageToken) > 0 && events < maxRunEvents {
			continue
		}
		if len(request.NextPageToken) > 0 {
			shown.Missing = append(shown.Missing, fmt.Sprintf("Of run %s the first %d events were read: the rest is in the Web UI", of.runID, events))
		}
		run := reader.Run()
		if run.Unreadable != "" {
			shown.Missing = append(shown.Missing, fmt.Sprintf("Inputs, results and failures of run %s cannot be read: %s: if payloads are encrypted, set CALLVAULT_PAYLOAD_KEYS_FILE to the file with the workers' keys", of.runID, run.Unreadable))
		}
		return &run, nil
	}
}

// addRunning adds what a run does now and waits for.
func (h *histories) addRunning(ctx context.Context, shown *shownCall, of runID, pending []*workflowpb.PendingActivityInfo) {
	for _, one := range pending {
		p := shownPending{
			Text:     callhistory.Pending(one.GetActivityType().GetName(), one.GetHeartbeatDetails(), h.payloads),
			Attempts: int(one.GetAttempt()), Failure: callhistory.Message(one.GetLastFailure(), h.payloads), Worker: one.GetLastWorkerIdentity(),
		}
		if one.GetScheduledTime() != nil {
			p.Since = one.GetScheduledTime().AsTime()
		}
		if one.GetNextAttemptScheduleTime() != nil {
			p.NextAt = one.GetNextAttemptScheduleTime().AsTime()
		}
		shown.Pending = append(shown.Pending, p)
	}
	bounded, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	var progress workflows.FetchProgress
	value, err := h.client.QueryWorkflow(bounded, of.workflowID, of.runID, workflows.QueryProgress)
	if err == nil {
		err = value.Get(&progress)
	}
	if err != nil {
		shown.Missing = append(shown.Missing, fmt.Sprintf("The fetch runs, but no worker says where it is: start one with %q, or look at its last workflow task in the Web UI", program.Command("worker")))
		return
	}
	shown.Progress = &progress
}
