// Package taskqueues lists the task queues that a worker serves for its accounts. The worker
// serves what is listed, and whoever looks for workers looks there.
package taskqueues

import (
	"github.com/callvault/callvault/internal/account"
	"github.com/callvault/callvault/workflows"
	"github.com/callvault/callvault/workflows/batch"
	"github.com/callvault/callvault/workflows/callbudget"
	"github.com/callvault/callvault/workflows/day"
	"github.com/callvault/callvault/workflows/fetchrecording"
	"github.com/callvault/callvault/workflows/ledger"
)

// Kind is what a queue is for.
type Kind string

// The kinds. Those that begin with "old" are of fetches that began before there were accounts.
const (
	Fetches      Kind = "fetches" // all workflows but the budgets', and what belongs to no account
	Budgets      Kind = "budgets"
	Checks       Kind = "checks"
	Manifests    Kind = "manifests"
	Transfers    Kind = "transfers"
	Attachments  Kind = "attachments"
	FirstSteps   Kind = "first steps"
	Slots        Kind = "slots"
	Batches      Kind = "batches"
	BatchLists   Kind = "batch lists"
	Days         Kind = "days"
	DayLists     Kind = "day lists"
	Ledgers      Kind = "ledgers"
	OldChecks    Kind = "old checks"
	OldTransfers Kind = "old transfers"
	OldSlots     Kind = "old slots"
)

// Queue is one task queue.
type Queue struct {
	Name string
	Kind Kind

	// Account is the one that the queue is of; nil if all workers of the namespace share it.
	// Of a queue that accounts share, it is the first of them.
	Account *account.Account
}

// HasWorkflowTasks reports whether workflow tasks go through the queue.
func (q Queue) HasWorkflowTasks() bool { return q.Kind == Fetches || q.Kind == Budgets }

// HasActivityTasks reports whether activity tasks go through the queue.
func (q Queue) HasActivityTasks() bool { return q.Kind != Budgets }

// IsShared reports whether accounts may share the queue: those with the same bucket or archive.
func (q Queue) IsShared() bool {
	return q.Account == nil || q.Kind == BatchLists || q.Kind == Ledgers
}

// Shared returns the queues that every worker serves, whatever its accounts.
func Shared() []Queue {
	return []Queue{
		{Name: workflows.TaskQueue, Kind: Fetches},
		{Name: workflows.CallBudgetTaskQueue, Kind: Budgets},
		{Name: fetchrecording.CheckTaskQueue(""), Kind: OldChecks},
		{Name: fetchrecording.TransferTaskQueue(""), Kind: OldTransfers},
	}
}

// Of returns the queues of some accounts, each once. Batches whose list is in a bucket, and
// days whose log is in an archive, have one queue for all accounts that share it.
func Of(accounts []*account.Account) []Queue {
	var all []Queue
	listed := make(map[string]bool)
	for _, a := range accounts {
		for _, queue := range ofAccount(a) {
			if !listed[queue.Name] {
				listed[queue.Name] = true
				all = append(all, queue)
			}
		}
	}
	return all
}

func ofAccount(a *account.Account) []Queue {
	var all []Queue
	add := func(kind Kind, name string) { all = append(all, Queue{name, kind, a}) }
	add(Checks, fetchrecording.CheckTaskQueue(a.Name))
	add(Manifests, fetchrecording.ArchiveTaskQueue(a.Name))
	add(Transfers, fetchrecording.TransferTaskQueue(a.Name))
	if len(a.Attachments()) > 0 {
		add(Attachments, fetchrecording.AttachmentTaskQueue(a.Name))
	}
	add(Batches, batch.AccountTaskQueue(a.Name))
	add(BatchLists, batch.BucketTaskQueue(a.Store.Bucket()))
	add(Days, day.AccountTaskQueue(a.Name))
	add(DayLists, day.ListTaskQueue(a.Name))
	add(Ledgers, ledger.TaskQueue(a.Store.Place()))
	for _, botID := range a.BotIDs {
		add(FirstSteps, fetchrecording.BotTaskQueue(botID))
		add(FirstSteps, fetchrecording.BackfillTaskQueue(botID))
		for level := callbudget.FrontLevel; level <= callbudget.LastLevel; level++ {
			add(Slots, fetchrecording.SlotTaskQueue(botID, level))
		}
		for lane := 1; lane <= callbudget.Lanes; lane++ {
			add(Slots, fetchrecording.LaneTaskQueue(botID, lane))
		}
		add(OldSlots, fetchrecording.OldSlotTaskQueue(botID))
	}
	return all
}
