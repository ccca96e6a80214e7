package doctor

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	deploymentpb "go.temporal.io/api/deployment/v1"
	enumspb "go.temporal.io/api/enums/v1"
	namespacepb "go.temporal.io/api/namespace/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/api/serviceerror"
	taskqueuepb "go.temporal.io/api/taskqueue/v1"
	workerpb "go.temporal.io/api/worker/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/callvault/callvault/internal/account"
	"github.com/callvault/callvault/internal/taskqueues"
	"github.com/callvault/callvault/internal/temporalclient"
	"github.com/callvault/callvault/workflows"
)

// frontend is a Temporal server that says what a test wants. The end-to-end tests have a real one.
type frontend struct {
	client.Client

	namespace    *workflowservice.DescribeNamespaceResponse
	namespaceErr error

	attributes    map[string]enumspb.IndexedValueType
	attributesErr error
	countErr      error

	pollers    map[string][]*taskqueuepb.PollerInfo // by queue
	queueErr   error
	heartbeats []string // queues
	heartbeat  time.Time
	current    string // build id
	currentErr error
}

// workflowService and operatorService are its services, several of whose methods are named as the
// client's.
type (
	workflowService struct {
		workflowservice.WorkflowServiceClient
		*frontend
	}
	operatorService struct {
		operatorservice.OperatorServiceClient
		*frontend
	}
)

func (f *frontend) WorkflowService() workflowservice.WorkflowServiceClient {
	return workflowService{frontend: f}
}

func (f *frontend) OperatorService() operatorservice.OperatorServiceClient {
	return operatorService{frontend: f}
}

func (f *frontend) Close() {}

func (f workflowService) GetSystemInfo(context.Context, *workflowservice.GetSystemInfoRequest, ...grpc.CallOption) (*workflowservice.GetSystemInfoResponse, error) {
	return &workflowservice.GetSystemInfoResponse{ServerVersion: "1.99"}, nil
}

func (f workflowService) DescribeNamespace(context.Context, *workflowservice.DescribeNamespaceRequest, ...grpc.CallOption) (*workflowservice.DescribeNamespaceResponse, error) {
	return f.namespace, f.namespaceErr
}

func (f operatorService) ListSearchAttributes(context.Context, *operatorservice.ListSearchAttributesRequest, ...grpc.CallOption) (*operatorservice.ListSearchAttributesResponse, error) {
	return &operatorservice.ListSearchAttributesResponse{CustomAttributes: f.attributes}, f.attributesErr
}

func (f *frontend) CountWorkflow(context.Context, *workflowservice.CountWorkflowExecutionsRequest) (*workflowservice.CountWorkflowExecutionsResponse, error) {
	return &workflowservice.CountWorkflowExecutionsResponse{}, f.countErr
}

func (f workflowService) ListWorkers(_ context.Context, request *workflowservice.ListWorkersRequest, _ ...grpc.CallOption) (*workflowservice.ListWorkersResponse, error) {
	var listed workflowservice.ListWorkersResponse
	_, after, _ := strings.Cut(request.GetQuery(), "HeartbeatTime > ")
	if since, err := time.Parse(time.RFC3339, strings.Trim(after, "'")); err == nil && !f.heartbeat.IsZero() && f.heartbeat.Before(since) {
		return &listed, nil
	}
	for _, queue := range f.heartbeats {
		listed.Workers = append(listed.Workers, &workerpb.WorkerListInfo{TaskQueue: queue})
	}
	return &listed, nil
}

func (f workflowService) DescribeWorkerDeployment(context.Context, *workflowservice.DescribeWorkerDeploymentRequest, ...grpc.CallOption) (*workflowservice.DescribeWorkerDeploymentResponse, error) {
	routing := &deploymentpb.RoutingConfig{}
	if f.current != "" {
		routing.CurrentDeploymentVersion = &deploymentpb.WorkerDeploymentVersion{DeploymentName: "callvault", BuildId: f.current}
	}
	return &workflowservice.DescribeWorkerDeploymentResponse{WorkerDeploymentInfo: &deploymentpb.WorkerDeploymentInfo{RoutingConfig: routing}}, f.currentErr
}

func (f workflowService) DescribeTaskQueue(_ context.Context, request *workflowservice.DescribeTaskQueueRequest, _ ...grpc.CallOption) (*workflowservice.DescribeTaskQueueResponse, error) {
	if f.queueErr != nil {
		return nil, f.queueErr
	}
	return &workflowservice.DescribeTaskQueueResponse{Pollers: f.pollers[request.GetTaskQueue().GetName()]}, nil
}

func namespaceOf(retention time.Duration) *workflowservice.DescribeNamespaceResponse {
	return &workflowservice.DescribeNamespaceResponse{
		NamespaceInfo: &namespacepb.NamespaceInfo{Name: "recordings", State: enumspb.NAMESPACE_STATE_REGISTERED},
		Config:        &namespacepb.NamespaceConfig{WorkflowExecutionRetentionTtl: durationpb.New(retention)},
	}
}

func poller(identity, build string, lastPoll time.Time) *taskqueuepb.PollerInfo {
	info := &taskqueuepb.PollerInfo{Identity: identity, LastAccessTime: timestamppb.New(lastPoll)}
	if build != "" {
		info.DeploymentOptions = &deploymentpb.WorkerDeploymentOptions{DeploymentName: "callvault", BuildId: build, WorkerVersioningMode: enumspb.WORKER_VERSIONING_MODE_VERSIONED}
	}
	return info
}

// healthy returns a server on which workers serve the accounts.
func healthy(accounts []*account.Account, workers ...*taskqueuepb.PollerInfo) *frontend {
	f := &frontend{namespace: namespaceOf(720 * time.Hour), attributes: workflows.SearchAttributeTypes(), pollers: make(map[string][]*taskqueuepb.PollerInfo)}
	for _, queue := range append(taskqueues.Shared(), taskqueues.Of(accounts)...) {
		f.pollers[queue.Name] = workers
	}
	return f
}

func checkTemporal(t *testing.T, f *frontend, accounts ...*account.Account) map[Name]Finding {
	t.Helper()
	checked := &temporal{accounts: accounts, connect: func(context.Context) (*temporalclient.Connection, error) {
		return &temporalclient.Connection{Client: f, Address: "127.0.0.1:7233", Namespace: "recordings"}, nil
	}}
	checked.check(t.Context())
	found := make(map[Name]Finding)
	for _, one := range checked.findings {
		found[one.Name] = one
	}
	return found
}

func TestTemporalWithWorkersIsFine(t *testing.T) {
	acme := newVendor(t, nil, nil).account
	found := checkTemporal(t, healthy([]*account.Account{acme}, poller("1@a", "", time.Now()), poller("1@b", "", time.Now())), acme)
	for name, says := range map[Name]string{
		TemporalServer: "127.0.0.1:7233 responds (server 1.99)", TemporalNamespace: `"recordings" exists`, TemporalRetention: "720h",
		TemporalAttribute: "all 7 are registered", SharedQueues: "each of the 4 task queues is polled", AccountQueues: "each of the 25 task queues is polled",
		WorkerVersions: "2 workers without a version (1@a, 1@b)",
	} {
		requireFinding(t, name, found[name], OK, says)
	}
	require.Equal(t, "acme", found[AccountQueues].Account)
	require.Empty(t, found[WorkerVersions].Account)
}

func TestTemporalThatIsNotReachedBreaksWhatFollows(t *testing.T) {
	for err, says := range map[error]string{
		errors.New("no Temporal server responds at 127.0.0.1:1 (failed): start one, or set TEMPORAL_ADDRESS"): "(failed). start one, or set TEMPORAL_ADDRESS",
		errors.New("the TEMPORAL_ variables are wrong"):                                                       "wrong. correct the TEMPORAL_ variables",
	} {
		checked := &temporal{connect: func(context.Context) (*temporalclient.Connection, error) { return nil, err }}
		checked.check(t.Context())
		requireFinding(t, TemporalServer, checked.findings[0], Broken, says)
		for _, one := range checked.findings[1:] {
			require.Equal(t, Skipped, one.Verdict, one.Name)
		}
	}
}

func TestNamespaceHasToBeThere(t *testing.T) {
	f := healthy(nil)
	f.namespace, f.namespaceErr = nil, serviceerror.NewNamespaceNotFound("recordings")
	found := checkTemporal(t, f)
	requireFinding(t, TemporalNamespace, found[TemporalNamespace], Broken, "does not exist", "namespace create --namespace recordings --retention 720h")
	require.Equal(t, Skipped, found[SharedQueues].Verdict)

	f.namespaceErr = serviceerror.NewUnavailable("down")
	requireFinding(t, TemporalNamespace, checkTemporal(t, f)[TemporalNamespace], Broken, "could not be described: down")

	for _, state := range []enumspb.NamespaceState{enumspb.NAMESPACE_STATE_DELETED, enumspb.NAMESPACE_STATE_DEPRECATED} {
		f = healthy(nil)
		f.namespace.NamespaceInfo.State = state
		requireFinding(t, TemporalNamespace, checkTemporal(t, f)[TemporalNamespace], Broken, "de") // Deleted, deprecated.
	}

	f = healthy(nil, poller("1@a", "", time.Now()))
	f.namespace, f.namespaceErr = nil, serviceerror.NewPermissionDenied("no", "")
	found = checkTemporal(t, f)
	requireFinding(t, TemporalNamespace, found[TemporalNamespace], OK, "may not be described")
	requireFinding(t, TemporalRetention, found[TemporalRetention], Skipped, "could not be found out", "720h is recommended")
	requireFinding(t, SharedQueues, found[SharedQueues], OK)
}

func TestRetentionLeavesTimeToCount(t *testing.T) {
	requireFinding(t, TemporalRetention, judgeRetention(namespaceOf(23*time.Hour)), Warning, "for 23h", "missing in a batch's counts", "namespace update --namespace recordings --retention 720h")
	requireFinding(t, TemporalRetention, judgeRetention(namespaceOf(24*time.Hour)), OK, "for 24h; 720h is recommended")
	requireFinding(t, TemporalRetention, judgeRetention(namespaceOf(720*time.Hour)), OK, "for 720h")
	requireFinding(t, TemporalRetention, judgeRetention(namespaceOf(0)), OK, "for good")
}

func TestSearchAttributesHaveToBeThereWithTheirTypes(t *testing.T) {
	f := healthy(nil, poller("1@a", "", time.Now()))
	f.attributes = maps.Clone(f.attributes)
	delete(f.attributes, "CallvaultPurgeAt")
	requireFinding(t, TemporalAttribute, checkTemporal(t, f)[TemporalAttribute], Broken, "missing: CallvaultPurgeAt", "starter setup", "--name CallvaultPurgeAt --type Datetime")
	f.attributes["CallvaultBot"] = enumspb.INDEXED_VALUE_TYPE_TEXT
	requireFinding(t, TemporalAttribute, checkTemporal(t, f)[TemporalAttribute], Broken, "CallvaultBot is of type Text, not Keyword", "search-attribute remove --namespace recordings --name CallvaultBot")
	f.attributesErr = serviceerror.NewUnavailable("down")
	requireFinding(t, TemporalAttribute, checkTemporal(t, f)[TemporalAttribute], Broken, "down")
}

// Temporal Cloud does not list search attributes; a query shows whether they are registered.
func TestSearchAttributesThatMayNotBeListedAreQueried(t *testing.T) {
	for name, row := range map[string]struct {
		err     error
		verdict Verdict
		says    string
	}{
		"known":   {nil, OK, "a query may name all 7"},
		"unknown": {serviceerror.NewInvalidArgument("invalid query: CallvaultBot"), Broken, "one or several are missing"},
		"denied":  {serviceerror.NewPermissionDenied("no", ""), Skipped, "could not be found out"},
	} {
		t.Run(name, func(t *testing.T) {
			f := healthy(nil, poller("1@a", "", time.Now()))
			f.attributesErr, f.countErr = serviceerror.NewUnimplemented("no"), row.err
			requireFinding(t, TemporalAttribute, checkTemporal(t, f)[TemporalAttribute], row.verdict, row.says)
		})
	}
}

func TestQueueWithoutAWorkerIsBroken(t *testing.T) {
	acme := newVendor(t, nil, nil).account
	f := healthy([]*account.Account{acme})
	found := checkTemporal(t, f, acme)
	requireFinding(t, SharedQueues, found[SharedQueues], Broken, "no worker runs in this namespace", "start one: ")
	requireFinding(t, AccountQueues, found[AccountQueues], Broken, "no worker serves the account", "start one with this configuration")
	require.Equal(t, Skipped, found[WorkerVersions].Verdict)

	f = healthy([]*account.Account{acme}, poller("1@a", "", time.Now()))
	delete(f.pollers, "callvault-check/acme")
	delete(f.pollers, "callvault-budget")
	found = checkTemporal(t, f, acme)
	requireFinding(t, SharedQueues, found[SharedQueues], Broken, "no worker polls callvault-budget, of 4 task queues")
	requireFinding(t, AccountQueues, found[AccountQueues], Broken, "no worker polls callvault-check/acme, of 25 task queues", "restart them with this one")

	f.heartbeats = []string{"callvault-check/acme", "callvault-budget"}
	found = checkTemporal(t, f, acme)
	requireFinding(t, SharedQueues, found[SharedQueues], OK) // A worker whose slots are all in use does not poll.
	requireFinding(t, AccountQueues, found[AccountQueues], OK)

	f.heartbeat = time.Now().Add(-4 * time.Minute) // of one that was killed
	found = checkTemporal(t, f, acme)
	requireFinding(t, SharedQueues, found[SharedQueues], Broken, "no worker polls callvault-budget")
}

func TestWorkerThatHasStoppedPollingIsAWarning(t *testing.T) {
	acme := newVendor(t, nil, nil).account
	found := checkTemporal(t, healthy([]*account.Account{acme}, poller("1@a", "", time.Now().Add(-3*time.Minute))), acme)
	for _, name := range []Name{SharedQueues, AccountQueues} {
		requireFinding(t, name, found[name], Warning, "the last poll of a worker was 3m0s ago", "look at the worker's log")
	}
}

func TestPollersThatAreNotToldProveNothing(t *testing.T) {
	acme := newVendor(t, nil, nil).account
	f := healthy([]*account.Account{acme})
	f.queueErr = serviceerror.NewPermissionDenied("no", "")
	found := checkTemporal(t, f, acme)
	for _, name := range []Name{SharedQueues, AccountQueues} {
		requireFinding(t, name, found[name], Skipped, "the server does not say who polls the task queues: no", "run this again in a minute")
	}
}

func TestVersionsOfWorkers(t *testing.T) {
	now := time.Now()
	for name, row := range map[string]struct {
		workers    []*taskqueuepb.PollerInfo
		current    string
		currentErr error
		verdict    Verdict
		says       []string
	}{
		"the current one":    {[]*taskqueuepb.PollerInfo{poller("1@a", "v1", now), poller("1@b", "v1", now)}, "v1", nil, OK, []string{"2 workers callvault v1 (1@a, 1@b)"}},
		"two":                {[]*taskqueuepb.PollerInfo{poller("1@a", "v1", now), poller("1@b", "v2", now)}, "v1", nil, Warning, []string{"1 worker callvault v1 (1@a), 1 worker callvault v2 (1@b)", "several versions"}},
		"with and without":   {[]*taskqueuepb.PollerInfo{poller("1@a", "v1", now), poller("1@b", "", now)}, "v1", nil, Warning, []string{"1 worker without a version (1@b)"}},
		"none is current":    {[]*taskqueuepb.PollerInfo{poller("1@a", "v1", now)}, "", nil, Broken, []string{"no version of the deployment callvault is current", "set-current-version --deployment-name callvault --build-id v1"}},
		"another is current": {[]*taskqueuepb.PollerInfo{poller("1@a", "v1", now)}, "v0", nil, Broken, []string{"the current version of callvault is v0, and no worker has it", "start workers of v0"}},
		"which is not told":  {[]*taskqueuepb.PollerInfo{poller("1@a", "v1", now)}, "", serviceerror.NewPermissionDenied("no", ""), Skipped, []string{"does not say which version of callvault is current"}},
	} {
		t.Run(name, func(t *testing.T) {
			f := healthy(nil, row.workers...)
			f.current, f.currentErr = row.current, row.currentErr
			requireFinding(t, WorkerVersions, checkTemporal(t, f)[WorkerVersions], row.verdict, row.says...)
		})
	}
	f := healthy(nil)
	for _, queue := range taskqueues.Shared() {
		f.heartbeats = append(f.heartbeats, queue.Name)
	}
	requireFinding(t, WorkerVersions, checkTemporal(t, f)[WorkerVersions], Skipped, "no worker polls just now")
}

func TestNamesAreInTheOrderOfTheFindings(t *testing.T) {
	acme := newVendor(t, nil, nil).account
	checked := &temporal{accounts: []*account.Account{acme}, connect: func(context.Context) (*temporalclient.Connection, error) { return nil, fmt.Errorf("none") }}
	checked.check(t.Context())
	var order []Name
	for _, one := range append(checked.findings, checkAccount(t.Context(), acme, new(sync.Mutex))...) {
		order = append(order, one.Name)
	}
	require.Equal(t, slices.DeleteFunc(slices.Clone(Names), func(n Name) bool { return n == Configuration || n == UpstreamCall }), order)
}
