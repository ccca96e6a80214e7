package e2e_test

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"

	"github.com/callvault/callvault/dev/internal/system"
	"github.com/callvault/callvault/dev/observability"
	"github.com/callvault/callvault/workflows"
)

// notScraped are metrics that alerts or panels read and that this test's worker does not have.
var notScraped = map[string]string{
	"up":     "Prometheus has it of each worker",
	"ALERTS": "Prometheus has it of each alert",
	"temporal_activity_execution_failed_total":       "it begins with the first attempt that fails, and expected failures do not count",
	"temporal_request_resource_exhausted_total":      "it begins when Temporal refuses a request by a limit",
	"temporal_long_request_resource_exhausted_total": "the same, for a poll",
}

func TestWorkerHasTheMetricsThatAlertsAndDashboardRead(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	address := closedAddress(t)
	h.StartWorker("CALLVAULT_HEALTH_ADDRESS", address, "SMARTASSIST_RETENTION", "720h") // Without one there is no alarm.
	archived := system.Recording("metrics.wav", 60_000)
	h.RequireArchived(h.Result(h.Execute(h.AddSession(nil, archived), workflows.FetchPolicy{})), archived)
	h.failWorkflowTask()

	expressions, err := observability.Expressions()
	require.NoError(t, err)
	needs, err := observability.Needs(expressions)
	require.NoError(t, err)
	needs = slices.DeleteFunc(needs, func(n observability.Need) bool { return notScraped[n.Metric] != "" })
	var missing []string
	t.Cleanup(func() {
		if t.Failed() {
			t.Log("missing at last:\n" + strings.Join(missing, "\n"))
		}
	})
	h.Await("the worker has every metric", func() bool {
		scraped := scrape(t, address)
		missing = nil
		for _, need := range needs {
			if !slices.ContainsFunc(scraped, func(of labels.Labels) bool { return hasNeed(of, need) }) {
				missing = append(missing, fmt.Sprintf("%s: %s with the labels %v", need.Where, need.Metric, need.Labels))
			}
		}
		return len(missing) == 0
	})
}

// hasNeed reports whether a series is of the metric and has the labels of a need.
func hasNeed(of labels.Labels, need observability.Need) bool {
	return of.Get(model.MetricNameLabel) == need.Metric && !slices.ContainsFunc(need.Labels, func(name string) bool { return !of.Has(name) })
}

// failWorkflowTask starts a workflow that the worker does not know.
func (h *harness) failWorkflowTask() {
	h.T.Helper()
	_, err := h.Client.ExecuteWorkflow(h.Ctx, client.StartWorkflowOptions{TaskQueue: workflows.TaskQueue}, "NoSuchWorkflow")
	require.NoError(h.T, err)
}

// scrape returns the series that a worker has now.
func scrape(t *testing.T, address string) []labels.Labels {
	response, err := http.Get("http://" + address + "/metrics")
	require.NoError(t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	var series []labels.Labels
	for line := range strings.Lines(string(body)) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		of, err := parser.NewParser(parser.Options{}).ParseMetric(line[:strings.LastIndex(line, " ")])
		require.NoError(t, err, line)
		series = append(series, of)
	}
	return series
}
