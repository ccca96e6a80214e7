package activities

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"github.com/callvault/callvault/internal/account"
	"github.com/callvault/callvault/internal/dayrecord"
	"github.com/callvault/callvault/internal/dayseal"
	"github.com/callvault/callvault/internal/failure"
	"github.com/callvault/callvault/workflows"
	"github.com/callvault/callvault/workflows/day"
	"github.com/callvault/callvault/workflows/ledger"
)

// logWithin is how long an entry is waited for. The log is written in a second or two if a
// worker and the store respond.
const logWithin = 2 * time.Minute

// LogDay has the record of a day entered into the log of its archive.
type LogDay struct {
	Served *account.Served
	Client client.Client
}

// Execute sends the entry to the ledger, which it starts if there is none, and waits until
// it is in the log. Run again, it attaches to what it sent before.
func (a *LogDay) Execute(ctx context.Context, input day.LogInput) (*day.LogResult, error) {
	defer beat(ctx, func() any { return nil })()
	served, err := a.Served.Of(input.BotID)
	if err != nil {
		return nil, activityError(err)
	}
	record, err := dayseal.ReadRecord(ctx, served.Store, input.Day, input.Revision)
	if err != nil {
		return nil, activityError(err)
	}
	if record.SHA256 != input.SHA256 {
		return nil, activityError(failure.New(failure.ArchiveBlocked, fmt.Sprintf("the record s3://%s/%s was changed before it came into the log: put back the object with the SHA-256 %s", input.Record.Bucket, input.Record.Key, input.SHA256)))
	}
	if index, err := dayseal.LogIndex(ctx, served.Store, record); err != nil || index >= 0 {
		return &day.LogResult{Index: index}, activityError(err)
	}
	text, err := json.Marshal(dayrecord.EntryOf(record.Record, record.SHA256))
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithTimeout(ctx, logWithin)
	defer stop()
	index, err := a.appendEntry(ctx, input, string(text))
	if blocked, ok := errors.AsType[*temporal.ApplicationError](err); ok {
		return &day.LogResult{Waiting: blocked.Message()}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("the ledger %s did not respond: %w", ledger.WorkflowID(input.Log), err)
	}
	return &day.LogResult{Index: index}, activityError(dayseal.NoteLogIndex(context.WithoutCancel(ctx), served.Store, record, index))
}

func (a *LogDay) appendEntry(ctx context.Context, input day.LogInput, text string) (int64, error) {
	start := a.Client.NewWithStartWorkflowOperation(ledger.StartOptions(input.Log), workflows.ArchiveLedgerWorkflowName, ledger.Input{Log: input.Log})
	handle, err := a.Client.UpdateWithStartWorkflow(ctx, client.UpdateWithStartWorkflowOptions{
		StartWorkflowOperation: start,
		UpdateOptions: client.UpdateWorkflowOptions{
			// UpdateID is not set: an update that was refused while the log was blocked has to
			// be sent again. An entry that is in the log twice is harmless.
			UpdateName:   ledger.UpdateAppend,
			Args:         []any{ledger.Entry{Text: text}},
			WaitForStage: client.WorkflowUpdateStageCompleted,
		},
	})
	if err != nil {
		return 0, err
	}
	var appended ledger.Appended
	err = handle.Get(ctx, &appended)
	return appended.Index, err
}
