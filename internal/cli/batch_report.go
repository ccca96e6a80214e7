package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/callvault/callvault/internal/account"
	"github.com/callvault/callvault/internal/archive"
	"github.com/callvault/callvault/internal/batchplan"
	"github.com/callvault/callvault/internal/batchreport"
	"github.com/callvault/callvault/internal/program"
	"github.com/callvault/callvault/workflows"
)

func newBatchReport() *cobra.Command {
	output := reportCSV
	command := &cobra.Command{
		Use:   "report ID",
		Short: "Say of every session of a batch what became of it",
		Long: "Say of every session of a batch what became of it: outcome, reason, files with their\n" +
			"SHA-256, calls. It is made now, from the manifests in the archive, so it is whole even\n" +
			"if Temporal has forgotten the fetches or the batch was terminated. If Temporal can be\n" +
			"reached, the reason of a session without a manifest is what its fetch does; otherwise\n" +
			"it is \"" + noManifest + "\".\n\n" +
			"The accounts are those of the worker's configuration. The last line of the CSV counts\n" +
			"the others. The report that a batch writes at its end is in the archive beside its list.\n\n" +
			"Exit code: 0 every session is archived, 1 one is not, or the report cannot be made,\n" +
			"2 wrong usage or configuration, 130 interrupted.",
		Example: "  " + exampleBatch("report "+exampleBatchID+" > report.csv") + "\n  " + exampleBatch("report "+exampleBatchID+" --output json --file report.json"),
		Args:    oneBatch,
	}
	command.Flags().Var(&output, "output", "form of the report")
	file := command.Flags().String("file", "", "file that gets the report, which it replaces (default stdout)")
	command.RunE = func(command *cobra.Command, args []string) error {
		served, err := configuredAccounts()
		if err != nil {
			return err
		}
		ctx := command.Context()
		record, owner, err := recordOf(ctx, served, args[0])
		if err != nil {
			return interruptedOr(ctx, storeFailure(err))
		}
		explain, done := explainMissing(command)
		defer done()
		report := func(w io.Writer) (workflows.ReportTotal, error) {
			return writeReport(ctx, owner, record, explain, output, w)
		}
		var total workflows.ReportTotal
		if *file == "" {
			total, err = report(command.OutOrStdout())
		} else {
			total, err = intoFile(*file, report)
		}
		if err != nil {
			return interruptedOr(ctx, storeFailure(err))
		}
		if !isAllArchived(total) {
			fmt.Fprintf(command.ErrOrStderr(), "batch %s: not every session is archived: %s\n", args[0], batchreport.OutcomesText(total))
			return program.ErrReported
		}
		return nil
	}
	return command
}

// noManifest is the reason of a session without one if Temporal cannot be asked.
const noManifest = "no manifest"

// reportFormat is the form of a report.
type reportFormat string

const (
	reportCSV  reportFormat = "csv"
	reportJSON reportFormat = "json"
)

// String, Set and Type implement pflag.Value.
func (f *reportFormat) String() string { return string(*f) }

func (f *reportFormat) Set(value string) error {
	if reportFormat(value) != reportCSV && reportFormat(value) != reportJSON {
		return errors.New("want csv or json")
	}
	*f = reportFormat(value)
	return nil
}

func (f *reportFormat) Type() string { return "csv|json" }

// explainMissing returns how missing manifests are explained. The caller calls done at the
// end.
func explainMissing(command *cobra.Command) (explain batchreport.Explain, done func()) {
	c, _, err := connect(command.Context(), command.ErrOrStderr())
	if err != nil {
		fmt.Fprintf(command.ErrOrStderr(), "The report does not say what the fetches of sessions without a manifest do: %v\n", err)
		return func(context.Context, workflows.Session, int, int64) (batchreport.Unfinished, error) {
			return batchreport.Unfinished{Reason: noManifest}, nil
		}, func() {}
	}
	byWorkflow := batchreport.ByWorkflow(c, nil)
	return func(ctx context.Context, session workflows.Session, bot int, at int64) (batchreport.Unfinished, error) {
		bounded, cancel := context.WithTimeout(ctx, batchRequestTimeout)
		defer cancel()
		unfinished, err := byWorkflow(bounded, session, bot, at)
		if err != nil && ctx.Err() == nil {
			return batchreport.Unfinished{Reason: noManifest + ", and its fetch cannot be looked up"}, nil
		}
		return unfinished, err
	}, c.Close
}

// writeReport streams the report to w.
func writeReport(ctx context.Context, owner *account.Account, record *batchplan.Record, explain batchreport.Explain, output reportFormat, w io.Writer) (workflows.ReportTotal, error) {
	buffered := bufio.NewWriterSize(w, 64<<10)
	rows, total, err := reportWriter(buffered, output, record.Request.BatchID)
	if err != nil {
		return workflows.ReportTotal{}, err
	}
	err = batchreport.Walk(ctx, owner.Store, record.Plan, explain, func(row batchreport.Row, _ *batchreport.Unfinished) error { return rows.Write(row) })
	if err == nil {
		err = rows.Close()
	}
	return *total, errors.Join(err, buffered.Flush())
}

// rowWriter is a form of a report.
type rowWriter interface {
	Write(batchreport.Row) error
	Close() error
}

// reportWriter returns the writer of a form, and where it counts.
func reportWriter(w io.Writer, output reportFormat, batchID string) (rowWriter, *workflows.ReportTotal, error) {
	if output == reportJSON {
		rows, err := batchreport.NewJSON(w, batchID)
		return rows, &rows.Total, err
	}
	rows, err := batchreport.NewCSV(w)
	return rows, &rows.Total, err
}

// intoFile writes a report into a file that appears once it is whole.
func intoFile(name string, report func(io.Writer) (workflows.ReportTotal, error)) (workflows.ReportTotal, error) {
	partial, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+"-*")
	if err != nil {
		return workflows.ReportTotal{}, program.Usage(fmt.Errorf("--file: %w", err))
	}
	defer func() { _ = os.Remove(partial.Name()) }() // It is gone once it was renamed.
	total, err := report(partial)
	if err = errors.Join(err, partial.Close()); err != nil {
		return total, err
	}
	if err := os.Rename(partial.Name(), name); err != nil {
		return total, program.Usage(fmt.Errorf("--file: %w", err))
	}
	return total, nil
}

// storeFailure returns what the store refuses until somebody corrects the configuration as a
// mistake in it.
func storeFailure(err error) error {
	if errors.Is(err, archive.ErrBlocked) {
		return program.Usage(err)
	}
	return err
}

// interruptedOr returns err, unless the user stopped the program.
func interruptedOr(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return program.ErrInterrupted
	}
	return err
}
