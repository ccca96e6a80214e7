// Package datadir manages the data folder of the embedded servers: workflow
// histories, recordings and logs.
package datadir

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/gofrs/flock"
)

const (
	// Default is the folder used if none is given, inside the working folder.
	Default = ".callvault"

	// perm excludes other users of the machine: the folder contains call recordings.
	perm = 0o700

	lockName = "lock"
	pidName  = "pid"

	logKeyName       = "log.key"
	publicLogKeyName = logKeyName + ".pub"
)

// InUseError reports that another process, or another Dir of this one, has locked
// the folder.
type InUseError struct {
	// Path is the folder, absolute.
	Path string
	// PID is the process id of the lock's holder, 0 if unknown.
	PID int
}

func (e *InUseError) Error() string {
	holder := "another process"
	if e.PID > 0 {
		holder = fmt.Sprintf("process %d", e.PID)
	}
	return fmt.Sprintf("data folder %s: in use by %s: stop that process, or choose another folder with --data DIR", e.Path, holder)
}

// Dir is the data folder, locked for this process until [Dir.Close].
type Dir struct {
	path string
	lock *flock.Flock
}

// Open creates the folder and its sub-folders if missing and locks it, without
// waiting. An empty path means [Default]. It returns an [*InUseError] if another
// process, or another Dir of this one, holds the lock: two servers on one SQLite
// file would corrupt each other's data without an error.
//
// The operating system releases the lock when the process ends, even if it is
// killed.
func Open(path string) (*Dir, error) {
	if path == "" {
		path = Default
	}
	if strings.ContainsAny(path, "?#%") {
		return nil, fmt.Errorf("data folder %s: its path contains ?, # or %%, which have a special meaning in the database's file name: choose another folder with --data DIR", path)
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("data folder %s: cannot be made absolute: %w", path, err)
	}
	d := &Dir{path: abs}
	if err := makePrivate(abs); err != nil {
		return nil, err
	}

	d.lock = flock.New(filepath.Join(abs, lockName), flock.SetPermissions(0o600))
	locked, err := d.lock.TryLock()
	if err != nil {
		return nil, fmt.Errorf("data folder %s: cannot be locked: %w: choose a folder on a local disk with --data DIR", abs, err)
	}
	if !locked {
		return nil, &InUseError{Path: abs, PID: readPID(abs)}
	}

	for _, sub := range []string{d.Temporal(), d.Store(), d.Logs()} {
		if err := makePrivate(sub); err != nil {
			return nil, errors.Join(err, d.Close())
		}
	}
	// Only for the error message of another process; the lock alone decides.
	_ = os.WriteFile(filepath.Join(abs, pidName), []byte(strconv.Itoa(os.Getpid())), 0o600)
	return d, nil
}

// Path returns the folder's absolute path.
func (d *Dir) Path() string { return d.path }

// Temporal returns the path of the sub-folder of the Temporal server's database.
func (d *Dir) Temporal() string { return filepath.Join(d.path, "temporal") }

// Store returns the path of the sub-folder of the S3 store: buckets are folders in
// it, and objects are plain files.
func (d *Dir) Store() string { return filepath.Join(d.path, "store") }

// Logs returns the path of the sub-folder of the log files.
func (d *Dir) Logs() string { return filepath.Join(d.path, "logs") }

// LogKey is the file with the key that signs the log of sealed days. The public key is in
// the one of that name and ".pub".
func (d *Dir) LogKey() string { return filepath.Join(d.path, logKeyName) }

// Close unlocks the folder. The lock file stays: if it were removed, two later
// processes could lock two different files of that name.
func (d *Dir) Close() error {
	_ = os.Remove(filepath.Join(d.path, pidName))
	if err := d.lock.Close(); err != nil {
		return fmt.Errorf("data folder %s: cannot be unlocked: %w", d.path, err)
	}
	return nil
}

// Remove unlocks the folder and deletes it with its contents. It refuses a folder
// that contains anything this package did not create, so that `--data ~` cannot
// delete a user's own files.
func (d *Dir) Remove() error {
	entries, err := os.ReadDir(d.path)
	if err != nil {
		return errors.Join(fmt.Errorf("data folder %s: cannot be read: %w", d.path, err), d.Close())
	}
	for _, e := range entries {
		if !d.owns(e.Name()) {
			return errors.Join(
				fmt.Errorf("data folder %s: not removed: it also contains %q, which this program did not create: remove the folder yourself", d.path, e.Name()),
				d.Close())
		}
	}
	if err := d.Close(); err != nil {
		return err
	}
	if err := os.RemoveAll(d.path); err != nil {
		return fmt.Errorf("data folder %s: cannot be removed: %w", d.path, err)
	}
	return nil
}

// owns reports whether name is a sub-folder, a folder that the servers create next
// to one ("store-…"), or a lock file.
func (d *Dir) owns(name string) bool {
	store := filepath.Base(d.Store())
	switch name {
	case lockName, pidName, logKeyName, publicLogKeyName, store, filepath.Base(d.Temporal()), filepath.Base(d.Logs()):
		return true
	}
	return strings.HasPrefix(name, store+"-")
}

func makePrivate(dir string) error {
	if err := os.MkdirAll(dir, perm); err != nil {
		return fmt.Errorf("data folder %s: cannot be created: %w: choose another folder with --data DIR", dir, err)
	}
	return nil
}

func readPID(dir string) int {
	b, err := os.ReadFile(filepath.Join(dir, pidName))
	if err != nil {
		return 0
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil {
		return 0
	}
	return pid
}
