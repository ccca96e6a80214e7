package slots_test

import (
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/internal/account"
	"github.com/callvault/callvault/workflows/callbudget"
)

// laneKnown is how long the answer to a request for a lane is believed.
const laneKnown = 30 * time.Second

func laneOf(botID, batch string) callbudget.LaneRequest {
	return callbudget.LaneRequest{BotID: botID, Batch: batch, Level: 8}
}

// lanesHarness answers requests for lanes with a function.
func lanesHarness(t *testing.T, lanes func(callbudget.LaneRequest) (int, error)) *harness {
	t.Helper()
	h := newHarness(t, time.Minute, account.PerBot)
	h.lanes = lanes
	return h
}

func TestLaneIsAskedForOnceInAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := lanesHarness(t, func(callbudget.LaneRequest) (int, error) { return 3, nil })
		require.Equal(t, 3, h.client.Lane(h.account, laneOf(botA, "july")))
		time.Sleep(laneKnown - time.Second)
		require.Equal(t, 3, h.client.Lane(h.account, laneOf(botA, "july")))
		require.Equal(t, []callbudget.LaneRequest{laneOf(botA, "july")}, h.laneAsks)
		time.Sleep(time.Second)
		h.client.Lane(h.account, laneOf(botA, "july"))
		require.Len(t, h.laneAsks, 2)
	})
}

func TestFetchesThatStartTogetherAskOnceForTheLaneOfTheirBatch(t *testing.T) {
	h := lanesHarness(t, func(callbudget.LaneRequest) (int, error) { return 1, nil })
	var all sync.WaitGroup
	for range 100 {
		all.Go(func() { h.client.Lane(h.account, laneOf(botA, "july")) })
	}
	all.Wait()
	require.Len(t, h.laneAsks, 1)
}

// Somebody may give each fetch a batch of its own.
func TestWhileAllLanesOfABotAreTakenNoOtherBatchIsAskedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		taken := true
		h := lanesHarness(t, func(request callbudget.LaneRequest) (int, error) {
			if request.BotID == botA && taken {
				return 0, nil
			}
			return 1, nil
		})
		require.Zero(t, h.client.Lane(h.account, laneOf(botA, "july")))
		require.Zero(t, h.client.Lane(h.account, laneOf(botA, "august")))
		require.Equal(t, 1, h.client.Lane(h.account, laneOf(botB, "august")), "another bot's may be free")
		require.Len(t, h.laneAsks, 2)
		taken = false
		time.Sleep(laneKnown)
		require.Equal(t, 1, h.client.Lane(h.account, laneOf(botA, "august")))
	})
}

func TestBatchSharesAQueueWhileTheBudgetDoesNotAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		failing := errors.New("the server is unavailable")
		h := lanesHarness(t, func(callbudget.LaneRequest) (int, error) { return 2, failing })
		require.Zero(t, h.client.Lane(h.account, laneOf(botA, "july")))
		failing = nil
		time.Sleep(laneKnown)
		require.Equal(t, 2, h.client.Lane(h.account, laneOf(botA, "july")))
	})
}
