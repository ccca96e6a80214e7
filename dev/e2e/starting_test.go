package e2e_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"github.com/callvault/callvault/internal/simulator"
	"github.com/callvault/callvault/workflows"
)

// executeJSON starts a fetch as "temporal workflow start --input" does.
func (w *world) executeJSON(workflowID, input string) client.WorkflowRun {
	w.t.Helper()
	run, err := w.client.ExecuteWorkflow(w.ctx,
		client.StartWorkflowOptions{ID: workflowID, TaskQueue: "callvault"}, "FetchRecordingWorkflow", json.RawMessage(input))
	require.NoError(w.t, err)
	return run
}

func TestAFetchStartsFromItsJSONAlone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.startWorker()
	file := recording("json.wav", 60_000)
	sessionID := w.addSession([]simulator.Step{once(simulator.StatusMediaInProgress), {Status: simulator.StatusSuccess}}, file)

	run := w.executeJSON("whatever I like", fmt.Sprintf(
		`{"botId": %q, "sessionId": %q, "userId": "u-1", "batchId": "b.1", "policy": {"pollMin": "500ms", "partialMaxRetries": 0}}`, bot, sessionID))
	w.requireArchived(w.result(run), file)
	w.awaitListed(fmt.Sprintf("WorkflowId = 'whatever I like' AND CallvaultBot = '%s' AND CallvaultBatch = 'b.1' AND CallvaultPhase = 'archived' AND CallvaultOutcome = 'archived' AND %s",
		bot, calledThen))
	require.Equal(t, "b.1", w.manifest(sessionID).BatchID)
	require.Equal(t, "whatever I like", w.manifest(sessionID).WorkflowID)
	require.Equal(t, "u-1", w.upstream.Calls()[0].UserID)
}

func TestAWrongInputIsRefusedByNameBeforeTheVendorIsAsked(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.startWorker()
	const session = "65e7133a3242653c58d7aaaa"
	tests := []struct {
		name, input, errorType string
		says                   []string
	}{
		{"an unknown key", `{"botId": "` + bot + `", "sessionId": "` + session + `", "sesionId": "x"}`, workflows.ErrorTypeInvalidInput, []string{`"sesionId"`}},
		{"an unknown key of the policy", `{"botId": "` + bot + `", "sessionId": "` + session + `", "policy": {"polMin": "1m"}}`, workflows.ErrorTypeInvalidInput, []string{`"polMin"`, "pollMin"}},
		{"a value of another type", `{"botId": 7, "sessionId": "` + session + `"}`, workflows.ErrorTypeInvalidInput, []string{"botId", "string"}},
		{"no JSON object", `["` + bot + `"]`, workflows.ErrorTypeInvalidInput, []string{"object"}},
		{"malformed ids, both at once", `{"botId": "st-../..", "sessionId": "65E7"}`, workflows.ErrorTypeInvalidInput, []string{"botId", "sessionId", "24"}},
		{"no ids", `{}`, workflows.ErrorTypeInvalidInput, []string{"botId is empty", "sessionId is empty"}},
		{"a negative duration", `{"botId": "` + bot + `", "sessionId": "` + session + `", "policy": {"giveUpAfter": "-1h"}}`, workflows.ErrorTypeInvalidInput, []string{"policy.giveUpAfter", `"-1h"`}},
		{"a duration that is a number", `{"botId": "` + bot + `", "sessionId": "` + session + `", "policy": {"pollMin": 60}}`, workflows.ErrorTypeInvalidInput, []string{"policy.pollMin", "60"}},
		{"the workflow's own key", `{"botId": "` + bot + `", "sessionId": "` + session + `", "resume": {"statusChecks": 0}}`, workflows.ErrorTypeInvalidInput, []string{`"resume"`}},
		{"a bot that is not served", `{"botId": "st-somebody-elses", "sessionId": "` + session + `"}`, workflows.ErrorTypeBotNotServed, []string{"st-somebody-elses", "SMARTASSIST_BOT_ID"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := w.of(t)
			err := w.executeJSON("wrong: "+test.name, test.input).Get(w.ctx, nil)
			var applicationError *temporal.ApplicationError
			require.ErrorAs(t, err, &applicationError)
			require.Equal(t, test.errorType, applicationError.Type())
			for _, words := range test.says {
				require.Contains(t, applicationError.Message(), words)
			}
		})
	}
	require.Zero(t, w.upstream.Counts().API)
	require.Empty(t, w.keys(w.ctx))
}

func TestTheStarterRefusesWrongUsageWithExitCode2(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.startWorker()
	tests := []struct {
		name      string
		arguments []string
		says      string
	}{
		{"no command", nil, "say what to do"},
		{"an unknown command", []string{"fecth"}, `"fecth"`},
		{"an unknown flag", []string{"fetch", "--sesion", "x"}, "--sesion"},
		{"no session", []string{"fetch", "--bot", bot}, "sessionId is empty"},
		{"a malformed bot", []string{"fetch", "--bot", "x", "--session", "65e7133a3242653c58d7aaaa"}, "botId"},
		{"a negative wait", []string{"fetch", "--bot", bot, "--session", "65e7133a3242653c58d7aaaa", "--poll-min=-1h"}, "--poll-min"},
		{"a bot that is not served", []string{"fetch", "--bot", "st-other", "--session", "65e7133a3242653c58d7aaaa", "--wait"}, "st-other is not served"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p := w.of(t).startStarter(test.arguments...)
			require.Equal(t, 2, p.exitCode(w.ctx))
			require.Contains(t, p.stderr.String(), test.says)
		})
	}
	require.Zero(t, w.upstream.Counts().API)
}

func TestAFetchThatIsStartedBeforeAnythingIsSetUpSaysWhatIsMissing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	file := recording("early.wav", 60_000)
	sessionID := w.addSession(nil, file)
	refused := w.startFetch(sessionID)
	require.Equal(t, 1, refused.exitCode(w.ctx))
	require.Contains(t, refused.stderr.String(), "go run ./starter setup")

	require.Zero(t, w.startStarter("setup").exitCode(w.ctx))
	waiting := w.startStarter("fetch", "--bot", bot, "--session", sessionID, "--wait")
	waiting.stderr.await(w.ctx, t, `no worker answers: start one with "go run ./worker"`)
	w.startWorker()
	require.Zero(t, waiting.exitCode(w.ctx), waiting.stderr)
	require.Contains(t, waiting.stdout.String(), "archived: session "+sessionID+" of bot "+bot)
	require.Contains(t, waiting.stdout.String(), "s3://"+w.name+"/"+w.folder(sessionID)+file.Name+"  60000 bytes  wav  sha256 ")
	require.Contains(t, waiting.stdout.String(), "manifest s3://"+w.name+"/"+w.folder(sessionID)+"manifest.json")
}

func TestTwoFetchesOfASessionUnderDifferentIDsAgree(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	gate := w.upstream.holdDownloads(heldAt)
	w.startWorker()
	file := recording("twice.wav", largeFile, unsized())
	sessionID := w.addSession(nil, file)
	input := fmt.Sprintf(`{"botId": %q, "sessionId": %q}`, bot, sessionID)
	first, second := w.executeJSON("one", input), w.executeJSON("another", input)
	gate.awaitHeld(w.ctx, t, 2)
	gate.open()
	w.requireArchived(w.result(first), file)
	w.requireArchived(w.result(second), file)
	require.Equal(t, w.result(first), w.result(second))
	w.requireOnly(map[string][]simulator.File{sessionID: {file}})
}
