// Package secret reads secrets from where operators keep them. A file may be
// replaced while the process runs, as mounted secrets are when they are rotated.
package secret

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

// MaxBytes bounds a secret, with the space around it.
const MaxBytes = 64 << 10

// readInterval is how often a file is read, at most. Whether it has changed is
// not asked: a replaced file may have the size and the time of the one before.
const readInterval = time.Second

// Source is where one secret is. It is safe for concurrent use.
type Source struct {
	path string

	mu    sync.Mutex
	value string
	read  time.Time
}

// Value returns the source of a secret that never changes.
func Value(value string) *Source { return &Source{value: strings.TrimSpace(value)} }

// File returns the source of a secret that a file holds.
func File(path string) *Source { return &Source{path: path} }

// Path returns the file's path; empty if the secret is not in a file.
func (s *Source) Path() string { return s.path }

// Read returns the secret without the space around it; an empty one is an error.
// A file is read again within a second of its change; while the new one cannot
// be read, or is empty, Read fails. Its errors name the file and hold nothing of
// the secret.
func (s *Source) Read() (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.path == "" && s.value == "" {
		return "", errors.New("the secret is empty: set it")
	}
	if s.path == "" || time.Since(s.read) < readInterval {
		return s.value, nil
	}
	value, err := readFile(s.path)
	if err != nil {
		return "", err
	}
	s.value, s.read = value, time.Now()
	return value, nil
}

func readFile(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", unreadable(path, err)
	}
	if !info.Mode().IsRegular() || info.Size() > MaxBytes { // a pipe can be read only once, and may block
		return "", fmt.Errorf("%s is not a file of at most %d bytes: name the file that holds the secret alone", shown(path), MaxBytes)
	}
	file, err := os.Open(path)
	if err != nil {
		return "", unreadable(path, err)
	}
	defer file.Close()
	content, err := io.ReadAll(io.LimitReader(file, MaxBytes))
	if err != nil {
		return "", unreadable(path, err)
	}
	value := strings.TrimSpace(string(content))
	if value == "" {
		return "", fmt.Errorf("the secret's file %s is empty: put the secret into it", shown(path))
	}
	return value, nil
}

func unreadable(path string, err error) error {
	return fmt.Errorf("the secret's file %s cannot be read (%w): correct the path or the permissions", shown(path), errors.Unwrap(err))
}

// maxShownBytes bounds the path in an error.
const maxShownBytes = 1 << 10

// shown returns the path for an error, unless it may be the secret itself, set in
// the place of the path.
func shown(path string) string {
	if len(path) > maxShownBytes || !strings.ContainsAny(path, `/\.`) || strings.Contains(path, "-----BEGIN") {
		return "(whose name looks like a secret rather than a path)"
	}
	return strconv.Quote(path)
}
