package worker

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/dustin/go-humanize"
	enumspb "go.temporal.io/api/enums/v1"
	taskqueuepb "go.temporal.io/api/taskqueue/v1"
	"go.temporal.io/api/workflowservice/v1"

	"github.com/callvault/callvault/workflows/fetchrecording"
)

// limitTimeout bounds how long a start waits for the server to report a limit.
const limitTimeout = 15 * time.Second

// checkLimits checks that the server enforces the limit that protects each
// bot's call budget: a limit that was never seen is no limit. One that was set
// through Temporal's API overrides the worker's; a higher one would exceed the
// budget, so the worker does not start under it.
func checkLimits(ctx context.Context, options Options, logger *slog.Logger) error {
	ctx, cancel := context.WithTimeout(ctx, limitTimeout)
	defer cancel()
	want := options.Settings.Account.Budget.CallsPerSecond()
	for _, botID := range options.Settings.Account.BotIDs {
		queue := fetchrecording.CallTaskQueue(botID)
		got, source, err := effectiveLimit(ctx, options, queue, want)
		switch {
		case err != nil:
			logger.Warn("the server does not report the limit of a bot's queue; watch for refusals by rate (429)", "queue", queue, "wantCallsPerMinute", perMinute(want), "error", err)
		case got > want*1.01:
			return fmt.Errorf("the queue %s hands out %s calls a minute, more than the budget's %s: a limit set through Temporal's API overrides the worker's (source %s): remove it with \"temporal task-queue config set --task-queue %s --task-queue-type activity --namespace %s --queue-rps-limit default\", or raise SMARTASSIST_CALLS_PER_HOUR and SMARTASSIST_CALLS_PER_MINUTE if the vendor allows it",
				queue, perMinute(got), perMinute(want), source, queue, options.Namespace)
		default:
			logger.Info("the server limits a bot's calls", "queue", queue, "callsPerMinute", perMinute(got))
		}
	}
	return nil
}

// perMinute shows a rate in the unit of the vendor's limits.
func perMinute(perSecond float64) string { return humanize.FtoaWithDigits(60*perSecond, 1) }

// effectiveLimit waits until the server knows the worker's limit, want.
func effectiveLimit(ctx context.Context, options Options, queue string, want float64) (perSecond float64, source enumspb.RateLimitSource, err error) {
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	for {
		described, err := options.Client.WorkflowService().DescribeTaskQueue(ctx, &workflowservice.DescribeTaskQueueRequest{
			Namespace:     options.Namespace,
			TaskQueue:     &taskqueuepb.TaskQueue{Name: queue, Kind: enumspb.TASK_QUEUE_KIND_NORMAL},
			TaskQueueType: enumspb.TASK_QUEUE_TYPE_ACTIVITY,
			ReportConfig:  true,
		})
		if err != nil {
			return 0, 0, err
		}
		limit := described.GetEffectiveRateLimit()
		perSecond, source := float64(limit.GetRequestsPerSecond()), limit.GetRateLimitSource()
		// Not by the source alone: the server calls a limit of the API's that is
		// not below its own maximum its own, as it does before it has any.
		set := described.GetConfig().GetQueueRateLimit().GetRateLimit()
		switch {
		case set != nil:
			return float64(set.GetRequestsPerSecond()), enumspb.RATE_LIMIT_SOURCE_API, nil
		case source == enumspb.RATE_LIMIT_SOURCE_WORKER,
			source == enumspb.RATE_LIMIT_SOURCE_SYSTEM && perSecond <= want:
			return perSecond, source, nil
		}
		select {
		case <-ctx.Done():
			return 0, 0, ctx.Err()
		case <-ticker.C:
		}
	}
}
