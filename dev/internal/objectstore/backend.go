package objectstore

import (
	"fmt"
	"os"

	"github.com/versity/versitygw/backend"
	"github.com/versity/versitygw/backend/posix"
)

// maxCopyBytes is S3's limit on what one CopyObject copies. Without it the
// gateway would refuse to copy anything.
const maxCopyBytes = 5 << 30

// openBackend makes the folders and opens the gateway's file system backend on
// them, which leaves the process in the root folder.
func openBackend(o Options) (backend.Backend, error) {
	for _, dir := range []string{o.Dir, o.VersionsDir} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, fmt.Errorf("object store: folder %s: cannot be created: %w", dir, err)
		}
	}
	storer, err := metadataStorer(o.Dir, o.MetadataDir)
	if err != nil {
		return nil, err
	}
	// SideCarDir stays empty although there may be one: the field only guards
	// against a folder within the root, wrongly so for "store" and "store-metadata",
	// and prints.
	po := posix.PosixOpts{
		VersioningDir:       o.VersionsDir,
		CopyObjectThreshold: maxCopyBytes,
	}
	// Recordings of calls are nobody else's business.
	po.SetNewDirPerm(0o700)
	po.SetNewFilePerm(0o600)

	var be backend.Backend
	err = silently(func() (err error) {
		be, err = posix.New(o.Dir, storer, po)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("object store: folder %s: %w", o.Dir, err)
	}
	return be, nil
}

// silently runs f with the standard output turned off: the backend announces its
// folders there and can be told neither to be quiet nor where to write. It is
// over in less than a millisecond, but the variable is the whole process's, hence
// what [Start] says about printing meanwhile.
func silently(f func() error) error {
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer func() { _ = null.Close() }()
	stdout := os.Stdout
	os.Stdout = null
	defer func() { os.Stdout = stdout }()
	return f()
}
