package worker

import (
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	sdkworker "go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/callvault/callvault/activities"
	"github.com/callvault/callvault/internal/archive"
	"github.com/callvault/callvault/internal/config"
	"github.com/callvault/callvault/internal/media"
	"github.com/callvault/callvault/internal/seal"
	"github.com/callvault/callvault/internal/smartassist"
	"github.com/callvault/callvault/workflows"
)

// How much one worker process takes on at a time, and how it stops.
const (
	// stopTimeout is how long a stopping worker waits for its activities. A
	// transfer hands over before it (activities.TransferTiming.Handover).
	stopTimeout = 30 * time.Second

	// lightActivities bounds short activities: their HTTP requests are the
	// only memory they hold.
	lightActivities = 100

	// transfers bounds the downloads that run side by side. Each holds some
	// 100 kB, or one part of 8 MiB if the file's length is not known.
	transfers = 16

	// heartbeatEvery is how often a transfer's heartbeat reaches the server.
	// Each one is billed there.
	heartbeatEvery = 10 * time.Second

	// workflowTasks bounds the workflow tasks that are worked on at a time.
	workflowTasks = 100
)

// The share of each budget that is handed out. The rest is for calls that
// leave in another rhythm than their permits: a few in an hour, more of them
// in a minute.
const (
	hourShare   = 0.98
	minuteShare = 0.90
)

// partitionBurst is how many permits may leave at once on a queue that was
// idle: one from each partition, of which a server has four by default.
const partitionBurst = 4

// CallsPerSecond is the rate at which permits for one bot are handed out, so
// that neither rolling window is exceeded: the hour's is the sustained one, the
// minute's bounds bursts. A budget of fewer than eight calls a minute can be
// overdrawn by a burst on a server with several partitions for each queue.
func CallsPerSecond(callsPerMinute, callsPerHour int) float64 {
	minute := float64(callsPerMinute)
	return min(hourShare*float64(callsPerHour)/3600, max(minuteShare*minute-partitionBurst, minute/2)/60)
}

// newQueues returns a worker for each queue that this process serves, those of
// the permits apart.
// One that cannot go on, because its namespace was deleted or its credentials
// withdrawn, says so to onFatal.
func newQueues(c client.Client, settings *config.Config, store *archive.Store, timing activities.TransferTiming, onFatal func(error)) (permits, work []sdkworker.Worker) {
	sealer := seal.New(settings.SmartAssist.ClientSecret)
	bots := activities.Bots(settings.SmartAssist.BotIDs)

	light := sdkworker.New(c, workflows.TaskQueue, sdkworker.Options{
		MaxConcurrentActivityExecutionSize:     lightActivities,
		MaxConcurrentWorkflowTaskExecutionSize: workflowTasks,
		WorkerStopTimeout:                      stopTimeout,
		OnFatalError:                           onFatal,
		// A renamed Go function must not become a second name of a workflow.
		DisableRegistrationAliasing: true,
	})
	light.RegisterWorkflowWithOptions(workflows.FetchRecordingWorkflow, workflow.RegisterOptions{Name: workflows.FetchRecordingWorkflowName})
	register(light, workflows.ActivityFindArchived, (&activities.FindArchived{Bots: bots, Store: store}).Execute)
	register(light, workflows.ActivityCheckStatus, (&activities.CheckStatus{
		Client: smartassist.NewClient(smartassist.Config{BaseURL: settings.SmartAssist.URL}),
		Sealer: sealer,
	}).Execute)
	register(light, workflows.ActivityWriteManifest, (&activities.WriteManifest{Store: store}).Execute)

	transfer := sdkworker.New(c, workflows.TransferTaskQueue, sdkworker.Options{
		MaxConcurrentActivityExecutionSize: transfers,
		DisableWorkflowWorker:              true,
		// A cancelled transfer hears of it by the next heartbeat.
		MaxHeartbeatThrottleInterval: heartbeatEvery,
		WorkerStopTimeout:            stopTimeout,
		OnFatalError:                 onFatal,
	})
	register(transfer, workflows.ActivityDownloadRecording, (&activities.DownloadRecording{
		Fetcher: media.NewFetcher(media.NewHostPolicy(settings.SmartAssist.URL, settings.SmartAssist.MediaHosts)),
		Store:   store,
		Sealer:  sealer,
		Timing:  timing,
	}).Execute)

	mint := &activities.MintToken{
		Bots: bots,
		Credentials: smartassist.Credentials{
			ClientID:     settings.SmartAssist.ClientID,
			ClientSecret: settings.SmartAssist.ClientSecret,
		},
		Sealer: sealer,
	}
	// One queue for each bot: the Temporal server enforces its rate over all
	// workers that poll it.
	for _, botID := range settings.SmartAssist.BotIDs {
		queue := sdkworker.New(c, workflows.APITaskQueue(botID), sdkworker.Options{
			TaskQueueActivitiesPerSecond: CallsPerSecond(settings.SmartAssist.CallsPerMinute, settings.SmartAssist.CallsPerHour),
			// Eager activities pass by every limit of the server's.
			DisableEagerActivities: true,
			DisableWorkflowWorker:  true,
			WorkerStopTimeout:      stopTimeout,
			OnFatalError:           onFatal,
		})
		register(queue, workflows.ActivityMintToken, mint.Execute)
		permits = append(permits, queue)
	}
	return permits, []sdkworker.Worker{light, transfer}
}

func register(w sdkworker.Worker, name string, execute any) {
	w.RegisterActivityWithOptions(execute, activity.RegisterOptions{Name: name})
}
