package activities_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/mocks"

	"github.com/callvault/callvault/activities"
	"github.com/callvault/callvault/internal/archive/s3test"
	"github.com/callvault/callvault/workflows"
	"github.com/callvault/callvault/workflows/fetchrecording"
)

// A manifest that takes the place of another one has the day of its call sealed again; a first one costs nothing.
func TestDayIsToldOfAManifestThatWasReplaced(t *testing.T) {
	of := workflows.Day{BotID: botID, Date: "2024-03-05"}
	archived := resultOf(workflows.OutcomeArchived, recordingOf("a.wav", audio))
	for _, row := range []struct {
		name    string
		earlier workflows.Outcome // by another fetch; empty for none
		refetch bool
		sealed  bool
		told    string // the client's method
	}{
		{"first manifest", "", false, true, ""},
		{"refetch, sealed day", workflows.OutcomeUnavailable, true, true, "SignalWithStartWorkflow"},
		{"refetch, day that is not sealed", workflows.OutcomeUnavailable, true, false, "SignalWorkflow"},
		{"another fetch had failed, sealed day", workflows.OutcomeFailed, false, true, "SignalWithStartWorkflow"},
		{"another fetch has archived it, sealed day", workflows.OutcomeArchived, false, true, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			served, server := openAccount(t, nil)
			store(server, aKey, audio)
			input := fetchrecording.WriteManifestInput{Result: archived}
			if row.earlier != "" {
				earlier := manifestOf(row.earlier)
				if row.earlier == workflows.OutcomeArchived {
					earlier = manifestOf(row.earlier, fileOf("a.wav", audio))
				}
				write(t, served, earlier, "")
				if row.refetch {
					_, input.Replaces = stored(t, served)
				}
			}
			if row.sealed {
				record(t, served, server, of, 1, 1, time.Now())
			}
			server.ForgetRequests()
			c := mocks.NewClient(t)
			switch row.told {
			case "SignalWithStartWorkflow":
				request := workflows.DayRequest{Day: of}
				c.On(row.told, mock.Anything, of.WorkflowID(), workflows.SignalChanged, nil, workflows.DayStartOptions(request), workflows.ArchiveDayWorkflowName, request).Return(mocks.NewWorkflowRun(t), nil).Once()
			case "SignalWorkflow":
				c.On(row.told, mock.Anything, of.WorkflowID(), "", workflows.SignalChanged, nil).Return(nil).Once()
			}
			_, err := run[fetchrecording.WriteManifestResult](t, (&activities.WriteManifest{Served: served, Days: &activities.ChangedDays{Client: c}}).Execute, input)
			require.NoError(t, err)
			if row.told == "" {
				require.NotContains(t, server.Operations(), s3test.ListObjects)
			}
		})
	}
}
