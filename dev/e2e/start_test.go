package e2e_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"github.com/callvault/callvault/internal/simulator"
	"github.com/callvault/callvault/workflows"
)

// executeJSON starts a fetch as "temporal workflow start --input" does.
func (h *harness) executeJSON(workflowID, input string) client.WorkflowRun {
	h.t.Helper()
	run, err := h.client.ExecuteWorkflow(h.ctx,
		client.StartWorkflowOptions{ID: workflowID, TaskQueue: "callvault"}, "FetchRecordingWorkflow", json.RawMessage(input))
	require.NoError(h.t, err)
	return run
}

func TestFetchStartsFromPlainJSON(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.startWorker()
	file := recording("json.wav", 60_000)
	sessionID := h.addSession([]simulator.Step{once(simulator.StatusMediaInProgress), {Status: simulator.StatusSuccess}}, file)

	run := h.executeJSON("my own id", fmt.Sprintf(
		`{"botId": %q, "sessionId": %q, "userId": "u-1", "batchId": "b.1", "policy": {"pollMin": "500ms", "partialMaxRetries": 0}}`, bot, sessionID))
	h.requireArchived(h.result(run), file)
	h.awaitListed(fmt.Sprintf("WorkflowId = 'my own id' AND CallvaultBot = '%s' AND CallvaultBatch = 'b.1' AND CallvaultPhase = 'archived' AND CallvaultOutcome = 'archived' AND %s",
		bot, callTimeQuery))
	require.Equal(t, "b.1", h.manifest(sessionID).BatchID)
	require.Equal(t, "my own id", h.manifest(sessionID).WorkflowID)
	require.Equal(t, "u-1", h.upstream.Calls()[0].UserID)
}

func TestInvalidInputIsRefusedBeforeAnyUpstreamCall(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.startWorker()
	const session = "65e7133a3242653c58d7aaaa"
	tests := []struct {
		name, input, errorType string
		want                   []string
	}{
		{"an unknown key", `{"botId": "` + bot + `", "sessionId": "` + session + `", "sesionId": "x"}`, workflows.ErrorTypeInvalidInput, []string{`"sesionId"`}},
		{"an unknown key of the policy", `{"botId": "` + bot + `", "sessionId": "` + session + `", "policy": {"polMin": "1m"}}`, workflows.ErrorTypeInvalidInput, []string{`"polMin"`, "pollMin"}},
		{"a value of another type", `{"botId": 7, "sessionId": "` + session + `"}`, workflows.ErrorTypeInvalidInput, []string{"botId", "string"}},
		{"not a JSON object", `["` + bot + `"]`, workflows.ErrorTypeInvalidInput, []string{"object"}},
		{"malformed ids, both at once", `{"botId": "st-../..", "sessionId": "65E7"}`, workflows.ErrorTypeInvalidInput, []string{"botId", "sessionId", "24"}},
		{"no ids", `{}`, workflows.ErrorTypeInvalidInput, []string{"botId is empty", "sessionId is empty"}},
		{"a negative duration", `{"botId": "` + bot + `", "sessionId": "` + session + `", "policy": {"giveUpAfter": "-1h"}}`, workflows.ErrorTypeInvalidInput, []string{"policy.giveUpAfter", `"-1h"`}},
		{"a duration that is a number", `{"botId": "` + bot + `", "sessionId": "` + session + `", "policy": {"pollMin": 60}}`, workflows.ErrorTypeInvalidInput, []string{"policy.pollMin", "60"}},
		{"a key reserved for the workflow", `{"botId": "` + bot + `", "sessionId": "` + session + `", "resume": {"statusChecks": 0}}`, workflows.ErrorTypeInvalidInput, []string{`"resume"`}},
		{"a session of the future", `{"botId": "` + bot + `", "sessionId": "ffffffff3242653c58d7aaaa"}`, workflows.ErrorTypeInvalidInput, []string{"2106-02-07", "in the future"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			h := h.forSubtest(t)
			err := h.executeJSON("invalid: "+test.name, test.input).Get(h.ctx, nil)
			var applicationError *temporal.ApplicationError
			require.ErrorAs(t, err, &applicationError)
			require.Equal(t, test.errorType, applicationError.Type())
			for _, text := range test.want {
				require.Contains(t, applicationError.Message(), text)
			}
		})
	}
	require.Zero(t, h.upstream.Counts().API)
	require.Empty(t, h.keys(h.ctx))
}

func TestStarterExitsWithCode2OnInvalidUsage(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.startWorker()
	h.await("the server lists the worker", func() bool { // It does a moment after the worker is ready.
		listed, err := h.client.WorkflowService().ListWorkers(h.ctx, &workflowservice.ListWorkersRequest{
			Namespace: h.name, PageSize: 10, Query: "TaskQueue STARTS_WITH 'callvault-bot/'",
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
		{"no session", []string{"fetch", "--bot", bot}, "sessionId is empty"},
		{"a malformed bot", []string{"fetch", "--bot", "x", "--session", "65e7133a3242653c58d7aaaa"}, "botId"},
		{"a negative wait", []string{"fetch", "--bot", bot, "--session", "65e7133a3242653c58d7aaaa", "--poll-min=-1h"}, "--poll-min"},
		{"a bot that is not served", []string{"fetch", "--bot", "st-other", "--session", "65e7133a3242653c58d7aaaa", "--wait"}, "serves bot st-other (they serve " + bot + ")"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p := h.forSubtest(t).startStarter(test.arguments...)
			require.Equal(t, 2, p.exitCode(h.ctx))
			require.Contains(t, p.stderr.String(), test.want)
		})
	}
	require.Zero(t, h.upstream.Counts().API)
}

func TestFetchBeforeTheFirstWorkerWaitsForIt(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	file := recording("early.wav", 60_000)
	sessionID := h.addSession(nil, file)
	refused := h.startStarter("fetch", "--bot", bot, "--session", sessionID)
	require.Equal(t, 2, refused.exitCode(h.ctx))
	require.Contains(t, refused.stderr.String(), "--no-check")
	waiting := h.startStarter("fetch", "--bot", bot, "--session", sessionID, "--no-check", "--wait")
	waiting.stderr.await(h.ctx, t, `no worker responds: start one with "`+workerBinary+`"`)
	h.startWorker()
	require.Zero(t, waiting.exitCode(h.ctx), waiting.stderr)
	require.Contains(t, waiting.stdout.String(), "archived: session "+sessionID+" of bot "+bot)
	require.Contains(t, waiting.stdout.String(), "s3://"+h.name+"/"+h.folder(sessionID)+file.Name+"  60000 bytes  wav  sha256 ")
	require.Contains(t, waiting.stdout.String(), "manifest s3://"+h.name+"/"+h.folder(sessionID)+"manifest.json")
}

func TestFetchesOfASessionUnderDifferentIDsAgree(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	barrier := h.upstream.blockDownloads(blockAt)
	h.startWorker()
	file := recording("twice.wav", largeFile, noLength())
	sessionID := h.addSession(nil, file)
	input := fmt.Sprintf(`{"botId": %q, "sessionId": %q}`, bot, sessionID)
	first, second := h.executeJSON("one", input), h.executeJSON("another", input)
	barrier.awaitBlocked(h.ctx, t, 2)
	barrier.open()
	h.requireArchived(h.result(first), file)
	h.requireArchived(h.result(second), file)
	one, another := h.result(first), h.result(second)
	require.NotEqual(t, one.Source, another.Source, "one wrote the manifest, the other found it")
	one.Source, another.Source = "", ""
	require.Equal(t, one, another)
	h.requireOnly(map[string][]simulator.File{sessionID: {file}})
}
