package observe

import (
	"context"
	"fmt"

	"go.opentelemetry.io/contrib/exporters/autoexport"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.temporal.io/sdk/contrib/opentelemetry"
	"go.temporal.io/sdk/interceptor"
)

// Traces are spans of what the client of Temporal, its workflows and its activities do, sent by
// OTLP. They have the ids of workflows, and so of bots and sessions, but no input and no
// result.
type Traces struct {
	provider *sdktrace.TracerProvider
}

// IsTracesConfigured reports whether the OTEL_ variables ask for traces.
func IsTracesConfigured() bool { return isConfigured("TRACES") }

// NewTraces returns traces of a program, as the OTEL_ variables of the OpenTelemetry
// specification say. The caller closes them.
func NewTraces(ctx context.Context, programName string) (*Traces, error) {
	about, err := describe(ctx, programName)
	if err != nil {
		return nil, err
	}
	spans, err := autoexport.NewSpanExporter(ctx)
	if err != nil {
		return nil, fmt.Errorf("the OTEL_ variables for traces: %w", err)
	}
	return &Traces{provider: sdktrace.NewTracerProvider(sdktrace.WithResource(about), sdktrace.WithBatcher(spans))}, nil
}

// Interceptor returns what a client and its workers trace with. Queries are left out: each
// look at a fetch would be a trace.
func (t *Traces) Interceptor() (interceptor.Interceptor, error) {
	return opentelemetry.NewTracingInterceptor(opentelemetry.TracerOptions{
		Tracer:                  t.provider.Tracer("callvault"),
		DisableQueryTracing:     true,
		DisableBaggage:          true,
		AllowInvalidParentSpans: true, // A header of others ends no fetch.
	})
}

// Close sends what was not sent yet.
func (t *Traces) Close(ctx context.Context) error { return t.provider.Shutdown(ctx) }
