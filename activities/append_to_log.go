package activities

import (
	"context"
	"fmt"

	"github.com/callvault/callvault/internal/account"
	"github.com/callvault/callvault/internal/daylog"
	"github.com/callvault/callvault/internal/failure"
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
	appended, err := daylog.Open(served.Store, served.Store.Prefix(), served.LogKey).Append(ctx, entries, input.Checkpoint)
	if err != nil {
		return nil, activityError(err)
	}
	return &ledger.AppendResult{Indexes: appended.Indexes, Size: appended.Size, Checkpoint: appended.Checkpoint}, nil
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
