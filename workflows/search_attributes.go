package workflows

import (
	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"
)

// The search attributes of a fetch. None holds personal data.
var (
	SearchAttributeBot      = temporal.NewSearchAttributeKeyKeyword("CallvaultBot")
	SearchAttributeBatch    = temporal.NewSearchAttributeKeyKeyword("CallvaultBatch")
	SearchAttributePhase    = temporal.NewSearchAttributeKeyKeyword("CallvaultPhase")
	SearchAttributeOutcome  = temporal.NewSearchAttributeKeyKeyword("CallvaultOutcome")
	SearchAttributeCallTime = temporal.NewSearchAttributeKeyTime("CallvaultCallTime")

	// SearchAttributeChecks counts the calls of the vendor's API, as of the latest
	// change of the phase.
	SearchAttributeChecks = temporal.NewSearchAttributeKeyInt64("CallvaultChecks")

	// SearchAttributePurgeAt is when the vendor purges the session's recording. A fetch sets
	// it when it has to wait soon before that, and it stays when the fetch has ended: it
	// is an alarm of those that run.
	SearchAttributePurgeAt = temporal.NewSearchAttributeKeyTime("CallvaultPurgeAt")
)

// SearchAttributeTypes maps the name of each search attribute to the type
// with which a namespace has to register it.
func SearchAttributeTypes() map[string]enumspb.IndexedValueType {
	types := make(map[string]enumspb.IndexedValueType)
	for _, key := range []temporal.SearchAttributeKey{
		SearchAttributeBot, SearchAttributeBatch, SearchAttributePhase, SearchAttributeOutcome, SearchAttributeCallTime, SearchAttributeChecks, SearchAttributePurgeAt,
	} {
		types[key.GetName()] = key.GetValueType()
	}
	return types
}

// KeywordIn returns a keyword among search attributes as the server lists them; it is empty
// if there is none.
func KeywordIn(listed *commonpb.SearchAttributes, key temporal.SearchAttributeKeyKeyword) string {
	var keyword string
	if payload := listed.GetIndexedFields()[key.GetName()]; payload != nil {
		_ = converter.GetDefaultDataConverter().FromPayload(payload, &keyword) // Then it is none.
	}
	return keyword
}

// SearchAttributes returns the attributes with which a fetch of r starts, so that
// setting them costs no billable action of its own. r must be valid.
func (r FetchRequest) SearchAttributes() temporal.SearchAttributes {
	updates := []temporal.SearchAttributeUpdate{
		SearchAttributeBot.ValueSet(r.BotID),
		SearchAttributePhase.ValueSet(string(PhaseChecking)),
	}
	if callTime, err := r.CallTime(); err == nil {
		updates = append(updates, SearchAttributeCallTime.ValueSet(callTime))
	}
	if r.BatchID != "" {
		updates = append(updates, SearchAttributeBatch.ValueSet(r.BatchID))
	}
	return temporal.NewSearchAttributes(updates...)
}
