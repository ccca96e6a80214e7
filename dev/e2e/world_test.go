package e2e_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	mathrand "math/rand/v2"
	"net/url"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	sdklog "go.temporal.io/sdk/log"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/callvault/callvault/dev/internal/stack"
	"github.com/callvault/callvault/internal/archive"
	"github.com/callvault/callvault/internal/simulator"
	"github.com/callvault/callvault/workflows"
)

const (
	// testLimit bounds one test.
	testLimit = 80 * time.Second

	// lookPause is the pause between two looks at what sends no event.
	lookPause = 50 * time.Millisecond

	// The budget of a bot, large enough to be in nobody's way.
	callsPerMinute = 6_000
	callsPerHour   = 180_000

	bot = simulator.DefaultBotID
)

// began is when the tests' calls took place.
var began = time.Date(2026, 3, 5, 12, 42, 34, 0, time.UTC)

// world is what one test has for itself: a namespace on the Temporal server, a
// bucket in the store, a stand-in of the vendor and credentials there.
type world struct {
	t        *testing.T
	ctx      context.Context
	upstream *upstream
	client   client.Client
	store    *minio.Client
	name     string // of the namespace and the bucket
	env      environment

	// secrets are what may be found nowhere, beside what the upstream saw.
	secrets []string

	// What the world's subtests share with it.
	processes *[]*process
	serial    *atomic.Uint64
}

var worlds atomic.Int64

// newWorld makes a world whose stand-in is configured by the given changes. In
// the end it looks whether any secret got into histories, outputs or objects.
func newWorld(t *testing.T, changes ...func(*simulator.Config)) *world {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), testLimit)
	t.Cleanup(cancel)
	secret := "canary-" + rand.Text()
	w := &world{t: t, ctx: ctx, name: fmt.Sprintf("e2e-%d", worlds.Add(1)), secrets: []string{secret},
		processes: new([]*process), serial: new(atomic.Uint64)}

	config := simulator.Config{ClientSecret: secret, EnforceJTI: true, CallsPerMinute: callsPerMinute, CallsPerHour: callsPerHour}
	for _, change := range changes {
		change(&config)
	}
	w.upstream = startUpstream(t, config)
	w.env = make(environment)
	for _, variable := range servers.Environment() {
		w.env[variable.Name] = variable.Value
	}
	w.env = w.env.with(
		"TEMPORAL_NAMESPACE", w.name,
		"S3_BUCKET", w.name,
		"SMARTASSIST_URL", w.upstream.url,
		"SMARTASSIST_CLIENT_SECRET", secret,
	)

	endpoint, err := url.Parse(servers.Store.Endpoint())
	require.NoError(t, err)
	w.store, err = minio.New(endpoint.Host, &minio.Options{Creds: servers.Credentials(), Region: stack.Region})
	require.NoError(t, err)

	w.client, err = client.DialContext(ctx, client.Options{
		HostPort: servers.Temporal.Address(), Namespace: w.name, Logger: sdklog.NewStructuredLogger(slog.New(slog.DiscardHandler)),
	})
	require.NoError(t, err)
	t.Cleanup(w.client.Close)
	_, err = w.client.WorkflowService().RegisterNamespace(ctx, &workflowservice.RegisterNamespaceRequest{
		Namespace: w.name, WorkflowExecutionRetentionPeriod: durationpb.New(24 * time.Hour),
	})
	require.NoError(t, err)
	w.await("the server knows the new namespace", func() bool {
		_, err := w.client.CountWorkflow(ctx, &workflowservice.CountWorkflowExecutionsRequest{Namespace: w.name})
		return err == nil
	})
	t.Cleanup(func() { w.findNoSecret() })
	return w
}

// of is the same world in a subtest.
func (w *world) of(t *testing.T) *world {
	t.Helper()
	sub := *w
	sub.t = t
	return &sub
}

// await looks again and again at something that sends no event.
func (w *world) await(what string, happened func() bool) {
	w.t.Helper()
	pause := time.NewTicker(lookPause)
	defer pause.Stop()
	for !happened() {
		select {
		case <-pause.C:
		case <-w.ctx.Done():
			require.FailNow(w.t, "it never came to this: "+what)
		}
	}
}

// start starts a binary in this world.
func (w *world) start(name, binary string, environment environment, arguments ...string) *process {
	w.t.Helper()
	p := startProcess(w.t, name, binary, environment, arguments...)
	*w.processes = append(*w.processes, p)
	return p
}

// startWorker starts a worker and waits until it serves.
func (w *world) startWorker(namesAndValues ...string) *process {
	w.t.Helper()
	p := w.start("worker", workerBinary, w.env.with(namesAndValues...))
	p.stderr.await(w.ctx, w.t, "the worker serves")
	return p
}

// startStarter starts the command line.
func (w *world) startStarter(arguments ...string) *process {
	w.t.Helper()
	return w.start("starter", starterBinary, w.env, arguments...)
}

// startFetch starts "starter fetch" that waits for the result.
func (w *world) startFetch(sessionID string, flags ...string) *process {
	w.t.Helper()
	return w.startStarter(append([]string{"fetch", "--bot", bot, "--session", sessionID, "--wait", "--output", "json"}, flags...)...)
}

// addSession adds a session to the stand-in and answers its id.
func (w *world) addSession(script []simulator.Step, files ...simulator.File) string {
	w.t.Helper()
	id := simulator.NewSessionID(began, w.serial.Add(1))
	require.NoError(w.t, w.upstream.AddSession(simulator.Session{BotID: bot, SessionID: id, Script: script, Files: files}))
	return id
}

// execute starts a fetch as another program would that uses package workflows.
func (w *world) execute(sessionID string, policy workflows.Policy) client.WorkflowRun {
	w.t.Helper()
	request := workflows.FetchRequest{BotID: bot, SessionID: sessionID, Policy: policy}
	run, err := w.client.ExecuteWorkflow(w.ctx, workflows.StartOptions(request), workflows.FetchRecordingWorkflowName, request)
	require.NoError(w.t, err)
	return run
}

// result waits for the result of a fetch.
func (w *world) result(run client.WorkflowRun) workflows.FetchResult {
	w.t.Helper()
	var result workflows.FetchResult
	require.NoError(w.t, run.Get(w.ctx, &result))
	return result
}

// awaitPhase waits until the fetch says that it is there.
func (w *world) awaitPhase(workflowID string, phase workflows.Phase) workflows.Progress {
	w.t.Helper()
	var progress workflows.Progress
	w.await(fmt.Sprintf("%s is %s", workflowID, phase), func() bool {
		ctx, cancel := context.WithTimeout(w.ctx, 5*time.Second)
		defer cancel()
		answer, err := w.client.QueryWorkflow(ctx, workflowID, "", workflows.QueryProgress)
		return err == nil && answer.Get(&progress) == nil && progress.Phase == phase
	})
	return progress
}

// checkNow sends the update that ends a wait.
func (w *world) checkNow(workflowID string) workflows.CheckNowResult {
	w.t.Helper()
	handle, err := w.client.UpdateWorkflow(w.ctx, client.UpdateWorkflowOptions{
		WorkflowID: workflowID, UpdateName: workflows.UpdateCheckNow, WaitForStage: client.WorkflowUpdateStageCompleted,
	})
	require.NoError(w.t, err)
	var result workflows.CheckNowResult
	require.NoError(w.t, handle.Get(w.ctx, &result))
	return result
}

// awaitListed waits until visibility finds one workflow by the query.
func (w *world) awaitListed(query string) *workflowpb.WorkflowExecutionInfo {
	w.t.Helper()
	var found []*workflowpb.WorkflowExecutionInfo
	w.await("one workflow is found by "+query, func() bool {
		listed, err := w.client.ListWorkflow(w.ctx, &workflowservice.ListWorkflowExecutionsRequest{Namespace: w.name, Query: query})
		found = listed.GetExecutions()
		return err == nil && len(found) == 1
	})
	return found[0]
}

// history is all events of a workflow's run.
func (w *world) history(ctx context.Context, workflowID, runID string) []*historypb.HistoryEvent {
	w.t.Helper()
	var events []*historypb.HistoryEvent
	iterator := w.client.GetWorkflowHistory(ctx, workflowID, runID, false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for iterator.HasNext() {
		event, err := iterator.Next()
		require.NoError(w.t, err)
		events = append(events, event)
	}
	return events
}

// summaries are what the Web UI shows beside the events of a type.
func (w *world) summaries(workflowID string, eventType enumspb.EventType) []string {
	w.t.Helper()
	var texts []string
	for _, event := range w.history(w.ctx, workflowID, "") {
		if event.GetEventType() == eventType {
			texts = append(texts, w.text(event.GetUserMetadata().GetSummary()))
		}
	}
	return texts
}

// text decodes a payload that holds a string.
func (w *world) text(payload *commonpb.Payload) string {
	w.t.Helper()
	var text string
	require.NoError(w.t, converter.GetDefaultDataConverter().FromPayload(payload, &text))
	return text
}

// folder is where the archive keeps the session.
func (w *world) folder(sessionID string) string {
	return archive.Folder("", bot, sessionID, began)
}

// keys are the keys of all objects in the archive, in order.
func (w *world) keys(ctx context.Context) []string {
	w.t.Helper()
	keys := []string{}
	for object := range w.store.ListObjects(ctx, w.name, minio.ListObjectsOptions{Recursive: true}) {
		require.NoError(w.t, object.Err)
		keys = append(keys, object.Key)
	}
	slices.Sort(keys)
	return keys
}

// openUploads are the keys under which something was begun and not ended.
func (w *world) openUploads() []string {
	w.t.Helper()
	keys := []string{}
	for upload := range w.store.ListIncompleteUploads(w.ctx, w.name, "", true) {
		require.NoError(w.t, upload.Err)
		keys = append(keys, upload.Key)
	}
	return keys
}

// object is the content of an object.
func (w *world) object(ctx context.Context, key string) []byte {
	w.t.Helper()
	reader, err := w.store.GetObject(ctx, w.name, key, minio.GetObjectOptions{})
	require.NoError(w.t, err)
	defer reader.Close()
	content, err := io.ReadAll(reader)
	require.NoError(w.t, err, key)
	return content
}

// manifest is the proof that lies beside the session's files.
func (w *world) manifest(sessionID string) archive.Manifest {
	w.t.Helper()
	var manifest archive.Manifest
	require.NoError(w.t, json.Unmarshal(w.object(w.ctx, w.folder(sessionID)+archive.ManifestName), &manifest))
	return manifest
}

// requireArchived requires that result, manifest and archive agree that the
// session's files are these, byte by byte.
func (w *world) requireArchived(result workflows.FetchResult, files ...simulator.File) {
	w.t.Helper()
	require.Equal(w.t, workflows.OutcomeArchived, result.Outcome, result.Reason)
	require.Len(w.t, result.Recordings, len(files))
	manifest := w.manifest(result.SessionID)
	require.Equal(w.t, "archived", manifest.Outcome)
	require.Len(w.t, manifest.Files, len(files))
	for i, file := range files {
		recording := result.Recordings[i]
		require.Equal(w.t, file.Name, recording.FileName)
		require.Equal(w.t, w.folder(result.SessionID)+file.Name, recording.Key)
		content := w.object(w.ctx, recording.Key)
		require.True(w.t, bytes.Equal(file.Raw, content), "%s: the archive has %d bytes that are not the %d of the upstream", recording.Key, len(content), len(file.Raw))
		digest := sha256.Sum256(file.Raw)
		require.Equal(w.t, hex.EncodeToString(digest[:]), recording.SHA256)
		require.Equal(w.t, recording.SHA256, manifest.Files[i].SHA256)
		require.EqualValues(w.t, len(file.Raw), recording.Bytes)
		require.EqualValues(w.t, len(file.Raw), manifest.Files[i].Bytes)
		require.Equal(w.t, recording.Key, manifest.Files[i].Key)
	}
}

// requireOnly requires that the archive holds the sessions' files, one
// manifest for each session, and nothing else, finished or not.
func (w *world) requireOnly(files map[string][]simulator.File) {
	w.t.Helper()
	var want []string
	for sessionID, files := range files {
		want = append(want, w.folder(sessionID)+archive.ManifestName)
		for _, file := range files {
			want = append(want, w.folder(sessionID)+file.Name)
		}
	}
	slices.Sort(want)
	require.Equal(w.t, want, w.keys(w.ctx))
	require.Empty(w.t, w.openUploads(), "uploads that were never ended")
}

// recording is a WAV file of about so many bytes, with noise for sound.
func recording(name string, size int, faults ...simulator.Fault) simulator.File {
	const header = 44
	size = max(size, header) &^ 1
	raw := make([]byte, size)
	generator := mathrand.NewChaCha8(sha256.Sum256([]byte(name)))
	_, _ = generator.Read(raw[header:]) // It never fails.
	copy(raw, "RIFF")
	binary.LittleEndian.PutUint32(raw[4:], uint32(size-8))
	copy(raw[8:], "WAVEfmt ")
	for i, value := range []uint32{16, 1 | 1<<16, 8000, 16000, 2 | 16<<16} {
		binary.LittleEndian.PutUint32(raw[16+4*i:], value)
	}
	copy(raw[36:], "data")
	binary.LittleEndian.PutUint32(raw[40:], uint32(size-header))
	return simulator.File{Name: name, Raw: raw, Faults: faults}
}
