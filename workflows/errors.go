package workflows

// The types of ApplicationErrors. [FetchRecordingWorkflowName] fails with the
// first two; every other failure of it is a result with an [Outcome].
const (
	// ErrorTypeInvalidInput: the request cannot be carried out as it is.
	ErrorTypeInvalidInput = "InvalidInput"
	// ErrorTypeRejected: the vendor's API rejects the request itself, so no
	// retry can succeed.
	ErrorTypeRejected = "Rejected"

	// ErrorTypeNoOutcome: [RunFetch] and [RunBatch] fail with it if their child was
	// cancelled or terminated by somebody else.
	ErrorTypeNoOutcome = "NoOutcome"

	// ErrorTypeBatchExists: [NexusStartBatch] fails with it if there is a batch of that name.
	ErrorTypeBatchExists = "BatchExists"
)
