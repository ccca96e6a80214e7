// Package demo shows the whole of callvault on the stack: nineteen sessions,
// fetched by a real worker, a table of how they ended, and a small batch.
package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"

	"github.com/callvault/callvault/dev/internal/datadir"
	"github.com/callvault/callvault/dev/internal/stack"
	"github.com/callvault/callvault/internal/simulator"
	"github.com/callvault/callvault/workflows"
)

// limit bounds a whole demonstration.
const limit = 3 * time.Minute

// Upstream is how the simulator behaves in the demonstration: as strict as the
// vendor's strictest setting, with the larger of the vendor's call budgets.
func Upstream() simulator.Config {
	return simulator.Config{EnforceJTI: true, CallsPerMinute: 600, CallsPerHour: 18_000}
}

// Fetched is one session of the demonstration and how it ended.
type Fetched struct {
	Entry  simulator.Entry
	Result *workflows.FetchResult
	Err    error
}

// Run fetches the sessions, prints their progress and a table of the outcomes,
// and with keep stays up, worker included, until ctx ends. Its error names the
// sessions whose outcome is not the expected one.
func Run(ctx context.Context, s *stack.Stack, data *datadir.Dir, out io.Writer, keep bool) (err error) {
	logFile, err := os.OpenFile(filepath.Join(data.Logs(), "worker.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("the worker's log: %w", err)
	}
	defer logFile.Close()
	logger := slog.New(slog.NewTextHandler(logFile, nil))
	c, err := client.DialContext(ctx, client.Options{HostPort: s.Temporal.Address(), Namespace: stack.Namespace, Logger: log.NewStructuredLogger(logger)})
	if err != nil {
		return fmt.Errorf("connect to Temporal: %w", err)
	}
	defer c.Close()

	stopWorker, err := s.StartWorker(ctx, c, logger)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stopWorker()) }()
	if err := show(ctx, s, c, out); err != nil {
		return err
	}
	if !keep {
		fmt.Fprintln(out, "\nThe servers stop now. To keep them and the Web UI: go run ./dev --keep")
		return nil
	}
	fmt.Fprintln(out, "\nEverything stays up until Ctrl-C.")
	return s.Failed(ctx)
}

// show fetches the sessions and checks their outcomes.
func show(ctx context.Context, s *stack.Stack, c client.Client, out io.Writer) error {
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("the demonstration took longer than %s", limit))
	defer cancel()
	entries, err := s.AddSessions(stack.DemoTime)
	if err != nil {
		return err
	}
	printHeader(out, s, len(entries))
	fetched := fetchAll(ctx, c, entries, newTicker(out))
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	printTable(out, s, fetched)
	if err := judge(fetched); err != nil {
		return err
	}
	if err := showBatch(ctx, s, c, out, entries); err != nil {
		return errors.Join(err, context.Cause(ctx))
	}
	if err := showDay(ctx, s, c, out); err != nil {
		return errors.Join(err, context.Cause(ctx))
	}
	printEnd(out, s)
	return nil
}

// fetchAll starts all fetches at once and waits for their outcomes.
func fetchAll(ctx context.Context, c client.Client, entries []simulator.Entry, show *ticker) []Fetched {
	fetched := make([]Fetched, len(entries))
	var all sync.WaitGroup
	for i, entry := range entries {
		all.Go(func() {
			fetched[i] = Fetched{Entry: entry}
			fetched[i].Result, fetched[i].Err = fetch(ctx, c, entry.Session, show)
		})
	}
	all.Wait()
	return fetched
}

func fetch(ctx context.Context, c client.Client, session simulator.Session, show *ticker) (*workflows.FetchResult, error) {
	request := workflows.FetchRequest{
		Session: workflows.Session{BotID: session.BotID, SessionID: session.SessionID},
		BatchID: "demo",
		Policy:  stack.Policy(),
	}
	run, err := workflows.StartFetch(ctx, c, request)
	if err != nil {
		return nil, err
	}
	stop := show.follow(ctx, run, session.SessionID)
	result, err := run.Result(ctx)
	stop()
	if err != nil {
		return nil, err
	}
	note := result.Reason
	if result.Source == workflows.SourceManifest {
		note = fmt.Sprintf("found in the archive, finished on %s", result.FinishedAt.Format(time.RFC3339))
	}
	show.line(session.SessionID, string(result.Outcome), note)
	return result, nil
}

// judge compares each outcome with what the simulator's script leads to.
func judge(fetched []Fetched) error {
	var faults []error
	for _, f := range fetched {
		switch {
		case f.Err != nil:
			faults = append(faults, fmt.Errorf("session %s: %w", f.Entry.Session.SessionID, f.Err))
		case string(f.Result.Outcome) != f.Entry.Outcome:
			faults = append(faults, fmt.Errorf("session %s ended as %s, not %s", f.Entry.Session.SessionID, f.Result.Outcome, f.Entry.Outcome))
		}
	}
	return errors.Join(faults...)
}
