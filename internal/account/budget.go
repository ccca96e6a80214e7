package account

import (
	"fmt"

	"github.com/callvault/callvault/workflows"
)

// Scope is who shares a call budget.
type Scope string

// The scopes. Which one the vendor applies to recordings is not settled: its
// documentation has both.
const (
	PerBot     Scope = "bot"
	PerAccount Scope = "account"
)

// Budget is how many calls of the vendor's API may be made.
type Budget struct {
	// Scope is who shares the windows: each bot has its own, or all bots of the
	// account share them. Defaults to PerBot.
	Scope Scope

	// Windows are rolling and hold all at once; at most 4. Required.
	Windows []workflows.CallWindow
}

func (b Budget) validate() error {
	if len(b.Windows) == 0 || len(b.Windows) > workflows.MaxWindows {
		return fmt.Errorf("the account needs 1 to %d call windows, and has %d", workflows.MaxWindows, len(b.Windows))
	}
	for _, window := range b.Windows {
		if err := window.Validate(); err != nil {
			return err
		}
	}
	return nil
}
