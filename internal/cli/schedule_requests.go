package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"github.com/callvault/callvault/internal/program"
	"github.com/callvault/callvault/internal/searchattr"
	"github.com/callvault/callvault/workflows"
)

// schedules sends requests about the schedules of a namespace.
type schedules struct {
	client    client.Client
	namespace string
}

// scheduleTimeout bounds a request about one schedule.
const scheduleTimeout = 10 * time.Second

// withSchedules connects for as long as act needs.
func withSchedules(command *cobra.Command, act func(schedules) error) error {
	c, namespace, err := connect(command.Context(), command.ErrOrStderr())
	if err != nil {
		return err
	}
	defer c.Close()
	return act(schedules{c, namespace})
}

// handle returns the schedule of a bot. It makes no request.
func (s schedules) handle(ctx context.Context, botID string) client.ScheduleHandle {
	return s.client.ScheduleClient().GetHandle(ctx, workflows.DaysScheduleID(botID))
}

// checkServed refuses a schedule of a bot that no worker serves.
func (s schedules) checkServed(ctx context.Context, botID string, stderr io.Writer) error {
	return servedCheck{
		botID: botID,
		isRunning: func(ctx context.Context) bool {
			_, err := s.handle(ctx, botID).Describe(ctx)
			return err == nil
		},
		anyway:  "creating the schedule anyway; its days wait until one does",
		noCheck: "create a schedule whose days wait until a worker serves the bot",
	}.run(ctx, s.client.WorkflowService(), s.namespace, stderr)
}

// put creates the schedule of a bot, or replaces the one that it has. It returns what it has
// done.
func (s schedules) put(ctx context.Context, options scheduleCreate) (change string, err error) {
	wanted := options.schedule
	described, err := s.describe(ctx, wanted.Request.BotID)
	if isNotFound(err) {
		return "created", s.create(ctx, wanted)
	}
	if err != nil {
		return "", err
	}
	present, unknown := workflows.DaysScheduleOf(described.Schedule)
	if unknown == nil && !options.hasFrom {
		wanted.Request.From = present.Request.From
	}
	switch {
	case unknown == nil && isSameSchedule(present, wanted):
		return "unchanged", nil
	case options.replace:
		return "replaced", s.replace(ctx, wanted)
	case unknown != nil:
		return "", program.Usage(fmt.Errorf("%s exists, and %w: see it in the Web UI, or give --replace", workflows.DaysScheduleID(wanted.Request.BotID), unknown))
	}
	return "", otherSchedule(present)
}

// otherSchedule says that a bot has another schedule than the wanted one.
func otherSchedule(present workflows.DaysSchedule) error {
	return program.Usage(fmt.Errorf("bot %s has another schedule already: every day at %02d:%02d UTC from %s on, with %s: to change it give --replace; to see it: %s",
		present.Request.BotID, present.Hour, present.Minute(), present.Request.From, policyText(present.Request), exampleSchedule("list")))
}

func policyText(request workflows.DaysRequest) string {
	text, err := json.Marshal(request)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

func isSameSchedule(a, b workflows.DaysSchedule) bool {
	return a.Hour == b.Hour && policyText(a.Request) == policyText(b.Request)
}

// create creates a schedule. On a namespace where no worker has run yet, it first registers
// the search attributes.
func (s schedules) create(ctx context.Context, wanted workflows.DaysSchedule) error {
	create := func() error {
		bounded, cancel := context.WithTimeout(ctx, scheduleTimeout)
		defer cancel()
		_, err := s.client.ScheduleClient().Create(bounded, workflows.DaysScheduleOptions(wanted))
		return err
	}
	err := create()
	if searchattr.IsMissing(err) {
		if _, err := searchattr.Register(ctx, s.client, s.namespace); err != nil {
			return err
		}
		err = create()
	}
	switch {
	case errors.Is(err, temporal.ErrScheduleAlreadyRunning):
		return fmt.Errorf("somebody has just created a schedule of bot %s: to see it: %s", wanted.Request.BotID, exampleSchedule("list"))
	case err != nil:
		return fmt.Errorf("create the schedule: %w", err)
	}
	return nil
}

// replace gives a schedule what it is to do. It stays paused if it is.
func (s schedules) replace(ctx context.Context, wanted workflows.DaysSchedule) error {
	bounded, cancel := context.WithTimeout(ctx, scheduleTimeout)
	defer cancel()
	options := workflows.DaysScheduleOptions(wanted)
	err := s.handle(bounded, wanted.Request.BotID).Update(bounded, client.ScheduleUpdateOptions{
		DoUpdate: func(input client.ScheduleUpdateInput) (*client.ScheduleUpdate, error) {
			schedule := input.Description.Schedule
			schedule.Spec, schedule.Action = &options.Spec, options.Action
			schedule.Policy = &client.SchedulePolicies{Overlap: options.Overlap, CatchupWindow: options.CatchupWindow, PauseOnFailure: options.PauseOnFailure}
			if schedule.State == nil {
				schedule.State = new(client.ScheduleState)
			}
			if !schedule.State.Paused {
				schedule.State.Note = options.Note
			}
			return &client.ScheduleUpdate{Schedule: &schedule, TypedSearchAttributes: &options.TypedSearchAttributes}, nil
		},
	})
	if err != nil {
		return fmt.Errorf("replace the schedule: %w", err)
	}
	return nil
}

func (s schedules) describe(ctx context.Context, botID string) (*client.ScheduleDescription, error) {
	bounded, cancel := context.WithTimeout(ctx, scheduleTimeout)
	defer cancel()
	return s.handle(bounded, botID).Describe(bounded)
}

// explain says what a failed request about the schedule of a bot means.
func (s schedules) explain(ctx context.Context, botID string, err error) error {
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return program.ErrInterrupted
	case isNotFound(err):
		return fmt.Errorf("bot %s has no schedule in namespace %q: correct --bot (%s shows those that have one), or create one: %s",
			botID, s.namespace, exampleSchedule("list"), exampleSchedule("create --bot "+botID))
	}
	return fmt.Errorf("schedule of bot %s: %w", botID, err)
}
