package fetchrecording

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/workflows"
)

func TestDetailsSayWhereTheFetchIs(t *testing.T) {
	f := &fetch{
		input:    Input{FetchRequest: workflows.FetchRequest{Session: workflows.Session{BotID: "st-1", SessionID: "65e7133a3242653c58d7aaaa"}}},
		policy:   workflows.DefaultFetchPolicy(),
		callTime: noon,
		state:    State{GiveUpAt: noon.Add(day), StatusChecks: 2},
	}
	lines := func() []string { return strings.Split(strings.TrimSpace(f.details()), "\n") }

	f.phase = workflows.PhaseChecking
	require.Equal(t, []string{
		"### Checking the status",
		"",
		"- Call: session `65e7133a3242653c58d7aaaa` of bot `st-1`, 2026-03-05T12:00:00Z",
		"- The vendor said: no status yet, in 2 checks",
		"- Next: the vendor's answer decides",
		"- Gives up: 2026-03-06T12:00:00Z",
	}, lines())

	f.phase, f.reason = workflows.PhaseBlocked, "grant the *scope*"
	f.state.LastStatus = "media`in_progress"
	f.state.BlockedSince = noon.Add(time.Hour)
	f.state.AnsweredAt, f.state.StatusChecks, f.input.BatchID = noon.Add(time.Hour/2), 1, "march"
	f.state.Done = []workflows.Recording{{FileName: "a.wav", Key: "k/a.wav", Bytes: 48044, Format: "wav", Audio: &workflows.AudioFindings{DurationSeconds: 3.001}}}
	f.timer = &timer{until: noon.Add(2 * time.Hour)}
	f.notes = []string{"a_note"}
	require.Equal(t, []string{
		"### Blocked: needs operator action",
		"",
		`grant the \*scope\*`,
		"",
		"- Call: session `65e7133a3242653c58d7aaaa` of bot `st-1`, 2026-03-05T12:00:00Z, for batch `march`",
		"- The vendor said: `media'in_progress`, at 2026-03-05T12:30:00Z, in 1 check",
		"- Next: a check at 2026-03-05T14:00:00Z, or now by the update `checkNow`",
		"- Gives up: 2026-03-06T12:00:00Z, and later by the time since 2026-03-05T13:00:00Z that it is blocked",
		"- File 1 in the archive: `a.wav`, 48,044 bytes, wav, plays 3s, `k/a.wav`",
		`- Note: a\_note`,
	}, lines())

	f.place = &Place{Account: "acme", Retention: 20 * day}
	require.Contains(t, lines(), "- Purge by the vendor: 2026-03-25T12:00:00Z")

	f.over, f.timer = true, nil
	require.Contains(t, lines(), "- Next: nothing, it is done")
	f.ended = &workflows.FetchResult{Outcome: workflows.OutcomeFailed, FinishedAt: noon, Manifest: workflows.ObjectRef{Bucket: "recordings", Key: "k/manifest.json"}}
	require.Contains(t, lines(), "- Next: nothing, unless somebody has it fetched again (`refetch`)")
	require.Contains(t, lines(), "- Manifest: `s3://recordings/k/manifest.json`, of 2026-03-05T12:00:00Z")
	require.NotContains(t, f.details(), "Gives up")
	require.NotContains(t, f.details(), "Purge")
	for phase, headline := range map[workflows.FetchPhase]string{
		workflows.PhaseCallInProgress:  "Waiting: the call is in progress",
		workflows.PhaseMediaInProgress: "Waiting: the recording is being generated",
		workflows.PhasePartialWait:     "Waiting for the vendor's retry (0 of 7)",
		workflows.PhaseArchiving:       "Downloading into the archive",
		"archived":                     "Done: archived",
		"":                             "Ended without an outcome",
	} {
		f.phase = phase
		require.Equal(t, headline, f.headline())
	}
}

func TestActivityOptionsBoundEachAttempt(t *testing.T) {
	slot, call, transfer, store := callSlotOptions("queue", strings.Repeat("b", 100)), callOptions("acme", ""), transferOptions("acme", ""), archiveOptions("acme", "")
	require.Equal(t, "queue", slot.TaskQueue)
	require.Equal(t, 2*time.Minute, slot.StartToCloseTimeout)
	require.Equal(t, strings.Repeat("b", 64), slot.Priority.FairnessKey)
	require.Equal(t, day, slot.ScheduleToCloseTimeout, "then it finds out whether the bot is served")
	require.Equal(t, "callvault-check/acme", call.TaskQueue)
	require.Equal(t, 45*time.Second, call.ScheduleToStartTimeout, "a token is used soon or not at all")
	require.EqualValues(t, 1, call.RetryPolicy.MaximumAttempts, "a token serves one request")
	require.Equal(t, "callvault-transfer/acme", transfer.TaskQueue)
	require.Equal(t, 12*time.Hour, transfer.StartToCloseTimeout)
	require.True(t, transfer.WaitForCancellation)
	require.Equal(t, "callvault-archive/acme", store.TaskQueue)
	require.Equal(t, time.Minute, store.StartToCloseTimeout)
	require.Zero(t, store.RetryPolicy.MaximumAttempts, "until it succeeds")
}
