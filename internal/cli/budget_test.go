package cli_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	querypb "go.temporal.io/api/query/v1"
	"go.temporal.io/api/serviceerror"
	updatepb "go.temporal.io/api/update/v1"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"

	"github.com/callvault/callvault/internal/program"
	"github.com/callvault/callvault/workflows"
)

const (
	budgetsQuery = "WorkflowType = 'CallBudgetWorkflow' AND ExecutionStatus = 'Running'"
	prefix       = "call-budget/"
)

// budgetServer is a Temporal server on which call budgets run.
type budgetServer struct {
	workflowservice.UnimplementedWorkflowServiceServer

	running  []string // names, a page of two each unless page says otherwise
	page     int
	listErr  error
	queryErr error
	closed   string // a budget that was terminated
	silent   chan struct{}
	hangs    func() // called for updates of "st-hangs", before a response
	reject   error  // the answer to updates
	garbled  bool   // whether states cannot be read

	asked, listed atomic.Int32
	query         atomic.Pointer[string]
	update        atomic.Pointer[workflowservice.UpdateWorkflowExecutionRequest]

	mu      sync.Mutex
	updated []string // who got an update, in order
}

func (s *budgetServer) status(name string) workflows.BudgetStatus {
	return workflows.BudgetStatus{
		Budget: name, State: workflows.BudgetOpen, AsOf: time.Date(2026, 3, 5, 13, 0, 0, 0, time.UTC),
		Windows: []workflows.BudgetWindow{{Limit: workflows.CallWindow{Calls: 60, Span: time.Minute}, Used: 12}},
	}
}

func (s *budgetServer) payload(name string) *commonpb.Payloads {
	var status any = s.status(name)
	if s.garbled {
		status = "garbled"
	}
	payloads, err := converter.GetDefaultDataConverter().ToPayloads(status)
	if err != nil {
		panic(err)
	}
	return payloads
}

func (s *budgetServer) DescribeNamespace(context.Context, *workflowservice.DescribeNamespaceRequest) (*workflowservice.DescribeNamespaceResponse, error) {
	return &workflowservice.DescribeNamespaceResponse{}, nil
}

func (s *budgetServer) ListWorkflowExecutions(_ context.Context, request *workflowservice.ListWorkflowExecutionsRequest) (*workflowservice.ListWorkflowExecutionsResponse, error) {
	s.listed.Add(1)
	s.query.Store(new(request.GetQuery()))
	if s.listErr != nil {
		return nil, serviceerror.ToStatus(s.listErr).Err()
	}
	from, _ := strconv.Atoi(string(request.GetNextPageToken())) // 0 for the first page
	to := min(from+max(2, s.page), len(s.running))
	var response workflowservice.ListWorkflowExecutionsResponse
	for _, name := range s.running[from:to] {
		response.Executions = append(response.Executions, &workflowpb.WorkflowExecutionInfo{Execution: &commonpb.WorkflowExecution{WorkflowId: prefix + name}})
	}
	if to < len(s.running) {
		response.NextPageToken = []byte(strconv.Itoa(to))
	}
	return &response, nil
}

func (s *budgetServer) runs(workflowID string) bool {
	for _, name := range s.running {
		if workflowID == prefix+name {
			return true
		}
	}
	return false
}

func missing() error {
	return serviceerror.ToStatus(serviceerror.NewNotFound("workflow not found")).Err()
}

func (s *budgetServer) QueryWorkflow(_ context.Context, request *workflowservice.QueryWorkflowRequest) (*workflowservice.QueryWorkflowResponse, error) {
	s.asked.Add(1)
	id := request.GetExecution().GetWorkflowId()
	switch {
	case s.silent != nil:
		<-s.silent
		return nil, missing()
	case s.queryErr != nil:
		return nil, serviceerror.ToStatus(s.queryErr).Err()
	case id == prefix+s.closed && request.GetQueryRejectCondition() == enumspb.QUERY_REJECT_CONDITION_NOT_OPEN:
		return &workflowservice.QueryWorkflowResponse{QueryRejected: &querypb.QueryRejected{Status: enumspb.WORKFLOW_EXECUTION_STATUS_TERMINATED}}, nil
	case id != prefix+s.closed && !s.runs(id), request.GetQuery().GetQueryType() != "budget":
		return nil, missing()
	}
	return &workflowservice.QueryWorkflowResponse{QueryResult: s.payload(strings.TrimPrefix(id, prefix))}, nil
}

func (s *budgetServer) UpdateWorkflowExecution(_ context.Context, request *workflowservice.UpdateWorkflowExecutionRequest) (*workflowservice.UpdateWorkflowExecutionResponse, error) {
	id := request.GetWorkflowExecution().GetWorkflowId()
	s.update.Store(request)
	s.mu.Lock()
	s.updated = append(s.updated, strings.TrimPrefix(id, prefix))
	s.mu.Unlock()
	switch {
	case id == prefix+"st-hangs":
		s.hangs()
		return nil, missing()
	case s.silent != nil:
		<-s.silent
		return nil, missing()
	case !s.runs(id):
		return nil, missing()
	}
	response := &workflowservice.UpdateWorkflowExecutionResponse{
		UpdateRef: &updatepb.UpdateRef{WorkflowExecution: request.GetWorkflowExecution(), UpdateId: request.GetRequest().GetMeta().GetUpdateId()},
		Stage:     enumspb.UPDATE_WORKFLOW_EXECUTION_LIFECYCLE_STAGE_COMPLETED,
		Outcome:   &updatepb.Outcome{Value: &updatepb.Outcome_Success{Success: s.payload(strings.TrimPrefix(id, prefix))}},
	}
	if s.reject != nil {
		failure := temporal.GetDefaultFailureConverter().ErrorToFailure(s.reject)
		response.Outcome = &updatepb.Outcome{Value: &updatepb.Outcome_Failure{Failure: failure}}
	}
	return response, nil
}

// shown is what people see of a budget of budgetServer.
func shown(name string) string {
	return name + `: open
  window  used  limit  learned
  1m      12    60     -
  waiting: none (may be some minutes old)
  slots handed out: 0; calls refused by rate: 0
  as of 2026-03-05T13:00:00Z, the last slot or change: calls that have left a window since then still count as used
`
}

func TestBudgetsThatRunAreShownInOrder(t *testing.T) {
	server := &budgetServer{running: []string{"st-2", "acme", "st-1", "st-1", "st-1/other"}}
	listen(t, server)
	got := run(t.Context(), "budget", "show")
	require.Equal(t, outcome{program.ExitDone, shown("acme") + "\n" + shown("st-1") + "\n" + shown("st-2"), ""}, got)
	require.Equal(t, budgetsQuery, *server.query.Load())
}

func TestNamedBudgetIsShownWithoutAskingForTheOthers(t *testing.T) {
	server := &budgetServer{running: []string{"st-1", "st-2"}}
	listen(t, server)
	require.Equal(t, outcome{program.ExitDone, shown("st-2"), ""}, run(t.Context(), "budget", "show", "st-2"))
	require.Zero(t, server.listed.Load())
}

func TestBudgetsAsJSONAreAlwaysAList(t *testing.T) {
	server := &budgetServer{}
	listen(t, server)
	require.Equal(t, outcome{program.ExitDone, "[]\n", ""}, run(t.Context(), "budget", "show", "--output", "json"))

	server.running = []string{"st-1"}
	for _, args := range [][]string{{}, {"st-1"}} {
		got := run(t.Context(), append([]string{"budget", "show", "--output", "json"}, args...)...)
		require.Equal(t, program.ExitDone, got.code, got.stderr)
		var statuses []workflows.BudgetStatus
		require.NoError(t, json.Unmarshal([]byte(got.stdout), &statuses))
		require.Equal(t, []workflows.BudgetStatus{server.status("st-1")}, statuses)
	}
}

func TestWithoutABudgetShowSaysWhenOneBegins(t *testing.T) {
	listen(t, &budgetServer{})
	require.Equal(t, outcome{program.ExitDone, "no budget is running in namespace \"default\": one begins with the first fetch that needs a call\n", ""},
		run(t.Context(), "budget", "show"))
}

func TestTooManyBudgetsAreCutWithANote(t *testing.T) {
	for count, cut := range map[int]bool{100: false, 101: true, 103: true} {
		server := &budgetServer{}
		for i := range count {
			server.running = append(server.running, fmt.Sprintf("st-%03d", i))
		}
		listen(t, server)
		got := run(t.Context(), "budget", "show")
		require.Equal(t, program.ExitDone, got.code, got.stderr)
		require.Equal(t, 100, strings.Count(got.stdout, ": open\n"))
		note := ""
		if cut {
			note = "More than 100 budgets are running: only 100 are shown. To see another one, name it.\n"
		}
		require.Equal(t, note, got.stderr, count)
	}
}

func TestBudgetThatIsNotRunningIsAFailureThatNamesThoseThatAre(t *testing.T) {
	many := make([]string, 12)
	for i := range many {
		many[i] = fmt.Sprintf("st-%02d", i)
	}
	for name, row := range map[string]struct {
		server  *budgetServer
		running string
	}{
		"others run":           {&budgetServer{running: []string{"st-3", "acme"}}, "running: acme, st-3"},
		"many others run":      {&budgetServer{running: many}, "running: st-00, st-01, st-02, st-03, st-04, st-05, st-06, st-07, st-08, st-09 and 2 more"},
		"none runs":            {&budgetServer{}, "none is running"},
		"it was terminated":    {&budgetServer{closed: "st-9"}, "none is running"},
		"they cannot be known": {&budgetServer{listErr: serviceerror.NewPermissionDenied("not yours", "")}, "list the running budgets: not yours"},
	} {
		for _, args := range [][]string{{"show", "st-9"}, {"pause", "st-9", "--reason", "r"}, {"resume", "st-9", "--reason", "r"}, {"set", "st-9", "--default", "--reason", "r"}} {
			t.Run(name+"/"+args[0], func(t *testing.T) {
				listen(t, row.server)
				got := run(t.Context(), append([]string{"budget"}, args...)...)
				require.Equal(t, program.ExitFailed, got.code)
				require.Empty(t, got.stdout)
				require.Contains(t, got.stderr, `: budget "st-9" is not running in namespace "default": no fetch has asked it for a call yet, or since it was terminated, or the name is wrong (`+row.running+")\n")
			})
		}
	}
}

func TestBudgetsThatRunAreShownBesideOneThatDoesNot(t *testing.T) {
	listen(t, &budgetServer{running: []string{"st-1", "st-2"}})
	got := run(t.Context(), "budget", "show", "st-1", "st-9", "st-2")
	require.Equal(t, program.ExitFailed, got.code)
	require.Equal(t, shown("st-1")+"\n"+shown("st-2"), got.stdout)
	require.Contains(t, got.stderr, `budget "st-9" is not running`)
}

func TestWithoutAWorkerOneBudgetIsAskedOnly(t *testing.T) {
	server := &budgetServer{running: []string{"st-1", "st-2"}, queryErr: serviceerror.NewFailedPrecondition("no poller seen for task queue recently")}
	listen(t, server)
	got := run(t.Context(), "budget", "show")
	require.Equal(t, program.ExitFailed, got.code)
	require.Contains(t, got.stderr, `budget "st-1": no worker responds: start one with "`+program.Command("worker")+`"`)
	require.NotContains(t, got.stderr, "st-2")
	require.EqualValues(t, 1, server.asked.Load())
}

func TestBudgetThatCannotContinueHidesNoOther(t *testing.T) {
	server := &budgetServer{running: []string{"st-1", "st-2"}, queryErr: serviceerror.NewWorkflowNotReady("workflow task is failing")}
	listen(t, server)
	got := run(t.Context(), "budget", "show")
	require.Equal(t, program.ExitFailed, got.code)
	require.Contains(t, got.stderr, `budget "st-1" cannot continue: see its last workflow task in the Web UI`)
	require.Contains(t, got.stderr, `budget "st-2" cannot continue`)
}

func TestStateOfAnotherVersionIsAFailureThatSaysSo(t *testing.T) {
	listen(t, &budgetServer{running: []string{"st-1"}, garbled: true})
	got := run(t.Context(), "budget", "show", "st-1")
	require.Equal(t, program.ExitFailed, got.code)
	require.Empty(t, got.stdout)
	require.Contains(t, got.stderr, `budget "st-1": its state cannot be read, perhaps because it is that of another version: `)

	got = run(t.Context(), "budget", "pause", "st-1", "--reason", "r")
	require.Equal(t, program.ExitFailed, got.code)
	require.Empty(t, got.stdout)
	require.Contains(t, got.stderr, "; to see whether the change was made: "+program.Command("starter")+" budget show st-1\n")
}

func TestChangesReachTheBudgetAndItsStateComesBack(t *testing.T) {
	for _, row := range []struct {
		args   []string
		update string
		input  string
	}{
		{[]string{"pause", "st-1", "--reason", "the vendor asked"}, "pause", `{"reason":"the vendor asked"}`},
		{[]string{"resume", "st-1", "--reason", "go on"}, "resume", `{"reason":"go on"}`},
		{[]string{"set", "st-1", "--window", "30/1m", "--window=900/1h", "--reason", "trial"}, "setLimits", `{"windows":["30/1m","900/1h"],"reason":"trial"}`},
		{[]string{"set", "st-1", "--default", "--reason", "over"}, "setLimits", `{"reason":"over"}`},
		{[]string{"pause", "--all", "--reason", "r"}, "pause", `{"reason":"r"}`},
		{[]string{"resume", "--all", "--reason", "r"}, "resume", `{"reason":"r"}`},
		{[]string{"set", "--all", "--default", "--reason", "r"}, "setLimits", `{"reason":"r"}`},
	} {
		server := &budgetServer{running: []string{"st-1"}}
		listen(t, server)
		got := run(t.Context(), append([]string{"budget"}, row.args...)...)
		require.Equal(t, outcome{program.ExitDone, shown("st-1"), ""}, got)
		sent := server.update.Load()
		require.Equal(t, prefix+"st-1", sent.GetWorkflowExecution().GetWorkflowId())
		require.Empty(t, sent.GetWorkflowExecution().GetRunId(), "whichever run it is in")
		require.Equal(t, row.update, sent.GetRequest().GetInput().GetName())
		require.Equal(t, row.input, string(sent.GetRequest().GetInput().GetArgs().GetPayloads()[0].GetData()))

		got = run(t.Context(), append(append([]string{"budget"}, row.args...), "--output=json")...)
		var statuses []workflows.BudgetStatus
		require.NoError(t, json.Unmarshal([]byte(got.stdout), &statuses), got.stderr)
		require.Equal(t, []workflows.BudgetStatus{server.status("st-1")}, statuses)
	}
}

func TestRejectedChangeIsAFailureWithItsMessage(t *testing.T) {
	listen(t, &budgetServer{running: []string{"st-1"}, reject: temporal.NewApplicationError("reason is odd", "")})
	got := run(t.Context(), "budget", "pause", "st-1", "--reason", "r")
	require.Equal(t, program.ExitFailed, got.code)
	require.Empty(t, got.stdout)
	require.Contains(t, got.stderr, `budget "st-1" rejects the change: reason is odd`+"\n")
}

func TestWrongUsageOfABudgetIsRefusedBeforeTheCall(t *testing.T) {
	noTemporal(t) // none of these connects
	for name, row := range map[string]struct {
		args []string
		says []string
	}{
		"no command":             {nil, []string{"no command", "show", "pause", "resume", "set"}},
		"unknown command":        {[]string{"stop"}, []string{`unknown command "stop"`, "starter budget --help"}},
		"show of a workflow id":  {[]string{"show", prefix + "st-1"}, []string{`"call-budget/st-1" is not the name of a budget`, "stream id", "account's name"}},
		"show of several":        {[]string{"show", "st-1", "a b", ""}, []string{`"a b" is not`, `"" is not`}},
		"show as YAML":           {[]string{"show", "--output", "yaml"}, []string{"want text or json"}},
		"pause of nothing":       {[]string{"pause", "--reason", "r"}, []string{"no budget is named", "--all", "starter budget pause --help"}},
		"pause of no name":       {[]string{"pause", "", "--reason", "r"}, []string{`"" is not the name of a budget`}},
		"names and all":          {[]string{"resume", "st-1", "a b", "--all", "--reason", "r"}, []string{"NAME and --all exclude each other", `"a b" is not`}},
		"several faults":         {[]string{"pause", "st-1", "a b", "c d"}, []string{`"a b" is not`, `"c d" is not`, "reason is empty"}},
		"several faults of set":  {[]string{"set", "a b", "c d", "--window", "60", "--reason", "r"}, []string{`"a b" is not`, `"c d" is not`, `--window: "60" is not`}},
		"pause without a reason": {[]string{"pause", "st-1"}, []string{"reason is empty"}},
		"a long reason":          {[]string{"resume", "st-1", "--reason", strings.Repeat("r", 201)}, []string{"reason has 201 bytes, more than 200"}},
		"a reason of two lines":  {[]string{"pause", "st-1", "--reason", "a\nb"}, []string{"control characters"}},
		"pause of a long name":   {[]string{"pause", strings.Repeat("s", 77), "--reason", "r"}, []string{"is not the name of a budget"}},
		"set of nothing":         {[]string{"set", "st-1", "--reason", "r"}, []string{"no limits are given", "--window 60/1m", "--default"}},
		"set of both":            {[]string{"set", "st-1", "--default", "--window", "60/1m", "--reason", "r"}, []string{"--window and --default exclude each other"}},
		"set without a reason":   {[]string{"set", "st-1", "--default"}, []string{"reason is empty"}},
		"windows without time":   {[]string{"set", "st-1", "--window", "60", "--window", "x/1m", "--reason", "r"}, []string{`--window: "60" is not a call window`, `--window: "x/1m" is not`}},
		"a window of no calls":   {[]string{"set", "st-1", "--window", "0/1m", "--reason", "r"}, []string{"0/1m is out of bounds"}},
		"two of one span":        {[]string{"set", "st-1", "--window", "60/1m", "--window", "30/60s", "--reason", "r"}, []string{"two windows have the span 1m0s"}},
		"five windows": {[]string{"set", "st-1", "--window", "1/1m", "--window", "2/2m", "--window", "3/3m", "--window", "4/4m", "--window", "5/5m", "--reason", "r"},
			[]string{"a call budget has 1 to 4 call windows, not 5"}},
	} {
		t.Run(name, func(t *testing.T) {
			got := run(t.Context(), append([]string{"budget"}, row.args...)...)
			require.Equal(t, program.ExitUsage, got.code, got.stderr)
			require.Empty(t, got.stdout)
			for _, says := range row.says {
				require.Contains(t, got.stderr, says)
			}
		})
	}
}

func TestHelpOfABudgetsCommandsNamesTheTemporalCommandAndTheExitCodes(t *testing.T) {
	for command, line := range map[string]string{
		"show":   `temporal workflow query --workflow-id call-budget/NAME --type budget`,
		"pause":  `temporal workflow update execute --workflow-id call-budget/NAME --name pause --input '{"reason": "the vendor asked for it"}'`,
		"resume": `temporal workflow update execute --workflow-id call-budget/NAME --name resume --input '{"reason": "the vendor is ready again"}'`,
		"set":    `temporal workflow update execute --workflow-id call-budget/NAME --name setLimits --input '{"windows": ["60/1m", "1800/1h"], "reason": "a higher quota"}'`,
	} {
		help := run(t.Context(), "budget", command, "--help").stdout
		require.Contains(t, help, "\n  "+line+"\n")
		require.Contains(t, help, "Exit code: 0")
		for at := range strings.Lines(strings.ReplaceAll(help, line, "")) {
			require.LessOrEqual(t, len(at), 140, at)
		}
	}
	require.Contains(t, run(t.Context(), "budget", "show", "--help").stdout, `temporal workflow list --query "`+budgetsQuery+`"`)
}

func TestInterruptionEndsABudgetsRequestAtOnce(t *testing.T) {
	for _, args := range [][]string{{"show", "st-1"}, {"pause", "st-1", "--reason", "r"}} {
		t.Run(args[0], func(t *testing.T) {
			server := &budgetServer{running: []string{"st-1"}, silent: make(chan struct{})}
			listen(t, server)
			defer close(server.silent)
			ctx, interrupt := context.WithCancel(t.Context())
			defer interrupt()
			done := make(chan outcome, 1)
			go func() { done <- run(ctx, append([]string{"budget"}, args...)...) }()
			require.Eventually(t, func() bool { return server.asked.Load() > 0 || server.update.Load() != nil }, 20*time.Second, time.Millisecond)
			interrupt()
			got := <-done
			require.Equal(t, program.ExitInterrupted, got.code, got.stderr)
			require.Empty(t, got.stdout)
			if args[0] == "show" {
				require.Empty(t, got.stderr)
			} else {
				require.Equal(t, "\nThe change may be made all the same. To see whether it was:\n  "+program.Command("starter")+" budget show st-1\n", got.stderr)
			}
		})
	}
}
