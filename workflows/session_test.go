package workflows_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/workflows"
)

func TestIDsHaveTheirForms(t *testing.T) {
	const digits = "65e7133a3242653c58d7"
	for botID, isValid := range map[string]bool{
		"":                              false,
		"st-":                           false,
		"st-0":                          true,
		"st-azAZ09-":                    true,
		"ST-1":                          false,
		"xst-1":                         false,
		"st_1":                          false,
		"st-" + strings.Repeat("x", 64): true,
		"st-" + strings.Repeat("x", 65): false,
		"st-1\n":                        false,
		"st-1/2":                        false, // beside the digits and letters of ASCII
		"st-1:2":                        false,
		"st-a@b":                        false,
		"st-a[b":                        false,
		"st-a`b":                        false,
		"st-a{b":                        false,
		"st-é":                          false,
		"st-\xff":                       false,
	} {
		require.Equal(t, isValid, workflows.ValidateBotID(botID) == nil, "%q", botID)
	}
	for sessionID, isValid := range map[string]bool{
		"":                   false,
		digits + "09af":      true,
		digits + "000":       false,
		digits + "00000":     false,
		digits + "000A":      false,
		digits + "000F":      false,
		digits + "000g":      false,
		digits + "000/":      false,
		digits + "000:":      false,
		digits + "000`":      false,
		digits + "000\n":     false,
		digits + "00é":       false, // 24 bytes
		digits + "00é0":      false,
		digits + "000\xff":   false,
		" " + digits + "000": false,
	} {
		err := workflows.Session{BotID: botID, SessionID: sessionID}.ValidateFor("", time.Time{})
		require.Equal(t, isValid, err == nil, "%q", sessionID)
	}
}

func TestSessionAndItsUserAreCheckedTogether(t *testing.T) {
	now := time.Date(2026, 3, 5, 12, 0, 0, 0, time.UTC)
	require.NoError(t, session.ValidateFor("u@example.com", now))
	err := workflows.Session{SessionID: "ffffffff3242653c58d7aaaa"}.ValidateFor("a\nb", now)
	require.ErrorContains(t, err, "botId is empty")
	require.ErrorContains(t, err, "is in the future (now is 2026-03-05T12:00:00Z)")
	require.ErrorContains(t, err, "userId holds control characters")
	require.NoError(t, workflows.Session{BotID: botID, SessionID: "ffffffff3242653c58d7aaaa"}.ValidateFor("", time.Time{}), "the time is not checked")
}
