package day_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"

	"github.com/callvault/callvault/internal/failure"
	"github.com/callvault/callvault/workflows"
	"github.com/callvault/callvault/workflows/day"
)

var (
	theDay    = workflows.Day{BotID: "st-1", Date: "2026-03-05"}
	startTime = time.Date(2026, 3, 6, 3, 0, 0, 0, time.UTC)
)

// harness runs a day over two lists, an archive and a log that are kept in memory.
type harness struct {
	t   *testing.T
	env *testsuite.TestWorkflowEnvironment

	// listed is what a list has of the day at a time; unavailable is why it cannot be read.
	listed      func(list string, now time.Time) []string
	unavailable func(list string, now time.Time) string
	open        func(id string, now time.Time) bool

	// outcome is what a fetch of a session ends with; empty for none.
	outcome func(id string, now time.Time) workflows.Outcome

	logBlocked func(now time.Time) string

	// lost: the rows of the next listing are gone when they are joined.
	lost bool

	// opened counts the openings, each of which has a folder of its own.
	opened int

	// notLogged: the record of the day is not in the log.
	notLogged bool

	// retention is how long the vendor keeps recordings; 0 for not known.
	retention time.Duration

	// behind: the next revision has rows of another attempt, so that a manifest is not in it.
	behind bool

	// failing are the errors with which the next attempts of an activity end.
	failing map[string][]error

	known    map[string]bool
	round    map[string]bool // what the lists had in the last round
	archived map[string]workflows.Outcome
	sealed   *workflows.SealedDay
	rows     string

	listings []time.Time
	batches  [][]string

	merged    []day.MergeInput
	requested []workflows.BatchRequest
	logged    []int
	toFetch   []string
}

func newHarness(t *testing.T) *harness {
	var suite testsuite.WorkflowTestSuite
	h := &harness{
		t: t, env: suite.NewTestWorkflowEnvironment(),
		listed:      func(string, time.Time) []string { return nil },
		unavailable: func(string, time.Time) string { return "" },
		open:        func(string, time.Time) bool { return false },
		outcome:     func(string, time.Time) workflows.Outcome { return workflows.OutcomeArchived },
		logBlocked:  func(time.Time) string { return "" },
		failing:     make(map[string][]error),
		known:       make(map[string]bool), round: make(map[string]bool), archived: make(map[string]workflows.Outcome),
	}
	h.env.SetStartTime(startTime)
	h.env.SetTestTimeout(time.Minute)
	h.register(day.OpenDay, h.openDay)
	h.register(day.ListSessions, func(day.ListInput) (*day.ListResult, error) { return h.list(day.ListSessions, "getSessions") })
	h.register(day.ListInteractions, func(day.ListInput) (*day.ListResult, error) {
		return h.list(day.ListInteractions, "interactionDetails")
	})
	h.register(day.MergeListings, h.merge)
	h.register(day.SealDay, h.seal)
	h.register(day.LogDay, h.log)
	h.env.RegisterWorkflowWithOptions(h.batch, workflow.RegisterOptions{Name: workflows.FetchRecordingsBatchWorkflowName})
	h.env.RegisterWorkflowWithOptions(day.Workflow, workflow.RegisterOptions{Name: workflows.ArchiveDayWorkflowName})
	return h
}

func (h *harness) register(name string, function any) {
	h.env.RegisterActivityWithOptions(function, activity.RegisterOptions{Name: name})
}

func (h *harness) execute() {
	h.env.ExecuteWorkflow(workflows.ArchiveDayWorkflowName, workflows.DayRequest{Day: theDay})
}

func (h *harness) result() workflows.DayResult {
	h.t.Helper()
	require.True(h.t, h.env.IsWorkflowCompleted())
	require.NoError(h.t, h.env.GetWorkflowError())
	var result workflows.DayResult
	require.NoError(h.t, h.env.GetWorkflowResult(&result))
	return result
}

func (h *harness) progress() workflows.DayProgress {
	value, err := h.env.QueryWorkflow(workflows.QueryProgress)
	require.NoError(h.t, err)
	var progress workflows.DayProgress
	require.NoError(h.t, value.Get(&progress))
	return progress
}

// fail has the next attempts of an activity end with an error.
func (h *harness) fail(name string, times int, err error) {
	for range times {
		h.failing[name] = append(h.failing[name], err)
	}
}

// next returns the error of the next attempt of an activity.
func (h *harness) next(name string) error {
	if left := h.failing[name]; len(left) > 0 {
		h.failing[name] = left[1:]
		return left[0]
	}
	return nil
}

func (h *harness) openDay(workflows.Day) (*day.Opening, error) {
	if err := h.next(day.OpenDay); err != nil {
		return nil, err
	}
	h.opened++
	opening := &day.Opening{Account: "acme", Retention: h.retention, Log: "s3/recordings/", Bucket: "recordings", Folder: fmt.Sprintf("work-%d/", h.opened)}
	if opening.Recorded = h.sealed != nil && h.notLogged; !opening.Recorded {
		opening.Sealed = h.sealed
	}
	return opening, nil
}

func (h *harness) list(activity, list string) (*day.ListResult, error) {
	if err := h.next(activity); err != nil {
		return nil, err
	}
	now := h.env.Now()
	if list == "getSessions" {
		h.listings, h.round = append(h.listings, now), make(map[string]bool)
	}
	if reason := h.unavailable(list, now); reason != "" {
		return &day.ListResult{Unavailable: reason}, nil
	}
	ids := h.listed(list, now)
	for _, id := range ids {
		h.round[id] = true
	}
	return &day.ListResult{Sessions: len(ids), Calls: 1}, nil
}

func (h *harness) merge(in day.MergeInput) (*day.Merged, error) {
	if err := h.next(day.MergeListings); err != nil {
		return nil, err
	}
	h.merged = append(h.merged, in)
	if h.lost && in.Folder != "" {
		h.lost = false
		return &day.Merged{Lost: true}, nil
	}
	merged := &day.Merged{Known: "known"}
	if in.Folder != "" {
		for id := range h.round {
			if !h.known[id] {
				merged.New++
			}
			h.known[id] = true
		}
	}
	for id := range h.archived {
		h.known[id] = true
	}
	h.toFetch = nil
	for id := range h.known {
		merged.Sessions++
		switch {
		case h.archived[id] != "":
		case h.open(id, h.env.Now()):
			merged.Open++
		default:
			merged.ToFetch++
			h.toFetch = append(h.toFetch, id)
		}
	}
	if merged.ToFetch > 0 {
		merged.Fetch = "fetch"
	}
	return merged, nil
}

func (h *harness) batch(ctx workflow.Context, request workflows.BatchRequest) (*workflows.BatchResult, error) {
	h.requested = append(h.requested, request)
	if err := workflow.Sleep(ctx, time.Hour); err != nil {
		return nil, err
	}
	h.batches = append(h.batches, h.toFetch)
	for _, id := range h.toFetch {
		if outcome := h.outcome(id, h.env.Now()); outcome != "" {
			h.archived[id] = outcome
		}
	}
	return &workflows.BatchResult{BatchID: request.BatchID, Phase: workflows.BatchDone}, nil
}

func (h *harness) seal(day.SealInput) (*day.SealResult, error) {
	if err := h.next(day.SealDay); err != nil {
		return nil, err
	}
	missing := 0
	for id := range h.known {
		if h.archived[id] == "" {
			missing++
		}
	}
	if missing > 0 {
		return &day.SealResult{Missing: missing, Example: "x"}, nil
	}
	rows, err := json.Marshal(h.archived)
	require.NoError(h.t, err)
	if h.sealed != nil && string(rows) == h.rows {
		return &day.SealResult{Sealed: *h.sealed, Unchanged: true}, nil
	}
	revision := 1
	if h.sealed != nil {
		revision = h.sealed.Revision + 1
	}
	h.rows, h.sealed = string(rows), &workflows.SealedDay{Revision: revision, SealedAt: h.env.Now(), Sessions: len(h.archived), SHA256: fmt.Sprint("sha-", revision)}
	behind := h.behind
	h.behind = false
	return &day.SealResult{Sealed: *h.sealed, Behind: behind}, nil
}

func (h *harness) log(in day.LogInput) (*day.LogResult, error) {
	if err := h.next(day.LogDay); err != nil {
		return nil, err
	}
	if reason := h.logBlocked(h.env.Now()); reason != "" {
		return nil, temporal.NewNonRetryableApplicationError(reason, string(failure.ArchiveBlocked), nil)
	}
	h.logged = append(h.logged, in.Revision)
	return &day.LogResult{Index: int64(len(h.logged) - 1)}, nil
}

func always(ids ...string) func(string, time.Time) []string {
	return func(string, time.Time) []string { return ids }
}
