package observe_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/internal/metric"
	"github.com/callvault/callvault/internal/observe"
)

// scrape returns the lines of /metrics that begin with prefix.
func scrape(t *testing.T, metrics *observe.Metrics, prefix string) []string {
	t.Helper()
	mux := http.NewServeMux()
	metrics.Register(mux)
	recorder := httptest.NewRecorder()
	mux.ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	require.Equal(t, http.StatusOK, recorder.Code)
	var lines []string
	for line := range strings.Lines(recorder.Body.String()) {
		if strings.HasPrefix(line, prefix) {
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	return lines
}

func newMetrics(t *testing.T, bots ...string) *observe.Metrics {
	t.Helper()
	metrics, err := observe.NewMetrics(t.Context(), bots)
	require.NoError(t, err)
	t.Cleanup(func() { _ = metrics.Close(context.Background()) })
	return metrics
}

// what the SDK adds to the labels of an activity
var ofAnActivity = map[string]string{"namespace": "default", "activity_type": "CheckStatus", "workflow_type": "FetchRecordingWorkflow", "task_queue": "callvault-check/acme"}

func TestOwnMetricsHaveOwnLabelsOnly(t *testing.T) {
	metrics := newMetrics(t)
	handler := metrics.Handler().WithTags(ofAnActivity)
	handler.WithTags(map[string]string{metric.Account: "acme", metric.Outcome: "archived"}).Counter(metric.Fetches).Inc(2)
	handler.WithTags(map[string]string{metric.Account: "acme", metric.Urgency: metric.Live}).Timer(metric.SlotWait).Record(90 * time.Second)
	require.Equal(t, []string{`callvault_fetches_total{account="acme",outcome="archived"} 2`}, scrape(t, metrics, "callvault_fetches"))
	wait := scrape(t, metrics, "callvault_slot_wait_seconds")
	require.Contains(t, wait, `callvault_slot_wait_seconds_sum{account="acme",urgency="live"} 90`)
	require.Contains(t, wait, `callvault_slot_wait_seconds_bucket{account="acme",urgency="live",le="60"} 0`)
	require.Contains(t, wait, `callvault_slot_wait_seconds_bucket{account="acme",urgency="live",le="300"} 1`)
}

func TestMetricsOfTheSDKNameNoBot(t *testing.T) {
	metrics := newMetrics(t, "st-1", "st-2")
	for _, queue := range []string{"callvault", "callvault-slot/st-1/batch/3", "callvault-slot/st-2/batch/3", "callvault-check/acme", "temporal-sys/worker-commands/default/0d0c0b0a"} {
		metrics.Handler().WithTags(map[string]string{"task_queue": queue}).Counter("temporal_activity_execution_failed").Inc(1)
	}
	require.ElementsMatch(t, []string{
		`temporal_activity_execution_failed_total{task_queue="callvault"} 1`,
		`temporal_activity_execution_failed_total{task_queue="callvault-slot/*/batch/3"} 2`,
		`temporal_activity_execution_failed_total{task_queue="callvault-check/acme"} 1`,
		`temporal_activity_execution_failed_total{task_queue="temporal-sys/worker-commands/default/*"} 1`,
	}, scrape(t, metrics, "temporal_activity_execution_failed_total{"))
}

func TestProcessIsMeasured(t *testing.T) {
	metrics := newMetrics(t)
	require.NotEmpty(t, scrape(t, metrics, "process_cpu_seconds_total"))
	require.NotEmpty(t, scrape(t, metrics, "go_goroutines"))
	require.Regexp(t, `service_name="callvault-worker"`, strings.Join(scrape(t, metrics, "target_info"), "\n"))
}

// collector is an OTLP collector by HTTP.
type collector struct {
	mu    sync.Mutex
	paths []string
	texts map[string]string
}

func (c *collector) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.paths = append(c.paths, r.URL.Path)
	c.texts[r.URL.Path] += string(body)
}

func TestMetricsAndTracesAreSentWhereTheVariablesSay(t *testing.T) {
	received := &collector{texts: make(map[string]string)}
	server := httptest.NewServer(received)
	defer server.Close()
	require.False(t, observe.IsMetricsConfigured())
	require.False(t, observe.IsTracesConfigured())
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", server.URL)
	require.True(t, observe.IsMetricsConfigured())
	require.True(t, observe.IsTracesConfigured())

	metrics, err := observe.NewMetrics(t.Context(), nil)
	require.NoError(t, err)
	metrics.Handler().WithTags(map[string]string{metric.Account: "acme"}).Counter(metric.BudgetRefused).Inc(1)
	require.NoError(t, metrics.Close(t.Context()))
	traces, err := observe.NewTraces(t.Context(), "callvault-starter")
	require.NoError(t, err)
	_, err = traces.Interceptor()
	require.NoError(t, err)
	require.NoError(t, traces.Close(t.Context()))
	require.Contains(t, received.texts["/v1/metrics"], metric.BudgetRefused)

	t.Setenv("OTEL_TRACES_EXPORTER", "none")
	require.True(t, observe.IsMetricsConfigured())
	require.False(t, observe.IsTracesConfigured(), "no history has their headers for nobody")

	t.Setenv("OTEL_SDK_DISABLED", "true")
	require.False(t, observe.IsMetricsConfigured())
	require.False(t, observe.IsTracesConfigured())
}

func TestUnusableOTLPVariablesAreNamed(t *testing.T) {
	t.Setenv("OTEL_METRICS_EXPORTER", "nonsense")
	_, err := observe.NewMetrics(t.Context(), nil)
	require.ErrorContains(t, err, "the OTEL_ variables for metrics")
	t.Setenv("OTEL_TRACES_EXPORTER", "nonsense")
	_, err = observe.NewTraces(t.Context(), "callvault-worker")
	require.ErrorContains(t, err, "the OTEL_ variables for traces")
}

// No metric of callvault's may have a label that is not known here: it could have an id.
func TestLabelsAreThoseThatAreNamed(t *testing.T) {
	metrics := newMetrics(t)
	metrics.Handler().WithTags(map[string]string{"user": "ada@example.com", metric.Account: "acme"}).Counter(metric.DaysSealed).Inc(1)
	label := regexp.MustCompile(`([a-z_]+)="`)
	for _, line := range scrape(t, metrics, "callvault_") {
		for _, match := range label.FindAllStringSubmatch(line, -1) {
			require.True(t, slices.Contains(metric.Labels(), match[1]) || match[1] == "le", line)
		}
	}
	require.NotContains(t, strings.Join(scrape(t, metrics, ""), "\n"), "ada@example.com")
}
