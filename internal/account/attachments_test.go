package account_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/internal/account"
	"github.com/callvault/callvault/workflows"
)

func TestAttachmentsThatCostCallsAreKeptIfTheAccountSaysSo(t *testing.T) {
	settings := settingsOf("acme", "st-1")
	settings.CallDetails = true // It costs none.
	require.Empty(t, settings.Attachments())
	settings.Voicemail = true
	require.Equal(t, []workflows.AttachmentKind{workflows.AttachmentVoicemail}, settings.Attachments())
	settings.Transcript = true
	require.Equal(t, []workflows.AttachmentKind{workflows.AttachmentTranscript, workflows.AttachmentVoicemail}, settings.Attachments())
}

func TestVoicemailAndMessagesHaveBudgetsOfTheirOwn(t *testing.T) {
	settings := settingsOf("acme", "st-1")
	settings.Budget.Scope = account.PerAccount
	opened, err := account.Open(settings)
	require.NoError(t, err)
	require.Equal(t, "acme", opened.BudgetName("st-1"))
	require.Equal(t, "st-1.messages", opened.MessageHistory().BudgetName("st-1"))
	require.Equal(t, "st-1.voicemail", opened.VoicemailBox().BudgetName("st-1"))
	require.Equal(t, opened.SessionList().Budget, opened.VoicemailBox().Budget)
	require.Equal(t, opened.SessionList().Budget, opened.MessageHistory().Budget)
}
