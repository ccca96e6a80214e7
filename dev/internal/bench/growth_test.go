package bench_test

import (
	"bytes"
	"fmt"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/internal/archive"
	"github.com/callvault/callvault/internal/simulator"
	"github.com/callvault/callvault/workflows"
)

// fetchedOfGrowth is how many sessions of each list are fetched; the others have a manifest.
const fetchedOfGrowth = 500

// BenchmarkGrowth runs a batch of 1,000 sessions, and one of -sessions, each with a worker of
// its own. It compares the memory of the workers, and reports how long the histories are. All
// but 500 sessions have a manifest, so it tells of reading, ordering, looking up and reporting
// on a list, and of launching 500.
func BenchmarkGrowth(b *testing.B) {
	small := growth(b, 1_000)
	large := growth(b, *sessions)
	report(b, "sessions", float64(*sessions), "")
	report(b, "peak memory of a worker, 1,000 sessions, MiB", float64(small.peak)/(1<<20), "")
	report(b, "peak memory of a worker, all sessions, MiB", float64(large.peak)/(1<<20), "")
	report(b, "ratio of the two", float64(large.peak)/float64(small.peak), "< 1.5")
	report(b, "events of the longest run", float64(large.longest), "< 4000")
	report(b, "runs", float64(large.runs), "")
	report(b, "seconds", large.took.Seconds(), "")
	b.ReportMetric(0, "ns/op")
}

type grown struct {
	peak          int
	runs, longest int
	took          time.Duration
}

func growth(b *testing.B, n int) grown {
	b.Helper()
	s := newUnlimitedSite(b)
	worker := s.startWorkers(1)[0]
	list := make([]workflows.Session, n)
	begin := time.Now().AddDate(0, -2, 0)
	for i := range list {
		list[i] = workflows.Session{BotID: bot, SessionID: simulator.NewSessionID(begin.Add(time.Duration(i)*20*time.Second), uint64(i))}
		if i%(n/fetchedOfGrowth) == 0 {
			require.NoError(b, s.vendor.AddSession(simulator.Session{BotID: bot, SessionID: list[i].SessionID, Files: []simulator.File{{Name: "call.wav", Raw: audio(uint64(i), audioBytes)}}}))
		}
	}
	s.writeManifests(list, n/fetchedOfGrowth)
	began := time.Now()
	run, err := workflows.StartBatch(s.ctx, s.client, workflows.BatchRequest{BatchID: fmt.Sprint("growth-", n), Source: new(s.putList("lists/growth.csv", list))})
	require.NoError(b, err)
	result, err := run.Result(s.ctx)
	require.NoError(b, err)
	require.Equal(b, n, result.Total.Sessions)
	require.Equal(b, fetchedOfGrowth, result.Total.Outcomes[workflows.OutcomeArchived])
	g := grown{peak: worker.peak(b), took: time.Since(began)}
	g.runs, g.longest = s.historyLengths(run)
	worker.kill()
	return g
}

// writeManifests gives every session one, but each every-th.
func (s *site) writeManifests(list []workflows.Session, every int) {
	s.b.Helper()
	endpoint, err := url.Parse(store.Endpoint())
	require.NoError(s.b, err)
	c, err := archive.Open(archive.Config{Endpoint: endpoint, Bucket: s.bucket(), Region: region, Credentials: credentials.NewStaticV4(accessKey, secretKey, "")})
	require.NoError(s.b, err)
	work := make(chan workflows.Session)
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() {
			for session := range work {
				_, err := c.WriteManifest(s.ctx, &archive.Manifest{Session: session, Outcome: string(workflows.OutcomeFailed), Status: "failed", Reason: "before"}, "")
				if err != nil {
					s.b.Error(err)
				}
			}
		})
	}
	for i, session := range list {
		if i%every != 0 {
			work <- session
		}
	}
	close(work)
	all.Wait()
	require.False(s.b, s.b.Failed())
}

// peak is the most memory that the process had, in bytes.
func (p *process) peak(b testing.TB) int {
	b.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.command.Process.Pid))
	require.NoError(b, err)
	for line := range bytes.Lines(status) {
		if text, found := strings.CutPrefix(string(line), "VmHWM:"); found {
			kibibytes, err := strconv.Atoi(strings.Fields(text)[0])
			require.NoError(b, err)
			return kibibytes << 10
		}
	}
	require.FailNow(b, "the kernel tells no peak")
	return 0
}
