package smartassist_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/internal/failure"
	"github.com/callvault/callvault/internal/secret"
	"github.com/callvault/callvault/internal/simulator"
	"github.com/callvault/callvault/internal/smartassist"
)

const vendorAccountID = "66050d249f946671f64a0001"

// callBegan is the time in sessionID.
var callBegan = time.Unix(0x65e7133a, 0).UTC()

func askInteractions(t *testing.T, client *smartassist.Client, change func(*smartassist.InteractionQuery)) (*smartassist.InteractionPage, error) {
	t.Helper()
	query := smartassist.InteractionQuery{AccountID: vendorAccountID, BotID: botID, From: callBegan, To: callBegan.Add(time.Hour)}
	if change != nil {
		change(&query)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	return client.Interactions(ctx, token, query)
}

func askSessions(t *testing.T, client *smartassist.Client) (*smartassist.SessionsPage, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	return client.SessionsBetween(ctx, token, smartassist.SessionsQuery{BotID: botID, From: callBegan, To: callBegan.Add(time.Hour), Skip: 7})
}

// saying returns a client of an upstream that always says the same.
func saying(t *testing.T, status int, body string) *smartassist.Client {
	t.Helper()
	return serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	})
}

func TestInteractionsRequestMatchesVendorDocumentation(t *testing.T) {
	type received struct {
		request *http.Request
		body    string
	}
	seen := make(chan received, 1)
	client := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		seen <- received{r, string(body)}
		_, _ = io.WriteString(w, `{"numResults":0,"data":[]}`)
	})
	page, err := askInteractions(t, client, func(q *smartassist.InteractionQuery) { q.Page, q.Direction = 10, smartassist.Outbound })
	require.NoError(t, err)
	require.Empty(t, page.Rows)
	got := <-seen
	require.Equal(t, "POST /agentassist/api/public/analytics/account/"+vendorAccountID+"/v2/interactionDetails?limit=100&offset=10", got.request.Method+" "+got.request.URL.String())
	require.Equal(t, []string{token, vendorAccountID, botID, "application/json"},
		[]string{got.request.Header.Get("auth"), got.request.Header.Get("accountId"), got.request.Header.Get("iId"), got.request.Header.Get("Content-Type")})
	require.JSONEq(t, `{"startDate":"2024-03-05 12:42:34","endDate":"2024-03-05 13:42:34","timeZoneOffset":0,"channels":["voice"],"direction":"Outbound"}`, got.body)
}

func TestSessionsOfATimeAreAskedForAsTheVendorDocuments(t *testing.T) {
	bodies := make(chan string, 1)
	client := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		bodies <- r.URL.Path + " " + r.Header.Get("accountId") + string(body)
		_, _ = io.WriteString(w, rows())
	})
	page, err := askSessions(t, client)
	require.NoError(t, err)
	require.Equal(t, &smartassist.SessionsPage{}, page)
	path, body, _ := strings.Cut(<-bodies, " ")
	require.Equal(t, "/api/public/bot/"+botID+"/getSessions", path)
	require.JSONEq(t, `{"skip":7,"limit":100,"dateFrom":"2024-03-05T12:42:34.000Z","dateTo":"2024-03-05T13:42:34.000Z"}`, body)
}

func TestRowOfEachListIsRead(t *testing.T) {
	interaction := `{ "sessionId": "` + sessionID + `", "conversationId": "c-1", "channel": "Voice", "Direction": "Inbound", "isVoicemail": "YES",
		"sessionStartTime": "2024-03-05T12:42:34", "sessionEndTime": "2024-03-05 12:43:34", "userId": "u-1", "finalStatus": "CLOSED", "metaInfo": {"caller": "a&b"} }`
	page, err := askInteractions(t, saying(t, 200, `{"numResults":1,"data":[`+interaction+`]}`), nil)
	require.NoError(t, err)
	require.Equal(t, 1, page.Results)
	got := page.Rows[0]
	require.NotZero(t, got.Identity)
	require.JSONEq(t, interaction, string(got.Raw))
	require.Contains(t, string(got.Raw), `"a&b"`)
	require.NotContains(t, string(got.Raw), "\n")
	got.Identity, got.Raw = 0, nil
	want := smartassist.ListedSession{SessionID: sessionID, UserID: "u-1", Closed: true, StartedAt: callBegan, EndedAt: callBegan.Add(time.Minute), Voice: true, IsVoicemail: true, Direction: "inbound"}
	require.Equal(t, want, got)

	session := `{"sessionId":"` + sessionID + `","channel":"korevg","userId":"u-1","start_time":"2024-03-05T12:42:34.000Z","end_time":"2024-03-05T12:43:34.000Z","sessionStatus":"closed"}`
	other := `{"sessionId":"` + otherSessionID + `","channel":"rtm","sessionStatus":"active","end_time":"2024-03-05T12:43:34.000Z"}`
	sessions, err := askSessions(t, saying(t, 200, `{"total":8,"moreAvailable":true,"sessions":[`+session+`,`+other+`]}`))
	require.NoError(t, err)
	require.Equal(t, 8, sessions.Total)
	require.True(t, sessions.MoreAvailable)
	for i := range sessions.Rows {
		sessions.Rows[i].Identity, sessions.Rows[i].Raw = 0, nil
	}
	want.IsVoicemail, want.Direction = false, ""
	require.Equal(t, []smartassist.ListedSession{want, {SessionID: otherSessionID}}, sessions.Rows, "what is active has no end")
}

func TestInteractionIsClosedByItsEndOrItsFinalStatus(t *testing.T) {
	for fields, want := range map[string]struct{ closed, ended bool }{
		``:                             {false, false},
		`,"finalStatus":"ACTIVE"`:      {false, false},
		`,"finalStatus":"CLOSED"`:      {true, false},
		`,"finalStatus":"BotResolved"`: {true, false},
		`,"sessionEndTime":"2024-03-05T12:43:34"`:                         {true, true},
		`,"sessionEndTime":"2024-03-05T12:42:33"`:                         {true, false},
		`,"sessionEndTime":"2094-03-05T12:42:33"`:                         {true, false},
		`,"sessionEndTime":"soon"`:                                        {false, false},
		`,"sessionEndTime":7,"finalStatus":{}`:                            {false, false},
		`,"sessionEndTime":"2024-03-05T18:13:34.5+05:30"`:                 {true, true},
		`,"sessionEndTime":"2024-03-05T12:43:34.250","finalStatus":"odd"`: {true, true},
	} {
		page, err := askInteractions(t, saying(t, 200, `{"data":[{"sessionId":"`+sessionID+`"`+fields+`}]}`), nil)
		require.NoError(t, err)
		require.Equal(t, want.closed, page.Rows[0].Closed, fields)
		require.Equal(t, want.ended, !page.Rows[0].EndedAt.IsZero(), fields)
	}
}

func TestRowWithoutAUsableIDIsKeptAndFatalToNothing(t *testing.T) {
	valid := `{"sessionId":"` + sessionID + `"}`
	bad := []string{`{}`, `null`, `7`, `"x"`, `[]`, `{"sessionId":7}`, `{"sessionId":"` + strings.ToUpper(sessionID) + `"}`, `{"sessionId":"65e7"}`, `{"sessionId":"` + sessionID + `0"}`}
	list := strings.Join(append(bad, valid), ",")
	page, err := askInteractions(t, saying(t, 200, `{"data":[`+list+`]}`), nil)
	require.NoError(t, err)
	require.Len(t, page.Rows, len(bad)+1)
	require.Equal(t, -1, page.Results)
	for i, row := range page.Rows {
		require.Equal(t, i == len(bad), row.IsUsable(), i)
	}
	sessions, err := askSessions(t, saying(t, 200, `{"sessions":[`+list+`]}`))
	require.NoError(t, err)
	require.Len(t, sessions.Rows, len(bad)+1)
	require.Equal(t, -1, sessions.Total)
}

func TestUserIDThatNoRequestCanNameIsLeftOut(t *testing.T) {
	for _, id := range []string{`"` + strings.Repeat("u", 5000) + `"`, `"a\u0000b"`, `7`, `null`} {
		page, err := askInteractions(t, saying(t, 200, `{"data":[{"sessionId":"`+sessionID+`","userId":`+id+`}]}`), nil)
		require.NoError(t, err)
		require.Empty(t, page.Rows[0].UserID)
		require.True(t, page.Rows[0].IsUsable())
	}
}

func TestRowsOfOneConversationHaveOneIdentity(t *testing.T) {
	row := func(id, conversation, more string) string {
		return `{"sessionId":"` + id + `","conversationId":"` + conversation + `"` + more + `}`
	}
	page, err := askInteractions(t, saying(t, 200, `{"data":[`+strings.Join([]string{
		row(sessionID, "c-1", ""), row(sessionID, "c-1", `,"finalStatus":"CLOSED"`), row(sessionID, "c-2", ""), row(otherSessionID, "c-1", ""), `{"odd":1}`, `{"odd":2}`,
	}, ",")+`]}`), nil)
	require.NoError(t, err)
	require.Equal(t, page.Rows[0].Identity, page.Rows[1].Identity)
	distinct := map[uint64]bool{}
	for _, row := range page.Rows {
		distinct[row.Identity] = true
	}
	require.Len(t, distinct, 5)
}

func TestLargeRowKeepsNoRaw(t *testing.T) {
	for filler, kept := range map[int]bool{15 << 10: true, 17 << 10: false} {
		body := `{"data":[{"sessionId":"` + sessionID + `","filler":"` + strings.Repeat("x", filler) + `"}]}`
		page, err := askInteractions(t, saying(t, 200, body), nil)
		require.NoError(t, err)
		require.Equal(t, kept, page.Rows[0].Raw != nil)
	}
}

func TestPageOfAHundredLargeRowsIsReadAndALargerOneIsNot(t *testing.T) {
	page := func(bytesOfRow int) string {
		var list []string
		for i := range 100 {
			list = append(list, fmt.Sprintf(`{"sessionId":"%s","n":%d,"filler":"%s"}`, sessionID, i, strings.Repeat("x", bytesOfRow)))
		}
		return `{"data":[` + strings.Join(list, ",") + `]}`
	}
	got, err := askInteractions(t, saying(t, 200, page(70<<10)), nil)
	require.NoError(t, err)
	require.Len(t, got.Rows, 100)
	_, err = askInteractions(t, saying(t, 200, page(90<<10)), nil)
	require.Equal(t, failure.Transient, failure.KindOf(err))
	require.ErrorContains(t, err, "longer than 8388608 bytes")
}

func TestWhatIsNoPageIsNotTakenForAnEmptyOne(t *testing.T) {
	many := strings.TrimSuffix(strings.Repeat(`{},`, 101), ",")
	for _, body := range []string{``, `[]`, `{}`, `{"data":null}`, `{"numResults":1}`, `{"data":{}}`, `{"data":[]}x`, `{"data":[`, `{"data":[` + many + `]}`, `<html></html>`} {
		_, err := askInteractions(t, saying(t, 200, body), nil)
		require.Equal(t, failure.Transient, failure.KindOf(err), body)
	}
	for _, body := range []string{``, `{}`, `{"total":0,"moreAvailable":false}`, `{"sessions":null}`, `{"sessions":7}`, `{"sessions":[` + many + `]}`} {
		_, err := askSessions(t, saying(t, 200, body))
		require.Equal(t, failure.Transient, failure.KindOf(err), body)
	}
	page, err := askInteractions(t, saying(t, 200, `{"numResults":0}`), nil)
	require.NoError(t, err)
	require.Empty(t, page.Rows)
}

func TestQueryOutOfBoundsIsRejectedWithoutACall(t *testing.T) {
	client := serve(t, func(http.ResponseWriter, *http.Request) { t.Error("a call was made") })
	for name, change := range map[string]func(*smartassist.InteractionQuery){
		"no account": func(q *smartassist.InteractionQuery) { q.AccountID = "" },
		"page 11":    func(q *smartassist.InteractionQuery) { q.Page = 11 },
		"page -1":    func(q *smartassist.InteractionQuery) { q.Page = -1 },
		"backwards":  func(q *smartassist.InteractionQuery) { q.To = q.From.Add(-time.Second) },
		"8 days":     func(q *smartassist.InteractionQuery) { q.To = q.From.AddDate(0, 0, 8) },
	} {
		_, err := askInteractions(t, client, change)
		require.Equal(t, failure.Rejected, failure.KindOf(err), name)
	}
	_, err := client.SessionsBetween(t.Context(), token, smartassist.SessionsQuery{BotID: botID, From: callBegan, To: callBegan.AddDate(0, 0, 8)})
	require.Equal(t, failure.Rejected, failure.KindOf(err))
}

func TestRefusedListsNameTheirRemedy(t *testing.T) {
	envelope := func(code int, msg string) string { return fmt.Sprintf(`{"errors":[{"msg":%q,"code":%d}]}`, msg, code) }
	for _, c := range []struct {
		name, body             string
		status                 int
		kind                   failure.Kind
		interactions, sessions string
	}{
		{"scope", envelope(4002, "Permission denied. Scope is incorrect!"), 401, failure.Blocked,
			`grant the JWT app the scope "SmartAssist Analytics" and publish the bot`, `grant the JWT app the scope "Bot Sessions" and publish the bot`},
		{"credentials", envelope(4002, "Invalid SDK credentials"), 401, failure.Blocked, "or the account's id is wrong: check SMARTASSIST_ACCOUNT_ID", "check the client id"},
		{"arguments", envelope(412, "Validation errors/ Invalid arguments"), 412, failure.Rejected, "check SMARTASSIST_ACCOUNT_ID or CALLVAULT_CONFIG, botId and the times", "check botId and the times"},
		{"budget", envelope(429, "You've exceeded the hourly rate limit."), 429, failure.RateLimited, "the call budget is spent", "the call budget is spent"},
		{"down", "<html>bad gateway</html>", 502, failure.Transient, "unavailable", "unavailable"},
		{"no such route", "<pre>Cannot POST /x</pre>", 404, failure.Blocked, "check SMARTASSIST_URL", "check SMARTASSIST_URL"},
		{"nothing there", envelope(404, "No data found"), 404, failure.Blocked, "No data found", "No data found"},
		{"an error in place of a page", envelope(500, "Internal server error"), 200, failure.Transient, "temporary", "temporary"},
	} {
		t.Run(c.name, func(t *testing.T) {
			client := saying(t, c.status, c.body)
			_, first := askInteractions(t, client, nil)
			_, second := askSessions(t, client)
			for says, err := range map[string]error{c.interactions + " ": first, c.sessions: second} {
				require.Equal(t, c.kind, failure.KindOf(err), err)
				require.ErrorContains(t, err, strings.TrimSpace(says))
				requireNoSecret(t, err.Error())
			}
		})
	}
}

func TestRefusalOfAListShowsNothingOfItsBody(t *testing.T) {
	for _, body := range []string{`{"data":[{"userId":"canary.user@example.com"}`, `{"detail":"canary.user@example.com"}`} {
		_, err := askInteractions(t, saying(t, 503, body), nil)
		require.Error(t, err)
		requireNoSecret(t, err.Error())
	}
}

func TestBothListsOfTheSimulatorAgree(t *testing.T) {
	upstream, err := simulator.New(simulator.Config{EnforceJTI: true})
	require.NoError(t, err)
	server := httptest.NewServer(upstream)
	t.Cleanup(func() { require.NoError(t, upstream.Close()); server.Close() })
	address, err := url.Parse(server.URL)
	require.NoError(t, err)
	client := smartassist.NewClient(smartassist.Config{BaseURL: address})
	credentials := smartassist.Credentials{ClientID: simulator.DefaultClientID, Key: secret.Value(simulator.DefaultClientSecret)}
	mint := func() string {
		minted, _, err := credentials.Mint(botID, time.Now())
		require.NoError(t, err)
		return minted
	}
	began := time.Now().Add(-time.Hour).Truncate(time.Second).UTC()
	id := simulator.NewSessionID(began, 1)
	require.NoError(t, upstream.AddSession(simulator.Session{BotID: botID, SessionID: id, UserID: "u-1", Length: time.Minute}))

	interactions, err := client.Interactions(t.Context(), mint(), smartassist.InteractionQuery{AccountID: simulator.DefaultAccountID, BotID: botID, From: began, To: began})
	require.NoError(t, err)
	sessions, err := client.SessionsBetween(t.Context(), mint(), smartassist.SessionsQuery{BotID: botID, From: began, To: began})
	require.NoError(t, err)
	for _, row := range append(interactions.Rows, sessions.Rows...) {
		require.Equal(t, []any{id, "u-1", true, true, began, began.Add(time.Minute)}, []any{row.SessionID, row.UserID, row.Voice, row.Closed, row.StartedAt, row.EndedAt})
	}
	require.Len(t, interactions.Rows, 1)
	require.Len(t, sessions.Rows, 1)
}
