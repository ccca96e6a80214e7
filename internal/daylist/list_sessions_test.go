package daylist_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/internal/daylist"
	"github.com/callvault/callvault/internal/simulator"
	"github.com/callvault/callvault/internal/smartassist"
)

// listChanged lists the day over pages that a function changes.
func (v *vendor) listChanged(change func(number int, query smartassist.SessionsQuery, page *smartassist.SessionsPage)) *listed {
	v.t.Helper()
	got := &listed{}
	number := 0
	lister := &daylist.SessionLister{BotID: botID, Day: theDay(v.t), Now: now, Sink: got.sink(v.t),
		Page: func(ctx context.Context, query smartassist.SessionsQuery) (*smartassist.SessionsPage, error) {
			page, err := v.sessionsPage(ctx, query)
			require.NoError(v.t, err)
			number++
			change(number, query, page)
			return page, nil
		}}
	var err error
	got.Tally, err = lister.List(v.t.Context(), daylist.NewDone())
	require.NoError(v.t, err)
	return got
}

func TestSessionsAreListedInWindowsWithoutAGap(t *testing.T) {
	v := newVendor(t, simulator.Config{})
	want := v.calls(5000, 0, wholeDay, nil)
	got := v.listSessions()
	require.Equal(t, want, got.ids())
	require.Equal(t, midnight.Add(wholeDay+10*time.Minute), got.windows[0].To)
	for i, window := range got.windows[1:] {
		require.Equal(t, got.windows[i].From, window.To)
	}
	require.Equal(t, midnight.Add(-10*time.Minute), got.windows[len(got.windows)-1].From)
	require.LessOrEqual(t, got.Calls, 53)
}

func TestCallsOfOneSecondStayInOneWindow(t *testing.T) {
	v := newVendor(t, simulator.Config{})
	want := v.calls(980, 20*time.Hour, wholeDay, nil)
	want = append(want, v.calls(1500, 12*time.Hour, 12*time.Hour, nil)...)
	want = append(want, v.calls(50, 0, time.Hour, nil)...)
	got := v.listSessions()
	require.Equal(t, sorted(want), got.ids())
	require.Empty(t, got.Remarks)
	require.LessOrEqual(t, got.Calls, 36)
}

// If a window ended at the earliest start time that it shows, one wrong start time would have hours skipped.
func TestSessionOutOfOrderHidesNoOthers(t *testing.T) {
	for name, c := range map[string]struct {
		began  time.Duration
		places []int // in each page
		calls  int
	}{
		"hours earlier, within a page":       {8 * time.Hour, []int{50}, 96},
		"hours earlier, at the end":          {8 * time.Hour, []int{99}, 96},
		"hours earlier, several at the end":  {8 * time.Hour, []int{96, 97, 98, 99}, 96},
		"before the day":                     {-5 * time.Hour, []int{50}, 96},
		"before the day, several at the end": {-5 * time.Hour, []int{96, 97, 98, 99}, 96},
		"later, at the end":                  {wholeDay - time.Second, []int{99}, 96},
		"later, several at the end":          {wholeDay - time.Second, []int{98, 99}, 300},
	} {
		t.Run(name, func(t *testing.T) {
			v := newVendor(t, simulator.Config{})
			want := v.calls(9000, 0, wholeDay, nil)
			odd := map[string]bool{}
			got := v.listChanged(func(number int, _ smartassist.SessionsQuery, page *smartassist.SessionsPage) {
				for i := range page.Rows {
					if (number == 5 || number == 10 || number == 31) && slices.Contains(c.places, i) {
						odd[page.Rows[i].SessionID] = true
					}
					if odd[page.Rows[i].SessionID] {
						page.Rows[i].StartedAt = midnight.Add(c.began)
					}
				}
			})
			require.Equal(t, want, got.ids())
			require.LessOrEqual(t, got.Calls, c.calls)
		})
	}
}

func TestSessionListWithoutAnyOrderEndsAndIsSaid(t *testing.T) {
	chance, _ := seeded(t)
	v := newVendor(t, simulator.Config{})
	v.calls(3000, 0, wholeDay, nil)
	got := v.listChanged(func(_ int, query smartassist.SessionsQuery, page *smartassist.SessionsPage) {
		for i := range page.Rows {
			page.Rows[i].StartedAt = query.From.Add(time.Duration(chance.Int64N(int64(query.To.Sub(query.From)))))
		}
	})
	require.True(t, oneOf(got.Remarks, "are not in the order of their begin"), "%q", got.Remarks)
	require.Less(t, got.Calls, 1000)
}

func TestSecondThatIsTooFullIsSaidAndDoesNotStopTheListing(t *testing.T) {
	v := newVendor(t, simulator.Config{})
	v.calls(6500, 12*time.Hour, 12*time.Hour, nil)
	before := v.calls(50, 0, time.Hour, nil)
	got := v.listSessions()
	require.True(t, oneOf(got.Remarks, "began at 2026-03-05T12:00:00Z"), "%q", got.Remarks)
	require.GreaterOrEqual(t, got.Sessions, 5900)
	for _, id := range before {
		require.Contains(t, got.rows, id)
	}
	require.Less(t, got.Calls, 200)
}

func TestRowsThatComeAndGoWhileTheSessionListIsPagedHideNoOthers(t *testing.T) {
	chance, seed := seeded(t)
	for _, faults := range []simulator.ListFaults{
		{AppearShare: 0.05, ShiftCalls: 60, Seed: seed}, {DisappearShare: 0.05, ShiftCalls: 60, Seed: seed},
		{AppearShare: 0.05, DisappearShare: 0.05, ShiftCalls: 60, RepeatShare: 0.05, Seed: seed},
		{DisappearShare: 0.5, ShiftCalls: 30, Seed: seed},
	} {
		v := newVendor(t, simulator.Config{})
		for range 5000 {
			v.call(time.Duration(chance.Int64N(int64(wholeDay))), nil)
		}
		require.NoError(t, v.SetListFaults(simulator.KindSessions, faults))
		got := v.requireAllListed(simulator.KindSessions, func() *listed { return v.listSessions() })
		t.Logf("%d calls, remarks %q", got.Calls, got.Remarks)
		require.LessOrEqual(t, got.Calls, 100)
		if faults.AppearShare == 0 || faults.DisappearShare == 0 { // Otherwise a row that went may hide one that came.
			require.Equal(t, faults.AppearShare > 0, oneOf(got.Remarks, "appeared in the list"), "%q", got.Remarks)
		}
	}
}

func TestRowsThatAppearAreReadAgainWithinBounds(t *testing.T) {
	v := newVendor(t, simulator.Config{})
	v.calls(900, 0, wholeDay, nil)
	var late string
	got := v.listChanged(func(number int, _ smartassist.SessionsQuery, _ *smartassist.SessionsPage) {
		if number == 3 {
			late = v.call(wholeDay-time.Second, nil) // The newest one: it shifts all others.
		}
	})
	require.Contains(t, got.rows, late)
	require.Equal(t, 901, got.Sessions)
	require.Empty(t, got.Remarks)
	require.LessOrEqual(t, got.Calls, 12)
}

func TestEndOfTheSessionListIsDoubtedIfItContradictsItself(t *testing.T) {
	for name, c := range map[string]struct {
		change func(query smartassist.SessionsQuery, page *smartassist.SessionsPage)
		remark string
		calls  int
	}{
		"wrong total":          {func(_ smartassist.SessionsQuery, p *smartassist.SessionsPage) { p.Total += 9 }, "the list says that it has 259 rows (more to come: false), but shows 250", 4},
		"too small a total":    {func(_ smartassist.SessionsQuery, p *smartassist.SessionsPage) { p.Total -= 9 }, "says that it has 241 rows", 4},
		"more that never is":   {func(_ smartassist.SessionsQuery, p *smartassist.SessionsPage) { p.MoreAvailable = true }, "(more to come: true), but shows 250", 4},
		"no total":             {func(_ smartassist.SessionsQuery, p *smartassist.SessionsPage) { p.Total = -1 }, "", 3},
		"never more":           {func(_ smartassist.SessionsQuery, p *smartassist.SessionsPage) { p.MoreAvailable = false }, "", 3},
		"never more, no total": {func(_ smartassist.SessionsQuery, p *smartassist.SessionsPage) { p.MoreAvailable, p.Total = false, -1 }, "", 3},
		"short pages": {func(_ smartassist.SessionsQuery, p *smartassist.SessionsPage) {
			if len(p.Rows) > 70 {
				p.Rows, p.MoreAvailable = p.Rows[:70], true
			}
		}, "", 5},
	} {
		t.Run(name, func(t *testing.T) {
			v := newVendor(t, simulator.Config{})
			want := v.calls(250, 0, wholeDay, nil)
			got := v.listChanged(func(_ int, query smartassist.SessionsQuery, page *smartassist.SessionsPage) { c.change(query, page) })
			require.Equal(t, want, got.ids())
			require.LessOrEqual(t, got.Calls, c.calls)
			if c.remark == "" {
				require.Empty(t, got.Remarks)
			} else {
				require.True(t, oneOf(got.Remarks, c.remark), "%q", got.Remarks)
			}
		})
	}
}

func TestSessionListThatAlwaysShowsTheSamePageEnds(t *testing.T) {
	v := newVendor(t, simulator.Config{})
	v.calls(250, 0, wholeDay, nil)
	var first *smartassist.SessionsPage
	got := v.listChanged(func(_ int, _ smartassist.SessionsQuery, page *smartassist.SessionsPage) {
		if first == nil {
			copied := *page
			first = &copied
		}
		*page = *first
	})
	require.Len(t, got.rows, 100)
	require.NotEmpty(t, got.Remarks)
	require.Less(t, got.Calls, 10)
}

func TestUnusableRowsAreCountedOnce(t *testing.T) {
	v := newVendor(t, simulator.Config{})
	v.calls(2500, 0, wholeDay, nil)
	got := v.listChanged(func(number int, _ smartassist.SessionsQuery, page *smartassist.SessionsPage) {
		if number%3 == 0 {
			page.Rows[50] = smartassist.ListedSession{Identity: 7, Shape: "00AA"}
		}
		if number == 5 {
			page.Rows[51] = smartassist.ListedSession{Identity: 8}
			page.Rows[52] = smartassist.ListedSession{Identity: 9, OtherBot: true}
		}
	})
	require.Equal(t, 2, got.Unusable)
	require.Equal(t, 1, got.OtherBots)
	require.Equal(t, []string{"2 rows have no valid session id, one of them like 00AA: they may be calls, which cannot be fetched"}, got.Incomplete())
}

func TestRowsOfOtherBotsAreNoFault(t *testing.T) {
	v := newVendor(t, simulator.Config{})
	v.calls(10, 0, wholeDay, nil)
	got := v.listChanged(func(_ int, _ smartassist.SessionsQuery, page *smartassist.SessionsPage) {
		page.Rows[3] = smartassist.ListedSession{Identity: 7, OtherBot: true}
	})
	require.Equal(t, 9, got.Sessions)
	require.Empty(t, got.Incomplete())
}

// Whatever the remarks, what was counted is said.
func TestWhatIsIncompleteIsBounded(t *testing.T) {
	all := daylist.Tally{Unusable: 3, UnusableShape: strings.Repeat("?", 500), FarOff: 4}
	for i := range 30 {
		all.Remarks = append(all.Remarks, fmt.Sprint(i, strings.Repeat(".", 300)))
	}
	texts := all.Incomplete()
	require.Len(t, texts, 20)
	require.Contains(t, texts[0], "3 rows")
	require.Contains(t, texts[1], "4 sessions")
	for _, text := range texts {
		require.LessOrEqual(t, len(text), 200)
	}
	require.Empty(t, (&daylist.Tally{}).Incomplete())
}

func TestErrorOfTheSinkEndsTheListing(t *testing.T) {
	v := newVendor(t, simulator.Config{})
	v.calls(3000, 0, wholeDay, nil)
	full := errors.New("the store is full")
	windows := 0
	sink := func(context.Context, daylist.Window) error { windows++; return full }
	_, err := (&daylist.SessionLister{BotID: botID, Day: theDay(t), Now: now, Page: v.sessionsPage, Sink: sink}).List(t.Context(), daylist.NewDone())
	require.ErrorIs(t, err, full)
	_, err = (&daylist.InteractionLister{AccountID: accountID, BotID: botID, Day: theDay(t), Now: now, Page: v.interactionPage, Sink: sink}).List(t.Context(), daylist.NewDone())
	require.ErrorIs(t, err, full)
	require.Equal(t, 2, windows)
}
