package worker

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	sdkworker "go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/callvault/callvault/internal/config"
	"github.com/callvault/callvault/workflows"
)

// versionOf returns the version of the workers of workflows, if the process has one.
//
// The queues of activities have none, for two reasons. Any worker may take any activity, of
// whatever version of the workflow, so there is nothing to keep apart: what a stopping worker
// was downloading is continued by the next one that is free. And a Temporal server takes 100
// queues of one version by default, which six bots exceed.
func versionOf(d config.Deployment) sdkworker.DeploymentOptions {
	if !d.IsVersioned() {
		return sdkworker.DeploymentOptions{}
	}
	return sdkworker.DeploymentOptions{
		UseVersioning: true,
		Version:       sdkworker.WorkerDeploymentVersion{DeploymentName: d.Name, BuildID: d.BuildID},
	}
}

// behaviorOf returns what a running workflow does when another version becomes current.
//
// All but batches go on with their next task on the current version: they sleep for days or
// never end, and would keep every old version's workers running. They can, because every
// version replays the histories of the versions before it, see workflows/*/testdata. A batch
// has a pass every few minutes, after which it can continue as new: so a run ends on the
// version on which it began, and the next one begins on the current one.
func behaviorOf(workflowType string) workflow.VersioningBehavior {
	if workflowType == workflows.FetchRecordingsBatchWorkflowName {
		return workflow.VersioningBehaviorPinned
	}
	return workflow.VersioningBehaviorAutoUpgrade
}

const (
	// registeredWithin is how long a server may take to know the version of a worker that
	// polls.
	registeredWithin = time.Minute
	registeredPoll   = time.Second
)

// sayVersion says which version is current. Without the one that the operator expects, new
// workflows wait, and nothing else tells why.
func sayVersion(ctx context.Context, c client.Client, d config.Deployment, logger *slog.Logger) {
	ctx, cancel := context.WithTimeout(ctx, registeredWithin)
	defer cancel()
	info, err := describeDeployment(ctx, c, d)
	if err != nil {
		if !errors.Is(ctx.Err(), context.Canceled) { // The worker is stopping.
			logger.Warn("it could not be found out which worker version is current", "deployment", d.Name, "error", err)
		}
		return
	}
	current := info.RoutingConfig.CurrentVersion
	if current != nil && current.BuildID == d.BuildID {
		logger.Info("this worker's version is current", "deployment", d.Name, "buildId", d.BuildID)
		return
	}
	now := "none"
	if current != nil {
		now = current.BuildID
	}
	logger.Warn("this worker's version is not current: it takes activities, but new workflows only once you make it current", "deployment", d.Name, "buildId", d.BuildID, "current", now,
		"command", "temporal worker deployment set-current-version --deployment-name "+d.Name+" --build-id "+d.BuildID)
}

// describeDeployment waits until the server knows this worker's version.
func describeDeployment(ctx context.Context, c client.Client, d config.Deployment) (client.WorkerDeploymentInfo, error) {
	ticker := time.NewTicker(registeredPoll)
	defer ticker.Stop()
	for {
		described, err := c.WorkerDeploymentClient().GetHandle(d.Name).Describe(ctx, client.WorkerDeploymentDescribeOptions{})
		var unknown *serviceerror.NotFound
		switch {
		case err == nil && knows(described.Info, d.BuildID):
			return described.Info, nil
		case err != nil && !errors.As(err, &unknown):
			return client.WorkerDeploymentInfo{}, err
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return client.WorkerDeploymentInfo{}, ctx.Err()
		}
	}
}

func knows(info client.WorkerDeploymentInfo, buildID string) bool {
	for _, version := range info.VersionSummaries {
		if version.Version.BuildID == buildID {
			return true
		}
	}
	return false
}
