package fetchrecording_test

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/internal/failure"
	"github.com/callvault/callvault/workflows"
	"github.com/callvault/callvault/workflows/fetchrecording"
)

func recorded(name, source string) workflows.Recording {
	return workflows.Recording{FileName: name, Bucket: "recordings", Key: "k/" + name, Bytes: 100, SHA256: "00", Source: source}
}

// manifestOf is a manifest with an ETag that a fetch finds.
func manifestOf(outcome workflows.Outcome, damaged []string, recordings ...workflows.Recording) func(fetchrecording.FindArchivedInput) (*fetchrecording.FindArchivedResult, error) {
	return func(fetchrecording.FindArchivedInput) (*fetchrecording.FindArchivedResult, error) {
		return &fetchrecording.FindArchivedResult{ETag: "etag-1", Damaged: damaged, Result: &workflows.FetchResult{
			Session: session, Outcome: outcome, Source: workflows.SourceManifest, Recordings: recordings}}, nil
	}
}

func TestRefetchReopensAFailure(t *testing.T) {
	for _, before := range []workflows.Outcome{workflows.OutcomeUnavailable, workflows.OutcomeFailed, workflows.OutcomeGaveUp, workflows.OutcomeDamaged, workflows.OutcomeLostToRetention} {
		t.Run(string(before), func(t *testing.T) {
			h := newHarness(t, success("a.wav"))
			h.found = manifestOf(before, nil)
			h.refetch = true
			require.Equal(t, workflows.OutcomeArchived, h.run(workflows.FetchPolicy{}).Outcome)
			require.Equal(t, []string{"etag-1"}, h.replaces)

			asked := newHarness(t, success("a.wav"))
			asked.found = manifestOf(before, nil)
			asked.execute(workflows.FetchRequest{Session: session})
			require.Empty(t, asked.checkedAt, "without the request, the manifest's outcome stands")
		})
	}
}

func TestArchivedSessionIsNeverFetchedAgain(t *testing.T) {
	h := newHarness(t, success("a.wav"))
	h.found = manifestOf(workflows.OutcomeArchived, nil, recorded("a.wav", "s"))
	h.execute(workflows.FetchRequest{Session: session, Refetch: true})
	require.NoError(t, h.env.GetWorkflowError())
	require.Empty(t, h.checkedAt)
	require.Empty(t, h.manifests)
	require.Contains(t, h.details(), "Found in the manifest of another fetch")
}

func TestMissingObjectIsFetchedAgain(t *testing.T) {
	h := newHarness(t, success("a.wav", "b.wav"))
	sources := sourcesOf(t, "a.wav", "b.wav")
	h.found = manifestOf(workflows.OutcomeArchived, []string{"k/b.wav"}, recorded("a.wav", sources[0]), recorded("b.wav", sources[1]))
	result := h.run(workflows.FetchPolicy{})
	require.Equal(t, workflows.OutcomeArchived, result.Outcome)
	require.Equal(t, []string{"b.wav"}, h.downloads, "what is intact is not fetched again")
	require.Contains(t, h.details(), "objects are missing or changed: k/b.wav")
	require.Len(t, result.Recordings, 2)
	require.Equal(t, []string{"etag-1"}, h.replaces)
}

func TestMissingObjectThatTheVendorHasNoMoreIsDamage(t *testing.T) {
	for name, response := range map[string]response{
		"nothing is there":         answered("media_unavailable"),
		"it is not listed anymore": success("a.wav"),
	} {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t, response)
			sources := sourcesOf(t, "a.wav", "b.wav")
			h.found = manifestOf(workflows.OutcomeArchived, []string{"k/b.wav"}, recorded("a.wav", sources[0]), recorded("b.wav", sources[1]))
			result := h.run(workflows.FetchPolicy{})
			require.Equal(t, workflows.OutcomeDamaged, result.Outcome)
			require.Contains(t, result.Reason, "k/b.wav")
			require.Len(t, result.Recordings, 1, "what is intact stays in the proof")
		})
	}
}

func TestArchivedFileStaysInTheProof(t *testing.T) {
	h := newHarness(t, success("a.wav", "b.wav", "c.wav"), success("b.wav", "c.wav"))
	var tries atomic.Int64 // the files of a call are downloaded in parallel
	h.download = func(input fetchrecording.DownloadRecordingInput) (*workflows.Recording, error) {
		if tries.Add(1) <= 3 && input.File.FileName != "a.wav" {
			return nil, failWith(failure.MediaExpired, "expired")
		}
		return recordingOf(input), nil
	}
	result := h.run(workflows.FetchPolicy{})
	require.Equal(t, workflows.OutcomeArchived, result.Outcome)
	var names []string
	for _, recording := range result.Recordings {
		names = append(names, recording.FileName)
		require.Equal(t, recording.FileName == "a.wav", recording.NoLongerListed, recording.FileName)
	}
	require.Equal(t, []string{"b.wav", "c.wav", "a.wav"}, names)
}

// Something else in the store rewrites the objects, again and again.
func TestObjectsThatKeepChangingEndTheFetch(t *testing.T) {
	for name, found := range map[string]func(fetchrecording.FindArchivedInput) (*fetchrecording.FindArchivedResult, error){
		"at a first fetch": nil,
		"at a repair":      manifestOf(workflows.OutcomeArchived, []string{"k/a.wav"}, recorded("a.wav", "s")),
	} {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t, success("a.wav"))
			h.found = found
			h.write = func(input fetchrecording.WriteManifestInput) (*fetchrecording.WriteManifestResult, error) {
				if len(input.Result.Recordings) > 0 {
					return nil, failWith(failure.ArchiveChanged, "the object is not what was put there")
				}
				h.manifests = append(h.manifests, input.Result)
				return &fetchrecording.WriteManifestResult{Result: input.Result}, nil
			}
			result := h.run(workflows.FetchPolicy{})
			require.NotEqual(t, workflows.OutcomeArchived, result.Outcome)
			require.LessOrEqual(t, len(h.checkedAt), 12)
			require.LessOrEqual(t, len(h.downloads), 12)
		})
	}
}

// A run that continued as new knows its archived files, but not the vendor's list.
func TestNoManifestSaysArchivedWithoutAFile(t *testing.T) {
	h := newHarness(t, answered("failed"), success("a.wav"))
	h.env.SetContinuedExecutionRunID("the run before")
	state := fetchrecording.State{StartedAt: startTime, GiveUpAt: startTime.Add(720 * time.Hour), StatusChecks: 3,
		Done: []workflows.Recording{recorded("a.wav", "s")}}
	h.write = func(input fetchrecording.WriteManifestInput) (*fetchrecording.WriteManifestResult, error) {
		if input.Result.Outcome != workflows.OutcomeArchived && len(input.Result.Recordings) > 0 {
			require.False(t, input.Result.Recordings[0].NoLongerListed, "the list is not known")
			return nil, failWith(failure.ArchiveChanged, "the object is not what was put there")
		}
		h.manifests = append(h.manifests, input.Result)
		return &fetchrecording.WriteManifestResult{Result: input.Result}, nil
	}
	h.executeInput(fetchrecording.Input{FetchRequest: workflows.FetchRequest{Session: session}, Resume: &state})
	require.NoError(t, h.env.GetWorkflowError())
	require.Equal(t, workflows.OutcomeArchived, h.manifests[0].Outcome)
	require.Len(t, h.manifests[0].Recordings, 1)
}
