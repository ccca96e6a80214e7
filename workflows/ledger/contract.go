package ledger

import (
	"errors"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"

	"github.com/callvault/callvault/workflows"
)

const (
	// UpdateAppend is the update that takes a [Entry] and returns its place in the log, as
	// an [Appended], once it is there.
	UpdateAppend = "append"

	// AppendToLog is the activity that writes the log, by the name that is recorded in
	// histories.
	AppendToLog = "AppendToLog"

	// errorTypeBlocked is the type of the error that the update returns while the log cannot
	// be written.
	errorTypeBlocked = "LogBlocked"

	// maxEntryBytes is what the format of the log allows.
	maxEntryBytes = 65_535
)

// Input names the archive whose log is written.
type Input struct {
	Log string `json:"log"`
	// Entries is how many the log had at the end of the run before, and Checkpoint the one
	// that it had then.
	Entries    int64  `json:"entries,omitempty"`
	Checkpoint []byte `json:"checkpoint,omitempty"`
}

// Entry is an entry of the log.
type Entry struct {
	// Text is the entry itself.
	Text string `json:"text"`
}

func (e Entry) validate() error {
	if e.Text == "" || len(e.Text) > maxEntryBytes {
		return errors.New("the entry is empty or longer than 65,535 bytes")
	}
	return nil
}

// Appended is where an entry is.
type Appended struct {
	Index int64 `json:"index"`
}

// AppendInput are entries in their order.
type AppendInput struct {
	Log     string   `json:"log"`
	Entries []string `json:"entries"`

	// Checkpoint is the last one that the ledger has seen: a log that does not extend it is
	// refused. Empty before the first write.
	Checkpoint []byte `json:"checkpoint,omitempty"`
}

// AppendResult is where the entries are.
type AppendResult struct {
	// Indexes has one for each entry. Size is that of the log.
	Indexes    []int64 `json:"indexes"`
	Size       int64   `json:"size"`
	Checkpoint []byte  `json:"checkpoint"`
}

// TaskQueue is the queue of the activity: of the workers that have an account whose archive
// has the log.
func TaskQueue(log string) string { return "callvault-ledger/" + log }

// WorkflowID returns the id of the workflow that writes a log.
func WorkflowID(log string) string { return "ledger/" + log }

// StartOptions returns the options with which whoever needs the ledger first starts it.
func StartOptions(log string) client.StartWorkflowOptions {
	return client.StartWorkflowOptions{
		ID:                       WorkflowID(log),
		TaskQueue:                workflows.TaskQueue,
		WorkflowIDConflictPolicy: enumspb.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING,
		WorkflowIDReusePolicy:    enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
		WorkflowTaskTimeout:      10 * time.Second,
		StaticSummary:            "Log of " + log,
		StaticDetails:            "The one writer of the archive's log. Days send it their entries; it does nothing in between.",
	}
}
