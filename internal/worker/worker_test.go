package worker

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
	sdkworker "go.temporal.io/sdk/worker"
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
