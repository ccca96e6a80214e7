package fetchrecording

import (
	"maps"
	"os"
	"regexp"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/internal/failure"
	"github.com/callvault/callvault/internal/status"
	"github.com/callvault/callvault/workflows"
)

// edges are the transitions from phase to phase, as "a --> b".
type edges map[string]bool

func (e edges) add(from, to workflows.FetchPhase) {
	if from != to {
		e[string(from)+" --> "+string(to)] = true
	}
}

// take adds the transitions of a decision that is made in a phase.
func (e edges) take(from workflows.FetchPhase, n next) {
	at := from
	if n.wait > 0 {
		at = n.phase
		e.add(from, at)
		if gaveUp := fresh(func(s *situation) { s.now = s.state.GiveUpAt }).afterWait(n, false); gaveUp.outcome != "" {
			e.add(at, workflows.FetchPhase(gaveUp.outcome))
		}
	}
	switch {
	case n.err != nil:
	case n.outcome != "":
		e.add(at, workflows.FetchPhase(n.outcome))
	case n.result != nil:
		e.add(at, workflows.FetchPhase(n.result.Outcome))
	case n.step == write: // the phase stays until the outcome is there
		for _, outcome := range outcomes {
			e.add(at, workflows.FetchPhase(outcome))
		}
	case n.step == download:
		e.add(at, workflows.PhaseArchiving)
	default:
		e.add(at, workflows.PhaseChecking)
	}
}

var outcomes = []workflows.Outcome{workflows.OutcomeArchived, workflows.OutcomeUnavailable, workflows.OutcomeFailed, workflows.OutcomeGaveUp}

// transitions asks every decision about everything that can come.
func transitions() edges {
	all := make(edges)
	errs := []error{timeout}
	for _, kind := range failure.Kinds() {
		errs = append(errs, failed(kind, 0))
	}
	all.take(workflows.PhaseChecking, fresh().afterFind(&workflows.FetchResult{Outcome: workflows.OutcomeArchived}, nil))
	all.take(workflows.PhaseArchiving, fresh().afterDownload(nil))
	for _, err := range errs {
		all.take(workflows.PhaseChecking, fresh().afterFind(nil, err))
		all.take(workflows.PhaseChecking, fresh().afterMint("st-1", err))
		all.take(workflows.PhaseChecking, fresh().afterCheckFailure(err))
		all.take(workflows.PhaseArchiving, fresh().afterDownload(err))
		all.take(workflows.PhaseArchiving, fresh().afterWrite(nil, err))
	}
	for _, name := range []string{"success", "failed", "media_unavailable", "call_in_progress", "media_in_progress", "partial_download_failed", "teleporting"} {
		for _, retries := range []int{0, 7} {
			s := fresh(partial(retries, noon))
			all.take(workflows.PhaseChecking, s.afterStatus(&CheckStatusResult{Status: name, Meaning: status.Of(name)}))
		}
	}
	return all
}

func TestDiagramShowsEveryTransition(t *testing.T) {
	text, err := os.ReadFile("../../docs/states.md")
	require.NoError(t, err)
	drawn := make(edges)
	for _, match := range regexp.MustCompile(`(?m)^ +(\w+) --> (\w+)`).FindAllStringSubmatch(string(text), -1) {
		drawn.add(workflows.FetchPhase(match[1]), workflows.FetchPhase(match[2]))
	}
	require.Equal(t, slices.Sorted(maps.Keys(transitions())), slices.Sorted(maps.Keys(drawn)))
}
