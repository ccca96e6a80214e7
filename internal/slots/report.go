package slots

import (
	"context"
	"errors"
	"sync"
	"time"

	"go.temporal.io/api/serviceerror"

	"github.com/callvault/callvault/internal/account"
	"github.com/callvault/callvault/workflows"
	"github.com/callvault/callvault/workflows/callbudget"
)

// reportTimeout bounds how long a call's result is held back by its reports.
const reportTimeout = 10 * time.Second

// maxSignals bounds the reports that are sent at a time for one call.
const maxSignals = 8

// Report tells the budget how a call ended, and the account's other budgets if it may
// concern them. A report that does not arrive is logged: the next refusal tells the same.
func (c *Client) Report(ctx context.Context, served *account.Account, report callbudget.CallReport) {
	c.stopEarly(report)
	ctx, cancel := context.WithTimeout(ctx, reportTimeout)
	defer cancel()
	c.signal(ctx, report.Slot.Budget, report)
	if served != nil && concernsAccount(report) {
		c.reportElsewhere(ctx, served, report)
	}
}

// stopEarly stops the calls of this process if the budget will stop all calls once it has got
// the report. Of a fast one, many would be made until then.
func (c *Client) stopEarly(report callbudget.CallReport) {
	c.mu.Lock()
	b := c.budgets[report.Slot.Budget]
	c.mu.Unlock()
	switch {
	case b == nil:
	case report.Result == callbudget.Refused,
		report.Result == callbudget.Blocked && !report.Slot.Probe && b.failAlike(report):
		b.stop()
	}
}

// concernsAccount reports whether a call may tell of other bots of the account. A probe
// of one bot does not: the call before it did.
func concernsAccount(report callbudget.CallReport) bool {
	switch report.Result {
	case callbudget.Blocked:
		return report.Slot.ForAccount || !report.Slot.Probe
	case callbudget.Answered, callbudget.Refused:
		return report.Slot.ForAccount
	default:
		return false
	}
}

// reportElsewhere tells the budgets of the account's other bots how a call ended.
func (c *Client) reportElsewhere(ctx context.Context, served *account.Account, report callbudget.CallReport) {
	report.Elsewhere = true
	if report.Result == callbudget.Refused { // That concerns the one budget.
		report.Result = callbudget.Answered
	}
	var all sync.WaitGroup
	free := make(chan struct{}, maxSignals)
	told := map[string]bool{report.Slot.Budget: true}
	for _, botID := range served.BotIDs {
		name := served.BudgetName(botID)
		if told[name] {
			continue
		}
		told[name] = true
		free <- struct{}{}
		all.Go(func() {
			c.signal(ctx, name, report)
			<-free
		})
	}
	all.Wait()
}

// signal sends a report to a budget. One that does not run needs none.
func (c *Client) signal(ctx context.Context, budget string, report callbudget.CallReport) {
	err := c.options.Temporal.SignalWorkflow(ctx, workflows.CallBudgetWorkflowID(budget), "", callbudget.SignalReportCall, report)
	var missing *serviceerror.NotFound
	if err != nil && !errors.As(err, &missing) {
		c.options.Logger.Warn("a call budget could not be told how a call ended", "budget", budget, "result", string(report.Result), "error", err)
	}
}
