package stack

import (
	"time"

	"github.com/callvault/callvault/internal/simulator"
	"github.com/callvault/callvault/workflows"
)

// The waits of the policy that goes with the stack's sessions, shortened so that
// a person can watch them: minutes last two seconds at most, and a day six.
const (
	shortWait = 2 * time.Second
	shortDay  = 6 * time.Second
)

// began is when the newest of the sessions took place. It is fixed, so that a
// second run over the same data meets the same sessions.
var began = time.Date(2026, 3, 5, 12, 42, 34, 0, time.UTC)

// Policy has the waits that go with the sessions.
func Policy() workflows.Policy {
	return workflows.Policy{
		PollMin:           time.Second,
		PollMax:           shortWait,
		PartialRetryAfter: shortDay,
		GiveUpAfter:       5 * time.Minute,
	}
}

// AddSessions gives the stand-in fifteen sessions that between them show every
// status. Each status is shown once for each time that a fetch would have to
// wait for it, by calls and not by the clock, so that none is missed whenever
// somebody starts to fetch.
func (s *Stack) AddSessions() ([]simulator.Entry, error) {
	entries := simulator.Catalogue(simulator.CatalogueOptions{BotID: s.Upstream.Config().BotIDs[0], Now: began})
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
