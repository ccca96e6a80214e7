package system

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
	// TestTimeout bounds one test. A call that a killed worker held while it waited for its
	// slot is lost after two minutes of it, and the longest test takes five on a busy machine.
	TestTimeout = 8 * time.Minute

	// pollInterval is the time between two polls of a condition.
	pollInterval = 50 * time.Millisecond

	// CallsPerMinute is the budget of a bot, too large to slow any test down.
	CallsPerMinute = 6_000

	// CallsPerHour is the budget of a bot for an hour.
	CallsPerHour = simulator.Unlimited

	// Bot is the bot of the tests.
	Bot = simulator.DefaultBotID
)

// CallTime is when the tests' calls took place.
var CallTime = time.Date(2026, 3, 5, 12, 42, 34, 0, time.UTC)

// Harness is what one test has for itself: a namespace on the Temporal server,
// a bucket in the store, a SmartAssist simulator and credentials for it.
type Harness struct {
	T        testing.TB
	Ctx      context.Context
	Upstream *Upstream
	Client   client.Client
	Store    *minio.Client
	Name     string // of the namespace and the bucket
	Env      Environment

	// Secrets must not leak, nor must the credentials that the upstreams recorded,
	// from objects in the buckets among others.
	Secrets   []string
	Upstreams []*Upstream
	Buckets   []string

	// Shared with the harnesses of subtests.
	processes   *[]*Process
	LastSession *atomic.Uint64
}

var harnessCount atomic.Int64

// New returns a harness whose simulator's configuration has the changes.
// When the test ends, it fails if a secret got into histories, outputs or objects.
func New(t testing.TB, changes ...func(*simulator.Config)) *Harness {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), TestTimeout)
	t.Cleanup(cancel)
	secret := "canary-" + rand.Text()
	h := &Harness{T: t, Ctx: ctx, Name: fmt.Sprintf("e2e-%d", harnessCount.Add(1)), Secrets: []string{secret},
		processes: new([]*Process), LastSession: new(atomic.Uint64)}

	config := simulator.Config{ClientSecret: secret, EnforceJTI: true, CallsPerMinute: CallsPerMinute, CallsPerHour: CallsPerHour}
	for _, change := range changes {
		change(&config)
	}
	h.Upstream = StartUpstream(t, config)
	h.Upstreams, h.Buckets = []*Upstream{h.Upstream}, []string{h.Name}
	h.Env = make(Environment)
	for _, variable := range servers.Environment() {
		h.Env[variable.Name] = variable.Value
	}
	h.Env = h.Env.With(
		"TEMPORAL_NAMESPACE", h.Name,
		"S3_BUCKET", h.Name,
		"SMARTASSIST_URL", h.Upstream.URL,
		"SMARTASSIST_CLIENT_SECRET", secret,
	)

	endpoint, err := url.Parse(servers.Store.Endpoint())
	require.NoError(t, err)
	h.Store, err = minio.New(endpoint.Host, &minio.Options{Creds: servers.Credentials(), Region: stack.Region})
	require.NoError(t, err)

	h.Client, err = client.DialContext(ctx, client.Options{
		HostPort: servers.Temporal.Address(), Namespace: h.Name, Logger: sdklog.NewStructuredLogger(slog.New(slog.DiscardHandler)),
	})
	require.NoError(t, err)
	t.Cleanup(h.Client.Close)
	_, err = h.Client.WorkflowService().RegisterNamespace(ctx, &workflowservice.RegisterNamespaceRequest{
		Namespace: h.Name, WorkflowExecutionRetentionPeriod: durationpb.New(24 * time.Hour),
	})
	require.NoError(t, err)
	h.Await("the namespace is registered", func() bool {
		_, err := h.Client.CountWorkflow(ctx, &workflowservice.CountWorkflowExecutionsRequest{Namespace: h.Name})
		return err == nil
	})
	t.Cleanup(func() { h.RequireNoLeaks() })
	return h
}

// ForSubtest returns a copy of the harness that fails the subtest t.
func (h *Harness) ForSubtest(t testing.TB) *Harness {
	t.Helper()
	sub := *h
	sub.T = t
	return &sub
}

// Await polls until condition holds. It fails the test on timeout.
func (h *Harness) Await(description string, condition func() bool) {
	h.T.Helper()
	ticker := time.NewTicker(pollInterval)
	defer ticker.Stop()
	for !condition() {
		select {
		case <-ticker.C:
		case <-h.Ctx.Done():
			require.FailNow(h.T, "timed out waiting until "+description)
		}
	}
}

// Start starts a binary, whose output is searched for secrets at the end.
func (h *Harness) Start(name, binary string, environment Environment, arguments ...string) *Process {
	h.T.Helper()
	p := StartProcess(h.T, name, binary, environment, arguments...)
	*h.processes = append(*h.processes, p)
	return p
}

// StartWorker starts a worker and waits until it is ready.
func (h *Harness) StartWorker(namesAndValues ...string) *Process {
	h.T.Helper()
	p := h.Start("worker", WorkerBinary, h.Env.With(namesAndValues...))
	p.Stderr.Await(h.Ctx, h.T, "the worker serves")
	return p
}

// StartStarter starts the starter.
func (h *Harness) StartStarter(arguments ...string) *Process {
	h.T.Helper()
	return h.Start("starter", StarterBinary, h.Env, arguments...)
}

// StartFetch starts "starter fetch", which waits for the result.
func (h *Harness) StartFetch(sessionID string, flags ...string) *Process {
	h.T.Helper()
	return h.StartStarter(append([]string{"fetch", "--bot", Bot, "--session", sessionID, "--wait", "--output", "json"}, flags...)...)
}

// AddSession adds a session to the simulator and returns its id.
func (h *Harness) AddSession(script []simulator.Step, files ...simulator.File) string {
	h.T.Helper()
	id := simulator.NewSessionID(CallTime, h.LastSession.Add(1))
	require.NoError(h.T, h.Upstream.AddSession(simulator.Session{BotID: Bot, SessionID: id, Script: script, Files: files}))
	return id
}

// Execute starts a fetch as any other program that uses package workflows would.
func (h *Harness) Execute(sessionID string, policy workflows.FetchPolicy) client.WorkflowRun {
	h.T.Helper()
	request := workflows.FetchRequest{Session: SessionOf(sessionID), Policy: policy}
	run, err := h.Client.ExecuteWorkflow(h.Ctx, workflows.FetchStartOptions(request), workflows.FetchRecordingWorkflowName, request)
	require.NoError(h.T, err)
	return run
}

// Result waits for the result of a fetch and returns it.
func (h *Harness) Result(run client.WorkflowRun) workflows.FetchResult {
	h.T.Helper()
	var result workflows.FetchResult
	require.NoError(h.T, run.Get(h.Ctx, &result))
	return result
}

// AwaitPhase waits until the fetch reports the phase.
func (h *Harness) AwaitPhase(workflowID string, phase workflows.FetchPhase) workflows.FetchProgress {
	h.T.Helper()
	var progress workflows.FetchProgress
	h.Await(fmt.Sprintf("%s is %s", workflowID, phase), func() bool {
		ctx, cancel := context.WithTimeout(h.Ctx, 5*time.Second)
		defer cancel()
		response, err := h.Client.QueryWorkflow(ctx, workflowID, "", workflows.QueryProgress)
		return err == nil && response.Get(&progress) == nil && progress.Phase == phase
	})
	return progress
}

// CheckNow sends the update that ends the current wait.
func (h *Harness) CheckNow(workflowID string) workflows.CheckNowResult {
	h.T.Helper()
	handle, err := h.Client.UpdateWorkflow(h.Ctx, client.UpdateWorkflowOptions{
		WorkflowID: workflowID, UpdateName: workflows.UpdateCheckNow, WaitForStage: client.WorkflowUpdateStageCompleted,
	})
	require.NoError(h.T, err)
	var result workflows.CheckNowResult
	require.NoError(h.T, handle.Get(h.Ctx, &result))
	return result
}

// AwaitListed waits until exactly one workflow matches the visibility query.
func (h *Harness) AwaitListed(query string) *workflowpb.WorkflowExecutionInfo {
	h.T.Helper()
	var found []*workflowpb.WorkflowExecutionInfo
	h.Await("one workflow matches "+query, func() bool {
		listed, err := h.Client.ListWorkflow(h.Ctx, &workflowservice.ListWorkflowExecutionsRequest{Namespace: h.Name, Query: query})
		found = listed.GetExecutions()
		return err == nil && len(found) == 1
	})
	return found[0]
}

// History returns all events of a workflow's run.
func (h *Harness) History(ctx context.Context, workflowID, runID string) []*historypb.HistoryEvent {
	h.T.Helper()
	var events []*historypb.HistoryEvent
	iterator := h.Client.GetWorkflowHistory(ctx, workflowID, runID, false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for iterator.HasNext() {
		event, err := iterator.Next()
		require.NoError(h.T, err)
		events = append(events, event)
	}
	return events
}

// Summaries returns the summaries that the Web UI shows for events of the type.
func (h *Harness) Summaries(workflowID string, eventType enumspb.EventType) []string {
	h.T.Helper()
	var texts []string
	for _, event := range h.History(h.Ctx, workflowID, "") {
		if event.GetEventType() == eventType {
			texts = append(texts, h.Text(event.GetUserMetadata().GetSummary()))
		}
	}
	return texts
}

// Text decodes a payload that is a string.
func (h *Harness) Text(payload *commonpb.Payload) string {
	h.T.Helper()
	var text string
	require.NoError(h.T, converter.GetDefaultDataConverter().FromPayload(payload, &text))
	return text
}

// SessionOf returns a session of the tests' bot.
func SessionOf(sessionID string) workflows.Session {
	return workflows.Session{BotID: Bot, SessionID: sessionID}
}

// Folder returns where the archive keeps the session.
func (h *Harness) Folder(sessionID string) string {
	h.T.Helper()
	folder, err := archive.Folder("", SessionOf(sessionID))
	require.NoError(h.T, err)
	return folder
}

// Keys returns the keys of all objects in the archive, sorted, but for what a worker has
// found out about the store.
func (h *Harness) Keys(ctx context.Context) []string {
	h.T.Helper()
	keys := []string{}
	for object := range h.Store.ListObjects(ctx, h.Name, minio.ListObjectsOptions{Recursive: true}) {
		require.NoError(h.T, object.Err)
		if object.Key != ".callvault/probe.json" {
			keys = append(keys, object.Key)
		}
	}
	slices.Sort(keys)
	return keys
}

// OpenUploads returns the keys of the incomplete multipart uploads.
func (h *Harness) OpenUploads() []string {
	h.T.Helper()
	keys := []string{}
	for upload := range h.Store.ListIncompleteUploads(h.Ctx, h.Name, "", true) {
		require.NoError(h.T, upload.Err)
		keys = append(keys, upload.Key)
	}
	return keys
}

// Object returns the content of an object.
func (h *Harness) Object(ctx context.Context, key string) []byte {
	h.T.Helper()
	reader, err := h.Store.GetObject(ctx, h.Name, key, minio.GetObjectOptions{})
	require.NoError(h.T, err)
	defer reader.Close()
	content, err := io.ReadAll(reader)
	require.NoError(h.T, err, key)
	return content
}

// PutObject writes an object.
func (h *Harness) PutObject(key, content string) {
	h.T.Helper()
	_, err := h.Store.PutObject(h.Ctx, h.Name, key, strings.NewReader(content), int64(len(content)), minio.PutObjectOptions{})
	require.NoError(h.T, err)
}

// Manifest returns the session's manifest from the archive.
func (h *Harness) Manifest(sessionID string) archive.Manifest {
	h.T.Helper()
	var manifest archive.Manifest
	require.NoError(h.T, json.Unmarshal(h.Object(h.Ctx, h.Folder(sessionID)+archive.ManifestName), &manifest))
	return manifest
}

// RequireArchived requires that result, manifest and archive agree on the
// session's files, and that the archived bytes equal those of the upstream.
func (h *Harness) RequireArchived(result workflows.FetchResult, files ...simulator.File) {
	h.T.Helper()
	require.Equal(h.T, workflows.OutcomeArchived, result.Outcome, result.Reason)
	require.Len(h.T, result.Recordings, len(files))
	manifest := h.Manifest(result.SessionID)
	require.Equal(h.T, "archived", manifest.Outcome)
	require.Len(h.T, manifest.Files, len(files))
	for i, file := range files {
		recording := result.Recordings[i]
		require.Equal(h.T, file.Name, recording.FileName)
		require.Equal(h.T, h.Folder(result.SessionID)+file.Name, recording.Key)
		content := h.Object(h.Ctx, recording.Key)
		require.True(h.T, bytes.Equal(file.Raw, content), "%s: the %d bytes in the archive differ from the %d of the upstream", recording.Key, len(content), len(file.Raw))
		digest := sha256.Sum256(file.Raw)
		require.Equal(h.T, hex.EncodeToString(digest[:]), recording.SHA256)
		require.Equal(h.T, recording.SHA256, manifest.Files[i].SHA256)
		require.EqualValues(h.T, len(file.Raw), recording.Bytes)
		require.EqualValues(h.T, len(file.Raw), manifest.Files[i].Bytes)
		require.Equal(h.T, recording.Key, manifest.Files[i].Key)
	}
}

// RequireOnly requires that the archive holds the sessions' files and one
// manifest for each session: no other objects and no incomplete uploads.
func (h *Harness) RequireOnly(files map[string][]simulator.File) {
	h.T.Helper()
	var want []string
	for sessionID, files := range files {
		want = append(want, h.Folder(sessionID)+archive.ManifestName)
		for _, file := range files {
			want = append(want, h.Folder(sessionID)+file.Name)
		}
	}
	slices.Sort(want)
	require.Equal(h.T, want, h.Keys(h.Ctx))
	require.Empty(h.T, h.OpenUploads(), "incomplete uploads")
}

// Recording returns a WAV file of about size bytes, filled with noise.
func Recording(name string, size int, faults ...simulator.Fault) simulator.File {
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
