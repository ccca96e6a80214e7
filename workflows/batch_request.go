package workflows

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"go.temporal.io/sdk/temporal"
)

const (
	// MaxInlineSessions bounds the sessions in a batch's request; more of them go into
	// an object of the archive, see [BatchRequest.Source].
	MaxInlineSessions = 1000

	// MaxBatchSessions bounds the rows of a batch's list.
	MaxBatchSessions = 1_000_000

	// The bounds of S3.
	maxBucketBytes = 63
	maxKeyBytes    = 1024
)

// BatchSession is one session of a batch.
type BatchSession struct {
	// Session is the call. Required.
	Session

	// UserID is the user of the session, see [FetchRequest]. Defaults to none.
	UserID string `json:"userId,omitempty"`
}

// UnmarshalJSON decodes the session strictly.
func (s *BatchSession) UnmarshalJSON(data []byte) error {
	type plain BatchSession
	var decoded plain
	if err := decodeStrictly(data, &decoded); err != nil {
		return err
	}
	*s = BatchSession(decoded)
	return nil
}

// BatchRequest asks for the recordings of many sessions of one account. Either Sessions
// or Source is given.
//
// In its JSON form, which the temporal CLI sends, unknown keys and values of the wrong
// type are errors that name the key. Do not embed it in a struct that is decoded from
// JSON: its UnmarshalJSON would be that struct's.
type BatchRequest struct {
	// BatchID names the batch and its files in the archive: letters, digits, dots,
	// underscores and hyphens, at most 128. Defaults to what follows "batch/" in the
	// workflow's id, or to the whole id.
	BatchID string `json:"batchId,omitempty"`

	// Sessions are up to 1,000 sessions. Defaults to none.
	Sessions []BatchSession `json:"sessions,omitempty"`

	// Source is an object with up to 1,000,000 sessions in the bucket of the account's
	// archive: CSV with the header botId,sessionId,userId, or one JSON object on each
	// line. Defaults to none.
	Source *ObjectRef `json:"source,omitempty"`

	// Policy is that of each fetch. Defaults to [DefaultFetchPolicy], field by field.
	Policy FetchPolicy `json:"policy,omitzero"`

	// Priority is that of each fetch, from 1, served first, to 5. Defaults to 4.
	Priority int `json:"priority,omitempty"`

	// MaxFailures is how many sessions may end otherwise than archived before no more
	// of them are started. Defaults to no limit.
	MaxFailures FailureLimit `json:"maxFailures,omitzero"`

	// Refetch fetches sessions again whose manifest says anything but archived.
	// Otherwise every session that has a manifest is left as it is. Defaults to false.
	Refetch bool `json:"refetch,omitempty"`
}

// UnmarshalJSON decodes the request strictly.
func (r *BatchRequest) UnmarshalJSON(data []byte) error {
	type plain BatchRequest
	var decoded struct {
		plain
		Source *strictObjectRef `json:"source,omitempty"`
	}
	if err := decodeStrictly(data, &decoded); err != nil {
		return err
	}
	*r = BatchRequest(decoded.plain)
	r.Source = (*ObjectRef)(decoded.Source)
	return nil
}

// strictObjectRef is a reference in a request. In results unknown keys are ignored.
type strictObjectRef ObjectRef

func (r *strictObjectRef) UnmarshalJSON(data []byte) error {
	var decoded ObjectRef
	if err := decodeStrictly(data, &decoded); err != nil {
		return fmt.Errorf("source: %w", err)
	}
	*r = strictObjectRef(decoded)
	return nil
}

// Validate reports everything that is wrong with the request in one error, each problem
// with its remedy; of its sessions the first ten that are wrong. It makes no request:
// the source is checked by the first activity. Workflow code calls
// [BatchRequest.ValidateAt].
func (r BatchRequest) Validate() error { return r.ValidateAt(time.Now()) }

// ValidateAt is [BatchRequest.Validate] at a given time, see [FetchRequest.ValidateAt].
func (r BatchRequest) ValidateAt(now time.Time) error {
	err := errors.Join(
		validateBatchID(r.BatchID),
		r.validateSessions(now),
		validatePriority(r.Priority),
		r.Policy.Validate(),
		r.MaxFailures.Validate(),
	)
	if err != nil {
		return fmt.Errorf("invalid input: %s", strings.ReplaceAll(err.Error(), "\n", "; "))
	}
	return nil
}

// maxNamedSessions bounds how many invalid sessions of a request an error names.
const maxNamedSessions = 10

func (r BatchRequest) validateSessions(now time.Time) error {
	switch {
	case r.Source == nil && len(r.Sessions) == 0:
		return errors.New("sessions are missing: give up to 1,000 of them as sessions, or a list in the archive as source")
	case r.Source != nil && len(r.Sessions) > 0:
		return errors.New("sessions and source are both given: remove one of them")
	case r.Source != nil && (r.Source.Bucket == "" || r.Source.Key == ""):
		return errors.New("source lacks its bucket or its key: give both")
	case r.Source != nil && (len(r.Source.Bucket) > maxBucketBytes || len(r.Source.Key) > maxKeyBytes):
		return fmt.Errorf("source cannot name an object: a bucket's name has at most %d bytes, and a key at most %d", maxBucketBytes, maxKeyBytes)
	case len(r.Sessions) > MaxInlineSessions:
		return fmt.Errorf("sessions are %d, more than %d: put the list into the archive, and give it as source", len(r.Sessions), MaxInlineSessions)
	}
	var faults []error
	for i, session := range r.Sessions {
		err := session.ValidateFor(session.UserID, now)
		if err == nil {
			continue
		}
		if len(faults) == maxNamedSessions {
			return errors.Join(append(faults, errors.New("further sessions are invalid too"))...)
		}
		faults = append(faults, fmt.Errorf("sessions[%d]: %s", i, strings.ReplaceAll(err.Error(), "\n", "; ")))
	}
	return errors.Join(faults...)
}

// EffectivePriority returns the priority of the batch's fetches.
func (r BatchRequest) EffectivePriority() int {
	if r.Priority != 0 {
		return r.Priority
	}
	return BatchPriority
}

// FetchRequest returns the request for the fetch of one session of the batch, whose id
// is r's.
func (r BatchRequest) FetchRequest(session BatchSession) FetchRequest {
	return FetchRequest{
		Session: session.Session, UserID: session.UserID, BatchID: r.BatchID,
		Refetch: r.Refetch, Priority: r.Priority, Policy: r.Policy,
	}
}

// batchWorkflowPrefix begins the workflow id of a batch.
const batchWorkflowPrefix = "batch/"

// BatchWorkflowID returns the id of the workflow of a batch.
func BatchWorkflowID(batchID string) string { return batchWorkflowPrefix + batchID }

// BatchIDOf returns the id of the batch that a workflow runs whose request names none. It
// fails if the workflow's id cannot be used for that.
func BatchIDOf(workflowID string) (string, error) {
	id := strings.TrimPrefix(workflowID, batchWorkflowPrefix)
	if err := validateBatchID(id); err != nil || id == "" {
		return "", fmt.Errorf("the workflow's id %.140q cannot name the batch: give a batchId, or a workflow id such as %s2026-11", workflowID, batchWorkflowPrefix)
	}
	return id, nil
}

// ValidateBatchID reports whether id can name a batch.
func ValidateBatchID(id string) error {
	if id == "" {
		return errors.New("batchId is empty: give up to 128 letters, digits, dots, underscores and hyphens")
	}
	return validateBatchID(id)
}

// SearchAttributes returns the attributes with which the workflow of a batch starts.
func (r BatchRequest) SearchAttributes() temporal.SearchAttributes {
	updates := []temporal.SearchAttributeUpdate{SearchAttributePhase.ValueSet(string(BatchPreparing))}
	if r.BatchID != "" {
		updates = append(updates, SearchAttributeBatch.ValueSet(r.BatchID))
	}
	return temporal.NewSearchAttributes(updates...)
}

var _ json.Unmarshaler = (*BatchRequest)(nil)
