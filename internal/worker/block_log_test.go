package worker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	sdkworker "go.temporal.io/sdk/worker"

	"github.com/callvault/callvault/internal/failure"
)

func blocked(kind failure.Kind, text string) error {
	return temporal.NewNonRetryableApplicationError(text, string(kind), nil)
}

func TestBlockIsLoggedOncePerCause(t *testing.T) {
	var out bytes.Buffer
	log := newBlockLog(slog.New(slog.NewTextHandler(&out, nil)).With("upstream", "smartassist.example.com"))
	lines := func() []string {
		defer out.Reset()
		return strings.Split(strings.TrimSpace(out.String()), "\n")
	}
	for i := range 50 {
		fetch := fmt.Sprint("fetch ", i)
		log.observe("CheckStatus", fetch, blocked(failure.Blocked, "Permission denied. Scope is incorrect!"))
		log.observe("CheckStatus", "of another bot", nil)
		log.observe("WriteManifest", fetch, blocked(failure.ArchiveBlocked, fmt.Sprintf("write s3://recordings/st-1/%024x/manifest.json: AccessDenied", i)))
		log.observe("FindArchived", fetch, blocked(failure.BotNotServed, "no worker of this namespace serves bot st-9"))
		log.observe("DownloadRecording", fetch, blocked(failure.MediaRefused, "403")) // not an operator's
		log.observe("CheckStatus", fetch, errors.New("a crash"))
	}
	got := lines()
	require.Len(t, got, 3, "another bot's success ends nothing")
	for _, line := range got {
		require.Contains(t, line, "level=WARN")
		require.Contains(t, line, "fetches are blocked")
		require.Contains(t, line, "upstream=smartassist.example.com")
	}
	require.Contains(t, got[0], "Scope is incorrect!")

	log.observe("CheckStatus", "fetch 49", nil)
	log.observe("CheckStatus", "fetch 49", nil)
	got = lines()
	require.Len(t, got, 1, "the store is blocked still")
	require.Contains(t, got[0], "level=WARN")
	require.Contains(t, got[0], "no longer blocked")
	require.Contains(t, got[0], "CheckStatus")

	log.observe("CheckStatus", "fetch 1", blocked(failure.Blocked, "Permission denied. Scope is incorrect!"))
	require.Len(t, lines(), 1, "it is blocked again")
}

func TestCausesAreBounded(t *testing.T) {
	var out bytes.Buffer
	log := newBlockLog(slog.New(slog.NewTextHandler(&out, nil)))
	block := func(i int) { log.observe("CheckStatus", "a fetch", blocked(failure.Blocked, fmt.Sprint("cause ", i))) }
	for i := range maxCauses {
		block(i)
	}
	block(0) // It was met again, so that cause 1 is the oldest.
	block(maxCauses)
	require.Len(t, log.causes, maxCauses)
	out.Reset()
	block(0)
	block(maxCauses)
	require.Empty(t, out.String(), "they are known")
	block(1)
	require.Contains(t, out.String(), "cause 1")
}

func TestBlockLogObservesActivities(t *testing.T) {
	var out bytes.Buffer
	var suite testsuite.WorkflowTestSuite
	environment := suite.NewTestActivityEnvironment()
	environment.SetWorkerOptions(sdkworker.Options{Interceptors: []interceptor.WorkerInterceptor{newBlockLog(slog.New(slog.NewTextHandler(&out, nil)))}})
	environment.RegisterActivityWithOptions(func(context.Context) error { return blocked(failure.Blocked, "the cause") }, activity.RegisterOptions{Name: "CheckStatus"})
	_, err := environment.ExecuteActivity("CheckStatus")
	require.Error(t, err)
	require.Contains(t, out.String(), "activity=CheckStatus")
}
