package bench_test

import (
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/dev/internal/bench"
	"github.com/callvault/callvault/internal/simulator"
	"github.com/callvault/callvault/workflows"
)

// gigabyte is what costs are given for.
const gigabyte = 1_000_000_000

// idlePeriod is for how long a worker that does nothing is watched.
const idlePeriod = 5 * time.Second

// files are recordings that are transferred side by side.
type files struct {
	name  string
	count int
	bytes int64
}

// BenchmarkTransferCost compares the CPU time that the worker and the store take for a
// gigabyte with what they take for package floor, which streams the same files from the same
// media server, in turn and on the same machine. The worker's is what it takes for the whole
// fetches, less what it takes when it is idle. Each figure is the median of the rounds.
func BenchmarkTransferCost(b *testing.B) {
	floor := buildFloor(b)
	for _, kind := range storeKinds() {
		for _, shape := range []files{{"16x50MB", 16, 50_000_000}, {"1x2GB", 1, 2_000_000_000}} {
			b.Run(kind.name+"/"+shape.name, func(b *testing.B) { transferCost(b, kind, shape, floor) })
		}
	}
}

func transferCost(b *testing.B, kind storeKind, shape files, floor string) {
	b.Helper()
	const floorBucket = "floor"
	to := kind.start(b)
	s := newUnlimitedSite(b, accountOf{name: "bench", bots: []string{bot}, endpoint: to.endpoint})
	worker := s.startWorkers(1)[0]
	require.NoError(b, to.client.MakeBucket(s.ctx, floorBucket, minio.MakeBucketOptions{Region: region}))
	s.archiveAll(1) // The first one starts what the others use.
	idleWorker, idleStore := watchIdle(b, worker), watchIdle(b, to.process)

	gigabytes := float64(shape.count) * float64(shape.bytes) / gigabyte
	recordings := func() []workflows.Session {
		return s.addRecordings(bot, shape.count, simulator.File{Size: shape.bytes})
	}
	// measure adds what a transfer costs in a round. It returns the CPU time of the program.
	measure := func(of *transferred, idleProgram idling, transfer func() time.Duration) {
		before, began := to.usage(b).cpu, time.Now()
		used := transfer()
		took := time.Since(began)
		of.program = append(of.program, idleProgram.less(used, took).Seconds()/gigabytes)
		of.store = append(of.store, idleStore.less(to.usage(b).cpu-before, took).Seconds()/gigabytes)
	}
	byWorker := func(work func()) func() time.Duration {
		return func() time.Duration {
			before := worker.usage(b).cpu
			work()
			return worker.usage(b).cpu - before
		}
	}
	var figures costs
	for range *rounds {
		figures.hash = append(figures.hash, hashCost(b).Seconds())
		all := recordings()
		measure(&figures.floor, 0, func() time.Duration { return s.runFloor(floor, to, floorBucket, all) })
		measure(&figures.floorSHA256, 0, func() time.Duration { return s.runFloor(floor, to, floorBucket, all, "-sha256") })
		to.empty(b, floorBucket)
		all = recordings()
		measure(&figures.worker, idleWorker, byWorker(func() { s.transferAll(all) }))
		to.empty(b, s.bucket())
		measure(&figures.fetches, idleWorker, byWorker(func() { s.archiveAll(shape.count) }))
	}
	figures.report(b)
	b.ReportMetric(0, "ns/op")
}

// idling is the CPU time that a process takes while it has nothing to do, as a share of the
// time that passes.
type idling float64

func watchIdle(b *testing.B, p *process) idling {
	b.Helper()
	before := p.usage(b).cpu
	time.Sleep(idlePeriod)
	return idling((p.usage(b).cpu - before).Seconds() / idlePeriod.Seconds())
}

// less returns the CPU time without that of an idle process.
func (i idling) less(cpu, wall time.Duration) time.Duration {
	return cpu - time.Duration(float64(i)*float64(wall))
}

// transferred are the CPU seconds a gigabyte of a program and of the store, one of each round.
type transferred struct{ program, store []float64 }

// costs are what the programs cost.
type costs struct {
	hash                       []float64 // CPU seconds a gigabyte
	floor, floorSHA256, worker transferred

	// fetches are those of as many fetches of recordings without a size worth mentioning.
	fetches transferred
}

func (c costs) report(b *testing.B) {
	b.Helper()
	transfers := make([]float64, len(c.hash))
	for i := range transfers {
		transfers[i] = c.worker.program[i] - c.fetches.program[i]
		b.Logf("CPU seconds a GB: SHA-256 %.2f, floor %.2f, with SHA-256 %.2f, worker %.2f of which fetches without bytes %.2f; store %.2f, %.2f and %.2f", c.hash[i],
			c.floor.program[i], c.floorSHA256.program[i], c.worker.program[i], c.fetches.program[i], c.floor.store[i], c.floorSHA256.store[i], c.worker.store[i])
	}
	report(b, "SHA-256, CPU s a GB", bench.Percentile(c.hash, .5), "")
	report(b, "floor, CPU s a GB", bench.Percentile(c.floor.program, .5), "")
	report(b, "worker, CPU s a GB", bench.Percentile(c.worker.program, .5), "")
	report(b, "SHA-256/floor", medianRatio(c.hash, c.floor.program), "")
	report(b, "floor with SHA-256/floor", medianRatio(c.floorSHA256.program, c.floor.program), "")
	report(b, "worker/floor", medianRatio(c.worker.program, c.floor.program), "")
	report(b, "worker without its fetches/floor", medianRatio(transfers, c.floor.program), "<= 1.5")
	report(b, "store of the floor, CPU s a GB", bench.Percentile(c.floor.store, .5), "")
	report(b, "store of the floor with SHA-256/store of the floor", medianRatio(c.floorSHA256.store, c.floor.store), "")
	report(b, "store of the worker/store of the floor", medianRatio(c.worker.store, c.floor.store), "<= 1.1")
}

// medianRatio returns the median of the rounds' ratios.
func medianRatio(values, of []float64) float64 {
	ratios := make([]float64, len(values))
	for i := range ratios {
		ratios[i] = values[i] / of[i]
	}
	return bench.Percentile(ratios, .5)
}

// addRecordings adds sessions that have one recording each, of the same size.
func (s *site) addRecordings(bot string, count int, file simulator.File) []workflows.Session {
	s.b.Helper()
	all := make([]workflows.Session, count)
	for i := range all {
		all[i] = workflows.Session{BotID: bot, SessionID: simulator.NewSessionID(time.Now().Add(-time.Hour), s.serial.Add(1))}
		require.NoError(s.b, s.vendor.AddSession(simulator.Session{BotID: bot, SessionID: all[i].SessionID, Files: []simulator.File{file}}))
	}
	return all
}

// transferAll archives the recordings of sessions, all at once, and returns how long it takes.
func (s *site) transferAll(all []workflows.Session) time.Duration {
	s.b.Helper()
	began := time.Now()
	fetches := make([]fetch, len(all))
	for i, session := range all {
		fetches[i] = s.start(session, "")
	}
	s.requireArchived(fetches)
	return time.Since(began)
}
