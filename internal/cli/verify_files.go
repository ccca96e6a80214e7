package cli

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/mod/sumdb/note"

	"github.com/callvault/callvault/internal/daylog"
	"github.com/callvault/callvault/internal/verify"
)

// maxKeyFileBytes bounds a file with a public key.
const maxKeyFileBytes = 4 << 10

// readPublicKey returns a public key that is given itself, or by a file.
func readPublicKey(given string) (note.Verifier, error) {
	if key, err := daylog.ParsePublicKey(given); err == nil {
		return key, nil
	}
	content, err := readSmall(given, maxKeyFileBytes)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errors.New("--key is neither a public key, {name}+{8 hexadecimal digits}+{base64}, nor a file: give what log keygen has printed, or the file that has it")
	}
	if err != nil {
		return nil, fmt.Errorf("--key: %w", err)
	}
	key, err := daylog.ParsePublicKey(string(content))
	if err != nil {
		return nil, fmt.Errorf("--key: what the file holds cannot be used: %w", err)
	}
	return key, nil
}

// readKept returns the checkpoint that was kept; nil if there is none yet.
func readKept(path, copied string) ([]byte, error) {
	if path == "" {
		return nil, nil
	}
	if isBelow(path, copied) {
		return nil, errors.New("--checkpoint is a file in the copy, so that whoever changes the copy can change it too: keep it outside")
	}
	content, err := readSmall(path, daylog.MaxCheckpointBytes)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("--checkpoint: %w", err)
	}
	return content, nil
}

// isBelow reports whether a file is in a folder.
func isBelow(path, folder string) bool {
	if folder == "" {
		return false
	}
	absolute, err := filepath.Abs(path)
	if err != nil {
		return false
	}
	folder, err = filepath.Abs(folder)
	if err != nil {
		return false
	}
	relative, err := filepath.Rel(folder, absolute)
	return err == nil && relative != ".." && !strings.HasPrefix(relative, ".."+string(filepath.Separator))
}

func readSmall(path string, limit int64) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > limit {
		return nil, fmt.Errorf("%s is not a file of at most %d bytes", path, limit)
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return io.ReadAll(io.LimitReader(file, limit))
}

// keepCheckpoint replaces the checkpoint that was kept by one of more entries, as a whole.
func keepCheckpoint(path string, result *verify.Result) error {
	if path == "" || result.Extends != nil && *result.Extends >= result.Entries {
		return nil
	}
	temporary, err := os.CreateTemp(filepath.Dir(path), ".checkpoint-*")
	if err != nil {
		return fmt.Errorf("the checkpoint cannot be kept: %w", err)
	}
	_, err = temporary.Write(result.Checkpoint)
	err = errors.Join(err, temporary.Chmod(0o644), temporary.Sync(), temporary.Close())
	if err == nil {
		err = os.Rename(temporary.Name(), path)
	}
	if err != nil {
		_ = os.Remove(temporary.Name()) // It is of no use.
		return fmt.Errorf("the checkpoint cannot be kept: %w", err)
	}
	return nil
}
