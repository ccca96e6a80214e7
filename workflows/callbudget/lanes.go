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

// A lane is free again once nothing was heard of its batch for so long, and while so many
// slots were handed out: when there are none, because an hour is spent, nobody asks.
const (
	LaneIdle      = 2 * time.Minute
	laneIdleSlots = 20
)

// maxLaneBots bounds the bots whose lanes are remembered.
const maxLaneBots = MaxWants

// lane is a queue of a bot and whose calls it is for.
type lane struct {
	Batch string `json:"batch"`
	Level int    `json:"level"`

	// AskedAt and Handed are when a call of the batch was asked for last, and how many
	// slots had been handed out by then.
	AskedAt time.Time `json:"askedAt"`
	Handed  int       `json:"handed,omitempty"`
}

// isFor reports whether the lane is that of a batch's calls of one level.
func (l lane) isFor(batch string, level int) bool { return l.Batch == batch && l.Level == level }

// isFree reports whether another batch may have the lane.
func (s *State) isFree(l lane, now time.Time) bool {
	return s.Handed-l.Handed >= laneIdleSlots && now.Sub(l.AskedAt) >= LaneIdle
}

// assignLane returns the lane of a batch's calls of one level, from 1 to [Lanes]; 0 if all
// are taken.
func (s *State) assignLane(request LaneRequest, now time.Time) int {
	used := lane{Batch: request.Batch, Level: request.Level, AskedAt: now.UTC(), Handed: s.Handed}
	lanes := s.Lanes[request.BotID]
	at := slices.IndexFunc(lanes, func(l lane) bool { return l.isFor(request.Batch, request.Level) })
	if at < 0 {
		at = slices.IndexFunc(lanes, func(l lane) bool { return s.isFree(l, now) })
	}
	switch {
	case at >= 0:
		lanes[at] = used
		return at + 1
	case len(lanes) >= Lanes || lanes == nil && !s.hasRoomForLanes(now):
		return 0
	}
	if s.Lanes == nil {
		s.Lanes = make(map[string][]lane)
	}
	s.Lanes[request.BotID] = append(lanes, used)
	return len(lanes) + 1
}

// hasRoomForLanes reports whether another bot's lanes can be remembered, and forgets a
// bot whose lanes are all free if that has to be.
func (s *State) hasRoomForLanes(now time.Time) bool {
	if len(s.Lanes) < maxLaneBots {
		return true
	}
	for _, botID := range workflow.DeterministicKeys(s.Lanes) {
		if !slices.ContainsFunc(s.Lanes[botID], func(l lane) bool { return !s.isFree(l, now) }) {
			delete(s.Lanes, botID)
			return true
		}
	}
	return false
}

// keepLanes records that calls wait, so that their batches keep their lanes.
func (s *State) keepLanes(wants []Want, now time.Time) {
	for _, want := range wants {
		lanes := s.Lanes[want.BotID]
		for i := range lanes {
			if lanes[i].isFor(want.Batch, want.Level) {
				lanes[i].AskedAt, lanes[i].Handed = now.UTC(), s.Handed
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

// assignLane returns the lane of a batch.
func (b *budget) assignLane(ctx workflow.Context, request LaneRequest) (int, error) {
	b.arrivals++
	b.changed = true // It may be time to continue as new.
	return b.state.assignLane(request, workflow.Now(ctx)), nil
}
