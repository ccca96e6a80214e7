// Package e2e_test tests callvault as its users run it: the binaries worker,
// starter and dev run as processes against a real Temporal server and a real
// S3 store. Only SmartAssist is simulated.
package e2e_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/callvault/callvault/dev/internal/datadir"
	"github.com/callvault/callvault/dev/internal/ports"
	"github.com/callvault/callvault/dev/internal/stack"
	"github.com/callvault/callvault/internal/simulator"

	// What the binaries are built from: without these imports, go test would not run the
	// tests again when it has changed.
	_ "github.com/callvault/callvault/dev/internal/demo"
	_ "github.com/callvault/callvault/internal/cli"
	_ "github.com/callvault/callvault/internal/observe"
	_ "github.com/callvault/callvault/internal/worker"
)

const (
	// setupTimeout bounds the build, which is slow with an empty build cache,
	// and the start of the servers.
	setupTimeout = 15 * time.Minute

	// parallelTests is how many tests run at a time. They wait more than they compute, but
	// too many keep two processors so busy that slots come too late.
	parallelTests = "6"
)

// servers are the Temporal server and the S3 store that all tests share. Each
// test has its own namespace, bucket and simulator; see harness.
var servers *stack.Stack

// serverFolder is the data folder of the servers.
var serverFolder string

// repository is the main module's folder.
var repository string

// The binaries under test.
var workerBinary, starterBinary string

// devBinary builds the binary dev for the first test that needs it: it holds a Temporal
// server, so it takes longer to link than the others together.
var devBinary func() (string, error)

func TestMain(m *testing.M) {
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		os.Exit(1)
	}
	os.Exit(code)
}

func run(m *testing.M) (code int, err error) {
	if err := setParallelTests(); err != nil {
		return 0, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), setupTimeout)
	defer cancel()

	folder, err := os.MkdirTemp("", "callvault-e2e-")
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	// Before the servers start: the store changes the working directory.
	if err := build(ctx, folder); err != nil {
		return 0, err
	}

	data, err := datadir.Open(filepath.Join(folder, "data"))
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, data.Close()) }()
	serverFolder = data.Path()
	servers, err = stack.Start(ctx, stack.Options{
		Data:         data,
		Upstream:     simulator.Config{EnforceJTI: true, CallsPerMinute: callsPerMinute, CallsPerHour: callsPerHour},
		TemporalPort: ports.Any, UIPort: ports.Any, StorePort: ports.Any, UpstreamPort: ports.Any,
	})
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, servers.Stop()) }()
	return m.Run(), nil
}

// setParallelTests sets go test's flag -parallel unless it was given.
func setParallelTests() error {
	flag.Parse()
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "test.parallel" })
	if given {
		return nil
	}
	return flag.Set("test.parallel", parallelTests)
}

// build builds the binaries: worker and starter from the main module alone, as
// a deployment does, and dev from its own module.
func build(ctx context.Context, folder string) (err error) {
	if repository, err = filepath.Abs(filepath.Join("..", "..")); err != nil {
		return err
	}
	workerBinary, starterBinary = filepath.Join(folder, "worker"), filepath.Join(folder, "starter")
	for binary, pkg := range map[string]string{workerBinary: "./worker", starterBinary: "./starter"} {
		if err := buildBinary(ctx, binary, repository, pkg, "GOWORK=off"); err != nil {
			return err
		}
	}
	devBinary = sync.OnceValues(func() (string, error) {
		ctx, cancel := context.WithTimeout(context.Background(), setupTimeout)
		defer cancel()
		binary := filepath.Join(folder, "dev")
		return binary, buildBinary(ctx, binary, filepath.Join(repository, "dev"), ".")
	})
	return nil
}

// buildBinary builds a package of a module.
func buildBinary(ctx context.Context, binary, module, pkg string, environment ...string) error {
	command := exec.CommandContext(ctx, "go", "build", "-o", binary, pkg)
	command.Dir = module
	command.Env = append(os.Environ(), environment...)
	if output, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("build %s in %s: %w\n%s", pkg, module, err, output)
	}
	return nil
}
