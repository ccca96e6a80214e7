package fetchrecording

import (
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/callvault/callvault/workflows"
)

// changeToFewEvents names the change to histories by which a recording costs fewer
// events: the first step is a local activity where it can be, the download of a call's
// only file writes the manifest, and that download is not shown as a phase. Its second
// version is [workflows.FlowPurgeAlarm].
const changeToFewEvents = "few-events"

// changeToPurgeAlarm is the beginning of the names of the changes by which a fetch of an
// earlier flow raises an alarm.
const changeToPurgeAlarm = "purge-alarm-"

// flowOf returns the flow that the run follows; 0 is the oldest. The memo
// says so for nothing, where workflow.GetVersion costs two events: it is in the
// history, a further run keeps it, and workers are upgraded before callers (README), so
// no worker of a version before has begun a fetch with it. A fetch that was started
// without it, from JSON alone, records its version once.
func flowOf(ctx workflow.Context) int {
	if flow := workflows.FlowOf(workflow.GetInfo(ctx).Memo); flow >= workflows.FlowFewEvents {
		return flow
	}
	switch workflow.GetVersion(ctx, changeToFewEvents, workflow.DefaultVersion, 2) {
	case workflow.DefaultVersion:
		return 0
	case 1:
		return workflows.FlowFewEvents
	default:
		return workflows.FlowPurgeAlarm
	}
}

// hasAlarm reports whether the run raises the alarm so long before the purge. One of
// an earlier flow has a version of its own for each: a fetch that waited past the first
// before its worker was upgraded still raises the next.
func (f *fetch) hasAlarm(ctx workflow.Context, before time.Duration) bool {
	return f.flow >= workflows.FlowPurgeAlarm ||
		workflow.GetVersion(ctx, changeToPurgeAlarm+before.String(), workflow.DefaultVersion, 1) > workflow.DefaultVersion
}
