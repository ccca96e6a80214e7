// Command stores runs the archive's conformance suite on real stores and compares what
// they can do with docs/stores.md:
//
//	go run ./dev/stores [-update] [-radosgw COMMAND] [STORE ...]
//
// The stores are child processes on loopback ports with temporary folders and keys of
// their own, except versitygw, which runs in this process. Their programs are built
// once, into the user's cache folder: that takes ten minutes and is the only time that the
// network is used. No module of callvault depends on them.
//
// -update writes docs/stores.md anew; the columns of stores that were not run stay as
// they are. Ceph's RGW comes from a distribution's package, and -radosgw names
// its command; without it, RGW is left out.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

const (
	document = "docs/stores.md"
	// runTime bounds the suite on one store.
	runTime = 10 * time.Minute
)

func main() {
	update := flag.Bool("update", false, "write "+document)
	radosgw := flag.String("radosgw", "", "the command that runs Ceph's radosgw")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, flag.Args(), *radosgw, *update)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "stores:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, names []string, radosgw string, update bool) error {
	before, err := os.ReadFile(document)
	if err != nil {
		return fmt.Errorf("%w: run it in the repository's root folder", err)
	}
	chosen, err := choose(names, radosgw)
	if err != nil {
		return err
	}
	folder, err := os.MkdirTemp("", "callvault-stores-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(folder) }()
	suite, err := buildSuite(ctx, folder)
	if err != nil {
		return err
	}
	table, err := parseTable(string(before))
	if err != nil {
		return err
	}
	var failed error
	for _, one := range chosen {
		seen, err := runOn(ctx, one, suite, filepath.Join(folder, one.name))
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err != nil {
			failed = errors.Join(failed, fmt.Errorf("%s: %w", one.name, err))
			continue
		}
		if !update {
			differ := table.differences(one.title, seen)
			if differ == nil {
				fmt.Printf("as %s says\n", document)
			}
			failed = errors.Join(failed, differ)
		}
		table.set(one.title, seen)
	}
	if update {
		failed = errors.Join(failed, os.WriteFile(document, []byte(table.replaceIn(string(before))), 0o600)) //nolint:gosec // a constant path
	}
	return failed
}

// choose returns the stores of these names, or all that can be run.
func choose(names []string, radosgw string) ([]store, error) {
	all := []store{versitygw(), minio(), seaweedfs()}
	if radosgw != "" {
		all = append(all, rgw(radosgw))
	}
	if len(names) == 0 {
		return all, nil
	}
	var chosen []store
	for _, name := range names {
		i := slices.IndexFunc(all, func(s store) bool { return s.name == name })
		if i < 0 {
			return nil, fmt.Errorf("no store %q: choose from versitygw, minio, seaweedfs and, with -radosgw, rgw", name)
		}
		chosen = append(chosen, all[i])
	}
	return chosen, nil
}

// runOn starts a store, runs the suite on it and ends it.
func runOn(ctx context.Context, one store, suite, folder string) ([]capability, error) {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, err
	}
	fmt.Printf("== %s\n", one.title)
	running, err := one.start(ctx, folder)
	if err != nil {
		return nil, err
	}
	defer running.stop()
	ctx, cancel := context.WithTimeout(ctx, runTime) // Not for the build of its program.
	defer cancel()
	if err := awaitReady(ctx, running); err != nil {
		return nil, fmt.Errorf("%w\n%s", err, running.lastOutput())
	}
	seen, err := runSuite(ctx, suite, running)
	if err != nil {
		return nil, fmt.Errorf("%w\n%s", err, running.lastOutput())
	}
	return seen, nil
}

// lastLines returns the end of a log.
func lastLines(log string, n int) string {
	lines := strings.Split(strings.TrimSpace(log), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
