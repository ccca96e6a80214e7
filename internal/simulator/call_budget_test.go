package simulator

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const otherBotID = "st-fd81a2b1-43af-544d-8082-831bc09c0002"

// getStatusOf makes a status call for a bot.
func (h *harness) getStatusOf(botID string) response {
	h.t.Helper()
	return h.get(h.server.URL+"/api/public/bot/"+botID+"/v2/recordings?sessionId=65e7133a3242653c58d70000", "auth", h.token(nil))
}

func TestSharedBudgetIsThatOfAllBots(t *testing.T) {
	h := newHarness(t, Config{CallsPerMinute: 2, SharedBudget: true, BotIDs: []string{DefaultBotID, otherBotID}})
	require.Equal(t, 200, h.getStatusOf(DefaultBotID).status)
	require.Equal(t, 200, h.getStatusOf(otherBotID).status)
	require.Equal(t, 429, h.getStatusOf(DefaultBotID).status)
	require.Equal(t, 429, h.getStatusOf(otherBotID).status)
	require.NoError(t, h.SetBudget(3, 1800))
	require.Equal(t, 200, h.getStatusOf(otherBotID).status)
	require.Equal(t, 429, h.getStatusOf(DefaultBotID).status, "a changed budget is shared as well")
}

func TestLoweredBudgetCountsTheCallsBeforeIt(t *testing.T) {
	h := newHarness(t, Config{RetryAfter: true})
	for range 10 {
		require.Equal(t, 200, h.getStatusOf(DefaultBotID).status)
		h.clock.Advance(time.Second)
	}
	require.NoError(t, h.SetBudget(5, 1800))
	resp := h.getStatusOf(DefaultBotID)
	requireError(t, resp, 429, 429, msgLimitMinute)
	require.Equal(t, "55", resp.header.Get("Retry-After"), "until the fifth last of the calls is a minute old")
	h.clock.Advance(54 * time.Second)
	require.Equal(t, 429, h.getStatusOf(DefaultBotID).status)
	h.clock.Advance(time.Second)
	require.Equal(t, 200, h.getStatusOf(DefaultBotID).status)
}

func TestRaisedBudgetTakesEffectAtTheNextCall(t *testing.T) {
	h := newHarness(t, Config{CallsPerMinute: 2})
	require.Equal(t, 200, h.getStatusOf(DefaultBotID).status)
	require.Equal(t, 200, h.getStatusOf(DefaultBotID).status)
	require.Equal(t, 429, h.getStatusOf(DefaultBotID).status)
	require.NoError(t, h.SetBudget(3, 1800))
	require.Equal(t, 200, h.getStatusOf(DefaultBotID).status)
	require.Equal(t, 429, h.getStatusOf(DefaultBotID).status)
}

func TestLimitThatIsSetLaterCountsTheCallsBeforeIt(t *testing.T) {
	h := newHarness(t, Config{CallsPerMinute: Unlimited, CallsPerHour: Unlimited})
	for range 3 {
		require.Equal(t, 200, h.getStatusOf(DefaultBotID).status)
		h.clock.Advance(10 * time.Minute)
	}
	require.NoError(t, h.SetBudget(Unlimited, 3))
	requireError(t, h.getStatusOf(DefaultBotID), 429, 429, msgLimitHour)
	h.clock.Advance(30 * time.Minute)
	require.Equal(t, 200, h.getStatusOf(DefaultBotID).status)
}

func TestConfigHasTheBudgetInForce(t *testing.T) {
	h := newHarness(t, Config{})
	require.NoError(t, h.SetBudget(7, Unlimited))
	require.Equal(t, []int{7, Unlimited}, []int{h.Config().CallsPerMinute, h.Config().CallsPerHour})
	require.NoError(t, h.SetBudget(0, 0))
	require.Equal(t, []int{60, 1800}, []int{h.Config().CallsPerMinute, h.Config().CallsPerHour}, "0 is the default")
}

func TestInvalidBudgetIsRefusedAndChangesNothing(t *testing.T) {
	h := newHarness(t, Config{CallsPerMinute: 1})
	require.ErrorContains(t, h.SetBudget(-2, 5), "CallsPerMinute is -2")
	require.ErrorContains(t, h.SetBudget(5, 1_000_001), "CallsPerHour is 1000001")
	require.Equal(t, 1, h.Config().CallsPerMinute)
	require.Equal(t, 200, h.getStatusOf(DefaultBotID).status)
	require.Equal(t, 429, h.getStatusOf(DefaultBotID).status)
}

func TestCallsOfAnotherClientAreCountedAsFarAsThereIsRoom(t *testing.T) {
	h := newHarness(t, Config{CallsPerMinute: 10, CallsPerHour: 12, BotIDs: []string{DefaultBotID, otherBotID}})
	require.Equal(t, 200, h.getStatusOf(DefaultBotID).status)
	require.Equal(t, 4, h.SpendCalls(DefaultBotID, 4))
	require.Equal(t, 5, h.SpendCalls(DefaultBotID, 100), "what the minute has left")
	require.Zero(t, h.SpendCalls(DefaultBotID, 1))
	requireError(t, h.getStatusOf(DefaultBotID), 429, 429, msgLimitMinute)
	require.Equal(t, 200, h.getStatusOf(otherBotID).status, "the other bot's budget is untouched")

	h.clock.Advance(time.Minute)
	require.Equal(t, 2, h.SpendCalls(DefaultBotID, 100), "what the hour has left")
	requireError(t, h.getStatusOf(DefaultBotID), 429, 429, msgLimitHour)
	h.clock.Advance(59 * time.Minute)
	require.Equal(t, 200, h.getStatusOf(DefaultBotID).status)

	require.Equal(t, 3, h.Counts().Accepted, "they are not in the counts")
	require.Len(t, h.Calls(), 5, "nor in the ledger")
}

func TestCallsOfAnotherClientCountAgainstASharedBudget(t *testing.T) {
	h := newHarness(t, Config{CallsPerMinute: 5, SharedBudget: true, BotIDs: []string{DefaultBotID, otherBotID}})
	require.Equal(t, 5, h.SpendCalls(DefaultBotID, 9))
	require.Equal(t, 429, h.getStatusOf(otherBotID).status)
}

func TestCallsOfAnotherClientThatCannotBeCounted(t *testing.T) {
	h := newHarness(t, Config{CallsPerMinute: 5, RefusedCallsCount: true})
	require.Zero(t, h.SpendCalls("st-unknown", 3))
	require.Zero(t, h.SpendCalls(DefaultBotID, -1))
	require.Equal(t, 5, h.SpendCalls(DefaultBotID, 50))
	h.clock.Advance(time.Minute)
	require.Equal(t, 200, h.getStatusOf(DefaultBotID).status, "those without room were never made")
}

func TestCallsOfAnotherClientAreBoundedWithoutALimit(t *testing.T) {
	h := newHarness(t, Config{CallsPerMinute: Unlimited, CallsPerHour: Unlimited})
	require.Equal(t, 1_000_000, h.SpendCalls(DefaultBotID, 2_000_000))
}

func TestGenericLimitTextNamesNoWindow(t *testing.T) {
	h := newHarness(t, Config{CallsPerMinute: 1, CallsPerHour: 2, GenericLimitText: true})
	const text = "Rate limit for this API has been reached. Please try again later"
	require.Equal(t, 200, h.getStatusOf(DefaultBotID).status)
	requireError(t, h.getStatusOf(DefaultBotID), 429, 429, text)
	h.clock.Advance(time.Minute)
	require.Equal(t, 200, h.getStatusOf(DefaultBotID).status)
	h.clock.Advance(time.Minute)
	requireError(t, h.getStatusOf(DefaultBotID), 429, 429, text)
	require.Equal(t, map[Reason]int{ReasonMinute: 1, ReasonHour: 1}, h.Counts().Refused, "the ledger tells them apart")
}
