package system

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

// Process is a running binary under test.
type Process struct {
	t              testing.TB
	name           string
	command        *exec.Cmd
	Stdout, Stderr *output
	ended          chan struct{}
}

// StartProcess starts binary with the given environment only, so that the
// developer's own settings have no effect. The process ends with the test.
func StartProcess(t testing.TB, name, binary string, environment Environment, arguments ...string) *Process {
	t.Helper()
	p := &Process{
		t: t, name: name,
		command: exec.CommandContext(t.Context(), binary, arguments...),
		Stdout:  newOutput(), Stderr: newOutput(),
		ended: make(chan struct{}),
	}
	p.command.Dir = t.TempDir()
	p.command.Env = append(environment.list(), "PATH="+os.Getenv("PATH"), "HOME="+p.command.Dir)
	p.command.Stdout, p.command.Stderr = p.Stdout, p.Stderr
	require.NoError(t, p.command.Start())
	go func() {
		defer close(p.ended)
		_ = p.command.Wait() // The tests check the exit code.
		p.Stdout.end()
		p.Stderr.end()
	}()
	t.Cleanup(func() {
		p.Kill()
		if t.Failed() {
			t.Logf("%s %s: %s\nstdout:\n%s\nstderr:\n%s", name, strings.Join(arguments, " "), p.command.ProcessState, p.Stdout, p.Stderr)
		}
	})
	return p
}

// Kill sends SIGKILL, as in a crash, and waits for the end of the process.
func (p *Process) Kill() {
	if err := p.command.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		p.t.Errorf("%s: %v", p.name, err)
	}
	<-p.ended
}

// Signal sends a signal to the process.
func (p *Process) Signal(signal os.Signal) {
	p.t.Helper()
	require.NoError(p.t, p.command.Process.Signal(signal), p.name)
}

// ExitCode waits for the end of the process and returns its exit code.
func (p *Process) ExitCode(ctx context.Context) int {
	p.t.Helper()
	select {
	case <-p.ended:
		return p.command.ProcessState.ExitCode()
	case <-ctx.Done():
		require.FailNow(p.t, p.name+" did not exit", "%s\n%s", p.Stdout, p.Stderr)
		return 0
	}
}

// DecodeStdout decodes stdout, which must be exactly one JSON document.
func (p *Process) DecodeStdout(v any) {
	p.t.Helper()
	decoder := json.NewDecoder(strings.NewReader(p.Stdout.String()))
	require.NoError(p.t, decoder.Decode(v), "stdout is not JSON: %s\nstderr: %s", p.Stdout, p.Stderr)
	_, err := decoder.Token()
	require.ErrorIs(p.t, err, io.EOF, "stdout holds more than one JSON document: %s", p.Stdout)
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

// Await waits until the process has written text.
func (o *output) Await(ctx context.Context, t testing.TB, text string) {
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

// Environment holds environment variables by name.
type Environment map[string]string

// With returns a copy with the given names set to the given values.
func (e Environment) With(namesAndValues ...string) Environment {
	changed := make(Environment, len(e))
	for name, value := range e {
		changed[name] = value
	}
	for i := 0; i < len(namesAndValues); i += 2 {
		changed[namesAndValues[i]] = namesAndValues[i+1]
	}
	return changed
}

func (e Environment) list() []string {
	var list []string
	for name, value := range e {
		list = append(list, name+"="+value)
	}
	return list
}
