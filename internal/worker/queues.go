package worker

import (
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/interceptor"
	sdkworker "go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/callvault/callvault/activities"
	"github.com/callvault/callvault/internal/account"
	"github.com/callvault/callvault/internal/timing"
	"github.com/callvault/callvault/workflows"
	"github.com/callvault/callvault/workflows/fetchrecording"
)

// How much one worker process does at a time.
const (
	// lightActivities bounds the short activities of a queue: their HTTP requests are the
	// only memory they hold.
	lightActivities = 100

	// transfers bounds the concurrent downloads. Each holds some 100 kB, or one
	// part of 8 MiB if the file's length is not known.
	transfers = 16

	// workflowTasks bounds the concurrent workflow tasks.
	workflowTasks = 100
)

// newQueues returns a worker for each queue that this process serves, those of
// the call slots apart. One that cannot continue, because its namespace was
// deleted or its credentials withdrawn, reports it to onFatal.
func newQueues(c client.Client, served *account.Account, transferTiming activities.TransferTiming, blocks *blockLog, onFatal func(error)) (slots, work []sdkworker.Worker) {
	light := sdkworker.New(c, workflows.TaskQueue, sdkworker.Options{
		MaxConcurrentActivityExecutionSize:     lightActivities,
		MaxConcurrentWorkflowTaskExecutionSize: workflowTasks,
		WorkerStopTimeout:                      timing.WorkerStop,
		OnFatalError:                           onFatal,
		Interceptors:                           []interceptor.WorkerInterceptor{blocks},
		// A renamed Go function must not become a second name of a workflow.
		DisableRegistrationAliasing: true,
	})
	light.RegisterWorkflowWithOptions(fetchrecording.Workflow, workflow.RegisterOptions{Name: workflows.FetchRecordingWorkflowName})
	register(light, fetchrecording.FindArchived, (&activities.FindArchived{Account: served}).Execute)
	register(light, fetchrecording.WriteManifest, (&activities.WriteManifest{Account: served}).Execute)
	register(light, workflows.ActivityAwaitFetch, (&activities.AwaitFetch{Client: c}).Execute)

	check := sdkworker.New(c, fetchrecording.CheckTaskQueue, sdkworker.Options{
		MaxConcurrentActivityExecutionSize: lightActivities,
		DisableWorkflowWorker:              true,
		WorkerStopTimeout:                  timing.WorkerStop,
		OnFatalError:                       onFatal,
		Interceptors:                       []interceptor.WorkerInterceptor{blocks},
	})
	status := &activities.CheckStatus{Account: served}
	register(check, fetchrecording.CheckStatus, status.Execute)
	register(light, fetchrecording.CheckStatus, status.Execute) // v0.1.0 schedules it there.

	transfer := sdkworker.New(c, fetchrecording.TransferTaskQueue, sdkworker.Options{
		MaxConcurrentActivityExecutionSize: transfers,
		DisableWorkflowWorker:              true,
		MaxHeartbeatThrottleInterval:       timing.HeartbeatThrottle,
		WorkerStopTimeout:                  timing.WorkerStop,
		OnFatalError:                       onFatal,
		Interceptors:                       []interceptor.WorkerInterceptor{blocks},
	})
	register(transfer, fetchrecording.DownloadRecording, (&activities.DownloadRecording{Account: served, Timing: transferTiming}).Execute)

	// One queue for each bot: the Temporal server enforces its rate over all
	// workers that poll it.
	mint := &activities.MintToken{Account: served}
	for _, botID := range served.BotIDs {
		queue := sdkworker.New(c, fetchrecording.CallTaskQueue(botID), sdkworker.Options{
			TaskQueueActivitiesPerSecond: served.Budget.CallsPerSecond(),
			// Eager activities bypass every limit of the server.
			DisableEagerActivities: true,
			DisableWorkflowWorker:  true,
			WorkerStopTimeout:      timing.SlotStop,
			OnFatalError:           onFatal,
		})
		register(queue, fetchrecording.MintToken, mint.Execute)
		slots = append(slots, queue)
	}
	return slots, []sdkworker.Worker{light, check, transfer}
}

func register(w sdkworker.Worker, name string, execute any) {
	w.RegisterActivityWithOptions(execute, activity.RegisterOptions{Name: name})
}
