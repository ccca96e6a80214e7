package doctor

import (
	"strings"

	"github.com/callvault/callvault/internal/account"
	"github.com/callvault/callvault/internal/config"
	"github.com/callvault/callvault/internal/program"
)

// judgeConfiguration judges the configuration of a worker as it was read. present reports
// whether the environment says anything of an account.
func judgeConfiguration(settings *config.Config, err error, present bool) Finding {
	check := program.Command("starter") + " config check"
	switch {
	case !present:
		return skipped("no account is configured on this machine: neither archives nor the vendor's API can be checked from here").
			wayOut("run this with a worker's configuration (CALLVAULT_CONFIG, or the SMARTASSIST_ and S3_ variables), for example in its container")
	case err != nil:
		first, more, _ := strings.Cut(err.Error(), "\n")
		if line, _, _ := strings.Cut(more, "\n"); line != "" {
			first += " " + strings.TrimSpace(line)
		}
		return broken("%s", first).wayOut("correct it; all errors: %s", check)
	}
	warnings := settings.Warnings()
	if len(warnings) > 0 {
		return warning("it is valid, but: %s", strings.Join(warnings, "; ")).wayOut("decide before the first fetch; see %s", check)
	}
	return ok("it is valid: %s", countAccounts(settings.Accounts))
}

func countAccounts(accounts []account.Settings) string {
	bots := 0
	for _, one := range accounts {
		bots += len(one.BotIDs)
	}
	return count(len(accounts), "account") + ", " + count(bots, "bot")
}
