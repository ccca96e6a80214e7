// Package worker is the worker process: it prepares the archive and the
// namespace, serves callvault's task queues and stops gracefully.
package worker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"sync"
	"time"

	"go.temporal.io/sdk/client"
	sdkworker "go.temporal.io/sdk/worker"

	"github.com/callvault/callvault/activities"
	"github.com/callvault/callvault/internal/account"
	"github.com/callvault/callvault/internal/archive"
	"github.com/callvault/callvault/internal/config"
	"github.com/callvault/callvault/internal/metric"
	"github.com/callvault/callvault/internal/observe"
	"github.com/callvault/callvault/internal/program"
	"github.com/callvault/callvault/internal/searchattr"
	"github.com/callvault/callvault/internal/slots"
	"github.com/callvault/callvault/internal/timing"
	"github.com/callvault/callvault/workflows"
	"github.com/callvault/callvault/workflows/fetchrecording"
)

// prepareTimeout bounds what is done before the first task is taken.
const prepareTimeout = time.Minute

// Options are what Run needs.
type Options struct {
	// Client is connected to Temporal. Run does not close it. Required.
	Client client.Client

	// Namespace is the one that Client works in. Required.
	Namespace string

	// Settings are the validated configuration. Required.
	Settings *config.Config

	// Logger takes the worker's own messages. Defaults to slog.Default().
	Logger *slog.Logger

	// Timing of the transfers. Defaults to that of activities.TransferTiming.
	Timing activities.TransferTiming

	// Metrics collect what the worker does, and what runs and waits in the namespace. Defaults
	// to nil, and nothing is counted.
	Metrics *observe.Metrics

	// Ready is called once all queues are served. Defaults to nothing.
	Ready func()
}

// Run serves the task queues until ctx ends, then lets running activities
// finish or hand over and returns nil. An error means that it could not start
// or had to stop.
func Run(ctx context.Context, options Options) error {
	logger := options.Logger
	if logger == nil {
		logger = slog.Default()
	}
	accounts, err := account.OpenAll(options.Settings.Accounts)
	if err != nil {
		return err
	}
	if err := prepare(ctx, options, accounts, logger); err != nil {
		return err
	}
	fatal := make(chan error, 1)
	calls := slots.New(slots.Options{Temporal: options.Client, Namespace: options.Namespace, Logger: logger})
	queues := newQueues(options.Client, newServed(options.Client, options.Namespace, accounts, calls, options.Timing, logger), versionOf(options.Settings.Deployment), servesNexus(ctx, options.Client, logger), logger, func(err error) {
		select {
		case fatal <- err:
		default: // The first one is enough.
		}
	})
	stop, err := startInOrder(queues.slots, queues.work, func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), timing.SlotStop)
		defer cancel()
		calls.Close(ctx)
	})
	defer stop()
	if err != nil {
		return err
	}
	for _, a := range accounts.Accounts {
		logger.Info("the worker serves", "namespace", options.Namespace, "account", a.Name, "bots", a.BotIDs,
			"upstream", a.API.Host, "bucket", a.Store.Bucket(), "version", program.Version())
	}
	if options.Metrics != nil {
		startCounters(options.Metrics.Handler(), accounts.Accounts)
		counts, err := observe.NewCounts(options.Metrics.Meter(), options.Client, options.Namespace, budgetsOf(accounts.Accounts), logger)
		if err != nil {
			return err
		}
		go counts.Run(ctx)
	}
	if options.Settings.Deployment.IsVersioned() {
		go sayVersion(ctx, options.Client, options.Settings.Deployment, logger)
	}
	if options.Ready != nil {
		options.Ready()
	}
	select {
	case <-ctx.Done():
	case err := <-fatal:
		return fmt.Errorf("a task queue's worker had to stop: %w", err)
	}
	logger.Info("the worker is stopping: running transfers finish or hand over", "within", timing.WorkerStop)
	return nil
}

// startCounters shows the counters of callvault before their first events. Otherwise Prometheus
// would see none of them: it takes what a counter begins with for old.
func startCounters(handler client.MetricsHandler, accounts []*account.Account) {
	for _, a := range accounts {
		of := map[string]string{metric.Account: a.Name}
		start := func(name, label, value string) {
			handler.WithTags(of).WithTags(map[string]string{label: value}).Counter(name).Inc(0)
		}
		for _, name := range []string{metric.BudgetRefused, metric.ArchivedBytes, metric.RefetchedBytes, metric.DaysSealed} {
			handler.WithTags(of).Counter(name).Inc(0)
		}
		for _, outcome := range workflows.Outcomes() {
			start(metric.Fetches, metric.Outcome, string(outcome))
		}
		if a.Retention > 0 { // Without one nothing is known of the purge.
			for _, before := range fetchrecording.AlarmsBefore(a.Retention) {
				start(metric.PurgeAlarm, metric.Days, strconv.Itoa(int(before/(24*time.Hour))))
			}
		}
	}
}

// budgetsOf returns the names of the call budgets of recordings.
func budgetsOf(accounts []*account.Account) []observe.Budgets {
	var all []observe.Budgets
	for _, a := range accounts {
		of := observe.Budgets{Account: a.Name}
		for _, botID := range a.BotIDs {
			if name := a.BudgetName(botID); !slices.Contains(of.Names, name) {
				of.Names = append(of.Names, name)
			}
		}
		all = append(all, of)
	}
	return all
}

// prepare creates the bucket and registers the search attributes, where that
// is allowed. Where it is not, an existing bucket may still be writable; for the
// search attributes, the error names the command for an administrator.
func prepare(ctx context.Context, options Options, accounts *account.Served, logger *slog.Logger) error {
	ctx, cancel := context.WithTimeout(ctx, prepareTimeout)
	defer cancel()
	added, err := searchattr.Register(ctx, options.Client, options.Namespace)
	if err != nil {
		return err
	}
	if len(added) > 0 {
		logger.Info("registered search attributes", "names", added)
	}
	return prepareArchives(ctx, accounts.Accounts, logger)
}

// prepareArchives prepares all archives at once, so that one that does not respond
// delays no other. It fails only if none can be used: the other accounts' work goes on.
func prepareArchives(ctx context.Context, accounts []*account.Account, logger *slog.Logger) error {
	failed := make([]error, len(accounts))
	var all sync.WaitGroup
	for i, a := range accounts {
		all.Go(func() {
			if err := prepareArchive(ctx, a, logger); err != nil {
				failed[i] = fmt.Errorf("account %s: %w", a.Name, err)
			}
		})
	}
	all.Wait()
	failed = slices.DeleteFunc(failed, func(err error) bool { return err == nil })
	if len(failed) == len(accounts) {
		return errors.Join(failed...)
	}
	for _, err := range failed {
		logger.Error("the archive of an account cannot be used; its fetches will wait until it can", "error", err)
	}
	return nil
}

// prepareArchive creates the bucket of an account, and finds out what its store lacks.
func prepareArchive(ctx context.Context, a *account.Account, logger *slog.Logger) error {
	if err := a.Store.CheckCredentials(); err != nil {
		return err
	}
	switch err := a.Store.EnsureBucket(ctx); {
	case errors.Is(err, archive.ErrBlocked):
		logger.Warn("the bucket could not be checked or created; fetches will be blocked if it cannot be written either", "account", a.Name, "error", err)
	case err != nil:
		return fmt.Errorf("the archive at %s cannot be reached: %w: check S3_ENDPOINT, or the account's archive.endpoint", a.Archive.Endpoint, err)
	default:
		return probeArchive(ctx, a, logger)
	}
	return nil
}

// probeArchive says what the store of an account lacks. It fails if nothing is archived in
// the store because of that.
func probeArchive(ctx context.Context, a *account.Account, logger *slog.Logger) error {
	lacks, err := a.Store.Probe(ctx)
	if err != nil {
		logger.Warn("it could not be found out whether the store does all that callvault relies on", "account", a.Name, "error", err)
	}
	var blocking []error
	for _, lack := range lacks {
		logger.Warn(lack.Text, "account", a.Name, "endpoint", a.Archive.Endpoint.String(), "bucket", a.Store.Bucket())
		if lack.Blocks {
			blocking = append(blocking, errors.New(lack.Text))
		}
	}
	return errors.Join(blocking...)
}

// startInOrder starts the queues of the work and then those of the call slots. The
// returned function stops the slots first and then calls slotsStopped: a token that a
// stopping worker minted could expire unused, and its call slot with it.
func startInOrder(slots, work []sdkworker.Worker, slotsStopped func()) (stop func(), err error) {
	stopWork, err := startAll(work)
	if err != nil {
		return stopWork, err
	}
	stopSlots, err := startAll(slots)
	return func() { stopSlots(); slotsStopped(); stopWork() }, err
}

// startAll starts every queue. The returned function stops those that run, all
// at once, so that the grace period is one and not one for each.
func startAll(queues []sdkworker.Worker) (stop func(), err error) {
	var started []sdkworker.Worker
	stop = func() {
		var all sync.WaitGroup
		for _, queue := range started {
			all.Go(queue.Stop)
		}
		all.Wait()
	}
	for _, queue := range queues {
		if err := queue.Start(); err != nil {
			return stop, fmt.Errorf("start a task queue's worker: %w", err)
		}
		started = append(started, queue)
	}
	return stop, nil
}
