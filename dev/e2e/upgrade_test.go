package e2e_test

import (
	"slices"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/sdk/client"

	"github.com/callvault/callvault/dev/internal/system"
	"github.com/callvault/callvault/internal/simulator"
	"github.com/callvault/callvault/workflows"
)

// deployment is the worker deployment of a test's workers.
const deployment = "callvault"

// startVersion starts a worker of a version. Nothing runs on it until it is current.
func (h *harness) startVersion(buildID string) *system.Process {
	h.T.Helper()
	return h.StartWorker("CALLVAULT_DEPLOYMENT", deployment, "CALLVAULT_BUILD_ID", buildID)
}

// setCurrent makes a version current, as "temporal worker deployment set-current-version"
// does. It waits until the server knows the version.
func (h *harness) setCurrent(buildID string) {
	h.T.Helper()
	handle := h.Client.WorkerDeploymentClient().GetHandle(deployment)
	var last error
	h.Await("version "+buildID+" is current", func() bool {
		_, last = handle.SetCurrentVersion(h.Ctx, client.WorkerDeploymentSetCurrentVersionOptions{BuildID: buildID})
		return last == nil
	})
}

// versionOf returns on which version the latest run of a workflow is.
func (h *harness) versionOf(workflowID string) (buildID string, info *workflowpb.WorkflowExecutionInfo) {
	h.T.Helper()
	described, err := h.Client.DescribeWorkflowExecution(h.Ctx, workflowID, "")
	require.NoError(h.T, err)
	info = described.GetWorkflowExecutionInfo()
	return info.GetVersioningInfo().GetDeploymentVersion().GetBuildId(), info
}

// versionsOf returns the versions that the tasks of a workflow's run were done on, in order.
func (h *harness) versionsOf(workflowID, runID string) []string {
	h.T.Helper()
	var builds []string
	for _, event := range h.History(h.Ctx, workflowID, runID) {
		if task := event.GetWorkflowTaskCompletedEventAttributes(); task != nil {
			builds = append(builds, task.GetDeploymentVersion().GetBuildId())
		}
	}
	return slices.Compact(builds)
}

// addSleeping adds a session whose call is over once its fetch has asked once.
func (h *harness) addSleeping(name string) (sessionID string, file simulator.File) {
	h.T.Helper()
	file = system.Recording(name, 60_000)
	return h.AddSession([]simulator.Step{once(simulator.StatusCallInProgress), {Status: simulator.StatusSuccess}}, file), file
}

func TestWorkersAreReplacedUnderFetchesDownloadsAndABatch(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	barrier := h.Upstream.BlockDownloads(blockAt)
	old := h.startVersion("a")
	h.setCurrent("a")

	sleepingID, sleepingFile := h.addSleeping("sleeping.wav")
	batchedID, batchedFile := h.addSleeping("batched.wav")
	large, streamed := system.Recording("large.wav", largeFile), system.Recording("streamed.wav", largeFile, noLength())
	largeID, streamedID := h.AddSession(nil, large), h.AddSession(nil, streamed)
	sleeping := h.Execute(sleepingID, longWaits())
	downloads := []client.WorkflowRun{h.Execute(largeID, workflows.FetchPolicy{}), h.Execute(streamedID, workflows.FetchPolicy{})}
	batch := h.startBatch("upgraded", []workflows.BatchSession{{Session: system.SessionOf(batchedID)}})
	h.AwaitPhase(sleeping.GetID(), workflows.PhaseCallInProgress)
	h.AwaitPhase(system.SessionOf(batchedID).FetchWorkflowID(), workflows.PhaseCallInProgress)
	barrier.AwaitBlocked(h.Ctx, t, 2)
	h.Await("a multipart upload has begun", func() bool { return len(h.OpenUploads()) == 1 })
	build, info := h.versionOf(batch.WorkflowID())
	require.Equal(t, "a", build)
	require.Equal(t, enumspb.VERSIONING_BEHAVIOR_PINNED, info.GetVersioningInfo().GetBehavior())
	build, info = h.versionOf(sleeping.GetID())
	require.Equal(t, "a", build)
	require.Equal(t, enumspb.VERSIONING_BEHAVIOR_AUTO_UPGRADE, info.GetVersioningInfo().GetBehavior())

	// The new workers come, then they are made current, and then the old ones go.
	replacing := h.startVersion("b")
	replacing.Stderr.Await(h.Ctx, t, "set-current-version --deployment-name callvault --build-id b")
	h.setCurrent("b")
	h.Await("the next run of the batch is on the new version", func() bool {
		build, _ := h.versionOf(batch.WorkflowID())
		return build == "b"
	})
	require.Equal(t, []string{"a"}, h.versionsOf(batch.WorkflowID(), batch.RunID()), "its first run ended where it began")
	old.Signal(syscall.SIGTERM)
	require.Zero(t, old.ExitCode(h.Ctx), old.Stderr)
	require.Len(t, h.OpenUploads(), 1, "the new worker continues it")
	barrier.Open()

	h.RequireArchived(h.Result(downloads[0]), large)
	h.RequireArchived(h.Result(downloads[1]), streamed)
	var continued int
	for _, call := range h.Upstream.Calls() {
		if call.Kind == simulator.KindMedia && call.Range != "" {
			continued++
			require.Regexp(t, `^bytes=[1-9]\d*-$`, call.Range)
		}
	}
	require.Equal(t, 1, continued, "the upload in parts was continued")
	for _, workflowID := range []string{sleeping.GetID(), system.SessionOf(batchedID).FetchWorkflowID()} {
		require.True(t, h.CheckNow(workflowID).EndedWait)
	}
	h.RequireArchived(h.Result(sleeping), sleepingFile)
	require.Equal(t, []string{"a", "b"}, h.versionsOf(sleeping.GetID(), sleeping.GetRunID()))
	result := h.batchResult(batch)
	require.Equal(t, map[workflows.Outcome]int{workflows.OutcomeArchived: 1}, result.Total.Outcomes)
	for _, run := range downloads {
		build, _ := h.versionOf(run.GetID())
		require.Equal(t, "b", build)
	}
	for id, files := range map[string][]simulator.File{sleepingID: {sleepingFile}, batchedID: {batchedFile}, largeID: {large}, streamedID: {streamed}} {
		manifest := h.Manifest(id)
		require.Equal(t, "archived", manifest.Outcome)
		require.Len(t, manifest.Files, len(files))
	}
	require.Empty(t, h.OpenUploads())
}

func TestVersionsAreTurnedOnAndOffUnderRunningFetches(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	unversioned := h.StartWorker()
	sleepingID, sleepingFile := h.addSleeping("sleeping.wav")
	lateID, lateFile := h.addSleeping("late.wav")
	sleeping, late := h.Execute(sleepingID, longWaits()), h.Execute(lateID, longWaits())
	h.AwaitPhase(sleeping.GetID(), workflows.PhaseCallInProgress)
	h.AwaitPhase(late.GetID(), workflows.PhaseCallInProgress)

	versioned := h.startVersion("a")
	plain := system.Recording("plain.wav", 60_000)
	h.RequireArchived(h.Result(h.Execute(h.AddSession(nil, plain), workflows.FetchPolicy{})), plain) // Nothing waits before a version is current.
	h.setCurrent("a")
	unversioned.Signal(syscall.SIGTERM)
	require.Zero(t, unversioned.ExitCode(h.Ctx), unversioned.Stderr)
	require.True(t, h.CheckNow(sleeping.GetID()).EndedWait)
	h.RequireArchived(h.Result(sleeping), sleepingFile)
	require.Equal(t, []string{"", "a"}, h.versionsOf(sleeping.GetID(), sleeping.GetRunID()))

	// Back to workers without versions.
	h.StartWorker()
	h.setCurrent("")
	versioned.Signal(syscall.SIGTERM)
	require.Zero(t, versioned.ExitCode(h.Ctx), versioned.Stderr)
	require.True(t, h.CheckNow(late.GetID()).EndedWait)
	h.RequireArchived(h.Result(late), lateFile)
}
