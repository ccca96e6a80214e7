package slots

import (
	"context"
	"slices"
	"sync"
	"time"

	"go.temporal.io/sdk/client"

	"github.com/callvault/callvault/internal/account"
	"github.com/callvault/callvault/internal/timing"
	"github.com/callvault/callvault/workflows/callbudget"
)

const (
	// lanesKnown is how long the lanes of a bot are taken to be what they were. The workflow
	// gives a lane to another batch after LaneIdle, so the process has to ask again well
	// before. After a request that failed it asks again after lanesRetry.
	lanesKnown = callbudget.LaneIdle / 10
	lanesRetry = 10 * time.Second
)

// botLanes are the lanes of a bot, as the budget's workflow told them last.
type botLanes struct {
	mu    sync.Mutex // held during a request: there is one at a time
	lanes []callbudget.Lane
	until time.Time // when they have to be asked for again
	final bool      // no other batch gets a lane until then
}

// Lane returns the lane in which a batch's calls of one level wait. It returns 0, for the
// queue of that level, if all lanes of the bot are taken, or if the budget's workflow does
// not answer.
func (c *Client) Lane(ctx context.Context, served *account.Account, request callbudget.LaneRequest) int {
	c.mu.Lock()
	known := c.lanes[request.BotID]
	if known == nil {
		known = new(botLanes)
		c.lanes[request.BotID] = known
	}
	c.mu.Unlock()
	known.mu.Lock()
	defer known.mu.Unlock()
	lane := known.find(request.Lane)
	if time.Now().Before(known.until) && (lane > 0 || known.final) {
		return lane
	}
	lanes, err := c.askLanes(ctx, served, request)
	if err == nil {
		known.lanes, known.until, known.final = lanes, time.Now().Add(lanesKnown), len(lanes) == callbudget.Lanes
	} else {
		known.until, known.final = time.Now().Add(lanesRetry), true
		c.options.Logger.Warn("a batch may get no queue of its own for now: it shares that of its priority", "bot", request.BotID, "batch", request.Batch, "error", err)
	}
	return known.find(request.Lane)
}

// find returns the number of a lane, or 0.
func (k *botLanes) find(lane callbudget.Lane) int { return slices.Index(k.lanes, lane) + 1 }

// askLanes asks the budget's workflow for a lane, and returns all lanes of the bot.
func (c *Client) askLanes(ctx context.Context, served *account.Account, request callbudget.LaneRequest) (lanes []callbudget.Lane, err error) {
	ctx, cancel := context.WithTimeout(ctx, timing.AskLane)
	defer cancel()
	for {
		asked, err := c.update(ctx, served, served.BudgetName(request.BotID), callbudget.UpdateAssignLane, request, client.WorkflowUpdateStageCompleted)
		if err == nil {
			err = asked.Get(ctx, &lanes)
			return lanes, err
		}
		if !isBusy(err) || ctx.Err() != nil {
			return nil, err
		}
		time.Sleep(takePause)
	}
}
