// Package worker is the worker process: it prepares the archive and the
// namespace, serves callvault's task queues and stops gracefully.
package worker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"go.temporal.io/sdk/client"
	sdkworker "go.temporal.io/sdk/worker"

	"github.com/callvault/callvault/activities"
	"github.com/callvault/callvault/internal/account"
	"github.com/callvault/callvault/internal/archive"
	"github.com/callvault/callvault/internal/config"
	"github.com/callvault/callvault/internal/program"
	"github.com/callvault/callvault/internal/searchattr"
	"github.com/callvault/callvault/internal/timing"
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
	served, err := account.Open(options.Settings.Account)
	if err != nil {
		return err
	}
	if err := prepare(ctx, options, served.Store, logger); err != nil {
		return err
	}
	fatal := make(chan error, 1)
	blocks := newBlockLog(logger.With("upstream", served.API.Host, "bucket", served.Store.Bucket()))
	slots, work := newQueues(options.Client, served, options.Timing, blocks, func(err error) {
		select {
		case fatal <- err:
		default: // The first one is enough.
		}
	})
	stop, err := startInOrder(slots, work, func() error { return checkLimits(ctx, options, logger) })
	defer stop()
	if err != nil {
		return err
	}
	logger.Info("the worker serves", "namespace", options.Namespace, "bots", served.BotIDs,
		"upstream", served.API.Host, "bucket", served.Store.Bucket(), "version", program.Version())
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

// prepare creates the bucket and registers the search attributes, where that
// is allowed. Where it is not, an existing bucket may still be writable; for the
// search attributes, the error names the command for an administrator.
func prepare(ctx context.Context, options Options, store *archive.Store, logger *slog.Logger) error {
	ctx, cancel := context.WithTimeout(ctx, prepareTimeout)
	defer cancel()
	if err := store.CheckCredentials(); err != nil {
		return err
	}
	switch err := store.EnsureBucket(ctx); {
	case errors.Is(err, archive.ErrBlocked):
		logger.Warn("the bucket could not be checked or created; fetches will be blocked if it cannot be written either", "error", err)
	case err != nil:
		return fmt.Errorf("the archive at %s cannot be reached: %w: check S3_ENDPOINT", options.Settings.Account.Archive.Endpoint, err)
	}
	added, err := searchattr.Register(ctx, options.Client, options.Namespace)
	if err != nil {
		return err
	}
	if len(added) > 0 {
		logger.Info("registered search attributes", "names", added)
	}
	return nil
}

// startInOrder starts the queues of the call slots, checks them, and starts the
// others: the server learns a queue's limit from the worker that polls it. The
// returned function stops them in the same order: a token that a stopping worker
// minted could expire unused, and its call slot with it.
func startInOrder(slots, work []sdkworker.Worker, check func() error) (stop func(), err error) {
	stopSlots, err := startAll(slots)
	if err == nil {
		err = check()
	}
	if err != nil {
		return stopSlots, err
	}
	stopWork, err := startAll(work)
	return func() { stopSlots(); stopWork() }, err
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
