package simulator

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestCatalogueCoversEveryStatusAndFault(t *testing.T) {
	statuses, faults, most := map[string]bool{}, map[FaultKind]bool{}, 0
	flacUnderWAV, expired := false, false
	for _, e := range Catalogue(CatalogueOptions{Now: noon}) {
		for _, step := range e.Session.Script {
			statuses[step.Status] = true
			expired = expired || step.URLLifetime < 0
		}
		for _, f := range e.Session.Files {
			flacUnderWAV = flacUnderWAV || f.Format == FLAC
			for _, fault := range f.Faults {
				faults[fault.Kind] = true
			}
		}
		most = max(most, len(e.Session.Files))
		require.NotEmpty(t, e.Description)
		require.NotContains(t, e.Description, "\n")
	}
	for _, s := range []string{
		StatusSuccess, StatusFailed, StatusMediaUnavailable, StatusCallInProgress, StatusMediaInProgress, StatusPartialDownloadFailed,
		StatusPartialUploadFailed, StatusInitialFetchFailed, StatusRetryFailedAfter24Hr, StatusPartialFailed, StatusFetchingInProgress,
		StatusRetryFailed, StatusMediaGenerationFailed, StatusMediaConversionFailed, StatusMediaUnavailableShortDuration, StatusRecordingDisabled,
	} {
		require.True(t, statuses[s], s)
	}
	require.True(t, faults[Cut] && faults[Respond])
	require.True(t, flacUnderWAV && expired)
	require.Equal(t, 3, most)
}

func TestCatalogueIsDeterministicAndIDsContainTheTime(t *testing.T) {
	one := Catalogue(CatalogueOptions{Now: noon})
	require.Equal(t, one, Catalogue(CatalogueOptions{Now: noon}))
	seen := map[string]bool{}
	for _, e := range one {
		begin, err := callBegin(e.Session.SessionID)
		require.NoError(t, err)
		require.True(t, begin.Before(noon) && begin.After(noon.Add(-24*time.Hour)))
		require.False(t, seen[e.Session.SessionID])
		seen[e.Session.SessionID] = true
	}
}

// A client that polls every half hour and downloads every file gets the outcome in the catalogue.
func TestPollingClientReachesEveryCatalogueOutcome(t *testing.T) {
	for name, scale := range map[string]float64{"unscaled": 1, "a day in a minute": 1.0 / 1440} {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t, Config{CallsPerMinute: Unlimited, CallsPerHour: Unlimited})
			entries, err := h.AddCatalogue(CatalogueOptions{Scale: scale, AudioLength: time.Second})
			require.NoError(t, err)
			require.Len(t, h.Sessions(), len(entries))
			pause := time.Duration(float64(30*time.Minute) * scale)
			outcomes := map[string]string{}
			for range 100 {
				for _, e := range entries {
					if outcomes[e.Session.SessionID] == "" {
						outcomes[e.Session.SessionID] = h.archiveOnce(e.Session.SessionID)
					}
				}
				h.clock.Advance(pause)
			}
			for _, e := range entries {
				require.Equal(t, e.Outcome, outcomes[e.Session.SessionID], e.Description)
			}
		})
	}
}

func (h *harness) archiveOnce(id string) string {
	h.t.Helper()
	r := h.getStatus(id).recordings(h.t)
	switch *r.Status {
	case StatusFailed, StatusRetryFailedAfter24Hr, StatusMediaGenerationFailed:
		return "failed"
	case StatusMediaUnavailable, StatusMediaUnavailableShortDuration, StatusRecordingDisabled:
		return "unavailable"
	case StatusSuccess:
		for _, f := range r.Recording {
			if resp := h.get(f.FileURL); resp.err != nil || resp.status != 200 {
				return ""
			}
		}
		return "archived"
	}
	return ""
}

func TestCatalogueScaleShortensWaits(t *testing.T) {
	day := func(scale float64) time.Duration {
		for _, e := range Catalogue(CatalogueOptions{Now: noon, Scale: scale}) {
			if e.Session.Script[0].Status == StatusPartialDownloadFailed {
				return e.Session.Script[0].For
			}
		}
		return 0
	}
	require.Equal(t, 24*time.Hour, day(0))
	require.Equal(t, time.Minute, day(1.0/1440))
}
