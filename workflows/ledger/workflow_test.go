package ledger_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"

	"github.com/callvault/callvault/workflows"
	"github.com/callvault/callvault/workflows/ledger"
)

// harness runs a ledger whose log is in memory.
type harness struct {
	t       *testing.T
	env     *testsuite.TestWorkflowEnvironment
	entries []string
	writes  int
	failing error

	checkpoint string
	indexes    map[string]int64
	errs       map[string]error
}

func newHarness(t *testing.T) *harness {
	var suite testsuite.WorkflowTestSuite
	h := &harness{t: t, env: suite.NewTestWorkflowEnvironment(), indexes: make(map[string]int64), errs: make(map[string]error)}
	h.env.SetTestTimeout(time.Minute)
	h.env.RegisterWorkflowWithOptions(ledger.Workflow, workflow.RegisterOptions{Name: workflows.ArchiveLedgerWorkflowName})
	h.env.RegisterActivityWithOptions(h.append, activity.RegisterOptions{Name: ledger.AppendToLog})
	return h
}

func (h *harness) append(in ledger.AppendInput) (*ledger.AppendResult, error) {
	h.writes++
	if h.failing != nil {
		return nil, h.failing
	}
	require.Equal(h.t, h.checkpoint, string(in.Checkpoint), "the log has to extend what the ledger has seen")
	result := &ledger.AppendResult{}
	for _, entry := range in.Entries {
		result.Indexes = append(result.Indexes, int64(len(h.entries)))
		h.entries = append(h.entries, entry)
	}
	h.checkpoint = fmt.Sprint("checkpoint ", len(h.entries))
	result.Size, result.Checkpoint = int64(len(h.entries)), []byte(h.checkpoint)
	return result, nil
}

// send sends an entry at a time after the start.
func (h *harness) send(after time.Duration, text string) {
	h.env.RegisterDelayedCallback(func() {
		h.env.UpdateWorkflow(ledger.UpdateAppend, text, &testsuite.TestUpdateCallback{
			OnReject: func(err error) { h.errs[text] = err },
			OnAccept: func() {},
			OnComplete: func(result any, err error) {
				h.errs[text] = err
				if appended, ok := result.(ledger.Appended); ok {
					h.indexes[text] = appended.Index
				}
			},
		}, ledger.Entry{Text: text})
	}, after)
}

func (h *harness) run(until time.Duration) {
	h.env.RegisterDelayedCallback(h.env.CancelWorkflow, until)
	h.env.ExecuteWorkflow(workflows.ArchiveLedgerWorkflowName, ledger.Input{Log: "s3/recordings/"})
}

func TestEveryEntryLearnsItsPlace(t *testing.T) {
	h := newHarness(t)
	for i := range 250 {
		h.send(time.Second, fmt.Sprint("entry-", i))
	}
	h.send(time.Hour, "later")
	h.run(2 * time.Hour)
	require.Len(t, h.entries, 251)
	for text, index := range h.indexes {
		require.Equal(t, text, h.entries[index])
	}
	require.Len(t, h.indexes, 251)
	require.Less(t, h.writes, 10, "entries that wait are written together")
}

func TestEntryIsRefusedWhileTheLogCannotBeWritten(t *testing.T) {
	h := newHarness(t)
	h.failing = temporal.NewNonRetryableApplicationError("make a key", "ArchiveBlocked", nil)
	h.send(time.Second, "a")
	h.env.RegisterDelayedCallback(func() {
		value, err := h.env.QueryWorkflow(workflows.QueryProgress)
		require.NoError(t, err)
		var progress workflows.LedgerProgress
		require.NoError(t, value.Get(&progress))
		require.Equal(t, "make a key", progress.Blocked)
		require.Zero(t, progress.Waiting)
		h.failing = nil
	}, time.Minute)
	h.send(2*time.Minute, "b")
	h.run(time.Hour)
	failed, ok := errors.AsType[*temporal.ApplicationError](h.errs["a"])
	require.True(t, ok)
	require.Equal(t, "make a key", failed.Message())
	require.NoError(t, h.errs["b"])
	require.Equal(t, []string{"b"}, h.entries)
}

func TestEntryThatTheLogCannotHoldIsRefused(t *testing.T) {
	h := newHarness(t)
	large := strings.Repeat("x", 65_536)
	h.send(time.Second, large)
	h.send(time.Second, "")
	h.run(time.Minute)
	require.Error(t, h.errs[large])
	require.Error(t, h.errs[""])
	require.Zero(t, h.writes)
}

func TestLedgerContinuesAsNewOnceNothingWaits(t *testing.T) {
	h := newHarness(t)
	h.send(time.Second, "a")
	h.env.RegisterDelayedCallback(func() { h.env.SetContinueAsNewSuggested(true) }, 2*time.Second)
	h.env.ExecuteWorkflow(workflows.ArchiveLedgerWorkflowName, ledger.Input{Log: "s3/recordings/"})
	next, ok := errors.AsType[*workflow.ContinueAsNewError](h.env.GetWorkflowError())
	require.True(t, ok, "%v", h.env.GetWorkflowError())
	require.Equal(t, workflows.ArchiveLedgerWorkflowName, next.WorkflowType.Name)
	require.Equal(t, []string{"a"}, h.entries)
	var input ledger.Input
	require.NoError(t, converter.GetDefaultDataConverter().FromPayloads(next.Input, &input))
	require.Equal(t, ledger.Input{Log: "s3/recordings/", Entries: 1, Checkpoint: []byte(h.checkpoint)}, input, "the next run refuses a log that lacks what this one has seen")
}
