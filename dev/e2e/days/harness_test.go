// Package days_test tests complete days as e2e_test tests fetches and batches. It is a
// package of its own because its tests take minutes, and run beside the others.
package days_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"

	"github.com/callvault/callvault/dev/internal/system"
	"github.com/callvault/callvault/internal/daylog"
	"github.com/callvault/callvault/internal/dayrecord"
	"github.com/callvault/callvault/internal/simulator"
	"github.com/callvault/callvault/workflows"
)

func TestMain(m *testing.M) { system.RunTests(m) }

// daysHarness is a harness whose worker archives complete days.
type daysHarness struct {
	*system.Harness
	publicKey string
}

func newDaysHarness(t testing.TB, changes ...func(*simulator.Config)) *daysHarness {
	t.Helper()
	fast := func(c *simulator.Config) {
		c.SessionCallsPerMinute, c.SessionCallsPerHour = system.CallsPerMinute, system.CallsPerHour
		c.InteractionCallsPerMinute, c.InteractionCallsPerHour = system.CallsPerMinute, system.CallsPerHour
	}
	h := &daysHarness{Harness: system.New(t, append([]func(*simulator.Config){fast}, changes...)...)}
	secret, public, err := daylog.NewKey("e2e.example/" + h.Name)
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "log.key")
	require.NoError(t, os.WriteFile(file, []byte(secret), 0o600))
	h.publicKey = public
	h.Secrets = append(h.Secrets, strings.TrimSpace(secret))
	h.Env = h.Env.With("CALLVAULT_LOG_KEY_FILE", file, "SMARTASSIST_ACCOUNT_ID", h.Upstream.Config().AccountID)
	return h
}

// dayPolicy has the waits of days that last seconds.
func dayPolicy(settleAfter time.Duration) workflows.DayPolicy {
	return workflows.DayPolicy{
		SettleAfter: settleAfter,
		Fetch:       workflows.FetchPolicy{PollMin: 100 * time.Millisecond, PollMax: 300 * time.Millisecond, PartialRetryAfter: 500 * time.Millisecond},
	}
}

func (h *daysHarness) archiveDay(date string, settleAfter time.Duration) client.WorkflowRun {
	h.T.Helper()
	request := workflows.DayRequest{Day: workflows.Day{BotID: system.Bot, Date: date}, DayPolicy: dayPolicy(settleAfter)}
	run, err := h.Client.ExecuteWorkflow(h.Ctx, workflows.DayStartOptions(request), workflows.ArchiveDayWorkflowName, request)
	require.NoError(h.T, err)
	return run
}

func (h *daysHarness) dayResult(run client.WorkflowRun) workflows.DayResult {
	h.T.Helper()
	var result workflows.DayResult
	require.NoError(h.T, run.Get(h.Ctx, &result))
	return result
}

// latest returns the latest record of a day and its rows; nil if the day is not sealed.
func (h *daysHarness) latest(date string) (*dayrecord.Record, []dayrecord.Row) {
	h.T.Helper()
	folder := "days/" + system.Bot + "/" + strings.ReplaceAll(date, "-", "/") + "/"
	var record *dayrecord.Record
	for _, key := range h.Keys(h.Ctx) {
		if !strings.HasPrefix(key, folder) || !strings.HasSuffix(key, ".json") {
			continue
		}
		var found dayrecord.Record
		require.NoError(h.T, json.Unmarshal(h.Object(h.Ctx, key), &found))
		if record == nil || found.Revision > record.Revision {
			record = &found
		}
	}
	if record == nil {
		return nil, nil
	}
	var rows []dayrecord.Row
	lines := bufio.NewScanner(bytes.NewReader(h.Object(h.Ctx, record.Rows.Key)))
	for lines.Scan() {
		var row dayrecord.Row
		require.NoError(h.T, json.Unmarshal(lines.Bytes(), &row))
		rows = append(rows, row)
	}
	return record, rows
}

// copyBucket returns a folder with a copy of the bucket.
func (h *daysHarness) copyBucket() string {
	h.T.Helper()
	folder := h.T.(interface{ TempDir() string }).TempDir()
	for _, key := range h.Keys(h.Ctx) {
		path := filepath.Join(folder, filepath.FromSlash(key))
		require.NoError(h.T, os.MkdirAll(filepath.Dir(path), 0o750))
		require.NoError(h.T, h.Store.FGetObject(h.Ctx, h.Name, key, path, minio.GetObjectOptions{}))
	}
	return folder
}

// verify runs the command over a copy of the bucket, and returns its exit code and what it printed.
func (h *daysHarness) verify(folder string, flags ...string) (int, string) {
	h.T.Helper()
	p := h.StartStarter(append([]string{"verify", "--copy", folder, "--key", h.publicKey}, flags...)...)
	return p.ExitCode(h.Ctx), p.Stdout.String() + p.Stderr.String()
}
