package replay_test

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	sdkworker "go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/callvault/callvault/internal/account"
	"github.com/callvault/callvault/internal/archive"
	"github.com/callvault/callvault/internal/simulator"
	"github.com/callvault/callvault/workflows"
	"github.com/callvault/callvault/workflows/fetchrecording"
)

// An account that keeps what belongs to a call: its manifests wait for it.
func TestTodaysHistoriesWithAttachmentsReplay(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	var settings account.Settings
	s, c := startWith(ctx, t, func(a *account.Settings) {
		a.CallDetails, a.Voicemail, a.Transcript = true, true, true
		settings = *a
	})
	store, err := archive.Open(settings.Archive)
	require.NoError(t, err)
	replayer := sdkworker.NewWorkflowReplayer()
	replayer.RegisterWorkflowWithOptions(fetchrecording.Workflow, workflow.RegisterOptions{Name: workflows.FetchRecordingWorkflowName})
	for i, row := range []struct {
		name    string
		refused bool
		session simulator.Session
	}{
		{name: "archived_with_attachments", session: simulator.Session{Files: []simulator.File{{Name: "caller.wav"}}}},
		{name: "archived_without_a_scope", refused: true, session: simulator.Session{Files: []simulator.File{{Name: "caller.wav"}, {Name: "agent.wav"}}}},
		{name: "unavailable_with_attachments", session: simulator.Session{Script: []simulator.Step{{Status: simulator.StatusMediaUnavailable}}}},
	} {
		t.Run(row.name, func(t *testing.T) {
			s.Upstream.SetScopeOf(simulator.KindMessages, !row.refused)
			row.session.Messages = []simulator.Message{{Text: "canary"}}
			row.session.VoicemailFiles = []simulator.File{{Name: "voicemail.wav", Duration: time.Second}}
			serial := uint64(1000 + i)
			session := workflows.Session{BotID: simulator.DefaultBotID, SessionID: simulator.NewSessionID(time.Date(2026, 3, 5, 12, 42, 34, 0, time.UTC), serial)}
			require.NoError(t, store.WriteCall(ctx, session, archive.Call{Lists: archive.CallLists{GetSessions: json.RawMessage(`{"name":"canary"}`)}}))

			history := historyOf(ctx, t, s, c, state{name: row.name, session: row.session}, serial)
			keep(t, "fetchrecording", row.name, history)
			require.Contains(t, billed(history), "ActivityTaskScheduled FetchAttachments on callvault-attachments/dev")
			require.Contains(t, billed(history), "ActivityTaskScheduled WriteManifest on callvault-archive/dev")
			for _, event := range history.GetEvents() {
				require.NotContains(t, event.String(), "canary", "what was said is in the archive alone")
			}
			manifest, _, err := store.ReadManifest(ctx, session)
			require.NoError(t, err)
			kinds := map[workflows.AttachmentKind]int{}
			for _, attachment := range manifest.Attachments {
				kinds[attachment.Kind]++
				found, err := store.FindAttachment(ctx, attachment.Kind, attachment.Key)
				require.NoError(t, err)
				require.Equal(t, []any{attachment.Bytes, attachment.SHA256}, []any{found.Bytes, found.SHA256})
			}
			want := map[workflows.AttachmentKind]int{workflows.AttachmentCall: 1, workflows.AttachmentVoicemail: 1, workflows.AttachmentTranscript: 1}
			if row.refused {
				delete(want, workflows.AttachmentTranscript)
				require.Len(t, manifest.LeftOut, 1)
				require.Contains(t, manifest.LeftOut[0].Reason, "Chat History")
			}
			require.Equal(t, want, kinds)
			require.NoError(t, replayer.ReplayWorkflowHistory(nil, history))
		})
	}
}
