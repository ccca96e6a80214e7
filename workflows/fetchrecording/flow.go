package fetchrecording

import (
	"go.temporal.io/sdk/workflow"

	"github.com/callvault/callvault/workflows"
)

// changeToFewEvents names the change to histories by which a recording costs fewer
// events: the first step is a local activity where it can be, the download of a call's
// only file writes the manifest, and that download is not shown as a phase.
const changeToFewEvents = "few-events"

// hasFewEvents reports whether the run goes the way that costs few events. The memo
// says so for nothing, where workflow.GetVersion costs two events: it is in the
// history, a further run keeps it, and workers are upgraded before callers (README), so
// no worker of a version before has begun a fetch with it. A fetch that was started
// without it, from JSON alone, records its version once.
func hasFewEvents(ctx workflow.Context) bool {
	if workflows.FlowOf(workflow.GetInfo(ctx).Memo) >= workflows.FlowFewEvents {
		return true
	}
	return workflow.GetVersion(ctx, changeToFewEvents, workflow.DefaultVersion, 1) > workflow.DefaultVersion
}
