package stack

import (
	"time"

	"github.com/callvault/callvault/internal/simulator"
	"github.com/callvault/callvault/workflows"
)

// The waits of the stack's sessions, shortened so that a person can watch
// them: what takes the vendor minutes lasts two seconds, and a day six.
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

// Pace is how the stand-in's sessions go on from one status to the next.
type Pace func(simulator.Step) simulator.Step

// ByTime lets a status last, from now on: for fetches that start now.
func ByTime(step simulator.Step) simulator.Step {
	step.For = shorten(step.For)
	return step
}

// ByCalls shows a status once for each time that a fetch would have to wait for
// it: for fetches that start whenever somebody likes.
func ByCalls(step simulator.Step) simulator.Step {
	if step.For > 0 {
		step.For, step.Calls = 0, max(1, days(step.For))
	}
	return step
}

// AddSessions gives the stand-in fifteen sessions that between them show every
// status.
func (s *Stack) AddSessions(pace Pace) ([]simulator.Entry, error) {
	entries := simulator.Catalogue(simulator.CatalogueOptions{BotID: s.Upstream.Config().BotIDs[0], Now: began})
	for _, entry := range entries {
		script := entry.Session.Script
		for i := range script {
			script[i] = pace(script[i])
		}
		if err := s.Upstream.AddSession(entry.Session); err != nil {
			return nil, err
		}
	}
	return entries, nil
}

// shorten keeps the number of days, of which each is a retry.
func shorten(d time.Duration) time.Duration {
	switch n := days(d); {
	case d == 0:
		return 0
	case n > 0:
		return time.Duration(n)*shortDay - shortDay/2
	default:
		return shortWait
	}
}

func days(d time.Duration) int { return int(d / (24 * time.Hour)) }
