package fetchrecording

import (
	"fmt"
	"hash/fnv"
	"time"

	"github.com/callvault/callvault/workflows"
	"github.com/callvault/callvault/workflows/callbudget"
)

// The task queues of the activities. Those of an account's work are its own, so that
// a worker never gets what it cannot do. The first step is on the bot's queue, because
// a fetch does not know its account before.

// Place is where a bot's work is done. The names of the queues follow from it.
type Place struct {
	// Account is the account's name.
	Account string `json:"account"`

	// Retention is how long the vendor keeps a recording after its call, in
	// nanoseconds; 0 if that is not known.
	Retention time.Duration `json:"retention,omitempty"`
}

// The queues of fetches that began before there were accounts, without an account's
// name. Workers serve them too.
const (
	checkQueue    = "callvault-check"
	transferQueue = "callvault-transfer"
)

// BotTaskQueue is the queue of a bot's first step, FindArchived.
func BotTaskQueue(botID string) string { return "callvault-bot/" + botID }

// SlotTaskQueue is the queue of a bot's calls of one level that wait for a call slot,
// and in lanes from 1 of their batches.
func SlotTaskQueue(botID string, level, lane int) string {
	if lane == 0 {
		return fmt.Sprintf("callvault-slot/%s/%d", botID, level)
	}
	return fmt.Sprintf("callvault-slot/%s/%d/%d", botID, level, lane)
}

// CheckTaskQueue is the queue of an account's status checks, separate from the store's
// work: a slow store must not make call slots expire.
func CheckTaskQueue(account string) string { return ofAccount(checkQueue, account) }

// ArchiveTaskQueue is the queue of an account's manifests.
func ArchiveTaskQueue(account string) string {
	if account == "" { // Their queue was that of the workflows.
		return workflows.TaskQueue
	}
	return ofAccount(workflows.TaskQueue+"-archive", account)
}

// TransferTaskQueue is the queue of an account's downloads, separate from the light
// work so that long transfers never delay it.
func TransferTaskQueue(account string) string { return ofAccount(transferQueue, account) }

func ofAccount(queue, account string) string {
	if account == "" {
		return queue
	}
	return queue + "/" + account
}

// OldSlotTaskQueue is the queue of a bot's calls before there were levels.
func OldSlotTaskQueue(botID string) string { return "callvault-api/" + botID }

// batchLanes is how many queues the batches of the usual priority share, so that
// they take turns: one for each batch would need a worker that knows all batches.
const batchLanes = 4

// BatchLevel is the level whose queue has lanes: the first checks of a batch.
var BatchLevel = callbudget.Level(workflows.BatchPriority, false)

// LanesOf returns the lanes of a level's queue.
func LanesOf(level int) int {
	if level == BatchLevel {
		return batchLanes
	}
	return 1
}

// laneOf returns the lane of a batch.
func laneOf(level int, batchID string) int {
	if batchID == "" || LanesOf(level) == 1 {
		return 0
	}
	sum := fnv.New32a()
	_, _ = sum.Write([]byte(batchID)) // It never fails.
	return int(sum.Sum32() % batchLanes)
}
