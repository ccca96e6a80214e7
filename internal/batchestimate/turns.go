package batchestimate

import (
	"time"

	"github.com/callvault/callvault/workflows"
)

// Budget is a call budget, and what the batch asks it for.
type Budget struct {
	// Name is the bot's stream id, or the account's name.
	Name string
	Pace Pace
	// Queues are those of the bots that share it. Their sessions take turns.
	Queues []Queue
}

// Queue are the sessions of a bot that need a call, in the order in which they are asked for.
type Queue struct {
	BotID      string
	SessionIDs []string
}

// Calls is how many calls are needed at least: one for each session.
func (b Budget) Calls() int {
	calls := 0
	for _, queue := range b.Queues {
		calls += len(queue.SessionIDs)
	}
	return calls
}

// DoneAt is when the last session of the slowest budget has had its call, if nothing else
// uses the budgets.
func DoneAt(budgets []Budget, now time.Time) time.Time {
	done := now
	for _, budget := range budgets {
		if at := now.Add(budget.Pace.Time(budget.Calls())); at.After(done) {
			done = at
		}
	}
	return done
}

// Losses are sessions that the vendor deletes before they can be had.
type Losses struct {
	// BeforeTurn are purged while they wait for their call, those of each bot in the
	// order of their turns.
	BeforeTurn []workflows.Session
	// Past are purged already, if the vendor keeps to its retention.
	Past int
}

// LossesOf returns the sessions that the vendor deletes before their turn, if it keeps a
// recording for so long after its call.
func LossesOf(budgets []Budget, retention time.Duration, now time.Time) Losses {
	var losses Losses
	for _, budget := range budgets {
		for q, queue := range budget.Queues {
			for i, sessionID := range queue.SessionIDs {
				session := workflows.Session{BotID: queue.BotID, SessionID: sessionID}
				called, err := session.CallTime()
				if err != nil {
					continue // The list has valid sessions only.
				}
				switch purged := called.Add(retention); {
				case !purged.After(now):
					losses.Past++
				case purged.Before(now.Add(budget.Pace.Time(budget.turn(q, i)))):
					losses.BeforeTurn = append(losses.BeforeTurn, session)
				}
			}
		}
	}
	return losses
}

// turn returns how many calls come before that of a session, by its place in its queue:
// one session of each queue after the other.
func (b Budget) turn(queue, place int) int {
	before := 0
	for q, other := range b.Queues {
		n := place
		if q < queue {
			n++
		}
		before += min(n, len(other.SessionIDs))
	}
	return before
}
