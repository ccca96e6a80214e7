package activities

import (
	"fmt"
	"slices"
	"strings"

	"go.temporal.io/sdk/temporal"

	"github.com/callvault/callvault/workflows"
)

// Bots are the stream ids that this installation has credentials for.
type Bots []string

// Serve refuses a bot that is not among them, by name.
func (b Bots) Serve(botID string) error {
	if slices.Contains(b, botID) {
		return nil
	}
	return temporal.NewNonRetryableApplicationError(
		fmt.Sprintf("bot %s is not served here: this worker has credentials for %s; correct botId, or add the bot to SMARTASSIST_BOT_ID and restart the workers", botID, strings.Join(b, ", ")),
		workflows.ErrorTypeBotNotServed, nil)
}
