package batchplan

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/callvault/callvault/internal/archive"
	"github.com/callvault/callvault/workflows"
	"github.com/callvault/callvault/workflows/batch"
)

// maxRecordBytes bounds a record; one of 500 bots has some 80 kB.
const maxRecordBytes = 1 << 20

// Record is what is kept of a batch beside its list: enough to report on it, and to start
// again what was not archived, when the Temporal server has forgotten it.
type Record struct {
	// Request is the batch's, with its list as the source.
	Request workflows.BatchRequest `json:"request"`
	Plan    batch.Plan             `json:"plan"`

	// RunID is the workflow's run that wrote the record.
	RunID string `json:"runId"`
}

// WriteRecord writes the record of a batch, or replaces it.
func WriteRecord(ctx context.Context, store *archive.Store, record Record) error {
	body, err := json.MarshalIndent(record, "", "  ")
	if err != nil {
		return fmt.Errorf("encode the record of batch %s: %w", record.Request.BatchID, err)
	}
	return store.WriteFile(ctx, store.BatchKey(record.Request.BatchID, archive.BatchRecordFile), "application/json", bytes.NewReader(body), int64(len(body)))
}

// ReadRecord returns the record of a batch. It returns [archive.ErrMissing] if the archive
// has none.
func ReadRecord(ctx context.Context, store *archive.Store, batchID string) (*Record, error) {
	key := store.BatchKey(batchID, archive.BatchRecordFile)
	object, _, err := store.OpenFile(ctx, key)
	if err != nil {
		return nil, err
	}
	defer object.Close()
	body, err := io.ReadAll(io.LimitReader(object, maxRecordBytes+1))
	if err != nil {
		return nil, err
	}
	record, err := decodeRecord(body, batchID)
	if err != nil {
		return nil, fmt.Errorf("the record s3://%s/%s is not valid: %w", store.Bucket(), key, err)
	}
	return record, nil
}

func decodeRecord(body []byte, batchID string) (*Record, error) {
	if len(body) > maxRecordBytes {
		return nil, fmt.Errorf("it has more than %d bytes", maxRecordBytes)
	}
	var record Record
	if err := json.Unmarshal(body, &record); err != nil {
		return nil, err
	}
	if record.Plan.Key == "" || record.Request.BatchID != batchID {
		return nil, errors.New("it is not that of the batch")
	}
	return &record, nil
}
