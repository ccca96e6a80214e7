package account

import "github.com/callvault/callvault/workflows"

// Attachments returns the kinds of attachments that cost calls of the vendor's API of their
// own, as far as the account keeps them.
func (s Settings) Attachments() []workflows.AttachmentKind {
	var kinds []workflows.AttachmentKind
	if s.Transcript {
		kinds = append(kinds, workflows.AttachmentTranscript)
	}
	if s.Voicemail {
		kinds = append(kinds, workflows.AttachmentVoicemail)
	}
	return kinds
}

// MessageHistory returns the account with the call budget of the vendor's conversation history,
// whose limits are those of the session list, for each bot (vendor docs). Its name is the
// bot's and ".messages".
func (a *Account) MessageHistory() *Account { return a.withBudgetOf(".messages") }

// VoicemailBox returns the account with the call budget of the vendor's voicemail. Its limits
// are not documented, and are taken for those of the session list until the vendor corrects
// them. Its name is the bot's and ".voicemail".
func (a *Account) VoicemailBox() *Account { return a.withBudgetOf(".voicemail") }

func (a *Account) withBudgetOf(suffix string) *Account {
	other := *a
	other.Budget = Budget{Scope: PerBot, Windows: sessionListWindows}
	other.budgetSuffix = suffix
	return &other
}
