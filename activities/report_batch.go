package activities

import (
	"context"
	"errors"
	"fmt"
	"io"

	"go.temporal.io/sdk/client"

	"github.com/callvault/callvault/internal/account"
	"github.com/callvault/callvault/internal/archive"
	"github.com/callvault/callvault/internal/batchreport"
	"github.com/callvault/callvault/internal/failure"
	"github.com/callvault/callvault/workflows"
	"github.com/callvault/callvault/workflows/batch"
)

// ReportBatch writes the report of a batch into the archive.
type ReportBatch struct {
	Served *account.Served
	Client client.Client
}

// running means that the fetch of a session has not ended.
type running struct{ session workflows.Session }

func (r *running) Error() string { return r.session.FetchWorkflowID() + " is running" }

// Execute writes one row for each session of the plan. It writes nothing if one of them is
// being fetched; of a cancelled batch, if it is by the batch itself.
func (a *ReportBatch) Execute(ctx context.Context, input batch.ReportInput) (*batch.ReportResult, error) {
	served, err := batchAccount(a.Served, input.Plan.Account)
	if err != nil {
		return nil, activityError(err)
	}
	defer beat(ctx, func() any { return nil })()
	if waits, err := a.isAwaited(ctx, input); waits || err != nil {
		return &batch.ReportResult{Awaited: input.Awaited}, err
	}
	key := served.Store.BatchKey(input.BatchID, archive.BatchReportFile)
	reader, writer := io.Pipe()
	written := make(chan error, 1)
	var total workflows.ReportTotal
	go func() {
		var err error
		total, err = a.write(ctx, served, input, writer)
		writer.CloseWithError(err)
		written <- err
	}()
	err = served.Store.WriteFile(ctx, key, batchreport.ContentType, reader, -1)
	reader.CloseWithError(err) // The writer ends if the store did not take everything.
	writeErr := <-written
	if found, ok := errors.AsType[*running](writeErr); ok {
		return &batch.ReportResult{Awaited: &found.session}, nil
	}
	switch {
	case errors.Is(writeErr, archive.ErrMissing):
		return nil, activityError(failure.New(failure.ArchiveBlocked, fmt.Sprintf("the report cannot be made without the plan of the batch: %v: restore the object, or terminate the batch", writeErr)))
	case writeErr != nil && !errors.Is(writeErr, io.ErrClosedPipe):
		return nil, activityError(writeErr)
	case err != nil:
		return nil, activityError(err)
	}
	return &batch.ReportResult{Report: workflows.ObjectRef{Bucket: served.Store.Bucket(), Key: key}, Total: total}, nil
}

// isAwaited reports whether the fetch is running that kept the last report from being
// written. That costs one request, where the report reads every manifest before it.
func (a *ReportBatch) isAwaited(ctx context.Context, input batch.ReportInput) (bool, error) {
	if input.Awaited == nil {
		return false, nil
	}
	unfinished, err := batchreport.Fetch(ctx, a.Client, *input.Awaited)
	return err == nil && isWaitedFor(input, unfinished), err
}

// isWaitedFor reports whether a report is not written before a fetch has ended.
func isWaitedFor(input batch.ReportInput, unfinished batchreport.Unfinished) bool {
	return unfinished.Running && (!input.Cancelled || unfinished.BatchID == input.BatchID)
}

func (a *ReportBatch) write(ctx context.Context, served *account.Account, input batch.ReportInput, w io.Writer) (workflows.ReportTotal, error) {
	csv, err := batchreport.NewCSV(w)
	if err != nil {
		return workflows.ReportTotal{}, err
	}
	var notFrom []int64
	if input.Cancelled {
		notFrom = input.Next
	}
	explain := batchreport.ByWorkflow(a.Client, notFrom)
	err = batchreport.Walk(ctx, served.Store, input.Plan, explain, func(row batchreport.Row, unfinished *batchreport.Unfinished) error {
		if input.Refetch && unfinished == nil && row.Outcome != workflows.OutcomeArchived {
			fetch, err := batchreport.Fetch(ctx, a.Client, row.Session)
			if err != nil {
				return err
			}
			unfinished = &fetch
		}
		if unfinished != nil && isWaitedFor(input, *unfinished) {
			return &running{row.Session}
		}
		return csv.Write(row)
	})
	if err != nil {
		return workflows.ReportTotal{}, err
	}
	return csv.Total, csv.Close()
}
