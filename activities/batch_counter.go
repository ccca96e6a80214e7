package activities

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"github.com/callvault/callvault/internal/account"
	"github.com/callvault/callvault/internal/shortlist"
	"github.com/callvault/callvault/workflows"
	"github.com/callvault/callvault/workflows/batch"
)

const (
	// settleAfter is how long after a fetch has ended the server is sure to list it.
	settleAfter = time.Minute

	// settleEvery is how often the fetches that have ended are counted for good.
	settleEvery = 10 * time.Minute

	// shownFailures are the failures that a batch shows.
	shownFailures = 5

	// maxChecksCounted bounds the queries that add up calls; a fetch makes some 60 at most.
	maxChecksCounted = 70

	// budgetQueryTimeout bounds the query of one budget, and maxBudgetsAsked how many are
	// asked.
	budgetQueryTimeout = 2 * time.Second
	maxBudgetsAsked    = 5
)

const (
	// withoutOutcome are fetches that ended without one, hasEnded all that have ended.
	withoutOutcome = "ExecutionStatus IN ('Failed', 'Canceled', 'Terminated', 'TimedOut')"
	hasEnded       = "ExecutionStatus IN ('Completed', 'Failed', 'Canceled', 'Terminated', 'TimedOut')"
)

// batchCounter counts the fetches of a batch by visibility queries.
type batchCounter struct {
	client    client.Client
	namespace string
	batchID   string
	since     time.Time
	clock     serverClock

	// queries counts the visibility queries.
	queries int
}

// count counts all fetches. What settled has is not counted again.
func (c *batchCounter) count(ctx context.Context, settled batch.Settled) (*batch.LaunchResult, error) {
	now := c.clock.now()
	if until := now.Add(-settleAfter); until.Sub(later(settled.Until, c.since)) > settleEvery {
		more, err := c.ended(ctx, settled.Until, until)
		if err != nil {
			return nil, err
		}
		settled = batch.Settled{Until: until, Counts: add(settled.Counts, more)}
	}
	fresh, err := c.ended(ctx, settled.Until, time.Time{})
	if err != nil {
		return nil, err
	}
	result := &batch.LaunchResult{Settled: settled, Ended: add(settled.Counts, fresh), At: now}
	if result.Running, err = c.running(ctx); err != nil {
		return nil, err
	}
	calls, err := c.calls(ctx, "ExecutionStatus = 'Running'")
	if err != nil {
		return nil, err
	}
	result.Ended.Calls += calls
	result.Failures, err = c.failures(ctx, result.Ended)
	return result, err
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func add(a, b batch.Ended) batch.Ended {
	sum := batch.Ended{Outcomes: make(map[workflows.Outcome]int), NoOutcome: a.NoOutcome + b.NoOutcome, Calls: a.Calls + b.Calls}
	for _, counts := range []batch.Ended{a, b} {
		for outcome, n := range counts.Outcomes {
			sum.Outcomes[outcome] += n
		}
	}
	return sum
}

// ended counts the fetches that ended after a time and until another; a zero time is no
// bound.
func (c *batchCounter) ended(ctx context.Context, after, until time.Time) (batch.Ended, error) {
	ended := batch.Ended{Outcomes: make(map[workflows.Outcome]int)}
	within := func(condition string) string { return between(condition, after, until) }
	left, err := c.matching(ctx, within("ExecutionStatus = 'Completed'"))
	if err != nil {
		return ended, err
	}
	for _, outcome := range workflows.Outcomes() { // The most frequent one first; often nothing is left then.
		if left <= 0 {
			break
		}
		n, err := c.matching(ctx, within(fmt.Sprintf("%s = '%s'", workflows.SearchAttributeOutcome.GetName(), outcome)))
		if err != nil {
			return ended, err
		}
		if n > 0 {
			ended.Outcomes[outcome] = n
			left -= n
		}
	}
	if ended.NoOutcome, err = c.matching(ctx, within(withoutOutcome)); err != nil {
		return ended, err
	}
	ended.Calls, err = c.calls(ctx, within(hasEnded))
	return ended, err
}

// failed counts the fetches that have ended, and those of them that were not archived, with
// two queries. What settled has is not counted again.
func (c *batchCounter) failed(ctx context.Context, settled batch.Settled) (failures, ended int, err error) {
	earlier := settled.Counts.BatchCounts()
	failures, err = c.matching(ctx, between(notArchived(), settled.Until, time.Time{}))
	if err != nil {
		return 0, 0, err
	}
	ended, err = c.matching(ctx, between(hasEnded, settled.Until, time.Time{}))
	if err != nil {
		return 0, 0, err
	}
	return earlier.Failures() + failures, earlier.Ended() + ended, nil
}

// between narrows a condition to what ended after a time and until another; a zero time is no
// bound.
func between(condition string, after, until time.Time) string {
	if !after.IsZero() {
		condition += " AND CloseTime > " + quoted(after)
	}
	if !until.IsZero() {
		condition += " AND CloseTime <= " + quoted(until)
	}
	return condition
}

// running counts the fetches that have not ended, by phase.
func (c *batchCounter) running(ctx context.Context) (map[workflows.FetchPhase]int, error) {
	all, err := c.matching(ctx, "ExecutionStatus = 'Running'")
	if err != nil || all == 0 {
		return nil, err
	}
	phases := make(map[workflows.FetchPhase]int)
	for _, phase := range workflows.FetchPhases() { // checking is the first; often it is all.
		if all <= 0 {
			break
		}
		n, err := c.matching(ctx, fmt.Sprintf("ExecutionStatus = 'Running' AND %s = '%s'", workflows.SearchAttributePhase.GetName(), phase))
		if err != nil {
			return nil, err
		}
		if n > 0 {
			phases[phase] = n
			all -= n
		}
	}
	if all > 0 { // They have just begun, or gone on, between two queries.
		phases[workflows.PhaseChecking] += all
	}
	return phases, nil
}

// waiting counts the fetches of a bot that wait for their first call slot.
func (c *batchCounter) waiting(ctx context.Context, botID string) (int, error) {
	return c.matching(ctx, fmt.Sprintf("ExecutionStatus = 'Running' AND %s = '%s' AND %s = '%s'",
		workflows.SearchAttributeBot.GetName(), botID, workflows.SearchAttributePhase.GetName(), workflows.PhaseChecking))
}

// calls adds up the calls of the vendor's API: a fetch that made three of them is among
// those that made at least one, two and three.
func (c *batchCounter) calls(ctx context.Context, condition string) (int, error) {
	sum := 0
	for least := 1; least <= maxChecksCounted; least++ {
		n, err := c.matching(ctx, fmt.Sprintf("%s >= %d AND %s", workflows.SearchAttributeChecks.GetName(), least, condition))
		if err != nil || n == 0 {
			return sum, err
		}
		sum += n
	}
	return sum, nil
}

// failures returns the last fetches that were not archived.
func (c *batchCounter) failures(ctx context.Context, ended batch.Ended) ([]workflows.BatchFailure, error) {
	if ended.BatchCounts().Failures() == 0 {
		return nil, nil
	}
	listed, err := c.client.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{
		Namespace: c.namespace, PageSize: shownFailures,
		Query: c.query(notArchived()),
	})
	c.queries++
	if err != nil {
		return nil, fmt.Errorf("list the batch's failures: %w", err)
	}
	var failures []workflows.BatchFailure
	for _, execution := range listed.GetExecutions()[:min(shownFailures, len(listed.GetExecutions()))] {
		failure := workflows.BatchFailure{WorkflowID: execution.GetExecution().GetWorkflowId(), Outcome: workflows.Outcome(workflows.KeywordIn(execution.GetSearchAttributes(), workflows.SearchAttributeOutcome)), At: execution.GetCloseTime().AsTime()}
		if failure.Outcome == "" {
			failure.Status = strings.ToLower(execution.GetStatus().String())
		}
		failures = append(failures, failure)
	}
	return failures, nil
}

// notArchived are the fetches that ended without an outcome, or with another one. They are
// named, because on some servers a comparison by != matches those that have none yet.
func notArchived() string {
	var quoted []string
	for _, outcome := range workflows.Outcomes() {
		if outcome != workflows.OutcomeArchived {
			quoted = append(quoted, "'"+string(outcome)+"'")
		}
	}
	return fmt.Sprintf("(%s IN (%s) OR %s)", workflows.SearchAttributeOutcome.GetName(), strings.Join(quoted, ", "), withoutOutcome)
}

func (c *batchCounter) matching(ctx context.Context, condition string) (int, error) {
	c.queries++
	counted, err := c.client.CountWorkflow(ctx, &workflowservice.CountWorkflowExecutionsRequest{Namespace: c.namespace, Query: c.query(condition)})
	if err != nil {
		return 0, fmt.Errorf("count the batch's fetches: %w", err)
	}
	return int(counted.GetCount()), nil
}

func (c *batchCounter) query(condition string) string {
	return batch.FetchesQuery(c.batchID, c.since) + " AND " + condition
}

func quoted(t time.Time) string { return "'" + t.UTC().Format(time.RFC3339Nano) + "'" }

// starvedBudgets says which of the batch's call budgets hand out no slots, and why. A
// budget that cannot be asked is taken to be fine.
func starvedBudgets(ctx context.Context, c client.Client, served *account.Account, plan batch.Plan) string {
	asked := make(map[string]bool)
	var reasons []string
	for _, bot := range plan.Bots {
		name := served.BudgetName(bot.BotID)
		if asked[name] || len(asked) == maxBudgetsAsked {
			continue
		}
		asked[name] = true
		if status, err := budgetStatus(ctx, c, name); err == nil && status.State != workflows.BudgetOpen {
			reasons = append(reasons, fmt.Sprintf("budget %s is %s: %s", name, status.State, status.Reason))
		}
	}
	if len(reasons) == 0 {
		return ""
	}
	return "no call slots: " + shortlist.Of(reasons, maxBudgetsAsked)
}

func budgetStatus(ctx context.Context, c client.Client, name string) (status workflows.BudgetStatus, err error) {
	ctx, cancel := context.WithTimeout(ctx, budgetQueryTimeout)
	defer cancel()
	value, err := workflows.QueryCallBudget(ctx, c, name)
	if err == nil {
		err = value.Get(&status)
	}
	return status, err
}

func isMissing(err error) bool {
	_, missing := errors.AsType[*serviceerror.NotFound](err)
	return missing
}
