package doctor

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// page is where operators read what each verdict means.
const page = "../../docs/doctor.md"

// provoked are the verdicts of each check that the tests have provoked.
var provoked = struct {
	sync.Mutex
	rows map[string]bool
}{rows: make(map[string]bool)}

func row(name Name, verdict Verdict) string { return fmt.Sprintf("| `%s` | %s |", name, verdict) }

// requireFinding requires what a check has found: its verdict, and texts that are in it or in its
// way out. A finding to act upon has a way out.
func requireFinding(t *testing.T, name Name, found Finding, verdict Verdict, says ...string) {
	t.Helper()
	require.Equal(t, verdict, found.Verdict, "%s: %s. %s", name, found.Text, found.WayOut)
	for _, text := range says {
		require.Contains(t, found.Text+". "+found.WayOut, text)
	}
	require.NotContains(t, found.Text+found.WayOut, "\n")
	require.NotContains(t, found.Text+found.WayOut, "canary")
	if verdict == Warning || verdict == Broken {
		require.NotEmpty(t, found.WayOut, found.Text)
	}
	provoked.Lock()
	defer provoked.Unlock()
	provoked.rows[row(name, verdict)] = true
}

// documented returns the beginnings of the rows of docs/doctor.md.
func documented() (rows []string, err error) {
	text, err := os.ReadFile(page)
	for line := range strings.Lines(string(text)) {
		if cells := strings.SplitN(line, "|", 4); strings.HasPrefix(line, "| `") && len(cells) == 4 {
			rows = append(rows, "|"+cells[1]+"|"+cells[2]+"|")
		}
	}
	return rows, err
}

func TestEachCheckIsExplained(t *testing.T) {
	rows, err := documented()
	require.NoError(t, err)
	for _, name := range Names {
		require.True(t, slices.ContainsFunc(rows, func(row string) bool { return strings.Contains(row, "`"+string(name)+"`") }), "%s has no row in docs/doctor.md", name)
	}
}

// TestMain fails if the rows of docs/doctor.md are not the verdicts that the tests have provoked.
func TestMain(m *testing.M) {
	code := m.Run()
	if code == 0 && flag.Lookup("test.run").Value.String() == "" && flag.Lookup("test.skip").Value.String() == "" {
		rows, err := documented()
		if err != nil {
			fmt.Println(err)
			code = 1
		}
		for _, row := range rows {
			if !provoked.rows[row] {
				fmt.Printf("no test provokes %s\n", row)
				code = 1
			}
		}
		for _, row := range slices.Sorted(maps.Keys(provoked.rows)) {
			if !slices.Contains(rows, row) {
				fmt.Printf("docs/doctor.md does not explain %s\n", row)
				code = 1
			}
		}
	}
	os.Exit(code)
}
