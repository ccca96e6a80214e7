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
	"github.com/callvault/callvault/internal/archive"
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

// Execute enters the revision, and before it those before it that are not in the log yet,
// and waits until they are there. It starts the ledger if there is none. A note says what is
// there; without it the log itself knows its last 256 entries, and takes an older one again,
// which docs/verification.md allows.
func (a *LogDay) Execute(ctx context.Context, input day.LogInput) (*day.LogResult, error) {
	defer beat(ctx, func() any { return nil })()
	served, err := a.Served.Of(input.BotID)
	if err != nil {
		return nil, activityError(err)
	}
	ctx, stop := context.WithTimeout(ctx, logWithin)
	defer stop()
	result := new(day.LogResult)
	for revision := 1; revision <= input.Revision; revision++ {
		if result.Index, err = a.logRevision(ctx, served.Store, input, revision); err != nil {
			return nil, activityError(err)
		}
	}
	return result, nil
}

func (a *LogDay) logRevision(ctx context.Context, store *archive.Store, input day.LogInput, revision int) (index int64, err error) {
	record, err := dayseal.ReadRecord(ctx, store, input.Day, revision)
	if errors.Is(err, archive.ErrMissing) {
		return 0, failure.New(failure.ArchiveBlocked, fmt.Sprintf("the record of revision %d of day %s of %s is gone, and the log needs it: put back what was there, from a version of the object or a backup", revision, input.Date, input.BotID))
	}
	if err != nil {
		return 0, err
	}
	if revision == input.Revision && record.SHA256 != input.SHA256 {
		return 0, failure.New(failure.ArchiveBlocked, fmt.Sprintf("the record s3://%s/%s was changed before it came into the log: put back the object with the SHA-256 %s", input.Record.Bucket, input.Record.Key, input.SHA256))
	}
	if index, err := dayseal.LogIndex(ctx, store, record); err != nil || index >= 0 {
		return index, err
	}
	text, err := json.Marshal(dayrecord.EntryOf(record.Record, record.SHA256))
	if err != nil {
		return 0, err
	}
	index, err = a.appendEntry(ctx, input, string(text))
	if blocked, ok := errors.AsType[*temporal.ApplicationError](err); ok {
		return 0, failure.New(failure.ArchiveBlocked, blocked.Message())
	}
	if err != nil {
		return 0, fmt.Errorf("the ledger %s did not respond: %w", ledger.WorkflowID(input.Log), err)
	}
	return index, dayseal.NoteLogIndex(context.WithoutCancel(ctx), store, record, index)
}

func (a *LogDay) appendEntry(ctx context.Context, input day.LogInput, text string) (int64, error) {
	start := a.Client.NewWithStartWorkflowOperation(ledger.StartOptions(input.Log), workflows.ArchiveLedgerWorkflowName, ledger.Input{Log: input.Log})
	handle, err := a.Client.UpdateWithStartWorkflow(ctx, client.UpdateWithStartWorkflowOptions{
		StartWorkflowOperation: start,
		UpdateOptions: client.UpdateWorkflowOptions{
			// There is no UpdateID: an update that was refused while the log was blocked has to
			// be sent again, and the log itself does not take an entry twice.
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
