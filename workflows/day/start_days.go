package day

import (
	"encoding/json"
	"fmt"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/callvault/callvault/internal/failure"
	"github.com/callvault/callvault/internal/markdown"
	"github.com/callvault/callvault/internal/resume"
	"github.com/callvault/callvault/workflows"
	"github.com/callvault/callvault/workflows/fetchrecording"
)

const (
	// How often a backfill of days looks whether there is room for another one: soon after it
	// has started some, and ever less often while there is none.
	firstPassWait = 2 * time.Second
	lastPassWait  = 20 * time.Second

	// maxStartEvents is when a backfill continues as new.
	maxStartEvents = 4_000
)

// StartState is how far a backfill of days is. It survives a new run.
type StartState struct {
	Next    string               `json:"next"`
	Last    string               `json:"last"`
	Result  workflows.DaysResult `json:"result"`
	Started time.Time            `json:"started"`

	// Idle counts the passes in a row that have started nothing.
	Idle int `json:"idle,omitempty"`

	// Blocked is why the last pass failed; empty if it did not.
	Blocked string `json:"blocked,omitempty"`
}

// passWait returns how long to wait after so many passes that have started nothing.
func passWait(idle int) time.Duration {
	return min(firstPassWait<<min(idle, 10), lastPassWait)
}

// StartWorkflowInput is the input of [StartWorkflow].
type StartWorkflowInput struct {
	workflows.DaysRequest
	Resume *StartState
	err    error
}

// MarshalJSON writes the request's keys and, if there is a state, "resume".
func (i StartWorkflowInput) MarshalJSON() ([]byte, error) {
	request, err := json.Marshal(i.DaysRequest)
	if err != nil || i.Resume == nil {
		return request, err
	}
	return resume.Join(request, i.Resume)
}

// UnmarshalJSON keeps the error, see [Input].
func (i *StartWorkflowInput) UnmarshalJSON(data []byte) error {
	i.Resume, data, i.err = resume.Split[StartState](data)
	if i.err == nil {
		i.err = i.DaysRequest.UnmarshalJSON(data)
	}
	return nil
}

// StartWorkflow is registered as [workflows.ArchiveDaysWorkflowName]. It starts the workflow
// of each day that is not sealed or is to be listed again, oldest first, and returns once
// every day had its turn.
func StartWorkflow(ctx workflow.Context, input StartWorkflowInput) (*workflows.DaysResult, error) {
	state, err := newStart(ctx, input)
	if err != nil {
		return nil, temporal.NewNonRetryableApplicationError(err.Error(), string(failure.InvalidInput), nil)
	}
	for state.Next != "" {
		workflow.SetCurrentDetails(ctx, state.details(input.From))
		if workflow.GetInfo(ctx).GetContinueAsNewSuggested() || workflow.GetInfo(ctx).GetCurrentHistoryLength() > maxStartEvents {
			next := input
			next.Resume = state
			return nil, workflow.NewContinueAsNewErrorWithOptions(ctx,
				workflow.ContinueAsNewErrorOptions{InitialVersioningBehavior: workflow.ContinueAsNewVersioningBehaviorAutoUpgrade},
				workflows.ArchiveDaysWorkflowName, next)
		}
		wait, err := state.pass(ctx, input)
		if err != nil {
			return nil, err
		}
		if state.Next != "" {
			if err := workflow.NewTimerWithOptions(ctx, wait, workflow.TimerOptions{Summary: "start further days"}).Get(ctx, nil); err != nil {
				return nil, err
			}
		}
	}
	workflow.SetCurrentDetails(ctx, fmt.Sprintf("Every day from %s to %s had its turn: %d were started, %d were sealed before.", input.From, state.Last, state.Result.Started, state.Result.Sealed))
	return &state.Result, nil
}

// details says where the backfill stands.
func (s *StartState) details(from string) string {
	text := fmt.Sprintf("Days from %s: next is %s, the last one is %s. %d were started, %d were sealed before.", from, s.Next, s.Last, s.Result.Started, s.Result.Sealed)
	if s.Blocked != "" {
		text += " It cannot go on, and tries again every ten minutes: " + markdown.Escape(s.Blocked)
	}
	return text
}

func newStart(ctx workflow.Context, input StartWorkflowInput) (*StartState, error) {
	if input.err != nil {
		return nil, fmt.Errorf("invalid input: %w", input.err)
	}
	switch continued := workflow.GetInfo(ctx).ContinuedExecutionRunID != ""; {
	case continued && input.Resume != nil:
		return input.Resume, nil
	case input.Resume != nil:
		return nil, errResume
	}
	now := workflow.Now(ctx).UTC()
	if err := input.ValidateAt(now); err != nil {
		return nil, err
	}
	state := &StartState{Next: input.From, Last: input.To, Started: now}
	if yesterday := now.AddDate(0, 0, -1).Format(time.DateOnly); state.Last == "" || state.Last > yesterday {
		state.Last = yesterday
	}
	if state.Next > state.Last {
		state.Next = ""
	}
	return state, nil
}

// pass starts the days that there is room for, and returns how long to wait before the next
// pass.
func (s *StartState) pass(ctx workflow.Context, input StartWorkflowInput) (time.Duration, error) {
	options := stepOptions(fetchrecording.BackfillTaskQueue(input.BotID), "start days from "+s.Next, true)
	options.StartToCloseTimeout = 10 * time.Minute
	var result StartResult
	err := workflow.ExecuteActivity(workflow.WithActivityOptions(ctx, options), StartDays,
		StartInput{Request: input.DaysRequest, Next: s.Next, Last: s.Last}).Get(ctx, &result)
	if err != nil {
		if ctx.Err() != nil {
			return 0, err
		}
		s.Blocked = failure.Message(err)
		workflow.GetLogger(ctx).Warn("No further days can be started.", "botId", input.BotID, "next", s.Next, "reason", s.Blocked)
		return lastBlockedWait, nil
	}
	s.Next, s.Blocked = result.Next, ""
	s.Result.Started += len(result.Started)
	s.Result.Sealed += result.Sealed
	if s.Idle++; len(result.Started) > 0 {
		s.Idle = 0
	}
	return passWait(s.Idle), nil
}
