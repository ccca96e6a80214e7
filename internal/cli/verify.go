package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"golang.org/x/mod/sumdb/note"

	"github.com/callvault/callvault/internal/account"
	"github.com/callvault/callvault/internal/program"
	"github.com/callvault/callvault/internal/verify"
)

// verification is what the flags of verify say.
type verification struct {
	copied, prefix, account   string
	key, kept                 string
	botID, date, sessionID    string
	recordsOnly               bool
	changedPrefix, hasAccount bool
}

func newVerify() *cobra.Command {
	var v verification
	command := &cobra.Command{
		Use:   "verify [--copy DIR] --key FILE|KEY [--checkpoint FILE]",
		Short: "Verify sealed days: the log, the records, every byte of every file",
		Long: "Verify that the archive is what the log of sealed days says: its checkpoint is signed by\n" +
			"the key, it extends the checkpoint that was kept, every record, row and manifest of the\n" +
			"sealed days, and every byte of every file, is the one that was sealed. It reads the archive\n" +
			"of the worker's configuration (CALLVAULT_CONFIG or the SMARTASSIST_ and S3_ variables), or\n" +
			"with --copy a copy of the bucket in a folder, and needs no other server. What is checked,\n" +
			"and what is not proved, is specified in docs/verification.md, which has a second verifier\n" +
			"beside it, in Python.\n\n" +
			"KEY is the public key of the log, as log keygen has printed it; get it from the operator\n" +
			"by another way than the archive. Without --key that of the configuration is taken.\n\n" +
			"--checkpoint names a file outside of the archive. If it is there, the log has to extend the\n" +
			"checkpoint in it. If all that was asked for holds, the log's checkpoint is written to it,\n" +
			"unless it has fewer entries. Without one, a log that was written anew by whoever has the\n" +
			"private key cannot be told from the first one.\n\n" +
			"A day or a session alone is verified quickly, as no other day is read. Exit code: 0 all\n" +
			"that was checked holds, 1 something does not, or could not be read, 2 wrong usage or\n" +
			"configuration, 130 interrupted. As text at most 50 things that do not hold are printed,\n" +
			"as JSON 10,000; all are counted.",
		Example: "  " + exampleVerify("--copy /mnt/recordings --key log.key.pub --checkpoint ~/recordings.checkpoint") +
			"\n  " + exampleVerify("--copy /mnt/recordings --key log.key.pub --session 65e7133a3242653c58d7aaaa") +
			"\n  " + exampleVerify("--day 2026-11-20 --records-only --output json"),
		Args: program.NoArguments,
	}
	output := addOutputFlag(command)
	flags := command.Flags()
	flags.StringVar(&v.copied, "copy", "", "folder with a copy of the bucket, that is read in place of the archive")
	flags.StringVar(&v.prefix, "prefix", "", "what every key of the copy begins with (default nothing)")
	flags.StringVar(&v.account, "account", "", "the account whose archive is verified, if the configuration has several")
	flags.StringVar(&v.key, "key", "", "public key of the log, or a file that has it (default that of the configuration)")
	flags.StringVar(&v.kept, "checkpoint", "", "file with the checkpoint that you keep, outside of the archive")
	flags.StringVar(&v.botID, "bot", "", "only the days of this bot, st-…")
	flags.StringVar(&v.date, "day", "", "only this day, in UTC, such as 2026-11-20")
	flags.StringVar(&v.sessionID, "session", "", "only this session; it tells its day itself")
	flags.BoolVar(&v.recordsOnly, "records-only", false, "do not read the files themselves: compare only that they are there, and their length")
	command.RunE = func(command *cobra.Command, _ []string) error {
		v.changedPrefix, v.hasAccount = flags.Changed("prefix"), flags.Changed("account")
		result, err := v.run(command.Context())
		if err != nil {
			return err
		}
		if err := printVerified(command.OutOrStdout(), *output, result, v.kept); err != nil {
			return err
		}
		if !result.OK {
			return fmt.Errorf("%w: %d things do not hold", program.ErrReported, result.FailureCount)
		}
		return keepCheckpoint(v.kept, result)
	}
	return command
}

func exampleVerify(rest string) string { return program.Command("starter") + " verify " + rest }

func (v *verification) run(ctx context.Context) (*verify.Result, error) {
	source, configured, done, err := v.open()
	if err != nil {
		return nil, err
	}
	defer done()
	options := verify.Options{Prefix: v.prefix, BotID: v.botID, Date: v.date, SessionID: v.sessionID, RecordsOnly: v.recordsOnly}
	var keyErr, keptErr error
	options.Key, keyErr = v.publicKey(configured)
	options.Kept, keptErr = readKept(v.kept, v.copied)
	if err := errors.Join(keyErr, keptErr); err != nil {
		return nil, program.Usage(err)
	}
	result, err := verify.Run(ctx, source, options)
	var invalid *verify.InvalidError
	switch {
	case errors.As(err, &invalid):
		return nil, program.Usage(err)
	case err != nil:
		return nil, interruptedOr(ctx, storeFailure(err))
	}
	return result, nil
}

// open returns what is verified, with its account unless it is a copy.
func (v *verification) open() (source verify.Source, configured *account.Account, done func(), err error) {
	if v.copied != "" {
		if v.hasAccount {
			return nil, nil, nil, program.Usage(errors.New("--account is of the configuration: leave it out, or --copy"))
		}
		folder, err := verify.OpenFolder(v.copied)
		if err != nil {
			return nil, nil, nil, program.Usage(fmt.Errorf("--copy: %w: name the folder with the copy of the bucket", err))
		}
		return folder, nil, func() { folder.Close() }, nil
	}
	if v.changedPrefix {
		return nil, nil, nil, program.Usage(errors.New("--prefix is of a copy: give --copy, or set S3_PREFIX or archive.prefix"))
	}
	served, err := configuredAccounts()
	if err != nil {
		return nil, nil, nil, err
	}
	one, err := v.accountOf(served)
	if err != nil {
		return nil, nil, nil, program.Usage(err)
	}
	v.prefix = one.Store.Prefix()
	return one.Store, one, func() {}, nil
}

// accountOf returns the account whose archive is verified.
func (v *verification) accountOf(served *account.Served) (*account.Account, error) {
	for _, one := range served.Accounts {
		if one.Name == v.account {
			return one, nil
		}
	}
	if v.hasAccount {
		return nil, fmt.Errorf("--account: the configuration has no account %.80q: %s shows them", v.account, exampleConfigCheck())
	}
	archives := archivesOf(served, v.botID)
	if len(archives) > 1 {
		return nil, fmt.Errorf("the configuration has %d archives, each with a log of its own: give --account, or --bot", len(archives))
	}
	return archives[0].owner, nil
}

func (v *verification) publicKey(configured *account.Account) (note.Verifier, error) {
	if v.key != "" {
		return readPublicKey(v.key)
	}
	if configured == nil || configured.LogKey == nil {
		return nil, errors.New("--key is empty: give the public key of the log, or the file that has it")
	}
	return configured.LogKey.Verifier(), nil
}
