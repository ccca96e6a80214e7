package temporalserver

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
)

// maxLogBytes is the log file's size limit; with the rotated file, twice that is
// kept.
const maxLogBytes = 8 << 20

// logFile is an append-only file that is rotated to name+".1" when it is full: an
// error that repeats for days must not fill the disk.
type logFile struct {
	mu    sync.Mutex
	name  string
	max   int64
	file  *os.File
	bytes int64
}

func openLogFile(name string, maxBytes int64) (*logFile, error) {
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return nil, fmt.Errorf("temporal server: log file %s: %w", name, err)
	}
	l := &logFile{name: name, max: maxBytes}
	if err := l.open(); err != nil {
		return nil, fmt.Errorf("temporal server: log file: %w", err)
	}
	return l, nil
}

// Write appends one record. It never fails: a log error must not disturb the
// server. Records after Close are dropped, because the server's last goroutines end
// after it.
func (l *logFile) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file != nil && l.bytes > 0 && l.bytes+int64(len(p)) > l.max {
		l.rotate()
	}
	if l.file != nil {
		n, _ := l.file.Write(p)
		l.bytes += int64(n)
	}
	return len(p), nil
}

// Close closes the file. Further calls do nothing.
func (l *logFile) Close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.close()
}

func (l *logFile) rotate() {
	l.close()
	_ = os.Rename(l.name, l.name+".1")
	_ = l.open()
}

func (l *logFile) open() error {
	f, err := os.OpenFile(l.name, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err != nil {
		_ = f.Close()
		return err
	}
	l.file, l.bytes = f, info.Size()
	return nil
}

func (l *logFile) close() {
	if l.file != nil {
		_ = l.file.Close()
		l.file = nil
	}
}
