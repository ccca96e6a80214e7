// Package system runs callvault for tests as its users run it: the binaries worker,
// starter and dev are processes that use a real Temporal server and a real S3 store.
// Only SmartAssist is simulated.
package system

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

// servers are the Temporal server and the S3 store that all tests of a package share.
// Each test has its own namespace, bucket and simulator; see [Harness].
var servers *stack.Stack

// serverFolder is the data folder of the servers.
var serverFolder string

// Repository is the main module's folder.
var Repository string

// WorkerBinary and StarterBinary are the paths of the binaries under test.
var (
	WorkerBinary  string
	StarterBinary string
)

// DevBinary builds the binary dev for the first test that needs it: it holds a Temporal
// server, so it takes longer to link than the others together.
var DevBinary func() (string, error)

// RunTests builds the binaries, starts the servers, runs the tests of a package and exits.
// It is the whole of the package's TestMain.
func RunTests(m *testing.M) {
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "the system under test:", err)
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
		Upstream:     simulator.Config{EnforceJTI: true, CallsPerMinute: CallsPerMinute, CallsPerHour: CallsPerHour},
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
	if Repository, err = findRepository(); err != nil {
		return err
	}
	WorkerBinary, StarterBinary = filepath.Join(folder, "worker"), filepath.Join(folder, "starter")
	for binary, pkg := range map[string]string{WorkerBinary: "./worker", StarterBinary: "./starter"} {
		if err := buildBinary(ctx, binary, Repository, pkg, "GOWORK=off"); err != nil {
			return err
		}
	}
	DevBinary = sync.OnceValues(func() (string, error) {
		ctx, cancel := context.WithTimeout(context.Background(), setupTimeout)
		defer cancel()
		binary := filepath.Join(folder, "dev")
		return binary, buildBinary(ctx, binary, filepath.Join(Repository, "dev"), ".")
	})
	return nil
}

// findRepository returns the folder above the test's that holds the workspace.
func findRepository() (string, error) {
	folder, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(folder, "go.work")); err == nil {
			return folder, nil
		}
		if filepath.Dir(folder) == folder {
			return "", errors.New("no folder above this one holds go.work")
		}
		folder = filepath.Dir(folder)
	}
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
