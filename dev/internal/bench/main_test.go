package bench_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"go.temporal.io/server/common/dynamicconfig"

	"github.com/callvault/callvault/dev/internal/objectstore"
	"github.com/callvault/callvault/dev/internal/ports"
	"github.com/callvault/callvault/dev/internal/temporalserver"
)

const (
	// setupTimeout bounds the build, which is slow with an empty build cache, and the
	// start of the servers.
	setupTimeout = 15 * time.Minute

	accessKey = "callvault-bench"
	secretKey = "callvault-bench-secret"
	region    = "us-east-1"
)

var (
	sessions = flag.Int("sessions", 2000, "how many sessions are fetched")
	waiting  = flag.Int("waiting", 2000, "how many fetches of a backfill wait while single ones are started")
	starts   = flag.Int("starts", 10, "how many fetches are started in a second: more than calls are made, and as many as the machine can take")
	speed    = flag.Int("speed", 5, "how much faster the vendor's clock is")
	worker   = flag.String("worker", "", "the worker's binary; it is built if none is named")
	keepLogs = flag.String("logs", "", "folder in which the workers' output is kept")
	minioBin = flag.String("minio", "", "MinIO's binary, which the transfers are measured with too")
)

// The servers that all benchmarks share. Each has its own namespace, bucket and
// simulator.
var (
	temporal        *temporalserver.Server
	temporalOptions temporalserver.Options

	store *objectstore.Store
)

// workerBinary is the binary under test, and root the folder of the main module.
var workerBinary, root string

func TestMain(m *testing.M) {
	if folder := os.Getenv(gatewayFolder); folder != "" {
		fmt.Fprintln(os.Stderr, "bench:", serveGateway(folder))
		os.Exit(1)
	}
	flag.Parse()
	if flag.Lookup("test.bench").Value.String() == "" {
		os.Exit(m.Run()) // The other tests need no servers.
	}
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
	os.Exit(code)
}

func run(m *testing.M) (code int, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), setupTimeout)
	defer cancel()
	folder, err := os.MkdirTemp("", "callvault-bench-")
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	// Before the servers start: the store changes the working directory.
	if root, err = filepath.Abs(filepath.Join("..", "..", "..")); err != nil {
		return 0, err
	}
	if *minioBin != "" {
		if *minioBin, err = filepath.Abs(*minioBin); err != nil {
			return 0, err
		}
	}
	if *worker != "" {
		workerBinary, err = filepath.Abs(*worker)
	} else {
		workerBinary = filepath.Join(folder, "worker")
		err = build(ctx, root, "./worker", workerBinary)
	}
	if err != nil {
		return 0, err
	}
	if *keepLogs != "" {
		if *keepLogs, err = filepath.Abs(*keepLogs); err != nil {
			return 0, err
		}
		if err := os.MkdirAll(*keepLogs, 0o700); err != nil {
			return 0, err
		}
	}
	store, err = objectstore.Start(ctx, objectstore.Options{
		Dir:       filepath.Join(folder, "store"),
		AccessKey: accessKey, SecretKey: secretKey, Region: region, Port: ports.Any,
	})
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, store.Stop()) }()
	temporalOptions = temporalserver.Options{
		DataDir: filepath.Join(folder, "temporal"), FrontendPort: ports.Any, UIPort: ports.Any,
		DynamicConfig: serverDefaults(),
		Logger:        slog.New(slog.DiscardHandler),
	}
	if temporal, err = temporalserver.Start(ctx, temporalOptions); err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, temporal.Stop()) }()
	code = m.Run()
	printTable(os.Stdout)
	return code, nil
}

// serverDefaults undoes what package temporalserver changes of the server's defaults.
func serverDefaults() map[string]any {
	return map[string]any{
		dynamicconfig.MatchingNumTaskqueueReadPartitions.Key().String():           4,
		dynamicconfig.MatchingNumTaskqueueWritePartitions.Key().String():          4,
		dynamicconfig.FrontendMaxNamespaceVisibilityRPSPerInstance.Key().String(): 10,
		dynamicconfig.HistoryCacheHostLevelMaxSize.Key().String():                 128_000,
	}
}

// build builds a program of the module in a folder.
func build(ctx context.Context, module, program, binary string) error {
	command := exec.CommandContext(ctx, "go", "build", "-o", binary, program)
	command.Dir = module
	command.Env = append(os.Environ(), "GOWORK=off")
	if output, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("build %s: %w\n%s", program, err, output)
	}
	return nil
}
