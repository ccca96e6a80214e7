package objectstore

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/versity/versitygw/backend/meta"
)

// probeBytes is about what S3 allows of user metadata: file systems that take
// attributes may still take only small ones.
const probeBytes = 2 << 10

// metadataStorer picks extended attributes, which move with the file, or else a
// folder of their own. Once that folder has anything in it, it stays: objects
// would lose their metadata otherwise.
func metadataStorer(root, sidecar string) (meta.MetadataStorer, error) {
	entries, err := os.ReadDir(sidecar)
	if err != nil && !os.IsNotExist(err) {
		return nil, fmt.Errorf("object store: metadata folder: %w", err)
	}
	if len(entries) == 0 && takesAttributes(root) {
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

// takesAttributes tries, on a file of its own: reading, which is what the
// gateway's own test does, succeeds on file systems that refuse to write.
func takesAttributes(root string) bool {
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
