package e2e_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/dev/internal/system"
	"github.com/callvault/callvault/internal/simulator"
	"github.com/callvault/callvault/workflows"
)

const (
	soakSeed = 20260305
	// soakTimeout bounds the whole soak.
	soakTimeout = 25 * time.Minute
	// soakKill is the time between two kills of a worker.
	soakKill = 4 * time.Second
)

// BenchmarkSoak fetches sessions with all kinds of waits and media faults while
// one of its two workers is killed every few seconds. It prints how many calls
// were made for each that the vendor's answers forced:
//
//	go test ./dev/e2e -run '^$' -bench Soak -benchtime 300x -timeout 30m
func BenchmarkSoak(b *testing.B) {
	if b.N == 1 {
		return // The benchmark's trial run starts no servers' work.
	}
	ctx, cancel := context.WithTimeout(b.Context(), soakTimeout)
	defer cancel()
	h := newHarness(b)
	h.Ctx = ctx
	b.Logf("seed %d", soakSeed)
	random := rand.New(rand.NewPCG(soakSeed, soakSeed))

	forced := 0
	sessions := make(map[string][]simulator.File, b.N)
	runs := make(map[string]interface {
		Get(context.Context, any) error
	}, b.N)
	workers := []*system.Process{h.StartWorker(), h.StartWorker()}
	for i := range b.N {
		script, calls := soakScript(random)
		files := soakFiles(random, i)
		id := h.AddSession(script, files...)
		forced += calls
		sessions[id] = files
		runs[id] = h.Execute(id, workflows.FetchPolicy{PollMin: 300 * time.Millisecond, PollMax: 600 * time.Millisecond,
			PartialRetryAfter: time.Second, GiveUpAfter: soakTimeout})
	}
	done, kills := make(chan struct{}), make(chan int, 1)
	go func() {
		ticker := time.NewTicker(soakKill)
		defer ticker.Stop()
		for n := 0; ; n++ {
			select {
			case <-done:
				kills <- n
				return
			case <-ticker.C:
			}
			workers[n%2].Kill()
			workers[n%2] = h.Start("worker", system.WorkerBinary, h.Env)
		}
	}()
	downloads := 0
	for id, run := range runs {
		var result workflows.FetchResult
		require.NoError(b, run.Get(ctx, &result))
		require.Equal(b, workflows.OutcomeArchived, result.Outcome, result.Reason)
		requireBytes(b, result, sessions[id])
		downloads += h.Upstream.SessionCounts(system.Bot, id).MediaRequests
	}
	close(done)
	made := h.Upstream.Counts().API
	require.LessOrEqual(b, float64(made), 1.05*float64(forced), "calls")
	b.ReportMetric(float64(made)/float64(forced), "calls/forced")
	b.ReportMetric(float64(made), "calls")
	b.ReportMetric(float64(forced), "forced")
	b.ReportMetric(float64(downloads), "downloads")
	b.ReportMetric(float64(<-kills), "kills")
	b.ReportMetric(0, "ns/op") // Waits and kills say nothing about speed.
}

// soakScript returns a script that ends with success, and how many calls it forces.
func soakScript(random *rand.Rand) (script []simulator.Step, calls int) {
	step := func(status string, n int) {
		if n > 0 {
			script = append(script, simulator.Step{Status: status, Calls: n})
			calls += n
		}
	}
	step(simulator.StatusCallInProgress, random.IntN(3))
	step(simulator.StatusMediaInProgress, random.IntN(2))
	step(simulator.StatusPartialDownloadFailed, random.IntN(2)*random.IntN(2))
	if random.IntN(10) == 0 { // Its URLs have expired when they arrive.
		script = append(script, simulator.Step{Status: simulator.StatusSuccess, Calls: 1, URLLifetime: -time.Second})
		calls++
	}
	return append(script, simulator.Step{Status: simulator.StatusSuccess}), calls + 1
}

// soakFiles returns one or two files, of which a third have a media fault.
func soakFiles(random *rand.Rand, serial int) []simulator.File {
	faults := []simulator.Fault{
		{Kind: simulator.Respond, Status: 403}, {Kind: simulator.Respond, Status: 429, RetryAfter: "1"},
		{Kind: simulator.Respond, Status: 503, Times: 2}, {Kind: simulator.HTML}, {Kind: simulator.Cut, After: 30_000},
		{Kind: simulator.CloseDelimited, After: 20_000}, {Kind: simulator.Chunked},
	}
	files := make([]simulator.File, 1+random.IntN(2))
	for i := range files {
		files[i] = system.Recording(string(rune('a'+i))+"-"+hex.EncodeToString([]byte{byte(serial >> 8), byte(serial)})+".wav", 50_000+random.IntN(150_000))
		if random.IntN(3) == 0 {
			files[i].Faults = []simulator.Fault{faults[random.IntN(len(faults))]}
		}
	}
	return files
}

func requireBytes(b *testing.B, result workflows.FetchResult, files []simulator.File) {
	b.Helper()
	require.Len(b, result.Recordings, len(files))
	for i, file := range files {
		digest := sha256.Sum256(file.Raw)
		require.Equal(b, hex.EncodeToString(digest[:]), result.Recordings[i].SHA256)
	}
}
