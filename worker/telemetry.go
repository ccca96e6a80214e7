package main

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/interceptor"

	"github.com/callvault/callvault/internal/config"
	"github.com/callvault/callvault/internal/observe"
	"github.com/callvault/callvault/internal/program"
)

// flushTimeout bounds what is sent when the worker ends.
const flushTimeout = 5 * time.Second

// telemetry are the metrics and traces of the worker, as far as somebody collects them.
type telemetry struct {
	metrics *observe.Metrics // nil if nobody does
	traces  *observe.Traces  // the same
	tracing interceptor.Interceptor
}

func startTelemetry(ctx context.Context, settings *config.Config, logger *slog.Logger) (t *telemetry, err error) {
	observe.LogErrors(logger)
	t = new(telemetry)
	if settings.HealthAddress != "" || observe.IsMetricsConfigured() {
		var bots []string
		for _, account := range settings.Accounts {
			bots = append(bots, account.BotIDs...)
		}
		if t.metrics, err = observe.NewMetrics(ctx, bots); err != nil {
			return nil, err
		}
	}
	if observe.IsTracesConfigured() {
		if t.traces, err = observe.NewTraces(ctx, program.Name("worker")); err != nil {
			return nil, err
		}
		if t.tracing, err = t.traces.Interceptor(); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// options has the client of Temporal measure and trace.
func (t *telemetry) options(options *client.Options) {
	if t.metrics != nil {
		options.MetricsHandler = t.metrics.Handler()
	}
	if t.tracing != nil {
		options.Interceptors = append(options.Interceptors, t.tracing)
	}
}

// close sends what was not sent yet.
func (t *telemetry) close(logger *slog.Logger) {
	ctx, cancel := context.WithTimeout(context.Background(), flushTimeout)
	defer cancel()
	var err error
	if t.metrics != nil {
		err = t.metrics.Close(ctx)
	}
	if t.traces != nil {
		err = errors.Join(err, t.traces.Close(ctx))
	}
	if err != nil {
		logger.Warn("the last metrics or traces could not be sent", "error", observe.ErrorText(err))
	}
}
