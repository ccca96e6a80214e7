package demo

import (
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"os"
	"text/tabwriter"
	"time"

	"go.temporal.io/sdk/client"

	"github.com/callvault/callvault/dev/internal/stack"
	"github.com/callvault/callvault/internal/batchreport"
	"github.com/callvault/callvault/internal/simulator"
	"github.com/callvault/callvault/workflows"
	"github.com/callvault/callvault/workflows/batch"
)

// batchSessions is how many new sessions the batch of the demonstration has.
const batchSessions = 6

// showBatch fetches new sessions and those of before by a batch, prints where they are, and
// checks that the batch's table and its report agree.
func showBatch(ctx context.Context, s *stack.Stack, c client.Client, out io.Writer, before []simulator.Entry) error {
	sessions, err := addBatchSessions(s)
	if err != nil {
		return err
	}
	for _, entry := range before {
		sessions = append(sessions, workflows.BatchSession{Session: workflows.Session{BotID: entry.Session.BotID, SessionID: entry.Session.SessionID}})
	}
	id := "demo-" + time.Now().UTC().Format("20060102-150405")
	fmt.Fprintf(out, "\nA backfill: batch %s of %d sessions, of which %d were fetched above.\n", id, len(sessions), len(before))
	run, err := workflows.StartBatch(ctx, c, workflows.BatchRequest{BatchID: id, Sessions: sessions, Policy: stack.Policy()})
	if err != nil {
		return fmt.Errorf("start the batch: %w", err)
	}
	result, err := run.Result(ctx)
	if err != nil {
		return fmt.Errorf("the batch: %w", err)
	}
	progress, err := run.Progress(ctx)
	if err != nil {
		return fmt.Errorf("the batch's table: %w", err)
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	for _, row := range batch.Rows(progress.BatchCounts) {
		fmt.Fprintf(table, "  %s\t%d\t\n", row.Name, row.Sessions)
	}
	_ = table.Flush() // An error would come from out, which the caller sees.
	report := s.Store.Path(result.Report.Bucket, result.Report.Key)
	fmt.Fprintf(out, "Its report, one row for each session (%s):\n  %s\n", batchreport.OutcomesText(result.Total), report)
	return judgeBatch(report, result, progress)
}

// addBatchSessions adds sessions that are the same in every run.
func addBatchSessions(s *stack.Stack) ([]workflows.BatchSession, error) {
	bot := s.Upstream.Config().BotIDs[0]
	var sessions []workflows.BatchSession
	for i := range batchSessions {
		id := simulator.NewSessionID(stack.DemoTime.AddDate(0, 0, -1-i), 0x3242653c58d80000+uint64(i))
		var script []simulator.Step
		if i%3 == 2 {
			script = []simulator.Step{{Status: simulator.StatusMediaInProgress, Calls: 1}, {Status: simulator.StatusSuccess}}
		}
		err := s.Upstream.AddSession(simulator.Session{BotID: bot, SessionID: id, Script: script, Files: []simulator.File{{Duration: 3 * time.Second}}})
		if err != nil {
			return nil, err
		}
		sessions = append(sessions, workflows.BatchSession{Session: workflows.Session{BotID: bot, SessionID: id}})
	}
	return sessions, nil
}

// judgeBatch compares the report with what the batch counted.
func judgeBatch(path string, result *workflows.BatchResult, progress workflows.BatchProgress) error {
	file, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("the batch's report: %w", err)
	}
	defer file.Close()
	lines, err := csv.NewReader(file).ReadAll()
	if err != nil {
		return fmt.Errorf("the batch's report: %w", err)
	}
	outcomes := make(map[workflows.Outcome]int)
	for _, line := range lines[1:max(1, len(lines)-1)] {
		outcomes[workflows.Outcome(line[3])]++
	}
	for _, outcome := range workflows.Outcomes() {
		if outcomes[outcome] != result.Total.Outcomes[outcome] {
			return fmt.Errorf("the batch's report has %d sessions that are %s, and its result %d", outcomes[outcome], outcome, result.Total.Outcomes[outcome])
		}
	}
	if sessions := progress.Ended() + progress.Found; sessions != len(lines)-2 || result.Total.NoOutcome > 0 {
		return fmt.Errorf("the batch's report has %d rows, and its table %d sessions", len(lines)-2, sessions)
	}
	return nil
}
