package e2e_test

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

	"github.com/callvault/callvault/internal/daylog"
	"github.com/callvault/callvault/internal/dayrecord"
	"github.com/callvault/callvault/internal/simulator"
	"github.com/callvault/callvault/workflows"
)

// daysHarness is a harness whose worker archives complete days.
type daysHarness struct {
	*harness
	publicKey string
}

func newDaysHarness(t testing.TB, changes ...func(*simulator.Config)) *daysHarness {
	t.Helper()
	fast := func(c *simulator.Config) {
		c.SessionCallsPerMinute, c.SessionCallsPerHour = callsPerMinute, callsPerHour
		c.InteractionCallsPerMinute, c.InteractionCallsPerHour = callsPerMinute, callsPerHour
	}
	h := &daysHarness{harness: newHarness(t, append([]func(*simulator.Config){fast}, changes...)...)}
	secret, public, err := daylog.NewKey("e2e.example/" + h.name)
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "log.key")
	require.NoError(t, os.WriteFile(file, []byte(secret), 0o600))
	h.publicKey = public
	h.secrets = append(h.secrets, strings.TrimSpace(secret))
	h.env = h.env.with("CALLVAULT_LOG_KEY_FILE", file, "SMARTASSIST_ACCOUNT_ID", h.upstream.Config().AccountID)
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
	h.t.Helper()
	request := workflows.DayRequest{Day: workflows.Day{BotID: bot, Date: date}, DayPolicy: dayPolicy(settleAfter)}
	run, err := h.client.ExecuteWorkflow(h.ctx, workflows.DayStartOptions(request), workflows.ArchiveDayWorkflowName, request)
	require.NoError(h.t, err)
	return run
}

func (h *daysHarness) dayResult(run client.WorkflowRun) workflows.DayResult {
	h.t.Helper()
	var result workflows.DayResult
	require.NoError(h.t, run.Get(h.ctx, &result))
	return result
}

// latest returns the latest record of a day and its rows; nil if the day is not sealed.
func (h *daysHarness) latest(date string) (*dayrecord.Record, []dayrecord.Row) {
	h.t.Helper()
	folder := "days/" + bot + "/" + strings.ReplaceAll(date, "-", "/") + "/"
	var record *dayrecord.Record
	for _, key := range h.keys(h.ctx) {
		if !strings.HasPrefix(key, folder) || !strings.HasSuffix(key, ".json") {
			continue
		}
		var found dayrecord.Record
		require.NoError(h.t, json.Unmarshal(h.object(h.ctx, key), &found))
		if record == nil || found.Revision > record.Revision {
			record = &found
		}
	}
	if record == nil {
		return nil, nil
	}
	var rows []dayrecord.Row
	lines := bufio.NewScanner(bytes.NewReader(h.object(h.ctx, record.Rows.Key)))
	for lines.Scan() {
		var row dayrecord.Row
		require.NoError(h.t, json.Unmarshal(lines.Bytes(), &row))
		rows = append(rows, row)
	}
	return record, rows
}

// copyBucket returns a folder with a copy of the bucket.
func (h *daysHarness) copyBucket() string {
	h.t.Helper()
	folder := h.t.(interface{ TempDir() string }).TempDir()
	for _, key := range h.keys(h.ctx) {
		path := filepath.Join(folder, filepath.FromSlash(key))
		require.NoError(h.t, os.MkdirAll(filepath.Dir(path), 0o750))
		require.NoError(h.t, h.store.FGetObject(h.ctx, h.name, key, path, minio.GetObjectOptions{}))
	}
	return folder
}

// verify runs the command over a copy of the bucket, and returns its exit code and what it printed.
func (h *daysHarness) verify(folder string, flags ...string) (int, string) {
	h.t.Helper()
	p := h.startStarter(append([]string{"verify", "--copy", folder, "--key", h.publicKey}, flags...)...)
	return p.exitCode(h.ctx), p.stdout.String() + p.stderr.String()
}
