package e2e_test

import (
	"compress/gzip"
	"encoding/hex"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	collectorpb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/callvault/callvault/dev/internal/system"
)

// traceCollector receives traces by OTLP over HTTP.
type traceCollector struct {
	mu sync.Mutex
	// traces has the names of the spans of each trace.
	traces map[string][]string
	// bodies are all that was received.
	bodies []byte
	failed error
}

func (c *traceCollector) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	var body io.Reader = r.Body
	if r.Header.Get("Content-Encoding") == "gzip" {
		body, _ = gzip.NewReader(r.Body)
	}
	content, err := io.ReadAll(body)
	var request collectorpb.ExportTraceServiceRequest
	if err == nil {
		err = proto.Unmarshal(content, &request)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil {
		c.failed = err
		return
	}
	c.bodies = append(c.bodies, content...)
	for _, resource := range request.GetResourceSpans() {
		for _, scope := range resource.GetScopeSpans() {
			for _, span := range scope.GetSpans() {
				id := hex.EncodeToString(span.GetTraceId())
				c.traces[id] = append(c.traces[id], span.GetName())
			}
		}
	}
}

// of returns the names of the spans of the trace that has a span.
func (c *traceCollector) of(name string) []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, names := range c.traces {
		if slices.Contains(names, name) {
			return slices.Compact(slices.Sorted(slices.Values(names)))
		}
	}
	return nil
}

func TestTraceGoesFromTheCommandToTheActivities(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	collector := &traceCollector{traces: make(map[string][]string)}
	server := httptest.NewServer(collector)
	defer server.Close()
	h.Env = h.Env.With("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", server.URL+"/v1/traces")
	worker := h.StartWorker()
	fetch := h.StartFetch(h.AddSession(nil, system.Recording("traced.wav", 20_000)))
	require.Zero(t, fetch.ExitCode(h.Ctx))
	worker.Signal(syscall.SIGTERM) // It sends what it has not sent yet.
	require.Zero(t, worker.ExitCode(h.Ctx))

	require.NoError(t, collector.failed)
	names := collector.of("StartWorkflow:FetchRecordingWorkflow")
	for _, want := range []string{"RunWorkflow:FetchRecordingWorkflow", "RunActivity:MintToken", "RunActivity:CheckStatus", "RunActivity:DownloadRecording"} {
		require.Contains(t, names, want, "all: %v", slices.Collect(maps.Keys(collector.traces)))
	}
	require.Empty(t, system.Leaks(append(h.Secrets, h.Upstream.SeenCredentials()...), "the traces", collector.bodies))
	require.NotContains(t, strings.Join(names, " "), "Query", "each look at a fetch would be a trace")
}
