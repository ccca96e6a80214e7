package activities_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/mocks"
	"go.temporal.io/sdk/temporal"

	"github.com/callvault/callvault/activities"
	"github.com/callvault/callvault/internal/account"
	"github.com/callvault/callvault/internal/dayseal"
	"github.com/callvault/callvault/internal/failure"
	"github.com/callvault/callvault/workflows/day"
	"github.com/callvault/callvault/workflows/ledger"
)

// logHarness has revisions of a day, and a ledger that answers as append says.
type logHarness struct {
	t        *testing.T
	served   *account.Served
	appended []ledger.Entry
	append   func(ledger.Entry) (int64, error)
}

func (h *logHarness) log(revision int) (*day.LogResult, error) {
	h.t.Helper()
	c := mocks.NewClient(h.t)
	c.On("NewWithStartWorkflowOperation", mock.Anything, mock.Anything, mock.Anything).Maybe().Return(nil)
	c.On("UpdateWithStartWorkflow", mock.Anything, mock.Anything).Maybe().Return(
		func(_ context.Context, options client.UpdateWithStartWorkflowOptions) (client.WorkflowUpdateHandle, error) {
			entry := options.UpdateOptions.Args[0].(ledger.Entry)
			h.appended = append(h.appended, entry)
			handle := mocks.NewWorkflowUpdateHandle(h.t)
			index, err := h.append(entry)
			handle.On("Get", mock.Anything, mock.Anything).Return(func(_ context.Context, result any) error {
				result.(*ledger.Appended).Index = index
				return err
			})
			return handle, nil
		})
	of := dayAgo(3)
	read, err := dayseal.ReadRecord(h.t.Context(), h.served.Accounts[0].Store, of, revision)
	require.NoError(h.t, err)
	return run[day.LogResult](h.t, (&activities.LogDay{Served: h.served, Client: c}).Execute,
		day.LogInput{Day: of, Log: h.served.Accounts[0].Store.Place(), Revision: revision, SHA256: read.SHA256})
}

func newLogHarness(t *testing.T) *logHarness {
	served, server := openAccount(t, nil)
	record(t, served, server, dayAgo(3), 3, 1, time.Now())
	h := &logHarness{t: t, served: served}
	h.append = func(ledger.Entry) (int64, error) { return int64(50 + len(h.appended)), nil }
	return h
}

func TestRevisionsThatTheLogLacksAreEnteredInOrderAndOnce(t *testing.T) {
	h := newLogHarness(t)
	logged, err := h.log(3)
	require.NoError(t, err)
	require.EqualValues(t, 52, logged.Index)
	require.Len(t, h.appended, 2, "the first one is there")
	require.Contains(t, h.appended[0].Text, `"revision":2`)
	require.Contains(t, h.appended[1].Text, `"revision":3`)

	logged, err = h.log(3)
	require.NoError(t, err)
	require.EqualValues(t, 52, logged.Index)
	require.Len(t, h.appended, 2)
}

func TestEntryThatTheLedgerRefusesBlocksTheDay(t *testing.T) {
	h := newLogHarness(t)
	h.append = func(ledger.Entry) (int64, error) {
		return 0, temporal.NewApplicationError("make a key", "LogBlocked")
	}
	_, err := h.log(3)
	requireKind(t, err, failure.ArchiveBlocked, false, true)
	require.ErrorContains(t, err, "make a key")
}

func TestLedgerThatDoesNotRespondIsAskedAgain(t *testing.T) {
	h := newLogHarness(t)
	h.append = func(ledger.Entry) (int64, error) { return 0, errors.New("unavailable") }
	_, err := h.log(3)
	var failed *temporal.ApplicationError
	require.ErrorAs(t, err, &failed)
	require.False(t, failed.NonRetryable())
	require.ErrorContains(t, err, "did not respond")
}

func TestRecordThatIsGoneBlocksTheLog(t *testing.T) {
	served, server := openAccount(t, nil)
	record(t, served, server, dayAgo(3), 3, 0, time.Now())
	key, err := dayKey(dayAgo(3))
	require.NoError(t, err)
	server.Remove(bucket, key)
	h := &logHarness{t: t, served: served}
	_, err = h.log(3)
	requireKind(t, err, failure.ArchiveBlocked, false, true)
	require.ErrorContains(t, err, "the record of revision 1 of day "+dayAgo(3).Date+" of "+botID+" is gone")
	require.Empty(t, h.appended)
}
