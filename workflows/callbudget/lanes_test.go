package callbudget

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func laneRequest(botID, batch string, level int) LaneRequest {
	return LaneRequest{BotID: botID, Lane: Lane{Batch: batch, Level: level}}
}

// assign returns the number of the lane that a batch gets; 0 if it gets none.
func (s *State) assign(request LaneRequest, now time.Time) int {
	s.assignLane(request, now)
	for i, lane := range s.lanesOf(request.BotID) {
		if lane == request.Lane {
			return i + 1
		}
	}
	return 0
}

// takeAllLanes assigns the lanes of a bot to the batches 1 to Lanes.
func takeAllLanes(t *testing.T, s *State) {
	t.Helper()
	for i := range Lanes {
		require.Equal(t, i+1, s.assign(laneRequest("st-1", fmt.Sprint(i+1), 8), start))
	}
}

func TestNoTwoBatchesHaveTheSameLane(t *testing.T) {
	s := newState("b", windows("60/1m"), start, start)
	takeAllLanes(t, &s)
	require.Zero(t, s.assign(laneRequest("st-1", "5", 8), start), "all are taken")
	require.Equal(t, 2, s.assign(laneRequest("st-1", "2", 8), start), "a batch keeps its lane")
}

func TestCallsOfOneBatchButAnotherLevelHaveAnotherLane(t *testing.T) {
	s := newState("b", windows("60/1m"), start, start)
	require.Equal(t, 1, s.assign(laneRequest("st-1", "1", 8), start))
	require.Equal(t, 2, s.assign(laneRequest("st-1", "1", 10), start))
}

func TestEachBotHasLanesOfItsOwn(t *testing.T) {
	s := newState("b", windows("60/1m"), start, start)
	takeAllLanes(t, &s)
	require.Equal(t, 1, s.assign(laneRequest("st-2", "5", 8), start))
}

func TestLaneIsFreeOnceNothingIsHeardOfItsBatch(t *testing.T) {
	for name, row := range map[string]struct {
		after time.Duration
		heard func(s *State, now time.Time)
		lane  int
	}{
		"long ago": {after: LaneIdle, lane: 1},
		"lately":   {after: LaneIdle - 1},
		"it was asked for": {after: LaneIdle, heard: func(s *State, now time.Time) {
			s.keepLanes([]Want{{BotID: "st-1", Level: 8, Batch: "1"}}, now)
		}},
		"one of another level was asked for": {after: LaneIdle, lane: 1, heard: func(s *State, now time.Time) {
			s.keepLanes([]Want{{BotID: "st-1", Level: 7, Batch: "1"}}, now)
		}},
		"more of it comes": {after: LaneIdle, heard: func(s *State, now time.Time) { s.assignLane(laneRequest("st-1", "1", 8), now) }},
	} {
		t.Run(name, func(t *testing.T) {
			s := newState("b", windows("60/1m"), start, start)
			takeAllLanes(t, &s)
			now := start.Add(row.after)
			for i := range s.Lanes["st-1"][1:] {
				s.Lanes["st-1"][i+1].At = now // Only the first may be free.
			}
			if row.heard != nil {
				row.heard(&s, now)
			}
			require.Equal(t, row.lane, s.assign(laneRequest("st-1", "5", 8), now))
		})
	}
}

func TestLanesOfAFewBotsAreRemembered(t *testing.T) {
	s := newState("b", windows("60/1m"), start, start)
	for i := range maxLaneBots {
		require.Equal(t, 1, s.assign(laneRequest(fmt.Sprint(i), "1", 8), start))
	}
	require.Zero(t, s.assign(laneRequest("another", "1", 8), start))
	require.Len(t, s.Lanes, maxLaneBots)
	require.Equal(t, 1, s.assign(laneRequest("another", "1", 8), start.Add(LaneIdle)))
	require.Len(t, s.Lanes, maxLaneBots)
}

func TestCallsInLanesAreCountedByTheirPriority(t *testing.T) {
	s := newState("b", windows("60/1m"), start, start)
	s.assignLane(laneRequest("st-1", "1", 8), start)
	s.assignLane(laneRequest("st-1", "2", 10), start)
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
	require.NoError(t, laneRequest("st-1", "1", 8).validate())
	long := strings.Repeat("a", 129)
	for _, bad := range []LaneRequest{{}, laneRequest("", "1", 8), laneRequest("st-1", "", 8), laneRequest("st-1", "1", 0), laneRequest("st-1", "1", 11),
		laneRequest(long, "1", 8), laneRequest("st-1", long, 8)} {
		require.Error(t, bad.validate())
	}
}
