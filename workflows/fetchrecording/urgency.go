package fetchrecording

import (
	"time"

	"github.com/callvault/callvault/workflows/callbudget"
)

// Which call slots a fetch waits for. The call budget serves lower levels first.

const (
	// purgeSoon is the longest time before the vendor's purge in which a session is
	// urgent. Of a short retention it is purgeShare.
	purgeSoon  = 7 * day
	purgeShare = 10

	// purgeLate is how long a session stays urgent after its purge: the vendor may count from
	// the end of the call, and delete once a day. After that nothing is left of it,
	// and it must not go before what can still be had.
	purgeLate = day
)

// level returns the level of the next call: that of the request's priority, before
// others of it if the call was made before or the vendor purges the session soon. A
// check that somebody asks for by checkNow goes to the front.
func (f *fetch) level(now time.Time) int {
	if f.state.Front {
		return callbudget.FrontLevel
	}
	return callbudget.Level(f.input.EffectivePriority(), f.state.StatusChecks > 0 || f.isPurgedSoon(now))
}

// firstLevel is the level of a first check that is not urgent. One of a batch may wait in
// the batch's lane.
func (f *fetch) firstLevel() int {
	return callbudget.Level(f.input.EffectivePriority(), false)
}

// findQueue returns the queue of the first step.
func (f *fetch) findQueue() string {
	if callbudget.IsLive(f.firstLevel()) {
		return BotTaskQueue(f.input.BotID)
	}
	return BackfillTaskQueue(f.input.BotID)
}

// slotQueue returns the queue in which a call of a level waits for its slot. A lane is used
// once: after a wait it may be another batch's.
func (f *fetch) slotQueue(level int) string {
	lane := f.place.Lane
	f.place.Lane = 0
	if lane > 0 && level == f.firstLevel() {
		return LaneTaskQueue(f.input.BotID, lane)
	}
	return SlotTaskQueue(f.input.BotID, level)
}

func (f *fetch) isPurgedSoon(now time.Time) bool {
	if f.retention() == 0 {
		return false
	}
	left := f.purgeAt().Sub(now)
	return left > -purgeLate && left < min(purgeSoon, f.retention()/purgeShare)
}
