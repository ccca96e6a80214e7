// Package e2e_test tests callvault as its users meet it: the binaries worker,
// starter and dev run as processes against a real Temporal server and a real
// S3 store. Only the vendor is a stand-in.
package e2e_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/callvault/callvault/dev/internal/datadir"
	"github.com/callvault/callvault/dev/internal/ports"
	"github.com/callvault/callvault/dev/internal/stack"
	"github.com/callvault/callvault/internal/simulator"
)

const (
	// prepareLimit bounds the build, which is long on a machine that has never
	// built the servers, and the start of the servers.
	prepareLimit = 15 * time.Minute

	// sideBySide is how many tests run at a time. They wait far more than they
	// compute, so it is not the number of processors.
	sideBySide = "10"
)

// servers are the one Temporal server and the one S3 store of all tests. Each
// test has a namespace, a bucket and a stand-in of its own; see world.
var servers *stack.Stack

// serverFolder holds all that the servers keep.
var serverFolder string

// The binaries under test.
var workerBinary, starterBinary, devBinary string

func TestMain(m *testing.M) {
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		os.Exit(1)
	}
	os.Exit(code)
}

func run(m *testing.M) (code int, err error) {
	if err := allowSideBySide(); err != nil {
		return 0, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), prepareLimit)
	defer cancel()

	folder, err := os.MkdirTemp("", "callvault-e2e-")
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	// Before the servers: the store moves this process into its own folder.
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

// allowSideBySide sets go test's flag -parallel unless it was given.
func allowSideBySide() error {
	flag.Parse()
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "test.parallel" })
	if given {
		return nil
	}
	return flag.Set("test.parallel", sideBySide)
}

// build makes the binaries: worker and starter from the main module alone, as
// a deployment does, and dev from its own.
func build(ctx context.Context, folder string) error {
	root, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		return err
	}
	workerBinary = filepath.Join(folder, "worker")
	starterBinary = filepath.Join(folder, "starter")
	devBinary = filepath.Join(folder, "dev")
	for _, target := range []struct {
		binary, module, from string
		environment          []string
	}{
		{workerBinary, root, "./worker", []string{"GOWORK=off"}},
		{starterBinary, root, "./starter", []string{"GOWORK=off"}},
		{devBinary, filepath.Join(root, "dev"), ".", nil},
	} {
		command := exec.CommandContext(ctx, "go", "build", "-o", target.binary, target.from)
		command.Dir = target.module
		command.Env = append(os.Environ(), target.environment...)
		if output, err := command.CombinedOutput(); err != nil {
			return fmt.Errorf("build %s: %w\n%s", target.from, err, output)
		}
	}
	return nil
}
