package activities

import (
	"context"
	"errors"
	"io"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"

	"github.com/callvault/callvault/internal/account"
	"github.com/callvault/callvault/internal/archive"
	"github.com/callvault/callvault/internal/batchreport"
	"github.com/callvault/callvault/workflows"
	"github.com/callvault/callvault/workflows/batch"
)

// reportHeartbeat is after how many rows a report shows that it goes on.
const reportHeartbeat = 500

// ReportBatch writes the report of a batch into the archive.
type ReportBatch struct {
	Served *account.Served
	Client client.Client
}

var errRunning = errors.New("a fetch is running")

// Execute writes one row for each session of the plan. It writes nothing if one of them is
// being fetched, unless the batch was cancelled.
func (a *ReportBatch) Execute(ctx context.Context, input batch.ReportInput) (*batch.ReportResult, error) {
	served, err := batchAccount(a.Served, input.Plan.Account)
	if err != nil {
		return nil, activityError(err)
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
	switch {
	case errors.Is(writeErr, errRunning):
		return &batch.ReportResult{Running: 1}, nil
	case writeErr != nil && !errors.Is(writeErr, io.ErrClosedPipe):
		return nil, activityError(writeErr)
	case err != nil:
		return nil, activityError(err)
	}
	return &batch.ReportResult{Report: workflows.ObjectRef{Bucket: served.Store.Bucket(), Key: key}, Total: total}, nil
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
	err = batchreport.Walk(ctx, served.Store, input.Plan, batchreport.ByWorkflow(a.Client, notFrom), func(row batchreport.Row, unfinished *batchreport.Unfinished) error {
		if unfinished != nil && unfinished.Running && !input.Cancelled {
			return errRunning
		}
		if csv.Total.Sessions%reportHeartbeat == 0 {
			activity.RecordHeartbeat(ctx, csv.Total.Sessions)
		}
		return csv.Write(row)
	})
	if err != nil {
		return workflows.ReportTotal{}, err
	}
	return csv.Total, csv.Close()
}
