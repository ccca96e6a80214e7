package activities

import (
	"context"
	"fmt"
	"net/url"

	"go.temporal.io/sdk/activity"

	"github.com/callvault/callvault/internal/account"
	"github.com/callvault/callvault/internal/daylog"
	"github.com/callvault/callvault/internal/failure"
	"github.com/callvault/callvault/internal/timestamp"
	"github.com/callvault/callvault/workflows/ledger"
)

// AppendToLog writes entries into the log of an archive.
type AppendToLog struct {
	Served *account.Served
}

// Execute appends the entries. Run again, it finds them.
func (a *AppendToLog) Execute(ctx context.Context, input ledger.AppendInput) (*ledger.AppendResult, error) {
	defer beat(ctx, func() any { return nil })()
	served := a.accountOf(input.Log)
	if served == nil {
		return nil, activityError(failure.New(failure.ArchiveBlocked, fmt.Sprintf("no account of this worker has the archive %s: start a worker that has", input.Log)))
	}
	if served.LogKey == nil {
		return nil, activityError(failure.New(failure.ArchiveBlocked, "no key signs the log of sealed days: make one by `starter log keygen`, and set CALLVAULT_LOG_KEY_FILE, or archive.logKeyFile in CALLVAULT_CONFIG"))
	}
	entries := make([][]byte, 0, len(input.Entries))
	for _, entry := range input.Entries {
		entries = append(entries, []byte(entry))
	}
	log := daylog.Open(served.Store, served.Store.Prefix(), served.LogKey)
	appended, err := log.Append(ctx, entries, input.Checkpoint)
	if err != nil {
		return nil, activityError(err)
	}
	if served.TimestampURL != nil {
		if err := stamp(ctx, log, served.TimestampURL, appended.Checkpoint); err != nil {
			activity.GetLogger(ctx).Warn("the log's checkpoint has no timestamp; the next one covers what it has", "entries", appended.Size, "error", err)
		}
	}
	return &ledger.AppendResult{Indexes: appended.Indexes, Size: appended.Size, Checkpoint: appended.Checkpoint}, nil
}

// stamp has the authority stamp a checkpoint, and keeps the timestamp beside it. The log
// holds without it.
func stamp(ctx context.Context, log *daylog.Log, authority *url.URL, checkpoint []byte) error {
	response, err := timestamp.Request(ctx, authority, checkpoint)
	if err != nil {
		return err
	}
	return log.KeepStamp(ctx, checkpoint, response)
}

// accountOf returns an account whose archive has the log, with a key if one of them has; nil
// if there is none.
func (a *AppendToLog) accountOf(log string) (found *account.Account) {
	for _, served := range a.Served.Accounts {
		if served.Store.Place() == log && (found == nil || found.LogKey == nil) {
			found = served
		}
	}
	return found
}
