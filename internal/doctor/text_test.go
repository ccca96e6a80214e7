package doctor

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Servers and other workers write some of it: names of rules, codes, identities.
func TestFindingsHaveNothingThatSteersATerminal(t *testing.T) {
	var all section
	all.add(ArchiveLifecycle, warning("rule \x1b[2J\u009b31m\u202e%s", strings.Repeat("x", 3*maxText)).wayOut("run\r\x07this"))
	found := all.findings[0]
	require.True(t, strings.HasPrefix(found.Text, "rule  [2J 31m xxx"), found.Text[:20])
	require.Equal(t, "run  this", found.WayOut)
	require.Less(t, len(found.Text), 2*maxText)
}

func TestCommandsAreSafeToBePasted(t *testing.T) {
	require.Equal(t, "v1.2.3+linux/amd64", argument("v1.2.3+linux/amd64"))
	for text, want := range map[string]string{"a;rm b": "'a;rm b'", "$(id)": "'$(id)'", "it's": `'it'\''s'`, "": "''"} {
		require.Equal(t, want, argument(text))
	}
	workers := map[string]build{"1@a": {"x; reboot", "$(id)", true}}
	require.Contains(t, judgeVersions(workers, map[string]string{}).WayOut, "--deployment-name 'x; reboot' --build-id '$(id)'")
}
