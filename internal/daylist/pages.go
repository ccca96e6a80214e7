package daylist

import "github.com/callvault/callvault/internal/smartassist"

// pageRows collects the rows of several pages of a window, each row once.
type pageRows struct {
	rows  []smartassist.ListedSession
	known map[uint64]bool
}

// add takes the rows that are new, and returns how many.
func (p *pageRows) add(rows []smartassist.ListedSession) (added int) {
	if p.known == nil {
		p.known = make(map[uint64]bool)
	}
	for _, row := range rows {
		if !p.known[row.Identity] {
			p.known[row.Identity] = true
			p.rows = append(p.rows, row)
			added++
		}
	}
	return added
}

// knows reports whether any of the rows was read before.
func (p *pageRows) knows(rows []smartassist.ListedSession) bool {
	for _, row := range rows {
		if p.known[row.Identity] {
			return true
		}
	}
	return false
}

// identities are those of the rows, in their order.
func identities(rows []smartassist.ListedSession) []uint64 {
	found := make([]uint64, 0, len(rows))
	for _, row := range rows {
		found = append(found, row.Identity)
	}
	return found
}
