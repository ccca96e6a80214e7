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

	first   sync.Once // the first count is waited for
	mu      sync.Mutex
	counted time.Time
	tooMany atomic.Bool // files wait for their download, or one for too long
	full    atomic.Bool // calls wait, as was logged last
}

func newLoad(c *Client, served *account.Account) *load { return &load{client: c, served: served} }

// awaitRoom waits until the files that are ready could be downloaded in time.
func (l *load) awaitRoom() {
	l.first.Do(l.countReady)
	for l.isFull() {
		time.Sleep(readyInterval)
		l.countReady() // Nothing else is to be done meanwhile.
	}
}

// isFull reports whether recordings cannot be downloaded for now, as far as is known. It
// does not wait.
func (l *load) isFull() bool {
	if l.isOld() {
		go l.countReady()
	}
	failing, tooMany := l.served.Store.IsFailing(), l.tooMany.Load()
	full := failing || tooMany
	switch was := l.full.Swap(full); {
	case full && !was:
		l.client.options.Logger.Info("no status is asked for while recordings cannot be downloaded", "account", l.served.Name, "storeFails", failing, "tooManyWait", tooMany)
	case was && !full:
		l.client.options.Logger.Info("status is asked for again: recordings can be downloaded", "account", l.served.Name)
	}
	return full
}

// isOld reports whether the files have to be counted again.
func (l *load) isOld() bool {
	if !l.mu.TryLock() {
		return false // They are being counted.
	}
	defer l.mu.Unlock()
	return time.Since(l.counted) >= readyInterval
}

// countReady counts the files that wait for their download.
func (l *load) countReady() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if time.Since(l.counted) < readyInterval {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), countTimeout)
	defer cancel()
	files, age := l.backlog(ctx, fetchrecording.TransferTaskQueue(l.served.Name))
	l.tooMany.Store(files >= maxReady || files > 0 && age >= maxReadyAge)
	l.counted = time.Now()
}

// count adds to the calls that are held in the process those that wait in the queues of
// their bots, by bot and priority, and returns those in their lanes.
func (l *load) count(held map[string]map[int]int) (inLanes map[string][]int) {
	ctx, cancel := context.WithTimeout(context.Background(), countTimeout)
	defer cancel()
	inLanes = make(map[string][]int)
	for botID, counts := range held {
		for level := callbudget.FrontLevel; level <= callbudget.LastLevel; level++ {
			if n, _ := l.backlog(ctx, fetchrecording.SlotTaskQueue(botID, level)); n > 0 {
				counts[callbudget.Priority(level)] += n
			}
		}
		for lane := 1; lane <= callbudget.Lanes; lane++ {
			n, _ := l.backlog(ctx, fetchrecording.LaneTaskQueue(botID, lane))
			inLanes[botID] = append(inLanes[botID], n)
		}
	}
	return inLanes
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
func (b *budget) waiting() (byPriority map[string]map[int]int, inLanes map[string][]int) {
	held := b.held()
	b.mu.Lock()
	defer b.mu.Unlock()
	byPriority, inLanes = b.counts, b.laneCounts
	b.counts, b.laneCounts = nil, nil
	if time.Since(b.counted) >= waitingInterval {
		b.counted = time.Now()
		go func() {
			inLanes := b.load.count(held)
			b.mu.Lock()
			defer b.mu.Unlock()
			b.counts, b.laneCounts = held, inLanes
		}()
	}
	return byPriority, inLanes
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
