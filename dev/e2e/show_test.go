package e2e_test

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/dev/internal/system"
	"github.com/callvault/callvault/internal/simulator"
	"github.com/callvault/callvault/workflows"
)

func TestShowAndOpenTellOfACallAndLetItBeHeard(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.StartWorker()
	file := system.Recording("caller.wav", 200_000)
	sessionID := h.AddSession([]simulator.Step{{Status: simulator.StatusMediaInProgress, Calls: 1}, {Status: simulator.StatusSuccess}}, file)
	asleep := h.AddSession([]simulator.Step{{Status: simulator.StatusPartialDownloadFailed}})
	waiting := h.Execute(asleep, workflows.FetchPolicy{})
	result := h.Result(h.Execute(sessionID, workflows.FetchPolicy{PollMin: time.Second, PollMax: time.Second}))
	h.RequireArchived(result, file)

	open := h.StartStarter("open", sessionID, "--reason", "complaint 12")
	require.Zero(t, open.ExitCode(h.Ctx), open.Stderr)
	link := strings.TrimSpace(open.Stdout.String())
	response := get(t, link)
	require.Equal(t, http.StatusOK, response.status)
	require.Equal(t, result.Recordings[0].SHA256, response.sha256)
	require.Equal(t, "audio/wav", response.header.Get("Content-Type"))
	require.Equal(t, "inline; filename=caller.wav", response.header.Get("Content-Disposition"))
	require.Equal(t, http.StatusForbidden, get(t, strings.Replace(link, "caller.wav", "manifest.json", 1)).status, "it is good for one object")
	require.NotEqual(t, http.StatusOK, get(t, strings.Replace(link, "X-Amz-Expires=900", "X-Amz-Expires=43200", 1)).status, "and for its time")

	show := h.StartStarter("show", sessionID)
	require.Zero(t, show.ExitCode(h.Ctx), show.Stderr)
	page := show.Stdout.String()
	for _, part := range []string{
		"session " + sessionID + " of bot " + system.Bot + ": archived\n", "1. caller.wav  200,000 bytes  wav  in the archive", result.Recordings[0].SHA256,
		"media_in_progress  once", "check 1: media_in_progress", "waits 1", "check 2: success (the URL is generated), 1 file(s): caller.wav",
		"written at", "by worker", ", build ", "of the worker\n", "links that were given to somebody: 1", "caller.wav, until ", ": complaint 12", "started by ", "ended: archived",
	} {
		require.Contains(t, page, part)
	}
	require.NotContains(t, page, "X-Amz")
	require.NotContains(t, page, "not known:")

	h.AwaitPhase(waiting.GetID(), workflows.PhasePartialWait)
	show = h.StartStarter("show", asleep, "--output", "json")
	require.Equal(t, 1, show.ExitCode(h.Ctx), show.Stderr)
	var shown struct {
		Archived bool
		Progress workflows.FetchProgress
		Runs     []struct{ Events []struct{ Kind string } }
	}
	show.DecodeStdout(&shown)
	require.False(t, shown.Archived)
	require.Equal(t, workflows.PhasePartialWait, shown.Progress.Phase)
	require.Equal(t, "wait", shown.Runs[0].Events[len(shown.Runs[0].Events)-1].Kind)

	open = h.StartStarter("open", asleep)
	require.Equal(t, 1, open.ExitCode(h.Ctx))
	require.Empty(t, open.Stdout.String())
	for _, key := range h.Keys(h.Ctx) {
		require.NotContains(t, string(h.Object(h.Ctx, key)), "X-Amz-Signature", "%s: the link is kept nowhere", key)
	}
	h.RequireNoLeaks()
}

type heard struct {
	status int
	sha256 string
	header http.Header
}

// get reads what is behind a link.
func get(t *testing.T, link string) heard {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, link, nil)
	require.NoError(t, err)
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	hash := sha256.New()
	_, err = io.Copy(hash, response.Body)
	require.NoError(t, err)
	return heard{response.StatusCode, hex.EncodeToString(hash.Sum(nil)), response.Header}
}
