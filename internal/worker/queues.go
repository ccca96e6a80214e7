package worker

import (
	"log/slog"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/interceptor"
	sdkworker "go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/callvault/callvault/activities"
	"github.com/callvault/callvault/internal/account"
	"github.com/callvault/callvault/internal/archive"
	"github.com/callvault/callvault/internal/slots"
	"github.com/callvault/callvault/internal/taskqueues"
	"github.com/callvault/callvault/internal/timing"
	"github.com/callvault/callvault/workflows"
	"github.com/callvault/callvault/workflows/batch"
	"github.com/callvault/callvault/workflows/callbudget"
	"github.com/callvault/callvault/workflows/day"
	"github.com/callvault/callvault/workflows/fetchrecording"
	"github.com/callvault/callvault/workflows/ledger"
)

// How much one worker process does at a time.
const (
	// lightActivities bounds the short activities of a queue: their HTTP requests are the
	// only memory they hold.
	lightActivities = 100

	// batchActivities bounds the passes and reports of an account that run at once, each
	// with some 50 requests at a time, and preparedBatches the lists of a bucket that are
	// read at once: one of a million sessions takes 100 MB.
	batchActivities = 5
	preparedBatches = 1

	// listedDays bounds the lists of an account that are read at once: each holds a window of
	// some 1,000 rows of a few kB, and most of the time waits for a call slot.
	listedDays = 4

	// dayActivities bounds what is done at once with the days of an account: one of a hundred
	// thousand sessions takes some 50 MB.
	dayActivities = 6

	// maxTransfers bounds the concurrent downloads of an account, allTransfers about
	// those of all accounts. Each holds some 100 kB.
	maxTransfers = 16
	minTransfers = 2
	allTransfers = 64

	// attachments bounds what belongs to calls and is fetched at once for an account. Each
	// holds up to some 40 MB, if a call has ten thousand messages.
	attachments = 8

	// bufferedBytes bounds the memory for parts of files whose length is not known.
	// Transfers wait for it.
	bufferedBytes = 64 << 20

	// workflowTasks bounds the concurrent workflow tasks.
	workflowTasks = 100

	// budgetTasks bounds those of the call budgets: each takes a millisecond.
	budgetTasks = 10

	// busyPollers are the long polls of a queue that many tasks go through. The queues
	// of a bot have one each: a Temporal server bounds the long polls of a namespace.
	busyPollers = 2

	// workflowPollers are those of the queue of all fetches. With the SDK's two, fetches that
	// were just started waited behind the tasks of running ones, and came in waves (measured
	// one after the other: 0.61 of the speed of a bare workflow, with six 0.65).
	workflowPollers = 6

	// heldCalls bounds the calls of one queue that a worker holds while they wait for a
	// slot: one that gets the next, and one after it. Of a budget that is faster than the
	// messages to it, up to heldOfFast, which get their slots by one message.
	heldCalls  = 2
	heldOfFast = 30
)

// queues are the workers of the SDK, one for each task queue that the process serves.
type queues struct {
	client  client.Client
	onFatal func(error)

	// version is that of the workers of workflows, see versionOf.
	version sdkworker.DeploymentOptions

	// nexus: other namespaces may call this one.
	nexus bool

	// transfers bounds the concurrent downloads of each account.
	transfers int

	// slots mint tokens. They stop first, so that none of them expires unused.
	slots []sdkworker.Worker
	work  []sdkworker.Worker
}

// served are the activities of the accounts that the process serves.
type served struct {
	accounts *account.Served
	find     activities.FindArchived
	findHere *activities.FindArchivedHere
	mint     activities.MintToken
	check    activities.CheckStatus
	download activities.DownloadRecording
	write    activities.WriteManifest
	attach   activities.FetchAttachments

	openDay    activities.OpenDay
	mergeDay   activities.MergeListings
	sealDay    activities.SealDay
	logDay     activities.LogDay
	appendDays activities.AppendToLog
	startDays  activities.StartDays

	prepareBatch activities.PrepareBatch
	launchBatch  activities.LaunchBatch
	cancelBatch  activities.CancelBatch
	reportBatch  activities.ReportBatch

	listDay activities.ListDay
}

func newServed(c client.Client, namespace string, accounts *account.Served, calls *slots.Client, transferTiming activities.TransferTiming, logger *slog.Logger) *served {
	changed := &activities.ChangedDays{Client: c}
	buffers := newBuffers(accounts.Accounts)
	s := &served{
		accounts: accounts,
		find:     activities.FindArchived{Served: accounts, Lanes: calls},
		mint:     activities.MintToken{Served: accounts, Slots: calls},
		check:    activities.CheckStatus{Served: accounts, Slots: calls},
		download: activities.DownloadRecording{Served: accounts, Timing: transferTiming, Buffers: buffers, Reporter: c, Days: changed},
		write:    activities.WriteManifest{Served: accounts, Days: changed},
		attach:   activities.FetchAttachments{Served: accounts, Slots: calls, Timing: transferTiming, Buffers: buffers, Logger: logger},

		openDay:    activities.OpenDay{Served: accounts},
		mergeDay:   activities.MergeListings{Served: accounts},
		sealDay:    activities.SealDay{Served: accounts},
		logDay:     activities.LogDay{Served: accounts, Client: c},
		appendDays: activities.AppendToLog{Served: accounts},
		startDays:  activities.StartDays{Served: accounts, Client: c, Namespace: namespace},

		prepareBatch: activities.PrepareBatch{Served: accounts},
		launchBatch: activities.LaunchBatch{
			Served: accounts, Client: c, Namespace: namespace,
			Readiness: &activities.Readiness{Slots: calls, Logger: logger},
		},
		cancelBatch: activities.CancelBatch{Client: c, Namespace: namespace},
		reportBatch: activities.ReportBatch{Served: accounts, Client: c},

		listDay: activities.ListDay{Served: accounts, Slots: calls},
	}
	s.findHere = activities.NewFindArchivedHere(&s.find)
	return s
}

// newBuffers returns the memory for parts, which is shared by all accounts.
func newBuffers(accounts []*account.Account) *archive.Buffers {
	var largest int64
	for _, a := range accounts {
		largest = max(largest, a.MaxRecordingBytes)
	}
	return archive.NewBuffers(archive.BufferBytes(largest), bufferedBytes)
}

// newQueues returns the workers of everything that the process serves. One that cannot
// continue, because its namespace was deleted or its credentials withdrawn, reports it
// to onFatal.
func newQueues(c client.Client, s *served, version sdkworker.DeploymentOptions, nexus bool, logger *slog.Logger, onFatal func(error)) *queues {
	q := &queues{client: c, onFatal: onFatal, version: version, nexus: nexus, transfers: max(minTransfers, min(maxTransfers, allTransfers/len(s.accounts.Accounts)))}
	all := newBlockLog(logger)
	observed := func(blocks *blockLog) []interceptor.WorkerInterceptor { return []interceptor.WorkerInterceptor{blocks} }
	logs := make(map[*account.Account]*blockLog)
	for _, a := range s.accounts.Accounts {
		logs[a] = newBlockLog(logger.With("account", a.Name))
	}
	for _, queue := range taskqueues.Shared() {
		switch queue.Kind {
		case taskqueues.Fetches:
			q.addWorkflows(queue.Name, s, all)
		case taskqueues.Budgets:
			q.addBudgets(queue.Name)
		default:
			q.serveOld(queue, s, observed(all))
		}
	}
	for _, queue := range taskqueues.Of(s.accounts.Accounts) {
		blocks := logs[queue.Account]
		if queue.IsShared() {
			blocks = all
		}
		q.serve(queue, s, observed(blocks))
	}
	return q
}

// addWorkflows adds the queue of all workflows but those of the budgets.
func (q *queues) addWorkflows(queue string, s *served, blocks *blockLog) {
	fetches := q.add(queue, sdkworker.Options{
		DeploymentOptions:                      q.version,
		MaxConcurrentActivityExecutionSize:     lightActivities,
		MaxConcurrentWorkflowTaskExecutionSize: workflowTasks,
		MaxConcurrentWorkflowTaskPollers:       workflowPollers,
		StickyScheduleToStartTimeout:           timing.Takeover,
		Interceptors:                           []interceptor.WorkerInterceptor{blocks},
	})
	for name, engine := range map[string]any{
		workflows.FetchRecordingWorkflowName:       fetchrecording.Workflow,
		workflows.FetchRecordingsBatchWorkflowName: batch.Workflow,
		workflows.ArchiveDayWorkflowName:           day.Workflow,
		workflows.ArchiveDaysWorkflowName:          day.StartWorkflow,
		workflows.ArchiveLedgerWorkflowName:        ledger.Workflow,
	} {
		fetches.RegisterWorkflowWithOptions(engine, workflow.RegisterOptions{Name: name, VersioningBehavior: behaviorOf(name)})
	}
	register(fetches, fetchrecording.FindArchivedHere, s.findHere.Execute)
	register(fetches, workflows.ActivityAwaitFetch, (&activities.AwaitFetch{Client: q.client}).Execute)
	s.registerOld(fetches)
	if q.nexus {
		fetches.RegisterNexusService(newNexusService())
	}
}

// addBudgets adds the queue of the budgets' workflows.
func (q *queues) addBudgets(queue string) {
	budgets := q.add(queue, sdkworker.Options{
		DeploymentOptions:                      q.version,
		MaxConcurrentWorkflowTaskExecutionSize: budgetTasks,
		LocalActivityWorkerOnly:                true,
		StickyScheduleToStartTimeout:           timing.Takeover,
	})
	budgets.RegisterWorkflowWithOptions(callbudget.Workflow, workflow.RegisterOptions{
		Name: workflows.CallBudgetWorkflowName, VersioningBehavior: behaviorOf(workflows.CallBudgetWorkflowName),
	})
}

// serve adds one of the queues of the accounts.
func (q *queues) serve(queue taskqueues.Queue, s *served, observed []interceptor.WorkerInterceptor) {
	switch queue.Kind {
	case taskqueues.Checks:
		register(q.addActivities(queue.Name, lightActivities, busyPollers, observed), fetchrecording.CheckStatus, s.check.Execute)
	case taskqueues.Manifests:
		register(q.addActivities(queue.Name, lightActivities, busyPollers, observed), fetchrecording.WriteManifest, s.write.Execute)
	case taskqueues.Transfers:
		register(q.addActivities(queue.Name, q.transfers, busyPollers, observed), fetchrecording.DownloadRecording, s.download.Execute)
	case taskqueues.Attachments:
		register(q.addActivities(queue.Name, attachments, 1, observed), fetchrecording.FetchAttachments, s.attach.Execute)
	case taskqueues.FirstSteps:
		first := q.addActivities(queue.Name, lightActivities, 1, observed)
		register(first, fetchrecording.FindArchived, s.find.Execute)
		register(first, batch.PrepareBatch, s.prepareBatch.Execute)
		register(first, day.OpenDay, s.openDay.Execute)
		register(first, day.StartDays, s.startDays.Execute)
	case taskqueues.Slots:
		register(q.addSlots(queue.Name, held(queue.Account.Budget)), fetchrecording.MintToken, s.mint.Execute)
	case taskqueues.Batches:
		work := q.addActivities(queue.Name, batchActivities, 1, observed)
		register(work, batch.LaunchBatch, s.launchBatch.Execute)
		register(work, batch.CancelBatch, s.cancelBatch.Execute)
		register(work, batch.ReportBatch, s.reportBatch.Execute)
	case taskqueues.BatchLists:
		register(q.addActivities(queue.Name, preparedBatches, 1, observed), batch.PrepareBatch, s.prepareBatch.Execute)
	case taskqueues.Days:
		work := q.addActivities(queue.Name, dayActivities, 1, observed)
		register(work, day.MergeListings, s.mergeDay.Execute)
		register(work, day.SealDay, s.sealDay.Execute)
		register(work, day.LogDay, s.logDay.Execute)
	case taskqueues.DayLists:
		lists := q.addActivities(queue.Name, listedDays, 1, observed)
		register(lists, day.ListSessions, s.listDay.Sessions)
		register(lists, day.ListInteractions, s.listDay.Interactions)
	case taskqueues.Ledgers:
		register(q.addActivities(queue.Name, 1, 1, observed), ledger.AppendToLog, s.appendDays.Execute)
	default:
		q.serveOld(queue, s, observed)
	}
}

func (q *queues) add(queue string, options sdkworker.Options) sdkworker.Worker {
	options.WorkerStopTimeout = timing.WorkerStop
	options.OnFatalError = q.onFatal
	// A renamed Go function must not become a second name of a workflow.
	options.DisableRegistrationAliasing = true
	w := sdkworker.New(q.client, queue, options)
	q.work = append(q.work, w)
	return w
}

func (q *queues) addActivities(queue string, concurrent, pollers int, interceptors []interceptor.WorkerInterceptor) sdkworker.Worker {
	return q.add(queue, sdkworker.Options{
		MaxConcurrentActivityExecutionSize: concurrent,
		MaxConcurrentActivityTaskPollers:   pollers,
		DisableWorkflowWorker:              true,
		MaxHeartbeatThrottleInterval:       timing.HeartbeatThrottle,
		Interceptors:                       interceptors,
	})
}

// held returns how many calls of a queue are held: what the budget takes in a quarter of a
// second, for which one answer of it has slots.
func held(budget account.Budget) int {
	held := heldOfFast
	for _, window := range budget.Windows {
		held = min(held, int(float64(window.Calls)/window.Span.Seconds()/4))
	}
	return max(held, heldCalls)
}

// addSlots adds a queue of calls that wait for a slot, so many of which are held.
func (q *queues) addSlots(queue string, held int) sdkworker.Worker {
	w := sdkworker.New(q.client, queue, sdkworker.Options{
		MaxConcurrentActivityExecutionSize: held,
		MaxConcurrentActivityTaskPollers:   1 + held/heldOfFast,
		DisableEagerActivities:             true, // They would pass the calls that wait in the queue.
		DisableWorkflowWorker:              true,
		WorkerStopTimeout:                  timing.SlotStop,
		OnFatalError:                       q.onFatal,
	})
	q.slots = append(q.slots, w)
	return w
}

func register(w sdkworker.Worker, name string, execute any) {
	w.RegisterActivityWithOptions(execute, activity.RegisterOptions{Name: name})
}
