package slots_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/stretchr/testify/require"
	taskqueuepb "go.temporal.io/api/taskqueue/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/callvault/callvault/internal/account"
	"github.com/callvault/callvault/internal/archive"
	"github.com/callvault/callvault/internal/failure"
	"github.com/callvault/callvault/internal/secret"
	"github.com/callvault/callvault/internal/slots"
	"github.com/callvault/callvault/internal/smartassist"
	"github.com/callvault/callvault/workflows"
	"github.com/callvault/callvault/workflows/callbudget"
)

const (
	botA = "st-a"
	botB = "st-b"
)

// server stands for the Temporal server and the budget's workflow on it: it passes each
// ask on to the test, which answers it.
type server struct {
	client.Client
	asks chan ask

	mu        sync.Mutex
	lanes     func(callbudget.LaneRequest) ([]callbudget.Lane, error)
	laneAsks  int
	rejects   error // by which an ask that takes a slot is rejected; nil if it is accepted
	signals   []any
	signalled []string                               // the workflows that got them
	waiting   map[string]*taskqueuepb.TaskQueueStats // by queue
}

type ask struct {
	callbudget.Ask
	workflowID string
	answer     chan<- any // a callbudget.Answer, or an error with which it fails
}

func newServer() *server {
	return &server{asks: make(chan ask), waiting: make(map[string]*taskqueuepb.TaskQueueStats)}
}

func (s *server) UpdateWorkflow(ctx context.Context, options client.UpdateWorkflowOptions) (client.WorkflowUpdateHandle, error) {
	if request, ok := options.Args[0].(callbudget.LaneRequest); ok {
		return s.assignLane(request)
	}
	answer := make(chan any, 1)
	s.mu.Lock()
	rejected := s.rejects
	s.mu.Unlock()
	select {
	case s.asks <- ask{options.Args[0].(callbudget.Ask), options.WorkflowID, answer}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if options.WaitForStage == client.WorkflowUpdateStageAccepted {
		return handle{answers: answer, rejected: rejected}, nil
	}
	select {
	case got := <-answer:
		if err, failed := got.(error); failed {
			return nil, err
		}
		answer <- got
		return handle{answers: answer}, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (s *server) assignLane(request callbudget.LaneRequest) (client.WorkflowUpdateHandle, error) {
	s.mu.Lock()
	s.laneAsks++
	s.mu.Unlock()
	lanes, err := s.lanes(request)
	return laneHandle{lanes: lanes}, err
}

// laneHandle is a request for a lane that was answered.
type laneHandle struct {
	client.WorkflowUpdateHandle
	lanes []callbudget.Lane
}

func (h laneHandle) Get(_ context.Context, into any) error {
	if lanes, ok := into.(*[]callbudget.Lane); ok {
		*lanes = h.lanes
	}
	return nil
}

func (s *server) rejectWith(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rejects = err
}

func (s *server) SignalWorkflow(_ context.Context, workflowID, _, _ string, signal any) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.signalled = append(s.signalled, workflowID)
	s.signals = append(s.signals, signal)
	return nil
}

func (s *server) WorkflowService() workflowservice.WorkflowServiceClient {
	return service{server: s}
}

// service is the part of the server that knows task queues.
type service struct {
	workflowservice.WorkflowServiceClient
	server *server
}

func (s service) DescribeTaskQueue(_ context.Context, request *workflowservice.DescribeTaskQueueRequest, _ ...grpc.CallOption) (*workflowservice.DescribeTaskQueueResponse, error) {
	s.server.mu.Lock()
	defer s.server.mu.Unlock()
	return &workflowservice.DescribeTaskQueueResponse{Stats: s.server.waiting[request.GetTaskQueue().GetName()]}, nil
}

func (s *server) setWaiting(queue string, count int64, age time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waiting[queue] = &taskqueuepb.TaskQueueStats{ApproximateBacklogCount: count, ApproximateBacklogAge: durationpb.New(age)}
}

// reported returns the results of the calls that were reported.
func (s *server) reported() []callbudget.CallResult {
	s.mu.Lock()
	defer s.mu.Unlock()
	var results []callbudget.CallResult
	for _, signal := range s.signals {
		if report, ok := signal.(callbudget.CallReport); ok {
			results = append(results, report.Result)
		}
	}
	return results
}

// next waits for the next ask.
func (s *server) next(t *testing.T) ask {
	t.Helper()
	select {
	case got := <-s.asks:
		return got
	case <-t.Context().Done():
	case <-time.After(time.Minute): // a backstop
	}
	require.FailNow(t, "nothing was asked for")
	return ask{}
}

// handle is an update that was accepted or rejected. Like that of the SDK it needs no
// connection, and so no time, to tell that it was rejected.
type handle struct {
	client.WorkflowUpdateHandle
	answers  <-chan any
	rejected error
}

func (h handle) Get(ctx context.Context, into any) error {
	if h.rejected != nil || ctx.Err() != nil {
		return errors.Join(h.rejected, ctx.Err())
	}
	select {
	case got := <-h.answers:
		*into.(*callbudget.Answer) = got.(callbudget.Answer)
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func openAccount(t *testing.T, scope account.Scope) *account.Account {
	t.Helper()
	opened, err := account.Open(account.Settings{
		Name: "acme", API: &url.URL{Scheme: "https", Host: "not-called.example.com"}, BotIDs: []string{botA, botB},
		Credentials: smartassist.Credentials{ClientID: "cs-1", Key: secret.Value("secret")},
		Budget:      account.Budget{Scope: scope, Windows: []workflows.CallWindow{{Calls: 60, Span: time.Minute}}},
		Archive: archive.Config{
			Endpoint: &url.URL{Scheme: "https", Host: "s3.example.com"}, Bucket: "recordings", Region: "us-east-1",
			Credentials: credentials.NewStaticV4("key", "secret", ""), Transport: noStore{},
		},
	})
	require.NoError(t, err)
	return opened
}

// noStore stands for a store that does not respond.
type noStore struct{}

func (noStore) RoundTrip(*http.Request) (*http.Response, error) {
	return nil, errors.New("connection refused")
}

// taken is what came of a call that waits for a slot.
type taken struct {
	slot *callbudget.Slot
	in   time.Duration
	err  error
}

// harness is a client of one process and its server.
type harness struct {
	*server
	client  *slots.Client
	account *account.Account
}

func newHarness(t *testing.T, hold time.Duration, scope account.Scope) *harness {
	t.Helper()
	s := newServer()
	return &harness{s, slots.New(slots.Options{Temporal: s, Namespace: "default", Logger: slog.New(slog.DiscardHandler), Hold: hold}), openAccount(t, scope)}
}

// take lets a call wait for a slot.
func (h *harness) take(t *testing.T, want callbudget.Want) <-chan taken {
	t.Helper()
	done := make(chan taken, 1)
	go func() {
		slot, in, err := h.client.Take(t.Context(), h.account, want)
		done <- taken{slot, in, err}
	}()
	return done
}

// give answers an ask with a slot, and returns the ask that takes it.
func (h *harness) give(t *testing.T, got ask, slot *callbudget.Slot, to callbudget.Want) ask {
	t.Helper()
	got.answer <- callbudget.Answer{Slot: slot, Want: to, In: time.Until(slot.At)}
	taking := h.next(t)
	require.Equal(t, slot.At, taking.Took)
	require.True(t, taking.Takes)
	return taking
}

func slotAt(at time.Time) *callbudget.Slot {
	return &callbudget.Slot{Budget: botA, At: at, Within: time.Minute}
}

func want(botID string, level int) callbudget.Want {
	return callbudget.Want{BotID: botID, Level: level}
}

func TestCallGetsTheSlotThatTheBudgetAnswersWith(t *testing.T) {
	h := newHarness(t, time.Minute, account.PerBot)
	done := h.take(t, want(botA, 4))
	got := h.next(t)
	require.Equal(t, "call-budget/"+botA, got.workflowID)
	require.Equal(t, []callbudget.Want{want(botA, 4)}, got.Wants)
	require.Equal(t, h.account.Budget.Windows, got.Configured)
	require.NotEmpty(t, got.Worker)
	require.Positive(t, got.Patience)

	slot := slotAt(time.Now().Add(3 * time.Second))
	require.Zero(t, got.Took)
	taking := h.give(t, got, slot, want(botA, 4))
	require.Empty(t, taking.Wants, "no other call waits")
	result := <-done
	require.NoError(t, result.err)
	require.Equal(t, slot, result.slot)
	require.InDelta(t, 3*time.Second, result.in, float64(2*time.Second))
}

func TestBotsOfAnAccountMayShareABudget(t *testing.T) {
	h := newHarness(t, time.Minute, account.PerAccount)
	h.take(t, want(botA, 4))
	require.Equal(t, "call-budget/acme", h.next(t).workflowID)
}

// However many calls wait in the process, one ask names them all, and takes the slot of
// the one before.
func TestProcessAsksOnceForAllItsCalls(t *testing.T) {
	h := newHarness(t, time.Minute, account.PerAccount)
	first := h.take(t, want(botA, 8))
	got := h.next(t)
	second, third := h.take(t, want(botA, 10)), h.take(t, want(botA, 8))
	h.requireSilence(t)
	got = h.give(t, got, slotAt(time.Now()), want(botA, 8))
	require.ElementsMatch(t, []callbudget.Want{want(botA, 10), want(botA, 8)}, got.Wants)
	require.Equal(t, 8, got.Wants[0].Level, "the most urgent one first")
	got = h.give(t, got, slotAt(time.Now()), want(botA, 8))
	require.NoError(t, (<-first).err)
	require.NoError(t, (<-third).err)
	require.Equal(t, []callbudget.Want{want(botA, 10)}, got.Wants)
	got = h.give(t, got, slotAt(time.Now()), want(botA, 10))
	require.NoError(t, (<-second).err)
	require.Empty(t, got.Wants)
}

// Another bot's call may get a slot while those of the first cannot.
func TestCallOfAnotherBotIsAskedForAtOnce(t *testing.T) {
	h := newHarness(t, time.Minute, account.PerAccount)
	h.take(t, want(botA, 8))
	first := h.next(t)
	h.take(t, want(botB, 10))
	second := h.next(t)
	require.ElementsMatch(t, []callbudget.Want{want(botA, 8), want(botB, 10)}, second.Wants)
	require.Greater(t, second.Number, first.Number)
}

// requireSilence checks that nothing is asked for while the calls that were started
// get to wait. It can miss an ask that comes late, but never fails without one.
func (h *harness) requireSilence(t *testing.T) {
	t.Helper()
	select {
	case got := <-h.asks:
		require.FailNow(t, "asked again", "%v", got.Wants)
	case <-time.After(100 * time.Millisecond):
	}
}

func TestMoreUrgentCallAsksAtOnce(t *testing.T) {
	h := newHarness(t, time.Minute, account.PerBot)
	later := h.take(t, want(botA, 8))
	before := h.next(t)
	urgent := h.take(t, want(botA, 1))
	now := h.next(t)
	require.Equal(t, []callbudget.Want{want(botA, 1), want(botA, 8)}, now.Wants)
	require.Equal(t, before.Worker, now.Worker, "the budget forgets the first ask of the process")
	before.answer <- callbudget.Answer{}
	got := h.give(t, now, slotAt(time.Now()), want(botA, 1))
	require.NoError(t, (<-urgent).err)
	require.Equal(t, []callbudget.Want{want(botA, 8)}, got.Wants)
	h.give(t, got, slotAt(time.Now()), want(botA, 8))
	require.NoError(t, (<-later).err)
}

func TestCallThatIsHeldForLongIsGivenBack(t *testing.T) {
	h := newHarness(t, 10*time.Millisecond, account.PerBot)
	result := <-h.take(t, want(botA, 4))
	failed, ok := failure.Of(result.err)
	require.True(t, ok)
	require.Equal(t, failure.NoSlotYet, failed.FailureKind())
	require.Nil(t, result.slot)
}

func TestSlotThatNobodyWaitsForIsNotTaken(t *testing.T) {
	h := newHarness(t, 10*time.Millisecond, account.PerBot)
	gone := h.take(t, want(botA, 4))
	got := h.next(t)
	require.Error(t, (<-gone).err)
	got.answer <- callbudget.Answer{Slot: slotAt(time.Now().Add(time.Minute)), Want: want(botA, 4), In: time.Minute}
	h.requireSilence(t)
	require.Empty(t, h.signals)
}

func TestSlotThatItsCallDoesNotWaitForGoesToAnotherCallOfTheBot(t *testing.T) {
	h := newHarness(t, time.Minute, account.PerAccount)
	gone, cancel := context.WithCancel(t.Context())
	failed := make(chan error, 1)
	go func() {
		_, _, err := h.client.Take(gone, h.account, want(botA, 4))
		failed <- err
	}()
	got := h.next(t)
	other := h.take(t, want(botA, 6))
	h.requireSilence(t)
	cancel()
	require.ErrorIs(t, <-failed, context.Canceled)
	slot := slotAt(time.Now())
	h.give(t, got, slot, want(botA, 4))
	require.Equal(t, slot, (<-other).slot)
}

func TestSlotOfOneBotGoesToNoCallOfAnother(t *testing.T) {
	h := newHarness(t, 200*time.Millisecond, account.PerAccount)
	other := h.take(t, want(botB, 1))
	got := h.next(t)
	got.answer <- callbudget.Answer{Slot: slotAt(time.Now()), Want: want(botA, 4)}
	for range 3 { // It goes on asking for its own.
		again := h.next(t)
		require.Zero(t, again.Took)
		require.Equal(t, []callbudget.Want{want(botB, 1)}, again.Wants)
		again.answer <- callbudget.Answer{}
	}
	h.next(t)
	require.Error(t, (<-other).err)
}

// A slot is used only if the budget knows that it is: one that was taken too late may
// have gone to another call.
func TestSlotThatIsTakenTooLateIsNotUsed(t *testing.T) {
	h := newHarness(t, time.Minute, account.PerBot)
	done := h.take(t, want(botA, 4))
	h.rejectWith(temporal.NewApplicationError("too late", callbudget.ErrorTypeGivenBack))
	h.give(t, h.next(t), slotAt(time.Now()), want(botA, 4))
	got := h.next(t)
	require.Equal(t, []callbudget.Want{want(botA, 4)}, got.Wants, "the call waits for the next one")
	require.Zero(t, got.Took)
	h.rejectWith(nil)
	slot := slotAt(time.Now().Add(time.Second))
	h.give(t, got, slot, want(botA, 4))
	require.Equal(t, slot, (<-done).slot)
}

// While the budget's workflow continues as new it takes no requests.
func TestTakingASlotIsRepeatedWhileTheBudgetIsBusy(t *testing.T) {
	h := newHarness(t, time.Minute, account.PerBot)
	done := h.take(t, want(botA, 4))
	h.rejectWith(temporal.NewApplicationError("continues as new", callbudget.ErrorTypeBusy))
	slot := slotAt(time.Now().Add(time.Minute))
	h.give(t, h.next(t), slot, want(botA, 4))
	require.Equal(t, slot.At, h.next(t).Took)
	h.rejectWith(nil)
	require.Equal(t, slot.At, h.next(t).Took)
	require.Equal(t, slot, (<-done).slot)
}

func TestAskIsRepeatedAfterAFailure(t *testing.T) {
	for name, err := range map[string]error{
		"busy":        temporal.NewApplicationError("7 workers wait", callbudget.ErrorTypeBusy),
		"unavailable": errors.New("unavailable"),
	} {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t, time.Minute, account.PerBot)
			done := h.take(t, want(botA, 4))
			h.next(t).answer <- err
			h.give(t, h.next(t), slotAt(time.Now()), want(botA, 4))
			require.NoError(t, (<-done).err)
		})
	}
}

func TestWithdrawnSlotIsVoid(t *testing.T) {
	h := newHarness(t, time.Minute, account.PerBot)
	at := time.Now()
	require.False(t, h.client.IsVoid(*slotAt(at)), "as far as is known")
	done := h.take(t, want(botA, 4))
	h.next(t).answer <- callbudget.Answer{VoidThrough: at}
	got := h.next(t) // It still wants a slot.
	require.True(t, h.client.IsVoid(*slotAt(at)))
	require.True(t, h.client.IsVoid(*slotAt(at.Add(-time.Second))))
	require.False(t, h.client.IsVoid(*slotAt(at.Add(time.Millisecond))))
	later := slotAt(at.Add(time.Second))
	got.answer <- callbudget.Answer{Slot: later, Want: want(botA, 4), VoidThrough: at.Add(-time.Hour)}
	require.Equal(t, later.At, h.next(t).Took)
	require.NoError(t, (<-done).err)
	require.True(t, h.client.IsVoid(*slotAt(at)), "an earlier time takes nothing back")
}

// The budget withdraws its slots when it is told; until then calls would go on.
func TestNoSlotIsUsedAfterACallThatStopsAll(t *testing.T) {
	at := time.Now()
	blocked := func(session string, slot *callbudget.Slot) callbudget.CallReport {
		return callbudget.CallReport{BotID: botA, SessionID: session, Slot: *slot, Result: callbudget.Blocked}
	}
	probe := slotAt(at)
	probe.Probe = true
	for name, row := range map[string]struct {
		reports []callbudget.CallReport
		stops   bool
	}{
		"refused by rate":                  {[]callbudget.CallReport{{BotID: botA, Slot: *slotAt(at), Result: callbudget.Refused}}, true},
		"two sessions failed":              {[]callbudget.CallReport{blocked("1", slotAt(at)), blocked("2", slotAt(at.Add(20*time.Millisecond)))}, true},
		"one session failed":               {[]callbudget.CallReport{blocked("1", slotAt(at))}, false},
		"one session failed twice":         {[]callbudget.CallReport{blocked("1", slotAt(at)), blocked("1", slotAt(at.Add(20*time.Millisecond)))}, false},
		"two failed with a minute between": {[]callbudget.CallReport{blocked("1", slotAt(at.Add(-time.Minute))), blocked("2", slotAt(at))}, false},
		"probes failed":                    {[]callbudget.CallReport{blocked("1", probe), blocked("2", probe)}, false},
		"a call was late":                  {[]callbudget.CallReport{{BotID: botA, Slot: *slotAt(at), Result: callbudget.Late}}, false},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t, time.Minute, account.PerBot)
			done := h.take(t, want(botA, 4))
			granted := slotAt(at)
			h.give(t, h.next(t), granted, want(botA, 4))
			require.NoError(t, (<-done).err)
			for _, report := range row.reports {
				h.client.Report(t.Context(), h.account, report)
			}
			require.Equal(t, row.stops, h.client.IsVoid(*granted))
			require.False(t, h.client.IsVoid(*slotAt(at.Add(time.Millisecond))), "the budget knows when it hands out another one")
		})
	}
}

// A slot that is taken cannot be given back by the budget.
func TestSlotThatIsVoidWhenItComesIsNotTaken(t *testing.T) {
	h := newHarness(t, time.Minute, account.PerBot)
	at := time.Now()
	first := h.take(t, want(botA, 4))
	h.give(t, h.next(t), slotAt(at), want(botA, 4)).answer <- callbudget.Answer{} // It wants no other.
	require.NoError(t, (<-first).err)
	h.client.Report(t.Context(), h.account, callbudget.CallReport{BotID: botA, Slot: *slotAt(at), Result: callbudget.Refused})
	second := h.take(t, want(botA, 4))
	before := slotAt(at.Add(-time.Millisecond))
	h.next(t).answer <- callbudget.Answer{Slot: before, Want: want(botA, 4), More: []callbudget.MoreSlot{{Slot: *before, Want: want(botA, 4)}}}
	again := h.next(t)
	require.Zero(t, again.Took)
	require.Eventually(t, func() bool { return slices.Contains(h.reported(), callbudget.Unused) }, time.Minute, time.Millisecond)
	h.give(t, again, slotAt(at.Add(time.Second)), want(botA, 4))
	require.NoError(t, (<-second).err)
}

// Each more urgent call has a request of its own sent. All but the latest end with their slot.
func TestOnlyTheLatestRequestGoesOn(t *testing.T) {
	h := newHarness(t, time.Minute, account.PerBot)
	at := time.Now()
	done := []<-chan taken{h.take(t, want(botA, 8)), nil, nil}
	first := h.next(t)
	done[1] = h.take(t, want(botA, 7))
	h.next(t)
	done[2] = h.take(t, want(botA, 6)) // It waits with both, so that calls are left to ask for.
	h.next(t)
	taking := h.give(t, first, slotAt(at), want(botA, 6))
	require.Empty(t, taking.Wants)
	require.NoError(t, (<-done[2]).err)
}

// Further slots of an answer go to the calls that wait, and what is left is given back.
func TestFurtherSlotsGoToTheCallsThatWait(t *testing.T) {
	h := newHarness(t, time.Minute, account.PerBot)
	at := time.Now()
	first := h.take(t, want(botA, 4))
	h.next(t)
	second := h.take(t, want(botA, 3)) // It is asked for at once, being more urgent.
	h.next(t).answer <- callbudget.Answer{Slot: slotAt(at), Want: want(botA, 3), More: []callbudget.MoreSlot{
		{Slot: *slotAt(at.Add(time.Millisecond)), Want: want(botA, 4)},
		{Slot: *slotAt(at.Add(2 * time.Millisecond)), Want: want(botB, 4)},
	}}
	h.next(t)
	one, other := <-first, <-second
	require.NoError(t, errors.Join(one.err, other.err))
	require.NotEqual(t, one.slot.At, other.slot.At)
	require.Eventually(t, func() bool { return slices.Contains(h.reported(), callbudget.Unused) }, time.Minute, time.Millisecond)
}

func TestNoCallIsMadeWhileReadyFilesWaitForTheirDownload(t *testing.T) {
	for name, row := range map[string]struct {
		count int64
		age   time.Duration
		waits bool
	}{
		"few":             {63, time.Minute, false},
		"many":            {64, time.Minute, true},
		"one for long":    {1, 10 * time.Minute, true},
		"none, as it was": {0, time.Hour, false},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t, time.Minute, account.PerBot)
			h.setWaiting("callvault-transfer/acme", row.count, row.age)
			done := h.take(t, want(botA, 4))
			if row.waits {
				h.requireSilence(t)
				h.setWaiting("callvault-transfer/acme", 0, 0)
			}
			h.give(t, h.next(t), slotAt(time.Now()), want(botA, 4))
			require.NoError(t, (<-done).err)
		})
	}
}

// However many calls of one bot wait, the others' are asked for.
func TestAskNamesACallOfEachBot(t *testing.T) {
	h := newHarness(t, time.Minute, account.PerAccount)
	h.take(t, want(botA, 1))
	got := h.next(t)
	for i := range 2 * callbudget.MaxWants {
		h.take(t, callbudget.Want{BotID: botA, Level: 8, Batch: fmt.Sprint(i)})
	}
	h.take(t, want(botB, 10))
	require.Eventually(t, func() bool {
		got.answer <- callbudget.Answer{}
		got = h.next(t)
		return len(got.Wants) == callbudget.MaxWants
	}, time.Minute, time.Millisecond, "a backstop")
	require.Eventually(t, func() bool {
		if slices.Contains(got.Wants, want(botB, 10)) {
			return true
		}
		got.answer <- callbudget.Answer{}
		got = h.next(t)
		return false
	}, time.Minute, time.Millisecond, "a backstop")
	require.Contains(t, got.Wants, want(botA, 1))
}

// Media URLs expire while the store is unavailable.
func TestNoCallIsMadeWhileTheStoreFails(t *testing.T) {
	h := newHarness(t, 200*time.Millisecond, account.PerBot)
	require.Error(t, h.account.Store.EnsureBucket(t.Context()))
	require.Error(t, (<-h.take(t, want(botA, 4))).err)
	h.requireSilence(t)
}

func TestAskTellsWhatWaitsInTheQueues(t *testing.T) {
	h := newHarness(t, time.Minute, account.PerBot)
	h.setWaiting("callvault-slot/"+botA+"/4", 3, 0)
	h.setWaiting("callvault-slot/"+botA+"/7", 10, 0)
	h.setWaiting("callvault-slot/"+botA+"/batch/2", 1000, 0)
	h.take(t, want(botA, 4))
	got := h.next(t)
	for got.Waiting == nil { // They are counted meanwhile.
		got.answer <- callbudget.Answer{}
		got = h.next(t)
	}
	require.Equal(t, map[string]map[int]int{botA: {2: 4, 4: 10}}, got.Waiting)
	require.Equal(t, map[string][]int{botA: {0, 1000, 0, 0}}, got.WaitingInLanes)
	got.answer <- callbudget.Answer{}
	require.Nil(t, h.next(t).Waiting, "they are not counted at every ask")
}

func TestProcessThatStopsTakesItsAskBack(t *testing.T) {
	h := newHarness(t, time.Minute, account.PerBot)
	h.take(t, want(botA, 4))
	got := h.next(t)
	h.client.Close(t.Context())
	require.Equal(t, []any{callbudget.Leave{Worker: got.Worker}}, h.signals)
}

func TestReportGoesToTheSlotsBudget(t *testing.T) {
	h := newHarness(t, time.Minute, account.PerBot)
	report := callbudget.CallReport{BotID: botA, Slot: *slotAt(time.Now()), Result: callbudget.Refused}
	h.client.Report(t.Context(), h.account, report)
	require.Equal(t, []any{report}, h.signals)
}

// What may concern all bots of an account is told to all its budgets.
func TestReportThatConcernsTheAccountGoesToItsOtherBudgets(t *testing.T) {
	for name, row := range map[string]struct {
		report callbudget.CallReport
		told   callbudget.CallResult
	}{
		"a first failure":     {callbudget.CallReport{Result: callbudget.Blocked}, callbudget.Blocked},
		"a probe that failed": {callbudget.CallReport{Result: callbudget.Blocked, Slot: callbudget.Slot{Probe: true, ForAccount: true}}, callbudget.Blocked},
		"a probe's answer":    {callbudget.CallReport{Result: callbudget.Answered, Slot: callbudget.Slot{Probe: true, ForAccount: true}}, callbudget.Answered},
		"a refusal by rate":   {callbudget.CallReport{Result: callbudget.Refused, Slot: callbudget.Slot{Probe: true, ForAccount: true}}, callbudget.Answered},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t, time.Minute, account.PerBot)
			row.report.BotID, row.report.Slot.Budget = botA, botA
			h.client.Report(t.Context(), h.account, row.report)
			require.Equal(t, []string{"call-budget/" + botA, "call-budget/" + botB}, h.signalled)
			require.Equal(t, row.report, h.signals[0])
			elsewhere := row.report
			elsewhere.Elsewhere, elsewhere.Result = true, row.told
			require.Equal(t, elsewhere, h.signals[1])
		})
	}
}

func TestReportThatConcernsOneBudgetGoesToNoOther(t *testing.T) {
	for name, row := range map[string]struct {
		scope  account.Scope
		report callbudget.CallReport
	}{
		"another probe of one bot": {account.PerBot, callbudget.CallReport{Result: callbudget.Blocked, Slot: callbudget.Slot{Probe: true}}},
		"a late slot":              {account.PerBot, callbudget.CallReport{Result: callbudget.Late, Slot: callbudget.Slot{Probe: true, ForAccount: true}}},
		"the account's budget":     {account.PerAccount, callbudget.CallReport{Result: callbudget.Blocked}},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t, time.Minute, row.scope)
			row.report.BotID, row.report.Slot.Budget = botA, h.account.BudgetName(botA)
			h.client.Report(t.Context(), h.account, row.report)
			require.Equal(t, []any{row.report}, h.signals)
		})
	}
}
