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

// process is a binary under test, started by a test and ended by its own pid.
type process struct {
	t              *testing.T
	name           string
	command        *exec.Cmd
	stdout, stderr *output
	ended          chan struct{}
}

// startProcess starts binary with the environment alone: nothing of the
// developer's own settings gets in. It does not outlive the test.
func startProcess(t *testing.T, name, binary string, environment environment, arguments ...string) *process {
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
		_ = p.command.Wait() // The exit code is what the tests look at.
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

// kill ends the process as a machine that loses its power does.
func (p *process) kill() {
	if err := p.command.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		p.t.Errorf("%s: %v", p.name, err)
	}
	<-p.ended
}

// signal asks the process to end.
func (p *process) signal(signal os.Signal) {
	p.t.Helper()
	require.NoError(p.t, p.command.Process.Signal(signal), p.name)
}

// exitCode waits for the end of the process.
func (p *process) exitCode(ctx context.Context) int {
	p.t.Helper()
	select {
	case <-p.ended:
		return p.command.ProcessState.ExitCode()
	case <-ctx.Done():
		require.FailNow(p.t, p.name+" does not end", "%s\n%s", p.stdout, p.stderr)
		return 0
	}
}

// decodeStdout decodes stdout, which must hold one JSON document and nothing
// else.
func (p *process) decodeStdout(v any) {
	p.t.Helper()
	decoder := json.NewDecoder(strings.NewReader(p.stdout.String()))
	require.NoError(p.t, decoder.Decode(v), "stdout is no JSON: %s\nstderr: %s", p.stdout, p.stderr)
	_, err := decoder.Token()
	require.ErrorIs(p.t, err, io.EOF, "stdout holds more than one JSON document: %s", p.stdout)
}

// output is what a process writes, and can be waited for.
type output struct {
	mu      sync.Mutex
	content bytes.Buffer
	over    bool
	changed chan struct{} // closed and replaced whenever something is written
}

func newOutput() *output { return &output{changed: make(chan struct{})} }

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.content.Write(p)
	o.tell()
	return len(p), nil
}

func (o *output) end() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.over = true
	o.tell()
}

func (o *output) tell() {
	close(o.changed)
	o.changed = make(chan struct{})
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.content.String()
}

// await waits until the process has written text.
func (o *output) await(ctx context.Context, t *testing.T, text string) {
	t.Helper()
	for {
		o.mu.Lock()
		found, over, changed := strings.Contains(o.content.String(), text), o.over, o.changed
		o.mu.Unlock()
		switch {
		case found:
			return
		case over:
			require.FailNow(t, "the process ended without a word of "+text, o.String())
		}
		select {
		case <-changed:
		case <-ctx.Done():
			require.FailNow(t, "the process says nothing of "+text, o.String())
		}
	}
}

// environment is a process's environment.
type environment map[string]string

// with is a copy with other values for some names.
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
