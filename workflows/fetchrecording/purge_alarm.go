package fetchrecording

import (
	"fmt"
	"strconv"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/callvault/callvault/internal/metric"
	"github.com/callvault/callvault/workflows"
)

// The alarm of a fetch that waits although the vendor purges its session soon.
//
// It is raised when the fetch begins to wait, so that one that is simply archived costs
// nothing, and wakes it from a longer wait: at most once for each of alarmsBefore. A fetch
// that starts late raises the latest of them alone. After the purge there is nothing to
// be alarmed about: what is lost is an outcome.

// alarmsBefore is how long before the purge an alarm is raised, the earliest first.
var alarmsBefore = []time.Duration{14 * day, 7 * day, 2 * day}

// AlarmsBefore returns how long before the purge alarms are raised with a retention. Those in its first half are left out: they
// would be raised by calls that have just been made. If none is left, there is one at its half.
func AlarmsBefore(retention time.Duration) []time.Duration {
	for i, before := range alarmsBefore {
		if before <= retention/2 {
			return alarmsBefore[i:]
		}
	}
	return []time.Duration{retention / 2}
}

// DueAlarm returns the alarm that is due so long before the purge, if that of raised, 0 for
// none, is the latest that was raised; 0 if none is due.
func DueAlarm(retention, left, raised time.Duration) time.Duration {
	var due time.Duration
	for _, before := range AlarmsBefore(retention) {
		if left > 0 && left <= before && (raised == 0 || before < raised) {
			due = before
		}
	}
	return due
}

// UntilAlarm returns how long it takes until the next alarm is due; 0 if there is none.
func UntilAlarm(retention, left time.Duration) time.Duration {
	for _, before := range AlarmsBefore(retention) {
		if left > before {
			return left - before
		}
	}
	return 0
}

// retention is how long the vendor keeps the recording; 0 if that is not known.
func (f *fetch) retention() time.Duration {
	if f.place == nil {
		return 0
	}
	return f.place.Retention
}

// purgeAt is when the vendor purges the session; zero if that is not known.
func (f *fetch) purgeAt() time.Time {
	if f.retention() == 0 {
		return time.Time{}
	}
	return f.callTime.Add(f.retention()).UTC()
}

// nextAlarmAt returns when the next alarm is due; zero if there is none.
func (f *fetch) nextAlarmAt(now time.Time) time.Time {
	if f.retention() == 0 {
		return time.Time{}
	}
	until := UntilAlarm(f.retention(), f.purgeAt().Sub(now))
	if until == 0 {
		return time.Time{}
	}
	return now.Add(until)
}

// raiseAlarm raises the alarm that is due, if there is one, and returns what that changes
// in the search attributes.
func (f *fetch) raiseAlarm(ctx workflow.Context) []temporal.SearchAttributeUpdate {
	if f.retention() == 0 {
		return nil
	}
	purgeAt := f.purgeAt()
	left := purgeAt.Sub(workflow.Now(ctx))
	raised := f.state.AlarmRaised
	if !f.state.AlarmedOf.Equal(purgeAt) { // The retention is another one now.
		raised = 0
	}
	due := DueAlarm(f.retention(), left, raised)
	if due == 0 || !f.hasAlarm(ctx, due) {
		return nil
	}
	workflow.GetLogger(ctx).Warn("The vendor purges a session soon that has no outcome yet.",
		"botId", f.input.BotID, "sessionId", f.input.SessionID, "account", f.account(), "purgeAt", purgeAt.Format(time.RFC3339),
		"daysLeft", fmt.Sprintf("%.1f", left.Hours()/24), "phase", string(f.phase), "reason", f.reason)
	workflow.GetMetricsHandler(ctx).WithTags(map[string]string{metric.Account: f.account(), metric.Days: strconv.Itoa(int(due / day))}).
		Counter(metric.PurgeAlarm).Inc(1)
	isShown := f.state.AlarmedOf.Equal(purgeAt)
	f.state.AlarmRaised, f.state.AlarmedOf = due, purgeAt
	if isShown {
		return nil
	}
	return []temporal.SearchAttributeUpdate{workflows.SearchAttributePurgeAt.ValueSet(purgeAt)}
}
