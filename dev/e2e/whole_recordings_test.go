package e2e_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/dev/internal/system"
	"github.com/callvault/callvault/internal/simulator"
	"github.com/callvault/callvault/workflows"
)

// A recording whose end is proved is archived byte for byte, whatever its header
// claims, and the manifest says what it claimed.
func TestRecordingsWithLyingHeadersAreArchived(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.StartWorker()
	lies := simulator.HeaderLies()
	require.GreaterOrEqual(t, len(lies), 12)
	for i := range lies {
		lies[i].Name = archiveName(lies[i].Name)
	}
	result := h.Result(h.Execute(h.AddSession(nil, lies...), workflows.FetchPolicy{}))
	h.RequireArchived(result, lies...)
	require.Equal(t, 1, result.StatusChecks)
	for i, file := range h.Manifest(result.SessionID).Files {
		require.NotEmpty(t, file.Remarks, lies[i].Name)
		t.Logf("%s, %s: %s", file.FileName, file.Format, strings.Join(file.Remarks, "; "))
	}
}

// archiveName makes a name one that the archive does not have to change.
func archiveName(name string) string {
	return strings.Map(func(r rune) rune {
		if r == '.' || r == '-' || r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' {
			return r
		}
		return '_'
	}, name)
}

func TestRecordingWithoutALengthIsDownloadedTwice(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.StartWorker()
	file := system.Recording("unproved.wav", 300_000, simulator.Fault{Kind: simulator.CloseDelimited, Times: -1})
	sessionID := h.AddSession(nil, file)
	result := h.Result(h.Execute(sessionID, workflows.FetchPolicy{}))
	h.RequireArchived(result, file)
	require.Contains(t, strings.Join(result.Recordings[0].Remarks, "; "), "two downloads had the same bytes")
	require.Equal(t, 2, h.Upstream.SessionCounts(system.Bot, sessionID).MediaRequests)
}

func TestCutRecordingWithoutALengthIsNotArchived(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.StartWorker()
	file := system.Recording("cut.wav", 300_000,
		simulator.Fault{Kind: simulator.CloseDelimited, After: 100_000}, simulator.Fault{Kind: simulator.CloseDelimited, After: 200_000})
	run := h.Execute(h.AddSession(nil, file), shortWaits())
	h.RequireArchived(h.Result(run), file)
}

// The page says in the manifest what it was, and nothing of what it said.
func TestPageInsteadOfARecordingIsReported(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.StartWorker()
	file := system.Recording("page.wav", 60_000, simulator.Fault{Kind: simulator.HTML, Times: -1})
	sessionID := h.AddSession(nil, file)
	policy := shortWaits()
	policy.GiveUpAfter = workflows.FetchPolicy{}.WithDefaults().PollMin / 20 // 3 seconds
	result := h.Result(h.Execute(sessionID, policy))
	require.Equal(t, workflows.OutcomeGaveUp, result.Outcome)
	require.Contains(t, h.Manifest(sessionID).Reason, "text/html")
	require.Contains(t, h.Manifest(sessionID).Reason, "sha256")
	require.LessOrEqual(t, h.Upstream.SessionCounts(system.Bot, sessionID).MediaRequests, 12)
}
