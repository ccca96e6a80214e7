package bench_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/dev/internal/bench"
	"github.com/callvault/callvault/internal/simulator"
	"github.com/callvault/callvault/workflows"
)

var (
	minute = workflows.CallWindow{Calls: 60, Span: time.Minute}
	hour   = workflows.CallWindow{Calls: 1800, Span: time.Hour}

	usualWindows = []workflows.CallWindow{minute, hour}
	minuteAlone  = []workflows.CallWindow{minute}
)

const (
	bot = simulator.DefaultBotID

	workers = 3

	// Of every inProgressEvery sessions one is media_in_progress inProgressCalls times.
	// The last ones are not: their waits would be the run's tail.
	inProgressEvery = 9
	inProgressCalls = 2
)

func windowsName(windows []workflows.CallWindow) string {
	var names []string
	for _, window := range windows {
		names = append(names, strings.ReplaceAll(window.String(), "/", "in"))
	}
	return strings.Join(names, "+")
}

// addSessions adds sessions of which a tenth is media_in_progress twice, and returns
// how many calls they force.
func (s *site) addSessions(n int) (all []workflows.Session, calls int) {
	s.b.Helper()
	for i := range n {
		inProgress := 0
		if i%inProgressEvery == 0 && i < n*9/10 {
			inProgress = inProgressCalls
		}
		all = append(all, s.addSession(bot, inProgress))
		calls += 1 + inProgress
	}
	return all, calls
}

// BenchmarkShare fetches sessions by three workers, and reports how much of the budget
// was used from the first to the last call.
func BenchmarkShare(b *testing.B) {
	for _, windows := range [][]workflows.CallWindow{usualWindows, minuteAlone} {
		b.Run(windowsName(windows), func(b *testing.B) {
			s := newSite(b, *speed, windows, nil)
			s.startWorkers(workers)
			all, forced := s.addSessions(*sessions)
			fetches := s.startAll(all, "backfill", *starts).await(b)
			s.requireArchived(fetches)
			s.reportShare(forced, "0")
			s.reportCost(fetches)
			b.ReportMetric(0, "ns/op") // It says nothing.
		})
	}
}

// reportShare reports what was made of the budget, with the goal for the slots that were
// handed out and not used for a call.
func (s *site) reportShare(forced int, lostGoal string) {
	s.b.Helper()
	made := s.vendor.calls()
	at := times(made, "")
	require.NotEmpty(s.b, at)
	binding := s.windows[0]
	for _, window := range s.windows {
		if bench.Allowed(time.Hour, window) < bench.Allowed(time.Hour, binding) {
			binding = window
		}
	}
	status := s.budget(bot)
	report(s.b, "share first to last", bench.Share(at, s.windows...), ">= 0.97")
	report(s.b, "share of the middle 80 %", bench.Share(at[len(at)/10:len(at)*9/10], s.windows...), "")
	report(s.b, "refused by rate", float64(byRate(made)), "0")
	report(s.b, "calls/forced", float64(len(made))/float64(forced), "1")
	report(s.b, "slots lost", float64(status.Slots-len(made)), lostGoal)
	for _, window := range s.windows {
		report(s.b, "fullest "+window.Span.String(), float64(bench.MostWithin(window.Span, at)), "<= "+window.String())
	}
	for i := 1; i < len(at); i++ {
		if gap := at[i].Sub(at[i-1]) / time.Duration(s.vendor.clock.speed); gap > 3*time.Second {
			s.b.Logf("a gap of %s after call %d, at %s", gap, i, s.vendor.clock.real(at[i]).Format(time.TimeOnly))
		}
	}
	s.keepBudget(bot, made)
	s.b.Logf("refused: %v; calls %d in %s; changes: %v", refusedCalls(made), len(made), at[len(at)-1].Sub(at[0]), status.Changes)
}

// reportCost reports what each slot has cost.
func (s *site) reportCost(fetches []fetch) {
	s.b.Helper()
	status := s.budget(bot)
	spent, tried := s.budgetCost(bot), s.attempts(fetches)
	slots := float64(status.Slots)
	report(s.b, "actions per slot", (float64(spent.actions())+float64(tried.mint))/slots, "< 3")
	report(s.b, "budget's events per slot", float64(spent.events)/slots, "")
	report(s.b, "mint attempts per slot", float64(tried.mint)/slots, "1")
	report(s.b, "budget's runs", float64(spent.runs), "")
	for name, values := range map[string][]time.Duration{"minted before its slot": tried.minted, "check started before its slot": tried.early} {
		s.b.Logf("%s: 1 %%: %s, 10 %%: %s, median %s, 90 %%: %s", name, bench.Percentile(values, .01), bench.Percentile(values, .1), bench.Percentile(values, .5), bench.Percentile(values, .9))
	}
	s.keepFailed(fetches)
	s.b.Logf("budget: %+v; mint attempts %d, checks %d, failed %d", spent, tried.mint, tried.check, tried.checkFailed)
}
