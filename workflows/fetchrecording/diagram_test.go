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

var outcomes = []workflows.Outcome{workflows.OutcomeArchived, workflows.OutcomeUnavailable, workflows.OutcomeFailed, workflows.OutcomeGaveUp, workflows.OutcomeDamaged, workflows.OutcomeLostToRetention}

// transitions asks every decision about everything that can come.
func transitions() edges {
	all := make(edges)
	errs := []error{timeout}
	for _, kind := range failure.Kinds() {
		errs = append(errs, failed(kind, 0))
	}
	all.take(workflows.PhaseChecking, fresh().afterFind(&FindArchivedResult{Result: &workflows.FetchResult{Outcome: workflows.OutcomeArchived}}, nil))
	all.take(workflows.PhaseArchiving, fresh(oneDone).afterDownload(true))
	all.take(workflows.PhaseArchiving, fresh(oneDone, func(s *situation) { s.state.Damaged = []workflows.Recording{{Key: "k", Source: "s"}} }).afterDownload(true))
	for _, err := range errs {
		all.take(workflows.PhaseChecking, fresh().afterFind(nil, err))
		all.take(workflows.PhaseChecking, fresh().afterMint("st-1", err))
		all.take(workflows.PhaseChecking, fresh().afterCheckFailure(err))
		all.take(workflows.PhaseArchiving, fresh().afterDownload(false, err))
		all.take(workflows.PhaseArchiving, fresh(over, func(s *situation) { s.state.DownloadFailures, s.state.AnsweredAt = 9, s.now }).afterDownload(false, err))
		all.take(workflows.PhaseArchiving, fresh().afterWrite(nil, err))
	}
	for _, name := range []string{"success", "failed", "media_unavailable", "call_in_progress", "media_in_progress", "partial_download_failed", "teleporting"} {
		response := &CheckStatusResult{Status: name, Meaning: status.Of(name)}
		damaged := func(s *situation) { s.state.Damaged = []workflows.Recording{{Key: "k", Source: "s"}} }
		for _, retries := range []int{0, 7} {
			all.take(workflows.PhaseChecking, fresh(partial(retries, noon)).afterStatus(response))
			all.take(workflows.PhaseChecking, fresh(aged(100*day), partial(retries, noon)).afterStatus(response))
			all.take(workflows.PhaseChecking, fresh(over, partial(retries, noon)).afterStatus(response))
			all.take(workflows.PhaseChecking, fresh(damaged, aged(100*day)).afterStatus(response))
			all.take(workflows.PhaseChecking, fresh(aged(100*day), keptFor(90*day)).afterStatus(response))
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
