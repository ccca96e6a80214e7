package bench_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/internal/simulator"
	"github.com/callvault/callvault/workflows"
)

// The calls of the benchmark of readiness. The vendor pulls a recording about 10 minutes
// after its call (vendor docs); that this takes 8 to 12 minutes is assumed.
const (
	readyCalls  = 400
	recentCalls = readyCalls * 30 / 100

	shortestRecentAge = 2 * time.Minute
	longestRecentAge  = 20 * time.Minute
	shortestCall      = time.Minute
	longestCall       = 8 * time.Minute
	firstMedia        = 8 * time.Minute
	lastMedia         = 12 * time.Minute
)

// BenchmarkReady runs a batch of which 30 % of the calls are recent, some of them going on,
// with and without asking the session list whether a call is over. It compares the calls of
// the recordings API. It takes 25 minutes, because calls and media take their usual time.
func BenchmarkReady(b *testing.B) {
	first, second := startRecent(b, "auto"), startRecent(b, "off")
	with, without := first.await(), second.await()
	require.Zero(b, without.sessionList)
	report(b, "calls/archived recording, asked when ready", with.perRecording(), "<= 1.02")
	report(b, "calls/archived recording, asked at once", without.perRecording(), "")
	report(b, "calls/recent recording, asked when ready", with.perRecent(), "")
	report(b, "calls/recent recording, asked at once", without.perRecent(), "")
	report(b, "calls of the session list", float64(with.sessionList), "")
	report(b, "minutes, asked when ready", with.took.Minutes(), "")
	report(b, "minutes, asked at once", without.took.Minutes(), "")
	b.ReportMetric(0, "ns/op")
}

// asked counts the vendor's calls for a batch.
type asked struct {
	all, ofRecent int // of the recordings API
	sessionList   int
	took          time.Duration
}

func (a asked) perRecording() float64 { return float64(a.all) / readyCalls }
func (a asked) perRecent() float64    { return float64(a.ofRecent) / recentCalls }

// recentBatch is a batch with recent calls.
type recentBatch struct {
	*site
	list []workflows.Session
	run  *workflows.BatchRun
}

// startRecent starts a batch with recent calls, at a site of its own. Each has the same calls.
func startRecent(b *testing.B, askWhenReady string) *recentBatch {
	b.Helper()
	s := newUnlimitedSite(b, accountOf{name: "bench", bots: []string{bot}, askWhenReady: askWhenReady})
	s.startWorkers(1)
	random := rand.New(rand.NewPCG(1, 2))
	r := &recentBatch{site: s}
	now := time.Now()
	for i := range readyCalls {
		call := simulator.Session{BotID: bot, Files: []simulator.File{{Name: "call.wav", Raw: audio(uint64(i), audioBytes)}}}
		began := now.AddDate(0, 0, -2).Add(time.Duration(i) * time.Minute)
		if i < recentCalls {
			began = now.Add(-between(random, shortestRecentAge, longestRecentAge))
			call.Length = between(random, shortestCall, longestCall)
			ended := began.Add(call.Length)
			call.Script = scriptOf(now, ended, ended.Add(between(random, firstMedia, lastMedia)))
		}
		call.SessionID = simulator.NewSessionID(began, uint64(i))
		require.NoError(b, s.vendor.AddSession(call))
		r.list = append(r.list, workflows.Session{BotID: bot, SessionID: call.SessionID})
	}
	var err error
	r.run, err = workflows.StartBatch(s.ctx, s.client, workflows.BatchRequest{BatchID: "recent", Source: new(s.putList("lists/recent.csv", r.list))})
	require.NoError(b, err)
	return r
}

// scriptOf returns the statuses from now on of a call that ends at a time, and whose media
// is there at another.
func scriptOf(now, ended, media time.Time) []simulator.Step {
	var script []simulator.Step
	if open := ended.Sub(now); open > 0 {
		script = append(script, simulator.Step{Status: simulator.StatusCallInProgress, For: open})
		now = ended
	}
	if waits := media.Sub(now); waits > 0 {
		script = append(script, simulator.Step{Status: simulator.StatusMediaInProgress, For: waits})
	}
	return append(script, simulator.Step{Status: simulator.StatusSuccess})
}

// await waits for the end of the batch, and counts the calls.
func (r *recentBatch) await() (result asked) {
	r.b.Helper()
	ended, err := r.run.Result(r.ctx)
	require.NoError(r.b, err)
	require.Equal(r.b, readyCalls, ended.Total.Outcomes[workflows.OutcomeArchived])
	result.took = ended.FinishedAt.Sub(ended.StartedAt)
	for i, session := range r.list {
		calls := r.vendor.SessionCounts(bot, session.SessionID).StatusCalls
		result.all += calls
		if i < recentCalls {
			result.ofRecent += calls
		}
	}
	for _, call := range r.vendor.Calls() {
		if call.Kind == simulator.KindSessions {
			result.sessionList++
		}
	}
	return result
}

func between(random *rand.Rand, shortest, longest time.Duration) time.Duration {
	return shortest + time.Duration(random.Int64N(int64(longest-shortest)))
}
