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
	var figures costs
	for range *rounds {
		figures.hash = append(figures.hash, hashCost(b).Seconds())

		before, began := to.usage(b).cpu, time.Now()
		used := s.runFloor(floor, to, floorBucket, s.addRecordings(bot, shape.count, simulator.File{Size: shape.bytes}))
		figures.floor = append(figures.floor, used.Seconds()/gigabytes)
		figures.storeOfFloor = append(figures.storeOfFloor, idleStore.less(to.usage(b).cpu-before, time.Since(began)).Seconds()/gigabytes)
		to.empty(b, floorBucket)

		all := s.addRecordings(bot, shape.count, simulator.File{Size: shape.bytes})
		before, began = to.usage(b).cpu, time.Now()
		used = worker.usage(b).cpu
		s.transferAll(all)
		used, took := worker.usage(b).cpu-used, time.Since(began)
		figures.worker = append(figures.worker, idleWorker.less(used, took).Seconds()/gigabytes)
		figures.store = append(figures.store, idleStore.less(to.usage(b).cpu-before, took).Seconds()/gigabytes)
		to.empty(b, s.bucket())

		used, began = worker.usage(b).cpu, time.Now()
		s.archiveAll(shape.count)
		figures.fetches = append(figures.fetches, idleWorker.less(worker.usage(b).cpu-used, time.Since(began)).Seconds()/gigabytes)
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

// costs are CPU seconds a gigabyte, one of each round.
type costs struct {
	hash, floor, storeOfFloor, worker, store []float64

	// fetches are those of as many fetches of recordings without a size worth mentioning.
	fetches []float64
}

func (c costs) report(b *testing.B) {
	b.Helper()
	transfers := make([]float64, len(c.worker))
	for i := range transfers {
		transfers[i] = c.worker[i] - c.fetches[i]
		b.Logf("CPU seconds a GB: hash %.2f, floor %.2f, worker %.2f of which fetches without bytes %.2f; store for the floor %.2f, for the worker %.2f",
			c.hash[i], c.floor[i], c.worker[i], c.fetches[i], c.storeOfFloor[i], c.store[i])
	}
	report(b, "SHA-256, CPU s a GB", bench.Percentile(c.hash, .5), "")
	report(b, "floor, CPU s a GB", bench.Percentile(c.floor, .5), "")
	report(b, "worker, CPU s a GB", bench.Percentile(c.worker, .5), "")
	report(b, "SHA-256/floor", medianRatio(c.hash, c.floor), "")
	report(b, "worker/floor", medianRatio(c.worker, c.floor), "")
	report(b, "worker without its fetches/floor", medianRatio(transfers, c.floor), "<= 1.5")
	report(b, "store, CPU s a GB", bench.Percentile(c.store, .5), "")
	report(b, "store/store of the floor", medianRatio(c.store, c.storeOfFloor), "<= 1.1")
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
