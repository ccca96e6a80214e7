package cli

import (
	"fmt"
	"io"
	"net/url"

	"github.com/callvault/callvault/workflows"
)

// savedView is a list of workflows that people look at in the Temporal Web UI, by its query.
type savedView struct {
	Name  string `json:"name"`
	Query string `json:"query"`
	// URL is its page; empty if the address of the Web UI is not known.
	URL string `json:"url,omitempty"`
}

// views returns all of them.
func views(ui webUI, namespace string) []savedView {
	running := func(workflowType string) string {
		return "WorkflowType = '" + workflowType + "' AND ExecutionStatus = 'Running'"
	}
	phase, outcome := workflows.SearchAttributePhase.GetName(), workflows.SearchAttributeOutcome.GetName()
	all := []savedView{
		{Name: "needs an operator", Query: fmt.Sprintf("%s IN ('%s', '%s') AND ExecutionStatus = 'Running'", phase, workflows.PhaseBlocked, workflows.BatchStopped)},
		{Name: "fetches that run", Query: running(workflows.FetchRecordingWorkflowName)},
		{Name: "fetches that wait for the vendor's media", Query: fmt.Sprintf("%s IN ('%s', '%s') AND ExecutionStatus = 'Running'", phase, workflows.PhaseMediaInProgress, workflows.PhasePartialWait)},
		{Name: "sessions that the vendor deletes soon", Query: workflows.SearchAttributePurgeAt.GetName() + " IS NOT NULL AND ExecutionStatus = 'Running'"},
		{Name: "fetches that ended otherwise than archived", Query: fmt.Sprintf("WorkflowType = '%s' AND %s IS NOT NULL AND %s != '%s'", workflows.FetchRecordingWorkflowName, outcome, outcome, workflows.OutcomeArchived)},
		{Name: "fetches that ended without an outcome", Query: fmt.Sprintf("WorkflowType = '%s' AND ExecutionStatus IN ('Failed', 'Canceled', 'Terminated', 'TimedOut')", workflows.FetchRecordingWorkflowName)},
		{Name: "batches that run", Query: running(workflows.FetchRecordingsBatchWorkflowName)},
		{Name: "days that are not sealed yet", Query: running(workflows.ArchiveDayWorkflowName)},
		{Name: "call budgets", Query: budgetsQuery},
	}
	for i := range all {
		if ui != "" {
			all[i].URL = fmt.Sprintf("%s/namespaces/%s/workflows?query=%s", ui, url.PathEscape(namespace), url.QueryEscape(all[i].Query))
		}
	}
	return all
}

// printViews writes the views for people.
func printViews(w io.Writer, all []savedView) error {
	if _, err := fmt.Fprintln(w, "\nViews for the Temporal Web UI:"); err != nil {
		return err
	}
	for _, one := range all {
		what := one.URL
		if what == "" {
			what = one.Query
		}
		if _, err := fmt.Fprintf(w, "  %s\n    %s\n", one.Name, what); err != nil {
			return err
		}
	}
	return nil
}
