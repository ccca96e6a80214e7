package worker

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	sdkworker "go.temporal.io/sdk/worker"

	"github.com/callvault/callvault/internal/account"
	"github.com/callvault/callvault/internal/archive/s3test"
	"github.com/callvault/callvault/internal/observe"
)

// queue is a task queue's worker that records when it is started and stopped.
type queue struct {
	sdkworker.Worker
	name   string
	events *[]string
	fails  error
}

func (q *queue) Start() error {
	*q.events = append(*q.events, "start "+q.name)
	return q.fails
}

func (q *queue) Stop() { *q.events = append(*q.events, "stop "+q.name) }

func TestWorkerStopsMintingFirst(t *testing.T) {
	var events []string
	slots, work := &queue{name: "slots", events: &events}, &queue{name: "work", events: &events}
	stop, err := startInOrder([]sdkworker.Worker{slots}, []sdkworker.Worker{work}, func() { events = append(events, "take asks back") })
	require.NoError(t, err)
	stop()
	require.Equal(t, []string{"start work", "start slots", "stop slots", "take asks back", "stop work"}, events)
}

func TestWorkerThatCannotStartStopsWhatRuns(t *testing.T) {
	failed := errors.New("failed")
	for name, row := range map[string]struct {
		slots, work error
		want        []string
	}{
		"a slot queue does not start": {failed, nil, []string{"start work", "start slots", "stop work"}},
		"another queue does not":      {nil, failed, []string{"start work"}},
	} {
		t.Run(name, func(t *testing.T) {
			var events []string
			slots, work := &queue{name: "slots", events: &events, fails: row.slots}, &queue{name: "work", events: &events, fails: row.work}
			stop, err := startInOrder([]sdkworker.Worker{slots}, []sdkworker.Worker{work}, func() {})
			require.ErrorIs(t, err, failed)
			stop()
			require.Equal(t, row.want, events)
		})
	}
}

func TestCountersAreThereBeforeTheirFirstEvents(t *testing.T) {
	metrics, err := observe.NewMetrics(t.Context(), nil)
	require.NoError(t, err)
	acme, zeta := openAccount(t, "acme", s3test.New(t, "recordings").URL, nil), openAccount(t, "zeta", s3test.New(t, "recordings").URL, nil)
	acme.Retention = 90 * 24 * time.Hour
	startCounters(metrics.Handler(), []*account.Account{acme, zeta})
	mux := http.NewServeMux()
	metrics.Register(mux)
	recorder := httptest.NewRecorder()
	mux.ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	for _, want := range []string{
		`callvault_budget_refused_total{account="acme"} 0`,
		`callvault_fetches_total{account="acme",outcome="lost_to_retention"} 0`,
		`callvault_purge_alarm_total{account="acme",days="14"} 0`,
		`callvault_days_sealed_total{account="acme"} 0`,
	} {
		require.Contains(t, recorder.Body.String(), want)
	}
	require.NotRegexp(t, `purge_alarm.*zeta`, recorder.Body.String(), "its retention is not known")
}
