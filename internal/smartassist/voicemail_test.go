package smartassist_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/internal/failure"
	"github.com/callvault/callvault/internal/smartassist"
)

const voicemailURL = "https://media.example.com/f-1.wav?e=1&s=canary"

func askVoicemail(t *testing.T, status int, body string) (*smartassist.Voicemail, error) {
	t.Helper()
	return serve(t, responding(status, body)).Voicemail(t.Context(), token, session)
}

func TestVoicemailRequestMatchesVendorDocumentation(t *testing.T) {
	seen := make(chan *http.Request, 1)
	client := serve(t, func(w http.ResponseWriter, r *http.Request) {
		seen <- r
		_, _ = w.Write([]byte(`{"status":"success","voicemail recording":[]}`))
	})
	_, err := client.Voicemail(t.Context(), "the.raw.token", session)
	require.NoError(t, err)
	got := <-seen
	require.Equal(t, http.MethodGet, got.Method)
	require.Equal(t, "/api/public/bot/"+botID+"/voicemail?sessionId="+sessionID+"&transcription=false", got.RequestURI)
	require.Equal(t, []string{"the.raw.token"}, got.Header["Auth"])
}

// The first is the vendor's sample, the second the vendor's table; the others are not documented.
func TestVoicemailIsReadWhateverItsForm(t *testing.T) {
	file := `{"fileName":"voicemail_1.wav","fileUrl":"` + voicemailURL + `"}`
	named, nameless := []smartassist.File{{Name: "voicemail_1.wav", URL: voicemailURL}}, []smartassist.File{{URL: voicemailURL}}
	for body, want := range map[string][]smartassist.File{
		`{"status":"success","voicemail recording":[` + file + `],"transcriptions":[]}`:      named,
		`{"status":"success","voicemail_recording":[` + file + `]}`:                          named,
		`{"status":"success","voicemail recording":[],"voicemail_recording":[` + file + `]}`: named,
		`{"status":"success","voicemail recording":` + file + `}`:                            named,
		`{"status":"success","voicemail recording":"` + voicemailURL + `"}`:                  nameless,
		`{"voicemail recording":["` + voicemailURL + `"]}`:                                   nameless,
		`{"voicemail recording":["` + voicemailURL + `",` + file + `]}`:                      append(append([]smartassist.File{}, nameless...), named...),
	} {
		found, err := askVoicemail(t, 200, body)
		require.NoError(t, err, body)
		require.Equal(t, &smartassist.Voicemail{Files: want}, found, body)
	}
}

func TestCallWithoutVoicemailIsNoError(t *testing.T) {
	for _, row := range []struct {
		status int
		body   string
	}{
		{200, `{"status":"success","voicemail recording":[]}`}, {200, `{"status":"success"}`}, {200, `{"status":"media_unavailable","voicemail_recording":null}`},
		{200, `{"status":"none of the documented ones"}`}, {200, `{"voicemail recording":""}`}, {200, `{"voicemail_recording":{}}`},
		{404, envelope(404, "No voicemail found for the session")}, {200, envelope(404, "Session not found")},
	} {
		found, err := askVoicemail(t, row.status, row.body)
		require.NoError(t, err, row.body)
		require.Equal(t, &smartassist.Voicemail{}, found, row.body)
	}
}

func TestVoicemailThatIsNotUnderstoodIsSaidSoWithoutShowingIt(t *testing.T) {
	for _, value := range []string{
		`7`, `true`, `[7]`, `[[]]`, `"canary"`, `["canary"]`, `[{"fileUrl":"canary"}]`, `[{"fileName":"canary"}]`, `{"url":"https://canary"}`, `[{}]`,
		`["https://media.example.com/` + strings.Repeat("a", 8<<10) + `"]`, "[" + strings.TrimSuffix(strings.Repeat(`"`+voicemailURL+`",`, 101), ",") + "]",
	} {
		found, err := askVoicemail(t, 200, `{"status":"success","voicemail recording":`+value+`}`)
		require.NoError(t, err)
		require.Empty(t, found.Files)
		require.Contains(t, found.Unusable, "its voicemail")
		requireNoSecret(t, found.Unusable)
	}
}

func TestVoicemailThatComesLaterIsAskedForAgain(t *testing.T) {
	for _, status := range []string{"call_in_progress", "media_in_progress", "partial_download_failed"} {
		_, err := askVoicemail(t, 200, `{"status":"`+status+`","voicemail recording":[]}`)
		requireError(t, err, failure.Transient, "not ready yet")
	}
}

func TestErrorsOfVoicemailAreClassifiedAsThoseOfRecordings(t *testing.T) {
	for _, row := range []struct {
		status int
		body   string
		kind   failure.Kind
		says   string
	}{
		{401, envelope(4002, "Permission denied. Scope is incorrect!"), failure.Blocked, `scope "SmartAssist Voicemail" and publish the bot`},
		{200, envelope(4002, "Permission denied. Scope is incorrect!"), failure.Blocked, `scope "SmartAssist Voicemail"`},
		{429, envelope(429, "Rate limit for this API has been reached. Please try again later"), failure.RateLimited, "budget is spent"},
		{412, envelope(412, "Validation errors/ Invalid arguments"), failure.Rejected, "check botId and sessionId"},
		{503, "", failure.Transient, "unavailable"},
		{200, `{}`, failure.Transient, "no status and no voicemail"},
		{200, `[]`, failure.Transient, "not the JSON object"},
		{404, "<pre>Cannot GET /api</pre>", failure.Blocked, "not at this address"},
	} {
		_, err := askVoicemail(t, row.status, row.body)
		requireError(t, err, row.kind, row.says)
	}
}

func requireError(t *testing.T, err error, kind failure.Kind, says string) {
	t.Helper()
	var got *smartassist.Error
	require.ErrorAs(t, err, &got)
	require.Equal(t, kind, got.Kind, fmt.Sprint(err))
	require.Contains(t, got.Text, says)
	requireNoSecret(t, got.Text)
}

// What lacks a scope is refused for good, whereas wrong credentials concern every call.
func TestMissingScopeIsToldFromWrongCredentials(t *testing.T) {
	for _, row := range []struct {
		status int
		text   string
		want   bool
	}{
		{401, "Permission denied. Scope is incorrect!", true}, {403, "Permission denied. Scope is incorrect!", true}, {200, "Permission denied. Scope is incorrect!", true},
		{401, "Invalid SDK credentials", false}, {401, "error verifying the jwt: possibly a replay", false}, {403, "Bot not found", false},
	} {
		_, err := askVoicemail(t, row.status, envelope(4002, row.text))
		var got *smartassist.Error
		require.ErrorAs(t, err, &got)
		require.Equal(t, []any{failure.Blocked, row.want}, []any{got.Kind, got.ScopeMissing}, row.text)
	}
}
