package cli

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"github.com/callvault/callvault/internal/program"
	"github.com/callvault/callvault/internal/shortlist"
	"github.com/callvault/callvault/workflows"
)

const (
	// listTimeout bounds the listing of the budgets that run.
	listTimeout = 5 * time.Second

	// changeTimeout bounds one change of a budget. Without a worker it gets no response.
	changeTimeout = 10 * time.Second

	// maxBudgets bounds how many budgets are shown, and how many one page lists.
	maxBudgets = 100

	// maxChangedBudgets bounds how many budgets --all changes.
	maxChangedBudgets = 1000

	// maxNamedBudgets bounds how many running budgets an error names.
	maxNamedBudgets = 10
)

// budgetsQuery is the visibility query for the budgets that run.
const budgetsQuery = "WorkflowType = '" + workflows.CallBudgetWorkflowName + "' AND ExecutionStatus = 'Running'"

// budgets sends requests to the call budgets of a namespace.
type budgets struct {
	client    client.Client
	namespace string
}

// errNoWorker means that nobody executes the workflows of the budgets.
var errNoWorker = errors.New("no worker responds")

// running returns the names of the budgets that run, in order, at most so many of them;
// cut reports whether there are more.
func (b budgets) running(ctx context.Context, most int) (names []string, cut bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, listTimeout)
	defer cancel()
	request := &workflowservice.ListWorkflowExecutionsRequest{Namespace: b.namespace, Query: budgetsQuery, PageSize: maxBudgets}
	found := make(map[string]bool) // A budget that continues as new may be listed twice.
	for {
		listed, err := b.client.ListWorkflow(ctx, request)
		if err != nil {
			return nil, false, fmt.Errorf("list the running budgets: %w", err)
		}
		for _, execution := range listed.GetExecutions() {
			if name, ok := strings.CutPrefix(execution.GetExecution().GetWorkflowId(), workflows.CallBudgetWorkflowID("")); ok && validateBudgetName(name) == nil {
				found[name] = true
			}
		}
		names = slices.Sorted(maps.Keys(found))
		request.NextPageToken = listed.GetNextPageToken()
		switch {
		case len(names) > most:
			return names[:most], true, nil
		case len(request.NextPageToken) == 0:
			return names, false, nil
		}
	}
}

// status returns what a budget says of itself. The error of one that does not run says
// so. It is errNoWorker if no worker responds.
func (b budgets) status(ctx context.Context, name string) (workflows.BudgetStatus, error) {
	var status workflows.BudgetStatus
	bounded, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	value, err := workflows.QueryCallBudget(bounded, b.client, name)
	var noPoller *serviceerror.FailedPrecondition
	var deadline *serviceerror.DeadlineExceeded
	var failing *serviceerror.WorkflowNotReady
	switch {
	case ctx.Err() != nil:
		return status, program.ErrInterrupted
	case isNotFound(err):
		return status, b.notRunning(ctx, name)
	case errors.As(err, &failing):
		return status, fmt.Errorf("budget %q cannot continue: see its last workflow task in the Web UI", name)
	case errors.As(err, &noPoller), errors.As(err, &deadline), bounded.Err() != nil:
		return status, fmt.Errorf("budget %q: %w: start one with %q", name, errNoWorker, program.Command("worker"))
	case err != nil:
		return status, fmt.Errorf("budget %q: %w", name, err)
	}
	if err := value.Get(&status); err != nil {
		return status, unreadableStatus(name, err)
	}
	return status, nil
}

// change sends an update to a budget and returns its state after it.
func (b budgets) change(ctx context.Context, name, update string, input any) (workflows.BudgetStatus, error) {
	var status workflows.BudgetStatus
	bounded, cancel := context.WithTimeout(ctx, changeTimeout)
	defer cancel()
	handle, err := b.client.UpdateWorkflow(bounded, client.UpdateWorkflowOptions{
		WorkflowID:   workflows.CallBudgetWorkflowID(name),
		UpdateName:   update,
		Args:         []any{input},
		WaitForStage: client.WorkflowUpdateStageCompleted,
	})
	var rejected *temporal.ApplicationError
	if err == nil {
		err = handle.Get(bounded, &status)
	}
	switch {
	case err == nil:
		return status, nil
	case ctx.Err() != nil:
		return status, program.ErrInterrupted
	case isNotFound(err):
		return status, b.notRunning(ctx, name)
	case errors.As(err, &rejected):
		return status, fmt.Errorf("budget %q rejects the change: %s", name, rejected.Message())
	case bounded.Err() != nil:
		return status, fmt.Errorf("budget %q: %w within %s: start one with %q, which may still make the change; to see whether it did: %s",
			name, errNoWorker, changeTimeout, program.Command("worker"), exampleBudget("show "+name))
	default:
		return status, fmt.Errorf("budget %q: %w; to see whether the change was made: %s", name, err, exampleBudget("show "+name))
	}
}

func unreadableStatus(name string, err error) error {
	return fmt.Errorf("budget %q: its state cannot be read, perhaps because it is that of another version: %w", name, err)
}

// notRunning says that a budget does not run, and which do.
func (b budgets) notRunning(ctx context.Context, name string) error {
	names, cut, err := b.running(ctx, maxBudgets)
	if ctx.Err() != nil {
		return program.ErrInterrupted
	}
	return fmt.Errorf("budget %q is not running in namespace %q: no fetch has asked it for a call yet, or since it was terminated, or the name is wrong (%s)",
		name, b.namespace, describeRunning(names, cut, err))
}

// describeRunning says which budgets run; err is the reason why that is not known.
func describeRunning(names []string, cut bool, err error) string {
	switch {
	case err != nil:
		return err.Error()
	case len(names) == 0:
		return "none is running"
	case cut:
		return fmt.Sprintf("more than %d are running, such as %s", maxBudgets, strings.Join(names[:maxNamedBudgets], ", "))
	}
	return "running: " + shortlist.Of(names, maxNamedBudgets)
}
