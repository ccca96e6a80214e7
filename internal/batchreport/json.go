package batchreport

import (
	"encoding/json"
	"io"
)

// JSON writes a report as one JSON document: {"batchId", "rows", "total"}.
type JSON struct {
	Count
	w io.Writer
}

// NewJSON writes the begin of the document to w.
func NewJSON(w io.Writer, batchID string) (*JSON, error) {
	id, err := json.Marshal(batchID)
	if err != nil {
		return nil, err
	}
	_, err = io.WriteString(w, `{"batchId": `+string(id)+`, "rows": [`)
	return &JSON{Count: newCount(), w: w}, err
}

// Write writes a row.
func (j *JSON) Write(row Row) error {
	separator := ",\n  "
	if j.Total.Sessions == 0 {
		separator = "\n  "
	}
	j.Add(row)
	body, err := json.Marshal(row)
	if err != nil {
		return err
	}
	_, err = io.WriteString(j.w, separator+string(body))
	return err
}

// Close writes the end of the document.
func (j *JSON) Close() error {
	body, err := json.Marshal(j.Total)
	if err != nil {
		return err
	}
	_, err = io.WriteString(j.w, "\n], \"total\": "+string(body)+"}\n")
	return err
}
