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
	stop, err := startInOrder([]sdkworker.Worker{slots}, []sdkworker.Worker{work}, func() error {
		events = append(events, "check")
		return nil
	})
	require.NoError(t, err)
	stop()
	require.Equal(t, []string{"start slots", "check", "start work", "stop slots", "stop work"}, events)
}

func TestWorkerDoesNotWorkUnderAWrongLimit(t *testing.T) {
	failed := errors.New("failed")
	for name, row := range map[string]struct {
		slots, check, work error
		want               []string
	}{
		"a slot queue does not start": {failed, nil, nil, []string{"start slots"}},
		"the limit is wrong":          {nil, failed, nil, []string{"start slots", "stop slots"}},
		"another queue does not":      {nil, nil, failed, []string{"start slots", "start work", "stop slots"}},
	} {
		t.Run(name, func(t *testing.T) {
			var events []string
			slots, work := &queue{name: "slots", events: &events, fails: row.slots}, &queue{name: "work", events: &events, fails: row.work}
			stop, err := startInOrder([]sdkworker.Worker{slots}, []sdkworker.Worker{work}, func() error { return row.check })
			require.ErrorIs(t, err, failed)
			stop()
			require.Equal(t, row.want, events)
		})
	}
}
