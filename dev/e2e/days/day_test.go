package days_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/dev/internal/system"
	"github.com/callvault/callvault/internal/dayrecord"
	"github.com/callvault/callvault/internal/simulator"
	"github.com/callvault/callvault/workflows"
)

var (
	success = []simulator.Step{{Status: simulator.StatusSuccess}}
	none    = []simulator.Step{{Status: simulator.StatusMediaUnavailable}}
)

// aDay is the day of the sessions that harness.addSession adds.
var aDay = system.CallTime.Format(time.DateOnly)

func TestDayIsSealedAndAStrangerFindsTheByteThatIsBroken(t *testing.T) {
	t.Parallel()
	h := newDaysHarness(t)
	h.StartWorker()
	first := h.AddSession(success, system.Recording("a.wav", 20_000))
	h.AddSession(success, system.Recording("b.wav", 9_000), system.Recording("c.wav", 9_000))
	gone := h.AddSession(none)
	result := h.dayResult(h.archiveDay(aDay, time.Second))
	require.Equal(t, 1, result.Revision)
	require.Equal(t, map[workflows.Outcome]int{workflows.OutcomeArchived: 2, workflows.OutcomeUnavailable: 1}, result.Outcomes)
	require.Zero(t, result.Disagreeing)

	record, rows := h.latest(aDay)
	require.Len(t, rows, 3)
	require.Equal(t, 3, record.Counts.Files)
	require.Len(t, record.Listings, 4, "both lists, twice")
	for _, row := range rows {
		require.Equal(t, []string{dayrecord.GetSessions, dayrecord.InteractionDetails}, row.ListedBy)
	}

	folder := h.copyBucket()
	kept := filepath.Join(t.TempDir(), "checkpoint")
	code, output := h.verify(folder, "--checkpoint", kept)
	require.Zero(t, code, output)
	require.FileExists(t, kept)
	code, output = h.verify(folder, "--session", gone, "--checkpoint", kept)
	require.Zero(t, code, output)

	broken := filepath.Join(folder, filepath.FromSlash(h.Folder(first)+"a.wav"))
	content, err := os.ReadFile(broken)
	require.NoError(t, err)
	content[5_000] ^= 1
	require.NoError(t, os.WriteFile(broken, content, 0o600))
	code, output = h.verify(folder, "--checkpoint", kept)
	require.Equal(t, 1, code, output)
	require.Contains(t, output, first)
	require.Contains(t, output, h.Folder(first)+"a.wav")
	require.NotContains(t, output, gone)
}

func TestRefetchThatSucceedsReopensASealedDay(t *testing.T) {
	t.Parallel()
	h := newDaysHarness(t)
	h.StartWorker()
	id := h.AddSession(none)
	require.Equal(t, 1, h.dayResult(h.archiveDay(aDay, time.Second)).Revision)

	h.Upstream.RemoveSession(system.Bot, id)
	require.NoError(t, h.Upstream.AddSession(simulator.Session{BotID: system.Bot, SessionID: id, Script: success, Files: []simulator.File{system.Recording("late.wav", 8_000)}}))
	run, err := workflows.StartFetch(h.Ctx, h.Client, workflows.FetchRequest{Session: system.SessionOf(id), Refetch: true})
	require.NoError(t, err)
	fetched, err := run.Result(h.Ctx)
	require.NoError(t, err)
	require.Equal(t, workflows.OutcomeArchived, fetched.Outcome)

	h.Await("the day has its second revision", func() bool { record, _ := h.latest(aDay); return record.Revision == 2 })
	record, rows := h.latest(aDay)
	require.Equal(t, workflows.OutcomeArchived, rows[0].Outcome)
	require.Equal(t, "days/"+system.Bot+"/2026/03/05/r1.json", record.Previous.Key)
	h.dayResult(h.Client.GetWorkflow(h.Ctx, workflows.Day{BotID: system.Bot, Date: aDay}.WorkflowID(), "")) // It is in the log.
	code, output := h.verify(h.copyBucket())
	require.Zero(t, code, output)
}

func TestDayWaitsForTheKeyOfItsLog(t *testing.T) {
	t.Parallel()
	h := newDaysHarness(t)
	worker := h.StartWorker("CALLVAULT_LOG_KEY_FILE", "")
	h.AddSession(none)
	run := h.archiveDay(aDay, time.Second)
	h.AwaitListed("WorkflowType = 'ArchiveDayWorkflow' AND CallvaultPhase = 'blocked'")
	worker.Kill()
	h.StartWorker()
	require.Equal(t, 1, h.dayResult(run).Revision)
}

// The day is killed again and again: no call of the lists that is done is done again, and one revision comes out of it.
func TestDayThatLosesItsWorkersIsSealedOnce(t *testing.T) {
	t.Parallel()
	h := newDaysHarness(t)
	worker := h.StartWorker()
	for i := range 30 {
		h.AddSession(success, system.Recording("a.wav", 1_000+10*i))
	}
	run := h.archiveDay(aDay, 2*time.Second)
	for _, phase := range []workflows.DayPhase{workflows.DayFetching, workflows.DaySettling} {
		h.AwaitListed("WorkflowType = 'ArchiveDayWorkflow' AND CallvaultPhase = '" + string(phase) + "'")
		worker.Kill()
		worker = h.StartWorker()
	}
	result := h.dayResult(run)
	require.Equal(t, 1, result.Revision)
	require.Equal(t, map[workflows.Outcome]int{workflows.OutcomeArchived: 30}, result.Outcomes)
	calls := make(map[simulator.CallKind]int)
	for _, call := range h.Upstream.Calls() {
		calls[call.Kind]++
	}
	record, _ := h.latest(aDay)
	for _, of := range []struct {
		list  string
		kind  simulator.CallKind
		calls int // of one reading: interactionDetails is asked for the page behind one that is not full
	}{{dayrecord.GetSessions, simulator.KindSessions, 1}, {dayrecord.InteractionDetails, simulator.KindInteractions, 2}} {
		stated := 0
		for _, listing := range record.Listings {
			if listing.List == of.list {
				stated += listing.Calls
			}
		}
		require.Equal(t, 2*of.calls, stated, "%s was read twice", of.list)
		require.Equal(t, stated, calls[of.kind], "%s: the record states each call", of.list)
	}
	code, output := h.verify(h.copyBucket())
	require.Zero(t, code, output)
}
