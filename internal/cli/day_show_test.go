package cli_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"

	"github.com/callvault/callvault/internal/archive/s3test"
	"github.com/callvault/callvault/internal/dayindex/daytest"
	"github.com/callvault/callvault/internal/dayrecord"
	"github.com/callvault/callvault/internal/program"
	"github.com/callvault/callvault/workflows"
)

const (
	archived    = workflows.OutcomeArchived
	unavailable = workflows.OutcomeUnavailable
	failed      = workflows.OutcomeFailed
)

// printedDay is a day as show prints it.
type printedDay struct {
	BotID, Date, WorkflowID string
	Sealed                  bool
	Record                  *dayrecord.Record
	Object                  *workflows.ObjectRef
	SHA256                  string
	LogIndex                *int64
	Progress                *workflows.DayProgress
	Problem                 string
}

const workflowOfDay = "day/" + bot + "/2026-11-20"

func TestSealedDayIsShownFromItsLatestRecord(t *testing.T) {
	e := newBatchEnvironment(t)
	e.seal(dayOf("2026-11-20"), 1, archived)
	record, objects := daytest.Seal(t, "", dayOf("2026-11-20"), 2, daytest.Rows(t, dayOf("2026-11-20"), archived, archived, unavailable))
	record.Counts.OnlyGetSessions, record.Counts.Unlisted = 1, 1
	record.Disagreement = &dayrecord.Disagreement{OnlyGetSessions: []string{"65e7133a3242653c58d7aaaa"}, Unlisted: []string{"65e7133a3242653c58d7bbbb"}}
	record.Listings = append(record.Listings,
		dayrecord.Listing{List: dayrecord.InteractionDetails, At: callTime, Unavailable: "the scope \x1b[2Jis missing"},
		dayrecord.Listing{List: dayrecord.GetSessions, At: callTime, Sessions: 3, Calls: 2, Incomplete: []string{"total says 4"}})
	objects["days/"+bot+"/2026/11/20/r2.json"] = daytest.Encode(t, record)
	e.set(objects)
	e.log(dayOf("2026-11-20"), 2, objects)
	listen(t, new(dayServer)) // It has forgotten the workflow.

	got := run(t.Context(), "day", "show", "2026-11-20", "--bot", bot)
	require.Equal(t, program.ExitDone, got.code, got.stderr)
	require.Empty(t, got.stderr)
	require.Contains(t, got.stdout, "day 2026-11-20 of "+bot+": sealed, revision 2 of 2026-11-23 02:00 UTC\n")
	require.Contains(t, got.stdout, "  3 sessions: archived 2, unavailable 1\n  2 files, 20 B\n")
	require.Contains(t, got.stdout, "  the lists disagree on 2 sessions\n    only in getSessions: 1: 65e7133a3242653c58d7aaaa\n    in neither: 1: 65e7133a3242653c58d7bbbb\n")
	require.Contains(t, got.stdout, "  listed 2026-03-05 12:42 UTC by interactionDetails: unavailable: the scope  [2Jis missing\n")
	require.Contains(t, got.stdout, "by getSessions: 3 sessions in 2 calls\n    incomplete: total says 4\n")
	require.Contains(t, got.stdout, "  record s3://recordings/days/"+bot+"/2026/11/20/r2.json\n         sha256 ")

	days := decoded[[]printedDay](t, run(t.Context(), "day", "show", "2026-11-20", "--bot", bot, "--output", "json"))
	require.Len(t, days, 1)
	require.True(t, days[0].Sealed)
	require.Equal(t, 2, days[0].Record.Revision)
	require.Equal(t, "days/"+bot+"/2026/11/20/r2.json", days[0].Object.Key)
	require.Len(t, days[0].SHA256, 64)
	require.EqualValues(t, loggedAt, *days[0].LogIndex)
	require.Nil(t, days[0].Progress)
}

// One list alone says nothing about what it lacks.
func TestListThatWasNeverReadIsNoAgreement(t *testing.T) {
	e := newBatchEnvironment(t)
	record, objects := daytest.Seal(t, "", dayOf("2026-11-20"), 1, daytest.Rows(t, dayOf("2026-11-20"), archived))
	record.Listings[1].Unavailable = "the scope is missing"
	objects["days/"+bot+"/2026/11/20/r1.json"] = daytest.Encode(t, record)
	e.set(objects)
	e.log(dayOf("2026-11-20"), 1, objects)
	listen(t, new(dayServer))
	got := run(t.Context(), "day", "show", "2026-11-20", "--bot", bot)
	require.Equal(t, program.ExitDone, got.code, got.stderr)
	require.Contains(t, got.stdout, "  the lists cannot be compared: interactionDetails could not be read\n")
	require.NotContains(t, got.stdout, "agree")
	got = run(t.Context(), "day", "list", "--bot", bot, "--from", "2026-11-20", "--to", "2026-11-20")
	require.Equal(t, "2026-11-20  "+bot+"  sealed r1  1 sessions: archived 1; could not be read: interactionDetails\n", got.stdout)

	e.seal(dayOf("2026-11-21"), 1, archived)
	require.Contains(t, run(t.Context(), "day", "show", "2026-11-21", "--bot", bot).stdout, "  the lists agree\n")
}

func TestDayThatIsNotSealedSaysWhatItWaitsFor(t *testing.T) {
	newBatchEnvironment(t)
	next := callTime.Add(48 * time.Hour)
	server := &dayServer{progress: map[string]workflows.DayProgress{"2026-11-20": {
		Day: dayOf("2026-11-20"), Phase: workflows.DaySettling, Since: callTime, NextListing: next, Listings: 2, Sessions: 1200, Open: 3, BatchID: "day-1",
		Remarks: []string{"interactionDetails was unavailable"},
	}}}
	server.set(workflowOfDay, statusRunning)
	listen(t, server)
	got := run(t.Context(), "day", "show", "2026-11-20", "--bot", bot)
	require.Equal(t, program.ExitFailed, got.code, got.stderr)
	require.Empty(t, got.stderr, "the text says it")
	require.Equal(t, "day 2026-11-20 of "+bot+": not sealed yet\n"+
		"  now settling since 2026-03-05 12:42 UTC; the lists are read again at 2026-03-07 12:42 UTC\n"+
		"  1,200 sessions known after 2 listings, 3 of them in a call\n"+
		"  to see its fetches: "+program.Command("starter")+" batch status day-1\n"+
		"  interactionDetails was unavailable\n", got.stdout)

	days := decoded[[]printedDay](t, run(t.Context(), "day", "show", "2026-11-20", "--bot", bot, "--output", "json"))
	require.Equal(t, workflows.DaySettling, days[0].Progress.Phase)
	require.False(t, days[0].Sealed)
}

// The record is written before its entry in the log: until then the day is not sealed. A note tells that it is there,
// and may be removed once it is a month old.
func TestSealedIsWhatIsInTheLogAsFarAsNoteAndWorkflowTell(t *testing.T) {
	recent, old := dayOf(time.Now().UTC().AddDate(0, 0, -5).Format(time.DateOnly)), dayOf("2026-03-05")
	sealed := &workflows.SealedDay{Revision: 1, LogIndex: new(int64(loggedAt))}
	for name, c := range map[string]struct {
		day      workflows.Day
		noted    bool
		progress *workflows.DayProgress
		sealed   bool
		logged   bool
	}{
		"the entry is being written":           {recent, false, &workflows.DayProgress{Phase: workflows.DaySealing}, false, false},
		"the entry cannot be written":          {recent, false, &workflows.DayProgress{Phase: workflows.DayBlocked, Reason: "the key is missing"}, false, false},
		"the workflow knows the entry":         {recent, false, &workflows.DayProgress{Phase: workflows.DayListing, Sealed: sealed}, true, true},
		"the workflow knows of an earlier one": {recent, false, &workflows.DayProgress{Phase: workflows.DaySealing, Sealed: &workflows.SealedDay{}}, false, false},
		"a new run lists it again":             {recent, true, &workflows.DayProgress{Phase: workflows.DayListing}, true, true},
		"a new run is blocked":                 {recent, true, &workflows.DayProgress{Phase: workflows.DayBlocked}, true, true},
		"no workflow, and a note":              {recent, true, nil, true, true},
		"no workflow, and no note":             {recent, false, nil, false, false},
		"no workflow, and the note removed":    {old, false, nil, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			e := newBatchEnvironment(t)
			e.seal(c.day, 1, archived)
			if !c.noted {
				e.s3.Remove(bucket, e.note(c.day, 1))
			}
			server := new(dayServer)
			if c.progress != nil {
				server.progress = map[string]workflows.DayProgress{c.day.Date: *c.progress}
				server.set(c.day.WorkflowID(), statusRunning)
			}
			listen(t, server)
			got := run(t.Context(), "day", "show", c.day.Date, "--bot", bot, "--output", "json")
			days := decoded[[]printedDay](t, got)
			require.Equal(t, c.sealed, days[0].Sealed)
			require.Equal(t, c.sealed, got.code == program.ExitDone)
			require.Equal(t, c.logged, days[0].LogIndex != nil)
		})
	}
}

// As if the day's workflow was terminated after it had written the record.
func TestRecordThatIsNotInTheLogNamesTheWayOut(t *testing.T) {
	e := newBatchEnvironment(t)
	day := dayOf(time.Now().UTC().AddDate(0, 0, -5).Format(time.DateOnly))
	e.seal(day, 1, archived)
	e.set(map[string][]byte{e.note(day, 1): []byte(`{"sha256": "another record's", "index": 3}`)})
	listen(t, new(dayServer))
	got := run(t.Context(), "day", "show", day.Date, "--bot", bot)
	require.Equal(t, program.ExitFailed, got.code)
	require.Contains(t, got.stdout, "day "+day.Date+" of "+bot+": not sealed: revision 1 is written, and not in the log: to go on: "+
		program.Command("starter")+" day backfill --bot "+bot+" --from "+day.Date+" --to "+day.Date+"\n  1 sessions: archived 1\n")
	got = run(t.Context(), "day", "list", "--bot", bot, "--from", day.Date, "--to", day.Date)
	require.Equal(t, program.ExitDone, got.code)
	require.Equal(t, day.Date+"  "+bot+"  not sealed: revision 1 is written, and not in the log\n", got.stdout)
}

func TestAllBotsOfTheConfigurationAreShown(t *testing.T) {
	e := newBatchEnvironment(t)
	e.seal(dayOf("2026-11-20"), 1, archived)
	listen(t, new(dayServer))
	got := run(t.Context(), "day", "show", "2026-11-20")
	require.Equal(t, program.ExitFailed, got.code, "one is not sealed")
	require.Contains(t, got.stdout, "day 2026-11-20 of "+bot+": sealed, revision 1")
	require.Contains(t, got.stdout, "day 2026-11-20 of st-2: not sealed, and no workflow archives it: to start one: "+
		program.Command("starter")+" day backfill --bot st-2 --from 2026-11-20 --to 2026-11-20\n")

	got = run(t.Context(), "day", "show", "2026-11-20", "--bot", "st-3")
	require.Equal(t, program.ExitUsage, got.code)
	require.Contains(t, got.stderr, "bot st-3 is in no account of the configuration")
}

func TestDayIsShownWithoutTemporalOrAWorker(t *testing.T) {
	e := newBatchEnvironment(t)
	e.seal(dayOf("2026-11-20"), 1, archived)
	noTemporal(t)
	got := run(t.Context(), "day", "show", "2026-11-20", "--bot", bot)
	require.Equal(t, program.ExitDone, got.code, got.stderr)
	require.Contains(t, got.stderr, "This is what the archive says, as Temporal does not respond: ")
	require.Contains(t, got.stdout, "sealed, revision 1")

	server := &dayServer{queryErr: serviceerror.NewFailedPrecondition("no poller")}
	server.set(workflowOfDay, statusRunning)
	listen(t, server)
	got = run(t.Context(), "day", "show", "2026-11-20", "--bot", bot)
	require.Equal(t, program.ExitDone, got.code)
	require.Contains(t, got.stdout, "no worker responds: start one with")
	server.set(workflowOfDay, statusCompleted)
	require.NotContains(t, run(t.Context(), "day", "show", "2026-11-20", "--bot", bot).stdout, "no worker responds", "nothing is missing")
}

func TestDayWhoseWorkflowWasEndedSaysHowToGoOn(t *testing.T) {
	newBatchEnvironment(t)
	server := &dayServer{progress: map[string]workflows.DayProgress{"2026-11-20": {Phase: workflows.DayFetching}}}
	server.set(workflowOfDay, enumspb.WORKFLOW_EXECUTION_STATUS_TERMINATED)
	listen(t, server)
	got := run(t.Context(), "day", "show", "2026-11-20", "--bot", bot)
	require.Equal(t, program.ExitFailed, got.code)
	require.Contains(t, got.stdout, "  its workflow was terminated: to go on: "+program.Command("starter")+" day backfill --bot "+bot+" --from 2026-11-20 --to 2026-11-20\n")
}

func TestDamagedRecordIsNotSealed(t *testing.T) {
	e := newBatchEnvironment(t)
	e.s3.Set(bucket, "days/"+bot+"/2026/11/20/r1.json", s3test.Object{Body: []byte("{}")})
	listen(t, new(dayServer))
	got := run(t.Context(), "day", "show", "2026-11-20", "--bot", bot)
	require.Equal(t, program.ExitFailed, got.code)
	require.Contains(t, got.stdout, "not sealed\n  record days/"+bot+"/2026/11/20/r1.json is that of another day or revision: it is damaged, or was changed; the command verify")
}

func TestDaysAreListedFromTheArchiveAlone(t *testing.T) {
	e := newBatchEnvironment(t)
	e.seal(dayOf("2026-11-18"), 1, archived, archived)
	record, objects := daytest.Seal(t, "", dayOf("2026-11-19"), 3, daytest.Rows(t, dayOf("2026-11-19"), archived, failed))
	record.Counts.OnlyInteractionDetails = 1
	objects["days/"+bot+"/2026/11/19/r3.json"] = daytest.Encode(t, record)
	e.set(objects)
	e.log(dayOf("2026-11-19"), 3, objects)
	e.s3.Set(bucket, "days/"+bot+"/2026/11/21/r1.json", s3test.Object{Body: []byte("{}")})
	noTemporal(t)

	got := run(t.Context(), "day", "list", "--bot", bot, "--from", "2026-11-18", "--to", "2026-11-21")
	require.Equal(t, program.ExitDone, got.code, got.stderr)
	require.Empty(t, got.stderr)
	require.Equal(t, "2026-11-18  "+bot+"  sealed r1  2 sessions: archived 2\n"+
		"2026-11-19  "+bot+"  sealed r3  2 sessions: archived 1, failed 1; the lists disagree on 1\n"+
		"2026-11-20  "+bot+"  not sealed\n"+
		"2026-11-21  "+bot+"  record days/"+bot+"/2026/11/21/r1.json is that of another day or revision: it is damaged, or was changed; the command verify finds out more\n", got.stdout)

	type listed struct {
		BotID, Date, Problem            string
		Sealed                          bool
		Revision, Sessions, Disagreeing int
		Outcomes                        map[string]int
	}
	all := decoded[[]listed](t, run(t.Context(), "day", "list", "--from", "2026-11-18", "--to", "2026-11-21", "--output", "json"))
	require.Len(t, all, 8, "four days of both bots")
	require.Equal(t, listed{BotID: bot, Date: "2026-11-19", Sealed: true, Revision: 3, Sessions: 2, Disagreeing: 1, Outcomes: map[string]int{"archived": 1, "failed": 1}}, all[1])
	require.Equal(t, listed{BotID: "st-2", Date: "2026-11-18"}, all[4])
}

func TestDaysOfTheLastMonthAreListedByDefault(t *testing.T) {
	newBatchEnvironment(t)
	noTemporal(t)
	days := decoded[[]printedDay](t, run(t.Context(), "day", "list", "--bot", bot, "--output", "json"))
	require.Len(t, days, 30)
	last, err := workflows.Day{Date: days[29].Date}.Begin()
	require.NoError(t, err)
	require.InDelta(t, 24*time.Hour, time.Since(last), float64(25*time.Hour), "yesterday")
}
