package callbudget

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func laneOf(batch string) LaneRequest { return LaneRequest{BotID: "st-1", Batch: batch, Level: 8} }

// takeAllLanes assigns the lanes of a bot to the batches 1 to Lanes.
func takeAllLanes(t *testing.T, s *State) {
	t.Helper()
	for i := range Lanes {
		require.Equal(t, i+1, s.assignLane(laneOf(fmt.Sprint(i+1)), start))
	}
}

func TestNoTwoBatchesHaveTheSameLane(t *testing.T) {
	s := newState("b", windows("60/1m"), start, start)
	takeAllLanes(t, &s)
	require.Zero(t, s.assignLane(laneOf("5"), start), "all are taken")
	require.Equal(t, 2, s.assignLane(laneOf("2"), start), "a batch keeps its lane")
}

func TestCallsOfOneBatchButAnotherLevelHaveAnotherLane(t *testing.T) {
	s := newState("b", windows("60/1m"), start, start)
	require.Equal(t, 1, s.assignLane(LaneRequest{BotID: "st-1", Batch: "1", Level: 8}, start))
	require.Equal(t, 2, s.assignLane(LaneRequest{BotID: "st-1", Batch: "1", Level: 10}, start))
}

func TestEachBotHasLanesOfItsOwn(t *testing.T) {
	s := newState("b", windows("60/1m"), start, start)
	takeAllLanes(t, &s)
	require.Equal(t, 1, s.assignLane(LaneRequest{BotID: "st-2", Batch: "5", Level: 8}, start))
}

func TestLaneIsFreeOnceNothingIsHeardOfItsBatch(t *testing.T) {
	const a, enough = LaneIdle, laneIdleSlots
	for name, row := range map[string]struct {
		after time.Duration
		slots int
		heard func(s *State, now time.Time)
		lane  int
	}{
		"long ago, and many slots":                  {after: a, slots: enough, lane: 1},
		"long ago, but no slots: the hour is spent": {after: time.Hour, slots: enough - 1},
		"many slots, but soon":                      {after: a - 1, slots: 1000},
		"it was asked for": {after: a, slots: enough, heard: func(s *State, now time.Time) {
			s.keepLanes([]Want{{BotID: "st-1", Level: 8, Batch: "1"}}, now)
		}},
		"one of another level was asked for": {after: a, slots: enough, lane: 1, heard: func(s *State, now time.Time) {
			s.keepLanes([]Want{{BotID: "st-1", Level: 7, Batch: "1"}}, now)
		}},
		"more of it comes": {after: a, slots: enough, heard: func(s *State, now time.Time) { s.assignLane(laneOf("1"), now) }},
	} {
		t.Run(name, func(t *testing.T) {
			s := newState("b", windows("60/1m"), start, start)
			takeAllLanes(t, &s)
			s.Handed += row.slots
			now := start.Add(row.after)
			for i := range s.Lanes["st-1"][1:] {
				s.Lanes["st-1"][i+1].AskedAt = now // Only the first may be free.
			}
			if row.heard != nil {
				row.heard(&s, now)
			}
			require.Equal(t, row.lane, s.assignLane(laneOf("5"), now))
		})
	}
}

func TestLanesOfAFewBotsAreRemembered(t *testing.T) {
	s := newState("b", windows("60/1m"), start, start)
	for i := range maxLaneBots {
		require.Equal(t, 1, s.assignLane(LaneRequest{BotID: fmt.Sprint(i), Batch: "1", Level: 8}, start))
	}
	another := LaneRequest{BotID: "another", Batch: "1", Level: 8}
	require.Zero(t, s.assignLane(another, start))
	require.Len(t, s.Lanes, maxLaneBots)
	s.Handed += laneIdleSlots
	require.Equal(t, 1, s.assignLane(another, start.Add(LaneIdle)))
	require.Len(t, s.Lanes, maxLaneBots)
}

func TestCallsInLanesAreCountedByTheirPriority(t *testing.T) {
	s := newState("b", windows("60/1m"), start, start)
	s.assignLane(LaneRequest{BotID: "st-1", Batch: "1", Level: 8}, start)
	s.assignLane(LaneRequest{BotID: "st-1", Batch: "2", Level: 10}, start)
	s.Waiting = map[string]map[int]int{"st-1": {4: 1}, "st-2": nil}
	s.countLanes("st-1", []int{10, 20, 30})
	s.countLanes("st-2", []int{5})
	require.Equal(t, map[string]map[int]int{"st-1": {4: 11, 5: 20}, "st-2": nil}, s.Waiting)
}

func TestLanesSurviveANewRun(t *testing.T) {
	s := newState("b", windows("60/1m"), start, start)
	takeAllLanes(t, &s)
	saved, err := json.Marshal(s)
	require.NoError(t, err)
	var resumed State
	require.NoError(t, json.Unmarshal(saved, &resumed))
	require.Equal(t, s.Lanes, resumed.Lanes)
}

func TestRequestForALaneIsComplete(t *testing.T) {
	require.NoError(t, laneOf("1").validate())
	for _, bad := range []LaneRequest{{}, {BotID: "st-1", Level: 8}, {Batch: "1", Level: 8}, {BotID: "st-1", Batch: "1"}, {BotID: "st-1", Batch: "1", Level: 11},
		{BotID: string(make([]byte, 129)), Batch: "1", Level: 8}, {BotID: "st-1", Batch: string(make([]byte, 129)), Level: 8}} {
		require.Error(t, bad.validate())
	}
}
