// Command pictures takes pictures of the Temporal Web UI: of a waiting, an archived and a
// blocked fetch, of a batch and of a call budget. It starts the servers of ./dev and a worker,
// brings the workflows into these states, and has a headless Chromium, which has to be
// installed, look at them. Those that the README shows are written into docs/pictures.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"

	"github.com/callvault/callvault/dev/internal/datadir"
	"github.com/callvault/callvault/dev/internal/ports"
	"github.com/callvault/callvault/dev/internal/stack"
	"github.com/callvault/callvault/internal/simulator"
)

// limit bounds the whole run.
const limit = 5 * time.Minute

// shown are the pictures that the README shows.
var shown = []string{"fetch-blocked", "batch"}

func main() {
	out := flag.String("out", filepath.Join("docs", "pictures"), "folder of the pictures")
	all := flag.Bool("all", false, "take all pictures, not only those that the README shows")
	flag.Parse()
	if err := take(*out, *all); err != nil {
		fmt.Fprintln(os.Stderr, "pictures:", err)
		os.Exit(1)
	}
}

// take takes the pictures within the limit, unless it is interrupted.
func take(out string, all bool) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("the pictures took longer than %s", limit))
	defer cancel()
	err := run(ctx, out, all)
	if cause := context.Cause(ctx); err != nil && cause != nil {
		return fmt.Errorf("%w (%w)", err, cause)
	}
	return err
}

func run(ctx context.Context, out string, all bool) (err error) {
	out, err = filepath.Abs(out) // The store moves the process into its folder.
	if err != nil {
		return err
	}
	if err := os.MkdirAll(out, 0o750); err != nil {
		return err
	}
	folder, err := os.MkdirTemp("", "callvault-pictures-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	data, err := datadir.Open(folder)
	if err != nil {
		return err
	}
	defer data.Close()
	servers, err := stack.Start(ctx, stack.Options{
		Data:         data,
		Upstream:     simulator.Config{EnforceJTI: true, CallsPerMinute: 60, CallsPerHour: 1800},
		TemporalPort: ports.Any, UIPort: ports.Any, StorePort: ports.Any, UpstreamPort: ports.Any,
	})
	if err != nil {
		return err
	}
	defer func() { _ = servers.Stop() }()
	quiet := slog.New(slog.DiscardHandler)
	c, err := client.DialContext(ctx, client.Options{HostPort: servers.Temporal.Address(), Namespace: stack.Namespace, Logger: log.NewStructuredLogger(quiet)})
	if err != nil {
		return err
	}
	defer c.Close()
	stopWorker, err := servers.StartWorker(ctx, c, quiet)
	if err != nil {
		return err
	}
	defer func() { _ = stopWorker() }()
	camera, err := openCamera(ctx, servers.Temporal.UIURL())
	if err != nil {
		return err
	}
	defer camera.close()
	return takeAll(ctx, scenes{servers, c}, camera, out, all)
}

// takeAll brings about each scene and takes its picture.
func takeAll(ctx context.Context, s scenes, camera *camera, out string, all bool) error {
	for _, scene := range s.all() {
		at, err := scene.play(ctx)
		if err != nil {
			return fmt.Errorf("%s: %w", scene.name, err)
		}
		if !all && !slices.Contains(shown, scene.name) {
			continue
		}
		picture, err := camera.take(at)
		if err != nil {
			return fmt.Errorf("the picture of %s: %w", scene.name, err)
		}
		path := filepath.Join(out, scene.name+".png")
		if err := os.WriteFile(path, picture, 0o600); err != nil {
			return err
		}
		fmt.Printf("%s  %d kB\n", path, len(picture)/1000)
	}
	return nil
}
