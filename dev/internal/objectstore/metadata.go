package objectstore

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/versity/versitygw/backend/meta"
)

// probeBytes is S3's limit for user metadata: some file systems support only
// smaller extended attributes.
const probeBytes = 2 << 10

// metadataStorer stores metadata in extended attributes, which move with the file,
// or else in the sidecar folder. A non-empty sidecar folder stays in use, or its
// objects would lose their metadata.
func metadataStorer(root, sidecar string) (meta.MetadataStorer, error) {
	entries, err := os.ReadDir(sidecar)
	if err != nil && !os.IsNotExist(err) {
		return nil, fmt.Errorf("object store: metadata folder: %w", err)
	}
	if len(entries) == 0 && supportsAttributes(root) {
		return meta.XattrMeta{}, nil
	}
	if err := os.MkdirAll(sidecar, 0o700); err != nil {
		return nil, fmt.Errorf("object store: metadata folder: %w", err)
	}
	storer, err := meta.NewSideCar(sidecar)
	if err != nil {
		return nil, fmt.Errorf("object store: metadata folder %s: %w", sidecar, err)
	}
	return storer, nil
}

// supportsAttributes reports whether an attribute can be written, by writing one to
// a temporary file. The gateway's own test only reads, which also succeeds on file
// systems that refuse writes.
func supportsAttributes(root string) bool {
	probe, err := os.CreateTemp(root, ".attributes-")
	if err != nil {
		return false
	}
	defer func() {
		_ = probe.Close()
		_ = os.Remove(probe.Name())
	}()
	var storer meta.XattrMeta
	if storer.Test(probe.Name()) != nil {
		return false
	}
	return storer.StoreAttribute(probe, root, filepath.Base(probe.Name()), "probe", make([]byte, probeBytes)) == nil
}
