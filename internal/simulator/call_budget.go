package simulator

import (
	"fmt"
	"net/http"
	"time"
)

// maxWindowCalls is the largest budget of a window.
const maxWindowCalls = 1_000_000

// budgets are a bot's windows for each kind of API call.
type budgets map[CallKind]*windows

// checkBudget names the fields in its error as Config has them, with the prefix.
func checkBudget(prefix string, callsPerMinute, callsPerHour int) error {
	for _, window := range []struct {
		name  string
		calls int
	}{{"CallsPerMinute", callsPerMinute}, {"CallsPerHour", callsPerHour}} {
		if window.calls != Unlimited && (window.calls < 1 || window.calls > maxWindowCalls) {
			return fmt.Errorf("simulator: %s is %d: use 1 to %d, or Unlimited", prefix+window.name, window.calls, maxWindowCalls)
		}
	}
	return nil
}

// openBudgets gives each bot its windows, or all bots the same ones for recordings. Those of the interactions are the account's.
func (s *Simulator) openBudgets() {
	shared, ofAccount := &windows{}, &windows{}
	for _, bot := range s.config.BotIDs {
		recordings := shared
		if !s.config.SharedBudget {
			recordings = &windows{}
		}
		s.bots[bot] = budgets{KindAPI: recordings, KindSessions: &windows{}, KindInteractions: ofAccount, KindVoicemail: &windows{}, KindMessages: &windows{}}
	}
	s.setLimits()
}

// setLimits sets the limits of all windows to those of the configuration.
func (s *Simulator) setLimits() {
	for _, bot := range s.bots {
		bot[KindAPI].setLimits(s.config.CallsPerMinute, s.config.CallsPerHour, s.config.RefusedCallsCount)
		bot[KindSessions].setLimits(s.config.SessionCallsPerMinute, s.config.SessionCallsPerHour, s.config.RefusedCallsCount)
		bot[KindInteractions].setLimits(s.config.InteractionCallsPerMinute, s.config.InteractionCallsPerHour, s.config.RefusedCallsCount)
	}
}

// SetBudget changes the recordings budget of every bot, or the shared one, from the next call on; 0 selects the default, as in
// Config. The calls that were counted before stay counted. The vendor's limits may change like this without notice.
func (s *Simulator) SetBudget(callsPerMinute, callsPerHour int) error {
	defaultInt(&callsPerMinute, DefaultCallsPerMinute)
	defaultInt(&callsPerHour, DefaultCallsPerHour)
	if err := checkBudget("", callsPerMinute, callsPerHour); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.config.CallsPerMinute, s.config.CallsPerHour = callsPerMinute, callsPerHour
	s.setLimits()
	return nil
}

// SpendCalls counts n calls of another client against the bot's recordings budget now, at most as many as are left, and returns how
// many it counted: 0 for an unknown bot. They are in no count and not in the ledger.
func (s *Simulator) SpendCalls(botID string, n int) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	budget := s.bots[botID][KindAPI]
	if budget == nil {
		return 0
	}
	now := s.now()
	n = max(0, min(n, budget.left(now)))
	for range n {
		budget.record(now)
	}
	return n
}

// spend deducts a call from the bot's budget for calls of this kind, or returns why it cannot.
func (s *Simulator) spend(to route, now time.Time) *refusal {
	s.mu.Lock()
	defer s.mu.Unlock()
	reason, wait := s.bots[to.botID][to.kind].take(now)
	if reason == "" {
		return nil
	}
	refused := &refusal{reason: reason, httpStatus: http.StatusTooManyRequests, code: http.StatusTooManyRequests, msg: msgLimitMinute}
	switch {
	case s.config.GenericLimitText:
		refused.msg = msgLimit
	case reason == ReasonHour:
		refused.msg = msgLimitHour
	}
	if s.config.RetryAfter {
		refused.retryAfter = wait
	}
	return refused
}
