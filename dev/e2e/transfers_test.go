package e2e_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"flag"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/stretchr/testify/require"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"github.com/callvault/callvault/dev/internal/system"
	"github.com/callvault/callvault/internal/simulator"
	"github.com/callvault/callvault/workflows"
)

var (
	transferSeed  = flag.Uint64("seed", 0, "the seed of the transfers with faults; 0 for a new one")
	transferCount = flag.Int("transfers", everydayTransfers, "how many sessions are archived while faults occur and workers are killed")
	minioBinary   = flag.String("minio", "", "a binary of MinIO, to be the store of the transfers in place of versitygw")
)

const (
	// everydayTransfers are those of an ordinary test run, which takes a minute and a half
	// longer for them. allTransfers are enough for every fault to occur: make transfers.
	everydayTransfers = 100
	allTransfers      = 500

	// startsPerSecond spreads the fetches, so that every kill meets some of them.
	startsPerSecond = 8

	// transferWorkers serve the transfers; one of them, at random, is killed every transferKill
	// until most fetches have ended, for lastKill at most: what a killed worker had begun is
	// lost only when its heartbeat is missed, after half a minute, or after two minutes if it
	// was a slot.
	transferWorkers = 3
	transferKill    = 4 * time.Second
	lastKill        = 80 * time.Second

	// transferTimeout bounds the whole test, also on a busy machine.
	transferTimeout = 9 * time.Minute

	// The workers' settings: recordings from multipartFrom on are stored in parts, of 5 MiB
	// at least, and those over maxRecordingSize are refused.
	multipartFrom    = 8 << 20
	maxRecordingSize = 64 << 20
)

// TestTransfersSurviveFaultsAndKills archives many recordings of a media server that
// breaks in every way that the simulator knows, while workers are killed. Each must end
// as the simulator's own SHA-256 says, and nothing else may be left in the store. The
// faults follow from the seed that it prints; the moments of the kills do not.
func TestTransfersSurviveFaultsAndKills(t *testing.T) {
	if testing.Short() {
		t.Skip("-short leaves out what takes a minute or more")
	}
	t.Parallel()
	seed := *transferSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("seed %d, repeat with: go test ./dev/e2e -run TestTransfersSurviveFaultsAndKills -seed %d -transfers %d", seed, seed, *transferCount)
	random := rand.New(rand.NewPCG(seed, seed))
	h := newTransferHarness(t)

	began := time.Now()
	transfers := make([]*transferred, *transferCount)
	for i := range transfers {
		transfers[i] = h.addTransfer(plannedFiles(random, i))
	}
	hopeless := h.addHopeless()
	workers := []*system.Process{h.StartWorker()} // Alone, because the bucket does not exist yet.
	for len(workers) < transferWorkers {
		workers = append(workers, h.StartWorker())
	}
	all := slices.Concat(hopeless, transfers)
	started := make(chan error, 1)
	go func() { started <- h.startTransfers(all) }()
	kills := h.killUntilMostHaveEnded(random, workers, len(transfers)*9/10)
	require.NoError(t, <-started)
	var ends []time.Duration
	for _, one := range all {
		one.result = h.Result(one.run)
		ends = append(ends, one.result.FinishedAt.Sub(began).Round(time.Second))
	}
	slices.Sort(ends)

	var stored int64
	for _, one := range transfers {
		stored += h.requireTransferred(one)
	}
	for _, one := range hopeless {
		h.requireHopeless(one)
	}
	h.requireNothingElse(transfers, hopeless)
	counts := h.Upstream.Counts()
	t.Logf("%d sessions, half of them in %s, 95 %% in %s, all in %s, %d kills: %d MB stored, %d MB sent in %d responses, %d of them of a Range; faults: %s",
		len(transfers), ends[len(ends)/2], ends[len(ends)*95/100], ends[len(ends)-1], kills, stored>>20, counts.MediaBytes>>20, counts.MediaServed, rangedCalls(h.Upstream.Calls()), faultsText(counts.Faults))
	require.Zero(t, counts.CredentialsAtMedia)
	if *transferCount >= allTransfers {
		for _, kind := range append(faultKinds(), rangeKinds...) {
			require.Positive(t, counts.Faults[kind], "no %s occurred", kind)
		}
	}
}

// transferred is a fetch of a session.
type transferred struct {
	sessionID string
	files     []simulator.File
	policy    workflows.FetchPolicy
	run       client.WorkflowRun
	result    workflows.FetchResult

	// What a session whose recording can never be had ends with.
	outcome workflows.Outcome
	reason  string
}

// newTransferHarness returns a harness whose vendor has no limit, and whose workers use
// MinIO if a binary of it was given.
func newTransferHarness(t *testing.T) *harness {
	t.Helper()
	h := newHarness(t, func(config *simulator.Config) {
		config.CallsPerMinute, config.CallsPerHour = simulator.Unlimited, simulator.Unlimited
		config.LedgerSize = 100_000
	})
	ctx, cancel := context.WithTimeout(t.Context(), transferTimeout)
	t.Cleanup(cancel)
	h.Ctx = ctx
	// The search for thousands of credentials in thousands of texts would take minutes: the
	// patterns of all credentials find them as well.
	h.Upstreams, h.Buckets = nil, nil
	h.Env = h.Env.With(
		"SMARTASSIST_CALLS_PER_MINUTE", strconv.Itoa(workflows.MaxWindowCalls),
		"CALLVAULT_MULTIPART_FROM", strconv.Itoa(multipartFrom),
		"CALLVAULT_MAX_RECORDING_SIZE", strconv.Itoa(maxRecordingSize),
	)
	if *minioBinary != "" {
		h.useMinIO(*minioBinary)
	}
	return h
}

// transferPolicy has waits that let many faults of a file pass within a minute: the sixth
// failure in a row is followed by a wait of a second, the tenth by one of 15 seconds.
func transferPolicy() workflows.FetchPolicy {
	return workflows.FetchPolicy{PollMin: 20 * time.Millisecond, PollMax: 20 * time.Millisecond, GiveUpAfter: time.Hour}
}

func (h *harness) addTransfer(files []simulator.File) *transferred {
	h.T.Helper()
	return &transferred{sessionID: h.AddSession(nil, files...), files: files, policy: transferPolicy(), outcome: workflows.OutcomeArchived}
}

// addHopeless adds sessions whose recording cannot be had by nature.
func (h *harness) addHopeless() []*transferred {
	h.T.Helper()
	always := func(fault simulator.Fault) []simulator.Fault {
		fault.Times = -1
		return []simulator.Fault{fault}
	}
	add := func(outcome workflows.Outcome, reason string, file simulator.File) *transferred {
		one := h.addTransfer([]simulator.File{file})
		one.policy.GiveUpAfter, one.outcome, one.reason = 10*time.Second, outcome, reason
		return one
	}
	return []*transferred{
		add(workflows.OutcomeGaveUp, "text/html", system.Recording("page.wav", 10_000, always(simulator.Fault{Kind: simulator.HTML})...)),
		add(workflows.OutcomeGaveUp, "returned 410", system.Recording("deleted.wav", 10_000, always(simulator.Fault{Kind: simulator.Respond, Status: 410})...)),
		add(workflows.OutcomeGaveUp, "content encoding", system.Recording("gzip.wav", 10_000, always(simulator.Fault{Kind: simulator.Gzip})...)),
		add(workflows.OutcomeFailed, "--max-recording-size", simulator.File{Name: "huge.wav", Size: maxRecordingSize + 2}),
		add(workflows.OutcomeFailed, "--max-recording-size", simulator.File{Name: "endless.wav", Size: maxRecordingSize + 2, Faults: always(simulator.Fault{Kind: simulator.Chunked})}),
	}
}

// startTransfers starts the fetches, so many a second.
func (h *harness) startTransfers(all []*transferred) (err error) {
	ticker := time.NewTicker(time.Second / startsPerSecond)
	defer ticker.Stop()
	for _, one := range all {
		<-ticker.C
		request := workflows.FetchRequest{Session: system.SessionOf(one.sessionID), Policy: one.policy}
		if one.run, err = h.Client.ExecuteWorkflow(h.Ctx, workflows.FetchStartOptions(request), workflows.FetchRecordingWorkflowName, request); err != nil {
			return err
		}
	}
	return nil
}

// killUntilMostHaveEnded kills a worker every few seconds and starts another in its place,
// until so many fetches have ended or lastKill has passed. It returns the number of kills.
func (h *harness) killUntilMostHaveEnded(random *rand.Rand, workers []*system.Process, most int) int {
	h.T.Helper()
	deadline := time.After(lastKill)
	ticker := time.NewTicker(transferKill)
	defer ticker.Stop()
	for kills := 0; ; kills++ {
		select {
		case <-deadline:
			return kills
		case <-h.Ctx.Done():
			require.FailNow(h.T, "timed out while workers were killed")
		case <-ticker.C:
		}
		ended, err := h.Client.CountWorkflow(h.Ctx, &workflowservice.CountWorkflowExecutionsRequest{
			Namespace: h.Name, Query: "WorkflowType = 'FetchRecordingWorkflow' AND ExecutionStatus = 'Completed'",
		})
		if err == nil && ended.GetCount() >= int64(most) {
			return kills
		}
		i := random.IntN(len(workers))
		workers[i].Kill()
		workers[i] = h.Start("worker", system.WorkerBinary, h.Env)
	}
}

// requireTransferred requires that result, manifest and objects of a session agree, and
// that the simulator has had a file with these bytes. It returns the size of the objects.
func (h *harness) requireTransferred(one *transferred) (stored int64) {
	h.T.Helper()
	require.Equal(h.T, workflows.OutcomeArchived, one.result.Outcome, "%s: %s", one.sessionID, one.result.Reason)
	digests, err := h.Upstream.SHA256(system.Bot, one.sessionID)
	require.NoError(h.T, err)
	manifest := h.Manifest(one.sessionID)
	require.Equal(h.T, string(workflows.OutcomeArchived), manifest.Outcome)
	require.Len(h.T, one.result.Recordings, len(one.files))
	require.Len(h.T, manifest.Files, len(one.files))
	for i, file := range one.files {
		recording, proved := one.result.Recordings[i], manifest.Files[i]
		key := h.Folder(one.sessionID) + file.Name
		digest, bytes := h.digest(key)
		// Two contents, if the file changed between the download and the loss of the worker
		// that had proved it.
		require.Contains(h.T, digests[i], digest, "%s is no content that the media server has had; faults: %s", key, faultsOf(file))
		require.Equal(h.T, []string{file.Name, key, digest, strconv.FormatInt(bytes, 10)},
			[]string{recording.FileName, recording.Key, recording.SHA256, strconv.FormatInt(recording.Bytes, 10)}, "the result")
		require.Equal(h.T, []string{file.Name, key, digest, strconv.FormatInt(bytes, 10)},
			[]string{proved.FileName, proved.Key, proved.SHA256, strconv.FormatInt(proved.Bytes, 10)}, "the manifest")
		stored += bytes
	}
	return stored
}

func (h *harness) requireHopeless(one *transferred) {
	h.T.Helper()
	require.Equal(h.T, one.outcome, one.result.Outcome, "%s: %s", one.files[0].Name, one.result.Reason)
	require.Contains(h.T, one.result.Reason, one.reason, one.files[0].Name)
	require.Empty(h.T, one.result.Recordings)
	manifest := h.Manifest(one.sessionID)
	require.Equal(h.T, string(one.outcome), manifest.Outcome)
	require.Empty(h.T, manifest.Files)
}

// requireNothingElse requires that the store holds the recordings and one manifest of each
// session, and no unfinished upload.
func (h *harness) requireNothingElse(transfers, hopeless []*transferred) {
	h.T.Helper()
	files := make(map[string][]simulator.File)
	for _, one := range transfers {
		files[one.sessionID] = one.files
	}
	for _, one := range hopeless {
		files[one.sessionID] = nil
	}
	h.RequireOnly(files)
	// MinIO lists the uploads of an exact key alone.
	for _, one := range slices.Concat(transfers, hopeless) {
		for _, file := range one.files {
			key := h.Folder(one.sessionID) + file.Name
			listed, err := minio.Core{Client: h.Store}.ListMultipartUploads(h.Ctx, h.Name, key, "", "", "", 10)
			require.NoError(h.T, err)
			require.Empty(h.T, listed.Uploads, key)
		}
	}
}

// digest reads an object back.
func (h *harness) digest(key string) (digest string, bytes int64) {
	h.T.Helper()
	object, err := h.Store.GetObject(h.Ctx, h.Name, key, minio.GetObjectOptions{})
	require.NoError(h.T, err)
	defer object.Close()
	hash := sha256.New()
	bytes, err = io.Copy(hash, object)
	require.NoError(h.T, err, key)
	return hex.EncodeToString(hash.Sum(nil)), bytes
}

func rangedCalls(calls []simulator.Call) (n int) {
	for _, call := range calls {
		if call.Kind == simulator.KindMedia && call.Range != "" {
			n++
		}
	}
	return n
}

func faultsText(counts map[simulator.FaultKind]int) string {
	var texts []string
	for _, kind := range slices.Sorted(maps.Keys(counts)) {
		texts = append(texts, fmt.Sprintf("%s %d", kind, counts[kind]))
	}
	return strings.Join(texts, ", ")
}

func faultsOf(file simulator.File) string {
	var texts []string
	for _, fault := range file.Faults {
		texts = append(texts, fmt.Sprintf("%+v", fault))
	}
	return strings.Join(texts, ", ")
}
