package bench_test

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"text/tabwriter"
)

// table collects the figures of all benchmarks.
var table struct {
	sync.Mutex
	rows []row
}

type row struct {
	benchmark, figure string
	value             float64
	goal              string
	load              float64
}

// report reports a figure, with the goal as a text, and the machine's load.
func report(b *testing.B, figure string, value float64, goal string) {
	b.Helper()
	b.ReportMetric(value, strings.ReplaceAll(figure, " ", "-"))
	table.Lock()
	defer table.Unlock()
	table.rows = append(table.rows, row{strings.TrimPrefix(b.Name(), "Benchmark"), figure, value, goal, loadAverage(b)})
}

func printTable(w io.Writer) {
	table.Lock()
	defer table.Unlock()
	columns := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(columns, "benchmark\tfigure\tvalue\tgoal\tload")
	for _, r := range table.rows {
		fmt.Fprintf(columns, "%s\t%s\t%.4g\t%s\t%.1f\n", r.benchmark, r.figure, r.value, r.goal, r.load)
	}
	_ = columns.Flush() // A failed write cannot be reported anywhere.
}
