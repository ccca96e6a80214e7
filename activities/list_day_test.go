package activities_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"

	"github.com/callvault/callvault/activities"
	"github.com/callvault/callvault/internal/account"
	"github.com/callvault/callvault/internal/archive/s3test"
	"github.com/callvault/callvault/internal/daylist"
	"github.com/callvault/callvault/internal/failure"
	"github.com/callvault/callvault/internal/simulator"
	"github.com/callvault/callvault/workflows/callbudget"
	"github.com/callvault/callvault/workflows/day"
)

const (
	listedFolder = "calls/days/work/"
	listedDate   = "2026-03-05"
)

var listedDay = time.Date(2026, 3, 5, 0, 0, 0, 0, time.UTC)

// listHarness is a day of a bot at a simulator.
type listHarness struct {
	t        *testing.T
	upstream *upstream
	served   *account.Served
	store    *s3test.Server
	slots    *callSlots
	list     activities.ListDay
	input    day.ListInput
}

func newListHarness(t *testing.T, config simulator.Config) *listHarness {
	t.Helper()
	config.SessionCallsPerMinute, config.InteractionCallsPerMinute = simulator.Unlimited, simulator.Unlimited
	u := newUpstream(t, config)
	served, store := openAccount(t, u.url)
	served.Accounts[0].VendorAccountID, served.Accounts[0].CallDetails = simulator.DefaultAccountID, true
	slots := &callSlots{slot: callbudget.Slot{Within: time.Minute}}
	return &listHarness{t: t, upstream: u, served: served, store: store, slots: slots,
		list:  activities.ListDay{Served: served, Slots: slots},
		input: day.ListInput{BotID: botID, Date: listedDate, Folder: listedFolder}}
}

// calls adds n calls, evenly over the day.
func (h *listHarness) calls(n int) (ids []string) {
	h.t.Helper()
	for i := range n {
		id := simulator.NewSessionID(listedDay.Add(24*time.Hour*time.Duration(i)/time.Duration(n)), uint64(i))
		require.NoError(h.t, h.upstream.AddSession(simulator.Session{BotID: botID, SessionID: id, UserID: userID, Length: time.Minute}))
		ids = append(ids, id)
	}
	return ids
}

func (h *listHarness) sessions() (*day.ListResult, error) {
	return run[day.ListResult](h.t, h.list.Sessions, h.input)
}

func (h *listHarness) interactions() (*day.ListResult, error) {
	return run[day.ListResult](h.t, h.list.Interactions, h.input)
}

// rows are the ids that were written, by list.
func (h *listHarness) rows() map[daylist.List][]string {
	h.t.Helper()
	found := map[daylist.List][]string{}
	for row, err := range daylist.ReadRows(h.t.Context(), h.served.Accounts[0].Store, h.input.Folder) {
		require.NoError(h.t, err)
		require.Equal(h.t, userID, row.UserID)
		require.NotEmpty(h.t, row.Raw)
		found[row.List] = append(found[row.List], row.SessionID)
	}
	for _, ids := range found {
		slices.Sort(ids)
	}
	return found
}

func TestDayIsListedByBothLists(t *testing.T) {
	h := newListHarness(t, simulator.Config{EnforceJTI: true})
	want := h.calls(2500)
	got, err := h.sessions()
	require.NoError(t, err)
	require.Equal(t, &day.ListResult{Sessions: 2500, Calls: 26}, got)
	h.input.HintsFolder = h.input.Folder
	got, err = h.interactions()
	require.NoError(t, err)
	require.Equal(t, 2500, got.Sessions)
	require.Empty(t, got.Incomplete)
	require.LessOrEqual(t, got.Calls, 28)
	require.Equal(t, map[daylist.List][]string{daylist.Sessions: want, daylist.Interactions: want}, h.rows())
	require.Empty(t, h.slots.reports)
	require.Equal(t, callbudget.Want{BotID: botID, Level: callbudget.LastLevel}, h.slots.wants[0])
	require.Len(t, h.slots.wants, 26+got.Calls, "each call has a slot")
}

// A row that cannot be fetched is in the record by what is incomplete.
func TestRowsWithoutAUsableIDAreSaid(t *testing.T) {
	h := newListHarness(t, simulator.Config{})
	h.calls(3)
	window := daylist.Window{
		Span:  daylist.Span{List: daylist.Sessions, From: listedDay.Add(23 * time.Hour), To: listedDay.AddDate(0, 0, 1).Add(10 * time.Minute)},
		Tally: daylist.Tally{Calls: 1, Unusable: 7, UnusableShape: "00AA", OtherBots: 2},
	}
	require.NoError(t, daylist.WriteWindow(t.Context(), h.served.Accounts[0].Store, h.input.Folder, window))
	got, err := h.sessions()
	require.NoError(t, err)
	require.Equal(t, []int{7, 2}, []int{got.Unusable, got.OtherBots})
	require.Equal(t, []string{"7 rows have no valid session id, one of them like 00AA: they may be calls, which cannot be fetched"}, got.Incomplete)
}

func TestListsSpendBudgetsOfTheirOwn(t *testing.T) {
	h := newListHarness(t, simulator.Config{})
	h.calls(1)
	var names []string
	h.list.Slots = slotsOf(func(served *account.Account) { names = append(names, served.BudgetName(botID)) }, h.slots)
	_, err := h.sessions()
	require.NoError(t, err)
	_, err = h.interactions()
	require.NoError(t, err)
	require.Equal(t, []string{botID + ".sessions", "acme.interactions"}, slices.Compact(names))
}

// observedSlots tells whose slots are taken.
type observedSlots struct {
	activities.CallSlots
	taken func(*account.Account)
}

func slotsOf(taken func(*account.Account), slots activities.CallSlots) observedSlots {
	return observedSlots{slots, taken}
}

func (s observedSlots) Take(ctx context.Context, served *account.Account, want callbudget.Want) (*callbudget.Slot, time.Duration, error) {
	s.taken(served)
	return s.CallSlots.Take(ctx, served, want)
}

// TestKilledListingGoesOnBehindTheLastWholeWindow ends an attempt at each of its calls.
func TestKilledListingGoesOnBehindTheLastWholeWindow(t *testing.T) {
	for _, list := range []daylist.List{daylist.Sessions, daylist.Interactions} {
		t.Run(string(list), func(t *testing.T) {
			h := newListHarness(t, simulator.Config{})
			want := h.calls(3000)
			execute := map[daylist.List]func() (*day.ListResult, error){daylist.Sessions: h.sessions, daylist.Interactions: h.interactions}[list]
			h.input.Folder = "calls/whole/"
			whole, err := execute()
			require.NoError(t, err)

			h.input.Folder = listedFolder
			killed := errors.New("killed")
			before := len(h.upstream.Calls())
			attempts := 0
			for left := 14; ; left = 14 { // More than a window takes, and not a multiple of it.
				h.list.Slots = slotsOf(func(*account.Account) {
					if left--; left == 0 {
						h.slots.err = killed
					}
				}, h.slots)
				var got *day.ListResult
				got, err = execute()
				h.slots.err = nil
				attempts++
				if err == nil {
					require.Equal(t, whole.Sessions, got.Sessions)
					break
				}
				require.ErrorContains(t, err, "killed")
				require.Less(t, attempts, 20)
			}
			require.Greater(t, attempts, 2)
			require.Equal(t, want, h.rows()[list])
			asked := map[simulator.ListCall]int{}
			for _, call := range h.upstream.Calls()[before:] {
				asked[*call.List]++
			}
			again := 0
			for _, times := range asked {
				again += times - 1
			}
			require.LessOrEqual(t, again, attempts*13, "only the windows that were interrupted are asked for again")
			require.LessOrEqual(t, len(asked), whole.Calls+attempts*13)
			done := len(h.upstream.Calls())
			_, err = execute()
			require.NoError(t, err)
			require.Len(t, h.upstream.Calls(), done, "a listing that was completed makes no call")
		})
	}
}

func TestListThatTheVendorRefusesIsUnavailableWithItsRemedy(t *testing.T) {
	h := newListHarness(t, simulator.Config{SessionsScopeWithdrawn: true, AnalyticsScopeWithdrawn: true})
	h.calls(1)
	got, err := h.sessions()
	require.NoError(t, err)
	require.Contains(t, got.Unavailable, `grant the JWT app the scope "Bot Sessions" and publish the bot`)
	got.Unavailable = ""
	require.Equal(t, &day.ListResult{}, got)
	got, err = h.interactions()
	require.NoError(t, err)
	require.Contains(t, got.Unavailable, `grant the JWT app the scope "SmartAssist Analytics" and publish the bot`)

	h.upstream.SetAnalyticsScope(true)
	h.served.Accounts[0].VendorAccountID = "another"
	got, err = h.interactions()
	require.NoError(t, err)
	require.Contains(t, got.Unavailable, "or the account's id is wrong: check SMARTASSIST_ACCOUNT_ID")
	require.Empty(t, h.slots.reports, "that the app is refused says nothing of the budget")

	calls := len(h.upstream.Calls())
	h.served.Accounts[0].VendorAccountID = ""
	got, err = h.interactions()
	require.NoError(t, err)
	require.Contains(t, got.Unavailable, "set SMARTASSIST_ACCOUNT_ID, or accountId in CALLVAULT_CONFIG")
	require.Len(t, h.upstream.Calls(), calls, "and no call is made")
}

func TestListThatIsDownIsTriedAgainByTemporal(t *testing.T) {
	h := newListHarness(t, simulator.Config{})
	h.calls(1)
	require.NoError(t, h.upstream.SetListFaults(simulator.KindSessions, simulator.ListFaults{Outage: &simulator.Fault{Kind: simulator.Respond, Status: http.StatusServiceUnavailable, RetryAfter: "7"}}))
	_, err := h.sessions()
	failed := requireKind(t, err, failure.Transient, true, true)
	require.Equal(t, 7*time.Second, failed.NextRetryDelay())
	require.Len(t, h.upstream.Calls(), 3, "a page is asked for again, so that one failure does not cost the whole window")
	require.NoError(t, h.upstream.SetListFaults(simulator.KindSessions, simulator.ListFaults{}))
	got, err := h.sessions()
	require.NoError(t, err)
	require.Equal(t, 1, got.Sessions)
}

func TestCallThatIsRefusedByRateIsReportedAndMadeInTheNextSlot(t *testing.T) {
	h := newListHarness(t, simulator.Config{})
	h.calls(1)
	refusals := 3
	h.list.Slots = slotsOf(func(*account.Account) {
		var outage *simulator.Fault
		if refusals > 0 {
			fault := simulator.Refuse(http.StatusTooManyRequests, 429, "You've exceeded the hourly rate limit.")
			outage = &fault
		}
		refusals--
		require.NoError(t, h.upstream.SetOutage(outage))
	}, h.slots)
	got, err := h.sessions()
	require.NoError(t, err)
	require.Equal(t, 1, got.Sessions)
	require.Equal(t, 4, got.Calls)
	require.Len(t, h.slots.reports, 3)
	for _, report := range h.slots.reports {
		require.Equal(t, []any{callbudget.Refused, time.Hour, botID}, []any{report.Result, report.Span, report.BotID})
	}
}

func TestListingWithoutSlotsGoesBackToItsQueue(t *testing.T) {
	h := newListHarness(t, simulator.Config{})
	h.calls(1)
	h.slots.err = failure.New(failure.NoSlotYet, "no call slot yet")
	_, err := h.sessions()
	requireKind(t, err, failure.NoSlotYet, true, true)
	require.Empty(t, h.upstream.Calls())
	h.slots.err, h.slots.void = nil, true
	_, err = h.sessions()
	requireKind(t, err, failure.TokenStale, true, true)
	require.Empty(t, h.upstream.Calls())
	require.NotEmpty(t, h.slots.reports)
	require.Equal(t, callbudget.Unused, h.slots.reports[0].Result)
}

func TestListingOfAnInvalidDayIsRefused(t *testing.T) {
	h := newListHarness(t, simulator.Config{})
	for name, change := range map[string]func(*day.ListInput){
		"date":         func(i *day.ListInput) { i.Date = "5 March" },
		"no date":      func(i *day.ListInput) { i.Date = "" },
		"no folder":    func(i *day.ListInput) { i.Folder = "" },
		"folder":       func(i *day.ListInput) { i.Folder = "days" },
		"long folder":  func(i *day.ListInput) { i.Folder = strings.Repeat("a", 512) + "/" },
		"hints folder": func(i *day.ListInput) { i.HintsFolder = "days" },
	} {
		input := h.input
		change(&input)
		_, err := run[day.ListResult](t, h.list.Sessions, input)
		requireKind(t, err, failure.InvalidInput, false, false)
		require.Error(t, err, name)
	}
	h.input.BotID = "st-other"
	_, err := h.interactions()
	requireKind(t, err, failure.BotNotServed, false, true)
	require.Empty(t, h.upstream.Calls())
}

func TestObjectThatIsNoWindowStopsTheListing(t *testing.T) {
	h := newListHarness(t, simulator.Config{})
	h.calls(1)
	require.NoError(t, h.served.Accounts[0].Store.WriteFile(t.Context(), listedFolder+"getSessions/odd.ndjson", "text/plain", strings.NewReader("x"), 1))
	_, err := h.sessions()
	require.ErrorContains(t, err, "is not the name of a window: remove it")
	var failed *temporal.ApplicationError
	require.ErrorAs(t, err, &failed)
	require.False(t, failed.NonRetryable())
}

func TestRowsAreNotKeptAsTheyCameUnlessTheAccountKeepsDetails(t *testing.T) {
	h := newListHarness(t, simulator.Config{})
	h.served.Accounts[0].CallDetails = false
	h.calls(3)
	_, err := h.sessions()
	require.NoError(t, err)
	for row, err := range daylist.ReadRows(t.Context(), h.served.Accounts[0].Store, listedFolder) {
		require.NoError(t, err)
		require.Empty(t, row.Raw)
	}
}
