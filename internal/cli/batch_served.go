package cli

import (
	"context"
	"fmt"
	"io"

	enumspb "go.temporal.io/api/enums/v1"
	taskqueuepb "go.temporal.io/api/taskqueue/v1"
	"go.temporal.io/api/workflowservice/v1"

	"github.com/callvault/callvault/internal/program"
	"github.com/callvault/callvault/workflows/batch"
)

// warnUnserved warns if no worker has polled the queue of an account's batches lately. The
// batch may start all the same: it waits until one does.
func (b batches) warnUnserved(ctx context.Context, account string, stderr io.Writer) {
	bounded, cancel := context.WithTimeout(ctx, servedTimeout)
	defer cancel()
	described, err := b.client.WorkflowService().DescribeTaskQueue(bounded, &workflowservice.DescribeTaskQueueRequest{
		Namespace:     b.namespace,
		TaskQueue:     &taskqueuepb.TaskQueue{Name: batch.AccountTaskQueue(account), Kind: enumspb.TASK_QUEUE_KIND_NORMAL},
		TaskQueueType: enumspb.TASK_QUEUE_TYPE_ACTIVITY,
	})
	switch {
	case err == nil && len(described.GetPollers()) > 0, ctx.Err() != nil: // The start says that it was interrupted.
	case err != nil:
		fmt.Fprintf(stderr, "warning: the server does not say whether a worker serves account %q (%v): starting the batch anyway; it waits until one does\n", account, err)
	default:
		fmt.Fprintf(stderr, "warning: no worker of namespace %q serves account %q: the batch waits until one does: start one with %q\n", b.namespace, account, program.Command("worker"))
	}
}
