package cli

import (
	"fmt"
	"strings"

	"github.com/callvault/callvault/internal/doctor"
)

// doctorText returns one line for each finding, below the name of what it is about, and a line of
// the sums.
func doctorText(findings []doctor.Finding) string {
	verdictWidth, nameWidth := 0, 0
	for _, one := range findings {
		verdictWidth, nameWidth = max(verdictWidth, len(one.Verdict)), max(nameWidth, len(one.Name))
	}
	var b strings.Builder
	group := ""
	counts := make(map[doctor.Verdict]int)
	for _, one := range findings {
		if title := titleOf(one); title != group {
			group = title
			fmt.Fprintf(&b, "%s\n", title)
		}
		counts[one.Verdict]++
		fmt.Fprintf(&b, "  %-*s  %-*s  %s", verdictWidth, one.Verdict, nameWidth, one.Name, one.Text)
		if one.WayOut != "" {
			fmt.Fprintf(&b, ". Way out: %s", one.WayOut)
		}
		fmt.Fprintln(&b)
	}
	fmt.Fprintf(&b, "broken %d, warning %d, skipped %d, ok %d\n", counts[doctor.Broken], counts[doctor.Warning], counts[doctor.Skipped], counts[doctor.OK])
	return b.String()
}

// titleOf returns the name of what a finding is about. Who serves an account is asked of Temporal.
func titleOf(one doctor.Finding) string {
	part, _, _ := strings.Cut(string(one.Name), ".")
	switch part {
	case "temporal", "workers":
		return "Temporal and the workers"
	case "archive":
		return "Archive of account " + one.Account
	case "upstream":
		return "The vendor's API for account " + one.Account
	}
	return "Configuration"
}
