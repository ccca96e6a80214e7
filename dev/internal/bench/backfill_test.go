package bench_test

import (
	"context"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/dev/internal/temporalserver"
	"github.com/callvault/callvault/internal/simulator"
	"github.com/callvault/callvault/workflows"
)

// backfillOf is a backfill's session, and how it has to end.
type backfillOf struct {
	session workflows.Session
	outcome workflows.Outcome
	files   []simulator.File
}

// backfillPolicy shortens the waits of the sessions' scripts.
var backfillPolicy = workflows.FetchPolicy{PollMin: shortestPoll, PollMax: longestPoll, PartialRetryAfter: 3 * time.Second}

// addBackfill adds sessions of every outcome, some with waits, several files and media
// faults.
func (s *site) addBackfill(n int) []backfillOf {
	s.b.Helper()
	once := func(status string) []simulator.Step {
		return []simulator.Step{{Status: status, Calls: 1}, {Status: simulator.StatusSuccess}}
	}
	all := make([]backfillOf, n)
	for i := range all {
		serial := s.serial.Add(1)
		// The calls took place over the last two months, the last one three days ago.
		at := time.Now().AddDate(0, 0, -3).Add(-time.Duration(n-i) * (60 * 24 * time.Hour / time.Duration(n)))
		one := backfillOf{session: workflows.Session{BotID: bot, SessionID: simulator.NewSessionID(at, serial)}, outcome: workflows.OutcomeArchived}
		one.files = []simulator.File{{Name: "call.wav", Raw: audio(serial, audioBytes)}}
		var script []simulator.Step
		switch i % 20 {
		case 3:
			one.outcome, script = workflows.OutcomeFailed, []simulator.Step{{Status: simulator.StatusFailed}}
		case 7:
			one.outcome, script = workflows.OutcomeUnavailable, []simulator.Step{{Status: simulator.StatusMediaUnavailable}}
		case 9:
			script = once(simulator.StatusMediaInProgress)
		case 11:
			script = once(simulator.StatusPartialDownloadFailed)
		case 13:
			one.files = append(one.files, simulator.File{Name: "agent.wav", Raw: audio(serial+1<<32, audioBytes)})
		case 17:
			one.files[0].Faults = []simulator.Fault{{Kind: simulator.Cut, After: audioBytes / 2}}
		case 19:
			one.files[0].Faults = []simulator.Fault{{Kind: simulator.Respond, Status: 503}}
		}
		if one.outcome != workflows.OutcomeArchived {
			one.files = nil
		}
		require.NoError(s.b, s.vendor.AddSession(simulator.Session{BotID: bot, SessionID: one.session.SessionID, Script: script, Files: one.files}))
		all[i] = one
	}
	return all
}

// minio returns a client of the store.
func (s *site) minio() *minio.Client {
	s.b.Helper()
	endpoint, err := url.Parse(store.Endpoint())
	require.NoError(s.b, err)
	c, err := minio.New(endpoint.Host, &minio.Options{Creds: credentials.NewStaticV4(accessKey, secretKey, ""), Region: region})
	require.NoError(s.b, err)
	return c
}

// bucket is that of the site's only account.
func (s *site) bucket() string { return s.name + "-0" }

// putList puts the list of a batch into the archive.
func (s *site) putList(key string, sessions []workflows.Session) workflows.ObjectRef {
	s.b.Helper()
	var list strings.Builder
	list.WriteString("botId,sessionId\n")
	for _, session := range sessions {
		fmt.Fprintf(&list, "%s,%s\n", session.BotID, session.SessionID)
	}
	_, err := s.minio().PutObject(s.ctx, s.bucket(), key, strings.NewReader(list.String()), int64(list.Len()), minio.PutObjectOptions{})
	require.NoError(s.b, err)
	return workflows.ObjectRef{Bucket: s.bucket(), Key: key}
}

// reportRows returns the rows of a report by session, and its last line.
func (s *site) reportRows(ref workflows.ObjectRef) (rows map[string][]string, total []string) {
	s.b.Helper()
	object, err := s.minio().GetObject(s.ctx, ref.Bucket, ref.Key, minio.GetObjectOptions{})
	require.NoError(s.b, err)
	defer object.Close()
	lines, err := csv.NewReader(object).ReadAll()
	require.NoError(s.b, err)
	rows = make(map[string][]string)
	for _, line := range lines[1 : len(lines)-1] {
		rows[line[1]] = line
	}
	require.Len(s.b, rows, len(lines)-2, "each session has one row")
	return rows, lines[len(lines)-1]
}

// awaitEnded waits until so many of the batch's fetches have ended.
func (s *site) awaitEnded(run *workflows.BatchRun, n int) {
	s.b.Helper()
	require.Eventually(s.b, func() bool {
		ctx, cancel := context.WithTimeout(s.ctx, 5*time.Second)
		defer cancel()
		progress, err := run.Progress(ctx)
		require.False(s.b, err == nil && progress.Phase == "", progress.Reason)
		return err == nil && progress.Ended() >= n
	}, time.Hour, time.Second, "%d have ended", n)
}

// restartTemporal stops the Temporal server and starts it again on its data and port.
func (s *site) restartTemporal() {
	s.b.Helper()
	_, port, err := net.SplitHostPort(temporal.Address())
	require.NoError(s.b, err)
	number, err := strconv.Atoi(port)
	require.NoError(s.b, err)
	require.NoError(s.b, temporal.Stop())
	options := temporalOptions
	options.FrontendPort, options.Logger = number, slog.New(slog.DiscardHandler)
	temporal, err = temporalserver.Start(s.ctx, options)
	require.NoError(s.b, err)
	require.Equal(s.b, port, temporal.Address()[strings.LastIndexByte(temporal.Address(), ':')+1:], "the workers know this port")
}

// BenchmarkBackfill runs a batch of -sessions sessions of every outcome, while a worker is
// killed five times and the Temporal server restarted once, and compares each row of the
// report with the simulator's log and the objects' bytes.
func BenchmarkBackfill(b *testing.B) {
	s := newUnlimitedSite(b)
	running := s.startWorkers(workers)
	all := s.addBackfill(*sessions)
	var list []workflows.Session
	for _, one := range all {
		list = append(list, one.session)
	}
	began := time.Now()
	run, err := workflows.StartBatch(s.ctx, s.client, workflows.BatchRequest{
		BatchID: "backfill", Source: new(s.putList("lists/backfill.csv", list)), Policy: backfillPolicy,
	})
	require.NoError(b, err)
	for i := range kills {
		s.awaitEnded(run, len(all)*(i+1)/(kills+2))
		victim := i % workers
		running[victim].kill()
		running[victim] = s.startWorker()
		if i == kills/2 {
			s.restartTemporal()
		}
	}
	result, err := run.Result(s.ctx)
	for errors.Is(err, io.EOF) {
		result, err = run.Result(s.ctx)
	}
	require.NoError(b, err)
	took := time.Since(began)
	s.compareReport(all, result)
	report(b, "sessions", float64(len(all)), "")
	report(b, "sessions a second", float64(len(all))/took.Seconds(), "")
	report(b, "kills of a worker", kills, "")
	report(b, "restarts of Temporal", 1, "")
	runs, longest := s.historyLengths(run)
	report(b, "runs of the batch", float64(runs), "")
	report(b, "events of the longest run", float64(longest), "< 4000")
	b.ReportMetric(0, "ns/op")
}

// compareReport compares a report with what the sessions' scripts lead to, with the calls
// that the simulator counted and with the bytes of the objects.
func (s *site) compareReport(all []backfillOf, result *workflows.BatchResult) {
	s.b.Helper()
	rows, total := s.reportRows(result.Report)
	require.Len(s.b, rows, len(all))
	require.Equal(s.b, strconv.Itoa(len(all)), total[1])
	c := s.minio()
	calls, unreported := 0, 0
	for _, one := range all {
		row := rows[one.session.SessionID]
		require.NotNil(s.b, row, one.session)
		require.Equal(s.b, string(one.outcome), row[3], row)
		require.Equal(s.b, strconv.Itoa(len(one.files)), row[5], row)
		made := s.vendor.SessionCounts(bot, one.session.SessionID).StatusCalls
		reported, err := strconv.Atoi(row[9])
		require.NoError(s.b, err)
		calls += made
		unreported += max(0, made-reported)
		require.GreaterOrEqual(s.b, reported, 1, row)
		if len(one.files) == 0 {
			continue
		}
		digests := make(map[string]bool)
		for _, file := range one.files {
			digest := sha256.Sum256(file.Raw)
			digests[hex.EncodeToString(digest[:])] = true
		}
		keys, reportedDigests := strings.Split(row[6], ";"), strings.Split(row[8], ";")
		require.Len(s.b, keys, len(one.files))
		for i, key := range keys {
			object, err := c.GetObject(s.ctx, s.bucket(), key, minio.GetObjectOptions{})
			require.NoError(s.b, err)
			hash := sha256.New()
			_, err = io.Copy(hash, object)
			object.Close()
			require.NoError(s.b, err, key)
			digest := hex.EncodeToString(hash.Sum(nil))
			require.Equal(s.b, reportedDigests[i], digest, key)
			require.True(s.b, digests[digest], "%s has other bytes than the vendor's file", key)
		}
	}
	report(s.b, "calls", float64(calls), "")
	report(s.b, "calls that no manifest counts", float64(unreported), "")
}

// historyLengths returns the number of runs of a batch, and the events of the longest.
func (s *site) historyLengths(run *workflows.BatchRun) (runs, longest int) {
	s.b.Helper()
	for runID, more := "", true; more; more = runID != "" {
		events := s.history(run.WorkflowID(), runID)
		runs++
		longest = max(longest, len(events))
		runID = events[0].GetWorkflowExecutionStartedEventAttributes().GetContinuedExecutionRunId()
	}
	return runs, longest
}
