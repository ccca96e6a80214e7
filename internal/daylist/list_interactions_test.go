package daylist_test

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/internal/daylist"
	"github.com/callvault/callvault/internal/simulator"
	"github.com/callvault/callvault/internal/smartassist"
)

func sorted(ids []string) []string { return slices.Sorted(slices.Values(ids)) }

// Whether a number of rows is that of the page or that of the window shows only where there are several pages.
func TestQuietDayTakesOneCallOfGetSessionsAndTwoOfInteractionDetails(t *testing.T) {
	v := newVendor(t, simulator.Config{})
	want := v.calls(90, 0, wholeDay, nil)
	sessions := v.listSessions()
	require.Equal(t, 1, sessions.Calls)
	require.Equal(t, want, sessions.ids())
	for _, hints := range [][]time.Time{nil, sessions.hints()} {
		got := v.listInteractions(hints)
		require.Equal(t, 2, got.Calls)
		require.Equal(t, want, got.ids())
	}
	empty := newVendor(t, simulator.Config{})
	require.Equal(t, daylist.Tally{Calls: 1}, empty.listSessions().Tally)
	require.Equal(t, daylist.Tally{Calls: 1}, empty.listInteractions(nil).Tally)
}

func TestDayIsThatOfTheIDs(t *testing.T) {
	v := newVendor(t, simulator.Config{})
	v.calls(5, -10*time.Second, 0, nil)
	first := v.call(0, nil)
	last := v.call(wholeDay-time.Second, nil)
	v.calls(5, wholeDay, wholeDay+10*time.Second, nil)
	require.Equal(t, []string{first, last}, v.listSessions().ids())
	require.Equal(t, []string{first, last}, v.listInteractions(nil).ids())
}

func TestDayThatGoesOnIsListedUpToNow(t *testing.T) {
	v := newVendor(t, simulator.Config{})
	early := v.call(time.Hour, nil)
	v.call(10*time.Hour, nil)
	got := &listed{}
	lister := &daylist.SessionLister{BotID: botID, Day: theDay(t), Now: midnight.Add(5 * time.Hour), Page: v.sessionsPage, Sink: got.sink(t)}
	_, err := lister.List(t.Context(), daylist.NewDone())
	require.NoError(t, err)
	require.Equal(t, []string{early}, got.ids())
}

func TestOpenCallsChatsAndTransfersAreCounted(t *testing.T) {
	v := newVendor(t, simulator.Config{})
	v.calls(3, 0, wholeDay, nil)
	open := v.call(time.Hour, func(s *simulator.Session) { s.Length = 10 * wholeDay })
	v.call(2*time.Hour, func(s *simulator.Session) { s.Channel = simulator.ChannelChat })
	moved := v.call(3*time.Hour, func(s *simulator.Session) {
		s.Conversations, s.Voicemail, s.Direction = 3, true, simulator.Outbound
	})
	sessions, interactions := v.listSessions(), v.listInteractions(nil)
	require.Equal(t, daylist.Tally{Sessions: 5, Open: 1, OtherChannels: 1, Calls: 1}, sessions.Tally)
	require.Equal(t, daylist.Tally{Sessions: 5, Open: 1, Calls: 2}, interactions.Tally, "only voice is asked for")
	require.False(t, interactions.rows[open].Closed)
	require.True(t, interactions.rows[moved].IsVoicemail)
	require.Equal(t, "outbound", interactions.rows[moved].Direction)
	require.Equal(t, midnight.Add(3*time.Hour), interactions.rows[moved].StartedAt)
	require.Equal(t, midnight.Add(3*time.Hour+time.Minute), interactions.rows[moved].EndedAt)
}

func TestSecondWithAFullWindowIsSplitByDirection(t *testing.T) {
	for name, config := range map[string]simulator.Config{"end included": {}, "end excluded": {InteractionEndExcluded: true}, "totals": {InteractionTotals: true}} {
		t.Run(name, func(t *testing.T) {
			v := newVendor(t, config)
			want := v.calls(400, 0, wholeDay, nil)
			for i := range 2000 {
				want = append(want, v.call(12*time.Hour, func(s *simulator.Session) {
					if i%2 == 0 {
						s.Direction = simulator.Outbound
					}
				}))
			}
			for i, hints := range [][]time.Time{nil, v.listSessions().hints()} {
				got := v.listInteractions(hints)
				require.Equal(t, sorted(want), got.ids(), i)
				require.Empty(t, got.Remarks)
				require.Less(t, got.Calls, 200, i)
			}
		})
	}
}

func TestNeighbouringSecondsWithFullWindowsAreListedOneByOne(t *testing.T) {
	v := newVendor(t, simulator.Config{})
	want := v.calls(50, 0, wholeDay, nil)
	for second := range 3 {
		want = append(want, v.calls(1050, 12*time.Hour+time.Duration(second)*time.Second, 12*time.Hour+time.Duration(second)*time.Second, nil)...)
	}
	got := v.listInteractions(nil)
	require.Equal(t, sorted(want), got.ids())
	require.Empty(t, got.Remarks)
	require.Less(t, got.Calls, 200)
}

func TestWhatASecondDoesNotShowIsSaid(t *testing.T) {
	v := newVendor(t, simulator.Config{})
	v.calls(1200, 12*time.Hour, 12*time.Hour, nil)
	got := v.listInteractions(nil)
	require.GreaterOrEqual(t, got.Sessions, 1100)
	require.True(t, oneOf(got.Remarks, "interactions: 1100 inbound calls began at 2026-03-05T12:00:00Z, and perhaps more"), "%q", got.Remarks)

	without := newVendor(t, simulator.Config{})
	without.calls(700, 12*time.Hour, 12*time.Hour, nil)
	want := without.calls(700, 12*time.Hour, 12*time.Hour, func(s *simulator.Session) { s.Direction = simulator.NoDirection })
	got = without.listInteractions(nil)
	require.True(t, oneOf(got.Remarks, "calls without a direction began at 2026-03-05T12:00:00Z: there may be more"), "%q", got.Remarks)
	found := 0
	for _, id := range want {
		if _, ok := got.rows[id]; ok {
			found++
		}
	}
	require.Greater(t, found, 300, "those that the undivided window shows are listed")
	for _, remark := range got.Remarks {
		require.LessOrEqual(t, len(remark), 200)
	}
}

func TestCallsWithoutADirectionThatNoWindowShowsAreSaidIfTheTotalTellsOfThem(t *testing.T) {
	v := newVendor(t, simulator.Config{InteractionTotals: true})
	v.calls(1050, 12*time.Hour, 12*time.Hour, nil)
	v.calls(1050, 12*time.Hour, 12*time.Hour, func(s *simulator.Session) { s.Direction = simulator.Outbound })
	for range 20 { // One of them is beyond the rows that the undivided window shows.
		v.call(12*time.Hour, func(s *simulator.Session) { s.Direction = simulator.NoDirection })
		got := v.listInteractions(nil)
		require.NotEmpty(t, got.Remarks)
		if got.Sessions < len(v.inDay()) {
			return
		}
	}
	require.Fail(t, "all were shown")
}

func TestTotalsOfAWindowSaveTheCallsOfOneThatIsTooFull(t *testing.T) {
	v := newVendor(t, simulator.Config{InteractionTotals: true})
	want := v.calls(20_000, 0, wholeDay, nil)
	got := v.listInteractions(nil)
	require.Equal(t, want, got.ids())
	require.LessOrEqual(t, got.Calls, 220)
}

func TestWrongTotalOfAWindowIsSaidAndNotBelieved(t *testing.T) {
	for _, off := range []int{7, -7, 5000} {
		v := newVendor(t, simulator.Config{InteractionTotals: true, InteractionFaults: simulator.ListFaults{TotalOff: off}})
		want := v.calls(5000, 0, wholeDay, nil)
		got := v.listInteractions(v.listSessions().hints())
		require.Equal(t, want, got.ids())
		require.True(t, oneOf(got.Remarks, "the list says that it has"), "%d: %q", off, got.Remarks)
		require.LessOrEqual(t, got.Calls, 80, off)
	}
}

func TestRowsThatGoFromTheListHideNoOthers(t *testing.T) {
	chance, seed := seeded(t)
	v := newVendor(t, simulator.Config{InteractionTotals: true})
	for range 10_000 {
		v.call(time.Duration(chance.Int64N(int64(wholeDay))), nil)
	}
	require.NoError(t, v.SetListFaults(simulator.KindInteractions, simulator.ListFaults{DisappearShare: 0.01, ShiftCalls: 100, Seed: seed}))
	got := v.requireAllListed(simulator.KindInteractions, func() *listed { return v.listInteractions(nil) })
	require.Less(t, got.Sessions, 10_000)
}

func TestRowsThatComeToTheListAreSaid(t *testing.T) {
	v := newVendor(t, simulator.Config{InteractionTotals: true})
	v.calls(5000, 0, wholeDay, nil)
	require.NoError(t, v.SetListFaults(simulator.KindInteractions, simulator.ListFaults{AppearShare: 0.1, ShiftCalls: 50}))
	got := v.requireAllListed(simulator.KindInteractions, func() *listed { return v.listInteractions(nil) })
	require.True(t, oneOf(got.Remarks, "while it was read"), "%q", got.Remarks)
	require.LessOrEqual(t, len(got.Remarks), 20)
}

// listMoved lists a day of 900 calls, while a row comes to the first page and another one goes from the last one, so that
// numResults stays the same: the last row of the third page is the first one of the fourth, too.
func (v *vendor) listMoved(reads func(query smartassist.InteractionQuery) bool) (got *listed, came string) {
	all := v.calls(900, 0, wholeDay, nil)
	came = simulator.NewSessionID(midnight.Add(time.Hour), 5000)
	var order []string
	got = &listed{}
	lister := &daylist.InteractionLister{AccountID: accountID, BotID: botID, Day: theDay(v.t), Now: now, Sink: got.sink(v.t),
		Page: func(_ context.Context, query smartassist.InteractionQuery) (*smartassist.InteractionPage, error) {
			if order = all; reads(query) {
				order = slices.Concat([]string{came}, all[:len(all)-1])
			}
			page := &smartassist.InteractionPage{Results: len(order)}
			for _, id := range order[min(len(order), query.Page*100):min(len(order), query.Page*100+100)] {
				page.Rows = append(page.Rows, smartassist.ListedSession{SessionID: id, Identity: rankOf(id), Voice: true, Closed: true})
			}
			return page, nil
		}}
	var err error
	got.Tally, err = lister.List(v.t.Context(), daylist.NewDone())
	require.NoError(v.t, err)
	return got, came
}

func rankOf(id string) uint64 {
	rank, _ := strconv.ParseUint(id[8:], 16, 64)
	return rank + 1
}

func TestRowThatComesInPlaceOfOneThatGoesIsReadAgain(t *testing.T) {
	v := newVendor(t, simulator.Config{})
	hasMoved := false
	got, came := v.listMoved(func(query smartassist.InteractionQuery) bool {
		hasMoved = hasMoved || query.Page == 3
		return hasMoved
	})
	require.Contains(t, got.rows, came)
	require.Empty(t, got.Remarks)
	require.LessOrEqual(t, got.Calls, 13)
}

func TestRowsThatMoveWithoutEndAreReadAgainWithinBoundsAndSaid(t *testing.T) {
	v := newVendor(t, simulator.Config{})
	asked := map[int]int{}
	got, _ := v.listMoved(func(query smartassist.InteractionQuery) bool {
		asked[query.Page]++
		return (query.Page+asked[query.Page])%2 == 0
	})
	require.True(t, oneOf(got.Remarks, "rows have moved in the list"), "%q", got.Remarks)
	require.LessOrEqual(t, got.Calls, 20)
}

// The vendor may filter the rows of a page once it has chosen them: then a page that is not full is not the last one.
func TestPageThatIsNotFullIsNotTakenForTheLastOne(t *testing.T) {
	const none, ofPage, ofWindow, ofWindowOnceFiltered = "no total", "total of the page", "total of the window", "total of the window once filtered"
	for _, total := range []string{none, ofPage, ofWindow, ofWindowOnceFiltered} {
		for _, calls := range []int{900, 3000} {
			t.Run(fmt.Sprint(total, ", ", calls), func(t *testing.T) {
				v := newVendor(t, simulator.Config{InteractionTotals: true})
				all := v.calls(calls, 0, wholeDay, nil)
				var want []string
				isFiltered := map[string]bool{}
				for i, id := range all {
					if isFiltered[id] = i%40 == 7; !isFiltered[id] {
						want = append(want, id)
					}
				}
				got := &listed{}
				lister := &daylist.InteractionLister{AccountID: accountID, BotID: botID, Day: theDay(t), Now: now, Hints: v.listSessions().hints(), Sink: got.sink(t),
					Page: func(ctx context.Context, query smartassist.InteractionQuery) (*smartassist.InteractionPage, error) {
						page, err := v.interactionPage(ctx, query)
						page.Rows = slices.DeleteFunc(page.Rows, func(row smartassist.ListedSession) bool { return isFiltered[row.SessionID] })
						switch total {
						case none:
							page.Results = -1
						case ofPage:
							page.Results = len(page.Rows)
						case ofWindowOnceFiltered:
							page.Results -= page.Results / 40
						}
						return page, err
					}}
				tally, err := lister.List(t.Context(), daylist.NewDone())
				require.NoError(t, err)
				require.Equal(t, want, got.ids())
				require.True(t, oneOf(tally.Remarks, "was not full, although another one followed"), "%q", tally.Remarks)
				t.Logf("%d calls, remarks %q", tally.Calls, tally.Remarks)
				require.LessOrEqual(t, tally.Calls, 3*calls/100)
			})
		}
	}
}

// A first page that is not full, and a number of its rows that may be that of the page alone.
func TestFirstPageThatIsNotFullIsNotTakenForTheOnlyOne(t *testing.T) {
	v := newVendor(t, simulator.Config{})
	want := v.calls(150, 0, wholeDay, nil)
	got := &listed{}
	filtered := ""
	lister := &daylist.InteractionLister{AccountID: accountID, BotID: botID, Day: theDay(t), Now: now, Sink: got.sink(t),
		Page: func(ctx context.Context, query smartassist.InteractionQuery) (*smartassist.InteractionPage, error) {
			page, err := v.interactionPage(ctx, query)
			if query.Page == 0 {
				filtered = page.Rows[0].SessionID
				page.Rows, page.Results = page.Rows[1:], 99
			}
			return page, err
		}}
	tally, err := lister.List(t.Context(), daylist.NewDone())
	require.NoError(t, err)
	require.Equal(t, slices.DeleteFunc(want, func(id string) bool { return id == filtered }), got.ids())
	require.Equal(t, 3, tally.Calls, "two pages, and an empty one behind them")
}

func TestListThatIgnoresTimesIsNotAskedForEachSecond(t *testing.T) {
	v := newVendor(t, simulator.Config{})
	v.calls(3000, 0, wholeDay, nil)
	calls := 0
	whole := smartassist.InteractionQuery{AccountID: accountID, BotID: botID, From: midnight, To: midnight.Add(wholeDay)}
	lister := &daylist.InteractionLister{AccountID: accountID, BotID: botID, Day: theDay(t), Now: now, Sink: (&listed{}).sink(t),
		Page: func(ctx context.Context, query smartassist.InteractionQuery) (*smartassist.InteractionPage, error) {
			calls++
			asked := whole
			asked.Page = query.Page
			return v.interactionPage(ctx, asked)
		}}
	_, err := lister.List(t.Context(), daylist.NewDone())
	require.ErrorIs(t, err, daylist.ErrTimesIgnored)
	require.Less(t, calls, 40)

	sessions := &daylist.SessionLister{BotID: botID, Day: theDay(t), Now: now, Sink: (&listed{}).sink(t),
		Page: func(ctx context.Context, query smartassist.SessionsQuery) (*smartassist.SessionsPage, error) {
			query.From, query.To = midnight, midnight.Add(wholeDay)
			return v.sessionsPage(ctx, query)
		}}
	_, err = sessions.List(t.Context(), daylist.NewDone())
	require.ErrorIs(t, err, daylist.ErrTimesIgnored)
}

func TestHintsThatLackHoursOrAreFarOffStillListTheDay(t *testing.T) {
	v := newVendor(t, simulator.Config{})
	want := v.calls(10_000, 0, wholeDay, nil)
	var hints, few []time.Time
	for i, one := range v.listSessions().hints() {
		if one.Before(midnight.Add(8*time.Hour)) || one.After(midnight.Add(16*time.Hour)) {
			hints = append(hints, one)
		}
		if i%10 == 0 {
			few = append(few, one)
		}
	}
	for name, given := range map[string][]time.Time{"eight hours missing": hints, "a tenth": few, "of another day": {midnight.AddDate(0, 0, 9)}, "one": {midnight.Add(time.Hour)}} {
		got := v.listInteractions(given)
		require.Equal(t, want, got.ids(), name)
		require.Empty(t, got.Remarks, name)
		t.Logf("%s: %d calls", name, got.Calls)
		require.Less(t, got.Calls, 250, name)
	}
}

func TestErrorOfAPageEndsTheListing(t *testing.T) {
	broken := fmt.Errorf("broken")
	lister := &daylist.InteractionLister{AccountID: accountID, BotID: botID, Day: theDay(t), Now: now, Sink: (&listed{}).sink(t),
		Page: func(context.Context, smartassist.InteractionQuery) (*smartassist.InteractionPage, error) {
			return nil, broken
		}}
	_, err := lister.List(t.Context(), daylist.NewDone())
	require.ErrorIs(t, err, broken)
}
