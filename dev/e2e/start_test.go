package e2e_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"github.com/callvault/callvault/dev/internal/system"
	"github.com/callvault/callvault/internal/simulator"
	"github.com/callvault/callvault/workflows"
)

// executeJSON starts a fetch as "temporal workflow start --input" does.
func (h *harness) executeJSON(workflowID, input string) client.WorkflowRun {
	h.T.Helper()
	run, err := h.Client.ExecuteWorkflow(h.Ctx,
		client.StartWorkflowOptions{ID: workflowID, TaskQueue: "callvault"}, "FetchRecordingWorkflow", json.RawMessage(input))
	require.NoError(h.T, err)
	return run
}

func TestFetchStartsFromPlainJSON(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.StartWorker()
	file := system.Recording("json.wav", 60_000)
	sessionID := h.AddSession([]simulator.Step{once(simulator.StatusMediaInProgress), {Status: simulator.StatusSuccess}}, file)

	run := h.executeJSON("my own id", fmt.Sprintf(
		`{"botId": %q, "sessionId": %q, "userId": "u-1", "batchId": "b.1", "policy": {"pollMin": "500ms", "partialMaxRetries": 0}}`, system.Bot, sessionID))
	h.RequireArchived(h.Result(run), file)
	h.AwaitListed(fmt.Sprintf("WorkflowId = 'my own id' AND CallvaultBot = '%s' AND CallvaultBatch = 'b.1' AND CallvaultPhase = 'archived' AND CallvaultOutcome = 'archived' AND %s",
		system.Bot, callTimeQuery))
	require.Equal(t, "b.1", h.Manifest(sessionID).BatchID)
	require.Equal(t, "my own id", h.Manifest(sessionID).WorkflowID)
	require.Equal(t, "u-1", h.Upstream.Calls()[0].UserID)
}

func TestInvalidInputIsRefusedBeforeAnyUpstreamCall(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.StartWorker()
	const session = "65e7133a3242653c58d7aaaa"
	tests := []struct {
		name, input, errorType string
		want                   []string
	}{
		{"an unknown key", `{"botId": "` + system.Bot + `", "sessionId": "` + session + `", "sesionId": "x"}`, workflows.ErrorTypeInvalidInput, []string{`"sesionId"`}},
		{"an unknown key of the policy", `{"botId": "` + system.Bot + `", "sessionId": "` + session + `", "policy": {"polMin": "1m"}}`, workflows.ErrorTypeInvalidInput, []string{`"polMin"`, "pollMin"}},
		{"a value of another type", `{"botId": 7, "sessionId": "` + session + `"}`, workflows.ErrorTypeInvalidInput, []string{"botId", "string"}},
		{"not a JSON object", `["` + system.Bot + `"]`, workflows.ErrorTypeInvalidInput, []string{"object"}},
		{"malformed ids, both at once", `{"botId": "st-../..", "sessionId": "65E7"}`, workflows.ErrorTypeInvalidInput, []string{"botId", "sessionId", "24"}},
		{"no ids", `{}`, workflows.ErrorTypeInvalidInput, []string{"botId is empty", "sessionId is empty"}},
		{"a negative duration", `{"botId": "` + system.Bot + `", "sessionId": "` + session + `", "policy": {"giveUpAfter": "-1h"}}`, workflows.ErrorTypeInvalidInput, []string{"policy.giveUpAfter", `"-1h"`}},
		{"a duration that is a number", `{"botId": "` + system.Bot + `", "sessionId": "` + session + `", "policy": {"pollMin": 60}}`, workflows.ErrorTypeInvalidInput, []string{"policy.pollMin", "60"}},
		{"a key reserved for the workflow", `{"botId": "` + system.Bot + `", "sessionId": "` + session + `", "resume": {"statusChecks": 0}}`, workflows.ErrorTypeInvalidInput, []string{`"resume"`}},
		{"a session of the future", `{"botId": "` + system.Bot + `", "sessionId": "ffffffff3242653c58d7aaaa"}`, workflows.ErrorTypeInvalidInput, []string{"2106-02-07", "in the future"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			h := h.forSubtest(t)
			err := h.executeJSON("invalid: "+test.name, test.input).Get(h.Ctx, nil)
			var applicationError *temporal.ApplicationError
			require.ErrorAs(t, err, &applicationError)
			require.Equal(t, test.errorType, applicationError.Type())
			for _, text := range test.want {
				require.Contains(t, applicationError.Message(), text)
			}
		})
	}
	require.Zero(t, h.Upstream.Counts().API)
	require.Empty(t, h.Keys(h.Ctx))
}

func TestStarterExitsWithCode2OnInvalidUsage(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.StartWorker()
	h.Await("the server lists the worker", func() bool { // It does a moment after the worker is ready.
		listed, err := h.Client.WorkflowService().ListWorkers(h.Ctx, &workflowservice.ListWorkersRequest{
			Namespace: h.Name, PageSize: 10, Query: "TaskQueue STARTS_WITH 'callvault-bot/'",
		})
		return err == nil && len(listed.GetWorkers()) > 0
	})
	tests := []struct {
		name      string
		arguments []string
		want      string
	}{
		{"no command", nil, "no command"},
		{"an unknown command", []string{"fecth"}, `"fecth"`},
		{"an unknown flag", []string{"fetch", "--sesion", "x"}, "--sesion"},
		{"no session", []string{"fetch", "--bot", system.Bot}, "sessionId is empty"},
		{"a malformed bot", []string{"fetch", "--bot", "x", "--session", "65e7133a3242653c58d7aaaa"}, "botId"},
		{"a negative wait", []string{"fetch", "--bot", system.Bot, "--session", "65e7133a3242653c58d7aaaa", "--poll-min=-1h"}, "--poll-min"},
		{"a bot that is not served", []string{"fetch", "--bot", "st-other", "--session", "65e7133a3242653c58d7aaaa", "--wait"}, "serves bot st-other (they serve " + system.Bot + ")"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p := h.forSubtest(t).StartStarter(test.arguments...)
			require.Equal(t, 2, p.ExitCode(h.Ctx))
			require.Contains(t, p.Stderr.String(), test.want)
		})
	}
	require.Zero(t, h.Upstream.Counts().API)
}

func TestFetchBeforeTheFirstWorkerWaitsForIt(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	file := system.Recording("early.wav", 60_000)
	sessionID := h.AddSession(nil, file)
	refused := h.StartStarter("fetch", "--bot", system.Bot, "--session", sessionID)
	require.Equal(t, 2, refused.ExitCode(h.Ctx))
	require.Contains(t, refused.Stderr.String(), "--no-check")
	waiting := h.StartStarter("fetch", "--bot", system.Bot, "--session", sessionID, "--no-check", "--wait")
	waiting.Stderr.Await(h.Ctx, t, `no worker responds: start one with "`+system.WorkerBinary+`"`)
	h.StartWorker()
	require.Zero(t, waiting.ExitCode(h.Ctx), waiting.Stderr)
	require.Contains(t, waiting.Stdout.String(), "archived: session "+sessionID+" of bot "+system.Bot)
	require.Contains(t, waiting.Stdout.String(), "s3://"+h.Name+"/"+h.Folder(sessionID)+file.Name+"  60000 bytes  wav  sha256 ")
	require.Contains(t, waiting.Stdout.String(), "manifest s3://"+h.Name+"/"+h.Folder(sessionID)+"manifest.json")
}

func TestFetchesOfASessionUnderDifferentIDsAgree(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	barrier := h.Upstream.BlockDownloads(blockAt)
	h.StartWorker()
	file := system.Recording("twice.wav", largeFile, noLength())
	sessionID := h.AddSession(nil, file)
	input := fmt.Sprintf(`{"botId": %q, "sessionId": %q}`, system.Bot, sessionID)
	first, second := h.executeJSON("one", input), h.executeJSON("another", input)
	barrier.AwaitBlocked(h.Ctx, t, 2)
	barrier.Open()
	h.RequireArchived(h.Result(first), file)
	h.RequireArchived(h.Result(second), file)
	one, another := h.Result(first), h.Result(second)
	require.NotEqual(t, one.Source, another.Source, "one wrote the manifest, the other found it")
	one.Source, another.Source = "", ""
	require.Equal(t, one, another)
	h.RequireOnly(map[string][]simulator.File{sessionID: {file}})
}
