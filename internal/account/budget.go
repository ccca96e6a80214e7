package account

import "github.com/callvault/callvault/workflows"

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
	return workflows.ValidateCallWindows(b.Windows)
}
