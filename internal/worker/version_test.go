package worker

import (
	"log/slog"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/workflow"

	"github.com/callvault/callvault/activities"
	"github.com/callvault/callvault/internal/account"
	"github.com/callvault/callvault/internal/config"
	"github.com/callvault/callvault/internal/slots"
	"github.com/callvault/callvault/workflows"
)

func TestOnlyABatchStaysOnItsVersion(t *testing.T) {
	require.Equal(t, workflow.VersioningBehaviorPinned, behaviorOf(workflows.FetchRecordingsBatchWorkflowName))
	for _, name := range []string{
		workflows.FetchRecordingWorkflowName, workflows.ArchiveDayWorkflowName, workflows.ArchiveDaysWorkflowName,
		workflows.ArchiveLedgerWorkflowName, workflows.CallBudgetWorkflowName,
	} {
		require.Equal(t, workflow.VersioningBehaviorAutoUpgrade, behaviorOf(name), name)
	}
}

func TestVersionIsThatOfTheDeployment(t *testing.T) {
	require.Zero(t, versionOf(config.Deployment{}), "workers have no version unless a deployment is named")
	version := versionOf(config.Deployment{Name: "callvault", BuildID: "v0.3.0"})
	require.True(t, version.UseVersioning)
	require.Equal(t, "callvault", version.Version.DeploymentName)
	require.Equal(t, "v0.3.0", version.Version.BuildID)
}

// The SDK refuses a versioned worker with a workflow that says nothing of versions.
func TestEveryWorkflowSaysWhatItDoesOnANewVersion(t *testing.T) {
	c, err := client.NewLazyClient(client.Options{})
	require.NoError(t, err)
	defer c.Close()
	logger := slog.New(slog.DiscardHandler)
	one := openAccount(t, "acme", &url.URL{Scheme: "https", Host: "s3.example.com"}, deadStore{})
	served := newServed(c, "default", &account.Served{Accounts: []*account.Account{one}},
		slots.New(slots.Options{Temporal: c, Namespace: "default", Logger: logger}), activities.TransferTiming{}, logger)
	require.NotPanics(t, func() {
		newQueues(c, served, versionOf(config.Deployment{Name: "callvault", BuildID: "v0.3.0"}), true, logger, func(error) {})
	})
}
