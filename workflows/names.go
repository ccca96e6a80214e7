package workflows

// These names are used in histories, scripts and other teams' code. They never
// change, even if the Go identifiers do.
const (
	// FetchRecordingWorkflowName is the type of the workflow that fetches one
	// recording. It takes a [FetchRequest] and returns a [FetchResult].
	FetchRecordingWorkflowName = "FetchRecordingWorkflow"

	// FetchRecordingsBatchWorkflowName is the type of the workflow that fetches the
	// recordings of many sessions. It takes a [BatchRequest] and returns a
	// [BatchResult]; the query [QueryProgress] returns a [BatchProgress], and the
	// updates [UpdatePause] and [UpdateResume] take a [BatchChange] and return one.
	FetchRecordingsBatchWorkflowName = "FetchRecordingsBatchWorkflow"

	// ArchiveDayWorkflowName is the type of the workflow that archives a complete day of a
	// bot. It takes a [DayRequest] and returns a [DayResult]; the query [QueryProgress]
	// returns a [DayProgress].
	ArchiveDayWorkflowName = "ArchiveDayWorkflow"

	// ArchiveDaysWorkflowName is the type of the workflow that starts those of many days. It
	// takes a [DaysRequest] and returns a [DaysResult]; a schedule starts it every day.
	ArchiveDaysWorkflowName = "ArchiveDaysWorkflow"

	// ArchiveLedgerWorkflowName is the type of the workflow that alone writes the log of an
	// archive. Callvault starts it; the query [QueryProgress] returns a [LedgerProgress].
	ArchiveLedgerWorkflowName = "ArchiveLedgerWorkflow"

	// TaskQueue is the queue of the workflows.
	TaskQueue = "callvault"

	// MemoFlow is the key of a memo with which a fetch starts. It tells the newest flow
	// that the starter knows, as a number; [FetchStartOptions] and [FetchChildOptions]
	// set it. A fetch without it, started from JSON alone, costs three events more.
	MemoFlow = "callvaultFetch"

	// FlowFewEvents is the flow that costs the fewest events and billable actions.
	FlowFewEvents = 2

	// FlowPurgeAlarm is FlowFewEvents with an alarm before the vendor purges the session,
	// see [SearchAttributePurgeAt]. It is the newest.
	FlowPurgeAlarm = 3

	newestFlow = Flow(FlowPurgeAlarm)

	// QueryProgress is the query that returns a [FetchProgress].
	QueryProgress = "progress"

	// UpdateCheckNow is the update that ends a wait early and returns a
	// [CheckNowResult].
	UpdateCheckNow = "checkNow"

	// SignalChanged tells the workflow of a day that something of the day has changed since
	// it was sealed. It takes no input.
	SignalChanged = "changed"

	// ActivityAwaitFetch is the activity of callvault's worker by which
	// [RunFetch] waits for a fetch that is already running.
	ActivityAwaitFetch = "AwaitFetch"
)

// Flow is a number of [MemoFlow] in a memo. It has a type of its own so that a codec which
// encrypts payloads can leave it as it is.
type Flow int
