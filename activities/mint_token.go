package activities

import (
	"context"
	"time"

	"go.temporal.io/sdk/activity"

	"github.com/callvault/callvault/internal/account"
	"github.com/callvault/callvault/internal/seal"
	"github.com/callvault/callvault/internal/timing"
	"github.com/callvault/callvault/workflows/fetchrecording"
)

// MintToken mints the token for one request. It is the slot for that call: the
// Temporal server hands slots out at the rate of the bot's budget.
type MintToken struct {
	Account *account.Account
}

// Execute mints the token and seals it for the calling workflow.
func (a *MintToken) Execute(ctx context.Context, input fetchrecording.MintTokenInput) (*fetchrecording.MintTokenResult, error) {
	if err := a.Account.Serves(input.BotID); err != nil {
		return nil, activityError(err)
	}
	now := time.Now()
	token, expiresAt, err := a.Account.Credentials.Mint(input.BotID, now)
	if err != nil {
		return nil, err
	}
	usableUntil := now.Add(timing.TokenUse)
	if limit := expiresAt.Add(-timing.TokenMargin); limit.Before(usableUntil) {
		usableUntil = limit
	}
	sealed, err := a.Account.Sealer.Seal(seal.Token, activity.GetInfo(ctx).WorkflowExecution.ID, token, usableUntil)
	if err != nil {
		return nil, err
	}
	return &fetchrecording.MintTokenResult{Token: fetchrecording.SealedText(sealed), ExpiresAt: usableUntil.UTC()}, nil
}
