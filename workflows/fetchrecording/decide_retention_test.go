package fetchrecording

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/internal/failure"
	"github.com/callvault/callvault/internal/status"
	"github.com/callvault/callvault/workflows"
)

// keptFor is a fetch of a session that the vendor keeps so long.
func keptFor(retention time.Duration) func(*situation) {
	return func(s *situation) { s.retention, s.endsAtPurge = retention, true }
}

// heard is a fetch that was told a status when the call was so old.
func heard(name string, age time.Duration) func(*situation) {
	return func(s *situation) {
		at := *s
		at.now = s.callTime.Add(age)
		s.state = at.afterStatus(&CheckStatusResult{Status: name, Meaning: status.Of(name)}).state
	}
}

// ofAnEarlierFlow is a fetch that began before sessions could be lost.
func ofAnEarlierFlow(s *situation) { s.endsAtPurge = false }

func TestWhatTheVendorDeletedBeforeItCouldBeHadIsLost(t *testing.T) {
	const (
		lost        = workflows.OutcomeLostToRetention
		unavailable = workflows.OutcomeUnavailable
		undecided   = workflows.Outcome("")
	)
	keepsNinety, old := keptFor(90*day), aged(100*day)
	foundUnavailable := func(at time.Duration) func(*situation) {
		return func(s *situation) {
			s.refetch = true
			found := &FindArchivedResult{ETag: "e", Result: &workflows.FetchResult{Outcome: unavailable, FinishedAt: s.callTime.Add(at)}}
			s.state = s.afterFind(found, nil).state
		}
	}
	damaged := func(s *situation) { s.state.Damaged = []workflows.Recording{{Key: "k", Source: "s"}} }
	for name, row := range map[string]struct {
		status  string
		given   situation
		outcome workflows.Outcome
	}{
		"asked for the first time after the purge":             {"media_unavailable", fresh(old, keepsNinety), lost},
		"the API does not know the session any more":           {"no_such_session", fresh(old, keepsNinety), lost},
		"at the moment of the purge":                           {"media_unavailable", fresh(aged(90*day), keepsNinety), lost},
		"a second before it":                                   {"media_unavailable", fresh(aged(90*day-time.Second), keepsNinety), unavailable},
		"the retention is not known":                           {"media_unavailable", fresh(old), unavailable},
		"another reason: it was too short":                     {"media_unavailable_short_duration", fresh(old, keepsNinety), unavailable},
		"another reason: recording was off":                    {"recording_disabled", fresh(old, keepsNinety), unavailable},
		"failed":                                               {"failed", fresh(old, keepsNinety), workflows.OutcomeFailed},
		"still in progress":                                    {"media_in_progress", fresh(old, keepsNinety), undecided},
		"in progress until the purge":                          {"media_unavailable", fresh(old, keepsNinety, heard("media_in_progress", 80*day)), lost},
		"the vendor had it, and says none once":                {"media_unavailable", fresh(old, keepsNinety, heard("success", 80*day)), undecided},
		"the vendor had it, and says none twice":               {"media_unavailable", fresh(old, keepsNinety, heard("success", 80*day), heard("media_unavailable", 99*day)), lost},
		"the vendor had it, and said none before the purge":    {"media_unavailable", fresh(old, keepsNinety, heard("success", 80*day), heard("media_unavailable", 81*day)), unavailable},
		"what it said before the purge was disproved":          {"media_unavailable", fresh(old, keepsNinety, heard("success", 80*day), heard("media_unavailable", 81*day), heard("success", 82*day)), lost},
		"what it said of a young call may mean not yet":        {"media_unavailable", fresh(old, keepsNinety, heard("media_unavailable", 10*time.Minute)), lost},
		"kept for a day, which no answer can outlast":          {"media_unavailable", fresh(aged(25*time.Hour), keptFor(day), heard("media_unavailable", 10*time.Minute)), lost},
		"the same, begun before sessions could be lost":        {"media_unavailable", fresh(aged(25*time.Hour), keptFor(day), ofAnEarlierFlow), undecided},
		"and once that has settled":                            {"media_unavailable", fresh(aged(48*time.Hour), keptFor(day), ofAnEarlierFlow), lost},
		"a refetch of what was unavailable before the purge":   {"media_unavailable", fresh(old, keepsNinety, foundUnavailable(50*day)), unavailable},
		"a refetch of what was called unavailable after it":    {"media_unavailable", fresh(old, keepsNinety, foundUnavailable(95*day)), lost},
		"time is up, and it says none":                         {"media_unavailable", fresh(over, keptFor(20*day), heard("success", 19*day)), lost},
		"time is up, and it says that the media are to come":   {"media_in_progress", fresh(over, keptFor(20*day)), workflows.OutcomeGaveUp},
		"files of it were archived before":                     {"media_unavailable", fresh(old, keepsNinety, damaged), workflows.OutcomeDamaged},
		"all that was archived before is there again":          {"media_unavailable", fresh(old, keepsNinety, damaged, func(s *situation) { s.state.Done = s.state.Damaged }), workflows.OutcomeArchived},
		"no retry of a partial recording is left":              {"partial_upload_failed", fresh(old, keepsNinety, partial(7, noon)), workflows.OutcomeGaveUp},
		"a policy that waits longer than the vendor keeps it":  {"media_unavailable", fresh(old, keepsNinety, func(s *situation) { s.policy.UnavailableSettlesAfter = 300 * day }), lost},
		"and hears none before the purge, which settles never": {"media_unavailable", fresh(old, keepsNinety, func(s *situation) { s.policy.UnavailableSettlesAfter = 300 * day }, heard("media_unavailable", 80*day)), lost},
	} {
		t.Run(name, func(t *testing.T) {
			got := row.given.afterStatus(&CheckStatusResult{Status: row.status, Meaning: status.Of(row.status)})
			require.Equal(t, row.outcome, got.outcome, got.reason)
		})
	}
}

func TestReasonOfALossNamesTheRetentionAndThePurge(t *testing.T) {
	answer := &CheckStatusResult{Status: "media_unavailable", Meaning: status.Of("media_unavailable")}
	require.Equal(t, "the vendor's retention of 90d ended at 2026-02-23T12:00:00Z, before the recording could be had; now the vendor says: "+answer.Text,
		fresh(aged(100*day), keptFor(90*day)).afterStatus(answer).reason)
	require.Contains(t, fresh(aged(100*day), keptFor(36*time.Hour)).afterStatus(answer).reason, "retention of 36h0m0s ended at")
}

// Between the download's refusal and the outcome the vendor is asked what it says now.
func TestMediaThatAreGoneAreAskedForOnceMore(t *testing.T) {
	s := fresh(listed, aged(100*day), keptFor(90*day), heard("success", 99*day), func(s *situation) { s.state.DownloadFailures = 3 })
	n := s.afterDownload(false, failed(failure.MediaRefused, 0))
	require.Equal(t, check, n.step)
	require.Empty(t, n.outcome)
}
