package objectstore

import (
	"fmt"
	"os"

	"github.com/versity/versitygw/backend"
	"github.com/versity/versitygw/backend/posix"
)

// maxCopyBytes is S3's size limit for one CopyObject. If unset, the gateway
// refuses every copy.
const maxCopyBytes = 5 << 30

// openBackend creates the folders and opens the gateway's file system backend on
// them. The backend changes the process's working folder to the root folder.
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
	// SideCarDir stays empty even with a metadata folder: the field only makes the
	// backend print and reject folders inside the root, and that check wrongly
	// rejects "store-metadata" next to "store".
	po := posix.PosixOpts{
		VersioningDir:       o.VersionsDir,
		CopyObjectThreshold: maxCopyBytes,
	}
	// Call recordings are private: other users of the machine get no access.
	po.SetNewDirPerm(0o700)
	po.SetNewFilePerm(0o600)

	var be backend.Backend
	err = withoutStdout(func() (err error) {
		be, err = posix.New(o.Dir, storer, po)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("object store: folder %s: %w", o.Dir, err)
	}
	return be, nil
}

// withoutStdout runs f with os.Stdout discarded: the backend prints its folders
// there and has no option to turn that off. It takes less than a millisecond, but
// os.Stdout is global to the process, hence the warning at [Start].
func withoutStdout(f func() error) error {
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
