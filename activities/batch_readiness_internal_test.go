package activities

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/internal/failure"
	"github.com/callvault/callvault/internal/smartassist"
)

func TestReadinessIsJudgedByWhatTheVendorSaysAndTheCallsAge(t *testing.T) {
	now := time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)
	const id = "65e7133a3242653c58d7aaaa"
	closed := func(endedAt time.Time) map[string]smartassist.SessionState {
		return map[string]smartassist.SessionState{id: {SessionID: id, Closed: true, EndedAt: endedAt}}
	}
	open := map[string]smartassist.SessionState{id: {SessionID: id}}
	blocked, down := failure.New(failure.Blocked, "no scope"), errors.New("no response")
	for name, row := range map[string]struct {
		age    time.Duration
		states map[string]smartassist.SessionState
		err    error
		ready  bool
		in     time.Duration // until it is due, if it is not ready
	}{
		"the vendor refuses the app, new call":      {time.Second, nil, blocked, true, 0},
		"the vendor refuses the app, old call":      {20 * time.Hour, nil, blocked, true, 0},
		"the vendor does not know it":               {time.Second, map[string]smartassist.SessionState{"another": {SessionID: "another"}}, nil, true, 0},
		"no answer, new call":                       {time.Second, nil, down, false, 2 * time.Minute},
		"no answer, before an hour is over":         {time.Hour - time.Second, nil, down, false, 2 * time.Minute},
		"no answer, after an hour":                  {time.Hour, nil, down, true, 0},
		"open, new call":                            {time.Minute, open, nil, false, 5 * time.Minute},
		"open for hours":                            {23 * time.Hour, open, nil, false, 5 * time.Minute},
		"just ended":                                {time.Hour, closed(now), nil, false, 12 * time.Minute},
		"ended by a clock that is ahead":            {time.Hour, closed(now.Add(3 * time.Minute)), nil, false, 15 * time.Minute},
		"ended, media not pulled yet":               {time.Hour, closed(now.Add(-11 * time.Minute)), nil, false, time.Minute},
		"ended, media pulled":                       {time.Hour, closed(now.Add(-12 * time.Minute)), nil, true, 0},
		"ended long ago":                            {20 * time.Hour, closed(now.Add(-19 * time.Hour)), nil, true, 0},
		"closed at a time that is not known, young": {5 * time.Minute, closed(time.Time{}), nil, false, 7 * time.Minute},
		"closed at a time that is not known, older": {12 * time.Minute, closed(time.Time{}), nil, true, 0},
	} {
		t.Run(name, func(t *testing.T) {
			got := judgeReadiness(id, row.age, row.states, row.err, now)
			require.Equal(t, row.ready, got.ready)
			if !row.ready {
				require.Equal(t, now.Add(row.in), got.due)
			}
		})
	}
}
