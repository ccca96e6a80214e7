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
	"strings"
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
	// testTimeout bounds one test. A call that a killed worker held while it waited for its
	// slot is lost after two minutes of it, and the longest test takes five on a busy machine.
	testTimeout = 8 * time.Minute

	// pollInterval is the time between two polls of a condition.
	pollInterval = 50 * time.Millisecond

	// The budget of a bot, too large to slow any test down.
	callsPerMinute = 6_000
	callsPerHour   = simulator.Unlimited

	bot = simulator.DefaultBotID
)

// callTime is when the tests' calls took place.
var callTime = time.Date(2026, 3, 5, 12, 42, 34, 0, time.UTC)

// harness is what one test has for itself: a namespace on the Temporal server,
// a bucket in the store, a SmartAssist simulator and credentials for it.
type harness struct {
	t        testing.TB
	ctx      context.Context
	upstream *upstream
	client   client.Client
	store    *minio.Client
	name     string // of the namespace and the bucket
	env      environment

	// secrets must not leak, nor must the credentials that the upstreams recorded,
	// from objects in the buckets among others.
	secrets   []string
	upstreams []*upstream
	buckets   []string

	// Shared with the harnesses of subtests.
	processes   *[]*process
	lastSession *atomic.Uint64
}

var harnessCount atomic.Int64

// newHarness returns a harness whose simulator's configuration has the changes.
// When the test ends, it fails if a secret got into histories, outputs or objects.
func newHarness(t testing.TB, changes ...func(*simulator.Config)) *harness {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), testTimeout)
	t.Cleanup(cancel)
	secret := "canary-" + rand.Text()
	h := &harness{t: t, ctx: ctx, name: fmt.Sprintf("e2e-%d", harnessCount.Add(1)), secrets: []string{secret},
		processes: new([]*process), lastSession: new(atomic.Uint64)}

	config := simulator.Config{ClientSecret: secret, EnforceJTI: true, CallsPerMinute: callsPerMinute, CallsPerHour: callsPerHour}
	for _, change := range changes {
		change(&config)
	}
	h.upstream = startUpstream(t, config)
	h.upstreams, h.buckets = []*upstream{h.upstream}, []string{h.name}
	h.env = make(environment)
	for _, variable := range servers.Environment() {
		h.env[variable.Name] = variable.Value
	}
	h.env = h.env.with(
		"TEMPORAL_NAMESPACE", h.name,
		"S3_BUCKET", h.name,
		"SMARTASSIST_URL", h.upstream.url,
		"SMARTASSIST_CLIENT_SECRET", secret,
	)

	endpoint, err := url.Parse(servers.Store.Endpoint())
	require.NoError(t, err)
	h.store, err = minio.New(endpoint.Host, &minio.Options{Creds: servers.Credentials(), Region: stack.Region})
	require.NoError(t, err)

	h.client, err = client.DialContext(ctx, client.Options{
		HostPort: servers.Temporal.Address(), Namespace: h.name, Logger: sdklog.NewStructuredLogger(slog.New(slog.DiscardHandler)),
	})
	require.NoError(t, err)
	t.Cleanup(h.client.Close)
	_, err = h.client.WorkflowService().RegisterNamespace(ctx, &workflowservice.RegisterNamespaceRequest{
		Namespace: h.name, WorkflowExecutionRetentionPeriod: durationpb.New(24 * time.Hour),
	})
	require.NoError(t, err)
	h.await("the namespace is registered", func() bool {
		_, err := h.client.CountWorkflow(ctx, &workflowservice.CountWorkflowExecutionsRequest{Namespace: h.name})
		return err == nil
	})
	t.Cleanup(func() { h.requireNoLeaks() })
	return h
}

// forSubtest returns a copy of the harness that fails the subtest t.
func (h *harness) forSubtest(t testing.TB) *harness {
	t.Helper()
	sub := *h
	sub.t = t
	return &sub
}

// await polls until condition holds. It fails the test on timeout.
func (h *harness) await(description string, condition func() bool) {
	h.t.Helper()
	ticker := time.NewTicker(pollInterval)
	defer ticker.Stop()
	for !condition() {
		select {
		case <-ticker.C:
		case <-h.ctx.Done():
			require.FailNow(h.t, "timed out waiting until "+description)
		}
	}
}

// start starts a binary, whose output is searched for secrets at the end.
func (h *harness) start(name, binary string, environment environment, arguments ...string) *process {
	h.t.Helper()
	p := startProcess(h.t, name, binary, environment, arguments...)
	*h.processes = append(*h.processes, p)
	return p
}

// startWorker starts a worker and waits until it is ready.
func (h *harness) startWorker(namesAndValues ...string) *process {
	h.t.Helper()
	p := h.start("worker", workerBinary, h.env.with(namesAndValues...))
	p.stderr.await(h.ctx, h.t, "the worker serves")
	return p
}

// startStarter starts the starter.
func (h *harness) startStarter(arguments ...string) *process {
	h.t.Helper()
	return h.start("starter", starterBinary, h.env, arguments...)
}

// startFetch starts "starter fetch", which waits for the result.
func (h *harness) startFetch(sessionID string, flags ...string) *process {
	h.t.Helper()
	return h.startStarter(append([]string{"fetch", "--bot", bot, "--session", sessionID, "--wait", "--output", "json"}, flags...)...)
}

// addSession adds a session to the simulator and returns its id.
func (h *harness) addSession(script []simulator.Step, files ...simulator.File) string {
	h.t.Helper()
	id := simulator.NewSessionID(callTime, h.lastSession.Add(1))
	require.NoError(h.t, h.upstream.AddSession(simulator.Session{BotID: bot, SessionID: id, Script: script, Files: files}))
	return id
}

// execute starts a fetch as any other program that uses package workflows would.
func (h *harness) execute(sessionID string, policy workflows.FetchPolicy) client.WorkflowRun {
	h.t.Helper()
	request := workflows.FetchRequest{Session: sessionOf(sessionID), Policy: policy}
	run, err := h.client.ExecuteWorkflow(h.ctx, workflows.FetchStartOptions(request), workflows.FetchRecordingWorkflowName, request)
	require.NoError(h.t, err)
	return run
}

// result waits for the result of a fetch and returns it.
func (h *harness) result(run client.WorkflowRun) workflows.FetchResult {
	h.t.Helper()
	var result workflows.FetchResult
	require.NoError(h.t, run.Get(h.ctx, &result))
	return result
}

// awaitPhase waits until the fetch reports the phase.
func (h *harness) awaitPhase(workflowID string, phase workflows.FetchPhase) workflows.FetchProgress {
	h.t.Helper()
	var progress workflows.FetchProgress
	h.await(fmt.Sprintf("%s is %s", workflowID, phase), func() bool {
		ctx, cancel := context.WithTimeout(h.ctx, 5*time.Second)
		defer cancel()
		response, err := h.client.QueryWorkflow(ctx, workflowID, "", workflows.QueryProgress)
		return err == nil && response.Get(&progress) == nil && progress.Phase == phase
	})
	return progress
}

// checkNow sends the update that ends the current wait.
func (h *harness) checkNow(workflowID string) workflows.CheckNowResult {
	h.t.Helper()
	handle, err := h.client.UpdateWorkflow(h.ctx, client.UpdateWorkflowOptions{
		WorkflowID: workflowID, UpdateName: workflows.UpdateCheckNow, WaitForStage: client.WorkflowUpdateStageCompleted,
	})
	require.NoError(h.t, err)
	var result workflows.CheckNowResult
	require.NoError(h.t, handle.Get(h.ctx, &result))
	return result
}

// awaitListed waits until exactly one workflow matches the visibility query.
func (h *harness) awaitListed(query string) *workflowpb.WorkflowExecutionInfo {
	h.t.Helper()
	var found []*workflowpb.WorkflowExecutionInfo
	h.await("one workflow matches "+query, func() bool {
		listed, err := h.client.ListWorkflow(h.ctx, &workflowservice.ListWorkflowExecutionsRequest{Namespace: h.name, Query: query})
		found = listed.GetExecutions()
		return err == nil && len(found) == 1
	})
	return found[0]
}

// history returns all events of a workflow's run.
func (h *harness) history(ctx context.Context, workflowID, runID string) []*historypb.HistoryEvent {
	h.t.Helper()
	var events []*historypb.HistoryEvent
	iterator := h.client.GetWorkflowHistory(ctx, workflowID, runID, false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for iterator.HasNext() {
		event, err := iterator.Next()
		require.NoError(h.t, err)
		events = append(events, event)
	}
	return events
}

// summaries returns the summaries that the Web UI shows for events of the type.
func (h *harness) summaries(workflowID string, eventType enumspb.EventType) []string {
	h.t.Helper()
	var texts []string
	for _, event := range h.history(h.ctx, workflowID, "") {
		if event.GetEventType() == eventType {
			texts = append(texts, h.text(event.GetUserMetadata().GetSummary()))
		}
	}
	return texts
}

// text decodes a payload that is a string.
func (h *harness) text(payload *commonpb.Payload) string {
	h.t.Helper()
	var text string
	require.NoError(h.t, converter.GetDefaultDataConverter().FromPayload(payload, &text))
	return text
}

// sessionOf returns a session of the tests' bot.
func sessionOf(sessionID string) workflows.Session {
	return workflows.Session{BotID: bot, SessionID: sessionID}
}

// folder returns where the archive keeps the session.
func (h *harness) folder(sessionID string) string {
	h.t.Helper()
	folder, err := archive.Folder("", sessionOf(sessionID))
	require.NoError(h.t, err)
	return folder
}

// keys returns the keys of all objects in the archive, sorted, but for what a worker has
// found out about the store.
func (h *harness) keys(ctx context.Context) []string {
	h.t.Helper()
	keys := []string{}
	for object := range h.store.ListObjects(ctx, h.name, minio.ListObjectsOptions{Recursive: true}) {
		require.NoError(h.t, object.Err)
		if object.Key != ".callvault/probe.json" {
			keys = append(keys, object.Key)
		}
	}
	slices.Sort(keys)
	return keys
}

// openUploads returns the keys of the incomplete multipart uploads.
func (h *harness) openUploads() []string {
	h.t.Helper()
	keys := []string{}
	for upload := range h.store.ListIncompleteUploads(h.ctx, h.name, "", true) {
		require.NoError(h.t, upload.Err)
		keys = append(keys, upload.Key)
	}
	return keys
}

// object returns the content of an object.
func (h *harness) object(ctx context.Context, key string) []byte {
	h.t.Helper()
	reader, err := h.store.GetObject(ctx, h.name, key, minio.GetObjectOptions{})
	require.NoError(h.t, err)
	defer reader.Close()
	content, err := io.ReadAll(reader)
	require.NoError(h.t, err, key)
	return content
}

// putObject writes an object.
func (h *harness) putObject(key, content string) {
	h.t.Helper()
	_, err := h.store.PutObject(h.ctx, h.name, key, strings.NewReader(content), int64(len(content)), minio.PutObjectOptions{})
	require.NoError(h.t, err)
}

// manifest returns the session's manifest from the archive.
func (h *harness) manifest(sessionID string) archive.Manifest {
	h.t.Helper()
	var manifest archive.Manifest
	require.NoError(h.t, json.Unmarshal(h.object(h.ctx, h.folder(sessionID)+archive.ManifestName), &manifest))
	return manifest
}

// requireArchived requires that result, manifest and archive agree on the
// session's files, and that the archived bytes equal those of the upstream.
func (h *harness) requireArchived(result workflows.FetchResult, files ...simulator.File) {
	h.t.Helper()
	require.Equal(h.t, workflows.OutcomeArchived, result.Outcome, result.Reason)
	require.Len(h.t, result.Recordings, len(files))
	manifest := h.manifest(result.SessionID)
	require.Equal(h.t, "archived", manifest.Outcome)
	require.Len(h.t, manifest.Files, len(files))
	for i, file := range files {
		recording := result.Recordings[i]
		require.Equal(h.t, file.Name, recording.FileName)
		require.Equal(h.t, h.folder(result.SessionID)+file.Name, recording.Key)
		content := h.object(h.ctx, recording.Key)
		require.True(h.t, bytes.Equal(file.Raw, content), "%s: the %d bytes in the archive differ from the %d of the upstream", recording.Key, len(content), len(file.Raw))
		digest := sha256.Sum256(file.Raw)
		require.Equal(h.t, hex.EncodeToString(digest[:]), recording.SHA256)
		require.Equal(h.t, recording.SHA256, manifest.Files[i].SHA256)
		require.EqualValues(h.t, len(file.Raw), recording.Bytes)
		require.EqualValues(h.t, len(file.Raw), manifest.Files[i].Bytes)
		require.Equal(h.t, recording.Key, manifest.Files[i].Key)
	}
}

// requireOnly requires that the archive holds the sessions' files and one
// manifest for each session: no other objects and no incomplete uploads.
func (h *harness) requireOnly(files map[string][]simulator.File) {
	h.t.Helper()
	var want []string
	for sessionID, files := range files {
		want = append(want, h.folder(sessionID)+archive.ManifestName)
		for _, file := range files {
			want = append(want, h.folder(sessionID)+file.Name)
		}
	}
	slices.Sort(want)
	require.Equal(h.t, want, h.keys(h.ctx))
	require.Empty(h.t, h.openUploads(), "incomplete uploads")
}

// recording returns a WAV file of about size bytes, filled with noise.
func recording(name string, size int, faults ...simulator.Fault) simulator.File {
	const header = 44
	size = max(size, header) &^ 1
	raw := make([]byte, size)
	generator := mathrand.NewChaCha8(sha256.Sum256([]byte(name)))
	_, _ = generator.Read(raw[header:]) // ChaCha8.Read never fails.
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
