package bench_test

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	sdklog "go.temporal.io/sdk/log"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/callvault/callvault/internal/simulator"
	"github.com/callvault/callvault/workflows"
)

// The waits of a session whose media is in progress, by our clock.
const (
	shortestPoll = time.Second
	longestPoll  = 2 * time.Second

	// audioBytes is the size of a recording.
	audioBytes = 2_000
)

// account is what a worker is configured with.
type accountOf struct {
	name string
	bots []string

	askWhenReady     string // "auto" if it is empty
	maxRecordingSize string // "4GiB" if it is empty
	endpoint         string // of the store; that of the shared one if it is empty
}

// site is what one benchmark has for itself: a namespace, a bucket, a vendor, workers.
type site struct {
	b       *testing.B
	ctx     context.Context
	name    string
	vendor  *vendor
	client  client.Client
	windows []workflows.CallWindow // by the vendor's clock
	all     []accountOf
	config  string
	serial  atomic.Uint64
}

var sites atomic.Int64

// newSite returns a site without workers. The vendor's clock and the windows are as
// many times faster as speed says.
func newSite(b *testing.B, speed int, windows []workflows.CallWindow, change func(*simulator.Config), accounts ...accountOf) *site {
	b.Helper()
	if len(accounts) == 0 {
		accounts = []accountOf{{name: "bench", bots: []string{simulator.DefaultBotID}}}
	}
	s := &site{b: b, ctx: b.Context(), name: fmt.Sprintf("bench-%d", sites.Add(1)), windows: windows, all: accounts}
	config := simulator.Config{}
	for _, one := range accounts {
		config.BotIDs = append(config.BotIDs, one.bots...)
	}
	config.CallsPerMinute, config.CallsPerHour = limits(windows)
	config.GenericLimitText = true // The vendor's minute is not a minute of ours.
	if change != nil {
		change(&config)
	}
	s.vendor = startVendor(b, speed, config)
	s.writeConfig(speed)
	var err error
	s.client, err = client.DialContext(s.ctx, client.Options{
		HostPort: temporal.Address(), Namespace: s.name, Logger: sdklog.NewStructuredLogger(slog.New(slog.DiscardHandler)),
	})
	require.NoError(b, err)
	b.Cleanup(s.client.Close)
	_, err = s.client.WorkflowService().RegisterNamespace(s.ctx, &workflowservice.RegisterNamespaceRequest{
		Namespace: s.name, WorkflowExecutionRetentionPeriod: durationpb.New(24 * time.Hour),
	})
	require.NoError(b, err)
	require.Eventually(b, func() bool {
		_, err := s.client.CountWorkflow(s.ctx, &workflowservice.CountWorkflowExecutionsRequest{Namespace: s.name})
		return err == nil
	}, time.Minute, 200*time.Millisecond, "the namespace is registered")
	return s
}

// unlimitedWindows are a budget that no call waits for.
var unlimitedWindows = []workflows.CallWindow{{Calls: workflows.MaxWindowCalls, Span: time.Minute}}

// newUnlimitedSite returns a site whose vendor refuses no call by rate.
func newUnlimitedSite(b *testing.B, accounts ...accountOf) *site {
	b.Helper()
	return newSite(b, 1, unlimitedWindows, func(config *simulator.Config) {
		config.CallsPerMinute, config.CallsPerHour = simulator.Unlimited, simulator.Unlimited
	}, accounts...)
}

// limits returns the calls of a minute and an hour.
func limits(windows []workflows.CallWindow) (perMinute, perHour int) {
	perMinute, perHour = simulator.Unlimited, simulator.Unlimited
	for _, window := range windows {
		switch window.Span {
		case time.Minute:
			perMinute = window.Calls
		case time.Hour:
			perHour = window.Calls
		}
	}
	return perMinute, perHour
}

func (s *site) writeConfig(speed int) {
	s.b.Helper()
	folder := s.b.TempDir()
	require.NoError(s.b, os.WriteFile(filepath.Join(folder, "secret"), []byte(clientSecret), 0o600))
	var windows []string
	for _, window := range s.windows {
		window.Span /= time.Duration(speed)
		windows = append(windows, `"`+window.String()+`"`)
	}
	var text strings.Builder
	text.WriteString("accounts:\n")
	for i, one := range s.all {
		fmt.Fprintf(&text, "  - name: %s\n    url: %s\n    bots: [%s]\n", one.name, s.vendor.url, strings.Join(one.bots, ", "))
		fmt.Fprintf(&text, "    askWhenReady: %s\n    maxRecordingSize: %s\n", cmp.Or(one.askWhenReady, "auto"), cmp.Or(one.maxRecordingSize, "4GiB"))
		fmt.Fprintf(&text, "    token: {clientId: %s, clientSecretFile: secret}\n", simulator.DefaultClientID)
		fmt.Fprintf(&text, "    budget: {scope: bot, windows: [%s]}\n", strings.Join(windows, ", "))
		fmt.Fprintf(&text, "    archive: {endpoint: %s, bucket: %s-%d, region: %s}\n", cmp.Or(one.endpoint, store.Endpoint()), s.name, i, region)
	}
	s.config = filepath.Join(folder, "callvault.yaml")
	require.NoError(s.b, os.WriteFile(s.config, []byte(text.String()), 0o600))
}

// startWorker starts a worker, which may not be ready yet.
func (s *site) startWorker() *process {
	s.b.Helper()
	return startProcess(s.b, []string{
		"TEMPORAL_ADDRESS=" + temporal.Address(), "TEMPORAL_NAMESPACE=" + s.name, "CALLVAULT_CONFIG=" + s.config,
		"AWS_ACCESS_KEY_ID=" + accessKey, "AWS_SECRET_ACCESS_KEY=" + secretKey,
	}, workerBinary)
}

// startWorkers starts workers and waits until they are ready. The first one starts alone,
// because the store fails when several create the same bucket at once.
func (s *site) startWorkers(n int) []*process {
	s.b.Helper()
	first := s.startWorker()
	first.awaitReady(s.b, len(s.all))
	started := []*process{first}
	for len(started) < n {
		started = append(started, s.startWorker())
	}
	for _, p := range started {
		p.awaitReady(s.b, len(s.all))
	}
	return started
}

// addSession adds a session of a call that ended a while ago. Its media is in progress
// for so many calls.
func (s *site) addSession(bot string, inProgress int) workflows.Session {
	s.b.Helper()
	serial := s.serial.Add(1)
	id := simulator.NewSessionID(time.Now().Add(-time.Hour), serial)
	var script []simulator.Step
	if inProgress > 0 {
		script = append(script, simulator.Step{Status: simulator.StatusMediaInProgress, Calls: inProgress})
	}
	script = append(script, simulator.Step{Status: simulator.StatusSuccess})
	require.NoError(s.b, s.vendor.AddSession(simulator.Session{
		BotID: bot, SessionID: id, Script: script, Files: []simulator.File{{Name: "call.wav", Raw: audio(serial, audioBytes)}},
	}))
	return workflows.Session{BotID: bot, SessionID: id}
}

// audio returns a WAV file of so many bytes.
func audio(serial uint64, size int) []byte {
	const header = 44
	raw := make([]byte, size)
	copy(raw, "RIFF")
	binary.LittleEndian.PutUint32(raw[4:], uint32(size-8))
	copy(raw[8:], "WAVEfmt ")
	for i, value := range []uint32{16, 1 | 1<<16, 8000, 16000, 2 | 16<<16} {
		binary.LittleEndian.PutUint32(raw[16+4*i:], value)
	}
	copy(raw[36:], "data")
	binary.LittleEndian.PutUint32(raw[40:], uint32(size-header))
	binary.LittleEndian.PutUint64(raw[header:], serial)
	return raw
}

// fetch is a fetch that was started.
type fetch struct {
	session workflows.Session
	run     *workflows.FetchRun
	started time.Time // by the vendor's clock
}

// start starts a fetch of a session as any other program would.
func (s *site) start(session workflows.Session, batch string) fetch {
	s.b.Helper()
	started, err := s.tryStart(session, batch)
	require.NoError(s.b, err)
	return started
}

func (s *site) tryStart(session workflows.Session, batch string) (fetch, error) {
	started := s.vendor.clock.now()
	run, err := workflows.StartFetch(s.ctx, s.client, workflows.FetchRequest{
		Session: session, BatchID: batch, Policy: workflows.FetchPolicy{PollMin: shortestPoll, PollMax: longestPoll},
	})
	return fetch{session, run, started}, err
}

// starting are fetches that are being started.
type starting struct {
	ended   chan struct{}
	fetches []fetch
	err     error
}

// startAll starts the fetches of many sessions, so many a second, while the benchmark
// goes on.
func (s *site) startAll(all []workflows.Session, batch string, perSecond int) *starting {
	result := &starting{ended: make(chan struct{}), fetches: make([]fetch, len(all))}
	errs := make([]error, len(all))
	go func() {
		defer close(result.ended)
		ticker := time.NewTicker(time.Second / time.Duration(perSecond))
		defer ticker.Stop()
		var group sync.WaitGroup
		for i, session := range all {
			<-ticker.C
			group.Go(func() { result.fetches[i], errs[i] = s.tryStart(session, batch) })
		}
		group.Wait()
		result.err = errors.Join(errs...)
	}()
	return result
}

// await returns the fetches once all are started.
func (a *starting) await(b *testing.B) []fetch {
	b.Helper()
	<-a.ended
	require.NoError(b, a.err)
	return a.fetches
}

// requireArchived waits until all fetches have ended, and requires that they have
// archived their recordings.
func (s *site) requireArchived(fetches []fetch) []*workflows.FetchResult {
	s.b.Helper()
	var results []*workflows.FetchResult
	for _, one := range fetches {
		result, err := one.run.Result(s.ctx)
		require.NoError(s.b, err)
		require.Equal(s.b, workflows.OutcomeArchived, result.Outcome, result.Reason)
		results = append(results, result)
	}
	return results
}

// budget returns the state of a bot's budget.
func (s *site) budget(bot string) workflows.BudgetStatus {
	s.b.Helper()
	value, err := s.client.QueryWorkflow(s.ctx, workflows.CallBudgetWorkflowID(bot), "", workflows.QueryBudget)
	require.NoError(s.b, err)
	var status workflows.BudgetStatus
	require.NoError(s.b, value.Get(&status))
	return status
}
