package observe

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"golang.org/x/time/rate"

	ours "github.com/callvault/callvault/internal/metric"
	"github.com/callvault/callvault/workflows"
)

const (
	// countInterval is the time from one count to the next, and keptCounts how long one is
	// shown: after that, Temporal has not responded for a while, and nothing is known.
	countInterval = 30 * time.Second
	keptCounts    = 4 * countInterval

	// agedCounts is how many counts come before the ages are looked for again.
	agedCounts = 10

	// countTimeout bounds one request of a count, and unansweredWithin is for how long budgets
	// are asked after one has not responded.
	countTimeout     = 5 * time.Second
	unansweredWithin = countInterval / 2

	// visibilityRequests and budgetQueries bound the requests in a second. A server answers
	// ten visibility requests a second of a namespace by default, which batches need too.
	visibilityRequests = 3
	budgetQueries      = 20
)

// Budgets are the names of the call budgets of an account.
type Budgets struct {
	Account string
	Names   []string
}

// Counts are gauges of what runs and waits in the whole namespace. Visibility and the call
// budgets tell, so every worker counts the same.
type Counts struct {
	client    client.Client
	namespace string
	budgets   []Budgets
	logger    *slog.Logger

	visibility, queries *rate.Limiter

	mu       sync.Mutex
	at       time.Time // of what is shown
	complete time.Time // when everything was counted last
	shown    []gauge
	ages     []gauge
}

// gauge is one value that was counted.
type gauge struct {
	name   string
	value  float64
	labels []attribute.KeyValue
}

// NewCounts returns counts that meter shows, once Run counts.
func NewCounts(meter metric.Meter, c client.Client, namespace string, budgets []Budgets, logger *slog.Logger) (*Counts, error) {
	counts := &Counts{
		client: c, namespace: namespace, budgets: budgets, logger: logger,
		visibility: rate.NewLimiter(visibilityRequests, 1), queries: rate.NewLimiter(budgetQueries, 1),
	}
	instruments, all := make(map[string]metric.Float64Observable), []metric.Observable{}
	for name, unit := range map[string]string{
		ours.BudgetCalls: "", ours.BudgetLimit: "", ours.BudgetWaiting: "", ours.BudgetBlocked: "", ours.BudgetPaused: "",
		ours.FetchesRunning: "", ours.FetchesOldest: "s", ours.BatchesRunning: "", ours.DaysOpen: "", ours.DaysOldestOpen: "s",
		ours.NearPurge: "", ours.Counted: "s",
	} {
		instrument, err := meter.Float64ObservableGauge(name, metric.WithUnit(unit))
		if err != nil {
			return nil, err
		}
		instruments[name], all = instrument, append(all, instrument)
	}
	_, err := meter.RegisterCallback(func(_ context.Context, observer metric.Observer) error {
		for _, g := range counts.latest(time.Now()) {
			observer.ObserveFloat64(instruments[g.name], g.value, metric.WithAttributes(g.labels...))
		}
		return nil
	}, all...)
	return counts, err
}

// latest returns what was counted last, or nothing if that was long before now.
func (c *Counts) latest(now time.Time) []gauge {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now.Sub(c.at) > keptCounts {
		return nil
	}
	counted := []gauge{}
	if !c.complete.IsZero() {
		counted = append(counted, gauge{name: ours.Counted, value: float64(c.complete.Unix())})
	}
	return append(append(counted, c.shown...), c.ages...)
}

// Run counts until ctx ends.
func (c *Counts) Run(ctx context.Context) {
	ticker := time.NewTicker(countInterval)
	defer ticker.Stop()
	failed := false
	for round := 0; ; round++ {
		err := c.count(ctx, round%agedCounts == 0)
		if ctx.Err() != nil {
			return
		}
		if err != nil && !failed { // Once for each outage.
			c.logger.Warn("what runs could not be counted for the metrics; it is tried again", "every", countInterval, "error", err)
		}
		failed = err != nil
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

// count counts everything, and the ages if withAges is true. What one part of it could not
// find out is not shown, the rest is.
func (c *Counts) count(ctx context.Context, withAges bool) error {
	shown, running, err := c.countRunning(ctx)
	failed := []error{err}
	began := time.Now()
	for _, one := range c.budgets {
		of, err := c.countBudgets(ctx, one)
		shown, failed = append(shown, of...), append(failed, err)
		if err != nil && time.Since(began) > unansweredWithin {
			break // Most likely no worker responds; the others would be waited for too.
		}
	}
	var ages []gauge
	if withAges && err == nil {
		ages, err = c.findAges(ctx, running)
		failed = append(failed, err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at, c.shown = time.Now(), shown
	if withAges {
		c.ages = ages
	}
	if err = errors.Join(failed...); err == nil {
		c.complete = c.at
	}
	return err
}

// runningQuery matches the running workflows of a type.
func runningQuery(workflowType string) string {
	return fmt.Sprintf("WorkflowType = '%s' AND ExecutionStatus = 'Running'", workflowType)
}

// phaseQuery matches the running fetches in a phase.
func phaseQuery(phase workflows.FetchPhase) string {
	return fmt.Sprintf("%s AND %s = '%s'", runningQuery(workflows.FetchRecordingWorkflowName), workflows.SearchAttributePhase.GetName(), phase)
}

// phases are those in which a fetch runs.
var phases = []workflows.FetchPhase{
	workflows.PhaseChecking, workflows.PhaseCallInProgress, workflows.PhaseMediaInProgress,
	workflows.PhasePartialWait, workflows.PhaseBlocked, workflows.PhaseArchiving,
}

func phaseLabel(phase workflows.FetchPhase) []attribute.KeyValue {
	return []attribute.KeyValue{attribute.String(ours.Phase, string(phase))}
}

// countRunning counts what runs in the namespace. running has the counts by query.
func (c *Counts) countRunning(ctx context.Context) (gauges []gauge, running map[string]int64, err error) {
	near := time.Now().UTC().AddDate(0, 0, ours.NearPurgeDays).Format(time.RFC3339)
	queries := map[string]gauge{
		runningQuery(workflows.FetchRecordingsBatchWorkflowName): {name: ours.BatchesRunning},
		runningQuery(workflows.ArchiveDayWorkflowName):           {name: ours.DaysOpen},
		fmt.Sprintf("%s AND %s < '%s'", runningQuery(workflows.FetchRecordingWorkflowName), workflows.SearchAttributePurgeAt.GetName(), near): {name: ours.NearPurge},
	}
	for _, phase := range phases {
		queries[phaseQuery(phase)] = gauge{name: ours.FetchesRunning, labels: phaseLabel(phase)}
	}
	running = make(map[string]int64)
	for query, g := range queries {
		count, err := c.countMatches(ctx, query)
		if err != nil {
			return nil, nil, err
		}
		g.value = float64(count)
		gauges, running[query] = append(gauges, g), count
	}
	return gauges, running, nil
}

func (c *Counts) countMatches(ctx context.Context, query string) (int64, error) {
	if err := c.visibility.Wait(ctx); err != nil {
		return 0, err
	}
	ctx, cancel := context.WithTimeout(ctx, countTimeout)
	defer cancel()
	response, err := c.client.CountWorkflow(ctx, &workflowservice.CountWorkflowExecutionsRequest{Namespace: c.namespace, Query: query})
	return response.GetCount(), err
}

// findAges returns since when the oldest fetch of each phase and the oldest day have been
// running.
func (c *Counts) findAges(ctx context.Context, running map[string]int64) (ages []gauge, err error) {
	queries := map[string]gauge{runningQuery(workflows.ArchiveDayWorkflowName): {name: ours.DaysOldestOpen}}
	for _, phase := range phases {
		queries[phaseQuery(phase)] = gauge{name: ours.FetchesOldest, labels: phaseLabel(phase)}
	}
	for query, g := range queries {
		if running[query] > 0 {
			age, err := c.oldest(ctx, query)
			if err != nil {
				return nil, err
			}
			g.value = age.Seconds()
		}
		ages = append(ages, g)
	}
	return ages, nil
}

// ageSteps are the ages by which the oldest workflow is looked for: visibility lists the
// newest ones first.
var ageSteps = []time.Duration{
	time.Minute, 5 * time.Minute, 15 * time.Minute, time.Hour, 3 * time.Hour, 6 * time.Hour, 12 * time.Hour,
	24 * time.Hour, 2 * 24 * time.Hour, 4 * 24 * time.Hour, 7 * 24 * time.Hour, 14 * 24 * time.Hour, 28 * 24 * time.Hour, 60 * 24 * time.Hour,
}

// listedOldest bounds the workflows beyond one step that are looked at. If there are more,
// the oldest may be older than what is found.
const listedOldest = 500

// oldest returns for how long the oldest workflow that matches the query has been running.
func (c *Counts) oldest(ctx context.Context, query string) (time.Duration, error) {
	now := time.Now()
	before := func(age time.Duration) string {
		return fmt.Sprintf("%s AND StartTime < '%s'", query, now.Add(-age).UTC().Format(time.RFC3339Nano))
	}
	low, high := -1, len(ageSteps) // Some are older than step low, and none than step high.
	for high-low > 1 {
		middle := (low + high) / 2
		count, err := c.countMatches(ctx, before(ageSteps[middle]))
		if err != nil {
			return 0, err
		}
		if count > 0 {
			low = middle
		} else {
			high = middle
		}
	}
	if low >= 0 {
		query = before(ageSteps[low])
	}
	if err := c.visibility.Wait(ctx); err != nil {
		return 0, err
	}
	ctx, cancel := context.WithTimeout(ctx, countTimeout)
	defer cancel()
	listed, err := c.client.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{Namespace: c.namespace, Query: query, PageSize: listedOldest})
	if err != nil {
		return 0, err
	}
	var age time.Duration
	for _, execution := range listed.GetExecutions() {
		age = max(age, now.Sub(execution.GetStartTime().AsTime()))
	}
	return age, nil
}

// countBudgets asks the budgets of an account for their state. One that does not run has
// handed out nothing yet.
func (c *Counts) countBudgets(ctx context.Context, of Budgets) ([]gauge, error) {
	var all []workflows.BudgetStatus
	for _, name := range of.Names {
		status, err := c.queryBudget(ctx, name)
		var missing *serviceerror.NotFound
		if errors.As(err, &missing) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("call budget: %w", err)
		}
		all = append(all, status)
	}
	return budgetGauges(of.Account, all, time.Now()), nil
}

func (c *Counts) queryBudget(ctx context.Context, name string) (status workflows.BudgetStatus, err error) {
	if err := c.queries.Wait(ctx); err != nil {
		return status, err
	}
	ctx, cancel := context.WithTimeout(ctx, countTimeout)
	defer cancel()
	value, err := workflows.QueryCallBudget(ctx, c.client, name)
	if err != nil {
		return status, err
	}
	return status, value.Get(&status)
}

// budgetGauges sums the budgets of an account up. Of a window it shows the budget that has
// the least left now: a budget counts when it hands out a slot, and may have been idle since.
func budgetGauges(account string, all []workflows.BudgetStatus, now time.Time) []gauge {
	label := func(more ...attribute.KeyValue) []attribute.KeyValue {
		return append([]attribute.KeyValue{attribute.String(ours.Account, account)}, more...)
	}
	var blocked, paused float64
	waiting := make(map[int]int)
	type use struct{ calls, limit int }
	fullest := make(map[time.Duration]use)
	for _, status := range all {
		switch status.State {
		case workflows.BudgetBlocked:
			blocked++
		case workflows.BudgetPaused:
			paused++
		case workflows.BudgetOpen, workflows.BudgetStopped:
		}
		for priority, count := range status.Waiting {
			waiting[priority] += count
		}
		for _, window := range status.Windows {
			limit := window.Limit.Calls
			if window.Learned > 0 {
				limit = window.Learned
			}
			calls := window.Used
			if now.Sub(status.LastSlotAt) > window.Limit.Span {
				calls = 0
			}
			best, found := fullest[window.Limit.Span]
			if !found || calls*best.limit > best.calls*limit {
				fullest[window.Limit.Span] = use{calls, limit}
			}
		}
	}
	gauges := []gauge{{ours.BudgetBlocked, blocked, label()}, {ours.BudgetPaused, paused, label()}}
	for priority := 1; priority <= workflows.LastPriority; priority++ {
		gauges = append(gauges, gauge{ours.BudgetWaiting, float64(waiting[priority]), label(attribute.String(ours.Priority, strconv.Itoa(priority)))})
	}
	for span, used := range fullest {
		window := attribute.String(ours.Window, span.String())
		gauges = append(gauges, gauge{ours.BudgetCalls, float64(used.calls), label(window)}, gauge{ours.BudgetLimit, float64(used.limit), label(window)})
	}
	return gauges
}
