package observe

import (
	"bytes"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel"
)

func TestErrorsAreLoggedOnceInAWhile(t *testing.T) {
	var lines bytes.Buffer
	log := &errorLog{logger: slog.New(slog.NewTextHandler(&lines, nil))}
	now := time.Now()
	for range 3 {
		log.handle(errors.New("connection refused"), now)
	}
	require.Equal(t, 1, strings.Count(lines.String(), "connection refused"))
	log.handle(errors.New("connection refused"), now.Add(errorInterval))
	require.Contains(t, lines.String(), "leftOut=2")
}

// The exporter quotes its address and the whole response.
func TestErrorOfAHostileCollectorIsShortAndHasNoSecret(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusBadRequest)
		_, _ = w.Write(bytes.Repeat([]byte("x"), 1<<20))
	}))
	defer server.Close()
	address, err := url.Parse(server.URL)
	require.NoError(t, err)
	address.User = url.UserPassword("user", "canary-password")
	t.Setenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", address.String()+"/v1/traces?key=canary-key")
	var lines bytes.Buffer
	LogErrors(slog.New(slog.NewTextHandler(&lines, nil)))
	t.Cleanup(func() { LogErrors(slog.New(slog.DiscardHandler)) })
	traces, err := NewTraces(t.Context(), "callvault-worker")
	require.NoError(t, err)
	_, span := traces.provider.Tracer("test").Start(t.Context(), "a call")
	span.End()
	if err := traces.Close(t.Context()); err != nil {
		otel.Handle(err)
	}
	require.Contains(t, lines.String(), "400 Bad Request")
	require.NotContains(t, lines.String(), "canary")
	require.Less(t, lines.Len(), 2*maxErrorBytes)
}

func TestSecretsOfAnAddressAreNotLogged(t *testing.T) {
	for text, want := range map[string]string{
		`Post "https://user:canary@collector:4318/v1/traces": EOF`:       `Post "https://collector:4318/v1/traces": EOF`,
		`failed to send to https://a:b@c@host/v1?key=canary: 401 (body)`: `failed to send to https://host/v1?… 401 (body)`,
		`what? connection refused`:                                       `what? connection refused`,
	} {
		require.Equal(t, want, ErrorText(errors.New(text)))
	}
}
