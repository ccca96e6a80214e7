package daylist_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/internal/daylist"
	"github.com/callvault/callvault/internal/secret"
	"github.com/callvault/callvault/internal/simulator"
	"github.com/callvault/callvault/internal/smartassist"
)

const (
	botID     = simulator.DefaultBotID
	accountID = simulator.DefaultAccountID
)

// midnight begins the day that is listed, and now is two days after it.
var (
	midnight = time.Date(2026, 3, 5, 0, 0, 0, 0, time.UTC)
	now      = midnight.AddDate(0, 0, 3)
)

func theDay(t testing.TB) daylist.Day {
	t.Helper()
	day, err := daylist.ParseDay("2026-03-05")
	require.NoError(t, err)
	return day
}

// vendor is a simulator on a loopback socket without budgets, and a client of it.
type vendor struct {
	*simulator.Simulator
	t      testing.TB
	client *smartassist.Client
	app    smartassist.Credentials
	serial uint64
}

func newVendor(t testing.TB, config simulator.Config) *vendor {
	t.Helper()
	config.Now = func() time.Time { return now }
	config.SessionCallsPerMinute, config.SessionCallsPerHour = simulator.Unlimited, simulator.Unlimited
	config.InteractionCallsPerMinute, config.InteractionCallsPerHour = simulator.Unlimited, simulator.Unlimited
	config.MaxSessions = 200_000
	upstream, err := simulator.New(config)
	require.NoError(t, err)
	server := httptest.NewUnstartedServer(upstream)
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.Start()
	t.Cleanup(func() { require.NoError(t, upstream.Close()); server.Close() })
	address, err := url.Parse(server.URL)
	require.NoError(t, err)
	transport := http.DefaultTransport.(*http.Transport).Clone() // Connections are reused: nothing resets them here.
	t.Cleanup(transport.CloseIdleConnections)
	return &vendor{
		Simulator: upstream, t: t, client: smartassist.NewClient(smartassist.Config{BaseURL: address, Transport: transport}),
		app: smartassist.Credentials{ClientID: simulator.DefaultClientID, Key: secret.Value(simulator.DefaultClientSecret)},
	}
}

// call adds a call at a time after midnight, and returns its id.
func (v *vendor) call(after time.Duration, change func(*simulator.Session)) string {
	v.t.Helper()
	v.serial++
	session := simulator.Session{BotID: botID, SessionID: simulator.NewSessionID(midnight.Add(after), v.serial), UserID: fmt.Sprintf("u-%d", v.serial), Length: time.Minute}
	if change != nil {
		change(&session)
	}
	require.NoError(v.t, v.AddSession(session))
	return session.SessionID
}

// calls adds n calls between two times after midnight.
func (v *vendor) calls(n int, from, to time.Duration, change func(*simulator.Session)) (ids []string) {
	v.t.Helper()
	for i := range n {
		ids = append(ids, v.call(from+(to-from)*time.Duration(i)/time.Duration(n), change))
	}
	return ids
}

func (v *vendor) mint() string {
	token, _, err := v.app.Mint(botID, now)
	require.NoError(v.t, err)
	return token
}

func (v *vendor) interactionPage(ctx context.Context, query smartassist.InteractionQuery) (*smartassist.InteractionPage, error) {
	return v.client.Interactions(ctx, v.mint(), query)
}

func (v *vendor) sessionsPage(ctx context.Context, query smartassist.SessionsQuery) (*smartassist.SessionsPage, error) {
	return v.client.SessionsBetween(ctx, v.mint(), query)
}

// listed is what a listing gave.
type listed struct {
	daylist.Tally
	windows []daylist.Window
	rows    map[string]daylist.Row
	spent   int // accepted calls of the simulator
}

// sink returns a sink that requires that no session comes twice.
func (l *listed) sink(t testing.TB) func(context.Context, daylist.Window) error {
	l.rows = map[string]daylist.Row{}
	return func(_ context.Context, window daylist.Window) error {
		l.windows = append(l.windows, window)
		for _, row := range window.Rows {
			_, twice := l.rows[row.SessionID]
			require.False(t, twice, row.SessionID)
			l.rows[row.SessionID] = row
		}
		return nil
	}
}

func (l *listed) ids() []string { return slices.Sorted(maps.Keys(l.rows)) }

func (l *listed) hints() (times []time.Time) {
	for _, row := range l.rows {
		times = append(times, row.StartedAt)
	}
	return times
}

func (v *vendor) listSessions() *listed {
	v.t.Helper()
	got := &listed{}
	before := v.Counts().SessionsAccepted
	lister := &daylist.SessionLister{BotID: botID, Day: theDay(v.t), Now: now, Page: v.sessionsPage, Sink: got.sink(v.t)}
	var err error
	got.Tally, err = lister.List(v.t.Context(), daylist.NewDone())
	require.NoError(v.t, err)
	got.spent = v.Counts().SessionsAccepted - before
	require.Equal(v.t, got.spent, got.Calls)
	require.Len(v.t, got.rows, got.Sessions)
	return got
}

func (v *vendor) listInteractions(hints []time.Time) *listed {
	v.t.Helper()
	got := &listed{}
	before := v.Counts().InteractionsAccepted
	lister := &daylist.InteractionLister{AccountID: accountID, BotID: botID, Day: theDay(v.t), Now: now, Hints: hints, Page: v.interactionPage, Sink: got.sink(v.t)}
	var err error
	got.Tally, err = lister.List(v.t.Context(), daylist.NewDone())
	require.NoError(v.t, err)
	got.spent = v.Counts().InteractionsAccepted - before
	require.Equal(v.t, got.spent, got.Calls)
	require.Len(v.t, got.rows, got.Sessions)
	return got
}

// seeded returns a source of chance whose seed is printed, and can be given again by CALLVAULT_TEST_SEED.
func seeded(t testing.TB) (*rand.Rand, uint64) {
	t.Helper()
	seed := uint64(time.Now().UnixNano())
	if given := os.Getenv("CALLVAULT_TEST_SEED"); given != "" {
		var err error
		seed, err = strconv.ParseUint(given, 10, 64)
		require.NoError(t, err)
	}
	t.Logf("CALLVAULT_TEST_SEED=%d", seed)
	return rand.New(rand.NewPCG(seed, seed)), seed
}

func oneOf(texts []string, says string) bool {
	return slices.ContainsFunc(texts, func(text string) bool { return strings.Contains(text, says) })
}
