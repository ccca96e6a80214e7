package workflows

// The names below stand in histories, scripts and other teams' code. They
// never change, whatever becomes of the Go identifiers beside them.
const (
	// FetchRecordingWorkflowName is the type under which
	// [FetchRecordingWorkflow] is registered.
	FetchRecordingWorkflowName = "FetchRecordingWorkflow"

	// TaskQueue is the queue of the workflows and of the light activities.
	TaskQueue = "callvault"

	// TransferTaskQueue is the queue of the downloads, apart from the light
	// work so that long transfers never keep a status check waiting.
	TransferTaskQueue = "callvault-transfer"

	// QueryProgress is the query that answers a [Progress].
	QueryProgress = "progress"

	// UpdateCheckNow is the update that ends a wait early and answers a
	// [CheckNowResult].
	UpdateCheckNow = "checkNow"
)

// APITaskQueue is the queue of whatever spends botID's call budget at the
// upstream. The Temporal server limits its rate over all workers.
func APITaskQueue(botID string) string {
	return "callvault-api/" + botID
}

// FetchWorkflowID is the workflow id of the one fetch that a session may have
// running.
func FetchWorkflowID(botID, sessionID string) string {
	return "fetch-recording/" + botID + "/" + sessionID
}
