package smartassist_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/internal/failure"
	"github.com/callvault/callvault/internal/secret"
	"github.com/callvault/callvault/internal/simulator"
	"github.com/callvault/callvault/internal/smartassist"
)

const otherSessionID = "65e7133a3242653c58d7bbbb"

// askStates makes one call. No test is expected to reach the deadline.
func askStates(t *testing.T, client *smartassist.Client, sessionIDs ...string) ([]smartassist.SessionState, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	return client.Sessions(ctx, token, botID, sessionIDs)
}

// requireStatesFailure makes one call, which must fail without revealing a secret.
func requireStatesFailure(t *testing.T, client *smartassist.Client, sessionIDs ...string) *smartassist.Error {
	t.Helper()
	states, err := askStates(t, client, sessionIDs...)
	require.Nil(t, states)
	var got *smartassist.Error
	require.ErrorAs(t, err, &got)
	requireNoSecret(t, got.Text)
	return got
}

func rows(rows ...string) string {
	return `{"total":` + fmt.Sprint(len(rows)) + `,"moreAvailable":false,"sessions":[` + strings.Join(rows, ",") + `]}`
}

func closedAt(id, end string) string {
	return fmt.Sprintf(`{"sessionId":%q,"sessionStatus":"closed","end_time":%q}`, id, end)
}

func TestSessionsRequestMatchesVendorDocumentation(t *testing.T) {
	type received struct {
		request *http.Request
		body    string
	}
	seen := make(chan received, 1)
	client := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		seen <- received{r, string(body)}
		_, _ = io.WriteString(w, rows())
	})
	_, err := client.Sessions(t.Context(), "the.raw.token", "st-1/../st-2?x", []string{sessionID, otherSessionID})
	require.NoError(t, err)
	got := <-seen
	require.Equal(t, http.MethodPost, got.request.Method)
	require.Equal(t, "/api/public/bot/st-1%2F..%2Fst-2%3Fx/getSessions", got.request.RequestURI)
	require.Equal(t, []string{"the.raw.token"}, got.request.Header["Auth"], `the raw token, no "Bearer"`)
	require.Equal(t, "application/json", got.request.Header.Get("Content-Type"))
	require.JSONEq(t, `{"sessionId":["`+sessionID+`","`+otherSessionID+`"],"limit":50}`, got.body)
	require.NotContains(t, got.body, "token")
	for _, name := range []string{"Authorization", "Cookie", "Proxy-Authorization", "Referer"} {
		require.Empty(t, got.request.Header.Get(name), name)
	}
}

// vendorSample has the form of the sample on the vendor's page.
const vendorSample = `{
    "total": 1, "moreAvailable": false,
    "sessions": [{
        "sessionId": "65e7133a3242653c58d7aaaa", "botId": "st-fd81a2b1-43af-544d-8082-831bc09c0001", "channel": "korevg",
        "userId": "u-00000000-0000-0000-0000-000000000001", "start_time": "2024-03-05T12:42:34.505Z", "end_time": "2024-03-05T12:43:37.518Z",
        "session_lang": ["en"], "sessionType": "interactive", "isDeveloper": false, "sessionStatus": "closed",
        "tags": {"userTags": [], "sessionTags": [{"value": "+10000000000", "name": "callerNumber"}], "altText": []},
        "noOfMessagesExchanged": 4, "noOfTasksExecuted": 1, "containmentType": "agent"
    }],
    "invalidSessions": ["65e7133a3242653c58d7bbbb"]
}`

func TestVendorSampleOfSessionsIsParsed(t *testing.T) {
	states, err := askStates(t, serve(t, responding(200, vendorSample)), otherSessionID, sessionID)
	require.NoError(t, err)
	require.Equal(t, []smartassist.SessionState{
		{SessionID: sessionID, Closed: true, EndedAt: time.Date(2024, 3, 5, 12, 43, 37, 518_000_000, time.UTC)},
	}, states)
}

// stateOf returns what is said of the one session that the row is of.
func stateOf(t *testing.T, row string) smartassist.SessionState {
	t.Helper()
	states, err := askStates(t, serve(t, responding(200, rows(row))), sessionID)
	require.NoError(t, err, row)
	require.Len(t, states, 1, row)
	require.Equal(t, sessionID, states[0].SessionID)
	return states[0]
}

func TestOnlyTheStatusClosedIsClosed(t *testing.T) {
	for status, closed := range map[string]bool{
		`"closed"`: true, `"CLOSED"`: true, `" Closed "`: true,
		`"active"`: false, `"open"`: false, `"closing"`: false, `"not closed"`: false, `"terminated"`: false, `""`: false,
		`null`: false, `true`: false, `1`: false, `["closed"]`: false, `{"closed":true}`: false,
	} {
		state := stateOf(t, `{"sessionId":"`+sessionID+`","sessionStatus":`+status+`,"end_time":"2024-03-05T12:43:37.518Z"}`)
		require.Equal(t, closed, state.Closed, status)
		require.Equal(t, closed, !state.EndedAt.IsZero(), "of an open session it may be anything: %s", status)
	}
	require.False(t, stateOf(t, `{"sessionId":"`+sessionID+`"}`).Closed)
}

func TestEndOfASessionIsATimeThatItCanBe(t *testing.T) {
	soon := func(d time.Duration) string {
		return quoted(time.Now().UTC().Add(d).Format("2006-01-02T15:04:05.000Z"))
	}
	for end, want := range map[string]string{
		`"2024-03-05T12:43:37.518Z"`:      "2024-03-05T12:43:37.518Z",
		`"2024-03-05T12:43:37Z"`:          "2024-03-05T12:43:37Z",
		`" 2024-03-05T12:43:37Z "`:        "2024-03-05T12:43:37Z",
		`"2024-03-05T18:13:37.5+05:30"`:   "2024-03-05T12:43:37.5Z",
		`"2024-03-05T12:42:34Z"`:          "2024-03-05T12:42:34Z", // the second in the id
		`"2024-03-05T12:42:33.999Z"`:      "",
		`"1970-01-01T00:00:00.000Z"`:      "",
		`"0000-01-01T00:00:00.000Z"`:      "",
		`"9999-12-31T23:59:59.999Z"`:      "",
		`"+010000-01-01T00:00:00.000Z"`:   "",
		soon(11 * time.Minute):            "",
		`"2024-03-05T12:43:37"`:           "",
		`"2024-03-05"`:                    "",
		`"Tue Mar 05 2024 12:43:37 GMT"`:  "",
		`"1709642617518"`:                 "",
		`1709642617518`:                   "",
		`"Invalid date"`:                  "",
		`""`:                              "",
		`null`:                            "",
		`{}`:                              "",
		`["2024-03-05T12:43:37Z"]`:        "",
		quoted(strings.Repeat("2", 9000)): "",
	} {
		state := stateOf(t, `{"sessionId":"`+sessionID+`","sessionStatus":"closed","end_time":`+end+`}`)
		require.True(t, state.Closed, "closed without a time: %.40s", end)
		if want == "" {
			require.Zero(t, state.EndedAt, "%.40s", end)
			continue
		}
		require.Equal(t, want, state.EndedAt.Format(time.RFC3339Nano), end)
	}
	require.Zero(t, stateOf(t, `{"sessionId":"`+sessionID+`","sessionStatus":"closed"}`).EndedAt)
	require.NotZero(t, stateOf(t, `{"sessionId":"`+sessionID+`","sessionStatus":"closed","end_time":`+soon(5*time.Minute)+`}`).EndedAt, "clocks differ")
}

func TestOnlySessionsThatWereAskedForAreReturnedOnceInTheOrderAskedFor(t *testing.T) {
	const third = "65e7133a3242653c58d7cccc"
	body := rows(closedAt("65e7133a3242653c58d7dddd", "2024-03-05T13:00:00Z"), closedAt(third, "2024-03-05T13:00:00Z"), `{}`, `null`,
		closedAt(sessionID, "2024-03-05T13:00:00Z"), closedAt(strings.ToUpper(otherSessionID), "2024-03-05T13:00:00Z"))
	states, err := askStates(t, serve(t, responding(200, body)), sessionID, otherSessionID, third, sessionID)
	require.NoError(t, err)
	ended := time.Date(2024, 3, 5, 13, 0, 0, 0, time.UTC)
	require.Equal(t, []smartassist.SessionState{{SessionID: sessionID, Closed: true, EndedAt: ended}, {SessionID: third, Closed: true, EndedAt: ended}}, states)

	states, err = askStates(t, serve(t, responding(200, rows())), sessionID)
	require.NoError(t, err)
	require.Empty(t, states)
}

func TestSessionThatIsListedTwiceIsClosedIfBothSaySo(t *testing.T) {
	early, late := closedAt(sessionID, "2024-03-05T13:00:00Z"), closedAt(sessionID, "2024-03-05T14:00:00Z")
	open, timeless := `{"sessionId":"`+sessionID+`","sessionStatus":"active"}`, `{"sessionId":"`+sessionID+`","sessionStatus":"closed"}`
	at := time.Date(2024, 3, 5, 14, 0, 0, 0, time.UTC)
	for body, want := range map[string]smartassist.SessionState{
		rows(early, late):       {SessionID: sessionID, Closed: true, EndedAt: at},
		rows(late, early):       {SessionID: sessionID, Closed: true, EndedAt: at},
		rows(late, timeless):    {SessionID: sessionID, Closed: true, EndedAt: at},
		rows(timeless, late):    {SessionID: sessionID, Closed: true, EndedAt: at},
		rows(late, open):        {SessionID: sessionID},
		rows(open, late):        {SessionID: sessionID},
		rows(open, late, early): {SessionID: sessionID},
	} {
		states, err := askStates(t, serve(t, responding(200, body)), sessionID)
		require.NoError(t, err)
		require.Equal(t, []smartassist.SessionState{want}, states, body)
	}
}

func TestNumberOfSessionsIsBoundedWithoutACall(t *testing.T) {
	var calls atomic.Int32
	client := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		calls.Add(1)
		_, _ = io.WriteString(w, rows())
	})
	for _, count := range []int{0, 51, 1000} {
		got := requireStatesFailure(t, client, make([]string, count)...)
		require.Equal(t, failure.Rejected, got.Kind)
		require.Contains(t, got.Text, fmt.Sprintf("%d sessions: ask for 1 to 50", count))
	}
	require.Zero(t, calls.Load())
	_, err := askStates(t, client, make([]string, smartassist.MaxSessionIDs)...)
	require.NoError(t, err)
	require.EqualValues(t, 1, calls.Load())
}

func TestUnusableListOfSessionsIsTransient(t *testing.T) {
	for name, c := range map[string]struct{ body, says string }{
		"nothing":                  {``, "not the JSON object"},
		"HTML":                     {`<html>sign in</html>`, "not the JSON object"},
		"half a document":          {vendorSample[:400], "not the JSON object"},
		"an array":                 {`[]`, "not the JSON object"},
		"null":                     {`null`, "no list of sessions"},
		"a recording's status":     {`{"status":"success"}`, "no list of sessions"},
		"no list":                  {`{"total":0,"moreAvailable":false}`, "no list of sessions"},
		"a list that is null":      {`{"sessions":null}`, "no list of sessions"},
		"a list that is an object": {`{"sessions":{}}`, "not the JSON object"},
		"a list that is a text":    {`{"sessions":"none"}`, "not the JSON object"},
		"rows that are texts":      {`{"sessions":["` + sessionID + `"]}`, "not the JSON object"},
		"an id that is a number":   {`{"sessions":[{"sessionId":7}]}`, "not the JSON object"},
		"trailing garbage":         {vendorSample + "x", "data after"},
		"two documents":            {vendorSample + vendorSample, "data after"},
		"too deep":                 {`{"sessions":` + strings.Repeat("[", 20_000), "not the JSON object"},
		"too long":                 {`{"sessions":[],"x":"` + strings.Repeat("x", 1<<20) + `"}`, "longer than 1048576 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			got := requireStatesFailure(t, serve(t, responding(200, c.body, "Content-Type", "text/html; charset=utf-8")), sessionID)
			require.Equal(t, failure.Transient, got.Kind)
			require.Equal(t, 200, got.Status)
			require.Contains(t, got.Text, c.says)
			require.NotContains(t, got.Text, "u-0000")
		})
	}
}

func TestErrorsOfTheSessionListAreClassifiedAsThoseOfRecordings(t *testing.T) {
	const minute = "You've exceeded the per-minute rate limit. Please wait for sometime before retrying."
	for _, row := range []struct {
		status int
		body   string
		kind   failure.Kind
		says   string
	}{
		{401, envelope(4002, "Invalid SDK credentials"), failure.Blocked, "SMARTASSIST_CLIENT_SECRET"},
		{401, envelope(4002, "Permission denied. Scope is incorrect!"), failure.Blocked, `scope "Bot Sessions" and publish the bot`},
		{403, envelope(4002, "Permission denied. Scope is incorrect!"), failure.Blocked, `scope "Bot Sessions"`},
		{401, envelope(401, "error verifying the jwt: possibly a replay"), failure.Blocked, "used twice"},
		{200, envelope(4002, "Permission denied. Scope is incorrect!"), failure.Blocked, `scope "Bot Sessions"`},
		{429, envelope(429, minute), failure.RateLimited, "budget is spent"},
		{400, envelope(400, minute), failure.RateLimited, "budget is spent"},
		{200, envelope(429, minute), failure.RateLimited, "budget is spent"},
		{412, envelope(412, "Validation errors/ Invalid arguments"), failure.Rejected, "check botId and the session ids"},
		{404, "<pre>Cannot POST /api</pre>", failure.Blocked, "not at this address"},
		{404, envelope(404, "Cannot POST /x"), failure.Blocked, "not at this address"},
		{404, envelope(404, "Bot not found"), failure.Blocked, "SMARTASSIST_BOT_ID"},
		{409, envelope(409, "The system is busy"), failure.Transient, "temporary condition"},
		{302, "", failure.Blocked, "not at this address"},
		{502, "<h1>Bad Gateway</h1>", failure.Transient, "Bad Gateway"},
		{500, envelope(500, "Internal server error"), failure.Transient, "it is unavailable"},
		{202, vendorSample, failure.Transient, "does not document"},
	} {
		t.Run(fmt.Sprint(row.status, row.body), func(t *testing.T) {
			got := requireStatesFailure(t, serve(t, responding(row.status, row.body)), sessionID, otherSessionID)
			require.Equal(t, row.kind, got.Kind, got.Text)
			require.Equal(t, row.status, got.Status)
			require.Contains(t, got.Text, row.says)
		})
	}
	got := requireStatesFailure(t, serve(t, responding(429, envelope(429, minute), "Retry-After", "90")), sessionID)
	require.Equal(t, []time.Duration{90 * time.Second, time.Minute}, []time.Duration{got.Wait, got.Window})
}

// Then nothing is known of any of them.
func TestAnswerThatTheAPIHasNothingForTheSessionsIsAnEmptyList(t *testing.T) {
	for _, status := range []int{200, 404, 410} {
		for _, text := range []string{"Session not found", "No sessions found", "Sessions " + sessionID + " and " + otherSessionID + " not found"} {
			states, err := askStates(t, serve(t, responding(status, envelope(404, text))), sessionID, otherSessionID)
			require.NoError(t, err, text)
			require.Empty(t, states)
		}
	}
}

func TestIDsOfTheCallDoNotDecideWhoseFaultItIs(t *testing.T) {
	id := "auth-0123456789abcdef0123"
	_, err := askStates(t, serve(t, responding(404, envelope(404, "Nothing of "+id+" and "+sessionID))), sessionID, id)
	require.NoError(t, err)
}

// The rows hold users' ids and telephone numbers.
func TestRowsOfSessionsAreNotShownInAnError(t *testing.T) {
	for _, status := range []int{202, 400, 401, 403, 404, 500} {
		for _, body := range []string{vendorSample, "\n " + vendorSample[:700], "[" + vendorSample + "]"} {
			text := requireStatesFailure(t, serve(t, responding(status, body)), sessionID).Text
			for _, part := range []string{"u-0000", "+1000", "sessionId", "korevg"} {
				require.NotContains(t, text, part)
			}
		}
	}
	require.Contains(t, requireStatesFailure(t, serve(t, responding(500, `{"message":"out of memory"}`)), sessionID).Text, "out of memory")
}

func TestEchoedTokenIsRedactedInAnErrorOfTheSessionList(t *testing.T) {
	for _, form := range []string{`{"errors":[{"msg":"odd token %s"}]}`, `{"error":"odd token %s"}`, `odd token %s`, `<p>%s</p>`} {
		for _, status := range []int{200, 401, 404, 500} {
			requireStatesFailure(t, serve(t, responding(status, fmt.Sprintf(form, token))), sessionID)
		}
	}
}

func TestEndlessListOfSessionsIsAbandoned(t *testing.T) {
	gone := make(chan struct{})
	got := requireStatesFailure(t, serve(t, func(w http.ResponseWriter, _ *http.Request) {
		defer close(gone)
		_, _ = io.WriteString(w, `{"sessions":[`)
		for {
			if _, err := io.WriteString(w, strings.Repeat("{},", 1<<14)); err != nil {
				return
			}
		}
	}), sessionID)
	require.Equal(t, failure.Transient, got.Kind)
	<-gone
}

func TestSessionListThatIsCutIsTransient(t *testing.T) {
	got := requireStatesFailure(t, serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "1000")
		_, _ = io.WriteString(w, `{"sessions":[`)
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}), sessionID)
	require.Equal(t, failure.Transient, got.Kind)
	require.Contains(t, got.Text, "did not respond")
}

func TestSessionListFollowsNoRedirect(t *testing.T) {
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		t.Error("the other host was contacted")
	}))
	defer elsewhere.Close()
	for _, status := range []int{301, 302, 303, 307, 308} {
		got := requireStatesFailure(t, serve(t, responding(status, "", "Location", elsewhere.URL+"/x?token=canary")), sessionID)
		require.Equal(t, failure.Blocked, got.Kind)
	}
}

// vendor is the simulator as a client meets it.
type vendor struct {
	*simulator.Simulator
	t      *testing.T
	client *smartassist.Client
}

func newVendor(t *testing.T, config simulator.Config) vendor {
	t.Helper()
	upstream, err := simulator.New(config)
	require.NoError(t, err)
	server := httptest.NewServer(upstream)
	t.Cleanup(func() { upstream.Close(); server.Close() })
	base, err := url.Parse(server.URL)
	require.NoError(t, err)
	return vendor{upstream, t, smartassist.NewClient(smartassist.Config{BaseURL: base})}
}

// ask makes one call with a token of its own.
func (v vendor) ask(sessionIDs ...string) ([]smartassist.SessionState, error) {
	v.t.Helper()
	minted, _, err := smartassist.Credentials{ClientID: simulator.DefaultClientID, Key: secret.Value(simulator.DefaultClientSecret)}.
		Mint(simulator.DefaultBotID, time.Now())
	require.NoError(v.t, err)
	return v.client.Sessions(v.t.Context(), minted, simulator.DefaultBotID, sessionIDs)
}

func TestSimulatorTellsOfFiftySessionsInOneCall(t *testing.T) {
	v := newVendor(t, simulator.Config{EnforceJTI: true})
	begin := time.Now().Add(-time.Hour).Truncate(time.Second)
	var ids []string
	var want []smartassist.SessionState
	for i := range 50 {
		one := simulator.Session{BotID: simulator.DefaultBotID, SessionID: simulator.NewSessionID(begin, uint64(i)), Length: time.Duration(i+1) * time.Minute}
		state := smartassist.SessionState{SessionID: one.SessionID, Closed: true, EndedAt: begin.Add(one.Length).UTC()}
		if i == 7 {
			one.Length, state = 24*time.Hour, smartassist.SessionState{SessionID: one.SessionID}
		}
		ids = append(ids, one.SessionID)
		if i == 8 {
			continue // the vendor does not know it
		}
		want = append(want, state)
		require.NoError(t, v.AddSession(one))
	}
	states, err := v.ask(ids...)
	require.NoError(t, err)
	require.Equal(t, want, states)
	require.Equal(t, 1, v.Counts().SessionsAccepted)
	require.Zero(t, v.Counts().API, "no recordings call was spent")
}

func TestSimulatorRefusesTheSessionListByScopeBudgetAndOutage(t *testing.T) {
	v := newVendor(t, simulator.Config{EnforceJTI: true, SessionsScopeWithdrawn: true, SessionCallsPerHour: 1})
	requireKind := func(kind failure.Kind, says string) {
		t.Helper()
		_, err := v.ask(sessionID)
		var got *smartassist.Error
		require.ErrorAs(t, err, &got)
		require.Equal(t, kind, got.Kind)
		require.Contains(t, got.Text, says)
	}
	requireKind(failure.Blocked, `scope "Bot Sessions"`)
	v.SetSessionsScope(true)
	require.NoError(t, v.SetOutage(&simulator.Fault{Kind: simulator.HTML}))
	requireKind(failure.Transient, "not the JSON object")
	require.NoError(t, v.SetOutage(&simulator.Fault{Kind: simulator.Huge, Bytes: 2 << 20}))
	requireKind(failure.Transient, "longer than")
	require.NoError(t, v.SetOutage(nil))
	states, err := v.ask(sessionID)
	require.NoError(t, err)
	require.Empty(t, states)
	requireKind(failure.RateLimited, "hourly rate limit")
}

// A token serves one request, and Go's client may repeat one on a reused connection.
func TestTokenOfTheSessionListIsNotResentIfTheConnectionDies(t *testing.T) {
	var requests atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if requests.Add(1) == 2 {
			if connection, _, err := http.NewResponseController(w).Hijack(); err == nil {
				connection.Close()
			}
			return
		}
		_, _ = io.WriteString(w, rows())
	}))
	defer server.Close()
	base, err := url.Parse(server.URL)
	require.NoError(t, err)
	client := smartassist.NewClient(smartassist.Config{BaseURL: base})
	_, err = askStates(t, client, sessionID)
	require.NoError(t, err)
	require.Equal(t, failure.Transient, requireStatesFailure(t, client, sessionID).Kind)
	require.EqualValues(t, 2, requests.Load())
}
