package doctor

import (
	"context"
	"time"
)

const (
	// total bounds all checks together.
	total = time.Minute

	// each bounds one check, but for the calls of the vendor's API, each of which waits for its
	// slot; see slotWait and callWait.
	each = 10 * time.Second
)

func timeOf(name Name) time.Duration {
	if name == UpstreamCall {
		return total
	}
	return each
}

// section is the checks of one place, one after the other.
type section struct {
	account  string
	findings []Finding
}

// run does a check, unless one that it needs has not gone well.
func (s *section) run(ctx context.Context, name Name, needs []Name, check func(context.Context) Finding) {
	if because, found := s.missing(needs); found {
		s.add(name, because)
		return
	}
	if ctx.Err() != nil {
		s.add(name, skipped("not checked: the other checks took %s", total).wayOut("see what did not respond, and run this again"))
		return
	}
	ctx, cancel := context.WithTimeout(ctx, timeOf(name))
	defer cancel()
	s.add(name, check(ctx))
}

func (s *section) add(name Name, found Finding) {
	found.Name, found.Account = name, s.account
	found.Text, found.WayOut = printable(found.Text), printable(found.WayOut)
	s.findings = append(s.findings, found)
}

// missing returns a finding for a check one of whose needs has not gone well.
func (s *section) missing(needs []Name) (Finding, bool) {
	for _, need := range needs {
		for _, earlier := range s.findings {
			if earlier.Name == need && !earlier.isUsable() {
				return skipped("not checked: it needs %s, which is %s", need, earlier.Verdict), true
			}
		}
	}
	return Finding{}, false
}

// isUsable reports whether checks that need this one make sense.
func (f Finding) isUsable() bool { return f.Verdict == OK || f.Verdict == Warning }
