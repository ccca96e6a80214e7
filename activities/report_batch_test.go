package activities_test

import (
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"

	"github.com/callvault/callvault/activities"
	"github.com/callvault/callvault/internal/archive"
	"github.com/callvault/callvault/internal/archive/s3test"
	"github.com/callvault/callvault/internal/failure"
	"github.com/callvault/callvault/workflows"
	"github.com/callvault/callvault/workflows/batch"
)

func (h *batchHarness) report(input batch.ReportInput) (*batch.ReportResult, error) {
	h.t.Helper()
	input.BatchID, input.Plan = batchID, h.input.Plan
	return run[batch.ReportResult](h.t, (&activities.ReportBatch{Served: h.served, Client: h.temporal}).Execute, input)
}

func (h *batchHarness) reportKey() string { return h.store.BatchKey(batchID, archive.BatchReportFile) }

// reportRows are the lines of the written report without the header.
func (h *batchHarness) reportRows() []string {
	h.t.Helper()
	object, found := h.server.Object(bucket, h.reportKey())
	require.True(h.t, found)
	return strings.Split(strings.TrimSpace(string(object.Body)), "\n")[1:]
}

func (h *batchHarness) requireNoReport() {
	h.t.Helper()
	_, found := h.server.Object(bucket, h.reportKey())
	require.False(h.t, found)
	require.Empty(h.t, h.server.Uploads())
}

func TestReportHasARowForEachSession(t *testing.T) {
	sessions := callsOf("st-a", 100, longAgo)
	h := newBatchHarness(t, sessions...)
	h.setManifests(workflows.OutcomeArchived, sessions[:90]...)
	h.setManifests(workflows.OutcomeUnavailable, sessions[90:98]...)
	h.temporal.add(sessions[98], fetch{status: enumspb.WORKFLOW_EXECUTION_STATUS_TERMINATED})
	result, err := h.report(batch.ReportInput{})
	require.NoError(t, err)
	require.Nil(t, result.Awaited)
	require.Equal(t, workflows.ObjectRef{Bucket: bucket, Key: h.reportKey()}, result.Report)
	require.Equal(t, workflows.ReportTotal{
		Sessions: 100, Outcomes: map[workflows.Outcome]int{workflows.OutcomeArchived: 90, workflows.OutcomeUnavailable: 8}, NoOutcome: 2, Files: 90, Bytes: 270, Calls: 98,
	}, result.Total)
	rows := h.reportRows()
	require.Len(t, rows, 101, "and the total")
	for i, one := range sessions {
		require.True(t, strings.HasPrefix(rows[i], "st-a,"+one.SessionID+","), rows[i])
	}
	require.Contains(t, rows[98], "Terminated")
	require.Contains(t, rows[99], "no fetch of it is known")
}

func TestReportWaitsForTheFetchesThatRun(t *testing.T) {
	for name, row := range map[string]struct {
		batch            string
		cancelled, waits bool
	}{
		"own":                           {batchID, false, true},
		"somebody else's":               {"another", false, true},
		"own of a cancelled batch":      {batchID, true, true},
		"another of a cancelled batch":  {"another", true, false},
		"nobody's of a cancelled batch": {"none", true, false},
	} {
		t.Run(name, func(t *testing.T) {
			sessions := callsOf("st-a", 60, longAgo)
			h := newBatchHarness(t, sessions...)
			h.setManifests(workflows.OutcomeArchived, sessions[:59]...)
			h.temporal.add(sessions[59], fetch{batch: row.batch})
			result, err := h.report(batch.ReportInput{Cancelled: row.cancelled, Next: []int64{h.input.Plan.Bots[0].End}})
			require.NoError(t, err)
			if row.waits {
				require.Equal(t, &sessions[59], result.Awaited)
				h.requireNoReport()
				return
			}
			require.Nil(t, result.Awaited)
			require.Equal(t, 59, result.Total.Outcomes[workflows.OutcomeArchived])
			require.Contains(t, h.reportRows()[59], "its fetch is running")
		})
	}
}

func TestSessionsOfACancelledBatchWithoutATurnAreNotAskedAbout(t *testing.T) {
	sessions := callsOf("st-a", 50, longAgo)
	h := newBatchHarness(t, sessions...)
	h.setManifests(workflows.OutcomeArchived, sessions[:10]...)
	h.temporal.add(sessions[30], fetch{}) // as another batch of that name would start it
	result, err := h.report(batch.ReportInput{Cancelled: true, Next: []int64{10 * 25}})
	require.NoError(t, err)
	require.Nil(t, result.Awaited)
	require.Equal(t, 40, result.Total.NoOutcome)
	require.Empty(t, h.temporal.described)
	require.Contains(t, h.reportRows()[10], "not started")
}

func TestAwaitedFetchIsAskedAboutFirstAndSparesTheWalk(t *testing.T) {
	sessions := callsOf("st-a", 60, longAgo)
	h := newBatchHarness(t, sessions...)
	h.setManifests(workflows.OutcomeArchived, sessions[:59]...)
	h.temporal.add(sessions[59], fetch{})
	for _, cancelled := range []bool{false, true} {
		h.server.ForgetRequests()
		h.temporal.described = nil
		result, err := h.report(batch.ReportInput{Awaited: &sessions[59], Cancelled: cancelled, Next: []int64{h.input.Plan.Bots[0].End}})
		require.NoError(t, err)
		require.Equal(t, &sessions[59], result.Awaited)
		require.Empty(t, h.server.Operations())
		require.Len(t, h.temporal.described, 1)
	}

	h.end(workflows.OutcomeArchived, sessions[59:])
	result, err := h.report(batch.ReportInput{Awaited: &sessions[59]})
	require.NoError(t, err)
	require.Nil(t, result.Awaited)
	require.Equal(t, 60, result.Total.Outcomes[workflows.OutcomeArchived])
}

func TestStoreThatFailsInTheMiddleOfAReportLeavesNothingBehind(t *testing.T) {
	for name, row := range map[string]struct {
		rule s3test.Rule
		kind failure.Kind
	}{
		"manifest, blocked":   {s3test.Rule{Operation: s3test.GetObject, Skip: 700, Status: http.StatusForbidden, Code: "SignatureDoesNotMatch"}, failure.ArchiveBlocked},
		"manifest, down":      {s3test.Rule{Operation: s3test.GetObject, Skip: 700, Status: http.StatusServiceUnavailable, Code: "SlowDown"}, failure.ArchiveUnavailable},
		"plan":                {s3test.Rule{Operation: s3test.GetObject, Status: http.StatusServiceUnavailable, Code: "SlowDown"}, failure.ArchiveUnavailable},
		"begin of the upload": {s3test.Rule{Operation: s3test.CreateMultipartUpload, Status: http.StatusServiceUnavailable, Code: "SlowDown"}, failure.ArchiveUnavailable},
		"upload":              {s3test.Rule{Operation: s3test.UploadPart, Status: http.StatusServiceUnavailable, Code: "SlowDown"}, failure.ArchiveUnavailable},
		"end of the upload":   {s3test.Rule{Operation: s3test.CompleteMultipartUpload, Status: http.StatusForbidden, Code: "SignatureDoesNotMatch"}, failure.ArchiveBlocked},
	} {
		t.Run(name, func(t *testing.T) {
			sessions := callsOf("st-a", 1000, longAgo)
			h := newBatchHarness(t, sessions...)
			h.setManifests(workflows.OutcomeArchived, sessions...)
			h.server.Add(row.rule)
			_, err := h.report(batch.ReportInput{})
			requireKind(t, err, row.kind, row.kind == failure.ArchiveUnavailable, row.kind != failure.ArchiveUnavailable)
			h.requireNoReport()
			require.Eventually(t, func() bool { return !strings.Contains(allStacks(), "ReportBatch") }, 10*time.Second, time.Millisecond, "a goroutine goes on")

			result, err := h.report(batch.ReportInput{})
			require.NoError(t, err)
			require.Equal(t, 1000, result.Total.Sessions)
		})
	}
}

// allStacks returns the stacks of all goroutines but those of tests.
func allStacks() string {
	stacks := make([]byte, 8<<20)
	var others []string
	for stack := range strings.SplitSeq(string(stacks[:runtime.Stack(stacks, true)]), "\n\n") {
		if !strings.Contains(stack, "testing.tRunner") {
			others = append(others, stack)
		}
	}
	return strings.Join(others, "\n\n")
}
