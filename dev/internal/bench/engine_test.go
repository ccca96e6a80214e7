package bench_test

import (
	"context"
	"flag"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	sdkworker "go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/callvault/callvault/internal/simulator"
	"github.com/callvault/callvault/workflows"
)

var (
	recordings = flag.Int("recordings", 300, "how many recordings the benchmark of the engine archives in a round")
	rounds     = flag.Int("rounds", 3, "how many rounds it has")
)

const (
	// ordinaryBytes is the size of a small recording.
	ordinaryBytes = 8_000

	bareQueue = "bare"
)

// BenchmarkEngine compares how many recordings one worker archives in a second with how
// many workflows of three empty activities one worker runs, on the same server and in
// turn, so that the machine's load is the same. Neither waits for a call slot.
func BenchmarkEngine(b *testing.B) {
	s := newUnlimitedSite(b)
	s.startWorkers(1)
	s.startBare()
	s.archiveAll(1) // The first ones start what the others use.
	s.runBare(1)
	var bare, engine time.Duration
	var fetches []fetch
	for range *rounds {
		one := s.runBare(*recordings)
		archived, other := s.archiveAll(*recordings)
		fetches = append(fetches, archived...)
		bare += one
		engine += other
		b.Logf("bare %.1f, engine %.1f a second", perSecond(*recordings, one), perSecond(*recordings, other))
	}
	all := *rounds * *recordings
	report(b, "bare workflows a second", perSecond(all, bare), "")
	report(b, "recordings a second", perSecond(all, engine), "")
	report(b, "recordings/bare workflows", bare.Seconds()/engine.Seconds(), ">= 0.75")
	// A machine that is too busy makes slots come too late to be used, which costs a fetch
	// seconds: the ratio tells nothing then.
	slots := s.attempts(fetches)
	report(b, "slots lost/recording", float64(slots.checkFailed)/float64(all), "< 0.01")
	report(b, "attempts to mint/recording", float64(slots.mint)/float64(all), "")
	budget := s.budgetCost(bot)
	report(b, "updates of the budget/recording", float64(budget.updates)/float64(all), "")
	report(b, "events of the budget/recording", float64(budget.events)/float64(all), "")
	b.ReportMetric(0, "ns/op")
}

func perSecond(n int, in time.Duration) float64 { return float64(n) / in.Seconds() }

// archiveAll archives as many recordings as fast as it goes.
func (s *site) archiveAll(n int) ([]fetch, time.Duration) {
	s.b.Helper()
	sessions := make([]workflows.Session, n)
	for i := range sessions {
		serial := s.serial.Add(1)
		sessions[i] = workflows.Session{BotID: bot, SessionID: simulator.NewSessionID(time.Now().Add(-time.Hour), serial)}
		require.NoError(s.b, s.vendor.AddSession(simulator.Session{
			BotID: bot, SessionID: sessions[i].SessionID, Files: []simulator.File{{Name: "call.wav", Raw: audio(serial, ordinaryBytes)}},
		}))
	}
	fetches := make([]fetch, n)
	took := s.together(n, func(i int) error {
		run, err := workflows.StartFetch(s.ctx, s.client, workflows.FetchRequest{Session: sessions[i]})
		if err != nil {
			return err
		}
		fetches[i] = fetch{session: sessions[i], run: run}
		result, err := run.Result(s.ctx)
		if err == nil && result.Outcome != workflows.OutcomeArchived {
			err = fmt.Errorf("%s: %s", result.Outcome, result.Reason)
		}
		return err
	})
	return fetches, took
}

// startBare starts a worker of the workflows that do nothing.
func (s *site) startBare() {
	s.b.Helper()
	w := sdkworker.New(s.client, bareQueue, sdkworker.Options{})
	w.RegisterActivityWithOptions(func(context.Context) error { return nil }, activity.RegisterOptions{Name: "Empty"})
	w.RegisterWorkflowWithOptions(func(ctx workflow.Context) error {
		ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{StartToCloseTimeout: time.Minute})
		for range 3 {
			if err := workflow.ExecuteActivity(ctx, "Empty").Get(ctx, nil); err != nil {
				return err
			}
		}
		return nil
	}, workflow.RegisterOptions{Name: "Bare"})
	require.NoError(s.b, w.Start())
	s.b.Cleanup(w.Stop)
}

func (s *site) runBare(n int) time.Duration {
	s.b.Helper()
	return s.together(n, func(int) error {
		run, err := s.client.ExecuteWorkflow(s.ctx, client.StartWorkflowOptions{TaskQueue: bareQueue}, "Bare")
		if err != nil {
			return err
		}
		return run.Get(s.ctx, nil)
	})
}

// together runs n workflows, all of them at once, and returns how long it takes.
func (s *site) together(n int, execute func(i int) error) time.Duration {
	s.b.Helper()
	began := time.Now()
	failed := make(chan error, n)
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() { failed <- execute(i) })
	}
	all.Wait()
	took := time.Since(began)
	for range n {
		require.NoError(s.b, <-failed)
	}
	return took
}
