package e2e_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// process is a running binary under test.
type process struct {
	t              testing.TB
	name           string
	command        *exec.Cmd
	stdout, stderr *output
	ended          chan struct{}
}

// startProcess starts binary with the given environment only, so that the
// developer's own settings have no effect. The process ends with the test.
func startProcess(t testing.TB, name, binary string, environment environment, arguments ...string) *process {
	t.Helper()
	p := &process{
		t: t, name: name,
		command: exec.CommandContext(t.Context(), binary, arguments...),
		stdout:  newOutput(), stderr: newOutput(),
		ended: make(chan struct{}),
	}
	p.command.Dir = t.TempDir()
	p.command.Env = append(environment.list(), "PATH="+os.Getenv("PATH"), "HOME="+p.command.Dir)
	p.command.Stdout, p.command.Stderr = p.stdout, p.stderr
	require.NoError(t, p.command.Start())
	go func() {
		defer close(p.ended)
		_ = p.command.Wait() // The tests check the exit code.
		p.stdout.end()
		p.stderr.end()
	}()
	t.Cleanup(func() {
		p.kill()
		if t.Failed() {
			t.Logf("%s %s: %s\nstdout:\n%s\nstderr:\n%s", name, strings.Join(arguments, " "), p.command.ProcessState, p.stdout, p.stderr)
		}
	})
	return p
}

// kill sends SIGKILL, as in a crash, and waits for the end of the process.
func (p *process) kill() {
	if err := p.command.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		p.t.Errorf("%s: %v", p.name, err)
	}
	<-p.ended
}

// signal sends a signal to the process.
func (p *process) signal(signal os.Signal) {
	p.t.Helper()
	require.NoError(p.t, p.command.Process.Signal(signal), p.name)
}

// exitCode waits for the end of the process and returns its exit code.
func (p *process) exitCode(ctx context.Context) int {
	p.t.Helper()
	select {
	case <-p.ended:
		return p.command.ProcessState.ExitCode()
	case <-ctx.Done():
		require.FailNow(p.t, p.name+" did not exit", "%s\n%s", p.stdout, p.stderr)
		return 0
	}
}

// decodeStdout decodes stdout, which must be exactly one JSON document.
func (p *process) decodeStdout(v any) {
	p.t.Helper()
	decoder := json.NewDecoder(strings.NewReader(p.stdout.String()))
	require.NoError(p.t, decoder.Decode(v), "stdout is not JSON: %s\nstderr: %s", p.stdout, p.stderr)
	_, err := decoder.Token()
	require.ErrorIs(p.t, err, io.EOF, "stdout holds more than one JSON document: %s", p.stdout)
}

// output collects what a process writes and lets tests wait for a text.
type output struct {
	mu      sync.Mutex
	content bytes.Buffer
	ended   bool
	changed chan struct{} // closed and replaced at every write
}

func newOutput() *output { return &output{changed: make(chan struct{})} }

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.content.Write(p)
	o.notify()
	return len(p), nil
}

func (o *output) end() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.ended = true
	o.notify()
}

func (o *output) notify() {
	close(o.changed)
	o.changed = make(chan struct{})
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.content.String()
}

// await waits until the process has written text.
func (o *output) await(ctx context.Context, t testing.TB, text string) {
	t.Helper()
	for {
		o.mu.Lock()
		found, ended, changed := strings.Contains(o.content.String(), text), o.ended, o.changed
		o.mu.Unlock()
		switch {
		case found:
			return
		case ended:
			require.FailNow(t, "the process ended without printing "+text, o.String())
		}
		select {
		case <-changed:
		case <-ctx.Done():
			require.FailNow(t, "timed out before the process printed "+text, o.String())
		}
	}
}

// environment holds environment variables by name.
type environment map[string]string

// with returns a copy with the given names set to the given values.
func (e environment) with(namesAndValues ...string) environment {
	changed := make(environment, len(e))
	for name, value := range e {
		changed[name] = value
	}
	for i := 0; i < len(namesAndValues); i += 2 {
		changed[namesAndValues[i]] = namesAndValues[i+1]
	}
	return changed
}

func (e environment) list() []string {
	var list []string
	for name, value := range e {
		list = append(list, name+"="+value)
	}
	return list
}
