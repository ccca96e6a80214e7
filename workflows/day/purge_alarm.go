package day

import (
	"strconv"
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/callvault/callvault/internal/metric"
	"github.com/callvault/callvault/workflows"
	"github.com/callvault/callvault/workflows/fetchrecording"
)

// watchPurge raises the account's alarm for a day that is not sealed although the vendor
// purges its first calls soon: for the sessions that no fetch has begun with, whatever keeps
// the day. A fetch raises its own, see package fetchrecording, which has the times.
func (d *day) watchPurge(ctx workflow.Context) {
	if d.watched || d.state.Opening.Retention == 0 || d.state.Sealed != nil {
		return
	}
	d.watched = true
	retention, account := d.state.Opening.Retention, d.state.Opening.Account
	begin, _ := d.input.Begin() // It was checked.
	purgeAt := begin.Add(retention)
	workflow.Go(ctx, func(ctx workflow.Context) {
		for ctx.Err() == nil && d.state.Sealed == nil {
			left := purgeAt.Sub(workflow.Now(ctx))
			if due := fetchrecording.DueAlarm(retention, left, d.state.AlarmRaised); due != 0 {
				d.state.AlarmRaised = due
				d.raiseAlarm(ctx, account, purgeAt, due)
			}
			wait := fetchrecording.UntilAlarm(retention, left)
			if wait == 0 || workflow.NewTimerWithOptions(ctx, wait, workflow.TimerOptions{Summary: "the vendor purges calls of the day soon"}).Get(ctx, nil) != nil {
				return
			}
		}
	})
}

func (d *day) raiseAlarm(ctx workflow.Context, account string, purgeAt time.Time, due time.Duration) {
	workflow.GetLogger(ctx).Warn("The vendor purges calls soon of a day that is not sealed yet.",
		"botId", d.input.BotID, "date", d.input.Date, "account", account, "purgeAt", purgeAt.Format(time.RFC3339), "phase", string(d.state.Phase), "reason", d.reason)
	workflow.GetMetricsHandler(ctx).WithTags(map[string]string{metric.Account: account, metric.Days: strconv.Itoa(int(due / (24 * time.Hour)))}).
		Counter(metric.PurgeAlarm).Inc(1)
	_ = workflow.UpsertTypedSearchAttributes(ctx, workflows.SearchAttributePurgeAt.ValueSet(purgeAt)) // It fails only without attributes.
}
