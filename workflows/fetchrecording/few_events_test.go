package fetchrecording_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/callvault/callvault/internal/failure"
	"github.com/callvault/callvault/workflows"
	"github.com/callvault/callvault/workflows/fetchrecording"
)

// The version of the code costs two events in a history; a million recordings that are
// started by package workflows are spared them, whatever they wait for.
func TestOnlyAFetchWithoutTheMemoRecordsItsVersion(t *testing.T) {
	for name, row := range map[string]struct {
		responses []response
		fromJSON  bool
		memo      map[string]any
		recorded  bool
	}{
		"archived at once":            {responses: []response{success("a.wav")}},
		"after a wait":                {responses: []response{answered("media_in_progress"), success("a.wav")}},
		"failed":                      {responses: []response{answered("failed")}},
		"started from JSON":           {responses: []response{success("a.wav")}, fromJSON: true, recorded: true},
		"from JSON, after a wait":     {responses: []response{answered("media_in_progress"), success("a.wav")}, fromJSON: true, recorded: true},
		"by a starter from before":    {responses: []response{success("a.wav")}, fromJSON: true, memo: map[string]any{workflows.MemoFlow: 1}, recorded: true},
		"by a starter of few events":  {responses: []response{success("a.wav")}, fromJSON: true, memo: map[string]any{workflows.MemoFlow: 2}},
		"by a starter that is newer":  {responses: []response{success("a.wav")}, fromJSON: true, memo: map[string]any{workflows.MemoFlow: 99}},
		"with a memo that is no flow": {responses: []response{success("a.wav")}, fromJSON: true, memo: map[string]any{workflows.MemoFlow: "two"}, recorded: true},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t, row.responses...)
			h.fromJSON = row.fromJSON
			if row.memo != nil {
				require.NoError(t, h.env.SetMemoOnStart(row.memo))
			}
			for change, newest := range map[string]workflow.Version{"few-events": 2, "after-v0.1.0": 1} {
				h.env.OnGetVersion(change, workflow.DefaultVersion, newest).Return(newest).Maybe()
			}
			h.run(workflows.FetchPolicy{})
			const mocked = "workflow.GetVersion_" // The SDK's name of the call.
			if row.recorded {
				h.env.AssertWorkflowCalled(t, mocked+"few-events", "few-events", workflow.DefaultVersion, workflow.Version(2))
			} else {
				h.env.AssertWorkflowNotCalled(t, mocked+"few-events", "few-events", workflow.DefaultVersion, workflow.Version(2))
			}
			h.env.AssertWorkflowNotCalled(t, mocked+"after-v0.1.0", "after-v0.1.0", workflow.DefaultVersion, workflow.Version(1))
			require.Empty(t, h.findQueue, "it goes the new way")
		})
	}
}

// A fetch that began under an older version goes on as it would have.
func TestFetchFromBeforeGoesTheOldWay(t *testing.T) {
	h := newHarness(t, success("a.wav"))
	h.fromJSON = true
	h.env.OnGetVersion("few-events", workflow.DefaultVersion, workflow.Version(2)).Return(workflow.DefaultVersion)
	h.env.OnGetVersion("after-v0.1.0", workflow.DefaultVersion, workflow.Version(1)).Return(workflow.Version(1)).Maybe()
	h.run(workflows.FetchPolicy{})
	require.Zero(t, h.executed[fetchrecording.FindArchivedHere])
	require.NotEmpty(t, h.findQueue)
	require.Equal(t, 1, h.executed[fetchrecording.WriteManifest])
}

func TestWorkerThatCannotTellWhatIsArchivedLeavesItToTheBotsWorkers(t *testing.T) {
	for name, prepare := range map[string]func(*harness){
		"it does not serve the bot": func(h *harness) { h.notHere = true },
		"its step fails": func(h *harness) {
			failed := false
			h.found = func(fetchrecording.FindArchivedInput) (*fetchrecording.FindArchivedResult, error) {
				if failed {
					return &fetchrecording.FindArchivedResult{Place: &fetchrecording.Place{Account: "acme"}}, nil
				}
				failed = true
				return nil, failWith(failure.ArchiveUnavailable, "connection refused")
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t, success("a.wav"))
			prepare(h)
			require.Equal(t, workflows.OutcomeArchived, h.run(workflows.FetchPolicy{}).Outcome)
			require.Equal(t, "callvault-bot/"+botID, h.findQueue)
			require.Equal(t, 1, h.executed[fetchrecording.FindArchivedHere], "it is asked once")
			require.Len(t, h.checkedAt, 1)
		})
	}
}

func TestOnlyTheFirstStepOfARunIsTakenHere(t *testing.T) {
	h := newHarness(t, success("a.wav"))
	h.download = func(input fetchrecording.DownloadRecordingInput) (*workflows.Recording, error) {
		if h.downloadCount() == 1 {
			return nil, failWith(failure.AlreadyArchived, "another fetch has archived the session meanwhile")
		}
		return recordingOf(input), nil
	}
	require.Equal(t, workflows.OutcomeArchived, h.run(workflows.FetchPolicy{}).Outcome)
	require.Equal(t, 1, h.executed[fetchrecording.FindArchivedHere])
	require.NotEmpty(t, h.findQueue)
}

// What proves an outcome does not depend on which activity wrote it.
func TestManifestOfADownloadIsTheOneThatWriteManifestWrites(t *testing.T) {
	lost := []workflows.Recording{recorded("a.wav", sourcesOf(t, "a.wav")[0])}
	for name, prepare := range map[string]func(*harness){
		"at once":      func(*harness) {},
		"after a wait": func(h *harness) { h.responses = []response{answered("media_in_progress"), success("a.wav")} },
		"a repair": func(h *harness) {
			h.found = func(fetchrecording.FindArchivedInput) (*fetchrecording.FindArchivedResult, error) {
				return &fetchrecording.FindArchivedResult{
					Place:  &fetchrecording.Place{Account: "acme"},
					Result: &workflows.FetchResult{Session: session, Outcome: workflows.OutcomeArchived, Recordings: lost},
					ETag:   "theirs", Damaged: []string{lost[0].Key},
				}, nil
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			var written []*harness
			for _, alone := range []bool{false, true} {
				h := newHarness(t, success("a.wav"))
				h.alone = alone
				prepare(h)
				h.run(workflows.FetchPolicy{})
				require.Equal(t, alone, h.executed[fetchrecording.WriteManifest] == 1)
				require.Len(t, h.downloads, 1, "nothing is fetched twice")
				written = append(written, h)
			}
			along, after := written[0], written[1]
			require.WithinDuration(t, after.manifests[0].FinishedAt, along.manifests[0].FinishedAt, time.Second)
			along.manifests[0].FinishedAt = after.manifests[0].FinishedAt
			require.Equal(t, after.manifests, along.manifests)
			require.Equal(t, after.replaces, along.replaces)
			require.Len(t, along.evidence[0], len(after.evidence[0]))
			for i, seen := range after.evidence[0] {
				require.Equal(t, seen.Status, along.evidence[0][i].Status)
				require.Equal(t, seen.Count, along.evidence[0][i].Count)
			}
		})
	}
}

func TestManifestThatADownloadCouldNotWriteIsWrittenAfterIt(t *testing.T) {
	h := newHarness(t, success("a.wav"))
	attempts := 0
	h.write = func(input fetchrecording.WriteManifestInput) (*fetchrecording.WriteManifestResult, error) {
		if attempts++; attempts == 1 {
			return nil, failWith(failure.ArchiveBlocked, "access denied")
		}
		h.manifests = append(h.manifests, input.Result)
		return &fetchrecording.WriteManifestResult{Result: input.Result}, nil
	}
	result := h.run(workflows.FetchPolicy{})
	require.Equal(t, workflows.OutcomeArchived, result.Outcome)
	require.Len(t, result.Recordings, 1)
	require.Len(t, h.downloads, 1, "the file is in the archive")
	require.Equal(t, 1, h.executed[fetchrecording.WriteManifest])
}

// Which recordings a manifest names, and whether the session is archived, is known only
// after the downloads then.
func TestDownloadWritesNoManifestThatHasToWaitForADecision(t *testing.T) {
	for name, row := range map[string]struct {
		files []string
		found func() *fetchrecording.FindArchivedResult
	}{
		"two files": {files: []string{"a.wav", "b.wav"}},
		"a lost file is not listed": {files: []string{"a.wav"}, found: func() *fetchrecording.FindArchivedResult {
			lost := recorded("lost.wav", "the source of another")
			return &fetchrecording.FindArchivedResult{
				Result: &workflows.FetchResult{Outcome: workflows.OutcomeArchived, Recordings: []workflows.Recording{lost}}, Damaged: []string{lost.Key},
			}
		}},
		"another file is intact": {files: []string{"a.wav"}, found: func() *fetchrecording.FindArchivedResult {
			lost, kept := recorded("a.wav", sourcesOf(t, "a.wav")[0]), recorded("kept.wav", "kept")
			return &fetchrecording.FindArchivedResult{
				Result: &workflows.FetchResult{Outcome: workflows.OutcomeArchived, Recordings: []workflows.Recording{lost, kept}}, Damaged: []string{lost.Key},
			}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t, success(row.files...))
			if row.found != nil {
				h.found = func(fetchrecording.FindArchivedInput) (*fetchrecording.FindArchivedResult, error) {
					return row.found(), nil
				}
			}
			h.download = func(input fetchrecording.DownloadRecordingInput) (*workflows.Recording, error) {
				require.Nil(t, input.Manifest)
				return recordingOf(input), nil
			}
			h.run(workflows.FetchPolicy{})
			require.Equal(t, 1, h.executed[fetchrecording.WriteManifest])
		})
	}
}

// Each phase that is shown costs a billable action.
func TestOnlyADownloadThatFollowsAWaitIsShownByTheSearchAttribute(t *testing.T) {
	for name, row := range map[string]struct {
		responses []response
		failures  []failure.Kind // of the downloads
		fromJSON  bool
		shown     []string
	}{
		"one file":            {responses: []response{success("a.wav")}, shown: []string{"archived"}},
		"one file, from JSON": {responses: []response{success("a.wav")}, fromJSON: true, shown: []string{"checking", "archived"}},
		"two files":           {responses: []response{success("a.wav", "b.wav")}, shown: []string{"archiving", "archived"}},
		"after a wait":        {responses: []response{answered("media_in_progress"), success("a.wav")}, shown: []string{"media_in_progress", "archiving", "archived"}},
		"store was down":      {responses: []response{success("a.wav")}, failures: []failure.Kind{failure.ArchiveUnavailable}, shown: []string{"archiving", "archived"}},
		"URL had expired":     {responses: []response{success("a.wav")}, failures: []failure.Kind{failure.MediaExpired}, shown: []string{"archiving", "archived"}},
		"store was blocked":   {responses: []response{success("a.wav")}, failures: []failure.Kind{failure.ArchiveBlocked}, shown: []string{"blocked", "archiving", "archived"}},
		"API was down":        {responses: []response{{code: 503}, success("a.wav")}, shown: []string{"archived"}},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t, row.responses...)
			h.fromJSON = row.fromJSON
			if !row.fromJSON {
				require.NoError(t, h.env.SetTypedSearchAttributesOnStart(workflows.FetchRequest{Session: session}.SearchAttributes()))
			}
			var shown []string
			h.env.OnUpsertTypedSearchAttributes(mock.MatchedBy(func(attributes temporal.SearchAttributes) bool {
				if phase, ok := attributes.GetKeyword(workflows.SearchAttributePhase); ok {
					shown = append(shown, phase)
				}
				return true
			})).Return(nil)
			downloading := 0
			h.env.SetOnActivityStartedListener(func(info *activity.Info, _ context.Context, _ converter.EncodedValues) { // The workflow waits meanwhile.
				if info.ActivityType.Name == fetchrecording.DownloadRecording {
					downloading++
					require.Equal(t, workflows.PhaseArchiving, h.progress().Phase, "the query says it")
				}
			})
			h.download = func(input fetchrecording.DownloadRecordingInput) (*workflows.Recording, error) {
				if n := h.downloadCount(); n <= len(row.failures) {
					return nil, failWith(row.failures[n-1], "the text")
				}
				return recordingOf(input), nil
			}
			h.run(workflows.FetchPolicy{})
			require.Positive(t, downloading)
			require.Equal(t, row.shown, slices.Compact(shown), fmt.Sprint(row.responses))
		})
	}
}
