package bench_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/internal/secret"
	"github.com/callvault/callvault/internal/simulator"
	"github.com/callvault/callvault/internal/smartassist"
	"github.com/callvault/callvault/workflows"
)

// buildFloor builds the program that the transfers are measured against.
func buildFloor(b *testing.B) string {
	b.Helper()
	binary := filepath.Join(b.TempDir(), "floor")
	ctx, cancel := context.WithTimeout(b.Context(), setupTimeout)
	defer cancel()
	require.NoError(b, build(ctx, filepath.Join(root, "dev"), "./internal/bench/floor", binary))
	return binary
}

// runFloor transfers the sessions' recordings by the floor program, all at once, and returns
// its CPU time.
func (s *site) runFloor(binary string, to *ownStore, bucket string, all []workflows.Session, flags ...string) time.Duration {
	s.b.Helper()
	var list strings.Builder
	for i, session := range all {
		fmt.Fprintf(&list, "%s %d.wav\n", s.mediaURL(session), i)
	}
	command := exec.CommandContext(s.ctx, binary, append(flags, "-endpoint", to.endpoint, "-region", region, "-bucket", bucket)...)
	command.Env = []string{"PATH=" + os.Getenv("PATH"), "AWS_ACCESS_KEY_ID=" + accessKey, "AWS_SECRET_ACCESS_KEY=" + secretKey}
	command.Stdin = strings.NewReader(list.String())
	output, err := command.CombinedOutput()
	require.NoError(s.b, err, "%s", output)
	return command.ProcessState.UserTime() + command.ProcessState.SystemTime()
}

// mediaURL asks the vendor for the URL of a session's only recording.
func (s *site) mediaURL(session workflows.Session) string {
	s.b.Helper()
	token, _, err := smartassist.Credentials{ClientID: simulator.DefaultClientID, Key: secret.Value(clientSecret)}.Mint(session.BotID, time.Now())
	require.NoError(s.b, err)
	base, err := url.Parse(s.vendor.url)
	require.NoError(s.b, err)
	response, err := smartassist.NewClient(smartassist.Config{BaseURL: base}).FetchRecordings(s.ctx, token, session, "")
	require.NoError(s.b, err)
	require.Len(s.b, response.Files, 1)
	return response.Files[0].URL
}

// hashCost returns the CPU time of the SHA-256 of a gigabyte.
func hashCost(b *testing.B) time.Duration {
	b.Helper()
	runtime.LockOSThread() // The CPU time is that of the thread.
	defer runtime.UnlockOSThread()
	const block = 1_000_000
	data := make([]byte, block)
	hash := sha256.New()
	before := threadCPU(b)
	for range gigabyte / block {
		hash.Write(data)
	}
	return threadCPU(b) - before
}

func threadCPU(b *testing.B) time.Duration {
	b.Helper()
	const thread = 1 // Linux's RUSAGE_THREAD
	var used syscall.Rusage
	require.NoError(b, syscall.Getrusage(thread, &used))
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}
