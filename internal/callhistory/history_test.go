package callhistory_test

import (
	"encoding/base64"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	deploymentpb "go.temporal.io/api/deployment/v1"
	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/api/temporalproto"
	"go.temporal.io/sdk/temporal"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/callvault/callvault/internal/callhistory"
	"github.com/callvault/callvault/internal/payloadcodec"
	"github.com/callvault/callvault/workflows"
)

var update = flag.Bool("update", false, "write the golden files anew")

const histories = "../../workflows/fetchrecording/testdata/histories"

// load returns a saved history.
func load(t *testing.T, name string) *historypb.History {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(histories, name))
	require.NoError(t, err)
	var history historypb.History
	require.NoError(t, temporalproto.CustomJSONUnmarshalOptions{DiscardUnknown: true}.Unmarshal(content, &history))
	return &history
}

func read(history *historypb.History) callhistory.Run {
	reader := callhistory.NewReader("fetch", "run", nil)
	for _, event := range history.GetEvents() {
		reader.Add(event)
	}
	return reader.Run()
}

// text is the run as lines.
func text(run callhistory.Run) string {
	var b strings.Builder
	for _, e := range run.Events {
		fmt.Fprintf(&b, "%s %s: %s", e.At.Format("15:04:05.000"), e.Kind, e.Text)
		if e.Worker != nil {
			fmt.Fprintf(&b, " [%s %s]", e.Worker.Identity, e.Worker.Build)
		}
		fmt.Fprintln(&b)
	}
	return b.String()
}

func TestStoryOfEachState(t *testing.T) {
	for _, name := range []string{
		"archived", "archived_after_a_refused_url", "archived_with_attachments", "archived_without_a_scope", "blocked", "bot_not_served", "cancelled_while_asleep",
		"checked_now_while_it_waited_for_a_slot", "continued_after_a_cut", "damaged", "few_events", "found_elsewhere", "gave_up", "larger_than_the_limit",
		"manifest_after_the_download", "refetched", "repaired", "sleeping", "unavailable", "woken_by_check_now",
	} {
		t.Run(name, func(t *testing.T) {
			got := text(read(load(t, "v0.3.0_"+name+".json")))
			golden := filepath.Join("testdata", name+".txt")
			if *update {
				require.NoError(t, os.WriteFile(golden, []byte(got), 0o600))
			}
			want, err := os.ReadFile(golden)
			require.NoError(t, err)
			require.Equal(t, string(want), got)
		})
	}
}

// Whatever a release wrote is told: whole, and without what is sealed in it.
func TestEverySavedHistoryIsTold(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(histories, "*.json"))
	require.NoError(t, err)
	require.Greater(t, len(files), 60)
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			history := load(t, filepath.Base(file))
			run := read(history)
			told := text(run)
			require.NotContains(t, told, "cv1.", "what is sealed stays out")
			require.NotContains(t, told, "http", "no URL is told")
			require.NotContains(t, told, "cannot be read")
			require.Equal(t, callhistory.Started, run.Events[0].Kind)
			last := history.GetEvents()[len(history.GetEvents())-1]
			if last.GetEventType() != enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED {
				require.Nil(t, run.Result)
				return
			}
			require.Equal(t, callhistory.Ended, run.Events[len(run.Events)-1].Kind)
			require.Equal(t, last.GetEventTime().AsTime(), run.EndedAt)
			require.NotNil(t, run.Result)
			if run.Result.Source != workflows.SourceFetch {
				require.Nil(t, run.Wrote)
				return
			}
			require.NotNil(t, run.Wrote, "somebody wrote the manifest")
			require.NotEmpty(t, run.Wrote.Worker.Identity)
			require.NotEmpty(t, run.Wrote.Worker.Build)
			checks := strings.Count(told, " check: ")
			require.GreaterOrEqual(t, checks, run.Result.StatusChecks, "each check is told")
		})
	}
}

func at(minute int) *timestamppb.Timestamp {
	return timestamppb.New(time.Date(2026, 3, 5, 12, minute, 0, 0, time.UTC))
}

func TestBuildIsThatOfTheDeploymentIfThereIsOne(t *testing.T) {
	history := load(t, "v0.3.0_few_events.json")
	for _, event := range history.GetEvents() {
		if completed := event.GetWorkflowTaskCompletedEventAttributes(); completed != nil {
			completed.DeploymentVersion = &deploymentpb.WorkerDeploymentVersion{DeploymentName: "callvault", BuildId: "v0.4.0"}
		}
	}
	require.Equal(t, "v0.4.0", read(history).Wrote.Worker.Build)
}

func TestLongStoryKeepsItsBeginningAndItsEnd(t *testing.T) {
	history := &historypb.History{}
	for i := range callhistory.MaxEvents + 100 {
		history.Events = append(history.Events, &historypb.HistoryEvent{
			EventId: int64(i + 1), EventTime: at(i), EventType: enumspb.EVENT_TYPE_TIMER_STARTED,
			Attributes: &historypb.HistoryEvent_TimerStartedEventAttributes{TimerStartedEventAttributes: &historypb.TimerStartedEventAttributes{StartToFireTimeout: durationpb.New(time.Minute)}},
		})
	}
	run := read(history)
	require.Len(t, run.Events, callhistory.MaxEvents)
	require.Equal(t, 100, run.LeftOut)
	require.Equal(t, at(0).AsTime(), run.Events[0].At)
	require.Equal(t, at(callhistory.MaxEvents+99).AsTime(), run.Events[callhistory.MaxEvents-1].At)
}

func TestTextOfOthersIsOneLineOfBoundedLength(t *testing.T) {
	history := &historypb.History{Events: []*historypb.HistoryEvent{{
		EventTime: at(0), EventType: enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_TERMINATED,
		Attributes: &historypb.HistoryEvent_WorkflowExecutionTerminatedEventAttributes{WorkflowExecutionTerminatedEventAttributes: &historypb.WorkflowExecutionTerminatedEventAttributes{
			Reason: "\x1b[2J\nall\u202e" + strings.Repeat("x", 5000), Identity: "temporal-cli:op@host",
		}},
	}}}
	told := read(history).Events[0].Text
	require.Contains(t, told, "terminated by temporal-cli:op@host, without an outcome:  [2J all xxx")
	require.Less(t, len(told), 700)
}

// Events of a server or a release that is not known yet, and broken ones, are left out.
func TestUnknownEventsTellNothing(t *testing.T) {
	reader := callhistory.NewReader("fetch", "run", nil)
	for number := range enumspb.EventType_name {
		reader.Add(&historypb.HistoryEvent{EventType: enumspb.EventType(number)})
	}
	reader.Add(&historypb.HistoryEvent{EventType: 9999})
	require.NotNil(t, reader.Run())
}

// With encrypted payloads, the messages of failures are encrypted too.
func TestEncryptedHistoryIsReadWithItsKeys(t *testing.T) {
	codec, err := payloadcodec.New(func() (string, error) { return "k1 " + base64.StdEncoding.EncodeToString(make([]byte, 32)), nil })
	require.NoError(t, err)
	payloads := payloadcodec.NewDataConverter(codec)
	failures := temporal.NewDefaultFailureConverter(temporal.DefaultFailureConverterOptions{DataConverter: payloads, EncodeCommonAttributes: true})
	failed := failures.ErrorToFailure(temporal.NewApplicationError("Permission denied. Scope is incorrect!", "Blocked"))
	before := proto.CloneOf(failed)
	require.Equal(t, "Encoded failure", callhistory.Message(failed, nil))
	require.Equal(t, "Permission denied. Scope is incorrect!", callhistory.Message(failed, payloads))
	require.True(t, proto.Equal(before, failed), "the history is not changed")
}
