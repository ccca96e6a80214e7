package stack

import (
	"time"

	"github.com/callvault/callvault/internal/simulator"
	"github.com/callvault/callvault/workflows"
)

// The waits of the policy that goes with the stack's sessions, shortened so that
// a user can watch them: minutes last two seconds at most, and a day six.
const (
	shortWait = 2 * time.Second
	shortDay  = 6 * time.Second
)

// When the newest of the sessions took place. The times are fixed, so that a
// second run over the same data has the same sessions; they differ, so that what
// the demonstration has archived can be fetched from "dev up" as well.
var (
	DemoTime = time.Date(2026, 3, 5, 12, 42, 34, 0, time.UTC)
	UpTime   = DemoTime.AddDate(0, 0, 1)
)

// Policy has the waits that go with the sessions.
func Policy() workflows.FetchPolicy {
	return workflows.FetchPolicy{
		PollMin:           time.Second,
		PollMax:           shortWait,
		PartialRetryAfter: shortDay,
		GiveUpAfter:       5 * time.Minute,
	}
}

// AddSessions adds nineteen sessions to the simulator that together show every
// status, the newest at callTime. Each status is returned as many times as a
// fetch would have to wait for it, counted by calls and not by the clock, so
// that none is missed, however late a fetch starts.
func (s *Stack) AddSessions(callTime time.Time) ([]simulator.Entry, error) {
	entries := simulator.Catalogue(simulator.CatalogueOptions{BotID: s.Upstream.Config().BotIDs[0], Now: callTime})
	for _, entry := range entries {
		script := entry.Session.Script
		for i, step := range script {
			if step.For > 0 {
				script[i].For, script[i].Calls = 0, max(1, int(step.For/(24*time.Hour)))
			}
		}
		if err := s.Upstream.AddSession(entry.Session); err != nil {
			return nil, err
		}
	}
	return entries, nil
}
