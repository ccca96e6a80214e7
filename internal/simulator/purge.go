package simulator

import (
	"fmt"
	"time"
)

// Purge deletes the recording of a session for good, as the vendor does when its retention has passed, or earlier on a
// customer's request: its status is media_unavailable whatever its script says, and URLs returned before give 404. The
// session itself stays in the session list. It fails for an unknown session.
func (s *Simulator) Purge(botID, sessionID string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.sessions[sessionKey{botID, sessionID}]
	if st == nil {
		return fmt.Errorf("simulator: cannot purge session %s of bot %q, which does not exist: add it with AddSession", sessionID, botID)
	}
	st.purged = true
	return nil
}

// isPurged reports whether the recording of a session is deleted. The caller holds s.mu.
func (s *Simulator) isPurged(st *sessionState, now time.Time) bool {
	retention := st.Retention
	defaultDuration(&retention, s.config.Retention)
	return st.purged || retention > 0 && !now.Before(st.begin.Add(retention))
}
