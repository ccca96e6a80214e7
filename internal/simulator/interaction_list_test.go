package simulator

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// interactionsOf posts body to the interactions of an account.
func (h *harness) interactionsOf(accountID, query, body string, headers ...string) response {
	h.t.Helper()
	req := h.request(http.MethodPost, h.server.URL+"/agentassist/api/public/analytics/account/"+accountID+"/v2/interactionDetails"+query, headers...)
	req.Header.Set("Content-Type", "application/json")
	req.Body, req.ContentLength = io.NopCloser(strings.NewReader(body)), int64(len(body))
	return h.send(req)
}

// getInteractions does it with a new token for the default bot and account.
func (h *harness) getInteractions(query, body string) response {
	h.t.Helper()
	return h.interactionsOf(DefaultAccountID, query, body, "auth", h.token(nil), "accountId", DefaultAccountID, "iId", DefaultBotID)
}

// between is a body that asks for a time in UTC, of both channels unless more says otherwise.
func between(from, to time.Time, more string) string {
	return fmt.Sprintf(`{"startDate":%q,"endDate":%q,"timeZoneOffset":0%s}`, from.Format(time.DateTime), to.Format(time.DateTime), more)
}

type interactionList struct {
	NumResults int
	Data       []map[string]any
}

func (resp response) interactions(t *testing.T) interactionList {
	t.Helper()
	require.NoError(t, resp.err)
	require.Equal(t, http.StatusOK, resp.status, resp.body)
	var list interactionList
	require.NoError(t, json.Unmarshal([]byte(resp.body), &list), resp.body)
	return list
}

// ids are sorted: the list has no order by time.
func (list interactionList) ids() []string {
	ids := []string{}
	for _, one := range list.Data {
		ids = append(ids, one["sessionId"].(string))
	}
	slices.Sort(ids)
	return ids
}

func (h *harness) addAt(begin time.Time, session Session) string {
	h.t.Helper()
	session.SessionID, session.Files = NewSessionID(begin, serials.Add(1)), []File{}
	return h.addSession(session)
}

func TestInteractionsMatchTheVendorSample(t *testing.T) {
	h := newHarness(t, Config{})
	id := h.addAt(noon.Add(-time.Hour), Session{UserID: "u-1", Length: 90 * time.Second, Direction: Outbound, Voicemail: true})
	list := h.getInteractions("?offset=0&limit=100", between(noon.Add(-2*time.Hour), noon, `,"channels":["voice"]`)).interactions(t)
	require.Equal(t, 1, list.NumResults)
	row := list.Data[0]
	for key, want := range map[string]any{
		"sessionId": id, "channel": "Voice", "isVoicemail": "YES", "Direction": "Outbound", "finalStatus": "CLOSED", "botId": DefaultBotID, "userId": "u-1",
		"sessionStartTime": "2026-03-05T11:00:00", "sessionEndTime": "2026-03-05T11:01:30",
	} {
		require.Equal(t, want, row[key], key)
	}
}

func TestSessionThatEndedAtTheBotHasNoDirectionAndNoFilterByItFindsIt(t *testing.T) {
	h := newHarness(t, Config{})
	in, out := h.addAt(noon.Add(-time.Hour), Session{}), h.addAt(noon.Add(-time.Hour), Session{Direction: Outbound})
	bot := h.addAt(noon.Add(-time.Hour), Session{Direction: NoDirection})
	for direction, want := range map[string][]string{"Inbound": {in}, "Outbound": {out}, "Both": {in, out, bot}} {
		list := h.getInteractions("", between(noon.Add(-2*time.Hour), noon, `,"direction":"`+direction+`"`)).interactions(t)
		require.Equal(t, slices.Sorted(slices.Values(want)), list.ids(), direction)
		for _, row := range list.Data {
			if row["sessionId"] == bot {
				require.NotContains(t, row, "Direction")
				require.Equal(t, "BotResolved", row["finalStatus"])
			}
		}
	}
}

func TestInteractionsSelectChannels(t *testing.T) {
	h := newHarness(t, Config{})
	voice, chat := h.addAt(noon.Add(-time.Hour), Session{}), h.addAt(noon.Add(-time.Hour), Session{Channel: ChannelChat})
	for channels, want := range map[string][]string{`["voice"]`: {voice}, `["rtm"]`: {chat}, `[]`: {voice, chat}, `["rtm","voice"]`: {voice, chat}} {
		list := h.getInteractions("", between(noon.Add(-2*time.Hour), noon, `,"channels":`+channels)).interactions(t)
		require.Equal(t, slices.Sorted(slices.Values(want)), list.ids(), channels)
	}
	channels := map[string]string{}
	for _, row := range h.getSessionList(`{}`).sessionList(t).Sessions {
		channels[row["sessionId"].(string)] = row["channel"].(string)
	}
	require.Equal(t, map[string]string{voice: "korevg", chat: "rtm"}, channels)
}

func TestTimesOfInteractionsAreInTheZoneOfTheRequestWithTheSignInverted(t *testing.T) {
	h := newHarness(t, Config{})
	id := h.addAt(time.Date(2026, 3, 5, 10, 0, 4, 0, time.UTC), Session{})
	const india = `{"startDate":"2026-03-05 15:30:04","endDate":"2026-03-05 15:30:04","timeZoneOffset":-330}`
	list := h.getInteractions("", india).interactions(t)
	require.Equal(t, []string{id}, list.ids())
	require.Equal(t, "2026-03-05T15:30:04", list.Data[0]["sessionStartTime"])
	require.Empty(t, h.getInteractions("", strings.Replace(india, "-330", "330", 1)).interactions(t).Data)
}

func TestEndOfInteractionsIsIncludedUnlessItIsSetOtherwise(t *testing.T) {
	for _, excluded := range []bool{false, true} {
		h := newHarness(t, Config{InteractionEndExcluded: excluded})
		first, last := h.addAt(noon.Add(-time.Hour), Session{}), h.addAt(noon.Add(-time.Minute), Session{})
		want := []string{first, last}
		if excluded {
			want = want[:1]
		}
		require.Equal(t, want, h.getInteractions("", between(noon.Add(-time.Hour), noon.Add(-time.Minute), "")).interactions(t).ids())
	}
}

func TestWindowOfInteractionsShowsElevenHundredRowsAtMost(t *testing.T) {
	for _, totals := range []bool{false, true} {
		h := newHarness(t, Config{InteractionTotals: totals})
		for range 1150 {
			h.addAt(noon.Add(-time.Hour), Session{})
		}
		seen := map[string]bool{}
		for page := range 11 {
			list := h.getInteractions(fmt.Sprintf("?offset=%d&limit=100", page), between(noon.Add(-2*time.Hour), noon, "")).interactions(t)
			require.Len(t, list.Data, 100)
			require.Equal(t, map[bool]int{false: 100, true: 1150}[totals], list.NumResults)
			for _, id := range list.ids() {
				seen[id] = true
			}
		}
		require.Len(t, seen, 1100, "offset counts pages")
		requireError(t, h.getInteractions("?offset=11&limit=100", between(noon.Add(-2*time.Hour), noon, "")), 412, 412, msgArguments)
	}
}

func TestInvalidArgumentsOfInteractionsAreRefused(t *testing.T) {
	h := newHarness(t, Config{InteractionCallsPerMinute: Unlimited})
	valid := between(noon.Add(-7*24*time.Hour), noon, "")
	require.Equal(t, 200, h.getInteractions("", valid).status)
	for _, body := range []string{
		"", "{}", "[]", "null", `{"startDate":"2026-03-05 11:00:00","endDate":"2026-03-05 12:00:00"}`, between(noon, noon.Add(-time.Second), ""),
		between(noon.Add(-7*24*time.Hour-time.Second), noon, ""), between(noon, noon, `,"channels":["korevg"]`), between(noon, noon, `,"direction":"inbound"`),
		between(noon, noon, `,"Direction":"Inbound"`), between(noon, noon, `,"skip":1`), strings.Replace(valid, ":0}", `:"0"}`, 1),
		`{"startDate":"2026-03-05T11:00:00Z","endDate":"2026-03-05 12:00:00","timeZoneOffset":0}`,
	} {
		requireError(t, h.getInteractions("", body), 412, 412, msgArguments)
	}
	for _, query := range []string{"?limit=101", "?limit=0", "?offset=-1", "?offset=x", "?offset=", "?offset=1&offset=1"} {
		requireError(t, h.getInteractions(query, valid), 412, 412, msgArguments)
	}
	requireError(t, h.interactionsOf(DefaultAccountID, "", valid, "auth", h.token(nil), "accountId", DefaultAccountID), 412, 412, msgArguments)
	requireError(t, h.interactionsOf(DefaultAccountID, "", valid, "auth", h.token(nil), "iId", DefaultBotID), 412, 412, msgArguments)
}

func TestInteractionsRefuseAnotherAccountBotAndScope(t *testing.T) {
	h := newHarness(t, Config{})
	valid := between(noon.Add(-time.Hour), noon, "")
	for _, c := range []struct {
		path, account, bot string
		reason             Reason
	}{
		{"660000000000000000000002", "660000000000000000000002", DefaultBotID, ReasonAccount},
		{DefaultAccountID, "660000000000000000000002", DefaultBotID, ReasonAccount},
		{DefaultAccountID, DefaultAccountID, "st-unknown", ReasonUnknownBot},
	} {
		requireError(t, h.interactionsOf(c.path, "", valid, "auth", h.token(nil), "accountId", c.account, "iId", c.bot), 401, 4002, msgInvalidCredentials)
		calls := h.Calls()
		require.Equal(t, c.reason, calls[len(calls)-1].Reason)
	}
	h.SetAnalyticsScope(false)
	requireError(t, h.getInteractions("", valid), 401, 4002, msgScope)
	require.Equal(t, 200, h.getSessionList(`{}`).status)
	h.SetAnalyticsScope(true)
	h.SetSessionsScope(false)
	require.Equal(t, 200, h.getInteractions("", valid).status)
	require.Equal(t, 404, h.send(h.request(http.MethodGet, h.server.URL+accountPrefix+DefaultAccountID+"/"+interactionsPath)).status)
}

func TestBudgetOfInteractionsIsTheAccountsAndApartFromTheOthers(t *testing.T) {
	h := newHarness(t, Config{InteractionCallsPerMinute: 2, BotIDs: []string{DefaultBotID, otherBotID}})
	valid := between(noon.Add(-time.Hour), noon, "")
	require.Equal(t, 200, h.getInteractions("", valid).status)
	require.Equal(t, 200, h.interactionsOf(DefaultAccountID, "", valid, "auth", h.token(nil), "accountId", DefaultAccountID, "iId", otherBotID).status)
	requireError(t, h.getInteractions("", valid), 429, 429, msgLimitMinute)
	require.Equal(t, 200, h.getSessionList(`{}`).status)
	require.Equal(t, 200, h.getStatusOf(DefaultBotID).status)
	h.clock.Advance(time.Minute)
	require.Equal(t, 200, h.getInteractions("", valid).status)
	counts := h.Counts()
	require.Equal(t, []int{4, 3, 1}, []int{counts.Interactions, counts.InteractionsAccepted, counts.InteractionsRefused[ReasonMinute]})
}

func TestLedgerTellsWhichPageOfWhichWindowWasAskedFor(t *testing.T) {
	h := newHarness(t, Config{})
	h.addAt(noon.Add(-time.Hour), Session{})
	require.Equal(t, 200, h.getInteractions("?offset=0", between(noon.Add(-2*time.Hour), noon, `,"direction":"Inbound"`)).status)
	require.Equal(t, 200, h.getSessionList(`{"skip":3,"dateFrom":"2026-03-05","dateTo":"2026-03-06"}`).status)
	calls := h.Calls()
	require.Equal(t, &ListCall{From: noon.Add(-2 * time.Hour), To: noon, Direction: Inbound, Rows: 1}, calls[0].List)
	midnight := time.Date(2026, 3, 5, 0, 0, 0, 0, time.UTC)
	require.Equal(t, &ListCall{From: midnight, To: midnight.AddDate(0, 0, 1), Skip: 3}, calls[1].List)
	require.Equal(t, DefaultBotID, calls[0].BotID)
}
