package cli_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	failurepb "go.temporal.io/api/failure/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/api/temporalproto"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/callvault/callvault/internal/archive"
	"github.com/callvault/callvault/internal/archive/s3test"
	"github.com/callvault/callvault/internal/audio"
	"github.com/callvault/callvault/internal/dayrecord"
	"github.com/callvault/callvault/internal/program"
	"github.com/callvault/callvault/internal/status"
	"github.com/callvault/callvault/workflows"
)

var update = flag.Bool("update", false, "write the golden files anew")

// savedSession is the one of a saved history.
func savedSession(t *testing.T, history *historypb.History) workflows.Session {
	t.Helper()
	var s workflows.Session
	require.NoError(t, json.Unmarshal(history.GetEvents()[0].GetWorkflowExecutionStartedEventAttributes().GetInput().GetPayloads()[0].GetData(), &s))
	return s
}

// savedHistory returns a history of the fetches' engine.
func savedHistory(t *testing.T, name string) *historypb.History {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("../../workflows/fetchrecording/testdata/histories", name))
	require.NoError(t, err)
	var history historypb.History
	require.NoError(t, temporalproto.CustomJSONUnmarshalOptions{DiscardUnknown: true}.Unmarshal(content, &history))
	return &history
}

// historyServer is a Temporal server that has some histories.
type historyServer struct {
	workflowservice.UnimplementedWorkflowServiceServer
	runs     map[string]*historypb.History // by run id
	last     map[string]string             // run ids by workflow id
	running  map[string]bool               // by run id
	progress *workflows.FetchProgress
	pending  []*workflowpb.PendingActivityInfo
	pageSize int
	pages    int
}

// add adds a run, as the last one of its workflow.
func (s *historyServer) add(workflowID, runID string, history *historypb.History) {
	if s.runs == nil {
		s.runs, s.last, s.running = make(map[string]*historypb.History), make(map[string]string), make(map[string]bool)
	}
	s.runs[runID], s.last[workflowID] = history, runID
}

func (s *historyServer) of(execution *commonpb.WorkflowExecution) (string, *historypb.History, error) {
	id := execution.GetRunId()
	if id == "" {
		id = s.last[execution.GetWorkflowId()]
	}
	if history := s.runs[id]; history != nil {
		return id, history, nil
	}
	return "", nil, missing()
}

func (s *historyServer) DescribeNamespace(context.Context, *workflowservice.DescribeNamespaceRequest) (*workflowservice.DescribeNamespaceResponse, error) {
	return &workflowservice.DescribeNamespaceResponse{}, nil
}

func (s *historyServer) DescribeWorkflowExecution(_ context.Context, request *workflowservice.DescribeWorkflowExecutionRequest) (*workflowservice.DescribeWorkflowExecutionResponse, error) {
	id, _, err := s.of(request.GetExecution())
	if err != nil {
		return nil, err
	}
	response := &workflowservice.DescribeWorkflowExecutionResponse{WorkflowExecutionInfo: &workflowpb.WorkflowExecutionInfo{
		Execution: &commonpb.WorkflowExecution{WorkflowId: request.GetExecution().GetWorkflowId(), RunId: id}, Status: enumspb.WORKFLOW_EXECUTION_STATUS_COMPLETED,
	}}
	if s.running[id] {
		response.WorkflowExecutionInfo.Status, response.PendingActivities = enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING, s.pending
	}
	return response, nil
}

func (s *historyServer) GetWorkflowExecutionHistory(_ context.Context, request *workflowservice.GetWorkflowExecutionHistoryRequest) (*workflowservice.GetWorkflowExecutionHistoryResponse, error) {
	_, history, err := s.of(request.GetExecution())
	if err != nil {
		return nil, err
	}
	s.pages++
	size := int(request.GetMaximumPageSize())
	if s.pageSize > 0 {
		size = s.pageSize
	}
	from, _ := strconv.Atoi(string(request.GetNextPageToken()))
	to := min(from+size, len(history.GetEvents()))
	response := &workflowservice.GetWorkflowExecutionHistoryResponse{History: &historypb.History{Events: history.GetEvents()[from:to]}}
	if to < len(history.GetEvents()) {
		response.NextPageToken = []byte(strconv.Itoa(to))
	}
	return response, nil
}

func (s *historyServer) QueryWorkflow(context.Context, *workflowservice.QueryWorkflowRequest) (*workflowservice.QueryWorkflowResponse, error) {
	if s.progress == nil {
		return nil, errors.New("no worker")
	}
	return &workflowservice.QueryWorkflowResponse{QueryResult: payloads(s.progress)}, nil
}

// savedManifest is what the fetch of a saved history has archived, whose result it has.
func savedManifest(t *testing.T, history *historypb.History, runID string) archive.Manifest {
	t.Helper()
	var result workflows.FetchResult
	last := history.GetEvents()[len(history.GetEvents())-1]
	require.NoError(t, json.Unmarshal(last.GetWorkflowExecutionCompletedEventAttributes().GetResult().GetPayloads()[0].GetData(), &result))
	called, err := result.CallTime()
	require.NoError(t, err)
	m := archive.Manifest{
		Version: 1, Session: result.Session, BatchID: "2026-03", CallTime: called, Outcome: string(result.Outcome), Status: result.Status, Reason: result.Reason, StatusChecks: result.StatusChecks,
		StartedAt: result.StartedAt, FinishedAt: result.FinishedAt, WorkflowID: result.FetchWorkflowID(), RunID: runID, WrittenBy: "v0.5.0 go1.26.8",
		Evidence: []status.Evidence{{Status: "call_in_progress", First: result.StartedAt, Last: result.StartedAt.Add(2 * time.Second), Count: 2}, {Status: "success", First: result.FinishedAt, Last: result.FinishedAt, Count: 1}},
		Files:    []archive.File{},
	}
	for _, file := range result.Recordings {
		m.Files = append(m.Files, archive.File{
			FileName: file.FileName, Key: file.Key, Bytes: file.Bytes, SHA256: file.SHA256, ContentType: file.ContentType, Format: file.Format, Remarks: file.Remarks,
			Audio: &audio.Findings{Encoding: "pcm_s16le", Channels: 1, DurationSeconds: 30},
		})
	}
	return m
}

// putManifest stores a manifest and, if they are wanted, objects of the length and with the
// checksum that it says.
func (e *batchEnvironment) putManifest(m archive.Manifest, objects bool) {
	e.t.Helper()
	body, err := json.Marshal(m)
	require.NoError(e.t, err)
	key, err := e.store.ManifestKey(m.Session)
	require.NoError(e.t, err)
	e.s3.Set(bucket, key, s3test.Object{Body: body})
	for _, file := range m.Files {
		if objects {
			sum, err := hex.DecodeString(file.SHA256)
			require.NoError(e.t, err)
			e.s3.Set(bucket, file.Key, s3test.Object{Body: bytes.Repeat([]byte("a"), int(file.Bytes)), Checksum: base64.StdEncoding.EncodeToString(sum)})
		}
	}
}

// requireGolden compares a page with the file of that name.
func requireGolden(t *testing.T, name, got string) {
	t.Helper()
	golden := filepath.Join("testdata", "show", name)
	if *update {
		require.NoError(t, os.WriteFile(golden, []byte(got), 0o600))
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	require.Equal(t, string(want), got)
	require.NotContains(t, got, "cv1.", "what is sealed stays out")
}

func TestShowTellsTheStoryOfAnArchivedCall(t *testing.T) {
	e := newBatchEnvironment(t)
	t.Setenv("SMARTASSIST_RETENTION", "90d")
	t.Setenv("CALLVAULT_WEB_UI", "http://localhost:8233/")
	history := savedHistory(t, "v0.3.0_archived.json")
	saved := savedSession(t, history)
	temporal := &historyServer{pageSize: 7}
	temporal.add(saved.FetchWorkflowID(), "run-1", history)
	listen(t, temporal)
	m := savedManifest(t, history, "run-1")
	before := m
	before.Outcome, before.Files, before.Reason = "gave_up", []archive.File{}, "the vendor had \x1b[31mnothing for 30 days"
	m.Previous = &before
	e.putManifest(m, true)
	e.sealRows(dayOf("2026-03-05"), 2, []dayrecord.Row{{Session: saved, CallTime: m.CallTime, Outcome: workflows.OutcomeArchived, ListedBy: []string{"getSessions"}}})
	_, err := e.store.RecordOpening(t.Context(), archive.Opening{Session: saved, Key: m.Files[0].Key, At: callTime, ExpiresAt: callTime.Add(time.Hour), User: "ops", Host: "desk", Reason: "complaint 12"})
	require.NoError(t, err)

	got := run(t.Context(), "show", saved.SessionID)
	require.Equal(t, program.ExitDone, got.code, got.stderr)
	requireGolden(t, "archived.txt", got.stdout)
	require.Equal(t, (len(history.GetEvents())+6)/7, temporal.pages)

	got = run(t.Context(), "show", saved.SessionID, "--bot", bot, "--output", "json")
	require.Equal(t, program.ExitDone, got.code, got.stderr)
	type page struct {
		Archived bool
		Account  string
		PurgeAt  time.Time
		Day      struct{ Revision, LogIndex int }
		Runs     []struct {
			RunID, WebUI string
			Events       []struct{ Kind, Text string }
		}
		Openings []archive.Opening
	}
	shown := decoded[page](t, got)
	require.True(t, shown.Archived)
	require.Equal(t, "acme", shown.Account)
	require.Equal(t, m.CallTime.AddDate(0, 0, 90), shown.PurgeAt)
	require.Equal(t, 2, shown.Day.Revision)
	require.Equal(t, loggedAt, shown.Day.LogIndex)
	require.Equal(t, "http://localhost:8233/namespaces/default/workflows/fetch-recording%2F"+bot+"%2F"+saved.SessionID+"/run-1/history", shown.Runs[0].WebUI)
	require.Equal(t, "ended", shown.Runs[0].Events[len(shown.Runs[0].Events)-1].Kind)
	require.Equal(t, "complaint 12", shown.Openings[0].Reason)
}

func TestShowTellsWhatARunningFetchWaitsFor(t *testing.T) {
	e := newBatchEnvironment(t)
	_ = e
	history := savedHistory(t, "v0.3.0_blocked.json")
	saved := savedSession(t, history)
	temporal := &historyServer{
		progress: &workflows.FetchProgress{
			Phase: workflows.PhaseBlocked, LastStatus: "call_in_progress", StatusChecks: 3, GiveUpAt: callTime.AddDate(0, 0, 30), Reason: "the upstream returned 401: grant the scope",
			PurgeAt: callTime.AddDate(0, 0, 90), NextCheckAt: callTime.Add(time.Hour),
		},
		pending: []*workflowpb.PendingActivityInfo{{
			ActivityType: &commonpb.ActivityType{Name: "MintToken"}, Attempt: 2, LastFailure: &failurepb.Failure{Message: "given back to the queue"},
			ScheduledTime: timestamppb.New(callTime), NextAttemptScheduleTime: timestamppb.New(callTime.Add(time.Minute)),
		}},
	}
	temporal.add(saved.FetchWorkflowID(), "run-1", history)
	temporal.running["run-1"] = true
	listen(t, temporal)
	got := run(t.Context(), "show", saved.SessionID)
	require.Equal(t, program.ExitFailed, got.code, got.stderr)
	requireGolden(t, "blocked.txt", got.stdout)
}

func TestShowFollowsRunsThatAreContinued(t *testing.T) {
	newBatchEnvironment(t)
	first, second := savedHistory(t, "v0.3.0_sleeping.json"), savedHistory(t, "v0.3.0_archived.json")
	second.Events[0].GetWorkflowExecutionStartedEventAttributes().ContinuedExecutionRunId = "run-1"
	saved := savedSession(t, second)
	temporal := &historyServer{}
	temporal.add(saved.FetchWorkflowID(), "run-1", first)
	temporal.add(saved.FetchWorkflowID(), "run-2", second)
	listen(t, temporal)
	got := run(t.Context(), "show", saved.SessionID, "--output", "json", "--bot", bot)
	shown := decoded[struct{ Runs []struct{ RunID string } }](t, got)
	require.Len(t, shown.Runs, 2)
}

func TestShowWithoutTemporalTellsWhatTheArchiveHas(t *testing.T) {
	e := newBatchEnvironment(t)
	noTemporal(t)
	history := savedHistory(t, "v0.3.0_few_events.json")
	m := savedManifest(t, history, "run-1")
	e.putManifest(m, true)
	got := run(t.Context(), "show", m.SessionID)
	require.Equal(t, program.ExitDone, got.code, got.stderr)
	require.Contains(t, got.stdout, "session "+m.SessionID+" of bot "+bot+": archived\n")
	require.Contains(t, got.stdout, "written by run run-1 of fetch-recording/")
	require.Contains(t, got.stdout, "not known: Temporal was not asked, so the history is missing")
}

func TestShowWithoutConfigurationTellsWhatTemporalKnows(t *testing.T) {
	noConfiguration(t)
	history := savedHistory(t, "v0.3.0_few_events.json")
	saved := savedSession(t, history)
	temporal := &historyServer{}
	temporal.add(saved.FetchWorkflowID(), "run-1", history)
	listen(t, temporal)
	got := run(t.Context(), "show", saved.SessionID)
	require.Equal(t, program.ExitUsage, got.code)
	require.Contains(t, got.stderr, "give --bot st-…")

	got = run(t.Context(), "show", saved.SessionID, "--bot", bot)
	require.Equal(t, program.ExitFailed, got.code, "nobody has seen its objects")
	require.Contains(t, got.stdout, "archived, as its last run says")
	require.Contains(t, got.stdout, "wrote the manifest: archived")
	require.Contains(t, got.stdout, "not known: The archive was not asked, since the configuration of a worker is missing or not valid")
}

func TestShowWithoutBothSaysWhatIsMissing(t *testing.T) {
	noConfiguration(t)
	noTemporal(t)
	got := run(t.Context(), "show", session, "--bot", bot)
	require.Equal(t, program.ExitUsage, got.code)
	require.Contains(t, got.stderr, "SMARTASSIST_BOT_ID")
	require.Contains(t, got.stderr, "no Temporal server responds")
}

func TestShowOfAnArchivedCallWhoseObjectsAreMissing(t *testing.T) {
	e := newBatchEnvironment(t)
	history := savedHistory(t, "v0.3.0_few_events.json")
	m := savedManifest(t, history, "run-1")
	e.putManifest(m, false)
	listen(t, &historyServer{})
	got := run(t.Context(), "show", m.SessionID)
	require.Equal(t, program.ExitFailed, got.code, got.stderr)
	require.Contains(t, got.stdout, "archived, but 1 of its objects are missing or changed: to have it repaired: ")
	require.Contains(t, got.stdout, "MISSING OR CHANGED")
	require.Contains(t, got.stdout, "not known: Temporal does not remember run run-1 of "+m.WorkflowID)
}

// Whoever deletes at the source by this exit code must not lose a recording that is not there.
func TestShowDoesNotCallArchivedWhatItCannotLookAt(t *testing.T) {
	e := newBatchEnvironment(t)
	m := savedManifest(t, savedHistory(t, "v0.3.0_few_events.json"), "run-1")
	e.putManifest(m, true)
	listen(t, &historyServer{})
	e.s3.Add(s3test.Rule{Operation: s3test.HeadObject, Always: true, Status: 503, Code: "SlowDown"})
	got := run(t.Context(), "show", m.SessionID)
	require.Equal(t, program.ExitFailed, got.code, got.stdout)
	require.Contains(t, got.stdout, ": archived, as its manifest says; whether its objects are there is not known\n")
	require.Contains(t, got.stdout, "  not looked at\n")
	require.Contains(t, got.stdout, "not known: The archive cannot be read: ")
	got = run(t.Context(), "show", m.SessionID, "--output", "json")
	require.False(t, decoded[struct{ Archived bool }](t, got).Archived)
}

func TestShowTellsTheDayBesideARecordOfLinksThatIsNone(t *testing.T) {
	e := newBatchEnvironment(t)
	m := savedManifest(t, savedHistory(t, "v0.3.0_archived.json"), "run-1")
	e.putManifest(m, true)
	e.sealRows(dayOf("2026-03-05"), 2, []dayrecord.Row{{Session: m.Session, CallTime: m.CallTime, Outcome: workflows.OutcomeArchived, ListedBy: []string{"getSessions"}}})
	key, err := e.store.RecordOpening(t.Context(), archive.Opening{Session: m.Session, At: callTime})
	require.NoError(t, err)
	e.s3.Set(bucket, key, s3test.Object{Body: []byte("{}")})
	listen(t, &historyServer{})
	got := run(t.Context(), "show", m.SessionID)
	require.Equal(t, program.ExitDone, got.code, got.stderr)
	require.Contains(t, got.stdout, "day 2026-03-05 is sealed, revision 2")
	require.Contains(t, got.stdout, "not known: Who was given a link cannot be read: ")
}

// A manifest is written by whoever may write into the bucket.
func TestTextsOfAManifestNeitherDriveATerminalNorAddLines(t *testing.T) {
	e := newBatchEnvironment(t)
	noTemporal(t)
	const hostile = "x\x1b[2J\u009b2J\u202e\nforged"
	m := savedManifest(t, savedHistory(t, "v0.3.0_few_events.json"), "run"+hostile)
	m.Status, m.Reason, m.BatchID, m.WorkflowID, m.WrittenBy = hostile, hostile, hostile, hostile, hostile
	m.Files[0].FileName, m.Files[0].Format, m.Files[0].Remarks, m.Files[0].Audio.Encoding = hostile, hostile, []string{hostile}, hostile
	m.Evidence[0].Status, m.Evidence[1].Status = hostile, hostile
	m.Attachments = []archive.Attachment{{Kind: hostile, Key: m.Files[0].Key + ".json", SHA256: m.Files[0].SHA256}}
	m.LeftOut = []workflows.LeftOut{{Kind: hostile, Reason: hostile}}
	before := m
	before.Outcome = hostile
	m.Previous = &before
	requireHarmless := func(text string) {
		t.Helper()
		require.NotContains(t, text, "\nforged")
		for _, r := range text {
			require.True(t, r == '\n' || unicode.IsPrint(r), "%q", r)
		}
	}
	e.putManifest(m, true)
	requireHarmless(run(t.Context(), "show", m.SessionID).stdout)
	m.Outcome = hostile
	e.putManifest(m, true)
	requireHarmless(run(t.Context(), "show", m.SessionID).stdout)
	requireHarmless(run(t.Context(), "open", m.SessionID).stderr)
}

func TestShowOfAnUnknownSession(t *testing.T) {
	newBatchEnvironment(t)
	listen(t, &historyServer{})
	got := run(t.Context(), "show", session)
	require.Equal(t, program.ExitFailed, got.code)
	require.Contains(t, got.stderr, "nothing is known of the session "+session+": the archive has no manifest of it and Temporal no fetch")
	require.Empty(t, got.stdout)
}

func TestShowOfAnArchiveThatCannotBeRead(t *testing.T) {
	e := newBatchEnvironment(t)
	e.s3.Add(s3test.Rule{Operation: s3test.GetObject, Status: 403, Code: "AccessDenied"})
	history := savedHistory(t, "v0.3.0_few_events.json")
	saved := savedSession(t, history)
	temporal := &historyServer{}
	temporal.add(saved.FetchWorkflowID(), "run-1", history)
	listen(t, temporal)
	got := run(t.Context(), "show", saved.SessionID, "--bot", bot)
	require.Contains(t, got.stdout, "not known: The archive cannot be read: ")
	require.Contains(t, got.stdout, "wrote the manifest: archived")
	require.NotContains(t, got.stdout+got.stderr, "canary")
}

func TestShowOfArchivesOfSeveralBotsThatCannotBeRead(t *testing.T) {
	e := newBatchEnvironment(t)
	t.Setenv("SMARTASSIST_BOT_ID", bot+",st-fd81a2b1-43af-544d-8082-831bc09c0002")
	e.s3.Add(s3test.Rule{Operation: s3test.GetObject, Always: true, Status: 403, Code: "AccessDenied"})
	listen(t, &historyServer{})
	got := run(t.Context(), "show", session)
	require.Equal(t, program.ExitFailed, got.code)
	require.NotContains(t, got.stderr, "the archive has no manifest of it")
	require.Contains(t, got.stderr, "nothing is known of the session "+session+", but it may be archived all the same: The archive cannot be read: ")
	require.Empty(t, got.stdout)
}

func TestShowOfAnEncryptedHistoryNamesTheKeysThatAreMissing(t *testing.T) {
	newBatchEnvironment(t)
	history := savedHistory(t, "v0.3.0_few_events.json")
	saved := savedSession(t, history)
	input := history.GetEvents()[0].GetWorkflowExecutionStartedEventAttributes().GetInput().GetPayloads()[0]
	input.Metadata["encoding"], input.Data = []byte("binary/encrypted"), []byte("sealed")
	temporal := &historyServer{}
	temporal.add(saved.FetchWorkflowID(), "run-1", history)
	listen(t, temporal)
	got := run(t.Context(), "show", saved.SessionID)
	require.Contains(t, got.stdout, "not known: Inputs, results and failures of run run-1 cannot be read: ")
	require.Contains(t, got.stdout, "set CALLVAULT_PAYLOAD_KEYS_FILE")
}

func TestWrongUseOfShow(t *testing.T) {
	noConfiguration(t)
	noTemporal(t)
	for text, args := range map[string][]string{
		"want one session, got 0":             {},
		"want one session, got 2":             {session, session},
		"lower-case hexadecimal digits":       {strings.ToUpper(session)},
		`botId "nonsense" is malformed`:       {session, "--bot", "nonsense"},
		"CALLVAULT_WEB_UI is not the address": {session, "--bot", bot},
	} {
		t.Run(text, func(t *testing.T) {
			if strings.HasPrefix(text, "CALLVAULT") {
				t.Setenv("CALLVAULT_WEB_UI", "localhost:8233")
			}
			got := run(t.Context(), append([]string{"show"}, args...)...)
			require.Equal(t, program.ExitUsage, got.code)
			require.Contains(t, got.stderr, text)
		})
	}
}
