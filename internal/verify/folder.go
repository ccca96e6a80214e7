package verify

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"strings"

	"github.com/callvault/callvault/internal/archive"
	"github.com/callvault/callvault/internal/dayindex"
)

// Folder is a copy of the bucket, or of a part of it. It has plain files and folders alone: a
// link in it is not followed, as it would make one file the object of many keys.
type Folder struct {
	listed *dayindex.Folder
	root   *os.Root
}

var _ Source = Folder{}

// OpenFolder opens a copy. The path itself may be a link. The caller closes it.
func OpenFolder(path string) (Folder, error) {
	listed, err := dayindex.OpenFolder(path)
	if err != nil {
		return Folder{}, err
	}
	root, err := os.OpenRoot(path)
	if err != nil {
		return Folder{}, errors.Join(err, listed.Close())
	}
	return Folder{listed, root}, nil
}

// Close closes the copy.
func (f Folder) Close() error { return errors.Join(f.listed.Close(), f.root.Close()) }

// OpenFile implements [Source].
func (f Folder) OpenFile(_ context.Context, key string) (io.ReadCloser, int64, error) {
	var file *os.File
	size, err := f.find(key, func(folder *os.Root, name string) (err error) {
		file, err = folder.Open(name)
		return err
	})
	if err != nil {
		return nil, 0, err
	}
	return file, size, nil
}

// FileSize implements [Source].
func (f Folder) FileSize(_ context.Context, key string) (int64, error) {
	return f.find(key, func(*os.Root, string) error { return nil })
}

// KeysAfter implements [Source]. prefix ends with a slash. It fails if something on the way to
// the prefix is there and no folder.
func (f Folder) KeysAfter(ctx context.Context, prefix, after string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		folder, err := f.enter(strings.Split(strings.TrimSuffix(prefix, "/"), "/"))
		switch {
		case errors.Is(err, archive.ErrMissing):
			return
		case err != nil:
			yield("", err)
			return
		}
		folder.Close()
		f.listed.KeysAfter(ctx, prefix, after)(yield)
	}
}

// find returns the length of the plain file of a key, which use may open in its folder.
func (f Folder) find(key string, use func(folder *os.Root, name string) error) (size int64, err error) {
	parts := strings.Split(key, "/")
	folder, err := f.enter(parts[:len(parts)-1])
	if err != nil {
		return 0, err
	}
	defer folder.Close()
	name := parts[len(parts)-1]
	info, err := folder.Lstat(name)
	switch {
	case err != nil:
		return 0, missingOr(name, err)
	case !info.Mode().IsRegular(): // To open a pipe would wait for a writer.
		return 0, fmt.Errorf("%s is not a plain file", name)
	}
	return info.Size(), use(folder, name)
}

// enter opens a folder below the copy, part by part, so that none of them is a link. The
// caller closes it.
func (f Folder) enter(parts []string) (*os.Root, error) {
	at, err := f.root.OpenRoot(".")
	if err != nil {
		return nil, err
	}
	for _, name := range parts {
		next, err := enterOne(at, name)
		at.Close()
		if err != nil {
			return nil, err
		}
		at = next
	}
	return at, nil
}

func enterOne(at *os.Root, name string) (*os.Root, error) {
	info, err := at.Lstat(name)
	switch {
	case err != nil:
		return nil, missingOr(name, err)
	case !info.IsDir():
		return nil, fmt.Errorf("%s is not a folder", name)
	}
	return at.OpenRoot(name)
}

func missingOr(name string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s: %w", name, archive.ErrMissing)
	}
	return err
}
