package callbudget

import (
	"errors"
	"slices"
	"time"

	"go.temporal.io/sdk/workflow"
)

// Lanes is how many queues each bot has for one batch alone. A Temporal server returns the
// calls of a queue in the order in which they came, so batches that share a queue would
// not take turns. When all lanes are taken, a batch shares the queue of its level.
const Lanes = 4

// LaneIdle is how long nothing is heard of a batch before its lane may go to another one.
// A worker that holds calls names their batches every minute, at least.
const LaneIdle = 5 * time.Minute

// maxLaneBots bounds the bots whose lanes are remembered.
const maxLaneBots = MaxWants

// Lane is a queue of a bot: that of one batch's calls of one level.
type Lane struct {
	Batch string `json:"batch"`
	Level int    `json:"level"`
}

// LaneRequest asks for a lane of a bot.
type LaneRequest struct {
	BotID string `json:"bot"`
	Lane
}

// usedLane is a lane, and when a worker named its batch last.
type usedLane struct {
	Lane
	At time.Time `json:"at"`
}

func (l usedLane) isFree(now time.Time) bool { return now.Sub(l.At) >= LaneIdle }

// assignLane gives a lane to a batch if there is one: its own, a free one or a new one.
func (s *State) assignLane(request LaneRequest, now time.Time) {
	used := usedLane{Lane: request.Lane, At: now.UTC()}
	lanes := s.Lanes[request.BotID]
	at := slices.IndexFunc(lanes, func(l usedLane) bool { return l.Lane == request.Lane })
	if at < 0 {
		at = slices.IndexFunc(lanes, func(l usedLane) bool { return l.isFree(now) })
	}
	switch {
	case at >= 0:
		lanes[at] = used
	case len(lanes) < Lanes && (lanes != nil || s.makeRoomForLanes(now)):
		if s.Lanes == nil {
			s.Lanes = make(map[string][]usedLane)
		}
		s.Lanes[request.BotID] = append(lanes, used)
	}
}

// makeRoomForLanes forgets a bot whose lanes are all free if too many are remembered. It
// reports whether there is room for another one.
func (s *State) makeRoomForLanes(now time.Time) bool {
	if len(s.Lanes) < maxLaneBots {
		return true
	}
	for _, botID := range workflow.DeterministicKeys(s.Lanes) {
		if !slices.ContainsFunc(s.Lanes[botID], func(l usedLane) bool { return !l.isFree(now) }) {
			delete(s.Lanes, botID)
			return true
		}
	}
	return false
}

// lanesOf returns the lanes of a bot, from lane 1.
func (s *State) lanesOf(botID string) []Lane {
	lanes := make([]Lane, 0, Lanes)
	for _, used := range s.Lanes[botID] {
		lanes = append(lanes, used.Lane)
	}
	return lanes
}

// keepLanes records that calls wait, so that their batches keep their lanes.
func (s *State) keepLanes(wants []Want, now time.Time) {
	for _, want := range wants {
		lanes := s.Lanes[want.BotID]
		for i := range lanes {
			if lanes[i].Lane == (Lane{want.Batch, want.Level}) {
				lanes[i].At = now.UTC()
			}
		}
	}
}

// countLanes adds the calls that wait in a bot's lanes to those that wait by priority.
func (s *State) countLanes(botID string, counts []int) {
	for i, l := range s.Lanes[botID] {
		if i < len(counts) && counts[i] > 0 {
			if s.Waiting[botID] == nil {
				s.Waiting[botID] = make(map[int]int)
			}
			s.Waiting[botID][Priority(l.Level)] += counts[i]
		}
	}
}

func (r LaneRequest) validate() error {
	if r.BotID == "" || r.Batch == "" || len(r.BotID) > maxNameBytes || len(r.Batch) > maxNameBytes || r.Level < FrontLevel || r.Level > LastLevel {
		return errors.New("a lane is asked for by bot, batch and level, from 1 to 10")
	}
	return nil
}

// assignLane gives a lane to a batch, and returns all lanes of the bot.
func (b *budget) assignLane(ctx workflow.Context, request LaneRequest) ([]Lane, error) {
	b.arrivals++
	b.changed = true // It may be time to continue as new.
	b.state.assignLane(request, workflow.Now(ctx))
	return b.state.lanesOf(request.BotID), nil
}
