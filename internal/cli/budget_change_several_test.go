package cli_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/serviceerror"

	"github.com/callvault/callvault/internal/program"
	"github.com/callvault/callvault/workflows"
)

// changes are the commands that change budgets, without those budgets.
var changes = map[string][]string{
	"pause":  {"budget", "pause", "--reason", "r"},
	"resume": {"budget", "resume", "--reason", "r"},
	"set":    {"budget", "set", "--default", "--reason", "r"},
}

// statusesIn reads the JSON output of a command.
func statusesIn(t *testing.T, got outcome) []workflows.BudgetStatus {
	t.Helper()
	var statuses []workflows.BudgetStatus
	require.NoError(t, json.Unmarshal([]byte(got.stdout), &statuses), got.stderr)
	return statuses
}

func TestNamedBudgetsAreChangedInTheOrderGivenAndEachOnce(t *testing.T) {
	for name, command := range changes {
		t.Run(name, func(t *testing.T) {
			server := &budgetServer{running: []string{"st-1", "st-2", "st-3"}}
			listen(t, server)
			got := run(t.Context(), append(slices.Clone(command), "st-3", "st-1", "st-3")...)
			require.Equal(t, outcome{program.ExitDone, shown("st-3") + "\n" + shown("st-1"), ""}, got)
			require.Equal(t, []string{"st-3", "st-1"}, server.updated)
			require.Zero(t, server.listed.Load())

			got = run(t.Context(), append(slices.Clone(command), "st-3", "st-1", "--output=json")...)
			require.Equal(t, []workflows.BudgetStatus{server.status("st-3"), server.status("st-1")}, statusesIn(t, got))
		})
	}
}

func TestAllChangesEveryBudgetThatRuns(t *testing.T) {
	for name, command := range changes {
		t.Run(name, func(t *testing.T) {
			server := &budgetServer{running: []string{"st-2", "acme", "st-1"}}
			listen(t, server)
			got := run(t.Context(), append(slices.Clone(command), "--all")...)
			require.Equal(t, outcome{program.ExitDone, shown("acme") + "\n" + shown("st-1") + "\n" + shown("st-2"), ""}, got)
			require.Equal(t, []string{"acme", "st-1", "st-2"}, server.updated)
			require.Equal(t, budgetsQuery, *server.query.Load())
		})
	}
}

// An operator must not take a part for all, so nothing is changed beyond the bound.
func TestAllChangesAThousandBudgetsButNoneOfMore(t *testing.T) {
	server := &budgetServer{page: 100}
	for i := range 1000 {
		server.running = append(server.running, fmt.Sprintf("st-%04d", i))
	}
	listen(t, server)
	got := run(t.Context(), "budget", "pause", "--all", "--reason", "r")
	require.Equal(t, program.ExitDone, got.code, got.stderr)
	require.Equal(t, server.running, server.updated)

	server = &budgetServer{page: 100, running: append(server.running, "st-1000")}
	listen(t, server)
	got = run(t.Context(), "budget", "pause", "--all", "--reason", "r")
	require.Equal(t, program.ExitFailed, got.code)
	require.Empty(t, got.stdout)
	require.Contains(t, got.stderr, `more than 1000 budgets are running in namespace "default", too many for --all: nothing is changed: name them`)
	require.Empty(t, server.updated)
}

func TestAllIsAFailureWhereNothingCanBeChanged(t *testing.T) {
	for says, server := range map[string]*budgetServer{
		`no budget is running in namespace "default": nothing is changed`: {},
		"list the running budgets: not yours":                             {listErr: serviceerror.NewPermissionDenied("not yours", "")},
	} {
		listen(t, server)
		got := run(t.Context(), "budget", "pause", "--all", "--reason", "r")
		require.Equal(t, program.ExitFailed, got.code)
		require.Empty(t, got.stdout)
		require.Contains(t, got.stderr, says)
	}
}

func TestFailedChangeStopsNoOtherAndTheErrorNamesBothKinds(t *testing.T) {
	for name, command := range changes {
		t.Run(name, func(t *testing.T) {
			server := &budgetServer{running: []string{"st-1", "st-2"}}
			listen(t, server)
			args := append(slices.Clone(command), "st-8", "st-1", "st-9", "st-2")
			got := run(t.Context(), args...)
			require.Equal(t, program.ExitFailed, got.code)
			require.Equal(t, shown("st-1")+"\n"+shown("st-2"), got.stdout)
			require.Equal(t, []string{"st-8", "st-1", "st-9", "st-2"}, server.updated)
			lines := strings.Split(strings.TrimSpace(got.stderr), "\n")
			require.Len(t, lines, 3)
			require.Contains(t, lines[0], `budget "st-8" is not running`)
			require.Contains(t, lines[1], `budget "st-9" is not running`)
			require.Contains(t, lines[2], ": changes failed: st-8, st-9; made: st-1, st-2")

			got = run(t.Context(), append(args, "--output=json")...)
			require.Equal(t, program.ExitFailed, got.code)
			require.Equal(t, []workflows.BudgetStatus{server.status("st-1"), server.status("st-2")}, statusesIn(t, got))
		})
	}
}

func TestWhereAllChangesFailTheListIsEmpty(t *testing.T) {
	listen(t, &budgetServer{})
	got := run(t.Context(), "budget", "pause", "st-8", "st-9", "--reason", "r", "--output=json")
	require.Equal(t, program.ExitFailed, got.code)
	require.Equal(t, "[]\n", got.stdout)
	require.Contains(t, got.stderr, "changes failed: st-8, st-9; made: none")
}

func TestFaultInANameMeansThatNothingIsSent(t *testing.T) {
	server := &budgetServer{running: []string{"st-1"}}
	listen(t, server)
	got := run(t.Context(), "budget", "pause", "st-1", "a b", "--reason", "r")
	require.Equal(t, program.ExitUsage, got.code)
	require.Empty(t, server.updated)
}

func TestInterruptionSaysWhatBecameOfEachChange(t *testing.T) {
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	server := &budgetServer{running: []string{"st-1", "st-2", "st-3"}, hangs: interrupt}
	listen(t, server)
	got := run(ctx, "budget", "pause", "st-1", "st-9", "st-hangs", "st-2", "st-3", "--reason", "r")
	require.Equal(t, program.ExitInterrupted, got.code)
	require.Empty(t, got.stdout)
	require.Contains(t, got.stderr, "\nThe change may be made all the same. To see whether it was:\n  "+program.Command("starter")+" budget show st-hangs\n"+
		"Changes failed: st-9; made: st-1; not sent: st-2, st-3\n")
	require.Equal(t, []string{"st-1", "st-9", "st-hangs"}, server.updated)
}
