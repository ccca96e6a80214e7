package cli_test

import (
	"bytes"
	"context"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/internal/cli"
	"github.com/callvault/callvault/internal/program"
)

const (
	bot     = "st-fd81a2b1-43af-544d-8082-831bc09c0001"
	session = "65e7133a3242653c58d7aaaa"
)

// commands and groups of them are all there are, as they are called.
var (
	groups   = [][]string{{}, {"config"}, {"budget"}, {"batch"}, {"schedule"}, {"day"}, {"log"}}
	commands = [][]string{{"fetch"}, {"setup"}, {"config", "check"}, {"budget", "show"}, {"budget", "pause"}, {"budget", "resume"}, {"budget", "set"},
		{"batch", "start"}, {"batch", "list"}, {"batch", "status"}, {"batch", "pause"}, {"batch", "resume"}, {"batch", "cancel"}, {"batch", "retry"}, {"batch", "report"},
		{"schedule", "create"}, {"schedule", "list"}, {"schedule", "pause"}, {"schedule", "resume"}, {"schedule", "delete"},
		{"day", "show"}, {"day", "backfill"}, {"day", "list"}, {"find"}, {"show"}, {"open"}, {"verify"}, {"log", "keygen"}, {"doctor"}, {"codec-server"}}
)

// outcome is what a user or a script sees of a run.
type outcome struct {
	code           int
	stdout, stderr string
}

func run(ctx context.Context, args ...string) outcome {
	var stdout, stderr bytes.Buffer
	code := cli.Run(ctx, args, &stdout, &stderr)
	return outcome{code, stdout.String(), stderr.String()}
}

// noTemporal removes the machine's own settings of a Temporal server, and
// names one that does not exist.
func noTemporal(t *testing.T) {
	t.Helper()
	for _, variable := range os.Environ() {
		if name, _, _ := strings.Cut(variable, "="); strings.HasPrefix(name, "TEMPORAL_") {
			t.Setenv(name, "")
		}
	}
	t.Setenv("TEMPORAL_CONFIG_FILE", filepath.Join(t.TempDir(), "none.toml"))
	t.Setenv("TEMPORAL_ADDRESS", "127.0.0.1:1")
}

func TestWrongUsageSaysWhatToChange(t *testing.T) {
	noTemporal(t) // none of these connects
	fetch := func(flags ...string) []string {
		return append([]string{"fetch", "--bot", bot, "--session", session}, flags...)
	}
	for name, c := range map[string]struct {
		args []string
		says []string
	}{
		"no command":                       {nil, []string{"no command", "fetch", "setup"}},
		"unknown command":                  {[]string{"ftech"}, []string{`unknown command "ftech"`, "--help"}},
		"unknown flag":                     {fetch("--sesion", "x"), []string{"unknown flag: --sesion", "starter fetch --help"}},
		"unknown flag of the root":         {[]string{"--verbose"}, []string{"unknown flag: --verbose", "starter --help"}},
		"unknown short flag":               {fetch("-x"), []string{"unknown shorthand flag", "--help"}},
		"flag without value":               {[]string{"fetch", "--bot"}, []string{"needs an argument", "--help"}},
		"argument that is not a flag":      {fetch("extra"), []string{`unexpected argument "extra"`, "--help"}},
		"argument of setup":                {[]string{"setup", "extra"}, []string{`unexpected argument "extra"`, "--help"}},
		"nothing of the session":           {[]string{"fetch"}, []string{"botId is empty", "sessionId is empty", "General Settings"}},
		"no bot":                           {[]string{"fetch", "--session", session}, []string{"botId is empty"}},
		"no session":                       {[]string{"fetch", "--bot", bot}, []string{"sessionId is empty"}},
		"malformed bot":                    {[]string{"fetch", "--bot", "nonsense", "--session", session}, []string{`botId "nonsense" is malformed`}},
		"malformed session":                {[]string{"fetch", "--bot", bot, "--session", "65E7133A3242653C58D7AAAA"}, []string{"lower-case hexadecimal"}},
		"user beyond reason":               {fetch("--user", strings.Repeat("u", 513)), []string{"userId has 513 bytes"}},
		"unknown output":                   {fetch("--output", "yaml"), []string{"want text or json", "--help"}},
		"a duration without unit":          {fetch("--poll-min", "10"), []string{"--poll-min", "missing unit"}},
		"a duration of zero":               {fetch("--poll-max", "0s"), []string{"--poll-max 0s is not positive", "90s or 24h"}},
		"a negative duration":              {fetch("--give-up-after", "-1h"), []string{"--give-up-after -1h0m0s is not positive"}},
		"an age of zero":                   {fetch("--unavailable-settles-after", "0s"), []string{"--unavailable-settles-after 0s is not positive"}},
		"a negative partial wait":          {fetch("--partial-retry-after=-1s"), []string{"--partial-retry-after -1s is not positive"}},
		"a duration beyond reason":         {fetch("--give-up-after", "720000h"), []string{"giveUpAfter", "at most 7 years"}},
		"retries that are not a number":    {fetch("--partial-max-retries", "many"), []string{"--partial-max-retries", "--help"}},
		"negative retries":                 {fetch("--partial-max-retries", "-1"), []string{"partialMaxRetries is -1", "0 to 1000"}},
		"retries beyond reason":            {fetch("--partial-max-retries", "1001"), []string{"0 to 1000"}},
		"a priority of zero":               {fetch("--priority", "0"), []string{"--priority 0 is out of bounds", "1 to 5"}},
		"a priority beyond the last":       {fetch("--priority", "6"), []string{"priority 6 is out of bounds", "to 5"}},
		"a negative priority":              {fetch("--priority", "-1"), []string{"priority -1 is out of bounds"}},
		"shortest wait above longest":      {fetch("--poll-min", "2h", "--poll-max", "1h"), []string{"pollMin (2h0m0s) is longer", "swap them"}},
		"a flag that is not true or false": {fetch("--wait=perhaps"), []string{"--wait", "--help"}},
		"a batch without a list":           {[]string{"batch", "start"}, []string{"no list is given: give --file FILE"}},
		"a batch's id with a slash":        {[]string{"batch", "start", "--file", "-", "--id", "a/b"}, []string{`batchId "a/b" is malformed`}},
		"an empty batch's id":              {[]string{"batch", "start", "--file", "-", "--id="}, []string{"batchId is empty"}},
		"a limit of no failures":           {[]string{"batch", "start", "--file", "-", "--max-failures", "0"}, []string{"--max-failures", "from 1% to 100%"}},
		"a batch's priority of zero":       {[]string{"batch", "start", "--file", "-", "--priority", "0"}, []string{"--priority 0 is out of bounds"}},
		"a batch's policy":                 {[]string{"batch", "start", "--file", "-", "--give-up-after", "720000h"}, []string{"giveUpAfter", "at most 7 years"}},
		"a dry run that waits":             {[]string{"batch", "start", "--file", "-", "--dry-run", "--wait"}, []string{"--wait and --dry-run exclude each other"}},
		"no batch":                         {[]string{"batch", "status"}, []string{"want the ID of one batch, got 0", "batch list --all"}},
		"two batches":                      {[]string{"batch", "cancel", "a", "b"}, []string{"want the ID of one batch, got 2"}},
		"a malformed batch":                {[]string{"batch", "pause", "a b"}, []string{`batchId "a b" is malformed`}},
		"an unknown batch command":         {[]string{"batch", "stop"}, []string{`unknown command "stop"`}},
		"a reason beyond reason":           {[]string{"batch", "pause", "b1", "--reason", strings.Repeat("r", 201)}, []string{"reason has 201 bytes"}},
		"a report as text":                 {[]string{"batch", "report", "b1", "--output", "text"}, []string{"want csv or json"}},
		"a retry without limit":            {[]string{"batch", "retry", "b1", "--max-failures", "none"}, []string{"--max-failures"}},
		"a schedule without a bot":         {[]string{"schedule", "create"}, []string{"botId is empty"}},
		"an hour that does not exist":      {[]string{"schedule", "create", "--bot", bot, "--hour", "24"}, []string{"hour is 24: want 0 to 23"}},
		"a schedule from tomorrow on":      {[]string{"schedule", "create", "--bot", bot, "--from", "2999-01-01"}, []string{"2999-01-01 is in the future"}},
		"a schedule from no day on":        {[]string{"schedule", "create", "--bot", bot, "--from", "yesterday"}, []string{`date "yesterday" is malformed`, "2026-11-20"}},
		"days settled at once":             {[]string{"schedule", "create", "--bot", bot, "--settle-after", "0s"}, []string{"--settle-after 0s is not positive"}},
		"no days at once":                  {[]string{"day", "backfill", "--bot", bot, "--from", "2026-01-01", "--at-once", "0"}, []string{"--at-once 0 is out of bounds", "1 to 20"}},
		"too many days at once":            {[]string{"schedule", "create", "--bot", bot, "--at-once", "21"}, []string{"atOnce is 21"}},
		"a pause without reason":           {[]string{"schedule", "pause", "--bot", bot}, []string{"reason is empty"}},
		"a resumption of no bot":           {[]string{"schedule", "resume"}, []string{"botId is empty"}},
		"a deletion of a malformed bot":    {[]string{"schedule", "delete", "--bot", "nonsense"}, []string{`botId "nonsense" is malformed`}},
		"no day":                           {[]string{"day", "show"}, []string{"want one day, got 0", "day show 2026-11-20"}},
		"a malformed day":                  {[]string{"day", "show", "20.11.2026"}, []string{`date "20.11.2026" is malformed`}},
		"a day of the future":              {[]string{"day", "show", "2999-01-01"}, []string{"2999-01-01 is in the future"}},
		"a backfill of no days":            {[]string{"day", "backfill", "--bot", bot}, []string{"give either --from DATE or --since-retention"}},
		"a backfill of days and all":       {[]string{"day", "backfill", "--bot", bot, "--from", "2026-01-01", "--since-retention"}, []string{"give either --from DATE or --since-retention"}},
		"a backfill that ends early":       {[]string{"day", "backfill", "--bot", bot, "--from", "2026-01-02", "--to", "2026-01-01"}, []string{"--to 2026-01-01 is before --from 2026-01-02"}},
		"a backfill of the future":         {[]string{"day", "backfill", "--bot", bot, "--from", "2998-12-31", "--to", "2999-01-01"}, []string{"2999-01-01 is in the future"}},
		"a backfill before there were any": {[]string{"day", "backfill", "--bot", bot, "--from", "2009-01-02", "--to", "2009-01-03"}, []string{"before 2015"}},
		"days that are too many":           {[]string{"day", "list", "--from", "2015-01-01", "--to", "2026-01-01"}, []string{"more than 2562 days: split them"}},
		"a search of no days":              {[]string{"find"}, []string{"no days are given", "--session SESSION"}},
		"a search of a malformed session":  {[]string{"find", "--session", "x"}, []string{`sessionId "x" is malformed`}},
		"a search of two users":            {[]string{"find", "--from", "2026-01-01", "--user", "u", "--user-hash", strings.Repeat("a", 64)}, []string{"exclude each other"}},
		"a malformed hash":                 {[]string{"find", "--from", "2026-01-01", "--user-hash", "abc"}, []string{"64 lower-case hexadecimal digits"}},
		"a prefix of the archive":          {[]string{"find", "--from", "2026-01-01", "--prefix", "calls/"}, []string{"--prefix is of a copy"}},
		"a copy that is not there":         {[]string{"find", "--from", "2026-01-01", "--copy", "/none/at/all"}, []string{"/none/at/all"}},
		"found as YAML":                    {[]string{"find", "--from", "2026-01-01", "--output", "yaml"}, []string{"want text, json or csv"}},
		"a misspelt subcommand of help":    {[]string{"fetch", "help"}, []string{`unexpected argument "help"`}},
	} {
		t.Run(name, func(t *testing.T) {
			got := run(t.Context(), c.args...)
			require.Equal(t, program.ExitUsage, got.code, got.stderr)
			require.Empty(t, got.stdout)
			for _, says := range c.says {
				require.Contains(t, got.stderr, says)
			}
			require.Contains(t, got.stderr, "starter: ")
		})
	}
}

func TestEveryCommandShowsAnExample(t *testing.T) {
	noTemporal(t)
	for i, command := range slices.Concat(groups, commands) {
		for _, flag := range []string{"--help", "-h"} {
			got := run(t.Context(), append(slices.Clone(command), flag)...)
			require.Equal(t, program.ExitDone, got.code)
			require.Empty(t, got.stderr)
			require.Contains(t, got.stdout, "Usage:\n")
			require.Contains(t, got.stdout, "Examples:\n  ", command)
			require.NotContains(t, got.stdout, "completion", "every command that is shown is one of ours")
			if i >= len(groups) {
				forms := "text|json"
				switch {
				case slices.Equal(command, []string{"batch", "report"}):
					forms = "csv|json"
				case slices.Equal(command, []string{"find"}):
					forms = "text|json|csv"
				}
				require.Contains(t, got.stdout, "--output "+forms, command)
			}
		}
	}
}

// The ids of an example may be pasted: they must not become a manifest that says
// that the session has no recording.
func TestExampleOfFetchIsRefusedWithTheWayToARealID(t *testing.T) {
	noTemporal(t)
	for _, command := range [][]string{{}, {"fetch"}} {
		help := run(t.Context(), append(command, "--help")...).stdout
		_, example, found := strings.Cut(help, "Examples:\n")
		require.True(t, found)
		example, _, _ = strings.Cut(example, "\n")
		fields := strings.Fields(example)
		pasted := fields[slices.Index(fields, "fetch"):]
		require.Contains(t, pasted, "st-00000000-0000-0000-0000-000000000000")

		got := run(t.Context(), pasted...)
		require.Equal(t, program.ExitUsage, got.code)
		require.Contains(t, got.stderr, `"000000000000000000000000" carries the time 1970-01-01T00:00:00Z`)
		require.Contains(t, got.stderr, "copy the id from the conversation logs")
		require.NotContains(t, got.stderr, "botId", "the bot has the form of one")
	}
}

func TestFetchHelpNamesDefaultsAndExitCodes(t *testing.T) {
	help := run(t.Context(), "fetch", "--help").stdout
	for _, says := range []string{
		"--poll-min", "(default 1m0s)", "--poll-max", "(default 30m0s)", "--partial-retry-after", "(default 24h0m0s)",
		"--partial-max-retries", "(default 7)", "--unavailable-settles-after", "(default 48h0m0s)", "--give-up-after", "(default 720h0m0s)", "--user", "--wait", "--refetch", "--no-check", "--priority", "(default 2)",
		"0 done, 1 the outcome is not archived or the fetch failed, 2 wrong usage",
	} {
		require.Contains(t, help, says)
	}
}

func TestUnreachableTemporalIsNamedInBoundedTime(t *testing.T) {
	for _, args := range [][]string{
		{"fetch", "--bot", bot, "--session", session, "--wait", "--output", "json"},
		{"setup"},
		{"batch", "list"},
		{"batch", "status", "b1"},
		{"schedule", "list"},
		{"day", "backfill", "--bot", bot, "--from", "2026-01-01"},
	} {
		t.Run(args[0], func(t *testing.T) {
			noTemporal(t)
			ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
			defer cancel()
			got := run(ctx, args...)
			require.NoError(t, ctx.Err(), "it gives up by itself")
			require.Equal(t, program.ExitFailed, got.code)
			require.Empty(t, got.stdout)
			require.Contains(t, got.stderr, "127.0.0.1:1")
			require.Contains(t, got.stderr, "start one")
			require.Contains(t, got.stderr, "TEMPORAL_ADDRESS")
		})
	}
}

func TestInvalidTemporalConfigurationIsAUsageError(t *testing.T) {
	noTemporal(t)
	path := filepath.Join(t.TempDir(), "temporal.toml")
	require.NoError(t, os.WriteFile(path, []byte("[profile"), 0o600))
	t.Setenv("TEMPORAL_CONFIG_FILE", path)
	got := run(t.Context(), "setup")
	require.Equal(t, program.ExitUsage, got.code)
	require.Empty(t, got.stdout)
	require.Contains(t, got.stderr, "TEMPORAL_")
}

// TestInterruptionEndsTheConnectionAtOnce: with 130, without an error.
func TestInterruptionEndsTheConnectionAtOnce(t *testing.T) {
	noTemporal(t)
	silent, err := net.Listen("tcp", "127.0.0.1:0") // accepts connections and sends nothing
	require.NoError(t, err)
	defer silent.Close()
	t.Setenv("TEMPORAL_ADDRESS", silent.Addr().String())

	ctx, interrupt := context.WithCancel(t.Context())
	go func() {
		if connection, err := silent.Accept(); err == nil {
			defer connection.Close()
		}
		interrupt()
	}()
	got := run(ctx, "fetch", "--bot", bot, "--session", session, "--wait")
	require.Equal(t, program.ExitInterrupted, got.code, got.stderr)
	require.Empty(t, got.stdout)
}
