package demo

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"go.temporal.io/sdk/client"

	"github.com/callvault/callvault/dev/internal/stack"
	"github.com/callvault/callvault/internal/verify"
	"github.com/callvault/callvault/workflows"
)

// daySettles is how long the day of the demonstration settles.
const daySettles = 3 * time.Second

// showDay archives the complete day on which most sessions took place, and verifies it by
// the files in the store's folder alone.
func showDay(ctx context.Context, s *stack.Stack, c client.Client, out io.Writer) error {
	day := workflows.Day{BotID: s.Upstream.Config().BotIDs[0], Date: stack.DemoTime.Format(time.DateOnly)}
	request := workflows.DayRequest{Day: day, DayPolicy: workflows.DayPolicy{SettleAfter: daySettles, Fetch: stack.Policy()}}
	fmt.Fprintf(out, "\nA complete day: %s by both of the vendor's lists, which are read again after %s.\n", day.Date, daySettles)
	run, err := c.ExecuteWorkflow(ctx, workflows.DayStartOptions(request), workflows.ArchiveDayWorkflowName, request)
	if err != nil {
		return fmt.Errorf("start the day: %w", err)
	}
	var result workflows.DayResult
	if err := run.Get(ctx, &result); err != nil {
		return fmt.Errorf("the day: %w", err)
	}
	fmt.Fprintf(out, "  sealed as revision %d, entry %d of the log: %d sessions\n  %s\n", result.Revision, *result.LogIndex, result.Sessions, s.Store.Path(result.Record.Bucket, result.Record.Key))
	return verifyDay(ctx, s, out)
}

// verifyDay verifies the whole archive as somebody would who has nothing but its files and
// the public key.
func verifyDay(ctx context.Context, s *stack.Stack, out io.Writer) error {
	bucket := filepath.Clean(s.Store.Path(stack.Bucket, ""))
	copied, err := verify.OpenFolder(bucket)
	if err != nil {
		return fmt.Errorf("the store's folder: %w", err)
	}
	defer copied.Close()
	result, err := verify.Run(ctx, copied, verify.Options{Key: s.LogVerifier()})
	if err != nil {
		return fmt.Errorf("verify the day: %w", err)
	}
	if len(result.Failures) > 0 {
		return fmt.Errorf("the archive does not hold: %s", result.Failures[0].Text)
	}
	fmt.Fprintf(out, "  verified, every byte. Change one, and see it named:\n  go run ./starter verify --copy %s --key %s\n", bucket, s.PublicLogKeyFile())
	return nil
}
