package cli_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/internal/program"
	"github.com/callvault/callvault/workflows"
)

// marked matches the commands of the README that a comment names: "# batch, inline".
var marked = regexp.MustCompile(`(?m)^# (batch, [a-z ]+)\n((?:.*\\\n)*.*)\n`)

// The lines for the temporal CLI are pasted by people: their input must be one that the
// workflow takes.
func TestReadmeHasValidInputForTheTemporalCLI(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	require.NoError(t, err)
	found := make(map[string]string)
	for _, match := range marked.FindAllStringSubmatch(string(readme), -1) {
		found[match[1]] = match[2]
	}
	for _, name := range []string{"batch, inline", "batch, by reference", "batch, progress", "batch, pause", "batch, resume", "batch, fetches", "batch, cancel"} {
		require.Contains(t, found, name)
		require.True(t, strings.HasPrefix(found[name], "temporal workflow "), found[name])
	}
	input := func(name string) []byte {
		_, rest, ok := strings.Cut(found[name], "--input '")
		require.True(t, ok, name)
		text, _, ok := strings.Cut(rest, "'")
		require.True(t, ok, name)
		return []byte(strings.NewReplacer("st-…", bot, "000000000000000000000000", session).Replace(text))
	}
	for _, name := range []string{"batch, inline", "batch, by reference"} {
		var request workflows.BatchRequest
		require.NoError(t, request.UnmarshalJSON(input(name)), name)
		require.NoError(t, request.Validate(), name)
	}
	for _, name := range []string{"batch, pause", "batch, resume"} {
		var change workflows.BatchChange
		require.NoError(t, change.UnmarshalJSON(input(name)), name)
		require.NoError(t, change.Validate(), name)
	}
}

// The README's lines for this program are pasted by people: each names a command that there
// is, and flags that it has.
func TestReadmeShowsCommandsAndFlagsThatThereAre(t *testing.T) {
	noTemporal(t)
	readme, err := os.ReadFile("../../README.md")
	require.NoError(t, err)
	lines := regexp.MustCompile(`(?m)^bin/callvault-starter ([^#\n]*)`).FindAllStringSubmatch(string(readme), -1)
	require.Greater(t, len(lines), 20)
	for _, line := range lines {
		var command []string
		words := strings.Fields(line[1])
		for len(words) > 0 && regexp.MustCompile(`^[a-z]+$`).MatchString(words[0]) {
			command, words = append(command, words[0]), words[1:]
		}
		got := run(t.Context(), append(command, "--help")...)
		require.Equal(t, program.ExitDone, got.code, line[1])
		require.Contains(t, got.stdout, program.Command("starter")+" "+strings.Join(command, " ")+" ", line[1])
		for _, flag := range regexp.MustCompile(`--[a-z-]+`).FindAllString(line[1], -1) {
			require.Contains(t, got.stdout, "      "+flag+" ", line[1])
		}
	}
}
