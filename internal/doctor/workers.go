package doctor

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	taskqueuepb "go.temporal.io/api/taskqueue/v1"
	"go.temporal.io/api/workflowservice/v1"

	"github.com/callvault/callvault/internal/program"
	"github.com/callvault/callvault/internal/taskqueues"
)

const (
	// maxDescribes bounds the requests to Temporal at a time.
	maxDescribes = 16

	// startGrace is how long a worker that is starting is waited for.
	startGrace = time.Second

	// stalePoll is when a worker that polls none of its queues has stopped, most likely: a poll
	// takes a minute. The server forgets it after 5.
	stalePoll = 2 * time.Minute

	// staleHeartbeat is when a worker has stopped whose heartbeat was the last: there is one in a
	// minute. The server lists it for 5 and more.
	staleHeartbeat = 3 * time.Minute

	// workersPerPage and maxWorkerPages bound the list of workers' heartbeats. A process
	// counts once for each of its queues.
	workersPerPage = 500
	maxWorkerPages = 50
)

// seenQueue is one kind of tasks of a queue, and who polls it.
type seenQueue struct {
	taskqueues.Queue
	tasks   enumspb.TaskQueueType
	pollers []*taskqueuepb.PollerInfo
	// listed: a worker's heartbeat names the queue. One whose slots are all in use does not
	// poll, and a server shows the pollers of a part of a queue alone.
	listed bool
	err    error
}

func (q seenQueue) isServed() bool { return q.listed || len(q.pollers) > 0 }

// workers checks who polls the task queues.
func (t *temporal) workers(ctx context.Context) {
	needs := []Name{TemporalServer, TemporalNamespace}
	if _, missing := t.missing(needs); !missing && ctx.Err() == nil {
		t.look(ctx)
	}
	now := time.Now()
	t.run(ctx, SharedQueues, needs, func(context.Context) Finding {
		return judgeQueues(t.seenOf(""), now, "no worker runs in this namespace: nothing happens in it", "start one")
	})
	for _, a := range t.accounts {
		t.account = a.Name
		t.run(ctx, AccountQueues, needs, func(context.Context) Finding {
			return judgeQueues(t.seenOf(a.Name), now, "no worker serves the account", "start one with this configuration, or restart the one that has an older one")
		})
		t.account = ""
	}
	t.run(ctx, WorkerVersions, []Name{TemporalServer, SharedQueues}, t.versions)
}

// look finds out who polls each queue.
func (t *temporal) look(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, 2*each)
	defer cancel()
	for _, queue := range append(taskqueues.Shared(), taskqueues.Of(t.accounts)...) {
		if queue.HasWorkflowTasks() {
			t.seen = append(t.seen, seenQueue{Queue: queue, tasks: enumspb.TASK_QUEUE_TYPE_WORKFLOW})
		}
		if queue.HasActivityTasks() {
			t.seen = append(t.seen, seenQueue{Queue: queue, tasks: enumspb.TASK_QUEUE_TYPE_ACTIVITY})
		}
	}
	t.describeUnserved(ctx)
	if t.allServed() {
		return
	}
	t.listWorkers(ctx)
	if t.allServed() {
		return
	}
	select { // One that has just started may need that long.
	case <-ctx.Done():
	case <-time.After(startGrace):
		t.describeUnserved(ctx)
	}
}

func (t *temporal) allServed() bool {
	return !slices.ContainsFunc(t.seen, func(q seenQueue) bool { return !q.isServed() })
}

// describeUnserved asks who polls the queues of which nobody is known.
func (t *temporal) describeUnserved(ctx context.Context) {
	var all sync.WaitGroup
	free := make(chan struct{}, maxDescribes)
	for i := range t.seen {
		queue := &t.seen[i]
		if queue.isServed() {
			continue
		}
		free <- struct{}{}
		all.Go(func() {
			described, err := t.connection.WorkflowService().DescribeTaskQueue(ctx, &workflowservice.DescribeTaskQueueRequest{
				Namespace:     t.connection.Namespace,
				TaskQueue:     &taskqueuepb.TaskQueue{Name: queue.Name, Kind: enumspb.TASK_QUEUE_KIND_NORMAL},
				TaskQueueType: queue.tasks,
			})
			queue.pollers, queue.err = described.GetPollers(), err
			<-free
		})
	}
	all.Wait()
}

// listWorkers marks the queues that the heartbeats of workers name. A server that has none, or
// does not list them, marks nothing.
func (t *temporal) listWorkers(ctx context.Context) {
	named := make(map[string]bool)
	request := &workflowservice.ListWorkersRequest{Namespace: t.connection.Namespace, PageSize: workersPerPage,
		Query: fmt.Sprintf("TaskQueue STARTS_WITH 'callvault' AND HeartbeatTime > '%s'", time.Now().Add(-staleHeartbeat).UTC().Format(time.RFC3339))}
	for range maxWorkerPages {
		listed, err := t.connection.WorkflowService().ListWorkers(ctx, request)
		if err != nil {
			break
		}
		for _, worker := range listed.GetWorkers() {
			named[worker.GetTaskQueue()] = true
		}
		if request.NextPageToken = listed.GetNextPageToken(); len(request.NextPageToken) == 0 {
			break
		}
	}
	for i := range t.seen {
		t.seen[i].listed = named[t.seen[i].Name]
	}
}

// seenOf returns the queues of an account; those that belong to none if it is empty.
func (t *temporal) seenOf(account string) []seenQueue {
	var of []seenQueue
	for _, queue := range t.seen {
		name := ""
		if queue.Account != nil {
			name = queue.Account.Name
		}
		if name == account {
			of = append(of, queue)
		}
	}
	return of
}

// judgeQueues judges who polls some queues. nobody says what it means if none is polled, and
// remedy what to do.
func judgeQueues(queues []seenQueue, now time.Time, nobody, remedy string) Finding {
	var unserved []string
	names := make(map[string]bool)
	var unknown error
	var lastPoll time.Time
	for _, queue := range queues {
		names[queue.Name] = true
		switch {
		case queue.isServed():
		case queue.err != nil:
			unknown = queue.err
		default:
			unserved = append(unserved, queue.Name)
		}
		for _, poller := range queue.pollers {
			if at := poller.GetLastAccessTime().AsTime(); at.After(lastPoll) {
				lastPoll = at
			}
		}
	}
	command := program.Command("worker")
	switch {
	case unknown != nil:
		return skipped("the server does not say who polls the task queues: %s", line(unknown)).
			wayOut("if the server has just been started, run this again in a minute; otherwise ask who administers Temporal")
	case len(unserved) == len(queues):
		return broken("%s", nobody).wayOut("%s: %s", remedy, command)
	case len(unserved) > 0:
		return broken("no worker polls %s, of %d task queues", some(slices.Compact(unserved)), len(names)).
			wayOut("the workers have another configuration or an older version: restart them with this one (%s)", command)
	case !lastPoll.IsZero() && now.Sub(lastPoll) > stalePoll:
		return warning("the last poll of a worker was %s ago: it has stopped, or does not reach Temporal", now.Sub(lastPoll).Round(time.Second)).
			wayOut("look at the worker's log, and start one if none runs: %s", command)
	}
	return ok("each of the %d task queues is polled", len(names))
}

// build is the version of a worker, as it tells Temporal.
type build struct {
	deployment, id string
	versioned      bool
}

func (b build) String() string {
	switch {
	case b.id == "":
		return "without a version"
	case b.deployment == "":
		return b.id
	}
	return b.deployment + " " + b.id
}

// builds returns the versions of the workers that poll, by their identities.
func builds(queues []seenQueue) map[string]build {
	found := make(map[string]build)
	for _, queue := range queues {
		for _, poller := range queue.pollers {
			options := poller.GetDeploymentOptions()
			found[poller.GetIdentity()] = build{options.GetDeploymentName(), options.GetBuildId(),
				options.GetWorkerVersioningMode() == enumspb.WORKER_VERSIONING_MODE_VERSIONED}
		}
	}
	return found
}

// versions checks that the workers are of one version, and that Temporal gives work to it.
func (t *temporal) versions(ctx context.Context) Finding {
	workers := builds(t.seen)
	current := make(map[string]string) // build id by deployment
	for _, one := range workers {
		if _, known := current[one.deployment]; known || !one.versioned {
			continue
		}
		described, err := t.connection.WorkflowService().DescribeWorkerDeployment(ctx, &workflowservice.DescribeWorkerDeploymentRequest{
			Namespace: t.connection.Namespace, DeploymentName: one.deployment,
		})
		if err != nil {
			return skipped("the server does not say which version of %s is current: %s", one.deployment, line(err))
		}
		current[one.deployment] = described.GetWorkerDeploymentInfo().GetRoutingConfig().GetCurrentDeploymentVersion().GetBuildId()
	}
	return judgeVersions(workers, current)
}

// judgeVersions judges the versions of workers, by their identities. current are the build ids that
// Temporal gives work to, by deployment.
func judgeVersions(workers map[string]build, current map[string]string) Finding {
	if len(workers) == 0 {
		return skipped("no worker polls just now, so that no version is known").wayOut("run this again in a minute")
	}
	of := make(map[build][]string)
	for _, identity := range slices.Sorted(maps.Keys(workers)) {
		of[workers[identity]] = append(of[workers[identity]], identity)
	}
	var texts []string
	for one, identities := range of {
		texts = append(texts, fmt.Sprintf("%s %s (%s)", count(len(identities), "worker"), one, some(identities)))
	}
	slices.Sort(texts)
	all := some(texts)
	for one := range of {
		if !one.versioned {
			continue
		}
		set := current[one.deployment]
		if set == "" {
			return broken("%s: no version of the deployment %s is current, so that Temporal gives them no workflow", all, one.deployment).
				wayOut("temporal worker deployment set-current-version --deployment-name %s --build-id %s", argument(one.deployment), argument(one.id))
		}
		if of[build{one.deployment, set, true}] == nil {
			return broken("%s: the current version of %s is %s, and no worker has it", all, one.deployment, set).
				wayOut("start workers of %s, or: temporal worker deployment set-current-version --deployment-name %s --build-id %s", set, argument(one.deployment), argument(one.id))
		}
	}
	if len(of) > 1 {
		return warning("%s: the workers are of several versions", all).
			wayOut("wait if they are being replaced; otherwise stop those that were left behind")
	}
	return ok("%s", all)
}
