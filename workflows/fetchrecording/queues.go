package fetchrecording

import (
	"fmt"
	"time"

	"github.com/callvault/callvault/workflows"
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

	// Attachments are the kinds of what belongs to a call that are to be fetched for it, each
	// at the cost of an activity.
	Attachments []workflows.AttachmentKind `json:"attachments,omitempty"`

	// Lane is the queue that the first checks of the fetch's batch have, from 1; 0 if
	// they wait in that of their level.
	Lane int `json:"lane,omitempty"`
}

// The queues of fetches that began before there were accounts, without an account's
// name. Workers serve them too.
const (
	checkQueue    = "callvault-check"
	transferQueue = "callvault-transfer"
)

// BotTaskQueue is the queue of a bot's first step, FindArchived, for fetches that somebody
// may wait for: of priorities 1 and 2.
func BotTaskQueue(botID string) string { return "callvault-bot/" + botID }

// BackfillTaskQueue is that of its other fetches, so that thousands that are started at once
// do not delay those.
func BackfillTaskQueue(botID string) string { return "callvault-backfill/" + botID }

// SlotTaskQueue is the queue of a bot's calls of one level that wait for a call slot.
func SlotTaskQueue(botID string, level int) string {
	return fmt.Sprintf("callvault-slot/%s/%d", botID, level)
}

// LaneTaskQueue is the queue of the first checks of one batch of a bot that wait for a
// call slot, from lane 1 to callbudget.Lanes.
func LaneTaskQueue(botID string, lane int) string {
	return fmt.Sprintf("callvault-slot/%s/batch/%d", botID, lane)
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
