package worker

import (
	"fmt"

	"go.temporal.io/sdk/interceptor"
	sdkworker "go.temporal.io/sdk/worker"

	"github.com/callvault/callvault/internal/taskqueues"
	"github.com/callvault/callvault/workflows/fetchrecording"
)

// The queues of fetches that began before there were accounts. All workers of a
// namespace share them, whatever their accounts, as it was then. They can go when no
// such fetch is running.

// registerOld registers the activities that were on the workflows' queue.
func (s *served) registerOld(fetches sdkworker.Worker) {
	register(fetches, fetchrecording.FindArchived, s.find.Execute)
	register(fetches, fetchrecording.CheckStatus, s.check.Execute)
	register(fetches, fetchrecording.WriteManifest, s.write.Execute)
}

// serveOld adds one of the old queues.
func (q *queues) serveOld(queue taskqueues.Queue, s *served, observed []interceptor.WorkerInterceptor) {
	switch queue.Kind {
	case taskqueues.OldChecks:
		register(q.addActivities(queue.Name, lightActivities, 1, observed), fetchrecording.CheckStatus, s.check.Execute)
	case taskqueues.OldTransfers:
		register(q.addActivities(queue.Name, q.transfers, 1, observed), fetchrecording.DownloadRecording, s.download.Execute)
	case taskqueues.OldSlots:
		register(q.addSlots(queue.Name, heldCalls), fetchrecording.MintToken, s.mint.Execute)
	default:
		panic(fmt.Sprintf("the worker does not know what the queue %s is for (%s)", queue.Name, queue.Kind))
	}
}
