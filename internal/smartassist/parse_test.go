package smartassist

import (
	"net/url"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/internal/status"
	"github.com/callvault/callvault/workflows"
)

func FuzzSuccessAlwaysHasFiles(f *testing.F) {
	const secret = "hunter2-hunter2-hunter2"
	for _, seed := range []string{
		``, `null`, `{}`, `[]`, `""`, `{"status":"success"}`, `{"status":"success\u0000","recording":[]}`, `{"status":" "}`,
		`{"status":"success","recording":[{"fileName":"a.wav","fileUrl":"https://h/a.wav?e=1&n=2&s=abc$$"}]}`,
		`{"status":"success","recording":[{"fileName":"hunter2-hunter2-hunter2","fileUrl":"https://h/%24%24"}]}`,
		`{"status":"success","recording":[{"fileUrl":"//h"},{"fileUrl":"/h"},{"fileUrl":"h:"}]}`,
		`{"status":"partial_download_failed","recording":[]}`, `{"STATUS":"success","Recording":null}`,
		`{"status":"success","status":"failed","recording":[[]]}`, `{"errors":[{"msg":"Invalid SDK credentials","code":4002}]}`,
		"{\"status\":\"\xff\xfe\"}", `{"status":"eyJhbGciOiJIUzI1NiJ9.e30.x"}`,
	} {
		f.Add([]byte(seed))
	}
	made := call{endpoint: recordings, token: secret}
	f.Fuzz(func(t *testing.T, body []byte) {
		if answer := readAnswer(made, 404, body); answer.concernsSession() {
			require.True(t, isErrorObject(body))
		}
		if answer := readAnswer(made, 200, body); answer.concernsSession() {
			require.True(t, isErrorObject(body))
			_, err := parseResponse(body, secret)
			require.Error(t, err)
		}
		resp, err := parseResponse(body, secret)
		if err != nil {
			require.LessOrEqual(t, len(err.Error()), maxTextBytes)
			return
		}
		require.NotEmpty(t, resp.Status)
		require.Equal(t, resp.Status, Redact(resp.Status, secret), "it was redacted")
		if resp.Status == status.Success {
			require.NotEmpty(t, resp.Files)
		} else {
			require.Empty(t, resp.Files)
		}
		require.LessOrEqual(t, len(resp.Files), maxFiles)
		for _, file := range resp.Files {
			address, err := url.Parse(file.URL)
			require.NoError(t, err)
			require.NotEmpty(t, address.Host)
			require.LessOrEqual(t, len(file.URL), maxURLBytes)
			require.True(t, utf8.ValidString(file.Name))
			require.LessOrEqual(t, len(file.Name), 3*maxNameBytes)
			require.NotContains(t, file.Name, secret)
		}
	})
}

func FuzzSessionsAreThoseAskedForWithTimesThatCanBe(f *testing.F) {
	asked := []string{"65e7133a3242653c58d7aaaa", "65e7133a3242653c58d7bbbb", "odd", "65e7133a3242653c58d7aaaa"}
	now := time.Date(2026, 3, 5, 12, 0, 0, 0, time.UTC)
	for _, seed := range []string{
		``, `null`, `{}`, `[]`, `{"sessions":null}`, `{"sessions":[]}`, `{"sessions":[null,{}]}`, `{"sessions":[7]}`, `{"sessions":[]}x`,
		`{"sessions":[{"sessionId":"65e7133a3242653c58d7aaaa","sessionStatus":"closed","end_time":"2024-03-05T12:43:37.518Z"}]}`,
		`{"sessions":[{"sessionId":"odd","sessionStatus":"closed","end_time":"2024-03-05T12:43:37.518Z"}]}`,
		`{"sessions":[{"sessionId":"65e7133a3242653c58d7bbbb","sessionStatus":"active","end_time":null},{"sessionId":"65e7133a3242653c58d7bbbb"}]}`,
		`{"SESSIONS":[{"SessionID":"65e7133a3242653c58d7bbbb","sessionStatus":"Closed","end_time":"9999-12-31T23:59:59Z"}]}`,
		`{"errors":[{"msg":"Session not found","code":404}]}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		states, err := parseSessions(body, asked, now)
		if err != nil {
			require.Empty(t, states)
			return
		}
		seen := map[string]bool{}
		for _, state := range states {
			require.Contains(t, asked, state.SessionID)
			require.False(t, seen[state.SessionID])
			seen[state.SessionID] = true
			if state.EndedAt.IsZero() {
				continue
			}
			require.True(t, state.Closed)
			begin, err := workflows.Session{SessionID: state.SessionID}.CallTime()
			require.NoError(t, err)
			require.False(t, state.EndedAt.Before(begin))
			require.False(t, state.EndedAt.After(now.Add(maxEndAhead)))
			require.Equal(t, time.UTC, state.EndedAt.Location())
		}
	})
}
