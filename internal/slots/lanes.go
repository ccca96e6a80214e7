package slots

import (
	"context"
	"fmt"
	"maps"
	"sync"
	"time"

	"go.temporal.io/sdk/client"
	"golang.org/x/sync/singleflight"

	"github.com/callvault/callvault/internal/account"
	"github.com/callvault/callvault/workflows/callbudget"
)

const (
	// laneTimeout bounds the request for a lane.
	laneTimeout = 3 * time.Second

	// laneKnown is how long a lane is taken to be a batch's before the process asks again:
	// it must not be another one's meanwhile.
	laneKnown = callbudget.LaneIdle / 4
)

// lanes are the lanes of batches, as far as the process knows them.
type lanes struct {
	asked singleflight.Group

	mu    sync.Mutex
	known map[callbudget.LaneRequest]knownLane
}

type knownLane struct {
	lane  int
	until time.Time
}

// Lane returns the lane in which a batch's calls of one level wait. It returns 0, for the
// queue of that level, if all lanes of the bot are taken, or if the budget's workflow does
// not answer.
func (c *Client) Lane(served *account.Account, request callbudget.LaneRequest) int {
	lane, _, _ := c.lanes.asked.Do(fmt.Sprint(request), func() (any, error) {
		if lane, known := c.lanes.find(request); known {
			return lane, nil
		}
		lane := c.askLane(served, request)
		c.lanes.remember(request, lane)
		return lane, nil
	})
	return lane.(int)
}

// askLane asks the budget's workflow for a lane.
func (c *Client) askLane(served *account.Account, request callbudget.LaneRequest) (lane int) {
	ctx, cancel := context.WithTimeout(context.Background(), laneTimeout)
	defer cancel()
	asked, err := c.update(ctx, served, served.BudgetName(request.BotID), callbudget.UpdateAssignLane, request, client.WorkflowUpdateStageCompleted)
	if err == nil {
		err = asked.Get(ctx, &lane)
	}
	if err != nil {
		c.options.Logger.Warn("a batch gets no queue of its own for now: it shares that of its priority", "bot", request.BotID, "batch", request.Batch, "error", err)
	}
	return lane
}

// find returns the lane of a batch if it is known.
func (l *lanes) find(request callbudget.LaneRequest) (lane int, known bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	for _, key := range []callbudget.LaneRequest{request, allTaken(request.BotID)} {
		if found, ok := l.known[key]; ok && now.Before(found.until) {
			return found.lane, true
		}
	}
	return 0, false
}

// remember keeps the answer to a request for a while.
func (l *lanes) remember(request callbudget.LaneRequest, lane int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	maps.DeleteFunc(l.known, func(_ callbudget.LaneRequest, k knownLane) bool { return !now.Before(k.until) })
	if lane == 0 {
		request = allTaken(request.BotID)
	}
	l.known[request] = knownLane{lane, now.Add(laneKnown)}
}

// allTaken is the key under which a bot is kept that has no lane for another batch: it is
// not asked again for each of them.
func allTaken(botID string) callbudget.LaneRequest { return callbudget.LaneRequest{BotID: botID} }
