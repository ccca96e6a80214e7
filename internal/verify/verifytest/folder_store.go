package verifytest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
)

// folderStore is a folder as a bucket: a daylog.Store.
type folderStore struct {
	folder string
	mu     sync.Mutex
}

func (s *folderStore) path(key string) string {
	return filepath.Join(s.folder, filepath.FromSlash(key))
}

// ReadObject implements daylog.Store.
func (s *folderStore) ReadObject(_ context.Context, key string, limit int64) ([]byte, string, error) {
	content, err := os.ReadFile(s.path(key))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, "", nil
	case err != nil:
		return nil, "", err
	case int64(len(content)) > limit:
		return nil, "", fmt.Errorf("%s has more than %d bytes", key, limit)
	}
	return content, etagOf(content), nil
}

// WriteObject implements daylog.Store.
func (s *folderStore) WriteObject(ctx context.Context, key, _ string, content []byte, replaces string) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, present, err := s.ReadObject(ctx, key, 1<<30)
	if err != nil || present != replaces {
		return false, err
	}
	return true, s.write(key, content)
}

// WriteWorkingObject implements daylog.Store.
func (s *folderStore) WriteWorkingObject(ctx context.Context, key, contentType string, content []byte, replaces string) (bool, error) {
	return s.WriteObject(ctx, key, contentType, content, replaces)
}

func (s *folderStore) write(key string, content []byte) error {
	if err := os.MkdirAll(filepath.Dir(s.path(key)), 0o755); err != nil { //nolint:gosec // It is for tests.
		return err
	}
	return os.WriteFile(s.path(key), content, 0o644) //nolint:gosec // It is for tests.
}

func etagOf(content []byte) string { return hexSHA256(content)[:32] }

func hexSHA256(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}
