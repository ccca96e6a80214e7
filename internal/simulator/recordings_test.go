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

func TestResponseMatchesTheVendorSample(t *testing.T) {
	h := newHarness(t, Config{})
	id := h.addSession(Session{Files: []File{{Name: "a & b <1>.wav"}}})
	resp := h.getStatus(id)
	require.Equal(t, "application/json; charset=utf-8", resp.header.Get("Content-Type"))
	require.Regexp(t, `^\{"status":"success","recording":\[\{"fileName":"a & b <1>\.wav","fileUrl":"http://[^"\\]+\?e=\d+&n=\d{10}&s=[^"]+\$\$"\}\]\}$`, resp.body)
}

func TestFilesAreListedInOrder(t *testing.T) {
	h := newHarness(t, Config{})
	id := h.addSession(Session{Files: []File{{Name: "caller.wav"}, {Name: "agent.wav"}, {Name: "caller.wav"}}})
	r := h.getStatus(id).recordings(t)
	require.Len(t, r.Recording, 3)
	seen := map[string]bool{}
	for i, want := range []string{"caller.wav", "agent.wav", "caller.wav"} {
		require.Equal(t, want, r.Recording[i].FileName)
		path, _, _ := strings.Cut(r.Recording[i].FileURL, "?")
		require.False(t, seen[path], "each file has its own URL")
		seen[path] = true
	}
}

func TestOnlySuccessListsFiles(t *testing.T) {
	h := newHarness(t, Config{})
	for _, status := range []string{
		StatusFailed, StatusMediaUnavailable, StatusCallInProgress, StatusMediaInProgress, StatusPartialDownloadFailed, StatusPartialUploadFailed,
		StatusPartialFailed, StatusFetchingInProgress, StatusInitialFetchFailed, StatusRetryFailed, StatusRetryFailedAfter24Hr,
		StatusMediaGenerationFailed, StatusMediaConversionFailed, StatusMediaUnavailableShortDuration, StatusRecordingDisabled, "SUCCESS", "",
	} {
		id := h.addSession(Session{Script: []Step{{Status: status}}})
		require.Equal(t, `{"status":"`+status+`","recording":[]}`, h.getStatus(id).body)
	}
}

func TestUnknownSessionIsMediaUnavailable(t *testing.T) {
	h := newHarness(t, Config{})
	for _, id := range []string{"65e7133a3242653c58d70000", "not a session id", "65E7133A3242653C58D7AAAA"} {
		require.Equal(t, `{"status":"media_unavailable","recording":[]}`, h.getStatus(id).body)
	}
}

func TestNoSuchSessionRespondsInTheEnvelope(t *testing.T) {
	h := newHarness(t, Config{CallsPerMinute: 6})
	for status, msg := range map[int]string{
		403: "The session belongs to another user", 404: "Session not found", 409: "The session has no recording in its state",
		410: "The recording of this session has been deleted", 418: "I'm a teapot",
	} {
		fault := NoSuchSession(status)
		id := h.addSession(Session{Script: []Step{{Status: StatusSuccess, Fault: &fault}}})
		requireError(t, h.getStatus(id), status, status, msg)
	}
	require.Equal(t, StatusSuccess, h.getStatus(h.addSession(Session{})).recordingStatus(t), "one session only")
	require.Equal(t, 429, h.getStatus(h.addSession(Session{})).status, "each cost a call")
}

func TestUserIDMustMatchWhenGiven(t *testing.T) {
	h := newHarness(t, Config{})
	id := h.addSession(Session{UserID: "caller@example.org"})
	getStatusAs := func(user string) string {
		return h.get(h.recordingsURL("?sessionId="+id+"&userId="+url.QueryEscape(user)), "auth", h.token(nil)).recordingStatus(t)
	}
	require.Equal(t, StatusSuccess, h.getStatus(id).recordingStatus(t))
	require.Equal(t, StatusSuccess, getStatusAs("caller@example.org"))
	require.Equal(t, StatusMediaUnavailable, getStatusAs("other@example.org"))
}

func TestInvalidArgumentsAreRefused(t *testing.T) {
	strict := newHarness(t, Config{RequireUserID: true})
	lenient := newHarness(t, Config{})
	for _, c := range []struct {
		h     *harness
		query string
	}{
		{lenient, ""}, {lenient, "?sessionId="}, {lenient, "?sessionid=65e7133a3242653c58d7aaaa"}, {lenient, "?userId=u"},
		{lenient, "?sessionId=65e7133a3242653c58d7aaaa&sessionId=65e7133a3242653c58d7bbbb"}, {lenient, "?sessionId=65e7133a3242653c58d7aaaa&userId=a&userId=b"},
		{strict, "?sessionId=65e7133a3242653c58d7aaaa"}, {strict, "?sessionId=65e7133a3242653c58d7aaaa&userId="},
	} {
		requireError(t, c.h.get(c.h.recordingsURL(c.query), "auth", c.h.token(nil)), 412, 412, "Validation errors/ Invalid arguments")
	}
	require.Equal(t, 6, lenient.Counts().Refused[ReasonArguments])
}

func TestOtherMethodsAndPathsAreNotFound(t *testing.T) {
	h := newHarness(t, Config{})
	for _, c := range []struct{ method, path string }{
		{http.MethodPost, "/api/public/bot/" + DefaultBotID + "/v2/recordings"},
		{http.MethodDelete, "/api/public/bot/" + DefaultBotID + "/v2/recordings"},
		{http.MethodGet, "/api/public/bot/" + DefaultBotID + "/v3/recordings"},
		{http.MethodGet, "/api/public/bot//v2/recordings"},
		{http.MethodGet, "/api/public/bot/a/b/v2/recordings"},
		{http.MethodGet, "/"},
		{http.MethodPost, "/api/getMediaStream/x"},
	} {
		resp := h.send(h.request(c.method, h.server.URL+c.path, "auth", h.token(nil)))
		require.Equal(t, 404, resp.status)
		require.Equal(t, "text/html; charset=utf-8", resp.header.Get("Content-Type"))
		require.Contains(t, resp.body, "<pre>Cannot "+c.method+" "+c.path+"</pre>")
	}
	require.Zero(t, h.Counts().API)
}

func TestMalformedResponseBodies(t *testing.T) {
	h := newHarness(t, Config{})
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
			resp := h.getStatus(h.addSession(Session{Script: []Step{c.step}}))
			require.Equal(t, 200, resp.status)
			require.Equal(t, c.body, resp.body)
		})
	}
}

func TestFaultConsumesItsStepAndTheBudget(t *testing.T) {
	h := newHarness(t, Config{CallsPerMinute: 3})
	id := h.addSession(Session{Script: []Step{
		{Fault: &Fault{Kind: Respond, Status: 503}, Calls: 1},
		{Fault: new(Refuse(401, 4002, "Invalid SDK credentials")), Calls: 1},
		{Status: StatusSuccess},
	}})
	require.Equal(t, 503, h.getStatus(id).status)
	requireError(t, h.getStatus(id), 401, 4002, "Invalid SDK credentials")
	require.Equal(t, StatusSuccess, h.getStatus(id).recordingStatus(t))
	require.Equal(t, 429, h.getStatus(id).status)
}

func TestStatusCallFaults(t *testing.T) {
	for _, c := range []struct {
		name  string
		fault Fault
		check func(t *testing.T, resp response)
	}{
		{"500", Fault{Kind: Respond}, func(t *testing.T, resp response) {
			require.Equal(t, 500, resp.status)
			require.Contains(t, resp.body, "<h1>500 Internal Server Error</h1>")
		}},
		{"429 with Retry-After", Fault{Kind: Respond, Status: 429, RetryAfter: "7"}, func(t *testing.T, resp response) {
			requireError(t, resp, 429, 429, "Rate limit for this API has been reached. Please try again later")
			require.Equal(t, "7", resp.header.Get("Retry-After"))
		}},
		{"the other error form", Fault{Kind: Respond, Status: 400, Body: `{"error":"nope"}`}, func(t *testing.T, resp response) {
			require.Equal(t, 400, resp.status)
			require.Equal(t, `{"error":"nope"}`, resp.body)
		}},
		{"sign-in page", Fault{Kind: HTML}, func(t *testing.T, resp response) {
			require.Equal(t, 200, resp.status)
			require.Equal(t, "text/html; charset=utf-8", resp.header.Get("Content-Type"))
			require.Contains(t, resp.body, "<title>Sign in</title>")
		}},
		{"empty", Fault{Kind: Empty}, func(t *testing.T, resp response) {
			require.Equal(t, 200, resp.status)
			require.Empty(t, resp.body)
		}},
		{"huge", Fault{Kind: Huge, Bytes: 3 << 20}, func(t *testing.T, resp response) {
			require.NoError(t, resp.err)
			require.Len(t, resp.body, 3<<20)
			require.Equal(t, StatusSuccess, resp.recordingStatus(t), "it is valid JSON")
		}},
		{"cut", Fault{Kind: Cut, After: 10}, func(t *testing.T, resp response) {
			require.ErrorIs(t, resp.err, io.ErrUnexpectedEOF)
			require.Equal(t, `{"status":`, resp.body)
		}},
		{"reset", Fault{Kind: Reset, After: -1}, func(t *testing.T, resp response) {
			require.Error(t, resp.err)
			require.Zero(t, resp.status)
		}},
		{"redirect", Fault{Kind: Redirect, To: "https://elsewhere.example.org/"}, func(t *testing.T, resp response) {
			require.Equal(t, 302, resp.status)
			require.Equal(t, "https://elsewhere.example.org/", resp.header.Get("Location"))
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHarness(t, Config{})
			id := h.addSession(Session{Script: []Step{{Status: StatusSuccess, Fault: &c.fault}}})
			c.check(t, h.getStatus(id))
			require.Equal(t, 1, h.Counts().Faults[c.fault.Kind])
		})
	}
}

func TestOutagePrecedesAllChecksAndCostsNothing(t *testing.T) {
	h := newHarness(t, Config{EnforceJTI: true, CallsPerMinute: 1})
	id := h.addSession(Session{Script: []Step{{Status: StatusFailed, Calls: 1}, {Status: StatusSuccess}}})
	token := h.token(nil)
	require.NoError(t, h.SetOutage(&Fault{Kind: Respond, Status: 502}))
	require.Equal(t, 502, h.getStatusWith(token).status)
	require.Equal(t, 502, h.getStatusWith("nonsense").status)
	require.NoError(t, h.SetOutage(&Fault{Kind: Reset}))
	require.Error(t, h.getStatusWith(token).err)
	require.NoError(t, h.SetOutage(nil))
	require.Equal(t, StatusFailed, h.get(h.recordingsURL("?sessionId="+id), "auth", token).recordingStatus(t), "token, budget and script are unchanged")
	require.Equal(t, 3, h.Counts().Outages)
	require.ErrorContains(t, h.SetOutage(&Fault{Kind: Slow}), "Step.Fault")
}

func TestMediaURLHostIsTheRequestedOrConfiguredOne(t *testing.T) {
	h := newHarness(t, Config{})
	require.True(t, strings.HasPrefix(h.mediaURL(h.addSession(Session{})), h.server.URL+"/api/getMediaStream/"))
	_, port, _ := strings.Cut(strings.TrimPrefix(h.server.URL, "http://"), ":")
	req := h.request(http.MethodGet, h.recordingsURL("?sessionId="+h.addSession(Session{})), "auth", h.token(nil))
	req.Host = "localhost:" + port
	require.Contains(t, h.send(req).body, `"http://localhost:`+port+`/api/getMediaStream/`)

	elsewhere := newHarness(t, Config{MediaURL: "https://media.example.org/"})
	require.True(t, strings.HasPrefix(elsewhere.mediaURL(elsewhere.addSession(Session{})), "https://media.example.org/api/getMediaStream/"))
	wrongHost := elsewhere.addSession(Session{Script: []Step{{Status: StatusSuccess, MediaURL: "http://169.254.169.254"}}})
	require.True(t, strings.HasPrefix(elsewhere.mediaURL(wrongHost), "http://169.254.169.254/api/getMediaStream/"))
}

func TestStepCanReturnExpiredURLs(t *testing.T) {
	h := newHarness(t, Config{})
	id := h.addSession(Session{Script: []Step{{Status: StatusSuccess, Calls: 1, URLLifetime: -time.Second}, {Status: StatusSuccess, URLLifetime: time.Second}}})
	requireError(t, h.get(h.mediaURL(id)), 403, 403, msgMediaRefused)
	fresh := h.mediaURL(id)
	require.Equal(t, 200, h.get(fresh).status)
	h.clock.Advance(time.Second)
	require.Equal(t, 403, h.get(fresh).status)
}
