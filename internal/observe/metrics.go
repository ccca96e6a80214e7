package observe

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.opentelemetry.io/contrib/exporters/autoexport"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	exporter "go.opentelemetry.io/otel/exporters/prometheus"
	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
	semconv "go.opentelemetry.io/otel/semconv/v1.34.0"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/contrib/opentelemetry"

	ours "github.com/callvault/callvault/internal/metric"
	"github.com/callvault/callvault/internal/program"
)

// Metrics collects the SDK's metrics and callvault's own. Prometheus reads them at /metrics;
// they are sent by OTLP too if the OTEL_ variables say so.
type Metrics struct {
	provider *sdkmetric.MeterProvider
	registry *prometheus.Registry
	bots     map[string]bool
}

// NewMetrics returns metrics of a worker that serves bots, whose ids do not become labels. The
// caller closes them.
func NewMetrics(ctx context.Context, bots []string) (*Metrics, error) {
	m := &Metrics{registry: prometheus.NewRegistry(), bots: make(map[string]bool)}
	for _, botID := range bots {
		m.bots[botID] = true
	}
	m.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	about, err := describe(ctx, program.Name("worker"))
	if err != nil {
		return nil, err
	}
	pulled, err := exporter.New(exporter.WithRegisterer(m.registry), exporter.WithoutScopeInfo())
	if err != nil {
		return nil, err
	}
	options := []sdkmetric.Option{sdkmetric.WithResource(about), sdkmetric.WithView(view), sdkmetric.WithReader(pulled)}
	if isConfigured("METRICS") {
		pushed, err := autoexport.NewMetricReader(ctx)
		if err != nil {
			return nil, fmt.Errorf("the OTEL_ variables for metrics: %w", err)
		}
		options = append(options, sdkmetric.WithReader(pushed))
	}
	m.provider = sdkmetric.NewMeterProvider(options...)
	return m, nil
}

// describe returns which program the metrics and traces are of. OTEL_SERVICE_NAME and
// OTEL_RESOURCE_ATTRIBUTES override it.
func describe(ctx context.Context, programName string) (*resource.Resource, error) {
	about, err := resource.New(ctx,
		resource.WithAttributes(semconv.ServiceName(programName), semconv.ServiceVersion(program.Version())),
		resource.WithFromEnv())
	if err != nil {
		return nil, fmt.Errorf("OTEL_RESOURCE_ATTRIBUTES: %w", err)
	}
	return about, nil
}

// isConfigured reports whether the OTEL_ variables of the OpenTelemetry specification ask for
// a signal, METRICS or TRACES, to be sent.
func isConfigured(signal string) bool {
	if strings.EqualFold(os.Getenv("OTEL_SDK_DISABLED"), "true") || strings.EqualFold(os.Getenv("OTEL_"+signal+"_EXPORTER"), "none") {
		return false
	}
	for _, name := range []string{"OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_" + signal + "_ENDPOINT", "OTEL_" + signal + "_EXPORTER"} {
		if os.Getenv(name) != "" {
			return true
		}
	}
	return false
}

// IsMetricsConfigured reports whether metrics are to be sent by OTLP.
func IsMetricsConfigured() bool { return isConfigured("METRICS") }

// seconds are the bounds of the histograms: from a local call to a fetch that waits for a day.
var seconds = []float64{0.005, 0.02, 0.1, 0.5, 1, 2, 5, 10, 30, 60, 300, 900, 3600, 4 * 3600, 24 * 3600}

// ownLabels keeps the labels that callvault gives its metrics. The SDK adds others, and then
// what one process counts would be a series for each activity.
var ownLabels = attribute.NewAllowKeysFilter(func() (keys []attribute.Key) {
	for _, label := range ours.Labels() {
		keys = append(keys, attribute.Key(label))
	}
	return keys
}()...)

// view says how each instrument is aggregated.
func view(i sdkmetric.Instrument) (sdkmetric.Stream, bool) {
	stream := sdkmetric.Stream{Name: i.Name, Description: i.Description, Unit: i.Unit}
	if i.Kind == sdkmetric.InstrumentKindHistogram {
		stream.Aggregation = sdkmetric.AggregationExplicitBucketHistogram{Boundaries: seconds}
	}
	if strings.HasPrefix(i.Name, "callvault_") {
		stream.AttributeFilter = ownLabels
	}
	return stream, true
}

// Handler returns the handler for the client of Temporal, and so for all that its workers run.
func (m *Metrics) Handler() client.MetricsHandler {
	return handler{bots: m.bots, MetricsHandler: opentelemetry.NewMetricsHandler(opentelemetry.MetricsHandlerOptions{
		Meter: m.Meter(), UseMonotonicCounters: true,
		OnError: func(err error) { otel.Handle(err) },
	})}
}

// Meter returns the meter of callvault's own metrics.
func (m *Metrics) Meter() metric.Meter { return m.provider.Meter("callvault") }

// Register adds /metrics to mux.
func (m *Metrics) Register(mux *http.ServeMux) {
	mux.Handle("GET /metrics", promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{MaxRequestsInFlight: maxScrapes}))
}

// maxScrapes bounds the requests for /metrics that are answered at once.
const maxScrapes = 3

// Close sends what was not sent yet.
func (m *Metrics) Close(ctx context.Context) error { return m.provider.Shutdown(ctx) }

// handler is a handler of metrics in which queues have no ids of bots or processes.
type handler struct {
	client.MetricsHandler
	bots map[string]bool
}

// taskQueueLabel is the SDK's label of a task queue.
const taskQueueLabel = "task_queue"

// WithTags implements client.MetricsHandler.
func (h handler) WithTags(tags map[string]string) client.MetricsHandler {
	if queue, found := tags[taskQueueLabel]; found {
		copied := make(map[string]string, len(tags))
		for name, value := range tags {
			copied[name] = value
		}
		copied[taskQueueLabel] = h.withoutID(queue)
		tags = copied
	}
	return handler{MetricsHandler: h.MetricsHandler.WithTags(tags), bots: h.bots}
}

// commandQueues begins the queues by which a server sends commands to one process.
const commandQueues = "temporal-sys/worker-commands/"

// withoutID returns the name of a queue with "*" for the id of its bot or process, if it has one.
func (h handler) withoutID(queue string) string {
	segments := strings.Split(queue, "/")
	for i, segment := range segments {
		if h.bots[segment] {
			segments[i] = "*"
		}
	}
	if strings.HasPrefix(queue, commandQueues) {
		segments[len(segments)-1] = "*"
	}
	return strings.Join(segments, "/")
}
