package cli

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"

	"github.com/callvault/callvault/internal/program"
	"github.com/callvault/callvault/workflows"
)

func (silentClient) QueryWorkflow(ctx context.Context, _, _, _ string, _ ...any) (converter.EncodedValue, error) {
	return nil, untilDone(ctx)
}

func (silentClient) GetWorkflow(_ context.Context, workflowID, _ string) client.WorkflowRun {
	return silentRun{id: workflowID}
}

type silentRun struct {
	client.WorkflowRun
	id string
}

func (r silentRun) GetID() string { return r.id }

func (silentClient) CancelWorkflow(ctx context.Context, _, _ string) error { return untilDone(ctx) }

func TestSilentServerIsWaitedForInBoundedTimeByBatches(t *testing.T) {
	worker, starter := program.Command("worker"), program.Command("starter")
	for name, row := range map[string]struct {
		request func(context.Context, batches) error
		bound   time.Duration
		says    string
	}{
		"list": {func(ctx context.Context, b batches) error { _, err := b.list(ctx, true, nil); return err }, 5 * time.Second, "list the batches: context deadline exceeded"},
		"status": {func(ctx context.Context, b batches) error { _, err := b.progress(ctx, "b1"); return err }, 5 * time.Second,
			`batch b1: no worker responds: start one with "` + worker + `"`},
		"pause": {func(ctx context.Context, b batches) error {
			_, err := b.change(ctx, "b1", workflows.UpdatePause, workflows.BatchChange{})
			return err
		}, 10 * time.Second, `batch b1: no worker responds within 10s: start one with "` + worker + `", which may still make the change; to see whether it did: ` + starter + ` batch status b1`},
		"cancel": {func(ctx context.Context, b batches) error { return b.cancel(ctx, "b1") }, 10 * time.Second, "batch b1: the server does not respond: context deadline exceeded"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				require.EqualError(t, row.request(t.Context(), batches{silentClient{}, "prod"}), row.says)
				require.Equal(t, row.bound, time.Since(began))
			})
		})
	}
}

func TestDefaultIDIsMadeOfTheTimeAndTheFile(t *testing.T) {
	now := time.Date(2026, 11, 28, 18, 15, 3, 0, time.FixedZone("", 3600))
	for file, want := range map[string]string{
		"sessions.csv":                 "20261128-171503-sessions",
		"/tmp/a list (2).ndjson":       "20261128-171503-a_list__2_",
		"-":                            "20261128-171503-stdin",
		".csv":                         "20261128-171503",
		strings.Repeat("x", 200) + ".": "20261128-171503-" + strings.Repeat("x", 64),
	} {
		id := defaultBatchID(now, file)
		require.Equal(t, want, id)
		require.NoError(t, workflows.ValidateBatchID(id))
	}
}

func TestLineViewWritesALineWhenItChanges(t *testing.T) {
	var out bytes.Buffer
	shown := newView(&out)
	for _, line := range []string{"a", "a", "b", "b", "a"} {
		shown.show(line, "text\n")
	}
	require.Equal(t, 3, strings.Count(out.String(), "\n"))
}

func TestLiveViewDrawsOverWhatItHasDrawn(t *testing.T) {
	var out bytes.Buffer
	shown := &liveView{w: &out}
	shown.show("", "one\ntwo\n")
	shown.show("", "three\n")
	shown.show("", "four\n")
	require.Equal(t, "\x1b[?7lone\ntwo\n\x1b[?7h"+"\x1b[2A\x1b[J\x1b[?7lthree\n\x1b[?7h"+"\x1b[1A\x1b[J\x1b[?7lfour\n\x1b[?7h", out.String())
}

func TestOptionsOfARetryReplaceTheKeptOnesAlone(t *testing.T) {
	kept := workflows.BatchRequest{BatchID: "b1", Priority: 4, Policy: workflows.FetchPolicy{PollMin: 1, PollMax: 2, PartialRetryAfter: 3, PartialMaxRetries: new(4), UnavailableSettlesAfter: 5, GiveUpAfter: 6}}
	require.Equal(t, kept, overridden(kept, workflows.BatchRequest{}))
	over := workflows.BatchRequest{Priority: 1, MaxFailures: workflows.FailureLimit{Count: 2}, Policy: workflows.FetchPolicy{PollMin: 11, PollMax: 12, PartialRetryAfter: 13, PartialMaxRetries: new(14), UnavailableSettlesAfter: 15, GiveUpAfter: 16}}
	want := over
	want.BatchID = "b1"
	require.Equal(t, want, overridden(kept, over))
}
