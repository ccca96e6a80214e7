package smartassist_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/internal/smartassist"
	"github.com/callvault/callvault/workflows"
)

func TestCauseOfARefusedTokenFollowsFromTheVendorsText(t *testing.T) {
	for msg, cause := range map[string]smartassist.Cause{
		"Invalid SDK credentials":                       smartassist.CauseCredentials,
		"Invalid JWT token":                             smartassist.CauseForm,
		"Permission denied. Scope is incorrect!":        smartassist.CauseScope,
		"error verifying the jwt: possibly a replay":    smartassist.CauseReplay,
		"error verifying the jwt: jwt expired":          smartassist.CauseRules,
		"Unauthorized, in words that nobody knows yet.": "",
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = w.Write([]byte(`{"errors":[{"msg":"` + msg + `","code":4002}]}`))
		}))
		address, err := url.Parse(server.URL)
		require.NoError(t, err)
		_, err = smartassist.NewClient(smartassist.Config{BaseURL: address}).FetchRecordings(t.Context(), "canary-0123456789", workflows.Session{BotID: "st-1", SessionID: "65e7133a3242653c58d7aaaa"}, "")
		var failed *smartassist.Error
		require.ErrorAs(t, err, &failed)
		require.Equal(t, cause, failed.Cause, msg)
		server.Close()
	}
}
