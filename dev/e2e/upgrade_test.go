package e2e_test

import (
	"slices"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/sdk/client"

	"github.com/callvault/callvault/internal/simulator"
	"github.com/callvault/callvault/workflows"
)

// deployment is the worker deployment of a test's workers.
const deployment = "callvault"

// startVersion starts a worker of a version. Nothing runs on it until it is current.
func (h *harness) startVersion(buildID string) *process {
	h.t.Helper()
	return h.startWorker("CALLVAULT_DEPLOYMENT", deployment, "CALLVAULT_BUILD_ID", buildID)
}

// setCurrent makes a version current, as "temporal worker deployment set-current-version"
// does. It waits until the server knows the version.
func (h *harness) setCurrent(buildID string) {
	h.t.Helper()
	handle := h.client.WorkerDeploymentClient().GetHandle(deployment)
	var last error
	h.await("version "+buildID+" is current", func() bool {
		_, last = handle.SetCurrentVersion(h.ctx, client.WorkerDeploymentSetCurrentVersionOptions{BuildID: buildID})
		return last == nil
	})
}

// versionOf returns on which version the latest run of a workflow is.
func (h *harness) versionOf(workflowID string) (buildID string, info *workflowpb.WorkflowExecutionInfo) {
	h.t.Helper()
	described, err := h.client.DescribeWorkflowExecution(h.ctx, workflowID, "")
	require.NoError(h.t, err)
	info = described.GetWorkflowExecutionInfo()
	return info.GetVersioningInfo().GetDeploymentVersion().GetBuildId(), info
}

// versionsOf returns the versions that the tasks of a workflow's run were done on, in order.
func (h *harness) versionsOf(workflowID, runID string) []string {
	h.t.Helper()
	var builds []string
	for _, event := range h.history(h.ctx, workflowID, runID) {
		if task := event.GetWorkflowTaskCompletedEventAttributes(); task != nil {
			builds = append(builds, task.GetDeploymentVersion().GetBuildId())
		}
	}
	return slices.Compact(builds)
}

// addSleeping adds a session whose call is over once its fetch has asked once.
func (h *harness) addSleeping(name string) (sessionID string, file simulator.File) {
	h.t.Helper()
	file = recording(name, 60_000)
	return h.addSession([]simulator.Step{once(simulator.StatusCallInProgress), {Status: simulator.StatusSuccess}}, file), file
}

func TestWorkersAreReplacedUnderFetchesDownloadsAndABatch(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	barrier := h.upstream.blockDownloads(blockAt)
	old := h.startVersion("a")
	h.setCurrent("a")

	sleepingID, sleepingFile := h.addSleeping("sleeping.wav")
	batchedID, batchedFile := h.addSleeping("batched.wav")
	large, streamed := recording("large.wav", largeFile), recording("streamed.wav", largeFile, noLength())
	largeID, streamedID := h.addSession(nil, large), h.addSession(nil, streamed)
	sleeping := h.execute(sleepingID, longWaits())
	downloads := []client.WorkflowRun{h.execute(largeID, workflows.FetchPolicy{}), h.execute(streamedID, workflows.FetchPolicy{})}
	batch := h.startBatch("upgraded", []workflows.BatchSession{{Session: sessionOf(batchedID)}})
	h.awaitPhase(sleeping.GetID(), workflows.PhaseCallInProgress)
	h.awaitPhase(sessionOf(batchedID).FetchWorkflowID(), workflows.PhaseCallInProgress)
	barrier.awaitBlocked(h.ctx, t, 2)
	h.await("a multipart upload has begun", func() bool { return len(h.openUploads()) == 1 })
	build, info := h.versionOf(batch.WorkflowID())
	require.Equal(t, "a", build)
	require.Equal(t, enumspb.VERSIONING_BEHAVIOR_PINNED, info.GetVersioningInfo().GetBehavior())
	build, info = h.versionOf(sleeping.GetID())
	require.Equal(t, "a", build)
	require.Equal(t, enumspb.VERSIONING_BEHAVIOR_AUTO_UPGRADE, info.GetVersioningInfo().GetBehavior())

	// The new workers come, then they are made current, and then the old ones go.
	replacing := h.startVersion("b")
	replacing.stderr.await(h.ctx, t, "set-current-version --deployment-name callvault --build-id b")
	h.setCurrent("b")
	h.await("the next run of the batch is on the new version", func() bool {
		build, _ := h.versionOf(batch.WorkflowID())
		return build == "b"
	})
	require.Equal(t, []string{"a"}, h.versionsOf(batch.WorkflowID(), batch.RunID()), "its first run ended where it began")
	old.signal(syscall.SIGTERM)
	require.Zero(t, old.exitCode(h.ctx), old.stderr)
	require.Len(t, h.openUploads(), 1, "the new worker continues it")
	barrier.open()

	h.requireArchived(h.result(downloads[0]), large)
	h.requireArchived(h.result(downloads[1]), streamed)
	var continued int
	for _, call := range h.upstream.Calls() {
		if call.Kind == simulator.KindMedia && call.Range != "" {
			continued++
			require.Regexp(t, `^bytes=[1-9]\d*-$`, call.Range)
		}
	}
	require.Equal(t, 1, continued, "the upload in parts was continued")
	for _, workflowID := range []string{sleeping.GetID(), sessionOf(batchedID).FetchWorkflowID()} {
		require.True(t, h.checkNow(workflowID).EndedWait)
	}
	h.requireArchived(h.result(sleeping), sleepingFile)
	require.Equal(t, []string{"a", "b"}, h.versionsOf(sleeping.GetID(), sleeping.GetRunID()))
	result := h.batchResult(batch)
	require.Equal(t, map[workflows.Outcome]int{workflows.OutcomeArchived: 1}, result.Total.Outcomes)
	for _, run := range downloads {
		build, _ := h.versionOf(run.GetID())
		require.Equal(t, "b", build)
	}
	for id, files := range map[string][]simulator.File{sleepingID: {sleepingFile}, batchedID: {batchedFile}, largeID: {large}, streamedID: {streamed}} {
		manifest := h.manifest(id)
		require.Equal(t, "archived", manifest.Outcome)
		require.Len(t, manifest.Files, len(files))
	}
	require.Empty(t, h.openUploads())
}

func TestVersionsAreTurnedOnAndOffUnderRunningFetches(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	unversioned := h.startWorker()
	sleepingID, sleepingFile := h.addSleeping("sleeping.wav")
	lateID, lateFile := h.addSleeping("late.wav")
	sleeping, late := h.execute(sleepingID, longWaits()), h.execute(lateID, longWaits())
	h.awaitPhase(sleeping.GetID(), workflows.PhaseCallInProgress)
	h.awaitPhase(late.GetID(), workflows.PhaseCallInProgress)

	versioned := h.startVersion("a")
	plain := recording("plain.wav", 60_000)
	h.requireArchived(h.result(h.execute(h.addSession(nil, plain), workflows.FetchPolicy{})), plain) // Nothing waits before a version is current.
	h.setCurrent("a")
	unversioned.signal(syscall.SIGTERM)
	require.Zero(t, unversioned.exitCode(h.ctx), unversioned.stderr)
	require.True(t, h.checkNow(sleeping.GetID()).EndedWait)
	h.requireArchived(h.result(sleeping), sleepingFile)
	require.Equal(t, []string{"", "a"}, h.versionsOf(sleeping.GetID(), sleeping.GetRunID()))

	// Back to workers without versions.
	h.startWorker()
	h.setCurrent("")
	versioned.signal(syscall.SIGTERM)
	require.Zero(t, versioned.exitCode(h.ctx), versioned.stderr)
	require.True(t, h.checkNow(late.GetID()).EndedWait)
	h.requireArchived(h.result(late), lateFile)
}
