package main

import (
	"time"

	"github.com/callvault/callvault/internal/simulator"
)

// day is when the calls took place. It is fixed, so that a second run has the same sessions.
var day = time.Date(2026, 3, 5, 12, 42, 34, 0, time.UTC)

const (
	// scale shortens the waits of the sessions: a day is a minute.
	scale = 1.0 / (24 * 60)
	// serial begins the ids of the calls that are ready at once.
	serial = 0x7a10_0000_0000_0000
)

// sessions returns a session of every status, and calls of the day before that are ready at once.
func sessions(calls int, length time.Duration) []simulator.Session {
	var all []simulator.Session
	for _, entry := range simulator.Catalogue(simulator.CatalogueOptions{Now: day, Scale: scale}) {
		all = append(all, entry.Session)
	}
	begin := day.Truncate(24*time.Hour).AddDate(0, 0, -1)
	for i := range calls {
		at := begin.Add(24 * time.Hour * time.Duration(i) / time.Duration(calls))
		all = append(all, simulator.Session{
			BotID:     simulator.DefaultBotID,
			SessionID: simulator.NewSessionID(at, serial+uint64(i)),
			Files:     []simulator.File{{Duration: length}},
		})
	}
	return all
}
