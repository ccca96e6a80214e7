package activities

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"go.temporal.io/sdk/activity"

	"github.com/callvault/callvault/internal/account"
	"github.com/callvault/callvault/internal/archive"
	"github.com/callvault/callvault/internal/batchplan"
	"github.com/callvault/callvault/internal/failure"
	"github.com/callvault/callvault/internal/sessionlist"
	"github.com/callvault/callvault/workflows"
	"github.com/callvault/callvault/workflows/batch"
)

const (
	// maxListBytes bounds the list of a batch: a million rows of 256 bytes.
	maxListBytes = 256 << 20

	// maxNamedFaults bounds how many bad rows an error names.
	maxNamedFaults = 10

	// heartbeatBytes is after how much of a list the preparation shows that it goes on:
	// some ten thousand rows.
	heartbeatBytes = 640_000
)

// PrepareBatch reads the list of a batch and writes its plan into the archive.
type PrepareBatch struct {
	Served *account.Served
}

// Execute checks every row, orders the sessions and writes the plan. The list is invalid
// input if a row is wrong, or if its bots belong to several accounts.
func (a *PrepareBatch) Execute(ctx context.Context, input batch.PrepareInput) (*batch.Plan, error) {
	request := input.Request
	owner, builder, err := a.read(ctx, request)
	if elsewhere, ok := errors.AsType[*servedElsewhere](err); ok {
		return &batch.Plan{Elsewhere: elsewhere.botID}, nil
	}
	if err != nil {
		return nil, activityError(err)
	}
	store, run := owner.Store, activity.GetInfo(ctx).WorkflowExecution.RunID
	if err := checkRecord(ctx, store, request, run); err != nil {
		return nil, activityError(err)
	}
	ordered := builder.Build(input.StartedAt, owner.Retention)
	plan := &batch.Plan{
		// Each run has a plan of its own, so that no other batch can replace it.
		Account: owner.Name, Key: store.BatchKey(request.BatchID, archive.BatchPlanOf(run)),
		Bots: ordered.Bots, Sessions: ordered.Sessions, Duplicates: ordered.Duplicates + builder.Repeated,
	}
	if err := store.WriteFile(ctx, plan.Key, "text/plain; charset=utf-8", beating(ctx, ordered.Text()), ordered.Bytes); err != nil {
		return nil, activityError(err)
	}
	if len(request.Sessions) > 0 {
		if request.Source, err = writeList(ctx, store, request); err != nil {
			return nil, activityError(err)
		}
		request.Sessions = nil
	}
	return plan, activityError(batchplan.WriteRecord(ctx, store, batchplan.Record{Request: request, Plan: *plan, RunID: run}))
}

// checkRecord refuses a batch whose name another one has had.
func checkRecord(ctx context.Context, store *archive.Store, request workflows.BatchRequest, run string) error {
	record, err := batchplan.ReadRecord(ctx, store, request.BatchID)
	if errors.Is(err, archive.ErrMissing) {
		return nil
	}
	if err == nil && (request.Refetch || record.RunID == run) {
		return nil
	}
	if _, ok := failure.Of(err); ok || ctx.Err() != nil {
		return err
	}
	return invalid("there is a batch %q in the archive already: give another batchId, or set refetch to fetch again what it did not archive", request.BatchID)
}

// servedElsewhere means that the list is for workers of another bot.
type servedElsewhere struct{ botID string }

func (e *servedElsewhere) Error() string { return "the list is for the workers of bot " + e.botID }

// writeList keeps the sessions that came with the request, so that the batch can be started
// again.
func writeList(ctx context.Context, store *archive.Store, request workflows.BatchRequest) (*workflows.ObjectRef, error) {
	var body bytes.Buffer
	list, err := sessionlist.NewWriter(&body, sessionlist.NDJSON)
	if err != nil {
		return nil, err
	}
	for _, session := range request.Sessions {
		if err := list.Write(sessionlist.Row{Session: session.Session, UserID: session.UserID}); err != nil {
			return nil, err
		}
	}
	if err := list.Flush(); err != nil {
		return nil, err
	}
	key := store.BatchKey(request.BatchID, archive.BatchListNDJSON)
	return &workflows.ObjectRef{Bucket: store.Bucket(), Key: key}, store.WriteFile(ctx, key, "application/x-ndjson", &body, int64(body.Len()))
}

// read returns the account and the sessions of the list.
func (a *PrepareBatch) read(ctx context.Context, request workflows.BatchRequest) (*account.Account, *batchplan.Builder, error) {
	if request.Source == nil {
		return a.readInline(request.Sessions)
	}
	list, stores, err := a.open(ctx, *request.Source)
	if err != nil {
		return nil, nil, err
	}
	defer list.Close()
	owner, builder, err := a.readList(ctx, list)
	if err == nil && !slices.Contains(stores, owner) {
		err = invalid("the list s3://%s/%s is not in the archive of its bots' account %q, whose bucket is %s: put it there", request.Source.Bucket, request.Source.Key, owner.Name, owner.Store.Bucket())
	}
	return owner, builder, err
}

func (a *PrepareBatch) readInline(sessions []workflows.BatchSession) (*account.Account, *batchplan.Builder, error) {
	builder := batchplan.NewBuilder()
	var owner *account.Account
	for i, session := range sessions {
		if err := a.join(&owner, session.BotID); err != nil {
			return nil, nil, invalid("sessions[%d]: %w", i, err)
		}
		if err := builder.Add(session); err != nil {
			return nil, nil, invalid("sessions[%d]: %w", i, err)
		}
	}
	return owner, builder, nil
}

// open opens the list, and returns the accounts whose archive is in its bucket.
func (a *PrepareBatch) open(ctx context.Context, source workflows.ObjectRef) (io.ReadCloser, []*account.Account, error) {
	var inBucket []*account.Account
	for _, served := range a.Served.Accounts {
		if served.Store.Bucket() == source.Bucket {
			inBucket = append(inBucket, served)
		}
	}
	var last error
	for _, served := range inBucket {
		list, length, err := served.Store.OpenFile(ctx, source.Key)
		switch {
		case err == nil && length > maxListBytes:
			list.Close()
			return nil, nil, invalid("the list s3://%s/%s has %d bytes, more than %d: split it", source.Bucket, source.Key, length, maxListBytes)
		case err == nil:
			return list, inBucket, nil
		}
		last = err
	}
	switch {
	case last == nil:
		return nil, nil, failure.New(failure.Blocked, fmt.Sprintf("this worker has no account whose archive is in the bucket %s: correct source.bucket, or start a worker that has", source.Bucket))
	case errors.Is(last, archive.ErrMissing):
		return nil, nil, invalid("source: %w: put the list there, or correct source", last)
	}
	return nil, nil, last
}

// readList reads the list of one account's sessions.
func (a *PrepareBatch) readList(ctx context.Context, r io.Reader) (*account.Account, *batchplan.Builder, error) {
	var faults []string
	wrong := 0
	fault := func(line int, problem string) {
		wrong++
		if len(faults) < maxNamedFaults {
			faults = append(faults, fmt.Sprintf("line %d: %s", line, withoutValues(problem)))
		}
	}
	list := sessionlist.Read(beating(ctx, r), sessionlist.Options{OnFault: func(f sessionlist.Fault) { fault(f.Line, f.Problem) }})
	builder := batchplan.NewBuilder()
	var owner *account.Account
	for row, err := range list.All() {
		if err == nil {
			if _, err := a.Served.Of(row.BotID); err != nil && owner == nil {
				return nil, nil, &servedElsewhere{row.BotID}
			}
			if err := a.join(&owner, row.BotID); err != nil {
				fault(row.Line, err.Error())
			} else if err := builder.Add(workflows.BatchSession{Session: row.Session, UserID: row.UserID}); err != nil {
				return nil, nil, invalid("line %d: %w", row.Line, err)
			}
			continue
		}
		if ctx.Err() != nil {
			return nil, nil, ctx.Err()
		}
		if failed, ok := failure.Of(err); ok {
			return nil, nil, failed
		}
		return nil, nil, invalid("the list: %s", withoutValues(err.Error()))
	}
	if wrong > 0 {
		return nil, nil, invalid("%d row(s) of the list are wrong: %s", wrong, strings.Join(faults, "; "))
	}
	builder.Repeated = list.Summary().Duplicates
	return owner, builder, nil
}

// quotedValue is what a text quotes.
var quotedValue = regexp.MustCompile(`"(?:[^"\\]|\\.)*"`)

// withoutValues keeps what stands in a list, such as users' ids, out of the history.
func withoutValues(problem string) string { return quotedValue.ReplaceAllString(problem, `"…"`) }

// join makes sure that a bot belongs to the account of those before it.
func (a *PrepareBatch) join(owner **account.Account, botID string) error {
	if *owner != nil && slices.Contains((*owner).BotIDs, botID) {
		return nil
	}
	served, err := a.Served.Of(botID)
	switch {
	case err != nil:
		return fmt.Errorf("bot %s is not served by this worker: correct botId, or add the bot to SMARTASSIST_BOT_ID or CALLVAULT_CONFIG", botID)
	case *owner == nil:
		*owner = served
		return nil
	}
	return fmt.Errorf("bot %s belongs to account %q, and the rows before it to account %q: start a batch for each account", botID, served.Name, (*owner).Name)
}

// invalid returns an error about the input, which no retry can fix.
func invalid(format string, args ...any) error {
	return failure.Wrap(failure.InvalidInput, fmt.Errorf(format, args...))
}

// beating records heartbeats as r is read.
func beating(ctx context.Context, r io.Reader) io.Reader { return &beatingReader{ctx: ctx, r: r} }

type beatingReader struct {
	ctx   context.Context // the activity's, which the reader does not outlive
	r     io.Reader
	bytes int64
	next  int64
}

func (b *beatingReader) Read(p []byte) (int, error) {
	if err := b.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := b.r.Read(p)
	b.bytes += int64(n)
	if b.bytes >= b.next {
		b.next = b.bytes + heartbeatBytes
		activity.RecordHeartbeat(b.ctx, b.bytes)
	}
	return n, err
}
