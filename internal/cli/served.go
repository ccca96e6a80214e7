package cli

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	taskqueuepb "go.temporal.io/api/taskqueue/v1"
	"go.temporal.io/api/workflowservice/v1"

	"github.com/callvault/callvault/internal/program"
	"github.com/callvault/callvault/internal/shortlist"
	"github.com/callvault/callvault/workflows"
	"github.com/callvault/callvault/workflows/fetchrecording"
)

const (
	// servedTimeout bounds the whole check, however slow the server is.
	servedTimeout = 5 * time.Second

	// startGrace is how long a worker that is starting is waited for.
	startGrace = time.Second

	// maxNamedBots bounds how many served bots an error names.
	maxNamedBots = 10

	// workersPerPage bounds one response. A worker process counts once for each
	// of its queues.
	workersPerPage = 500
)

// checkServed refuses the start of a fetch whose bot no worker serves: most
// likely the bot is mistyped, and the fetch would wait as blocked. It is about
// starting alone, so a fetch of the session that is already running passes. If
// the server does not say who polls the bot's queue, a warning is written to
// stderr and the fetch may start.
func checkServed(ctx context.Context, server workflowservice.WorkflowServiceClient, namespace string, session workflows.Session, stderr io.Writer) error {
	return servedCheck{
		botID:     session.BotID,
		isRunning: func(ctx context.Context) bool { return isRunning(ctx, server, namespace, session.FetchWorkflowID()) },
		anyway:    "starting the fetch anyway; it waits until one does",
		noCheck:   "start a fetch that waits as blocked until a worker serves the bot",
	}.run(ctx, server, namespace, stderr)
}

// servedCheck makes sure that a worker serves a bot before something of the bot starts.
type servedCheck struct {
	botID     string
	isRunning func(context.Context) bool // whether it has started already
	anyway    string                     // what is done if the server does not say who serves
	noCheck   string                     // what --no-check does
}

func (c servedCheck) run(ctx context.Context, server workflowservice.WorkflowServiceClient, namespace string, stderr io.Writer) error {
	bounded, cancel := context.WithTimeout(ctx, servedTimeout)
	defer cancel()
	polled, err := isPolled(bounded, server, namespace, c.botID)
	switch {
	case ctx.Err() != nil:
		return program.ErrInterrupted
	case err != nil:
		fmt.Fprintf(stderr, "warning: the server does not say whether a worker serves bot %s (%v): %s\n", c.botID, err, c.anyway)
		return nil
	case polled, c.isRunning(bounded):
		return nil
	}
	bots, err := servedBots(bounded, server, namespace)
	switch {
	case ctx.Err() != nil:
		return program.ErrInterrupted
	case slices.Contains(bots, c.botID):
		// The server reports the pollers of one partition of a queue only.
		return nil
	case startedMeanwhile(bounded, server, namespace, c.botID):
		return nil
	}
	return program.Usage(fmt.Errorf("no worker of namespace %q serves bot %s (%s): correct --bot, start a worker (%s) that has the bot in SMARTASSIST_BOT_ID or CALLVAULT_CONFIG, or give --no-check to %s",
		namespace, c.botID, describeServed(bots, err), program.Command("worker"), c.noCheck))
}

// startedMeanwhile reports whether a worker polls the bot's queue a moment later: one
// that has just started may need that long.
func startedMeanwhile(ctx context.Context, server workflowservice.WorkflowServiceClient, namespace, botID string) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(startGrace):
	}
	polled, _ := isPolled(ctx, server, namespace, botID)
	return polled
}

// isPolled reports whether a worker has polled the bot's queue lately: the
// server forgets a poller 5 minutes after its last poll. The check uses the
// server's clock only, since the local one may be wrong.
func isPolled(ctx context.Context, server workflowservice.WorkflowServiceClient, namespace, botID string) (bool, error) {
	described, err := server.DescribeTaskQueue(ctx, &workflowservice.DescribeTaskQueueRequest{
		Namespace:     namespace,
		TaskQueue:     &taskqueuepb.TaskQueue{Name: fetchrecording.BotTaskQueue(botID), Kind: enumspb.TASK_QUEUE_KIND_NORMAL},
		TaskQueueType: enumspb.TASK_QUEUE_TYPE_ACTIVITY,
	})
	return len(described.GetPollers()) > 0, err
}

// isRunning reports whether a workflow is running that a start attaches to.
func isRunning(ctx context.Context, server workflowservice.WorkflowServiceClient, namespace, workflowID string) bool {
	described, err := server.DescribeWorkflowExecution(ctx, &workflowservice.DescribeWorkflowExecutionRequest{
		Namespace: namespace,
		Execution: &commonpb.WorkflowExecution{WorkflowId: workflowID},
	})
	return err == nil && described.GetWorkflowExecutionInfo().GetStatus() == enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING
}

// servedBots returns the bots whose queues are in the workers' heartbeats, in
// order. Workers send one a minute, so one that has just started may be missing;
// the server keeps those of a stopped worker for some minutes.
func servedBots(ctx context.Context, server workflowservice.WorkflowServiceClient, namespace string) ([]string, error) {
	prefix := fetchrecording.BotTaskQueue("")
	request := &workflowservice.ListWorkersRequest{
		Namespace: namespace,
		PageSize:  workersPerPage,
		Query:     fmt.Sprintf("TaskQueue STARTS_WITH '%s'", prefix),
	}
	bots := make(map[string]bool)
	for {
		listed, err := server.ListWorkers(ctx, request)
		if err != nil {
			return nil, err
		}
		for _, worker := range listed.GetWorkers() {
			if botID, found := strings.CutPrefix(worker.GetTaskQueue(), prefix); found && workflows.ValidateBotID(botID) == nil {
				bots[botID] = true
			}
		}
		request.NextPageToken = listed.GetNextPageToken()
		if len(request.NextPageToken) == 0 {
			return slices.Sorted(maps.Keys(bots)), nil
		}
	}
}

// describeServed says which bots are served; err is the reason why that is not
// known.
func describeServed(bots []string, err error) string {
	switch {
	case err != nil:
		return fmt.Sprintf("the server cannot list the bots that are served: %v", err)
	case len(bots) == 0:
		return "the server lists no worker of any bot"
	}
	return "they serve " + shortlist.Of(bots, maxNamedBots)
}
