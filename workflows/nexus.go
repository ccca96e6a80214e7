package workflows

// The Nexus service by which workflows of other namespaces use callvault. Its operations take
// and return what the workflows do, and every worker of callvault serves them on [TaskQueue].
// An operator makes them reachable by an endpoint:
//
//	temporal operator nexus endpoint create --name callvault --target-namespace default --target-task-queue callvault
//
// The names never change, as those of the workflows.
const (
	// NexusService is the name of the service.
	NexusService = "callvault"

	// NexusFetchRecording is the operation that fetches one recording. It takes a
	// [FetchRequest] and returns a [FetchResult], whatever the outcome. If the session is
	// being fetched already, whoever started that, the operation attaches to it. It fails if
	// the fetch ends without an outcome: cancelled or terminated by somebody, or failed.
	//
	// Cancelling the operation cancels the fetch if the operation has started it and no other
	// operation is attached to it. Otherwise the fetch goes on, and the operation with it: a
	// caller that does not want to wait for its outcome gives the cancellation type
	// [go.temporal.io/sdk/workflow.NexusOperationCancellationTypeWaitRequested].
	NexusFetchRecording = "fetchRecording"

	// NexusStartBatch is the operation that runs a batch. It takes a [BatchRequest] with a
	// BatchID; it has started once the batch has, and returns its [BatchResult]. It fails if
	// there is a batch of that name. Cancelling the operation cancels the batch, which then
	// ends with its result.
	NexusStartBatch = "startBatch"
)
