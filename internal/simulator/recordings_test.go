package simulator

import (
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestTheAnswerHasTheShapeOfTheVendorsSample(t *testing.T) {
	w := newWorld(t, Config{})
	id := w.call(Session{Files: []File{{Name: "a & b <1>.wav"}}})
	a := w.ask(id)
	require.Equal(t, "application/json; charset=utf-8", a.header.Get("Content-Type"))
	require.Regexp(t, `^\{"status":"success","recording":\[\{"fileName":"a & b <1>\.wav","fileUrl":"http://[^"\\]+\?e=\d+&n=\d{10}&s=[^"]+\$\$"\}\]\}$`, a.body)
}

func TestEveryFileOfACallIsListedInOrder(t *testing.T) {
	w := newWorld(t, Config{})
	id := w.call(Session{Files: []File{{Name: "caller.wav"}, {Name: "agent.wav"}, {Name: "caller.wav"}}})
	r := w.ask(id).recordings(t)
	require.Len(t, r.Recording, 3)
	seen := map[string]bool{}
	for i, want := range []string{"caller.wav", "agent.wav", "caller.wav"} {
		require.Equal(t, want, r.Recording[i].FileName)
		path, _, _ := strings.Cut(r.Recording[i].FileURL, "?")
		require.False(t, seen[path], "each file has a URL of its own")
		seen[path] = true
	}
}

func TestNoStatusButSuccessHandsOutFiles(t *testing.T) {
	w := newWorld(t, Config{})
	for _, status := range []string{
		StatusFailed, StatusMediaUnavailable, StatusCallInProgress, StatusMediaInProgress, StatusPartialDownloadFailed, StatusPartialUploadFailed,
		StatusPartialFailed, StatusFetchingInProgress, StatusInitialFetchFailed, StatusRetryFailed, StatusRetryFailedAfter24Hr, "SUCCESS", "",
	} {
		id := w.call(Session{Script: []Step{{Status: status}}})
		require.Equal(t, `{"status":"`+status+`","recording":[]}`, w.ask(id).body)
	}
}

func TestAnUnknownSessionIsMediaUnavailable(t *testing.T) {
	w := newWorld(t, Config{})
	for _, id := range []string{"65e7133a3242653c58d70000", "no session id at all", "65E7133A3242653C58D7AAAA"} {
		require.Equal(t, `{"status":"media_unavailable","recording":[]}`, w.ask(id).body)
	}
}

func TestTheUserMustBeTheSessionsWhenGiven(t *testing.T) {
	w := newWorld(t, Config{})
	id := w.call(Session{UserID: "caller@example.org"})
	askAs := func(user string) string {
		return w.get(w.recordingsURL("?sessionId="+id+"&userId="+url.QueryEscape(user)), "auth", w.token(nil)).statusText(t)
	}
	require.Equal(t, StatusSuccess, w.ask(id).statusText(t))
	require.Equal(t, StatusSuccess, askAs("caller@example.org"))
	require.Equal(t, StatusMediaUnavailable, askAs("somebody@example.org"))
}

func TestArgumentsThatAreRefused(t *testing.T) {
	strict := newWorld(t, Config{RequireUserID: true})
	lax := newWorld(t, Config{})
	for _, c := range []struct {
		w     *world
		query string
	}{
		{lax, ""}, {lax, "?sessionId="}, {lax, "?sessionid=65e7133a3242653c58d7aaaa"}, {lax, "?userId=u"},
		{lax, "?sessionId=65e7133a3242653c58d7aaaa&sessionId=65e7133a3242653c58d7bbbb"}, {lax, "?sessionId=65e7133a3242653c58d7aaaa&userId=a&userId=b"},
		{strict, "?sessionId=65e7133a3242653c58d7aaaa"}, {strict, "?sessionId=65e7133a3242653c58d7aaaa&userId="},
	} {
		requireError(t, c.w.get(c.w.recordingsURL(c.query), "auth", c.w.token(nil)), 412, 412, "Validation errors/ Invalid arguments")
	}
	require.Equal(t, 6, lax.Counts().Refused[ReasonArguments])
}

func TestOtherMethodsAndPathsAreNotFound(t *testing.T) {
	w := newWorld(t, Config{})
	for _, c := range []struct{ method, path string }{
		{http.MethodPost, "/api/public/bot/" + DefaultBotID + "/v2/recordings"},
		{http.MethodDelete, "/api/public/bot/" + DefaultBotID + "/v2/recordings"},
		{http.MethodGet, "/api/public/bot/" + DefaultBotID + "/v3/recordings"},
		{http.MethodGet, "/api/public/bot//v2/recordings"},
		{http.MethodGet, "/api/public/bot/a/b/v2/recordings"},
		{http.MethodGet, "/"},
		{http.MethodPost, "/api/getMediaStream/x"},
	} {
		a := w.send(w.request(c.method, w.server.URL+c.path, "auth", w.token(nil)))
		require.Equal(t, 404, a.status)
		require.Equal(t, "text/html; charset=utf-8", a.header.Get("Content-Type"))
		require.Contains(t, a.body, "<pre>Cannot "+c.method+" "+c.path+"</pre>")
	}
	require.Zero(t, w.Counts().API)
}

func TestAnswersThatAreNotWhatTheyShouldBe(t *testing.T) {
	w := newWorld(t, Config{})
	for _, c := range []struct {
		name string
		step Step
		body string
	}{
		{"no status", Step{Status: "x", OmitStatus: true}, `{"recording":[]}`},
		{"success without files", Step{Status: StatusSuccess, OmitFiles: true}, `{"status":"success","recording":[]}`},
		{"a list", Step{Body: `[]`}, `[]`},
		{"half a document", Step{Body: `{"status":"succ`}, `{"status":"succ`},
		{"files of another type", Step{Body: `{"status":"success","recording":{}}`}, `{"status":"success","recording":{}}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := w.ask(w.call(Session{Script: []Step{c.step}}))
			require.Equal(t, 200, a.status)
			require.Equal(t, c.body, a.body)
		})
	}
}

func TestFaultsOfACallCostTheirStepAndTheBudget(t *testing.T) {
	w := newWorld(t, Config{CallsPerMinute: 3})
	id := w.call(Session{Script: []Step{
		{Fault: &Fault{Kind: Answer, Status: 503}, Calls: 1},
		{Fault: new(Refuse(401, 4002, "Invalid SDK credentials")), Calls: 1},
		{Status: StatusSuccess},
	}})
	require.Equal(t, 503, w.ask(id).status)
	requireError(t, w.ask(id), 401, 4002, "Invalid SDK credentials")
	require.Equal(t, StatusSuccess, w.ask(id).statusText(t))
	require.Equal(t, 429, w.ask(id).status)
}

func TestFaultsOfACall(t *testing.T) {
	for _, c := range []struct {
		name  string
		fault Fault
		check func(t *testing.T, a answer)
	}{
		{"500", Fault{Kind: Answer}, func(t *testing.T, a answer) {
			require.Equal(t, 500, a.status)
			require.Contains(t, a.body, "<h1>500 Internal Server Error</h1>")
		}},
		{"429 with a date nobody promised", Fault{Kind: Answer, Status: 429, RetryAfter: "7"}, func(t *testing.T, a answer) {
			requireError(t, a, 429, 429, "Rate limit for this API has been reached. Please try again later")
			require.Equal(t, "7", a.header.Get("Retry-After"))
		}},
		{"the other error form", Fault{Kind: Answer, Status: 400, Body: `{"error":"nope"}`}, func(t *testing.T, a answer) {
			require.Equal(t, 400, a.status)
			require.Equal(t, `{"error":"nope"}`, a.body)
		}},
		{"sign-in page", Fault{Kind: HTML}, func(t *testing.T, a answer) {
			require.Equal(t, 200, a.status)
			require.Equal(t, "text/html; charset=utf-8", a.header.Get("Content-Type"))
			require.Contains(t, a.body, "<title>Sign in</title>")
		}},
		{"empty", Fault{Kind: Empty}, func(t *testing.T, a answer) {
			require.Equal(t, 200, a.status)
			require.Empty(t, a.body)
		}},
		{"huge", Fault{Kind: Huge, Bytes: 3 << 20}, func(t *testing.T, a answer) {
			require.NoError(t, a.err)
			require.Len(t, a.body, 3<<20)
			require.Equal(t, StatusSuccess, a.statusText(t), "it is valid JSON to the end")
		}},
		{"cut", Fault{Kind: Cut, After: 10}, func(t *testing.T, a answer) {
			require.ErrorIs(t, a.err, io.ErrUnexpectedEOF)
			require.Equal(t, `{"status":`, a.body)
		}},
		{"reset", Fault{Kind: Reset, After: -1}, func(t *testing.T, a answer) {
			require.Error(t, a.err)
			require.Zero(t, a.status)
		}},
		{"redirect", Fault{Kind: Redirect, To: "https://elsewhere.example.org/"}, func(t *testing.T, a answer) {
			require.Equal(t, 302, a.status)
			require.Equal(t, "https://elsewhere.example.org/", a.header.Get("Location"))
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, Config{})
			id := w.call(Session{Script: []Step{{Status: StatusSuccess, Fault: &c.fault}}})
			c.check(t, w.ask(id))
			require.Equal(t, 1, w.Counts().Faults[c.fault.Kind])
		})
	}
}

func TestAnOutageComesBeforeEverythingAndCostsNothing(t *testing.T) {
	w := newWorld(t, Config{EnforceJTI: true, CallsPerMinute: 1})
	id := w.call(Session{Script: []Step{{Status: StatusFailed, Calls: 1}, {Status: StatusSuccess}}})
	token := w.token(nil)
	require.NoError(t, w.SetOutage(&Fault{Kind: Answer, Status: 502}))
	require.Equal(t, 502, w.askWith(token).status)
	require.Equal(t, 502, w.askWith("nonsense").status)
	require.NoError(t, w.SetOutage(&Fault{Kind: Reset}))
	require.Error(t, w.askWith(token).err)
	require.NoError(t, w.SetOutage(nil))
	require.Equal(t, StatusFailed, w.get(w.recordingsURL("?sessionId="+id), "auth", token).statusText(t), "token, budget and script are untouched")
	require.Equal(t, 3, w.Counts().Outages)
	require.ErrorContains(t, w.SetOutage(&Fault{Kind: Slow}), "Step.Fault")
}

func TestURLsLeadToTheHostThatWasCalledOrToTheConfiguredOne(t *testing.T) {
	w := newWorld(t, Config{})
	require.True(t, strings.HasPrefix(w.mediaURL(w.call(Session{})), w.server.URL+"/api/getMediaStream/"))
	_, port, _ := strings.Cut(strings.TrimPrefix(w.server.URL, "http://"), ":")
	req := w.request(http.MethodGet, w.recordingsURL("?sessionId="+w.call(Session{})), "auth", w.token(nil))
	req.Host = "localhost:" + port
	require.Contains(t, w.send(req).body, `"http://localhost:`+port+`/api/getMediaStream/`)

	elsewhere := newWorld(t, Config{MediaURL: "https://media.example.org/"})
	require.True(t, strings.HasPrefix(elsewhere.mediaURL(elsewhere.call(Session{})), "https://media.example.org/api/getMediaStream/"))
	astray := elsewhere.call(Session{Script: []Step{{Status: StatusSuccess, MediaURL: "http://169.254.169.254"}}})
	require.True(t, strings.HasPrefix(elsewhere.mediaURL(astray), "http://169.254.169.254/api/getMediaStream/"))
}

func TestAStepMayHandOutExpiredURLs(t *testing.T) {
	w := newWorld(t, Config{})
	id := w.call(Session{Script: []Step{{Status: StatusSuccess, Calls: 1, URLLifetime: -time.Second}, {Status: StatusSuccess, URLLifetime: time.Second}}})
	requireError(t, w.get(w.mediaURL(id)), 403, 403, msgMediaRefused)
	fresh := w.mediaURL(id)
	require.Equal(t, 200, w.get(fresh).status)
	w.clock.Move(time.Second)
	require.Equal(t, 403, w.get(fresh).status)
}
