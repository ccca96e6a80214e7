// Package slots gets call slots for one worker process. The calls that wait in the
// process share one request to the workflow of their call budget, and no slot is used
// before the workflow knows: one that is handed out to a process that was killed goes to
// another call.
package slots

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/google/uuid"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"

	"github.com/callvault/callvault/internal/account"
	"github.com/callvault/callvault/internal/failure"
	"github.com/callvault/callvault/internal/timing"
	"github.com/callvault/callvault/workflows"
	"github.com/callvault/callvault/workflows/callbudget"
)

// Options are what [New] needs.
type Options struct {
	// Temporal is where the budgets' workflows are. Required.
	Temporal client.Client

	// Namespace is the one that Temporal works in. Required.
	Namespace string

	// Logger takes what goes wrong. Defaults to slog.Default().
	Logger *slog.Logger

	// YieldLimits: the process serves nothing, so that the limits that it is configured with
	// hold only until a worker has told its own. Defaults to false.
	YieldLimits bool

	// Hold is how long a call waits in the process before it goes back to its queue.
	// Defaults to timing.SlotHold.
	Hold time.Duration
}

// Client gets call slots. It is safe for concurrent use.
type Client struct {
	options Options
	worker  string    // identifies the process
	started time.Time // the latest start decides on the limits

	mu      sync.Mutex
	budgets map[string]*budget
	loads   map[string]*load     // by account
	lanes   map[string]*botLanes // by bot
}

// New returns a client. It makes no request.
func New(options Options) *Client {
	if options.Logger == nil {
		options.Logger = slog.Default()
	}
	if options.Hold == 0 {
		options.Hold = timing.SlotHold
	}
	started := time.Now().UTC()
	if options.YieldLimits {
		started = time.Unix(0, 0).UTC() // The latest start decides on the limits.
	}
	return &Client{options: options, worker: uuid.NewString(), started: started, budgets: make(map[string]*budget), loads: make(map[string]*load), lanes: make(map[string]*botLanes)}
}

// errNoSlotYet means that the call was held for long enough.
var errNoSlotYet = failure.New(failure.NoSlotYet, "no call slot yet: the call goes back to its queue")

// margin is how long before its deadline a call is given back.
const margin = 2 * time.Second

// Take waits for a call slot for a bot of the account, and returns it with the time
// until it is to be used. Its error is of kind [failure.NoSlotYet] if none came while
// the process may hold the call.
func (c *Client) Take(ctx context.Context, served *account.Account, want callbudget.Want) (slot *callbudget.Slot, in time.Duration, err error) {
	hold := c.options.Hold
	if deadline, ok := ctx.Deadline(); ok {
		hold = min(hold, time.Until(deadline)-margin)
	}
	timer := time.NewTimer(hold)
	defer timer.Stop()
	budget := c.budget(served, want.BotID)
	waiting := &waiter{want: want, granted: make(chan grant, 1)}
	budget.join(waiting)
	var stopped <-chan struct{}
	if activity.IsActivity(ctx) {
		stopped = activity.GetWorkerStopChannel(ctx)
	}
	select {
	case got := <-waiting.granted:
		return got.slot, time.Until(got.at), nil
	case <-timer.C:
		err = errNoSlotYet
	case <-stopped:
		err = errNoSlotYet
	case <-ctx.Done():
		err = ctx.Err()
	}
	if got, ok := budget.leave(waiting); ok {
		return got.slot, time.Until(got.at), nil
	}
	return nil, 0, err
}

// IsVoid reports whether a slot was withdrawn, as far as this process knows.
func (c *Client) IsVoid(slot callbudget.Slot) bool {
	c.mu.Lock()
	b := c.budgets[slot.Budget]
	c.mu.Unlock()
	return b != nil && b.isVoid(slot)
}

// Close takes back the requests of the process, so that no slot is handed out to it
// any more. It is called once nothing waits for a slot.
func (c *Client) Close(ctx context.Context) {
	c.mu.Lock()
	var asking []string
	for name, b := range c.budgets {
		if b.isAsking() {
			asking = append(asking, name)
		}
	}
	c.mu.Unlock()
	var all sync.WaitGroup
	for _, name := range asking {
		all.Go(func() {
			if err := c.options.Temporal.SignalWorkflow(ctx, workflows.CallBudgetWorkflowID(name), "", callbudget.SignalLeave, callbudget.Leave{Worker: c.worker}); err != nil {
				c.options.Logger.Warn("a request for a call slot could not be taken back: its slot will come a little later to another call", "budget", name, "error", err)
			}
		})
	}
	all.Wait()
}

// budget returns the budget of a bot's calls.
func (c *Client) budget(served *account.Account, botID string) *budget {
	name := served.BudgetName(botID)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.loads[served.Name] == nil {
		c.loads[served.Name] = newLoad(c, served)
	}
	if c.budgets[name] == nil {
		c.budgets[name] = newBudget(c, name, served, c.loads[served.Name])
	}
	return c.budgets[name]
}
