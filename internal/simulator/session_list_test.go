package simulator

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"
)

// listSessionsWith posts body to the session list of a bot.
func (h *harness) listSessionsWith(botID, query, body string, headers ...string) response {
	h.t.Helper()
	req := h.request(http.MethodPost, h.server.URL+"/api/public/bot/"+botID+"/getSessions"+query, headers...)
	req.Body, req.ContentLength = io.NopCloser(strings.NewReader(body)), int64(len(body))
	return h.send(req)
}

// getSessionList does it with a new token for the default bot.
func (h *harness) getSessionList(body string) response {
	h.t.Helper()
	return h.listSessionsWith(DefaultBotID, "", body, "auth", h.token(nil), "Content-Type", "application/json")
}

type sessionList struct {
	Total           int
	MoreAvailable   bool
	Sessions        []map[string]any
	InvalidSessions []string
}

func (resp response) sessionList(t *testing.T) sessionList {
	t.Helper()
	require.NoError(t, resp.err)
	require.Equal(t, http.StatusOK, resp.status, resp.body)
	var list sessionList
	decoder := json.NewDecoder(bytes.NewReader([]byte(resp.body)))
	decoder.DisallowUnknownFields()
	require.NoError(t, decoder.Decode(&list), resp.body)
	return list
}

func (list sessionList) ids() []string {
	ids := []string{}
	for _, one := range list.Sessions {
		ids = append(ids, one["sessionId"].(string))
	}
	return ids
}

func byID(ids ...string) string {
	body, err := json.Marshal(map[string][]string{"sessionId": ids})
	if err != nil {
		panic(err)
	}
	return string(body)
}

func TestSessionListMatchesTheVendorSample(t *testing.T) {
	h := newHarness(t, Config{})
	id := h.addSession(Session{SessionID: NewSessionID(noon.Add(-time.Hour), 1), UserID: "u-1", Length: 90*time.Second + 5*time.Millisecond})
	resp := h.getSessionList(byID(id))
	require.Equal(t, jsonType, resp.header.Get("Content-Type"))
	require.JSONEq(t, `{"total":1,"moreAvailable":false,"sessions":[{"sessionId":"`+id+`","botId":"`+DefaultBotID+`","channel":"korevg","userId":"u-1",
		"start_time":"2026-03-05T11:00:00.000Z","end_time":"2026-03-05T11:01:30.005Z","sessionStatus":"closed","containmentType":"selfService",
		"tags":{"userTags":[],"sessionTags":[]}}]}`, resp.body)
}

func TestSessionIDsSelectJustThoseThatExistWhateverElseIsAskedFor(t *testing.T) {
	h := newHarness(t, Config{BotIDs: []string{DefaultBotID, otherBotID}})
	old := h.addSession(Session{SessionID: NewSessionID(noon.Add(-100*24*time.Hour), 1)})
	young := h.addSession(Session{SessionID: NewSessionID(noon.Add(-time.Hour), 2)})
	h.addSession(Session{SessionID: NewSessionID(noon.Add(-time.Hour), 3)})
	foreign := h.addSession(Session{BotID: otherBotID})
	const unknown = "65e7133a3242653c58d70000"
	body := fmt.Sprintf(`{"sessionId":[%q,%q,%q,%q,%q,"odd"],"skip":1,"limit":1,"dateFrom":"2026-03-04","dateTo":"2026-03-05"}`, old, unknown, young, old, foreign)
	list := h.listSessionsWith(DefaultBotID, "?containmentType=agent", body, "auth", h.token(nil), "Content-Type", "application/json").sessionList(t)
	require.Equal(t, []string{young, old}, list.ids(), "newest first, each once")
	require.Equal(t, 2, list.Total)
	require.False(t, list.MoreAvailable)
	require.Equal(t, []string{unknown, foreign, "odd"}, list.InvalidSessions)
}

func TestSessionListIsEmptyRatherThanNull(t *testing.T) {
	h := newHarness(t, Config{})
	require.Equal(t, `{"total":0,"moreAvailable":false,"sessions":[]}`, h.getSessionList(`{}`).body)
	require.Equal(t, `{"total":0,"moreAvailable":false,"sessions":[],"invalidSessions":["65e7133a3242653c58d70000"]}`, h.getSessionList(byID("65e7133a3242653c58d70000")).body)
}

func TestSessionListSelectsByTheBeginOfTheCall(t *testing.T) {
	h := newHarness(t, Config{})
	at := func(begin string) string {
		when, err := time.Parse(time.RFC3339, begin)
		require.NoError(t, err)
		return h.addSession(Session{SessionID: NewSessionID(when, serials.Add(1))})
	}
	tooOld, weekOld := at("2026-02-26T11:59:59Z"), at("2026-02-26T12:00:00Z")
	third, thirdLate, fourth, now := at("2026-03-03T00:00:00Z"), at("2026-03-03T23:59:59Z"), at("2026-03-04T00:00:00Z"), at("2026-03-05T12:00:00Z")
	for body, want := range map[string][]string{
		``:   {now, fourth, thirdLate, third, weekOld},
		`{}`: {now, fourth, thirdLate, third, weekOld},
		`{"dateFrom":"2026-03-03","dateTo":"2026-03-04"}`:                               {fourth, thirdLate, third},
		`{"dateFrom":"2026-03-03T00:00:01.000Z","dateTo":"2026-03-03T23:59:59.999Z"}`:   {thirdLate},
		`{"dateFrom":"2026-03-03T01:00:00+01:00","dateTo":"2026-03-03T01:00:00+01:00"}`: {third},
		`{"dateFrom":"2026-03-04"}`:                                                     {now, fourth},
		`{"dateTo":"2026-03-04"}`:                                                       {fourth, thirdLate, third, weekOld, tooOld},
		`{"dateTo":"2026-02-26"}`:                                                       {},
	} {
		require.Equal(t, want, h.getSessionList(body).sessionList(t).ids(), body)
	}
}

func TestSessionListHasPages(t *testing.T) {
	h := newHarness(t, Config{})
	var want []string
	for i := range 60 {
		want = append(want, h.addSession(Session{SessionID: NewSessionID(noon.Add(-time.Duration(i)*time.Minute), 1), Files: []File{}}))
	}
	for _, c := range []struct {
		body     string
		from, to int
	}{
		{`{}`, 0, 25}, {`{"limit":1}`, 0, 1}, {`{"skip":50}`, 50, 60}, {`{"skip":10,"limit":49}`, 10, 59}, {`{"skip":10,"limit":50}`, 10, 60}, {`{"limit":100}`, 0, 60},
		{`{"skip":60}`, 60, 60}, {`{"skip":9223372036854775807,"limit":100}`, 60, 60},
	} {
		list := h.getSessionList(c.body).sessionList(t)
		require.Equal(t, want[c.from:c.to], list.ids(), c.body)
		require.Equal(t, 60, list.Total)
		require.Equal(t, c.to < 60, list.MoreAvailable, c.body)
	}
}

func TestContainmentTypeSelects(t *testing.T) {
	h := newHarness(t, Config{})
	h.addSession(Session{})
	for query, want := range map[string]int{"": 1, "?containmentType=": 1, "?containmentType=selfService": 1, "?containmentType=agent": 0, "?containmentType=dropOff": 0} {
		require.Equal(t, want, h.listSessionsWith(DefaultBotID, query, "", "auth", h.token(nil)).sessionList(t).Total, query)
	}
}

func TestInvalidSessionFilterIsRefused(t *testing.T) {
	h := newHarness(t, Config{SessionCallsPerMinute: Unlimited})
	fifty, fiftyOne := make([]string, 50), make([]string, 51)
	for i := range fiftyOne {
		fiftyOne[i] = "65e7133a3242653c58d70000"
	}
	copy(fifty, fiftyOne)
	require.Equal(t, 200, h.getSessionList(byID(fifty...)).status)
	for _, body := range []string{
		byID(fiftyOne...), // repeated ones count
		`{"sessionId":[]}`, `{"sessionId":"65e7133a3242653c58d70000"}`, `{"sessionId":[7]}`, `{"sessionId":[null]}`, `{"sessionId":[""]}`, `{"sessionId":null}`,
		`{"SessionId":["65e7133a3242653c58d70000"]}`, `{"sessionIds":["65e7133a3242653c58d70000"]}`, `{"sessionId":["65e7133a3242653c58d70000"],"other":1}`,
		`{"skip":-1}`, `{"skip":"1"}`, `{"skip":1.5}`, `{"skip":null}`, `{"limit":0}`, `{"limit":101}`, `{"limit":-1}`, `{"limit":"5"}`,
		`{"dateFrom":"yesterday"}`, `{"dateTo":"05-03-2026"}`, `{"dateFrom":20260305}`, `{"dateFrom":"2026-03-05","dateTo":"2026-03-04"}`,
		`{"dateFrom":"2026-02-25","dateTo":"2026-03-04T00:00:00.001Z"}`, `{"dateFrom":"2026-03-05T12:00:00"}`,
		`[]`, `null`, `"x"`, `7`, `{`, `{}x`, `{}{}`, ` `, strings.Repeat(" ", 100<<10) + `{}`,
	} {
		requireError(t, h.getSessionList(body), 412, 412, "Validation errors/ Invalid arguments")
	}
	for _, query := range []string{"?containmentType=self", "?containmentType=agent&containmentType=agent"} {
		requireError(t, h.listSessionsWith(DefaultBotID, query, "", "auth", h.token(nil)), 412, 412, msgArguments)
	}
	for _, contentType := range []string{"text/plain", "application/x-www-form-urlencoded", "application/json;;"} {
		requireError(t, h.listSessionsWith(DefaultBotID, "", "{}", "auth", h.token(nil), "Content-Type", contentType), 412, 412, msgArguments)
	}
	requireError(t, h.listSessionsWith(DefaultBotID, "", "{}", "auth", h.token(nil)), 412, 412, msgArguments)
	require.Equal(t, 200, h.listSessionsWith(DefaultBotID, "", "{}", "auth", h.token(nil), "Content-Type", "application/json; charset=utf-8").status)
	require.Equal(t, 2, h.Counts().SessionsAccepted)
	require.Equal(t, h.Counts().Sessions-2, h.Counts().SessionsRefused[ReasonArguments])
}

func TestOtherMethodsOfTheSessionListAreNotFound(t *testing.T) {
	h := newHarness(t, Config{})
	for _, c := range []struct{ method, path string }{
		{http.MethodGet, "/api/public/bot/" + DefaultBotID + "/getSessions"},
		{http.MethodPut, "/api/public/bot/" + DefaultBotID + "/getSessions"},
		{http.MethodPost, "/api/public/bot/" + DefaultBotID + "/getSessions/"},
		{http.MethodPost, "/api/public/bot/" + DefaultBotID + "/getsessions"},
		{http.MethodPost, "/api/public/bot//getSessions"},
		{http.MethodPost, "/api/public/getSessions"},
	} {
		resp := h.send(h.request(c.method, h.server.URL+c.path, "auth", h.token(nil)))
		require.Equal(t, 404, resp.status)
		require.Contains(t, resp.body, "<pre>Cannot "+c.method+" "+c.path+"</pre>")
	}
	require.Zero(t, h.Counts().Sessions)
}

func TestSessionListRefusesWhatTheRecordingsEndpointRefuses(t *testing.T) {
	h := newHarness(t, Config{EnforceJTI: true})
	list := func(token string) response {
		return h.listSessionsWith(DefaultBotID, "", "{}", "auth", token, "Content-Type", "application/json")
	}
	used := h.token(nil)
	require.Equal(t, 200, h.getStatusWith(used).status)
	for _, c := range []struct {
		name, token string
		code        int
		msg         string
		reason      Reason
	}{
		{"no token", "", 4002, msgInvalidCredentials, ReasonNoToken},
		{"with Bearer", "Bearer " + h.token(nil), 4002, msgInvalidToken, ReasonNotJWT},
		{"another secret", sign(t, jwt.SigningMethodHS256, jwt.MapClaims{"appId": DefaultClientID, "sub": "x"}, []byte("guess")), 4002, msgInvalidCredentials, ReasonSignature},
		{"another algorithm", sign(t, jwt.SigningMethodHS512, jwt.MapClaims{"appId": DefaultClientID, "sub": "x"}, []byte(DefaultClientSecret)), 4002, msgInvalidCredentials, ReasonSignature},
		{"another app", h.token(jwt.MapClaims{"appId": "cs-other"}), 4002, msgInvalidCredentials, ReasonClient},
		{"expired", h.token(jwt.MapClaims{"exp": noon.Unix()}), 401, msgVerifying + "jwt expired", ReasonExpired},
		{"no jti", h.token(jwt.MapClaims{"jti": nil}), 401, msgVerifying + "jti is missing", ReasonJTIMissing},
		{"used for a recording", used, 401, msgVerifying + "possibly a replay", ReasonReplay},
	} {
		t.Run(c.name, func(t *testing.T) {
			requireError(t, list(c.token), http.StatusUnauthorized, c.code, c.msg)
			calls := h.Calls()
			require.Equal(t, c.reason, calls[len(calls)-1].Reason)
		})
	}
	requireError(t, h.listSessionsWith("st-unknown", "", "{}", "auth", h.token(nil)), 401, 4002, msgInvalidCredentials)

	listed := h.token(nil)
	require.Equal(t, 200, list(listed).status)
	requireError(t, list(listed), 401, 401, msgVerifying+"possibly a replay")
	requireError(t, h.getStatusWith(listed), 401, 401, msgVerifying+"possibly a replay")
	require.Equal(t, 1, h.Counts().SessionsAccepted)
}

func TestSessionListNeedsAnEncryptedTokenUnderEnforceJWE(t *testing.T) {
	key := newKey(t)
	h := newHarness(t, Config{DecryptionKey: key, DecryptionKeyID: "k1"})
	sealed := form{&key.PublicKey, "k1", "JWT", "RSA-OAEP", "A256GCM", 32, 16}.seal(t, h.token(nil))
	require.Equal(t, 200, h.listSessionsWith(DefaultBotID, "", "", "auth", sealed).status)
	requireError(t, h.listSessionsWith(DefaultBotID, "", "", "auth", h.token(nil)), 401, 4002, msgInvalidToken)
}

func TestScopesOfTheTwoEndpointsAreSeparate(t *testing.T) {
	h := newHarness(t, Config{SessionsScopeWithdrawn: true})
	requireError(t, h.getSessionList(`{}`), 401, 4002, "Permission denied. Scope is incorrect!")
	require.Equal(t, 200, h.getStatusOf(DefaultBotID).status)
	h.SetSessionsScope(true)
	h.SetScope(false)
	require.Equal(t, 200, h.getSessionList(`{}`).status)
	requireError(t, h.getStatusOf(DefaultBotID), 401, 4002, msgScope)
	h.SetSessionsScope(false)
	h.SetScope(true)
	requireError(t, h.getSessionList(`{}`), 401, 4002, msgScope)
	require.Equal(t, 200, h.getStatusOf(DefaultBotID).status)
	require.Equal(t, map[Reason]int{ReasonScope: 2}, h.Counts().SessionsRefused)
	require.Equal(t, map[Reason]int{ReasonScope: 1}, h.Counts().Refused)
}

func TestBudgetsOfTheTwoEndpointsAreSeparate(t *testing.T) {
	h := newHarness(t, Config{CallsPerMinute: 1, SessionCallsPerMinute: 2, SessionCallsPerHour: 3, SharedBudget: true, RetryAfter: true, BotIDs: []string{DefaultBotID, otherBotID}})
	require.Equal(t, 200, h.getStatusOf(DefaultBotID).status)
	require.Equal(t, 429, h.getStatusOf(DefaultBotID).status)
	require.Equal(t, 200, h.getSessionList(`{}`).status, "the recordings' budget is spent")
	requireError(t, h.getSessionList(`{"limit":0}`), 412, 412, msgArguments)
	resp := h.getSessionList(`{}`)
	requireError(t, resp, 429, 429, msgLimitMinute)
	require.Equal(t, "60", resp.header.Get("Retry-After"))
	require.Equal(t, 200, h.listSessionsWith(otherBotID, "", "", "auth", h.token(nil)).status, "each bot has its own, whatever SharedBudget says")

	h.clock.Advance(time.Minute)
	require.Equal(t, 200, h.getSessionList(`{}`).status)
	requireError(t, h.getSessionList(`{}`), 429, 429, msgLimitHour)
	require.Equal(t, 200, h.getStatusOf(DefaultBotID).status, "the session list's budget is spent")
	require.Equal(t, map[Reason]int{ReasonMinute: 1, ReasonHour: 1, ReasonArguments: 1}, h.Counts().SessionsRefused)
	h.clock.Advance(59 * time.Minute)
	require.Equal(t, 200, h.getSessionList(`{}`).status, "the windows roll")
}

func TestSessionListsBudgetHasTheVendorsDefaultsAndMayBeUnlimited(t *testing.T) {
	h := newHarness(t, Config{CallsPerMinute: 1, CallsPerHour: 1})
	require.Equal(t, []int{60, 1800}, []int{h.Config().SessionCallsPerMinute, h.Config().SessionCallsPerHour})
	for range 60 {
		require.Equal(t, 200, h.getSessionList(`{}`).status)
	}
	requireError(t, h.getSessionList(`{}`), 429, 429, msgLimitMinute)

	unlimited := newHarness(t, Config{SessionCallsPerMinute: Unlimited, SessionCallsPerHour: Unlimited})
	for range 61 {
		require.Equal(t, 200, unlimited.getSessionList(`{}`).status)
	}
}

func TestOutageAppliesToTheSessionListToo(t *testing.T) {
	h := newHarness(t, Config{EnforceJTI: true, SessionCallsPerMinute: 1})
	token := h.token(nil)
	list := func() response {
		return h.listSessionsWith(DefaultBotID, "", "{}", "auth", token, "Content-Type", "application/json")
	}
	require.NoError(t, h.SetOutage(&Fault{Kind: Respond, Status: 502}))
	require.Equal(t, 502, list().status)
	require.NoError(t, h.SetOutage(nil))
	require.Equal(t, 200, list().status, "token and budget are unchanged")
	counts := h.Counts()
	require.Equal(t, []int{0, 1, 2}, []int{counts.Outages, counts.SessionsOutages, counts.Sessions})
	require.NoError(t, h.Close())
	require.Equal(t, 503, list().status)
	require.Equal(t, map[Reason]int{ReasonClosed: 1}, h.Counts().SessionsRefused)
}

func TestLedgerTellsSessionCallsFromRecordingsCalls(t *testing.T) {
	h := newHarness(t, Config{})
	id := h.addSession(Session{Script: []Step{{Status: StatusFailed, Calls: 1}, {Status: StatusSuccess}}})
	const unknown = "65e7133a3242653c58d70000"
	resp := h.getSessionList(byID(id, strings.Repeat("x", 2000)))
	require.Equal(t, 401, h.listSessionsWith(DefaultBotID, "", byID(unknown)).status)
	require.Equal(t, StatusFailed, h.getStatus(id).recordingStatus(t), "the list does not advance the script")
	h.await(func(c Counts) bool { return c.InFlight == 0 })

	calls := h.Calls()
	require.Len(t, calls, 3)
	require.Len(t, calls[0].Token, 16)
	calls[0].Token = ""
	require.Equal(t, Call{At: noon, Kind: KindSessions, Method: "POST", Path: "/api/public/bot/" + DefaultBotID + "/getSessions", BotID: DefaultBotID,
		SessionIDs: []string{id, strings.Repeat("x", 512)}, HTTPStatus: 200, Bytes: int64(len(resp.body)), Done: true}, calls[0])
	require.Equal(t, []any{KindSessions, ReasonNoToken, []string(nil)}, []any{calls[1].Kind, calls[1].Reason, calls[1].SessionIDs})
	require.Equal(t, KindAPI, calls[2].Kind)
	require.Equal(t, SessionCounts{StatusCalls: 1}, h.SessionCounts(DefaultBotID, id))

	counts := h.Counts()
	require.Equal(t, []int{1, 1, 2, 1}, []int{counts.API, counts.Accepted, counts.Sessions, counts.SessionsAccepted})
	require.Empty(t, counts.Refused)
	counts.SessionsRefused[ReasonNoToken] = 7
	require.Equal(t, map[Reason]int{ReasonNoToken: 1}, h.Counts().SessionsRefused, "counts are copies")
}
