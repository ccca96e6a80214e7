package worker

import (
	"go.temporal.io/sdk/interceptor"
	sdkworker "go.temporal.io/sdk/worker"

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

func (q *queues) addOld(s *served, blocks *blockLog) {
	observed := []interceptor.WorkerInterceptor{blocks}
	register(q.addActivities(fetchrecording.CheckTaskQueue(""), lightActivities, 1, observed), fetchrecording.CheckStatus, s.check.Execute)
	register(q.addActivities(fetchrecording.TransferTaskQueue(""), q.transfers, 1, observed), fetchrecording.DownloadRecording, s.download.Execute)
	for _, a := range s.accounts.Accounts {
		for _, botID := range a.BotIDs {
			register(q.addSlots(fetchrecording.OldSlotTaskQueue(botID), heldCalls), fetchrecording.MintToken, s.mint.Execute)
		}
	}
}
