package slots

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	taskqueuepb "go.temporal.io/api/taskqueue/v1"
	"go.temporal.io/api/workflowservice/v1"

	"github.com/callvault/callvault/internal/account"
	"github.com/callvault/callvault/workflows/callbudget"
	"github.com/callvault/callvault/workflows/fetchrecording"
)

// What waits in the task queues, as the Temporal server counts it, about.

const (
	// maxReady bounds the files of an account that are ready and wait for a worker to
	// download them: no status is asked for meanwhile, because the media URLs expire.
	maxReady = 64

	// maxReadyAge bounds how long the first of them may have waited. A URL's life is
	// not documented; an hour is assumed.
	maxReadyAge = 10 * time.Minute

	// readyInterval and waitingInterval are how often the server is asked.
	readyInterval   = 5 * time.Second
	waitingInterval = 30 * time.Second

	// countTimeout bounds one count. Without an answer calls go on.
	countTimeout = 5 * time.Second
)

// load is what waits in the queues of an account, as far as a budget's calls depend
// on it.
type load struct {
	client *Client
	served *account.Account

	first        sync.Once // the first count is waited for
	mu           sync.Mutex
	readyCounted time.Time
	full         atomic.Bool
}

func newLoad(c *Client, served *account.Account) *load { return &load{client: c, served: served} }

// awaitRoom waits until the files that are ready could be downloaded in time.
func (l *load) awaitRoom() {
	l.first.Do(func() { l.isFull() })
	for l.isKnownFull() {
		time.Sleep(readyInterval)
	}
}

func (l *load) isFull() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if time.Since(l.readyCounted) < readyInterval {
		return l.full.Load()
	}
	l.readyCounted = time.Now()
	ctx, cancel := context.WithTimeout(context.Background(), countTimeout)
	defer cancel()
	ready, age := l.backlog(ctx, fetchrecording.TransferTaskQueue(l.served.Name))
	failing := l.served.Store.IsFailing()
	full := failing || ready >= maxReady || ready > 0 && age >= maxReadyAge
	if full != l.full.Load() {
		l.client.options.Logger.Info("no status is asked for while recordings cannot be downloaded", "account", l.served.Name, "waiting", full,
			"storeFails", failing, "files", ready, "oldest", age)
	}
	l.full.Store(full)
	return full
}

// isKnownFull is isFull as it was found last, without a wait. They are counted again when
// it is time.
func (l *load) isKnownFull() bool {
	if l.mu.TryLock() {
		isOld := time.Since(l.readyCounted) >= readyInterval
		l.mu.Unlock()
		if isOld {
			go l.isFull()
		}
	}
	return l.full.Load()
}

// count adds to the calls that are held in the process those that wait in the queues of
// their bots, by bot and priority.
func (l *load) count(held map[string]map[int]int) {
	ctx, cancel := context.WithTimeout(context.Background(), countTimeout)
	defer cancel()
	for botID, counts := range held {
		for level := callbudget.FrontLevel; level <= callbudget.LastLevel; level++ {
			for lane := range fetchrecording.LanesOf(level) {
				if n, _ := l.backlog(ctx, fetchrecording.SlotTaskQueue(botID, level, lane)); n > 0 {
					counts[callbudget.Priority(level)] += n
				}
			}
		}
	}
}

// backlog returns how many activities wait in a queue, about, and how long the first
// has waited; 0 if the server does not say.
func (l *load) backlog(ctx context.Context, queue string) (int, time.Duration) {
	described, err := l.client.options.Temporal.WorkflowService().DescribeTaskQueue(ctx, &workflowservice.DescribeTaskQueueRequest{
		Namespace:     l.client.options.Namespace,
		TaskQueue:     &taskqueuepb.TaskQueue{Name: queue, Kind: enumspb.TASK_QUEUE_KIND_NORMAL},
		TaskQueueType: enumspb.TASK_QUEUE_TYPE_ACTIVITY,
		ReportStats:   true,
	})
	if err != nil {
		return 0, 0
	}
	stats := described.GetStats()
	return int(stats.GetApproximateBacklogCount()), stats.GetApproximateBacklogAge().AsDuration()
}

// waiting returns what waits in the queues, if it was counted since the last request,
// and has it counted again when it is time.
func (b *budget) waiting() map[string]map[int]int {
	held := b.held()
	b.mu.Lock()
	defer b.mu.Unlock()
	counts := b.counts
	b.counts = nil
	if time.Since(b.counted) >= waitingInterval {
		b.counted = time.Now()
		go func() {
			b.load.count(held)
			b.mu.Lock()
			defer b.mu.Unlock()
			b.counts = held
		}()
	}
	return counts
}

// held counts the calls that wait here, by bot and priority.
func (b *budget) held() map[string]map[int]int {
	b.mu.Lock()
	defer b.mu.Unlock()
	held := make(map[string]map[int]int)
	for _, w := range b.waiters {
		if held[w.want.BotID] == nil {
			held[w.want.BotID] = make(map[int]int)
		}
		held[w.want.BotID][callbudget.Priority(w.want.Level)]++
	}
	return held
}
