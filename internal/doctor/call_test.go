package doctor

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/internal/account"
	"github.com/callvault/callvault/internal/archive"
	"github.com/callvault/callvault/internal/failure"
	"github.com/callvault/callvault/internal/secret"
	"github.com/callvault/callvault/internal/simulator"
	"github.com/callvault/callvault/internal/smartassist"
	"github.com/callvault/callvault/workflows"
	"github.com/callvault/callvault/workflows/callbudget"
)

const (
	otherBot  = "st-0d0c0b0a-43af-544d-8082-831bc09c0002"
	theSecret = "canary-secret-000000000000000000"
)

var (
	callTime  = time.Date(2026, 3, 5, 12, 42, 34, 0, time.UTC)
	sessionID = simulator.NewSessionID(callTime, 1)
)

// handed hands out slots, and records what for and what was reported.
type handed struct {
	slot    callbudget.Slot
	refused error // in place of the slot after so many
	after   int
	void    bool

	wants   []callbudget.Want
	budgets []string
	reports []callbudget.CallReport
}

func (h *handed) Take(_ context.Context, served *account.Account, want callbudget.Want) (*callbudget.Slot, time.Duration, error) {
	if h.refused != nil && len(h.wants) >= h.after {
		return nil, 0, h.refused
	}
	h.wants = append(h.wants, want)
	h.budgets = append(h.budgets, served.BudgetName(want.BotID))
	slot := h.slot
	if slot.Within == 0 {
		slot.Within = time.Minute
	}
	return &slot, 0, nil
}

func (h *handed) IsVoid(callbudget.Slot) bool { return h.void }

func (h *handed) Report(_ context.Context, _ *account.Account, report callbudget.CallReport) {
	h.reports = append(h.reports, report)
}

func (h *handed) results() (results []callbudget.CallResult) {
	for _, report := range h.reports {
		results = append(results, report.Result)
	}
	return results
}

// vendor is the API with an app, and an account that calls it.
type vendor struct {
	*simulator.Simulator
	account *account.Account
	slots   *handed
	handler http.Handler
}

// newVendor starts the API with the strictest rules, with changes to its app and to the account.
func newVendor(t *testing.T, app func(*simulator.Config), settings func(*account.Settings)) *vendor {
	t.Helper()
	config := simulator.Config{ClientSecret: theSecret, EnforceJTI: true, BotIDs: []string{simulator.DefaultBotID}}
	if app != nil {
		app(&config)
	}
	upstream, err := simulator.New(config)
	require.NoError(t, err)
	t.Cleanup(func() { upstream.Close() })
	v := &vendor{Simulator: upstream, slots: new(handed), handler: upstream}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { v.handler.ServeHTTP(w, r) }))
	t.Cleanup(server.Close)
	require.NoError(t, upstream.AddSession(simulator.Session{BotID: simulator.DefaultBotID, SessionID: sessionID, Script: []simulator.Step{{Status: simulator.StatusCallInProgress}}}))
	set := account.Settings{
		Name: "acme", API: mustParse(t, server.URL), BotIDs: []string{simulator.DefaultBotID},
		Credentials: smartassist.Credentials{ClientID: simulator.DefaultClientID, Key: secret.Value(theSecret)},
		Budget:      account.Budget{Windows: []workflows.CallWindow{{Calls: 60, Span: time.Minute}}},
		Archive:     archive.Config{Endpoint: mustParse(t, "https://s3.example.com"), Bucket: bucketName},
	}
	if settings != nil {
		settings(&set)
	}
	v.account, err = account.Open(set)
	require.NoError(t, err)
	return v
}

func (v *vendor) find(t *testing.T) Finding {
	t.Helper()
	calling := &caller{slots: v.slots, session: workflows.Session{BotID: v.account.BotIDs[0], SessionID: sessionID},
		budget: func(context.Context, string) (workflows.BudgetStatus, error) {
			return workflows.BudgetStatus{State: workflows.BudgetPaused, Reason: "the vendor asked us to"}, nil
		}}
	found := calling.find(t.Context(), v.account)
	require.LessOrEqual(t, v.Total(), maxCalls)
	require.Len(t, v.slots.wants, v.Total(), "each call has a slot")
	for _, want := range v.slots.wants {
		require.True(t, want.Front)
		require.Equal(t, callbudget.FrontLevel, want.Level)
	}
	return found
}

// Total counts the calls of the API.
func (v *vendor) Total() int {
	calls := 0
	for _, call := range v.Calls() {
		if call.Kind == simulator.KindAPI {
			calls++
		}
	}
	return calls
}

func encryptionFor(t *testing.T, key *rsa.PublicKey, id string) *smartassist.Encryption {
	t.Helper()
	jwk, err := json.Marshal(jose.JSONWebKey{Key: key, KeyID: id, Use: "enc"})
	require.NoError(t, err)
	return &smartassist.Encryption{Key: secret.Value(string(jwk))}
}

// Each row is one of the table in call.go.
func TestWhatIsBehindTheVendorsRefusalIsFound(t *testing.T) {
	platform, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	former, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	enforced := func(c *simulator.Config) { c.DecryptionKey, c.DecryptionKeyID = platform, "key-1" }
	encrypted := func(key *rsa.PrivateKey) func(*account.Settings) {
		return func(s *account.Settings) { s.Credentials.Encryption = encryptionFor(t, &key.PublicKey, "key-1") }
	}
	unknownBot := "st-11111111-43af-544d-8082-831bc09c0009"
	for name, row := range map[string]struct {
		app      func(*simulator.Config)
		settings func(*account.Settings)
		verdict  Verdict
		calls    int
		says     []string
	}{
		"nothing":           {nil, nil, OK, 1, []string{"token, bot, scope and rate are accepted", `"call_in_progress"`, "(1 call made)"}},
		"nothing, with JWE": {enforced, encrypted(platform), OK, 1, []string{"accepted"}},
		"the secret": {nil, func(s *account.Settings) { s.Credentials.Key = secret.Value("canary-wrong") }, Broken, 3,
			[]string{"client id, client secret or bot id: the vendor answers all alike", `401 "Invalid SDK credentials"`, "HS512 is refused alike", "the client id as iss is refused alike", "(3 calls made)", "compare the client id"}},
		"the secret, with another bot": {func(c *simulator.Config) { c.BotIDs = append(c.BotIDs, otherBot) }, func(s *account.Settings) {
			s.Credentials.Key, s.BotIDs = secret.Value("canary-wrong"), append(s.BotIDs, otherBot)
		}, Broken, 3, []string{"the vendor answers all alike", "bot " + otherBot + " is refused alike", "HS512 is refused alike"}},
		"the client id": {nil, func(s *account.Settings) { s.Credentials.ClientID = "cs-0" }, Broken, 3, []string{"client id, client secret or bot id"}},
		"the bot":       {nil, func(s *account.Settings) { s.BotIDs = []string{unknownBot} }, Broken, 3, []string{"client id, client secret or bot id"}},
		"the bot, with another one": {nil, func(s *account.Settings) { s.BotIDs = []string{unknownBot, simulator.DefaultBotID} }, Broken, 2,
			[]string{"bot id: the upstream returned 401", "the same credentials are accepted for bot " + simulator.DefaultBotID, "correct the stream id " + unknownBot}},
		"the algorithm": {func(c *simulator.Config) { c.Algorithm = "HS512" }, nil, Broken, 2, []string{"algorithm: ", "signed by HS512 is accepted", "the app to HS256"}},
		"the claims": {nil, func(s *account.Settings) {
			s.Credentials.Claims = map[string]any{"appId": nil, "iss": "cs-0"}
		}, Broken, 3, []string{"claims: ", "a token whose claim appId is the client id is accepted"}},
		"the scope":                    {func(c *simulator.Config) { c.ScopeWithdrawn = true }, nil, Broken, 1, []string{"scope: ", "Scope is incorrect", `grant the JWT app the scope "SmartAssist Recordings"`, "publish the bot"}},
		"the time":                     {func(c *simulator.Config) { c.Now = func() time.Time { return time.Now().Add(10 * time.Minute) } }, nil, Broken, 1, []string{"jti: ", "jwt expired", "set this machine's clock", "upstream.clock"}},
		"JWE, which is not configured": {enforced, nil, Broken, 1, []string{"JWE: ", `401 "Invalid JWT token"`, `if the app's "Enforce JWE" is on`, "the vendor answers both alike"}},
		"JWE, which is not enforced":   {nil, encrypted(platform), Broken, 2, []string{"an encrypted token, and not a plain one", "remove token.encryption"}},
		"JWE, of another key":          {enforced, encrypted(former), Broken, 2, []string{"an encrypted token and a plain one", "copy the key from the console again"}},
		"the rate":                     {nil, nil, Warning, 1, []string{"rate limit: ", "429", "per-minute", "find out who else uses the API"}},
	} {
		t.Run(name, func(t *testing.T) {
			v := newVendor(t, row.app, row.settings)
			if name == "the rate" {
				v.SetBudget(1, simulator.Unlimited)
				v.SpendCalls(simulator.DefaultBotID, 1)
			}
			requireFinding(t, UpstreamCall, v.find(t), row.verdict, row.says...)
			require.Equal(t, row.calls, v.Total())
			if name == "the rate" {
				require.Equal(t, []callbudget.CallResult{callbudget.Refused}, v.slots.results())
				require.Equal(t, time.Minute, v.slots.reports[0].Span)
				return
			}
			require.Empty(t, v.slots.reports, "the credentials of this machine may be others than those of the workers")
		})
	}
}

// refuse answers the first calls with a refusal of the vendor's.
func (v *vendor) refuse(first int, status int, body string) {
	answered := 0
	v.handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if answered++; answered > first {
			v.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	})
}

func TestReplayIsTriedAgain(t *testing.T) {
	const replay = `{"errors":[{"msg":"error verifying the jwt: possibly a replay","code":401}]}`
	for first, row := range map[int]struct {
		verdict Verdict
		says    string
	}{
		1: {Warning, "the next one accepted"},
		2: {Broken, "sends each request twice"},
	} {
		v := newVendor(t, nil, nil)
		v.refuse(first, http.StatusUnauthorized, replay)
		calling := &caller{slots: v.slots, session: workflows.Session{BotID: simulator.DefaultBotID, SessionID: sessionID}}
		requireFinding(t, UpstreamCall, calling.find(t.Context(), v.account), row.verdict, "jti", row.says, "(2 calls made)")
	}
}

func TestOtherAnswersAreToldAsTheyAre(t *testing.T) {
	for name, row := range map[string]struct {
		status  int
		body    string
		verdict Verdict
		says    []string
	}{
		"no such session": {http.StatusNotFound, `{"errors":[{"msg":"session not found","code":404}]}`, OK, []string{"does not know the session"}},
		"down":            {http.StatusBadGateway, "<html>", Broken, []string{"502", "it is unavailable", "run this again"}},
		"another address": {http.StatusNotFound, "<html>Cannot GET</html>", Broken, []string{"404", "SMARTASSIST_URL"}},
		"a firewall":      {http.StatusForbidden, "<html>Forbidden</html>", Broken, []string{"403", "any proxy or firewall in between"}},
	} {
		t.Run(name, func(t *testing.T) {
			v := newVendor(t, nil, nil)
			v.refuse(3, row.status, row.body)
			calling := &caller{slots: v.slots, session: workflows.Session{BotID: simulator.DefaultBotID, SessionID: sessionID}}
			requireFinding(t, UpstreamCall, calling.find(t.Context(), v.account), row.verdict, row.says...)
			require.Len(t, v.slots.wants, 1)
		})
	}
}

func TestNoCallIsMadeWithoutASlot(t *testing.T) {
	v := newVendor(t, nil, nil)
	v.slots.refused = failure.New(failure.NoSlotYet, "none")
	requireFinding(t, UpstreamCall, v.find(t), Skipped, "no call was made: the budget "+simulator.DefaultBotID+" is paused: the vendor asked us to", "budget show")

	v = newVendor(t, nil, nil)
	v.slots.void = true
	calling := &caller{slots: v.slots, session: workflows.Session{BotID: simulator.DefaultBotID, SessionID: sessionID}}
	requireFinding(t, UpstreamCall, calling.find(t.Context(), v.account), Skipped, "the slot was withdrawn")
	require.Equal(t, []callbudget.CallResult{callbudget.Unused}, v.slots.results())
	require.Zero(t, v.Total())
}

func TestFindingWithoutAFurtherSlotSaysWhatIsKnown(t *testing.T) {
	v := newVendor(t, nil, func(s *account.Settings) { s.Credentials.Key = secret.Value("canary-wrong") })
	v.slots.refused, v.slots.after = errors.New("none"), 1
	requireFinding(t, UpstreamCall, v.find(t), Broken, "the vendor answers all alike", "HS512 could not be tried: the budget", "(1 call made)")
}

// While the bot is blocked, a slot is a probe, whose result decides for all fetches.
func TestProbeTellsTheBudgetOfFetchesAlone(t *testing.T) {
	v := newVendor(t, nil, nil)
	v.slots.slot.Probe = true
	requireFinding(t, UpstreamCall, v.find(t), OK)
	require.Equal(t, []callbudget.CallResult{callbudget.Answered}, v.slots.results())

	v = newVendor(t, func(c *simulator.Config) { c.Algorithm = "HS512" }, nil)
	v.slots.slot.Probe = true
	requireFinding(t, UpstreamCall, v.find(t), Broken, "signed by HS512 is accepted")
	require.Equal(t, []callbudget.CallResult{callbudget.Unknown, callbudget.Unknown}, v.slots.results(), "a token that fetches do not have unblocks none")
}

// A rate limit may come before the token is looked at.
func TestRateLimitOfOtherCredentialsUnblocksNothing(t *testing.T) {
	v := newVendor(t, nil, nil)
	v.slots.slot.Probe, v.slots.slot.ForAccount = true, true
	answered := 0
	v.handler = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if answered++; answered == 1 {
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = w.Write([]byte(`{"errors":[{"msg":"Invalid SDK credentials","code":4002}]}`))
			return
		}
		w.WriteHeader(http.StatusTooManyRequests)
	})
	calling := &caller{slots: v.slots, session: workflows.Session{BotID: simulator.DefaultBotID, SessionID: sessionID}}
	calling.find(t.Context(), v.account)
	require.Equal(t, []callbudget.CallResult{callbudget.Unknown, callbudget.Refused}, v.slots.results())
	require.False(t, v.slots.reports[1].Slot.Probe || v.slots.reports[1].Slot.ForAccount)
}

func TestNoMoreThanThreeCallsAreMade(t *testing.T) {
	v := newVendor(t, nil, func(s *account.Settings) { s.Credentials.Key = secret.Value("canary-wrong") })
	v.refuse(1, http.StatusUnauthorized, `{"errors":[{"msg":"error verifying the jwt: possibly a replay","code":401}]}`)
	calling := &caller{slots: v.slots, session: workflows.Session{BotID: simulator.DefaultBotID, SessionID: sessionID}}
	requireFinding(t, UpstreamCall, calling.find(t.Context(), v.account), Broken, "the vendor answers all alike", "(3 calls made)")
	require.Len(t, v.slots.wants, maxCalls)
	_, err := calling.call(t.Context(), attempt{served: v.account, botID: simulator.DefaultBotID})
	require.EqualError(t, err, "3 calls were made")
	require.Len(t, v.slots.wants, maxCalls)
}

func TestCallsHaveTimeForTheirSlots(t *testing.T) {
	var calls section
	calls.run(t.Context(), UpstreamCall, nil, func(ctx context.Context) Finding {
		until, _ := ctx.Deadline()
		require.Greater(t, time.Until(until), 2*slotWait)
		return ok("")
	})
}
