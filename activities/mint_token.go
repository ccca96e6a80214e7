package activities

import (
	"context"
	"time"

	"go.temporal.io/sdk/activity"

	"github.com/callvault/callvault/internal/seal"
	"github.com/callvault/callvault/internal/smartassist"
	"github.com/callvault/callvault/workflows"
)

// useMargin is how long before its expiry a token is no longer used: the
// vendor's clock may be ahead of ours, and a token that arrives too late comes
// back as a refusal of the credentials.
const useMargin = time.Minute

// MintToken mints the token for one request. It is the permit for that
// request: the Temporal server hands it out at the rate of the bot's budget.
type MintToken struct {
	Bots        Bots
	Credentials smartassist.Credentials
	Sealer      *seal.Sealer
}

// Execute mints the token and seals it for the calling workflow.
func (a *MintToken) Execute(ctx context.Context, input workflows.MintTokenInput) (*workflows.MintTokenResult, error) {
	if err := a.Bots.Serve(input.BotID); err != nil {
		return nil, err
	}
	token, expiresAt, err := a.Credentials.Mint(input.BotID, time.Now())
	if err != nil {
		return nil, err
	}
	usableUntil := expiresAt.Add(-useMargin)
	sealed, err := a.Sealer.Seal(seal.Token, activity.GetInfo(ctx).WorkflowExecution.ID, token, usableUntil)
	if err != nil {
		return nil, err
	}
	return &workflows.MintTokenResult{Token: workflows.SealedText(sealed), ExpiresAt: usableUntil.UTC()}, nil
}
