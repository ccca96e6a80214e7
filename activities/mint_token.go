package activities

import (
	"context"
	"fmt"
	"time"

	"go.temporal.io/sdk/activity"

	"github.com/callvault/callvault/internal/account"
	"github.com/callvault/callvault/internal/failure"
	"github.com/callvault/callvault/internal/seal"
	"github.com/callvault/callvault/internal/timing"
	"github.com/callvault/callvault/workflows/callbudget"
	"github.com/callvault/callvault/workflows/fetchrecording"
)

// MintToken waits for a call slot of the bot's budget, and mints the token for that
// one request.
type MintToken struct {
	Served *account.Served
	Slots  CallSlots
}

// CallSlots hands out call slots; see [slots.Client].
type CallSlots interface {
	// Take waits for a slot, and returns it with the time until it is to be used.
	Take(ctx context.Context, served *account.Account, want callbudget.Want) (slot *callbudget.Slot, in time.Duration, err error)

	// IsVoid reports whether a slot was withdrawn.
	IsVoid(slot callbudget.Slot) bool

	// Report tells how a call of the account ended that was refused, that needs operator
	// action, that was a probe, or that was not made. The account is nil if it is not
	// served any more.
	Report(ctx context.Context, served *account.Account, report callbudget.CallReport)
}

// Execute waits for the slot, mints the token and seals it for the calling workflow.
func (a *MintToken) Execute(ctx context.Context, input fetchrecording.MintTokenInput) (*fetchrecording.MintTokenResult, error) {
	served, err := a.Served.Of(input.BotID)
	if err != nil {
		return nil, activityError(err)
	}
	level := input.Level
	if level < callbudget.FrontLevel || level > callbudget.LastLevel {
		level = callbudget.LastLevel
	}
	if _, err := served.Credentials.Key.Read(); err != nil { // Before a slot is spent on it.
		return nil, activityError(failure.Wrap(failure.Blocked, fmt.Errorf("no token can be minted: %w", err)))
	}
	slot, in, err := a.Slots.Take(ctx, served, callbudget.Want{BotID: input.BotID, Level: level, Batch: input.BatchID, Suspect: input.Suspect, Front: input.Front})
	if err != nil {
		return nil, activityError(err)
	}
	recordSlotWait(ctx, served, level)
	now := time.Now()
	token, expiresAt, err := served.Credentials.Mint(input.BotID, now)
	if err != nil {
		return nil, activityError(err)
	}
	usableUntil := now.Add(max(in, 0) + timing.TokenUse)
	if limit := expiresAt.Add(-timing.TokenMargin); limit.Before(usableUntil) {
		usableUntil = limit
	}
	sealed, err := served.Sealer.Seal(seal.Token, activity.GetInfo(ctx).WorkflowExecution.ID, token, usableUntil)
	if err != nil {
		return nil, err
	}
	return &fetchrecording.MintTokenResult{Token: fetchrecording.SealedText(sealed), ExpiresAt: usableUntil.UTC(), Slot: slot}, nil
}
