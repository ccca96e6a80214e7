package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/user"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/callvault/callvault/internal/account"
	"github.com/callvault/callvault/internal/archive"
	"github.com/callvault/callvault/internal/oneline"
	"github.com/callvault/callvault/internal/program"
	"github.com/callvault/callvault/workflows"
)

// maxOpenReason bounds what the user says, in bytes.
const maxOpenReason = 200

// openRequest is which file somebody wants to hear, for how long, and why.
type openRequest struct {
	botID    string
	number   int
	lifetime time.Duration
	reason   string
}

func newOpen() *cobra.Command {
	var request openRequest
	command := &cobra.Command{
		Use:   "open SESSION",
		Short: "Print a link to a recording, and record who asked for it",
		Long: "Print a link by which a browser or curl reads one recording, without any credentials,\n" +
			"until it expires. The link is itself a credential: it goes to stdout alone.\n\n" +
			"The session has to be archived, and the object to be what its manifest says. Before the\n" +
			"link is printed, a record of who asked is written into the archive, beside which nothing\n" +
			"is printed if that fails: the user's and the machine's name, the time, the file, when the\n" +
			"link expires, and --reason. starter show lists these records; see docs/archive.md.\n\n" +
			"The link is signed by the archive's keys of the worker's configuration (CALLVAULT_CONFIG\n" +
			"or the SMARTASSIST_ and S3_ variables), names the store by its endpoint there, and ends\n" +
			"with these keys if they are temporary.\n\n" +
			"Exit code: 0 printed, 1 there is no recording, or the archive cannot be read or written,\n" +
			"2 wrong usage or configuration, 130 interrupted.",
		Example: "  " + exampleOpen(exampleSession+" --reason 'complaint 1234'") + "\n  " + exampleOpen(exampleSession+" --file 2 --expires 1h"),
		Args:    oneSession,
	}
	output := addOutputFlag(command)
	flags := command.Flags()
	flags.StringVar(&request.botID, "bot", "", "the bot's stream id, st-… (default the one of the configuration that has the session)")
	flags.IntVar(&request.number, "file", 0, "the number of the file, from 1, as starter show has it (default the only one)")
	flags.DurationVar(&request.lifetime, "expires", archive.DefaultLinkLifetime, "how long the link is good: "+archive.MinLinkLifetime.String()+" to "+archive.MaxLinkLifetime.String())
	flags.StringVar(&request.reason, "reason", "", "why it is opened; kept in the record")
	command.RunE = func(command *cobra.Command, args []string) error {
		if err := request.validate(); err != nil {
			return program.Usage(err)
		}
		served, err := configuredAccounts()
		if err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(command.Context(), archiveTimeout)
		defer cancel()
		opened, err := request.open(ctx, served, args[0])
		if err != nil {
			return interruptedOr(command.Context(), storeFailure(err))
		}
		fmt.Fprintf(command.ErrOrStderr(), "recorded in s3://%s/%s: %s on %s may read %s until %s\n",
			opened.Record.Bucket, opened.Record.Key, oneline.Of(opened.User), oneline.Of(opened.Host), oneline.Of(opened.Key), utc(opened.ExpiresAt))
		if *output == formatJSON {
			return printJSON(command.OutOrStdout(), opened)
		}
		_, err = fmt.Fprintln(command.OutOrStdout(), opened.Link)
		return err
	}
	return command
}

func exampleOpen(rest string) string { return program.Command("starter") + " open " + rest }

func (r openRequest) validate() error {
	var faults []error
	if r.botID != "" {
		faults = append(faults, workflows.ValidateBotID(r.botID))
	}
	if r.number < 0 {
		faults = append(faults, fmt.Errorf("--file %d is out of bounds: give the file's number, from 1", r.number))
	}
	if r.lifetime < archive.MinLinkLifetime || r.lifetime > archive.MaxLinkLifetime {
		faults = append(faults, fmt.Errorf("--expires %s is out of bounds: want %s to %s", r.lifetime, archive.MinLinkLifetime, archive.MaxLinkLifetime))
	}
	if len(r.reason) > maxOpenReason {
		faults = append(faults, fmt.Errorf("--reason has %d bytes, more than %d: shorten it", len(r.reason), maxOpenReason))
	}
	return errors.Join(faults...)
}

// openedFile is a link and the record of it.
type openedFile struct {
	archive.Opening
	Link   string              `json:"link"`
	Record workflows.ObjectRef `json:"record"`
}

// open writes the record, and returns the link after that.
func (r openRequest) open(ctx context.Context, served *account.Served, sessionID string) (*openedFile, error) {
	bots, err := botsOf(served, r.botID)
	if err != nil {
		return nil, err
	}
	manifest, owner, err := findManifest(ctx, served, bots, sessionID)
	if err != nil {
		return nil, err
	}
	file, err := r.choose(manifest)
	if err != nil {
		return nil, err
	}
	if err := owner.Store.CheckReadable(ctx, file); err != nil {
		if errors.Is(err, archive.ErrMismatch) {
			return nil, fmt.Errorf("the recording is damaged: %w: to have it repaired: %s", err, refetchCommand(manifest.Session, ""))
		}
		return nil, err
	}
	link, err := owner.Store.Link(ctx, file, r.lifetime)
	if err != nil {
		return nil, err
	}
	signed := time.Now().UTC().Truncate(time.Second) // Not before the link was, so that it does not outlive its record.
	who, host := whoAsks()
	opening := archive.Opening{
		At: signed, Session: manifest.Session, Key: file.Key, SHA256: file.SHA256,
		ExpiresAt: signed.Add(r.lifetime), User: who, Host: host, Reason: r.reason,
	}
	key, err := owner.Store.RecordOpening(ctx, opening)
	if errors.Is(err, archive.ErrBlocked) { // Its remedy is that of a worker, who may do more.
		err = fmt.Errorf("%w; for keys of people who listen deploy/reader-policy.json is enough", err)
	}
	if err != nil {
		return nil, fmt.Errorf("no link is printed, since who asks for it cannot be recorded: %w", err)
	}
	return &openedFile{opening, link.String(), workflows.ObjectRef{Bucket: owner.Store.Bucket(), Key: key}}, nil
}

// findManifest returns the manifest of a session of one of the bots, and the bot's account.
func findManifest(ctx context.Context, served *account.Served, bots []string, sessionID string) (*archive.Manifest, *account.Account, error) {
	for _, botID := range bots {
		owner, err := served.Of(botID)
		if err != nil {
			return nil, nil, program.Usage(err)
		}
		manifest, _, err := owner.Store.ReadManifest(ctx, workflows.Session{BotID: botID, SessionID: sessionID})
		if err != nil || manifest != nil {
			return manifest, owner, err
		}
	}
	return nil, nil, fmt.Errorf("there is no recording: the archive has no manifest of session %s: what is known of it: %s", sessionID, exampleShow(sessionID))
}

// choose returns the file that is asked for.
func (r openRequest) choose(m *archive.Manifest) (archive.File, error) {
	switch n := len(m.Files); {
	case m.Outcome != string(workflows.OutcomeArchived):
		return archive.File{}, fmt.Errorf("there is no recording: the outcome of session %s is %s%s", m.SessionID, oneline.Of(m.Outcome), named(": ", m.Reason))
	case r.number == 0 && n == 1:
		return m.Files[0], nil
	case r.number == 0:
		list := ""
		for i, file := range m.Files {
			list += fmt.Sprintf("\n  --file %d  %s, %d bytes", i+1, oneline.Of(file.FileName), file.Bytes)
		}
		return archive.File{}, program.Usage(errors.New("the session has " + strconv.Itoa(n) + " files: name one:" + list))
	case r.number > n:
		return archive.File{}, program.Usage(fmt.Errorf("--file %d is out of bounds: the session has %d file(s)", r.number, n))
	}
	return m.Files[r.number-1], nil
}

// whoAsks returns the names of the user's account and of the machine, as the machine says.
func whoAsks() (who, host string) {
	who = "uid " + strconv.Itoa(os.Getuid())
	if current, err := user.Current(); err == nil && current.Username != "" {
		who = current.Username
	}
	if original := os.Getenv("SUDO_USER"); original != "" && original != who {
		who += " by sudo of " + original
	}
	host, err := os.Hostname()
	if err != nil {
		host = "a machine without a name"
	}
	return who, host
}
