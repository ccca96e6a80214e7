package bench_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// process is a running worker, or a store.
type process struct {
	command *exec.Cmd
	log     string
	ended   chan struct{}
}

var processes atomic.Int64

// startProcess starts a program. It has no more of the environment than that, PATH and HOME.
func startProcess(b testing.TB, environment []string, program string, arguments ...string) *process {
	b.Helper()
	folder := *keepLogs
	if folder == "" {
		folder = b.TempDir()
	}
	p := &process{
		command: exec.Command(program, arguments...),
		log:     filepath.Join(folder, fmt.Sprintf("%s-%d.log", strings.ReplaceAll(b.Name(), "/", "-"), processes.Add(1))),
		ended:   make(chan struct{}),
	}
	log, err := os.Create(p.log)
	require.NoError(b, err)
	p.command.Dir = b.TempDir()
	p.command.Env = append(slices.Clone(environment), "PATH="+os.Getenv("PATH"), "HOME="+p.command.Dir)
	p.command.Stdout, p.command.Stderr = log, log
	require.NoError(b, p.command.Start())
	go func() {
		defer close(p.ended)
		_ = p.command.Wait() // It is always killed.
		_ = log.Close()
	}()
	b.Cleanup(p.kill)
	return p
}

// kill sends SIGKILL, as in a crash, and waits for the end of the process.
func (p *process) kill() {
	_ = p.command.Process.Kill() // It may have ended.
	<-p.ended
}

func (p *process) output() []byte {
	content, _ := os.ReadFile(p.log) // An empty one says enough.
	return content
}

// awaitReady waits until the worker serves all accounts.
func (p *process) awaitReady(b testing.TB, accounts int) {
	b.Helper()
	require.Eventually(b, func() bool {
		select {
		case <-p.ended:
			require.FailNow(b, "the worker ended", "%s", p.output())
		default:
		}
		return bytes.Count(p.output(), []byte("the worker serves")) == accounts
	}, time.Minute, 20*time.Millisecond, "%s", p.output())
}

// usage is what a process has used.
type usage struct {
	cpu time.Duration
	rss int // bytes
}

// ticksPerSecond is Linux's unit of CPU time in /proc.
const ticksPerSecond = 100

func (p *process) usage(b testing.TB) usage {
	b.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.command.Process.Pid))
	require.NoError(b, err)
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	number := func(i int) int {
		n, err := strconv.Atoi(fields[i])
		require.NoError(b, err)
		return n
	}
	// After the name: the state is field 0, so utime is 11, stime 12 and rss 21.
	return usage{
		cpu: time.Duration(number(11)+number(12)) * time.Second / ticksPerSecond,
		rss: number(21) * os.Getpagesize(),
	}
}

// loadAverage returns the machine's load of the last minute.
func loadAverage(b testing.TB) float64 {
	b.Helper()
	content, err := os.ReadFile("/proc/loadavg")
	require.NoError(b, err)
	load, err := strconv.ParseFloat(strings.Fields(string(content))[0], 64)
	require.NoError(b, err)
	return load
}
