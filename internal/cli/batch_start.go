package cli

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/callvault/callvault/internal/account"
	"github.com/callvault/callvault/internal/archive"
	"github.com/callvault/callvault/internal/batchplan"
	"github.com/callvault/callvault/internal/program"
	"github.com/callvault/callvault/workflows"
)

// batchStart are the options of batch start.
type batchStart struct {
	file                      string
	wait, dryRun, skipInvalid bool
	output                    format
	request                   workflows.BatchRequest
}

func newBatchStart() *cobra.Command {
	var options batchStart
	command := &cobra.Command{
		Use:   "start --file FILE",
		Short: "Check a list of sessions and fetch their recordings",
		Long: fmt.Sprintf("Check a list of sessions and fetch their recordings as a batch.\n\n"+
			"The list is CSV with the header botId,sessionId,userId (userId may be missing) or one\n"+
			"JSON object a line with these keys, of 1 to %s rows. Every row is checked before\n"+
			"anything is started. If rows are wrong, all of them are reported with their line\n"+
			"numbers: the first %d here, all in a file in the folder for temporary files (TMPDIR),\n"+
			"and nothing is started; --skip-invalid goes on without them. Rows that repeat a session\n"+
			"are dropped. Sessions that have a manifest cost no call; batch retry is for those that\n"+
			"are not archived.\n\n"+
			"The account is found by the rows' bots in the worker's configuration (CALLVAULT_CONFIG\n"+
			"or the SMARTASSIST_ and S3_ variables), so run this command with the same; a batch has\n"+
			"the bots of one account. The checked list goes into its archive, under the batch's ID,\n"+
			"and never changes; that ID cannot be used again.\n\n"+
			"--dry-run starts and stores nothing, and says how many calls are needed, when the batch\n"+
			"will be done, and what the vendor will have deleted by then.\n\n"+
			"Exit code: 0 started or, with --wait, every session is archived, 1 not started or, with\n"+
			"--wait, one is not archived, 2 wrong usage, configuration or rows, or the ID is taken,\n"+
			"130 interrupted; the batch goes on.\n\n"+
			"The same with the temporal CLI, for a list that is in the archive's bucket:\n"+
			"  temporal workflow start --type %s --task-queue %s --workflow-id %s \\\n"+
			"    --input '{\"source\": {\"bucket\": \"recordings\", \"key\": \"lists/sessions.csv\"}}'",
			count(workflows.MaxBatchSessions), maxShownFaults, workflows.FetchRecordingsBatchWorkflowName, workflows.TaskQueue, workflows.BatchWorkflowID(exampleBatchID)),
		Example: "  " + exampleBatch("start --file sessions.csv --id "+exampleBatchID+" --dry-run") +
			"\n  " + exampleBatch("start --file sessions.csv --id "+exampleBatchID+" --max-failures 5% --wait") +
			"\n  export-sessions | " + exampleBatch("start --file - --skip-invalid --output json"),
		Args: program.NoArguments,
	}
	output := addOutputFlag(command)
	flags := command.Flags()
	flags.StringVar(&options.file, "file", "", "the list of sessions, - for standard input (required)")
	flags.StringVar(&options.request.BatchID, "id", "", "names the batch: up to 128 letters, digits, dots, underscores and hyphens (default the time and the file's name)")
	flags.BoolVar(&options.wait, "wait", false, "show the batch until it ends, and print the totals")
	flags.BoolVar(&options.dryRun, "dry-run", false, "say what the batch would cost and when it would be done, and start nothing")
	flags.BoolVar(&options.skipInvalid, "skip-invalid", false, "go on without the rows that are wrong")
	maxFailures := addFailureLimitFlag(command)
	priority := addPriorityFlag(command, fmt.Sprintf("of the fetches that wait for calls to the vendor (default %d)", workflows.BatchPriority))
	policy := addPolicyFlags(command)
	command.RunE = func(command *cobra.Command, _ []string) error {
		var errs [4]error
		options.output = *output
		options.request.MaxFailures, errs[0] = maxFailures()
		options.request.Priority, errs[1] = priority()
		if options.request.Policy, errs[2] = policy(); errs[2] == nil {
			errs[2] = options.request.Policy.Validate()
		}
		if options.request.BatchID == "" && !flags.Changed("id") {
			options.request.BatchID = defaultBatchID(time.Now(), options.file)
		}
		errs[3] = workflows.ValidateBatchID(options.request.BatchID)
		if options.file == "" {
			errs[3] = errors.New("no list is given: give --file FILE, or --file - for standard input")
		}
		if options.wait && options.dryRun {
			errs[3] = errors.Join(errs[3], errors.New("--wait and --dry-run exclude each other: leave one of them out"))
		}
		if err := errors.Join(errs[:]...); err != nil {
			return program.Usage(err)
		}
		return startBatch(command, options)
	}
	return command
}

func startBatch(command *cobra.Command, options batchStart) error {
	ctx, stderr, now := command.Context(), command.ErrOrStderr(), time.Now()
	served, err := configuredAccounts()
	if err != nil {
		return err
	}
	var kept *spool
	if !options.dryRun {
		if kept, err = newSpool(); err != nil {
			return err
		}
		defer kept.close()
	}
	list, err := checkList(ctx, command.InOrStdin(), options, served, now, kept, stderr)
	if err != nil {
		return err
	}
	if err := list.owner.Store.CheckCredentials(); err != nil {
		return program.Usage(err)
	}
	if options.dryRun {
		return dryRun(command, list, options, now)
	}
	return withBatches(command, func(b batches) error { return beginBatch(command, b, list, options) })
}

// checkList reads the list and reports its bad rows. Without --skip-invalid they are an
// error, but for a dry run, which returns it at its end.
func checkList(ctx context.Context, stdin io.Reader, options batchStart, served *account.Served, now time.Time, kept *spool, stderr io.Writer) (*checkedList, error) {
	r, err := openList(ctx, options.file, stdin)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	faults := &faultReport{stderr: stderr}
	list, err := readList(ctx, r, served, now, faults, kept)
	faults.close()
	switch {
	case ctx.Err() != nil:
		return nil, program.ErrInterrupted
	case err != nil:
		return nil, err
	case list.Sessions() == 0:
		return nil, program.Usage(errNothingGood)
	case list.Invalid > 0 && !options.skipInvalid && !options.dryRun:
		return nil, badRows(list)
	}
	if list.Invalid > 0 && options.skipInvalid {
		fmt.Fprintf(stderr, "Left out, as they are wrong: %s of %s rows.\n", count(list.Invalid), count(list.Rows))
	}
	if list.Duplicates > 0 {
		fmt.Fprintf(stderr, "Dropped, as they repeat a session: %s of %s rows.\n", count(list.Duplicates), count(list.Rows))
	}
	return list, nil
}

func badRows(list *checkedList) error {
	return program.Usage(fmt.Errorf("%s of %s rows are wrong: nothing is started: correct them, or give --skip-invalid to go on without them", count(list.Invalid), count(list.Rows)))
}

// beginBatch stores the list and starts the workflow.
func beginBatch(command *cobra.Command, b batches, list *checkedList, options batchStart) error {
	ctx, stdout, stderr := command.Context(), command.OutOrStdout(), command.ErrOrStderr()
	request, store := options.request, list.owner.Store
	if err := b.refuseTaken(ctx, store, request.BatchID); err != nil {
		return interruptedOr(ctx, storeFailure(err))
	}
	request.Source = &workflows.ObjectRef{Bucket: store.Bucket(), Key: store.BatchKey(request.BatchID, archive.BatchListNDJSON)}
	if err := storeList(ctx, store, request, list.spool, stderr); err != nil {
		return interruptedOr(ctx, storeFailure(err))
	}
	b.warnUnserved(ctx, list.owner.Name, stderr)
	run, err := b.start(ctx, request)
	switch {
	case isAlreadyStarted(err):
		return taken(request.BatchID)
	case err != nil:
		fmt.Fprintf(stderr, "The list is stored as s3://%s/%s. To go on with it, give the same file and --id %s again.\n", request.Source.Bucket, request.Source.Key, request.BatchID)
		return interruptedOr(ctx, fmt.Errorf("start batch %s: %w", request.BatchID, err))
	}
	begun := startedBatch{
		BatchID: request.BatchID, WorkflowID: run.WorkflowID(), RunID: run.RunID(), Namespace: b.namespace, Source: request.Source,
		Sessions: list.Sessions(), Duplicates: list.Duplicates, Invalid: list.Invalid,
	}
	if !options.wait {
		return printStartedBatch(stdout, options.output, begun)
	}
	_, _ = io.WriteString(stderr, startedText(begun)) // The result follows.
	return b.watch(ctx, request.BatchID, options.output, stdout, stderr)
}

// refuseTaken returns an error if there is or was a batch of that ID, as far as Temporal or
// the archive knows.
func (b batches) refuseTaken(ctx context.Context, store *archive.Store, batchID string) error {
	_, err := b.state(ctx, batchID)
	if err == nil {
		return taken(batchID)
	}
	if !errors.Is(err, errNotKnown) {
		return err
	}
	_, err = batchplan.ReadRecord(ctx, store, batchID)
	if err == nil {
		return taken(batchID)
	}
	if !errors.Is(err, archive.ErrMissing) {
		return err
	}
	return nil
}

func taken(batchID string) error {
	return program.Usage(fmt.Errorf("there is a batch %s already: to see it: %s; to fetch again what it has not archived: %s; for another list give another --id",
		batchID, exampleBatch("status "+batchID), exampleBatch("retry "+batchID)))
}

// storeList streams the checked list into the archive. A list that is there without a batch
// is that of a start that was interrupted: the same one is used.
func storeList(ctx context.Context, store *archive.Store, request workflows.BatchRequest, kept *spool, stderr io.Writer) error {
	body, length, err := kept.reader()
	if err != nil {
		return err
	}
	err = store.CreateFile(ctx, request.Source.Key, "application/x-ndjson", body, length)
	if !errors.Is(err, archive.ErrExists) {
		return err
	}
	same, err := isStored(ctx, store, request.Source.Key, kept)
	switch {
	case err != nil:
		return err
	case !same:
		return program.Usage(fmt.Errorf("s3://%s/%s is another list, stored by a start of batch %s that was interrupted: give that file, or another --id, or remove the object",
			request.Source.Bucket, request.Source.Key, request.BatchID))
	}
	fmt.Fprintln(stderr, "The list is in the archive already, from a start that was interrupted: going on with it.")
	return nil
}

// isStored reports whether the object key has the bytes of the list.
func isStored(ctx context.Context, store *archive.Store, key string, kept *spool) (bool, error) {
	object, length, err := store.OpenFile(ctx, key)
	if err != nil {
		return false, err
	}
	defer object.Close()
	body, size, err := kept.reader()
	if err != nil || length != size {
		return false, err
	}
	var sums [2][]byte
	for i, r := range []io.Reader{object, body} {
		sum := sha256.New()
		if _, err := io.Copy(sum, r); err != nil {
			return false, fmt.Errorf("compare the list with s3://%s/%s: %w", store.Bucket(), key, err)
		}
		sums[i] = sum.Sum(nil)
	}
	return bytes.Equal(sums[0], sums[1]), nil
}
