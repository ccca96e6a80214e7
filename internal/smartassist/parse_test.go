package smartassist

import (
	"net/url"
	"testing"
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
	f.Fuzz(func(t *testing.T, body []byte) {
		if answer := readAnswer(404, body, workflows.Session{}, secret); answer.concernsSession() {
			require.True(t, isErrorObject(body))
		}
		if answer := readAnswer(200, body, workflows.Session{}, secret); answer.concernsSession() {
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
