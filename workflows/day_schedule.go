package workflows

import (
	"errors"
	"fmt"
	"hash/fnv"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
)

// The bounds of [DaysSchedule.Hour], in UTC.
const (
	DefaultScheduleHour = 3
	LastScheduleHour    = 23
)

// scheduleCatchUp is how late a start may be that the Temporal server has missed. One start
// does the work of all that were missed, so more than a day is enough.
const scheduleCatchUp = 7 * 24 * time.Hour

// DaysSchedule archives each day of a bot, from one on.
type DaysSchedule struct {
	// Request is what every start asks for. Its To is empty: each start asks for all days
	// from From to the day before it, and those that are sealed cost next to nothing. So
	// days for which there was no worker, or while the schedule was paused, are archived by
	// the next start.
	Request DaysRequest

	// Hour is that of each start, in UTC: 0 to 23. The minute follows from the bot, see
	// [DaysSchedule.Minute].
	Hour int
}

// ValidateAt reports everything that is wrong with the schedule at a given time, in one error.
func (s DaysSchedule) ValidateAt(now time.Time) error {
	var faults []error
	if s.Hour < 0 || s.Hour > LastScheduleHour {
		faults = append(faults, fmt.Errorf("hour is %d: want 0 to %d, in UTC", s.Hour, LastScheduleHour))
	}
	if s.Request.To != "" {
		faults = append(faults, fmt.Errorf("to is %s, but a schedule has no last day: leave it out, or start the days once", s.Request.To))
	}
	return errors.Join(invalidInput(errors.Join(faults...)), s.Request.ValidateAt(now))
}

// Minute returns the minute of the hour at which the schedule starts. It follows from the bot
// alone, so that many bots do not start at once.
func (s DaysSchedule) Minute() int {
	hash := fnv.New32a()
	_, _ = hash.Write([]byte(s.Request.BotID)) // It never fails.
	return int(hash.Sum32() % 60)
}

// DaysScheduleID returns the id of a bot's schedule: "callvault-days-{bot}".
func DaysScheduleID(botID string) string { return "callvault-days-" + botID }

// DaysScheduleNote returns the note of a schedule that nobody has paused.
func DaysScheduleNote(s DaysSchedule) string {
	return "Archives each day of " + s.Request.BotID + " from " + s.Request.From + " on."
}

// DaysScheduleOptions returns the options with which a client creates the schedule. s must be
// valid.
func DaysScheduleOptions(s DaysSchedule) client.ScheduleOptions {
	start := DaysStartOptions("schedule", s.Request) // The server appends the time.
	return client.ScheduleOptions{
		ID: DaysScheduleID(s.Request.BotID),
		Spec: client.ScheduleSpec{
			Calendars: []client.ScheduleCalendarSpec{{
				Hour: []client.ScheduleRange{{Start: s.Hour}}, Minute: []client.ScheduleRange{{Start: s.Minute()}},
				Comment: "every day, in UTC; the minute follows from the bot's id",
			}},
			TimeZoneName: "UTC",
		},
		Action: &client.ScheduleWorkflowAction{
			ID: start.ID, Workflow: ArchiveDaysWorkflowName, Args: []any{s.Request}, TaskQueue: start.TaskQueue, Memo: start.Memo,
			TypedSearchAttributes: start.TypedSearchAttributes, StaticSummary: start.StaticSummary, StaticDetails: start.StaticDetails,
		},
		// What is skipped because an earlier start is still running is left to the next one.
		Overlap:               enumspb.SCHEDULE_OVERLAP_POLICY_SKIP,
		CatchupWindow:         scheduleCatchUp,
		Note:                  DaysScheduleNote(s),
		TypedSearchAttributes: s.Request.SearchAttributes(),
	}
}

// DaysScheduleOf returns what a schedule does that the server describes. It fails if it is not
// one that [DaysScheduleOptions] has made.
func DaysScheduleOf(described client.Schedule) (DaysSchedule, error) {
	var s DaysSchedule
	action, ok := described.Action.(*client.ScheduleWorkflowAction)
	if !ok || action.Workflow != ArchiveDaysWorkflowName || len(action.Args) != 1 {
		return s, fmt.Errorf("it does not start %s with one input", ArchiveDaysWorkflowName)
	}
	input, ok := action.Args[0].(*commonpb.Payload)
	if !ok {
		return s, errors.New("its input is not as the server describes it")
	}
	if err := converter.GetDefaultDataConverter().FromPayload(input, &s.Request); err != nil {
		return s, fmt.Errorf("its input is malformed: %w", err)
	}
	if described.Spec == nil || len(described.Spec.Calendars) != 1 || len(described.Spec.Calendars[0].Hour) != 1 {
		return s, errors.New("it does not start once a day")
	}
	s.Hour = described.Spec.Calendars[0].Hour[0].Start
	return s, nil
}
