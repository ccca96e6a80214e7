// Package program is what callvault's programs have in common: exit codes, the
// errors that lead to them, their version, and their names in hints.
package program

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"
)

// The exit codes, which scripts rely on.
const (
	ExitDone        = 0
	ExitFailed      = 1
	ExitUsage       = 2
	ExitInterrupted = 130
)

// ErrInterrupted means that the user stopped the program.
var ErrInterrupted = errors.New("interrupted")

// ErrReported is a failure that the program has already printed.
var ErrReported = errors.New("already reported")

type usageError struct{ error }

func (e *usageError) Unwrap() error { return e.error }

// Usage returns err as a mistake in the arguments or the configuration.
func Usage(err error) error { return &usageError{err} }

// IsUsage reports whether err is a mistake in the arguments or the configuration.
func IsUsage(err error) bool {
	var usage *usageError
	return errors.As(err, &usage)
}

// Exit prints err, unless there is nothing to add, and returns the exit code.
func Exit(ctx context.Context, name string, err error, stderr io.Writer) int {
	switch {
	case err == nil:
		return ExitDone
	case errors.Is(err, ErrReported):
		return ExitFailed
	case IsUsage(err):
		fmt.Fprintf(stderr, "%s: %v\n", name, err)
		return ExitUsage
	case errors.Is(err, ErrInterrupted), ctx.Err() != nil:
		// Whatever was under way failed because of the interruption.
		return ExitInterrupted
	default:
		fmt.Fprintf(stderr, "%s: %v\n", name, err)
		return ExitFailed
	}
}

// SetUp gives a root command what all programs have: --version, usage errors
// that name the help, and no output of cobra's own.
func SetUp(root *cobra.Command) *cobra.Command {
	root.Version = Version()
	root.SilenceErrors, root.SilenceUsage = true, true
	root.CompletionOptions.DisableDefaultCmd = true
	root.SetFlagErrorFunc(func(command *cobra.Command, err error) error {
		return Usage(fmt.Errorf("%w: see %s --help", err, command.CommandPath()))
	})
	return root
}

// NoArguments refuses arguments that are not flags.
func NoArguments(command *cobra.Command, args []string) error {
	switch {
	case len(args) == 0:
		return nil
	case command.HasSubCommands():
		return Usage(fmt.Errorf("unknown command %q: see %s --help", args[0], command.CommandPath()))
	default:
		return Usage(fmt.Errorf("unexpected argument %q: see %s --help", args[0], command.CommandPath()))
	}
}
