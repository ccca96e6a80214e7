package main

import (
	"context"
	"fmt"
	"time"

	"go.temporal.io/sdk/client"

	"github.com/callvault/callvault/dev/internal/stack"
	"github.com/callvault/callvault/internal/simulator"
	"github.com/callvault/callvault/workflows"
)

// scene is one state of a workflow.
type scene struct {
	name string
	play func(context.Context) (subject, error)
}

// scenes are played one after the other, since the last one blocks the bot.
type scenes struct {
	servers *stack.Stack
	client  client.Client
}

func (s scenes) all() []scene {
	return []scene{
		{"fetch-archived", s.archived},
		{"fetch-waiting", s.waiting},
		{"batch", s.batch},
		{"budget", s.budget},
		{"fetch-blocked", s.blocked},
	}
}

// session adds a call to the simulator that took place so long ago.
func (s scenes) session(n uint64, ago time.Duration, script []simulator.Step, files ...simulator.File) (workflows.Session, error) {
	session := simulator.Session{
		BotID:     s.servers.Upstream.Config().BotIDs[0],
		SessionID: simulator.NewSessionID(time.Now().Add(-ago), 0x3242653c58d70000+n),
		Script:    script, Files: files,
	}
	return workflows.Session{BotID: session.BotID, SessionID: session.SessionID}, s.servers.Upstream.AddSession(session)
}

// fetch starts a fetch and waits until it is in a phase.
func (s scenes) fetch(ctx context.Context, session workflows.Session, policy workflows.FetchPolicy, phase workflows.FetchPhase) (*workflows.FetchRun, error) {
	run, err := workflows.StartFetch(ctx, s.client, workflows.FetchRequest{Session: session, Policy: policy})
	if err != nil {
		return nil, err
	}
	for {
		progress, err := run.Progress(ctx)
		if err == nil && progress.Phase == phase {
			return run, nil
		}
		if err := pause(ctx); err != nil {
			return nil, fmt.Errorf("the fetch is %s, not %s: %w", progress.Phase, phase, err)
		}
	}
}

func (s scenes) archived(ctx context.Context) (subject, error) {
	session, err := s.session(0, 26*time.Hour, []simulator.Step{{Status: simulator.StatusMediaInProgress, Calls: 1}, {Status: simulator.StatusSuccess}},
		simulator.File{Name: "caller.wav", Duration: 3 * time.Second}, simulator.File{Name: "agent.wav", Duration: 3 * time.Second})
	if err != nil {
		return subject{}, err
	}
	run, err := workflows.StartFetch(ctx, s.client, workflows.FetchRequest{Session: session, Policy: workflows.FetchPolicy{PollMin: time.Second, PollMax: 2 * time.Second}})
	if err != nil {
		return subject{}, err
	}
	if _, err := run.Result(ctx); err != nil {
		return subject{}, err
	}
	return subject{run.WorkflowID(), run.RunID(), "agent.wav"}, nil
}

func (s scenes) waiting(ctx context.Context) (subject, error) {
	session, err := s.session(1, 2*time.Hour, []simulator.Step{{Status: simulator.StatusPartialDownloadFailed}})
	if err != nil {
		return subject{}, err
	}
	run, err := s.fetch(ctx, session, workflows.FetchPolicy{}, workflows.PhasePartialWait)
	if err != nil {
		return subject{}, err
	}
	return subject{run.WorkflowID(), run.RunID(), "Next:"}, nil
}

// batchSessions is how many sessions the batch has: more than the budget has calls for in a
// minute, so that it is seen at work.
const batchSessions = 90

func (s scenes) batch(ctx context.Context) (subject, error) {
	var sessions []workflows.BatchSession
	scripts := [][]simulator.Step{
		{{Status: simulator.StatusSuccess}}, {{Status: simulator.StatusSuccess}}, {{Status: simulator.StatusMediaInProgress}},
		{{Status: simulator.StatusSuccess}}, {{Status: simulator.StatusFailed}},
	}
	number := uint64(100)
	for i := range batchSessions {
		number++
		session, err := s.session(number, time.Duration(72+i)*time.Hour, scripts[i%len(scripts)], simulator.File{Duration: time.Second})
		if err != nil {
			return subject{}, err
		}
		sessions = append(sessions, workflows.BatchSession{Session: session})
	}
	run, err := workflows.StartBatch(ctx, s.client, workflows.BatchRequest{BatchID: "november-backfill", Sessions: sessions})
	if err != nil {
		return subject{}, err
	}
	for {
		progress, err := run.Progress(ctx)
		if err == nil && progress.Ended() >= batchSessions/3 && progress.PerHour > 0 {
			return subject{run.WorkflowID(), run.RunID(), "Its fetches"}, nil
		}
		if err := pause(ctx); err != nil {
			return subject{}, fmt.Errorf("the batch has not got far: %w", err)
		}
	}
}

func (s scenes) budget(ctx context.Context) (subject, error) {
	id := workflows.CallBudgetWorkflowID(s.servers.Upstream.Config().BotIDs[0])
	described, err := s.client.DescribeWorkflowExecution(ctx, id, "")
	if err != nil {
		return subject{}, err
	}
	return subject{id, described.GetWorkflowExecutionInfo().GetExecution().GetRunId(), "Waiting for a slot"}, nil
}

func (s scenes) blocked(ctx context.Context) (subject, error) {
	s.servers.Upstream.SetScope(false)
	session, err := s.session(2, time.Hour, []simulator.Step{{Status: simulator.StatusSuccess}})
	if err != nil {
		return subject{}, err
	}
	run, err := s.fetch(ctx, session, workflows.FetchPolicy{}, workflows.PhaseBlocked)
	if err != nil {
		return subject{}, err
	}
	return subject{run.WorkflowID(), run.RunID(), "Blocked: needs"}, nil
}

// pause is the time between two looks at what cannot be waited for.
func pause(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(200 * time.Millisecond):
		return nil
	}
}
