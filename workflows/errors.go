package workflows

// The types of the ApplicationErrors with which [FetchRecordingWorkflowName]
// fails. Every other failure is a result with an [Outcome].
const (
	// ErrorTypeInvalidInput: the request cannot be carried out as it is.
	ErrorTypeInvalidInput = "InvalidInput"
	// ErrorTypeBotNotServed: the workers have no credentials for the bot.
	ErrorTypeBotNotServed = "BotNotServed"
	// ErrorTypeRejected: the vendor's API rejects the request itself, so no
	// retry can succeed.
	ErrorTypeRejected = "Rejected"

	// ErrorTypeNoOutcome: the fetch that [ActivityAwaitFetch] waited for ended
	// without an outcome: it failed, or was cancelled or terminated.
	ErrorTypeNoOutcome = "NoOutcome"
)
