package callhistory

import (
	"fmt"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	failurepb "go.temporal.io/api/failure/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/sdk/converter"
	"google.golang.org/protobuf/proto"

	"github.com/callvault/callvault/workflows"
)

// Reader makes a [Run] of the events of its history, which are added in their order.
type Reader struct {
	run       Run
	converter converter.DataConverter
	checks    int
	scheduled map[int64]*work        // by the id of the event that scheduled it
	builds    map[string]string      // build ids by identity, as workflow tasks tell them
	updates   map[int64]*updateEvent // by the id of the event that accepted it
}

// work is an activity.
type work struct {
	activity    string
	input       *commonpb.Payloads
	scheduledAt time.Time
	startedAt   time.Time
	attempts    int
	worker      *Worker
	lastFailure string
}

type updateEvent struct {
	name, by string
}

// NewReader returns a reader of the history of one run. The converter reads its payloads; nil
// is the SDK's default.
func NewReader(workflowID, runID string, payloads converter.DataConverter) *Reader {
	if payloads == nil {
		payloads = converter.GetDefaultDataConverter()
	}
	return &Reader{
		run: Run{WorkflowID: workflowID, RunID: runID}, converter: payloads,
		scheduled: make(map[int64]*work), builds: make(map[string]string), updates: make(map[int64]*updateEvent),
	}
}

// Run returns what the events that were added tell.
func (r *Reader) Run() Run { return r.run }

// Add adds the next event of the history. Events that it does not know tell nothing.
func (r *Reader) Add(e *historypb.HistoryEvent) {
	at := e.GetEventTime().AsTime()
	switch e.GetEventType() {
	case enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED:
		r.started(at, e.GetWorkflowExecutionStartedEventAttributes())
	case enumspb.EVENT_TYPE_WORKFLOW_TASK_COMPLETED:
		r.taskCompleted(e.GetWorkflowTaskCompletedEventAttributes())
	case enumspb.EVENT_TYPE_WORKFLOW_TASK_FAILED:
		a := e.GetWorkflowTaskFailedEventAttributes()
		r.add(at, Problem, r.worker(a.GetIdentity(), ""), "a workflow task failed: %s: %s", a.GetCause(), r.messageOf(a.GetFailure()))
	case enumspb.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED:
		a := e.GetActivityTaskScheduledEventAttributes()
		r.scheduled[e.GetEventId()] = &work{activity: a.GetActivityType().GetName(), input: a.GetInput(), scheduledAt: at}
	case enumspb.EVENT_TYPE_ACTIVITY_TASK_STARTED:
		a := e.GetActivityTaskStartedEventAttributes()
		if w := r.scheduled[a.GetScheduledEventId()]; w != nil {
			w.startedAt, w.attempts, w.lastFailure = at, int(a.GetAttempt()), r.messageOf(a.GetLastFailure())
			w.worker = r.worker(a.GetIdentity(), a.GetWorkerVersion().GetBuildId()) //nolint:staticcheck // The build of a worker without a deployment is nowhere else.
		}
	case enumspb.EVENT_TYPE_ACTIVITY_TASK_COMPLETED:
		a := e.GetActivityTaskCompletedEventAttributes()
		r.finished(at, a.GetScheduledEventId(), a.GetResult(), nil, "")
	case enumspb.EVENT_TYPE_ACTIVITY_TASK_FAILED:
		a := e.GetActivityTaskFailedEventAttributes()
		r.finished(at, a.GetScheduledEventId(), nil, a.GetFailure(), "failed")
	case enumspb.EVENT_TYPE_ACTIVITY_TASK_TIMED_OUT:
		a := e.GetActivityTaskTimedOutEventAttributes()
		r.finished(at, a.GetScheduledEventId(), nil, a.GetFailure().GetCause(), timedOut(a.GetFailure()))
	case enumspb.EVENT_TYPE_ACTIVITY_TASK_CANCELED:
		r.finished(at, e.GetActivityTaskCanceledEventAttributes().GetScheduledEventId(), nil, nil, "was cancelled")
	case enumspb.EVENT_TYPE_MARKER_RECORDED:
		r.marker(at, e.GetMarkerRecordedEventAttributes())
	case enumspb.EVENT_TYPE_TIMER_STARTED:
		r.waits(at, e)
	case enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED:
		request := e.GetWorkflowExecutionUpdateAcceptedEventAttributes().GetAcceptedRequest()
		r.updates[e.GetEventId()] = &updateEvent{request.GetInput().GetName(), request.GetMeta().GetIdentity()}
	case enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_COMPLETED:
		r.updated(at, e.GetWorkflowExecutionUpdateCompletedEventAttributes())
	default:
		r.endedBy(at, e)
	}
}

// endedBy tells the events that end a run, or ask for it.
func (r *Reader) endedBy(at time.Time, e *historypb.HistoryEvent) {
	var text string
	switch e.GetEventType() {
	case enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_CANCEL_REQUESTED:
		a := e.GetWorkflowExecutionCancelRequestedEventAttributes()
		r.add(at, Ended, nil, "%s asked to cancel it%s", by(a.GetIdentity()), because(a.GetCause()))
		return
	case enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED:
		var result workflows.FetchResult
		text = "ended; its result cannot be read"
		if r.converter.FromPayloads(e.GetWorkflowExecutionCompletedEventAttributes().GetResult(), &result) == nil && result.Outcome != "" {
			r.run.Result, text = &result, endText(&result)
		}
	case enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_FAILED:
		text = "failed: " + r.messageOf(e.GetWorkflowExecutionFailedEventAttributes().GetFailure())
	case enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_TIMED_OUT:
		text = "ended by its timeout, without an outcome"
	case enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_CANCELED:
		text = "cancelled, without an outcome"
	case enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_TERMINATED:
		a := e.GetWorkflowExecutionTerminatedEventAttributes()
		text = fmt.Sprintf("terminated by %s, without an outcome%s", by(a.GetIdentity()), because(a.GetReason()))
	case enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW:
		text = "continued as run " + e.GetWorkflowExecutionContinuedAsNewEventAttributes().GetNewExecutionRunId()
	default:
		return
	}
	r.run.EndedAt = at
	r.add(at, Ended, nil, "%s", text)
}

func endText(result *workflows.FetchResult) string {
	text := "ended: " + string(result.Outcome)
	if result.Source == workflows.SourceManifest {
		text += ", as another fetch's manifest says"
	}
	return text + because(result.Reason)
}

func (r *Reader) started(at time.Time, a *historypb.WorkflowExecutionStartedEventAttributes) {
	r.run.StartedAt, r.run.ContinuedFrom = at, a.GetContinuedExecutionRunId()
	var request struct { // Not what is personal data.
		BatchID  string `json:"batchId"`
		Refetch  bool   `json:"refetch"`
		Priority int    `json:"priority"`
	}
	text := "started by " + by(a.GetIdentity())
	if parent := a.GetParentWorkflowExecution(); parent != nil {
		text = "started by the workflow " + parent.GetWorkflowId()
	}
	if r.run.ContinuedFrom != "" {
		text = "continues run " + r.run.ContinuedFrom
	}
	if err := r.converter.FromPayloads(a.GetInput(), &request); err != nil {
		r.run.Unreadable = printable(err.Error())
	} else {
		r.run.BatchID = request.BatchID
		if request.BatchID != "" {
			text += ", for batch " + request.BatchID
		}
		if request.Priority != 0 {
			text += fmt.Sprintf(", priority %d", request.Priority)
		}
		if request.Refetch {
			text += ", to fetch it again"
		}
	}
	r.add(at, Started, nil, "%s", text)
}

func (r *Reader) taskCompleted(a *historypb.WorkflowTaskCompletedEventAttributes) {
	build := a.GetDeploymentVersion().GetBuildId()
	if build == "" {
		build = a.GetWorkerVersion().GetBuildId() //nolint:staticcheck // Without a deployment it is nowhere else.
	}
	if build != "" && len(r.builds) < maxBuilds {
		r.builds[a.GetIdentity()] = build
	}
}

// maxBuilds bounds how many workers' builds are kept.
const maxBuilds = 1000

func (r *Reader) worker(identity, build string) *Worker {
	if identity == "" {
		return nil
	}
	if known := r.builds[identity]; known != "" { // That of its deployment, if it has one.
		build = known
	}
	return &Worker{Identity: printable(identity), Build: printable(build)}
}

func (r *Reader) waits(at time.Time, e *historypb.HistoryEvent) {
	a := e.GetTimerStartedEventAttributes()
	d := a.GetStartToFireTimeout().AsDuration()
	r.add(at, Wait, nil, "waits %s, until %s: %s", rounded(d), at.Add(d).UTC().Format(time.RFC3339), r.summary(e))
}

// summary is the text that the workflow gave an event.
func (r *Reader) summary(e *historypb.HistoryEvent) string {
	var text string
	if payload := e.GetUserMetadata().GetSummary(); payload == nil || r.converter.FromPayload(payload, &text) != nil {
		return "no reason is given"
	}
	return text
}

func (r *Reader) updated(at time.Time, a *historypb.WorkflowExecutionUpdateCompletedEventAttributes) {
	accepted := r.updates[a.GetAcceptedEventId()]
	if accepted == nil || accepted.name != workflows.UpdateCheckNow {
		return
	}
	var result workflows.CheckNowResult
	text := fmt.Sprintf("%s by %s", accepted.name, by(accepted.by))
	if r.converter.FromPayloads(a.GetOutcome().GetSuccess(), &result) == nil && result.Message != "" {
		text += ": " + result.Message
	}
	r.add(at, CheckNow, nil, "%s", text)
}

func (r *Reader) add(at time.Time, kind Kind, worker *Worker, format string, args ...any) {
	r.run.add(Event{At: at, Kind: kind, Worker: worker, Text: fmt.Sprintf(format, args...)})
}

func by(identity string) string {
	if identity == "" {
		return "somebody who gave no name"
	}
	return identity
}

func because(reason string) string {
	if reason == "" {
		return ""
	}
	return ": " + reason
}

// messageOf returns what a failure says of itself, without what Temporal adds.
func (r *Reader) messageOf(f *failurepb.Failure) string {
	if f.GetActivityFailureInfo() != nil && f.GetCause() != nil {
		f = f.GetCause()
	}
	return Message(f, r.converter)
}

// Message returns the message of a failure, which may be encrypted, in one line of at most a
// few hundred bytes; nil is the SDK's default converter.
func Message(f *failurepb.Failure, payloads converter.DataConverter) string {
	if f.GetEncodedAttributes() != nil && payloads != nil {
		decoded := proto.CloneOf(f)
		converter.DecodeCommonFailureAttributes(payloads, decoded)
		f = decoded
	}
	return printable(f.GetMessage())
}

// rounded returns a duration in at most two units.
func rounded(d time.Duration) time.Duration {
	switch {
	case d >= time.Hour:
		return d.Round(time.Minute)
	case d >= time.Minute:
		return d.Round(time.Second)
	case d >= time.Second:
		return d.Round(100 * time.Millisecond)
	default:
		return d.Round(time.Millisecond)
	}
}
