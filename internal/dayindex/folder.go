package dayindex

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"slices"
	"strings"

	"github.com/callvault/callvault/internal/archive"
)

// Folder is a copy of the bucket in a folder, or of a part of it: each object is a file
// whose path below the folder is its key.
type Folder struct{ root *os.Root }

// OpenFolder opens a copy. The caller closes it.
func OpenFolder(path string) (*Folder, error) {
	root, err := os.OpenRoot(path) // Keys and links do not lead out of it.
	if err != nil {
		return nil, err
	}
	return &Folder{root}, nil
}

// Close closes the copy.
func (f *Folder) Close() error { return f.root.Close() }

// OpenFile implements [Source].
func (f *Folder) OpenFile(_ context.Context, key string) (io.ReadCloser, int64, error) {
	info, err := f.root.Stat(key)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, 0, fmt.Errorf("%s: %w", key, archive.ErrMissing)
	case err != nil:
		return nil, 0, err
	case !info.Mode().IsRegular(): // To open a pipe would wait for a writer.
		return nil, 0, fmt.Errorf("%s is not a file", key)
	}
	file, err := f.root.Open(key)
	return file, info.Size(), err
}

// KeysAfter implements [Source]. prefix is empty, or ends with a slash.
func (f *Folder) KeysAfter(ctx context.Context, prefix, after string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		walk := walk{ctx, f.root.FS(), after, yield}
		if _, err := walk.folder(strings.TrimSuffix(prefix, "/")); err != nil {
			yield("", err)
		}
	}
}

// walk yields the keys of a tree in the order in which a store lists them.
type walk struct {
	ctx   context.Context
	files fs.FS
	after string
	yield func(string, error) bool
}

// folder walks through a folder, and reports whether to go on.
func (w *walk) folder(path string) (goOn bool, err error) {
	entries, err := fs.ReadDir(w.files, cmp.Or(path, "."))
	if errors.Is(err, fs.ErrNotExist) {
		return true, nil
	}
	if err := cmp.Or(err, w.ctx.Err()); err != nil {
		return false, err
	}
	keys := make([]string, 0, len(entries))
	for _, entry := range entries {
		key := entry.Name()
		if path != "" {
			key = path + "/" + key
		}
		if entry.IsDir() {
			key += "/"
		}
		keys = append(keys, key)
	}
	slices.Sort(keys) // A store compares a folder's name with its slash.
	for _, key := range keys {
		if goOn, err := w.entry(key); !goOn || err != nil {
			return false, err
		}
	}
	return true, nil
}

func (w *walk) entry(key string) (goOn bool, err error) {
	folder, isFolder := strings.CutSuffix(key, "/")
	switch {
	case isFolder && key < w.after && !strings.HasPrefix(w.after, key):
		return true, nil // All of it is before.
	case isFolder:
		return w.folder(folder)
	case key <= w.after:
		return true, nil
	}
	return w.yield(key, nil), nil
}
