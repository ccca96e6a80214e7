package activities_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/mocks"

	"github.com/callvault/callvault/activities"
	"github.com/callvault/callvault/internal/account"
	"github.com/callvault/callvault/internal/archive/s3test"
	"github.com/callvault/callvault/internal/dayindex/daytest"
	"github.com/callvault/callvault/internal/dayseal"
	"github.com/callvault/callvault/workflows"
	"github.com/callvault/callvault/workflows/day"
)

// dayAgo returns a day of the bot, so many days before today.
func dayAgo(days int) workflows.Day {
	return workflows.Day{BotID: botID, Date: time.Now().UTC().AddDate(0, 0, -days).Format(time.DateOnly)}
}

// record writes revisions of a day, which were sealed and listed at a time, and has the first
// logged of them in the log.
func record(t *testing.T, served *account.Served, server *s3test.Server, of workflows.Day, revisions, logged int, sealedAt time.Time) {
	t.Helper()
	for revision := 1; revision <= revisions; revision++ {
		made, objects := daytest.Seal(t, "calls/", of, revision, daytest.Rows(t, of, workflows.OutcomeArchived))
		made.SealedAt = sealedAt
		for i := range made.Listings {
			made.Listings[i].At = sealedAt
		}
		for key, body := range objects {
			if key != made.Rows.Key {
				body = daytest.Encode(t, made)
			}
			server.Set(bucket, key, s3test.Object{Body: body})
		}
		if revision <= logged {
			read, err := dayseal.ReadRecord(t.Context(), served.Accounts[0].Store, of, revision)
			require.NoError(t, err)
			require.NoError(t, dayseal.NoteLogIndex(t.Context(), served.Accounts[0].Store, read, int64(40+revision)))
		}
	}
}

// startDays makes a pass over days, so many of which are busy, and returns it with the days
// whose workflows were started.
func startDays(t *testing.T, served *account.Served, input day.StartInput, busy int64) (*day.StartResult, []string) {
	t.Helper()
	c, run := mocks.NewClient(t), mocks.NewWorkflowRun(t)
	c.On("CountWorkflow", mock.Anything, mock.Anything).Return(&workflowservice.CountWorkflowExecutionsResponse{Count: busy}, nil)
	var started []string
	c.On("ExecuteWorkflow", mock.Anything, mock.Anything, workflows.ArchiveDayWorkflowName, mock.Anything).Maybe().
		Run(func(arguments mock.Arguments) {
			started = append(started, arguments.Get(3).(workflows.DayRequest).Date)
		}).
		Return(func(context.Context, client.StartWorkflowOptions, any, ...any) client.WorkflowRun { return run }, nil)
	result, err := runDays(t, &activities.StartDays{Served: served, Client: c, Namespace: "default"}, input)
	require.NoError(t, err)
	require.Equal(t, result.Started, started)
	return result, started
}

func runDays(t *testing.T, activity *activities.StartDays, input day.StartInput) (*day.StartResult, error) {
	t.Helper()
	return run[day.StartResult](t, activity.Execute, input)
}

func TestDayIsStartedUnlessItIsSealed(t *testing.T) {
	const scheduled, once = "", "to"
	now := time.Now()
	for _, row := range []struct {
		name    string
		ago     int
		record  func(t *testing.T, served *account.Served, server *s3test.Server, of workflows.Day)
		to      string
		again   bool
		started bool
	}{
		{"no record", 3, nil, scheduled, false, true},
		{"in the log", 3, sealedBefore(1, 1, now), scheduled, false, false},
		{"in the log, asked for again", 3, sealedBefore(1, 1, now), once, true, true},
		{"not in the log", 3, sealedBefore(1, 0, now), scheduled, false, true},
		{"its latest revision is not in the log", 3, sealedBefore(2, 1, now), scheduled, false, true},
		{"listed before its first review", 9, sealedBefore(1, 1, now.AddDate(0, 0, -6)), scheduled, false, true},
		{"listed after its first review", 9, sealedBefore(1, 1, now.AddDate(0, 0, -1)), scheduled, false, false},
		{"its note was removed long ago", 300, sealedBefore(1, 0, now.AddDate(0, 0, -290)), once, false, false},
		{"an old day that is not in the log, in a backfill", 300, sealedBefore(1, 0, now), once, false, true},
		{"an old day that is not in the log, on schedule", 300, sealedBefore(1, 0, now), scheduled, false, false},
		{"its record is damaged, which its workflow shows", 3, func(_ *testing.T, _ *account.Served, server *s3test.Server, of workflows.Day) {
			key, err := dayKey(of)
			require.NoError(t, err)
			server.Set(bucket, key, s3test.Object{Body: []byte("{}")})
		}, scheduled, false, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			served, server := openAccount(t, nil)
			of := dayAgo(row.ago)
			if row.record != nil {
				row.record(t, served, server, of)
			}
			request := workflows.DaysRequest{BotID: botID, From: of.Date, Again: row.again}
			if row.to == once {
				request.To = of.Date
			}
			result, started := startDays(t, served, day.StartInput{Request: request, Next: of.Date, Last: of.Date}, 0)
			require.Equal(t, row.started, len(started) == 1)
			require.Equal(t, !row.started, result.Sealed == 1)
			require.Empty(t, result.Next, "it had its turn")
		})
	}
}

func sealedBefore(revisions, logged int, sealedAt time.Time) func(*testing.T, *account.Served, *s3test.Server, workflows.Day) {
	return func(t *testing.T, served *account.Served, server *s3test.Server, of workflows.Day) {
		record(t, served, server, of, revisions, logged, sealedAt)
	}
}

func dayKey(of workflows.Day) (string, error) {
	begin, err := of.Begin()
	return "calls/days/" + of.BotID + "/" + begin.Format("2006/01/02") + "/r1.json", err
}

func TestDaysAreStartedAsLongAsThereIsRoom(t *testing.T) {
	served, server := openAccount(t, nil)
	record(t, served, server, dayAgo(4), 1, 1, time.Now())
	input := day.StartInput{Request: workflows.DaysRequest{BotID: botID, From: dayAgo(5).Date, AtOnce: 3}, Next: dayAgo(5).Date, Last: dayAgo(1).Date}
	result, started := startDays(t, served, input, 1)
	require.Equal(t, []string{dayAgo(5).Date, dayAgo(3).Date}, started, "the oldest first, and not the one that is sealed")
	require.Equal(t, dayAgo(2).Date, result.Next)
	require.Equal(t, 3, result.Busy)

	server.ForgetRequests()
	result, started = startDays(t, served, input, 3)
	require.Empty(t, started)
	require.Equal(t, dayAgo(5).Date, result.Next)
	require.Empty(t, server.Requests(), "waiting costs no request of the store")
}

func TestOpenDayTellsWhatIsSealedAndWhatIsOnlyRecorded(t *testing.T) {
	of := dayAgo(3)
	for _, row := range []struct {
		name              string
		revisions, logged int
	}{{"nothing", 0, 0}, {"sealed", 2, 2}, {"not in the log", 2, 1}} {
		t.Run(row.name, func(t *testing.T) {
			served, server := openAccount(t, nil)
			record(t, served, server, of, row.revisions, row.logged, time.Now())
			opening, err := run[day.Opening](t, (&activities.OpenDay{Served: served}).Execute, of)
			require.NoError(t, err)
			require.Equal(t, row.revisions > row.logged, opening.Recorded)
			require.Equal(t, row.revisions > 0 && row.revisions == row.logged, opening.Sealed != nil)
			if opening.Sealed != nil {
				require.Equal(t, 2, opening.Sealed.Revision)
				require.EqualValues(t, 42, *opening.Sealed.LogIndex)
			}
			require.Equal(t, "acme", opening.Account)
			require.Equal(t, 90*24*time.Hour, opening.Retention)
		})
	}
}
