package slots_test

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"

	"github.com/callvault/callvault/internal/account"
	"github.com/callvault/callvault/workflows/callbudget"
)

// lanesKnown and lanesRetry are how long an answer is believed, and a failure.
const (
	lanesKnown = 30 * time.Second
	lanesRetry = 10 * time.Second
)

// lanesHarness assigns lanes like the budget's workflow, once what a test does before
// that has returned.
type lanesHarness struct {
	*harness
	assigned map[string][]callbudget.Lane
	fails    error
}

func newLanesHarness(t *testing.T, before func()) *lanesHarness {
	t.Helper()
	h := &lanesHarness{harness: newHarness(t, time.Minute, account.PerBot), assigned: make(map[string][]callbudget.Lane)}
	h.lanes = func(request callbudget.LaneRequest) ([]callbudget.Lane, error) {
		if before != nil {
			before()
		}
		if h.fails != nil {
			return nil, h.fails
		}
		lanes := h.assigned[request.BotID]
		for _, lane := range lanes {
			if lane == request.Lane {
				return lanes, nil
			}
		}
		if len(lanes) < callbudget.Lanes {
			h.assigned[request.BotID] = append(lanes, request.Lane)
		}
		return h.assigned[request.BotID], nil
	}
	return h
}

// lane returns the lane of a batch's calls of level 8.
func (h *lanesHarness) lane(t *testing.T, botID, batch string) int {
	t.Helper()
	return h.client.Lane(t.Context(), h.account, callbudget.LaneRequest{BotID: botID, Lane: callbudget.Lane{Batch: batch, Level: 8}})
}

func TestLaneIsAskedForOnceInAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newLanesHarness(t, nil)
		require.Equal(t, 1, h.lane(t, botA, "july"))
		require.Equal(t, 2, h.lane(t, botA, "august"))
		require.Equal(t, 1, h.lane(t, botB, "august"))
		time.Sleep(lanesKnown - time.Second)
		require.Equal(t, 1, h.lane(t, botA, "july"))
		require.Equal(t, 3, h.laneAsks)
		time.Sleep(time.Second)
		require.Equal(t, 1, h.lane(t, botA, "july"))
		require.Equal(t, 4, h.laneAsks)
	})
}

// Somebody may give each fetch a batch of its own.
func TestHoweverManyBatchesComeTheirLanesAreAskedForOneAtATimeAndSeldom(t *testing.T) {
	var underWay, most atomic.Int32
	h := newLanesHarness(t, func() {
		most.Store(max(most.Load(), underWay.Add(1)))
		time.Sleep(10 * time.Millisecond) // Others come meanwhile.
		underWay.Add(-1)
	})
	got := make([]int, 100)
	var all sync.WaitGroup
	for i := range got {
		all.Go(func() { got[i] = h.lane(t, botA, fmt.Sprint(i)) })
	}
	all.Wait()
	require.Equal(t, int32(1), most.Load())
	require.Equal(t, callbudget.Lanes, h.laneAsks)
	for lane := 1; lane <= callbudget.Lanes; lane++ {
		require.Contains(t, got, lane)
	}
}

func TestBatchesKeepTheirLanesWhileOthersGetNone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newLanesHarness(t, nil)
		for range 100 {
			for _, other := range []string{"fifth", "sixth"} {
				if len(h.assigned[botA]) == callbudget.Lanes {
					require.Zero(t, h.lane(t, botA, other))
				}
			}
			for i := range callbudget.Lanes {
				require.Equal(t, i+1, h.lane(t, botA, fmt.Sprint(i)))
			}
			time.Sleep(7 * time.Second)
		}
	})
}

// A process that started later than another one knows none of the lanes.
func TestBatchThatHasALaneAlreadyGetsIt(t *testing.T) {
	h := newLanesHarness(t, nil)
	for i := range callbudget.Lanes {
		h.assigned[botA] = append(h.assigned[botA], callbudget.Lane{Batch: fmt.Sprint(i), Level: 8})
	}
	require.Zero(t, h.lane(t, botA, "fifth"))
	require.Equal(t, 3, h.lane(t, botA, "2"))
	require.Equal(t, 1, h.laneAsks)
}

func TestBatchSharesAQueueWhileTheBudgetDoesNotAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newLanesHarness(t, nil)
		require.Equal(t, 1, h.lane(t, botA, "july"))
		time.Sleep(lanesKnown)
		h.fails = errors.New("the server is unavailable")
		require.Zero(t, h.lane(t, botA, "august"))
		require.Equal(t, 1, h.lane(t, botA, "july"), "as far as is known")
		require.Equal(t, 2, h.laneAsks)
		h.fails = nil
		time.Sleep(lanesRetry)
		require.Equal(t, 2, h.lane(t, botA, "august"))
	})
}

// Too many asks at once, or a budget that continues as new.
func TestLaneIsAskedForAgainIfTheBudgetIsBusy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newLanesHarness(t, nil)
		assign, begin := h.lanes, time.Now()
		h.lanes = func(request callbudget.LaneRequest) ([]callbudget.Lane, error) {
			if time.Since(begin) < time.Second {
				return nil, temporal.NewApplicationError("7 workers wait", callbudget.ErrorTypeBusy)
			}
			return assign(request)
		}
		require.Equal(t, 1, h.lane(t, botA, "july"))
		require.Less(t, h.laneAsks, 100)
	})
}
