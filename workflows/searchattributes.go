package workflows

import (
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"
)

// The search attributes of a fetch. None holds personal data.
var (
	SearchAttributeBot      = temporal.NewSearchAttributeKeyKeyword("CallvaultBot")
	SearchAttributeBatch    = temporal.NewSearchAttributeKeyKeyword("CallvaultBatch")
	SearchAttributePhase    = temporal.NewSearchAttributeKeyKeyword("CallvaultPhase")
	SearchAttributeOutcome  = temporal.NewSearchAttributeKeyKeyword("CallvaultOutcome")
	SearchAttributeCallTime = temporal.NewSearchAttributeKeyTime("CallvaultCallTime")
)

// SearchAttributeTypes maps the name of each search attribute to the type
// with which a namespace has to register it.
func SearchAttributeTypes() map[string]enumspb.IndexedValueType {
	types := make(map[string]enumspb.IndexedValueType)
	for _, key := range []temporal.SearchAttributeKey{
		SearchAttributeBot, SearchAttributeBatch, SearchAttributePhase, SearchAttributeOutcome, SearchAttributeCallTime,
	} {
		types[key.GetName()] = key.GetValueType()
	}
	return types
}

// SearchAttributes are what a fetch of req is started with, so that setting
// them costs no action of its own. req must be valid.
func (r FetchRequest) SearchAttributes() temporal.SearchAttributes {
	updates := []temporal.SearchAttributeUpdate{
		SearchAttributeBot.ValueSet(r.BotID),
		SearchAttributePhase.ValueSet(string(PhaseChecking)),
	}
	if callTime, err := CallTime(r.SessionID); err == nil {
		updates = append(updates, SearchAttributeCallTime.ValueSet(callTime))
	}
	if r.BatchID != "" {
		updates = append(updates, SearchAttributeBatch.ValueSet(r.BatchID))
	}
	return temporal.NewSearchAttributes(updates...)
}

// completeSearchAttributes sets what the starter left out, which is
// everything when the start was the JSON input alone, and answers the phase
// that is set now.
func completeSearchAttributes(ctx workflow.Context, req FetchRequest) (Phase, error) {
	present := workflow.GetTypedSearchAttributes(ctx)
	phase, ok := present.GetKeyword(SearchAttributePhase)
	if ok && present.ContainsKey(SearchAttributeBot) {
		return Phase(phase), nil
	}
	return PhaseChecking, workflow.UpsertTypedSearchAttributes(ctx, req.SearchAttributes().Copy())
}
