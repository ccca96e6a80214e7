package smartassist_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/internal/failure"
	"github.com/callvault/callvault/internal/secret"
	"github.com/callvault/callvault/internal/simulator"
	"github.com/callvault/callvault/internal/smartassist"
	"github.com/callvault/callvault/internal/status"
)

const (
	ownList = `{"errors":[{"msg":%q}]}`
	ownText = `{"error":%q}`
)

// what a response means: the session's, or a kind of failure with a word of its remedy.
type meaning struct {
	kind failure.Kind // none: the session's
	says string
}

var (
	noSession   = meaning{}
	rateLimited = meaning{failure.RateLimited, "budget is spent"}
	credentials = meaning{failure.Blocked, "SMARTASSIST_CLIENT_SECRET"}
	scope       = meaning{failure.Blocked, `scope "SmartAssist Recordings"`}
	bot         = meaning{failure.Blocked, "SMARTASSIST_BOT_ID"}
	address     = meaning{failure.Blocked, "not at this address"}
	proxy       = meaning{failure.Blocked, "something other than the API responded"}
	passing     = meaning{failure.Transient, "temporary condition"}
	unusable    = meaning{failure.Transient, "cannot be used"}
)

func requireMeaning(t *testing.T, want meaning, code int, body string) {
	t.Helper()
	resp, err := ask(t, serve(t, responding(code, body)))
	if want == noSession {
		require.NoError(t, err)
		require.Equal(t, status.NoSuchSession, resp.Status)
		require.Empty(t, resp.Files)
		require.Contains(t, resp.Text, fmt.Sprintf("the upstream returned %d \"", code))
		requireNoSecret(t, resp.Text)
		return
	}
	require.Nil(t, resp)
	var got *smartassist.Error
	require.ErrorAs(t, err, &got)
	require.Equal(t, want.kind, got.Kind, got.Text)
	require.Equal(t, code, got.Status)
	require.Contains(t, got.Text, want.says)
	requireNoSecret(t, got.Text)
}

// Every combination of HTTP status, form of the body and kind of text. The columns are
// 401, 403, 404, 409 and 410.
func TestFaultOwnerFollowsFromStatusFormAndText(t *testing.T) {
	const (
		aboutSession     = "Session not found"
		aboutCredentials = "Invalid SDK credentials"
		aboutScope       = "Permission denied. Scope is incorrect!"
		aboutBot         = "Bot not found"
		aboutRate        = "You've exceeded the per-minute rate limit. Please wait for sometime before retrying."
	)
	codes := []int{401, 403, 404, 409, 410}
	everywhere := func(m meaning) []meaning { return []meaning{m, m, m, m, m} }
	sessionExcept401 := []meaning{credentials, noSession, noSession, noSession, noSession}
	botExcept401 := []meaning{credentials, bot, bot, bot, bot}
	foreign := []meaning{credentials, proxy, address, proxy, proxy}
	foreignJSON := []meaning{credentials, credentials, address, proxy, proxy}

	const (
		coded      = `{"errors":[{"msg":%q,"code":404}]}`
		framework  = `{"statusCode":404,"error":"Not Found","message":%q}`
		gateway    = `{"message":%q}`
		spring     = `{"timestamp":"2026-03-05T12:00:00Z","status":404,"error":%q,"path":"/api/public/bot"}`
		jsonString = `%q`
		html       = `<html><body>%s</body></html>`
		plain      = `%s`
	)
	for _, row := range []struct {
		form, text string
		want       []meaning
	}{
		{ownList, aboutSession, sessionExcept401},
		{ownList, aboutCredentials, everywhere(credentials)},
		{ownList, aboutScope, everywhere(scope)},
		{ownList, aboutBot, botExcept401},
		{ownList, aboutRate, everywhere(rateLimited)},

		{coded, aboutSession, sessionExcept401},
		{coded, aboutCredentials, everywhere(credentials)},
		{coded, aboutScope, everywhere(scope)},
		{coded, aboutBot, botExcept401},
		{coded, aboutRate, everywhere(rateLimited)},

		{ownText, aboutSession, sessionExcept401},
		{ownText, aboutCredentials, everywhere(credentials)},
		{ownText, aboutScope, everywhere(scope)},
		{ownText, aboutBot, botExcept401},
		{ownText, aboutRate, everywhere(rateLimited)},

		{framework, aboutSession, sessionExcept401},
		{framework, aboutCredentials, everywhere(credentials)},
		{framework, aboutScope, everywhere(scope)},
		{framework, aboutBot, botExcept401},
		{framework, aboutRate, everywhere(rateLimited)},

		{gateway, aboutSession, foreignJSON},
		{gateway, aboutCredentials, everywhere(credentials)},
		{gateway, aboutScope, everywhere(scope)},
		{gateway, aboutBot, botExcept401},
		{gateway, aboutRate, everywhere(rateLimited)},

		{spring, aboutSession, foreignJSON},
		{spring, aboutCredentials, everywhere(credentials)},
		{spring, aboutScope, everywhere(scope)},
		{spring, aboutBot, botExcept401},
		{spring, aboutRate, everywhere(rateLimited)},

		{jsonString, aboutSession, foreignJSON},
		{jsonString, aboutCredentials, everywhere(credentials)},
		{jsonString, aboutScope, everywhere(scope)},
		{jsonString, aboutBot, botExcept401},
		{jsonString, aboutRate, everywhere(rateLimited)},

		{html, aboutSession, foreign},
		{html, aboutCredentials, everywhere(credentials)},
		{html, aboutScope, everywhere(scope)},
		{html, aboutBot, foreign},
		{html, aboutRate, everywhere(rateLimited)},

		{plain, aboutSession, foreign},
		{plain, aboutCredentials, everywhere(credentials)},
		{plain, aboutScope, everywhere(scope)},
		{plain, aboutBot, foreign},
		{plain, aboutRate, everywhere(rateLimited)},

		{plain, "", foreign},
	} {
		body := fmt.Sprintf(row.form, row.text)
		for i, code := range codes {
			t.Run(fmt.Sprint(code, body), func(t *testing.T) { requireMeaning(t, row.want[i], code, body) })
		}
	}
}

func TestFormOfTheBodyDecidesStrictly(t *testing.T) {
	for _, row := range []struct {
		body string
		want meaning // of a 404
	}{
		{`{"errors":[{"msg":"no data"}]}`, noSession},
		{`{"errors":[{"msg":"no data","code":404}],"requestId":"1"}`, noSession},
		{`{"errors":["x",{"code":1},{"msg":7},{"msg":"no data"}]}`, noSession},
		{`{"errors":[{"msg":"no data"}],"error":{"timestamp":1}}`, noSession},
		{`{"errors":[],"error":"no data"}`, address}, // a key that the second form does not have
		{`{"error":"no data","code":404}`, noSession},
		{`{"error":"no data","message":"the call is gone","status":404,"statusCode":404}`, noSession},
		{`{"error":"no data","message":7}`, noSession},
		{`{"errors":[]}`, address},
		{`{"errors":[{"message":"no data"}]}`, address},
		{`{"errors":[{"msg":""}]}`, address},
		{`{"errors":[{"msg":" "}]}`, address},
		{`{"errors":{"msg":"no data"}}`, address},
		{`{"errors":"no data"}`, address},
		{`{"Errors":[{"msg":"no data"}]}`, address},
		{`{"error":""}`, address},
		{`{"error":{"msg":"no data"}}`, address},
		{`{"error":null,"message":"no data"}`, address},
		{`{"error":"no data","path":"/x"}`, address},
		{`{"error":"no data","timestamp":1}`, address},
		{`{"message":"no data","statusCode":404}`, address},
		{`[{"msg":"no data"}]`, address},
		{`{"errors":[{"msg":"no data"}]}x`, address},
		{`{"errors":[{"msg":"no data"}`, address},
		{`null`, address},
	} {
		t.Run(row.body, func(t *testing.T) { requireMeaning(t, row.want, http.StatusNotFound, row.body) })
	}
}

func TestTextDecidesWhoseFaultItIs(t *testing.T) {
	for _, row := range []struct {
		form, text string
		want       meaning // of a 404 in the API's own form
	}{
		// About the session.
		{ownList, "Not Found", noSession},
		{ownList, "No recording", noSession},
		{ownList, "Recording is disabled for this session", noSession},
		{ownList, "The recording was deleted", noSession},
		{ownList, "Resource not found", noSession},
		{ownList, "The recording URL is gone", noSession},
		{ownList, "Session " + sessionID + " not found", noSession},
		{ownList, "Session not found for bot " + botID, noSession},
		{ownList, "No session for this account", noSession},
		{ownList, "No such conversation in this stream", noSession},
		{ownList, "The call does not exist for streamId x", noSession},
		{ownList, "No data for user " + userID, noSession},
		{ownText, "Not Found: the call was purged", noSession},
		{ownList, "Recordings not found for botId " + botID + " and sessionId " + sessionID, noSession},
		{ownList, "Recordings not found for botId st-1 and sessionId 65e7", noSession},
		{ownText, "No recording found for the given streamId and sessionId", noSession},
		{ownList, "No call recordings exist for this bot", noSession},
		{ownList, "No media for streamId st-1", noSession},
		{ownList, "No data found in this account", noSession},
		{ownList, "The recording of this conversation does not exist in stream st-1", noSession},
		{ownList, "Media was purged from the stream", noSession},
		{ownList, "For botId " + botID + " and sessionId " + sessionID + " no recordings found", noSession},
		{ownList, "Bot st-1: the recording was not found", noSession},
		{ownList, "Recording deleted", noSession},
		{ownList, "Recording is blocked by retention", noSession},
		{ownList, "The recording is blocked due to a data retention policy of this call", noSession},

		// About a condition that passes.
		{ownList, "Recording is being processed", passing},
		{ownText, "Recording is still processing", passing},
		{ownList, "The recording is not available yet", passing},
		{ownList, "The recording is not ready", passing},
		{ownList, "Session not found, please try again later", passing},
		{ownList, "Something failed. Try later", passing},
		{ownList, "Please retry", passing},
		{ownList, "Temporarily unavailable", passing},
		{ownList, "Under maintenance", passing},
		{ownList, "Internal error", passing},
		{ownList, "Internal Server Error", passing},
		{ownText, "Not Found: internal error", passing},
		{ownList, "Call is in progress", passing},
		{ownList, "The session is still active", passing},
		{ownList, "Concurrent modification", passing},
		{ownList, "The server is busy", passing},
		{ownList, "Database timeout", passing},
		{ownList, "The query timed out", passing},
		{ownList, "The system is overloaded", passing},
		{ownList, "The bot is temporarily unavailable", passing},
		{ownList, "upstream request timeout", passing},
		{ownList, "This API is under maintenance", passing},
		{ownList, "Rate limit reached, try again later", rateLimited},
		{ownList, "Invalid token, please retry", credentials},

		// About the credentials.
		{ownList, "Invalid JWT token", meaning{failure.Blocked, "proxy that alters"}},
		{ownList, "error verifying the jwt: possibly a replay", meaning{failure.Blocked, "used twice"}},
		{ownList, "error verifying the jwt: jti missing", meaning{failure.Blocked, "Enforce JTI"}},
		{ownList, "Unauthorized", credentials},
		{ownList, "Not authorised", credentials},
		{ownList, "Authentication failed", credentials},
		{ownList, "Forbidden", credentials},
		{ownList, "Access Denied", credentials},
		{ownList, "You do not have access", credentials},
		{ownList, "Insufficient privileges", credentials},
		{ownList, "Missing permissions", credentials},
		{ownList, "Operation not allowed", credentials},
		{ownList, "Unknown app", credentials},
		{ownList, "Invalid appId", credentials},
		{ownList, "The application is unknown", credentials},
		{ownList, "clientId not found", credentials},
		{ownList, "Signature mismatch", credentials},
		{ownList, "Your session has expired, please log in", credentials},
		{ownList, "Session expired", credentials},
		{ownList, "Session timed out", credentials},
		{ownList, "The recording is blocked", credentials},
		{ownList, "You are blocked, the recording is blocked by retention", credentials},
		{ownList, "No license", credentials},
		{ownList, "Not in your plan", credentials},
		{ownList, "Your IP is not in the whitelist", credentials},

		// About the bot, the stream or the account.
		{ownList, "Unknown bot", bot},
		{ownList, "Invalid botId", bot},
		{ownList, botID + " not found", bot},
		{ownList, "Stream not found", bot},
		{ownList, "streamId is invalid", bot},
		{ownList, "Account does not exist", bot},
		{ownList, "No such account", bot},
		{ownList, "Call recording is not enabled for this account", bot},
		{ownList, "Bot not found for this session", bot},
		{ownList, "Invalid bot or session", bot},
		{ownList, "Recording is not enabled for this account", bot},
		{ownList, "No recording is enabled for this account", bot},
		{ownList, "Recording of an unknown bot", bot},
		{ownList, "Bot data not found", bot},
		{ownList, "Bot not found, so no recording found", bot},
		{ownList, "Invalid botId: no recordings found", bot},

		// About the address.
		{ownList, "Cannot GET /api/public/bot", address},
		{ownList, "Route not found", address},
		{ownList, "This API is deprecated", address},
		{ownList, "no healthy upstream", address},
		{ownText, "Not Found", address},
		{ownText, "not found.", address},
		{ownText, "Gone", address},
		{ownText, "Conflict", address},
		{ownText, "Resource not found", address},
		{ownText, "Page not found", address},
		{ownText, "The path does not exist", address},
		{ownText, "Unknown URL", address},
		{ownText, "Unknown service", address},

		// The call budget.
		{ownList, "Too many requests", rateLimited},
		{ownList, "Request was throttled", rateLimited},
		{ownText, "Rate-limit reached", rateLimited},
	} {
		t.Run(row.form+row.text, func(t *testing.T) {
			requireMeaning(t, row.want, http.StatusNotFound, fmt.Sprintf(row.form, row.text))
		})
	}
}

func TestFrameworkPhrasesAreNotTheSessions(t *testing.T) {
	for body, want := range map[string]meaning{
		`{"statusCode":404,"error":"Not Found","message":"Not Found"}`:                        address,
		`{"statusCode":404,"error":"Not Found","message":"Cannot GET /api/public"}`:           address,
		`{"statusCode":404,"error":"Not Found","message":"Session 65e7 was not found"}`:       noSession,
		`{"statusCode":404,"error":"Session 65e7 was not found","message":"Not Found"}`:       noSession,
		`{"error":"no data","code":4002}`:                                                     credentials,
		`{"error":"no data","code":"401"}`:                                                    credentials,
		`{"errors":[{"msg":"no data","code":4002}]}`:                                          credentials,
		`{"errors":[{"msg":"no data","code":4002},{"msg":"gone","code":404}]}`:                credentials,
		`{"errors":[{"msg":"no data","code":404},{"msg":"Scope is incorrect!","code":4002}]}`: scope,
		`{"errors":[{"msg":"no data","code":404},{"code":4002}]}`:                             noSession,
	} {
		t.Run(body, func(t *testing.T) { requireMeaning(t, want, http.StatusNotFound, body) })
	}
}

// A 409 or 410 that does not concern the session names the address only if its text does.
func TestRemedyOfAConflictFollowsFromItsText(t *testing.T) {
	for _, code := range []int{http.StatusConflict, http.StatusGone} {
		requireMeaning(t, address, code, `{"errors":[{"msg":"This API version is gone"}]}`)
		requireMeaning(t, address, code, `{"error":"Gone"}`)
		requireMeaning(t, proxy, code, `{"message":"gone"}`)
		requireMeaning(t, proxy, code, "")
	}
}

func TestTextBeyondTheShownPartIsSearched(t *testing.T) {
	long := strings.Repeat("no data ", 60)
	requireMeaning(t, noSession, http.StatusNotFound, fmt.Sprintf(ownList, long))
	requireMeaning(t, scope, http.StatusNotFound, fmt.Sprintf(ownList, long+"Scope is incorrect!"))
}

func TestTextSaysWhatWasAnswered(t *testing.T) {
	resp, err := ask(t, serve(t, responding(http.StatusNotFound, envelope(404, "session not found"))))
	require.NoError(t, err)
	require.Equal(t, &smartassist.Response{Status: "no_such_session", Text: `the upstream returned 404 "session not found"`}, resp)

	resp, err = ask(t, serve(t, responding(http.StatusGone, fmt.Sprintf(`{"errors":[{"msg":"gone: %s"},{"msg":"for %s at https://h/a?s=canary"}]}`, token[:3], userID))))
	require.NoError(t, err)
	requireNoSecret(t, strings.ReplaceAll(resp.Text, token[:3], ""))
	require.Contains(t, resp.Text, "for [redacted] at https://h/a?[redacted]")

	resp, err = ask(t, serve(t, responding(http.StatusNotFound, fmt.Sprintf(ownList, strings.Repeat("é", 4096)))))
	require.NoError(t, err)
	require.Less(t, len(resp.Text), 340, "bounded")

	resp, err = ask(t, serve(t, responding(http.StatusOK, sample)))
	require.NoError(t, err)
	require.Empty(t, resp.Text)
}

func TestShortIDsAreNotReplacedInTheText(t *testing.T) {
	client := serve(t, responding(http.StatusNotFound, fmt.Sprintf(ownList, "nothing found")))
	short := session
	short.BotID = "not"
	resp, err := client.FetchRecordings(t.Context(), token, short, "")
	require.NoError(t, err)
	require.Equal(t, status.NoSuchSession, resp.Status)

	short.BotID = "thin"
	_, err = client.FetchRecordings(t.Context(), token, short, "")
	require.ErrorContains(t, err, "SMARTASSIST_BOT_ID")
}

func TestSimulatorsNoSuchSessionIsTheSessions(t *testing.T) {
	upstream, err := simulator.New(simulator.Config{})
	require.NoError(t, err)
	client := serve(t, upstream.ServeHTTP)
	credentials := smartassist.Credentials{ClientID: simulator.DefaultClientID, Key: secret.Value(simulator.DefaultClientSecret)}
	for _, code := range []int{403, 404, 409, 410} {
		fault := simulator.NoSuchSession(code)
		require.NoError(t, upstream.AddSession(simulator.Session{
			BotID: simulator.DefaultBotID, SessionID: sessionID, Script: []simulator.Step{{Fault: &fault}},
		}))
		minted, _, err := credentials.Mint(simulator.DefaultBotID, time.Now())
		require.NoError(t, err)
		resp, err := client.FetchRecordings(t.Context(), minted, session, "")
		require.NoError(t, err)
		require.Equal(t, status.NoSuchSession, resp.Status)
	}
}

// What the API said is not known, so the next check finds out.
func TestTruncatedBodyOfA404IsTransient(t *testing.T) {
	for _, code := range []int{403, 404, 409, 410} {
		cut := func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000")
			w.WriteHeader(code)
			_, _ = w.Write([]byte(`{"errors":[{"msg":"You`))
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		}
		got := requireFailure(t, serve(t, cut))
		require.Equal(t, failure.Transient, got.Kind)
		require.Contains(t, got.Text, "did not respond")
	}
}

func TestPassingConditionIsTransientWithEachStatus(t *testing.T) {
	const text = "Recording is being processed"
	for _, code := range []int{403, 404, 409, 410} {
		requireMeaning(t, passing, code, fmt.Sprintf(ownList, text))
		requireMeaning(t, passing, code, fmt.Sprintf(ownText, text))
	}
	requireMeaning(t, credentials, http.StatusUnauthorized, fmt.Sprintf(ownList, text))
	requireMeaning(t, address, http.StatusNotFound, fmt.Sprintf(`{"message":%q}`, text))

	got := requireFailure(t, serve(t, responding(http.StatusConflict, fmt.Sprintf(ownList, text), "Retry-After", "90")))
	require.Equal(t, 90*time.Second, got.Wait)
}

func TestErrorEnvelopeWith200IsReadLikeA404(t *testing.T) {
	for body, want := range map[string]meaning{
		`{"errors":[{"msg":"session not found"}]}`:                                   noSession,
		`{"errors":[{"msg":"session not found"}],"recording":[]}`:                    noSession,
		`{"errors":[{"msg":"session not found"}],"status":null}`:                     noSession,
		`{"error":"session not found","status":404}`:                                 noSession,
		`{"error":"session not found"}`:                                              noSession,
		`{"errors":[{"msg":"Invalid SDK credentials","code":4002}]}`:                 credentials,
		`{"errors":[{"msg":"nothing","code":4002}]}`:                                 credentials,
		`{"errors":[{"msg":"Forbidden"}]}`:                                           credentials,
		`{"errors":[{"msg":"Permission denied. Scope is incorrect!"}]}`:              scope,
		`{"errors":[{"msg":"Bot not found"}]}`:                                       bot,
		`{"error":"Not Found"}`:                                                      address,
		`{"errors":[{"msg":"Too many requests"}]}`:                                   rateLimited,
		`{"errors":[{"msg":"Internal server error","code":500}]}`:                    passing,
		`{"errors":[{"msg":"session not found"}],"status":"success","recording":[]}`: unusable,
		`{"errors":[{"msg":"session not found"}]}x`:                                  unusable,
		`{"errors":[]}`:                       unusable,
		`{"message":"session not found"}`:     unusable,
		`{"message":"Invalid credentials"}`:   unusable,
		`"session not found"`:                 unusable,
		`<html>session not found</html>`:      unusable,
		`{"error":{"msg":"session lost"}}`:    unusable,
		`{"error":"session lost","path":"/"}`: unusable,
	} {
		t.Run(body, func(t *testing.T) { requireMeaning(t, want, http.StatusOK, body) })
	}
	resp, err := ask(t, serve(t, responding(http.StatusOK, `{"errors":[{"msg":"session not found"}],"status":"failed"}`)))
	require.NoError(t, err)
	require.Equal(t, &smartassist.Response{Status: "failed"}, resp, "a status decides")
}
