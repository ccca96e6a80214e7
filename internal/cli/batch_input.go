package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"github.com/callvault/callvault/internal/account"
	"github.com/callvault/callvault/internal/batchplan"
	"github.com/callvault/callvault/internal/program"
	"github.com/callvault/callvault/internal/sessionlist"
	"github.com/callvault/callvault/workflows"
)

// checkedList are the good rows of a list, and what was wrong with the others.
type checkedList struct {
	owner *account.Account
	plan  *batchplan.Plan
	spool *spool // nil if the rows are not kept

	Rows, Duplicates, Invalid int
}

// readList checks every row of the list r as of now: those that break the rules of a request,
// and those of a bot that no configured account has or of a second account, are added to
// faults. The good rows go into kept, if it is not nil.
func readList(ctx context.Context, r io.Reader, served *account.Served, now time.Time, faults *faultReport, kept *spool) (*checkedList, error) {
	list := sessionlist.Read(r, sessionlist.Options{Now: now, OnFault: faults.add})
	checked := &checkedList{spool: kept}
	builder := batchplan.NewBuilder()
	for row, err := range list.All() {
		switch {
		case ctx.Err() != nil:
			return nil, program.ErrInterrupted
		case err != nil:
			return nil, program.Usage(fmt.Errorf("the list cannot be used: %w", err))
		}
		if problem := checked.join(served, row.BotID); problem != nil {
			faults.add(sessionlist.Fault{Line: row.Line, LastLine: row.Line, Problem: problem.Error(), Text: row.BotID + "," + row.SessionID})
			continue
		}
		if err := builder.Add(workflows.BatchSession{Session: row.Session, UserID: row.UserID}); err != nil {
			return nil, program.Usage(fmt.Errorf("line %d: %w", row.Line, err))
		}
		if err := kept.write(row); err != nil {
			return nil, err
		}
	}
	summary := list.Summary()
	checked.Rows, checked.Duplicates, checked.Invalid = summary.Rows, summary.Duplicates, faults.count
	if checked.owner != nil {
		checked.plan = builder.Build(now, checked.owner.Retention)
	}
	return checked, kept.flush()
}

// Sessions counts the good rows.
func (c *checkedList) Sessions() int {
	if c.plan == nil {
		return 0
	}
	return c.plan.Sessions
}

// join makes sure that a bot belongs to the account of the good rows before it.
func (c *checkedList) join(served *account.Served, botID string) error {
	if c.owner != nil && slices.Contains(c.owner.BotIDs, botID) {
		return nil
	}
	owner, err := served.Of(botID)
	switch {
	case err != nil:
		return fmt.Errorf("bot %s is in no account of the configuration: correct botId, or add the bot to SMARTASSIST_BOT_ID or CALLVAULT_CONFIG, of this command and of the worker", botID)
	case c.owner == nil:
		c.owner = owner
		return nil
	}
	return fmt.Errorf("bot %s belongs to account %q, and the rows before it to account %q: start a batch for each account", botID, owner.Name, c.owner.Name)
}

// spool keeps the good rows as NDJSON in a temporary file that only the user may read. A nil
// spool keeps nothing.
type spool struct {
	file *os.File
	rows *sessionlist.Writer
}

func newSpool() (*spool, error) {
	file, err := os.CreateTemp("", "callvault-list-*.ndjson") // mode 0600
	if err != nil {
		return nil, fmt.Errorf("keep the checked rows: %w", err)
	}
	// A file without a name is gone even if the program is killed. Where open files
	// keep their names, close removes it.
	_ = os.Remove(file.Name())
	rows, err := sessionlist.NewWriter(file, sessionlist.NDJSON)
	return &spool{file, rows}, err
}

func (s *spool) write(row sessionlist.Row) error {
	if s == nil {
		return nil
	}
	return s.rows.Write(row)
}

func (s *spool) flush() error {
	if s == nil {
		return nil
	}
	if err := s.rows.Flush(); err != nil {
		return fmt.Errorf("keep the checked rows: %w", err)
	}
	return nil
}

// reader returns the rows from the beginning, and their length in bytes.
func (s *spool) reader() (io.Reader, int64, error) {
	info, err := s.file.Stat()
	if err != nil {
		return nil, 0, err
	}
	return io.NewSectionReader(s.file, 0, info.Size()), info.Size(), nil
}

func (s *spool) close() {
	s.file.Close()
	_ = os.Remove(s.file.Name()) // It has no name any more on most systems.
}

// openList opens a list: "-" is stdin, whose read an interruption ends.
func openList(ctx context.Context, name string, stdin io.Reader) (io.ReadCloser, error) {
	if name != "-" {
		file, err := os.Open(name)
		if err != nil {
			return nil, program.Usage(fmt.Errorf("--file: %w", err))
		}
		if info, err := file.Stat(); err == nil && info.IsDir() {
			file.Close()
			return nil, program.Usage(fmt.Errorf("--file: %s is a folder: give a CSV or NDJSON file, or - for standard input", name))
		}
		return file, nil
	}
	reader, writer := io.Pipe()
	stop := context.AfterFunc(ctx, func() { writer.CloseWithError(program.ErrInterrupted) })
	go func() {
		defer stop()
		_, err := io.Copy(writer, stdin)
		writer.CloseWithError(err)
	}()
	return reader, nil
}

var errNothingGood = errors.New("no row of the list is good: nothing is started")
