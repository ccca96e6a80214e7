package days_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"

	"github.com/callvault/callvault/dev/internal/system"
	"github.com/callvault/callvault/internal/dayrecord"
	"github.com/callvault/callvault/internal/simulator"
	"github.com/callvault/callvault/workflows"
)

var monthSeed = flag.Uint64("month-seed", 0, "the seed of the month of days; 0 for a new one")

const (
	monthDays = 30

	// The worker is down in these days, as the month goes by.
	outageBegins, outageEnds = 12, 19

	// retention of the vendor, in days.
	retention = 20

	// settle is how long a day settles; a day of the month takes some tenths of a second.
	settle = 2 * time.Second
)

// month is what the vendor knows of a month of calls: the simulator's books. Its days are
// those before today; the clock of the month is compressed, so that a day begins when the
// one before has been asked for.
type month struct {
	*daysHarness
	random *rand.Rand
	first  time.Time
	serial uint64

	// expected is what each session has to end with.
	expected map[string]workflows.Outcome
	// late are sessions that come into the lists some days after their calls.
	late map[int][]simulator.Session
	// lacking are the sessions that one of the lists never has.
	lacking map[simulator.CallKind][]string
}

func (m *month) date(day int) string { return m.first.AddDate(0, 0, day).Format(time.DateOnly) }

// addDay adds the calls of a day, and those of earlier days that come late.
func (m *month) addDay(day int) {
	calls := m.random.IntN(5)
	if day == 5 {
		calls = 110 // several pages
	}
	for range calls {
		session := m.session(day)
		if m.random.IntN(8) == 0 {
			comes := day + 1 + m.random.IntN(3)
			m.late[comes] = append(m.late[comes], session)
			continue
		}
		m.add(session)
	}
	for _, session := range m.late[day] {
		m.add(session)
	}
}

// session returns a call of a day, with the outcome that it has to have in expected.
func (m *month) session(day int) simulator.Session {
	m.serial++
	begin := m.first.AddDate(0, 0, day).Add(time.Duration(m.random.Int64N(int64(24*time.Hour - time.Second))))
	session := simulator.Session{BotID: system.Bot, SessionID: simulator.NewSessionID(begin, m.serial), UserID: fmt.Sprintf("canary-%d@example.com", m.serial), Length: 2 * time.Second}
	file := system.Recording(fmt.Sprintf("call-%d.wav", m.serial), 1_000+m.random.IntN(20_000))
	outcome := workflows.OutcomeArchived
	switch m.random.IntN(10) {
	case 0:
		session.Script = []simulator.Step{{Status: simulator.StatusFailed}}
		outcome = workflows.OutcomeFailed
	case 1: // The vendor has deleted it, or never had it: the age of the call decides.
		session.Script = none
		outcome = workflows.OutcomeUnavailable
		if time.Since(begin) > retention*24*time.Hour {
			outcome = workflows.OutcomeLostToRetention
		}
	case 2, 3: // late media
		session.Script = []simulator.Step{{Status: simulator.StatusMediaInProgress, Calls: 1 + m.random.IntN(3)}, {Status: simulator.StatusSuccess}}
		session.Files = []simulator.File{file}
	case 4:
		session.Script = []simulator.Step{{Status: simulator.StatusPartialDownloadFailed, Calls: 1}, {Status: simulator.StatusSuccess}}
		session.Files = []simulator.File{file}
	case 5:
		session.Channel = simulator.ChannelChat
		return session
	default:
		session.Script, session.Files = success, []simulator.File{file}
	}
	m.expected[session.SessionID] = outcome
	if m.random.IntN(6) == 0 {
		list := []simulator.CallKind{simulator.KindSessions, simulator.KindInteractions}[m.random.IntN(2)]
		m.lacking[list] = append(m.lacking[list], session.SessionID)
	}
	return session
}

func (m *month) add(session simulator.Session) {
	require.NoError(m.T, m.Upstream.AddSession(session))
}

// setFaults has both lists repeat rows, shift while they are paged, and lack rows for good.
func (m *month) setFaults(day int) {
	for _, list := range []simulator.CallKind{simulator.KindSessions, simulator.KindInteractions} {
		require.NoError(m.T, m.Upstream.SetListFaults(list, simulator.ListFaults{
			Lacks: slices.Clone(m.lacking[list]), RepeatShare: 0.1, AppearShare: 0.05, ShiftCalls: 3, Seed: uint64(day),
		}))
	}
}

// archive starts every day up to one that is not sealed, as the schedule does every night. If
// the night before has not ended, that is all.
func (m *month) archive(last int, again bool) client.WorkflowRun {
	m.T.Helper()
	request := workflows.DaysRequest{BotID: system.Bot, From: m.date(0), To: m.date(last), AtOnce: workflows.MaxDaysAtOnce, Again: again, DayPolicy: dayPolicy(settle)}
	run, err := m.Client.ExecuteWorkflow(m.Ctx, workflows.DaysStartOptions("month", request), workflows.ArchiveDaysWorkflowName, request)
	require.NoError(m.T, err)
	return run
}

// awaitSealed waits until each day up to one was started and is sealed.
func (m *month) awaitSealed(last int, again bool) {
	m.T.Helper()
	require.NoError(m.T, m.archive(last, again).Get(m.Ctx, nil)) // It may be that of a night before.
	require.NoError(m.T, m.archive(last, again).Get(m.Ctx, nil))
	for day := range last + 1 {
		m.dayResult(m.Client.GetWorkflow(m.Ctx, workflows.Day{BotID: system.Bot, Date: m.date(day)}.WorkflowID(), ""))
	}
}

// The file has its name so that this test, the longest, is one of the first that run.

// A month of a bot with late media, calls that come late into the lists, lists that lack, repeat and shift rows, a
// vendor who deletes after twenty days and a week without workers ends with every day sealed, and with a row for each
// call of the vendor's own books.
func TestMonthOfDaysIsComplete(t *testing.T) {
	t.Parallel()
	seed := *monthSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("the seed is %d: -month-seed %[1]d repeats it", seed)
	m := &month{
		daysHarness: newDaysHarness(t), random: rand.New(rand.NewPCG(seed, 1)),
		first:    time.Now().UTC().Truncate(24*time.Hour).AddDate(0, 0, -monthDays-1),
		expected: make(map[string]workflows.Outcome), late: make(map[int][]simulator.Session), lacking: make(map[simulator.CallKind][]string),
	}
	m.Env = m.Env.With("SMARTASSIST_RETENTION", fmt.Sprintf("%dd", retention))
	worker := m.StartWorker()
	m.dayResult(m.archiveDay(m.date(-1), time.Second)) // It has no calls, but starts the budgets of the lists.
	m.speedUpLists()
	for day := range monthDays {
		m.addDay(day)
		m.setFaults(day)
		m.archive(day, false)
		switch {
		case day == outageBegins:
			worker.Signal(syscall.SIGTERM) // What a kill loses has tests of its own, and takes minutes to be noticed.
			require.Zero(t, worker.ExitCode(m.Ctx))
		case day == outageEnds:
			m.StartWorker()
		case day < outageBegins && day%4 == 3:
			m.awaitSealed(day, false)
		}
	}
	m.awaitSealed(monthDays-1, false)
	for day := monthDays; day < monthDays+4; day++ {
		for _, session := range m.late[day] {
			m.add(session)
		}
	}
	m.awaitSealed(monthDays-1, true)
	m.requireComplete()
	code, output := m.verify(m.copyBucket())
	require.Zero(t, code, output)
}

// speedUpLists has the lists asked more often than once a second, so that the month is over
// in a minute.
func (m *month) speedUpLists() {
	m.T.Helper()
	for _, budget := range []string{system.Bot + ".sessions", m.Env["SMARTASSIST_CLIENT_ID"] + ".interactions"} {
		handle, err := m.Client.UpdateWorkflow(m.Ctx, client.UpdateWorkflowOptions{
			WorkflowID: workflows.CallBudgetWorkflowID(budget), UpdateName: workflows.UpdateSetLimits,
			Args: []any{json.RawMessage(`{"windows": ["6000/1m"], "reason": "a month in a minute"}`)}, WaitForStage: client.WorkflowUpdateStageCompleted,
		})
		require.NoError(m.T, err)
		require.NoError(m.T, handle.Get(m.Ctx, nil))
	}
}

// requireComplete compares the archive with the books.
func (m *month) requireComplete() {
	m.T.Helper()
	found := make(map[string]bool)
	for day := range monthDays {
		record, rows := m.latest(m.date(day))
		require.NotNil(m.T, record, "%s is sealed", m.date(day))
		for _, row := range rows {
			require.False(m.T, found[row.SessionID], "%s is there twice", row.SessionID)
			found[row.SessionID] = true
			require.Equal(m.T, m.expected[row.SessionID], row.Outcome, row.SessionID)
			m.requireListedBy(row)
			m.requireBytes(row)
		}
	}
	require.Len(m.T, found, len(m.expected), "each call of the books has a row")
}

func (m *month) requireListedBy(row dayrecord.Row) {
	for list, name := range map[simulator.CallKind]string{simulator.KindSessions: dayrecord.GetSessions, simulator.KindInteractions: dayrecord.InteractionDetails} {
		lacks := slices.Contains(m.lacking[list], row.SessionID)
		require.Equal(m.T, !lacks, slices.Contains(row.ListedBy, name), "%s of %s", row.SessionID, name)
	}
}

func (m *month) requireBytes(row dayrecord.Row) {
	digests, err := m.Upstream.SHA256(system.Bot, row.SessionID)
	require.NoError(m.T, err)
	if row.Outcome != workflows.OutcomeArchived {
		require.Empty(m.T, row.Files)
		return
	}
	require.Len(m.T, row.Files, len(digests))
	for i, file := range row.Files {
		require.Contains(m.T, digests[i], file.SHA256)
	}
}
