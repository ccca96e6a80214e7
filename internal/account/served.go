package account

import (
	"fmt"
	"maps"
	"slices"

	"github.com/callvault/callvault/internal/failure"
	"github.com/callvault/callvault/internal/shortlist"
)

// Served are the accounts that a worker serves.
type Served struct {
	Accounts []*Account
	byBot    map[string]*Account
}

// OpenAll opens the accounts of settings. It makes no request. A bot or a name
// that two accounts claim is an error.
func OpenAll(settings []Settings) (*Served, error) {
	served := &Served{byBot: make(map[string]*Account)}
	names := make(map[string]bool)
	for _, one := range settings {
		opened, err := Open(one)
		if err != nil {
			return nil, fmt.Errorf("account %q: %w", one.Name, err)
		}
		if names[one.Name] {
			return nil, fmt.Errorf("two accounts have the name %q: rename one", one.Name)
		}
		names[one.Name] = true
		for _, botID := range one.BotIDs {
			if other := served.byBot[botID]; other != nil {
				return nil, fmt.Errorf("bot %s is in the accounts %q and %q: remove it from one", botID, other.Name, one.Name)
			}
			served.byBot[botID] = opened
		}
		served.Accounts = append(served.Accounts, opened)
	}
	return served, nil
}

// Of returns the account of a bot. Its error, of kind [failure.BotNotServed],
// names the bots that are served.
func (s *Served) Of(botID string) (*Account, error) {
	if found := s.byBot[botID]; found != nil {
		return found, nil
	}
	return nil, failure.New(failure.BotNotServed, fmt.Sprintf("this worker does not serve bot %s (it serves %s): add the bot to SMARTASSIST_BOT_ID or CALLVAULT_CONFIG and restart the worker, or cancel the fetch if botId is wrong",
		botID, shortlist.Of(slices.Sorted(maps.Keys(s.byBot)), maxNamedBots)))
}

// maxNamedBots bounds how many bots an error names.
const maxNamedBots = 5
