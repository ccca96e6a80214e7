package datadir_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/callvault/callvault/dev/internal/datadir"
)

// holdEnv names a folder. If it is set, the test binary opens that folder, prints a
// line, and holds it until it is killed, or its standard input ends.
const holdEnv = "CALLVAULT_TEST_HOLD"

func TestMain(m *testing.M) {
	if dir := os.Getenv(holdEnv); dir != "" {
		d, err := datadir.Open(dir)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		fmt.Println("locked")
		_, _ = io.Copy(io.Discard, os.Stdin)
		_ = d.Close()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func TestOpenCreatesPrivateFolders(t *testing.T) {
	t.Chdir(t.TempDir())
	d, err := datadir.Open("")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = d.Close() }()

	if !filepath.IsAbs(d.Path()) || filepath.Base(d.Path()) != datadir.Default {
		t.Errorf("path = %s", d.Path())
	}
	for _, dir := range []string{d.Path(), d.Temporal(), d.Store(), d.Logs()} {
		info, err := os.Stat(dir)
		if err != nil {
			t.Fatal(err)
		}
		if runtime.GOOS != "windows" && info.Mode().Perm() != 0o700 {
			t.Errorf("%s: mode %v, want 0700", dir, info.Mode().Perm())
		}
	}
}

func TestOpenRefusesALockedFolder(t *testing.T) {
	dir := t.TempDir()
	d, err := datadir.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	_, err = datadir.Open(dir)
	var inUse *datadir.InUseError
	if !errors.As(err, &inUse) {
		t.Fatalf("err = %v, want an InUseError", err)
	}
	for _, want := range []string{dir, fmt.Sprint(os.Getpid()), "--data DIR"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error %q does not contain %q", err, want)
		}
	}

	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := datadir.Open(dir)
	if err != nil {
		t.Fatalf("after Close: %v", err)
	}
	_ = again.Close()
}

func TestLockIsReleasedWhenTheHolderIsKilled(t *testing.T) {
	dir := t.TempDir()
	holder := exec.CommandContext(t.Context(), os.Args[0])
	holder.Env = append(os.Environ(), holdEnv+"="+dir)
	out, err := holder.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	in, err := holder.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	if err := holder.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		t.Fatalf("holder printed %q: %v", line, err)
	}

	var inUse *datadir.InUseError
	if _, err := datadir.Open(dir); !errors.As(err, &inUse) || inUse.PID != holder.Process.Pid {
		t.Errorf("err = %v, want the folder in use by %d", err, holder.Process.Pid)
	}
	_ = holder.Process.Kill()
	_ = holder.Wait()
	d, err := datadir.Open(dir)
	if err != nil {
		t.Fatalf("after the holder was killed: %v", err)
	}
	_ = d.Close()
}

func TestRemoveRefusesForeignFiles(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	d, err := datadir.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	foreign := filepath.Join(dir, "notes.txt")
	if err := os.WriteFile(foreign, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := d.Remove(); err == nil || !strings.Contains(err.Error(), "notes.txt") {
		t.Fatalf("err = %v, want an error that names the foreign file", err)
	}

	if err := os.Remove(foreign); err != nil {
		t.Fatal(err)
	}
	if d, err = datadir.Open(dir); err != nil {
		t.Fatal(err)
	}
	if err := d.Remove(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("folder still exists: %v", err)
	}
}
