package activities

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"

	"github.com/callvault/callvault/internal/account"
	"github.com/callvault/callvault/internal/failure"
	"github.com/callvault/callvault/internal/metric"
	"github.com/callvault/callvault/internal/smartassist"
	"github.com/callvault/callvault/internal/status"
	"github.com/callvault/callvault/workflows/callbudget"
)

// metricsOf returns the metrics of an account, with more labels in pairs of name and value.
func metricsOf(ctx context.Context, served *account.Account, labels ...string) client.MetricsHandler {
	tags := map[string]string{metric.Account: served.Name}
	for i := 0; i+1 < len(labels); i += 2 {
		tags[labels[i]] = labels[i+1]
	}
	return activity.GetMetricsHandler(ctx).WithTags(tags)
}

// countCheck counts a status check by what came of it.
func countCheck(ctx context.Context, served *account.Account, response *smartassist.Response, err error) {
	found, code := metric.None, metric.None
	refused, isResponse := errors.AsType[*smartassist.Error](err)
	switch {
	case err == nil && status.IsKnown(response.Status):
		found, code = response.Status, strconv.Itoa(http.StatusOK)
	case err == nil:
		found, code = metric.Other, strconv.Itoa(http.StatusOK)
	case isResponse && refused.Status != 0:
		code = strconv.Itoa(refused.Status)
	}
	metricsOf(ctx, served, metric.Status, found, metric.Code, code).Counter(metric.Checks).Inc(1)
	countRefusal(ctx, served, err)
}

// countRefusal counts a call that the vendor refused by rate.
func countRefusal(ctx context.Context, served *account.Account, err error) {
	if failure.KindOf(err) == failure.RateLimited {
		metricsOf(ctx, served).Counter(metric.BudgetRefused).Inc(1)
	}
}

// recordSlotWait records how long a fetch has waited for its call slot, from when its activity
// was scheduled.
func recordSlotWait(ctx context.Context, served *account.Account, level int) {
	urgency := metric.Backfill
	if callbudget.IsLive(level) {
		urgency = metric.Live
	}
	metricsOf(ctx, served, metric.Urgency, urgency).Timer(metric.SlotWait).Record(max(0, time.Since(activity.GetInfo(ctx).ScheduledTime)))
}
