package daylist_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/internal/daylist"
	"github.com/callvault/callvault/internal/simulator"
	"github.com/callvault/callvault/internal/smartassist"
)

// listOne lists a date from lists that have one session, and returns what both listings have.
func listOne(t *testing.T, date string, row smartassist.ListedSession) (sessions, interactions *listed) {
	t.Helper()
	day, err := daylist.ParseDay(date)
	require.NoError(t, err)
	rows := func(from, to time.Time) []smartassist.ListedSession {
		if row.StartedAt.Before(from) || row.StartedAt.After(to) {
			return nil
		}
		return []smartassist.ListedSession{row}
	}
	sessions, interactions = &listed{}, &listed{}
	sessions.Tally, err = (&daylist.SessionLister{BotID: botID, Day: day, Now: now, Sink: sessions.sink(t),
		Page: func(_ context.Context, query smartassist.SessionsQuery) (*smartassist.SessionsPage, error) {
			found := rows(query.From, query.To)
			return &smartassist.SessionsPage{Rows: found[min(query.Skip, len(found)):], Total: len(found)}, nil
		}}).List(t.Context(), daylist.NewDone())
	require.NoError(t, err)
	interactions.Tally, err = (&daylist.InteractionLister{AccountID: accountID, BotID: botID, Day: day, Now: now, Sink: interactions.sink(t),
		Page: func(_ context.Context, query smartassist.InteractionQuery) (*smartassist.InteractionPage, error) {
			if query.Page > 0 {
				return &smartassist.InteractionPage{}, nil
			}
			found := rows(query.From, query.To)
			return &smartassist.InteractionPage{Rows: found, Results: len(found)}, nil
		}}).List(t.Context(), daylist.NewDone())
	require.NoError(t, err)
	return sessions, interactions
}

func TestCallAcrossMidnightIsOfTheDayOfItsID(t *testing.T) {
	for name, c := range map[string]struct {
		id, list time.Duration // after midnight
		of       string
	}{
		"later by the list, over the end":     {wholeDay - 30*time.Second, wholeDay + 9*time.Minute, "2026-03-05"},
		"earlier by the list, over the begin": {30 * time.Second, -9 * time.Minute, "2026-03-05"},
		"of the day before":                   {-30 * time.Second, 9 * time.Minute, "2026-03-04"},
		"of the day behind":                   {wholeDay + 30*time.Second, wholeDay - 9*time.Minute, "2026-03-06"},
	} {
		row := smartassist.ListedSession{SessionID: simulator.NewSessionID(midnight.Add(c.id), 7), Identity: 7, StartedAt: midnight.Add(c.list), Voice: true, Closed: true}
		for _, date := range []string{"2026-03-04", "2026-03-05", "2026-03-06"} {
			sessions, interactions := listOne(t, date, row)
			for _, got := range []*listed{sessions, interactions} {
				require.Equal(t, date == c.of, got.Sessions == 1, "%s on %s", name, date)
				require.Empty(t, got.Incomplete())
			}
		}
	}
}

// Beyond the margin the call is in no day, but the day that shows it says so.
func TestCallWhoseListTimeIsFarFromItsIDIsSaid(t *testing.T) {
	row := smartassist.ListedSession{SessionID: simulator.NewSessionID(midnight.Add(wholeDay-2*time.Minute), 7), Identity: 7, StartedAt: midnight.Add(wholeDay + 20*time.Minute), Voice: true, Closed: true}
	sessions, interactions := listOne(t, "2026-03-06", row)
	for _, got := range []*listed{sessions, interactions} {
		require.Zero(t, got.Sessions)
		require.Equal(t, []string{"1 sessions began by the list over 10 minutes from the times of their ids: at the ends of the day calls like these are not listed"}, got.Incomplete())
	}
}
