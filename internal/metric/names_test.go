package metric_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The page has each name of the source, as Prometheus shows it, in one row of a table.
func TestDocumentationHasEveryMetricAndLabel(t *testing.T) {
	source, err := os.ReadFile("names.go")
	require.NoError(t, err)
	page, err := os.ReadFile("../../docs/metrics.md")
	require.NoError(t, err)
	var tables strings.Builder
	for line := range strings.Lines(string(page)) {
		if strings.HasPrefix(line, "| `") {
			tables.WriteString(line)
		}
	}
	names := regexp.MustCompile(`= "(callvault_[a-z_]+)"`).FindAllStringSubmatch(string(source), -1)
	require.NotEmpty(t, names)
	for _, name := range names {
		require.Regexp(t, "`"+name[1]+"(_total|_seconds)?`", tables.String())
	}
	labels := regexp.MustCompile(`(?m)^\t(?:Account|Outcome|Status|Code|Urgency|Days|Window|Priority|Phase) = "([a-z]+)"`).FindAllStringSubmatch(string(source), -1)
	require.Len(t, labels, 9)
	for _, label := range labels {
		require.Contains(t, tables.String(), "`"+label[1]+"`")
	}
}
