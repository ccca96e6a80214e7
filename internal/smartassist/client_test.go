package smartassist_test

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/internal/failure"
	"github.com/callvault/callvault/internal/smartassist"
	"github.com/callvault/callvault/workflows"
)

func TestRequestMatchesVendorDocumentation(t *testing.T) {
	for name, c := range map[string]struct {
		botID, sessionID, userID string
		wantPath, wantQuery      string
	}{
		"as in the vendor's sample": {botID, sessionID, "", "/api/public/bot/" + botID + "/v2/recordings", "sessionId=" + sessionID},
		"with a user":               {botID, sessionID, "anna", "/api/public/bot/" + botID + "/v2/recordings", "sessionId=" + sessionID + "&userId=anna"},
		"user with odd characters":  {botID, sessionID, "a+b&c=d é@x/#?", "/api/public/bot/" + botID + "/v2/recordings", "sessionId=" + sessionID + "&userId=a%2Bb%26c%3Dd+%C3%A9%40x%2F%23%3F"},
		"odd session":               {botID, "65&userId=x", "", "/api/public/bot/" + botID + "/v2/recordings", "sessionId=65%26userId%3Dx"},
		"bot with a slash":          {"st-1/../st-2", sessionID, "", "/api/public/bot/st-1%2F..%2Fst-2/v2/recordings", "sessionId=" + sessionID},
		"bot that is dots":          {"..", sessionID, "", "/api/public/bot/../v2/recordings", "sessionId=" + sessionID},
		"bot with a query":          {"st-1?x=1#y", sessionID, "", "/api/public/bot/st-1%3Fx=1%23y/v2/recordings", "sessionId=" + sessionID},
		"bot with a percent sign":   {"st-1%2F%zz é", sessionID, "", "/api/public/bot/st-1%252F%25zz%20%C3%A9/v2/recordings", "sessionId=" + sessionID},
	} {
		t.Run(name, func(t *testing.T) {
			seen := make(chan *http.Request, 1)
			client := serve(t, func(w http.ResponseWriter, r *http.Request) {
				seen <- r
				_, _ = io.WriteString(w, `{"status":"call_in_progress","recording":[]}`)
			})
			_, err := client.FetchRecordings(t.Context(), "the.raw.token", workflows.Session{BotID: c.botID, SessionID: c.sessionID}, c.userID)
			require.NoError(t, err)
			request := <-seen
			require.Equal(t, http.MethodGet, request.Method)
			require.Equal(t, c.wantPath+"?"+c.wantQuery, request.RequestURI)
			require.Equal(t, []string{"the.raw.token"}, request.Header["Auth"], `the raw token, no "Bearer"`)
			require.Equal(t, "application/json", request.Header.Get("Content-Type"))
			require.Empty(t, request.Header.Get("Authorization"))
			require.Empty(t, request.Header.Get("Cookie"))
			body, err := io.ReadAll(request.Body)
			require.NoError(t, err)
			require.Empty(t, body)
		})
	}
}

// sample is the example response on the vendor's page.
const sample = `{
   "status": "success",
   "recording": [
       {
           "fileName": "22d8ca62d5c430a03a8d06999289a7c0-merged.wav",
           "fileUrl": "https://uat-smartassist.kore.ai/api/getMediaStream/smartassistrecording/UAT/o-ddda92ea-9174-5c0d-8938-4b5f13abxxxx/st-fd81a2b1-43af-544d-8082-831bc09cxxxx/2024/05-03-2024/f-4a76076d-56f1-5b99-999f-5c760568405a.wav?e=1709706278&n=6398115875&s=InpqMWpnVzRkajFlc1RZeGVzaDBHM2pwWFFibzVwcEloTkkrSW5UbTZ0ek09Ig$$"
       }
   ]
}`

func TestVendorSampleResponseIsParsed(t *testing.T) {
	resp, err := ask(t, serve(t, responding(200, sample)))
	require.NoError(t, err)
	require.Equal(t, "success", resp.Status)
	require.Len(t, resp.Files, 1)
	require.Equal(t, "22d8ca62d5c430a03a8d06999289a7c0-merged.wav", resp.Files[0].Name)
	require.Contains(t, sample, `"`+resp.Files[0].URL+`"`, "byte for byte")
	require.True(t, strings.HasSuffix(resp.Files[0].URL, "Ig$$"))
}

func TestExtraFieldsAndOddFormattingAreAccepted(t *testing.T) {
	for name, body := range map[string]string{
		"extra keys":                     `{"status":"success","code":7,"meta":{"a":[1]},"recording":[{"fileName":"a.wav","fileUrl":"https://h/a","size":1}]}`,
		"another order and white space":  "\n{\"recording\":[{\"fileUrl\":\"https://h/a\",\"fileName\":\"a.wav\"}],\"status\":\"success\"}\r\n\n",
		"a space around the status":      `{"status":" success ","recording":[{"fileName":"a.wav","fileUrl":"https://h/a"}]}`,
		"an escaped slash and ampersand": `{"status":"success","recording":[{"fileName":"a.wav","fileUrl":"https:\/\/h\/a"}]}`,
	} {
		resp, err := ask(t, serve(t, responding(200, body)))
		require.NoError(t, err, name)
		require.Equal(t, &smartassist.Response{Status: "success", Files: []smartassist.File{{Name: "a.wav", URL: "https://h/a"}}}, resp, name)
	}
}

func TestAllFilesOfACallAreReturned(t *testing.T) {
	resp, err := ask(t, serve(t, responding(200, listing(100))))
	require.NoError(t, err)
	require.Len(t, resp.Files, 100)
	require.Equal(t, smartassist.File{Name: "99.wav", URL: "https://h/99.wav?s=1"}, resp.Files[99])
}

func listing(files int) string {
	entries := make([]string, files)
	for i := range entries {
		entries[i] = fmt.Sprintf(`{"fileName":"%d.wav","fileUrl":"https://h/%d.wav?s=1"}`, i, i)
	}
	return `{"status":"success","recording":[` + strings.Join(entries, ",") + `]}`
}

func TestStatusOtherThanSuccessNeedsNoFiles(t *testing.T) {
	for _, recording := range []string{`[]`, `null`, `"none"`, `{}`, `[{"fileUrl":""}]`} {
		resp, err := ask(t, serve(t, responding(200, `{"status":"media_in_progress","recording":`+recording+`}`)))
		require.NoError(t, err, recording)
		require.Equal(t, &smartassist.Response{Status: "media_in_progress"}, resp)
	}
}

func TestUnusableResponseIsTransient(t *testing.T) {
	for name, c := range map[string]struct{ body, says string }{
		"nothing":                    {``, "not the JSON object"},
		"HTML":                       {`<html>sign in</html>`, "not the JSON object"},
		"half a document":            {sample[:200], "not the JSON object"},
		"an array":                   {`[]`, "not the JSON object"},
		"a string":                   {`"success"`, "not the JSON object"},
		"null":                       {`null`, "no status"},
		"no status":                  {`{"recording":[]}`, "no status"},
		"an empty status":            {`{"status":"","recording":[]}`, "no status"},
		"a blank status":             {`{"status":" \u0000 ","recording":[]}`, "no status"},
		"a status that is null":      {`{"status":null}`, "no status"},
		"a status that is a number":  {`{"status":1}`, "not the JSON object"},
		"a status that is an object": {`{"status":{}}`, "not the JSON object"},
		"trailing garbage":           {sample + "x", "data after"},
		"two documents":              {`{"status":"failed"}{"status":"success"}`, "data after"},
		"success without files":      {`{"status":"success"}`, "lists no files"},
		"success with an empty list": {`{"status":"success","recording":[]}`, "lists no files"},
		"success with null":          {`{"status":"success","recording":null}`, "lists no files"},
		"success in odd white space": {`{"status":"success\u0000","recording":[]}`, "lists no files"},
		"success with an object":     {`{"status":"success","recording":{"fileUrl":"https://h/a"}}`, "not a list"},
		"success with strings":       {`{"status":"success","recording":["data:audio/wav;base64,AA"]}`, "not a list"},
		"a name that is a number":    {`{"status":"success","recording":[{"fileName":1,"fileUrl":"https://h/a"}]}`, "not a list"},
		"a URL that is missing":      {`{"status":"success","recording":[{"fileName":"a"}]}`, "file 1 has no fileUrl"},
		"a second URL missing":       {`{"status":"success","recording":[{"fileUrl":"https://h/a"},{"fileUrl":null}]}`, "file 2 has no fileUrl"},
		"a relative URL":             {`{"status":"success","recording":[{"fileUrl":"/api/getMediaStream/a.wav"}]}`, "not a valid URL"},
		"an unparsable URL":          {`{"status":"success","recording":[{"fileUrl":"https://h:port/%zz"}]}`, "not a valid URL"},
		"a second URL not valid":     {`{"status":"success","recording":[{"fileUrl":"https://h/a"},{"fileUrl":"/a"}]}`, "the fileUrl of file 2 is not a valid URL"},
		"an overlong URL":            {`{"status":"success","recording":[{"fileUrl":"https://h/` + strings.Repeat("a", 9000) + `"}]}`, "not a valid URL"},
		"more files than a call has": {listing(101), "101 files"},
	} {
		t.Run(name, func(t *testing.T) {
			got := requireFailure(t, serve(t, responding(200, c.body, "Content-Type", "text/html; charset=utf-8")))
			require.Equal(t, failure.Transient, got.Kind)
			require.Equal(t, 200, got.Status)
			require.Contains(t, got.Text, c.says)
			require.Contains(t, got.Text, "text/html", "the declared type helps to see what responded")
		})
	}
}

func TestResponseSizeIsBounded(t *testing.T) {
	padded := func(length int) string {
		const frame = `{"status":"failed","x":""}`
		return `{"status":"failed","x":"` + strings.Repeat("x", length-len(frame)) + `"}`
	}
	resp, err := ask(t, serve(t, responding(200, padded(1<<20))))
	require.NoError(t, err)
	require.Equal(t, "failed", resp.Status)

	got := requireFailure(t, serve(t, responding(200, padded(1<<20+1))))
	require.Equal(t, failure.Transient, got.Kind)
	require.Contains(t, got.Text, "longer than 1048576 bytes")
}

func TestEndlessResponseIsAbandoned(t *testing.T) {
	for _, status := range []int{200, 500} {
		gone := make(chan struct{})
		got := requireFailure(t, serve(t, func(w http.ResponseWriter, _ *http.Request) {
			defer close(gone)
			w.WriteHeader(status)
			for {
				if _, err := w.Write(make([]byte, 64<<10)); err != nil {
					return
				}
			}
		}))
		require.Equal(t, failure.Transient, got.Kind)
		<-gone
	}
}

func TestSecretsAreRedactedFromStatusAndName(t *testing.T) {
	body := fmt.Sprintf(`{"status":"denied for %s","recording":[]}`, token)
	resp, err := ask(t, serve(t, responding(200, body)))
	require.NoError(t, err)
	require.Equal(t, "denied for [redacted]", resp.Status)

	for _, name := range []string{token, "a-" + token + ".wav", "https://h/a.wav?e=1&s=canary", "a.wav?e=1&sig=canary", "eyJhbGciOiJIUzI1NiJ9.e30.canary"} {
		resp, err = ask(t, serve(t, responding(200, fmt.Sprintf(`{"status":"success","recording":[{"fileName":%q,"fileUrl":"https://h/a"}]}`, name))))
		require.NoError(t, err)
		requireNoSecret(t, resp.Files[0].Name)
	}
}

func TestUnusualFileNameIsKeptUnchanged(t *testing.T) {
	for _, name := range []string{"Gespräch mit Anna (1).wav", "../../etc/passwd", "a?b.wav", `C:\x.wav`} {
		resp, err := ask(t, serve(t, responding(200, fmt.Sprintf(`{"status":"success","recording":[{"fileName":%s,"fileUrl":"https://h/a"}]}`, quoted(name)))))
		require.NoError(t, err)
		require.Equal(t, name, resp.Files[0].Name)
	}
	resp, err := ask(t, serve(t, responding(200, `{"status":"success","recording":[{"fileName":"`+strings.Repeat("é", 4096)+`","fileUrl":"https://h/a"}]}`)))
	require.NoError(t, err)
	require.Equal(t, strings.Repeat("é", 512), resp.Files[0].Name, "at most 1 KiB")
}

func quoted(text string) string { return `"` + strings.ReplaceAll(text, `\`, `\\`) + `"` }

func TestURLLengthIsBounded(t *testing.T) {
	const frame = "https://h/"
	for length, accepted := range map[int]bool{8192: true, 8193: false} {
		address := frame + strings.Repeat("a", length-len(frame))
		resp, err := ask(t, serve(t, responding(200, `{"status":"success","recording":[{"fileUrl":"`+address+`"}]}`)))
		if accepted {
			require.NoError(t, err)
			require.Equal(t, address, resp.Files[0].URL)
			continue
		}
		require.ErrorContains(t, err, "at most 8192 bytes")
	}
}

// A shorter user id occurs in almost any name.
func TestUserIDOfFourBytesIsRedactedFromAName(t *testing.T) {
	client := serve(t, responding(200, `{"status":"success","recording":[{"fileName":"call of anna.wav","fileUrl":"https://h/a"}]}`))
	for userID, want := range map[string]string{"anna": "call of [redacted].wav", "ann": "call of anna.wav"} {
		resp, err := client.FetchRecordings(t.Context(), token, session, userID)
		require.NoError(t, err)
		require.Equal(t, want, resp.Files[0].Name)
	}
}

func TestUserIDInAnotherFormIsRedactedFromAName(t *testing.T) {
	for _, name := range []string{"call of CANARY.USER@example.com.wav", "call of canary.user%40example.com.wav", "call of canary.user.wav", "call of ca\\u200bnary.user@example.com.wav"} {
		resp, err := ask(t, serve(t, responding(200, `{"status":"success","recording":[{"fileName":"`+name+`","fileUrl":"https://h/a"}]}`)))
		require.NoError(t, err)
		require.Equal(t, "call of [redacted].wav", resp.Files[0].Name)
	}
}

// A documented status reveals nothing, and must keep its meaning.
func TestDocumentedStatusIsNotRedacted(t *testing.T) {
	client := serve(t, responding(200, `{"status":"media_in_progress","recording":[]}`))
	for _, userID := range []string{"media@example.com", "Media", "progress"} {
		resp, err := client.FetchRecordings(t.Context(), token, session, userID)
		require.NoError(t, err)
		require.Equal(t, "media_in_progress", resp.Status)
	}
}

func TestStatusLengthIsBounded(t *testing.T) {
	resp, err := ask(t, serve(t, responding(200, `{"status":"`+strings.Repeat("é", 4096)+`"}`)))
	require.NoError(t, err)
	require.LessOrEqual(t, len(resp.Status), 300)
	require.True(t, strings.HasSuffix(resp.Status, "é…"))
}

func TestBaseURLPathIsKept(t *testing.T) {
	seen := make(chan string, 1)
	server := serveRaw(t, func(w http.ResponseWriter, r *http.Request) {
		seen <- r.URL.Path
		_, _ = io.WriteString(w, `{"status":"failed"}`)
	})
	base, err := url.Parse(server + "/gateway/")
	require.NoError(t, err)
	_, err = ask(t, smartassist.NewClient(smartassist.Config{BaseURL: base}))
	require.NoError(t, err)
	require.Equal(t, "/gateway/api/public/bot/"+botID+"/v2/recordings", <-seen)
}
