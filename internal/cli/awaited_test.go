package cli_test

import (
	"bytes"
	"context"
	"strings"
	"sync"

	"github.com/callvault/callvault/internal/cli"
)

// awaited closes found once a text was written to it.
type awaited struct {
	text  string
	found chan struct{}

	mu      sync.Mutex
	written bytes.Buffer
	once    sync.Once
}

func newAwaited(text string) *awaited { return &awaited{text: text, found: make(chan struct{})} }

func (a *awaited) Write(p []byte) (int, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.written.Write(p)
	if strings.Contains(a.written.String(), a.text) {
		a.once.Do(func() { close(a.found) })
	}
	return len(p), nil
}

// runInto is [run] with stderr where somebody waits for a text.
func runInto(ctx context.Context, stderr *awaited, args ...string) outcome {
	var stdout bytes.Buffer
	code := cli.Run(ctx, args, &stdout, stderr)
	stderr.mu.Lock()
	defer stderr.mu.Unlock()
	return outcome{code, stdout.String(), stderr.written.String()}
}
