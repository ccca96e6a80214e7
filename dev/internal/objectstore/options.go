package objectstore

import (
	"fmt"
	"path/filepath"

	"github.com/callvault/callvault/dev/internal/ports"
)

const (
	defaultRegion = "us-east-1"
	defaultPort   = 9000
)

// Options configure where a [Store] keeps its objects and how clients reach it.
type Options struct {
	// Dir is the root folder: each folder in it is a bucket, and each file in a
	// bucket is an object. It is created if missing. Required.
	Dir string
	// VersionsDir keeps the previous versions of objects in versioned buckets. It
	// must be outside Dir. Defaults to Dir with "-versions" appended.
	VersionsDir string
	// MetadataDir keeps the objects' metadata (content type, user metadata,
	// checksum) if the file system has no extended attributes. It must be outside
	// Dir. Defaults to Dir with "-metadata" appended.
	MetadataDir string
	// AccessKey and SecretKey are the only credentials that the store accepts; they
	// have full access. Required.
	AccessKey, SecretKey string
	// Region is the region that requests must be signed for. Defaults to "us-east-1".
	Region string
	// Port is the preferred port, 1 to 65535, or [ports.Any]. If it is in use,
	// another free port is used. Defaults to 9000.
	Port int
	// Domain also serves each bucket below this host name, without a port in it. Defaults to
	// none: the bucket is the path's first segment only.
	Domain string
}

// withDefaults returns a copy with every field set. All paths are absolute because
// the working folder changes when the store starts.
func (o Options) withDefaults() (Options, error) {
	if o.Dir == "" {
		return o, fmt.Errorf("object store: Dir is empty: set it to the root folder")
	}
	if o.AccessKey == "" || o.SecretKey == "" {
		return o, fmt.Errorf("object store: credentials are missing: set AccessKey and SecretKey")
	}
	if o.Region == "" {
		o.Region = defaultRegion
	}
	if o.Port == 0 {
		o.Port = defaultPort
	}
	for _, p := range []struct {
		path     *string
		fallback string
	}{
		{&o.Dir, ""},
		{&o.VersionsDir, "-versions"},
		{&o.MetadataDir, "-metadata"},
	} {
		if *p.path == "" {
			*p.path = o.Dir + p.fallback
		}
		abs, err := filepath.Abs(*p.path)
		if err != nil {
			return o, fmt.Errorf("object store: folder %s: cannot be made absolute: %w", *p.path, err)
		}
		*p.path = abs
	}
	for _, dir := range []string{o.VersionsDir, o.MetadataDir} {
		rel, err := filepath.Rel(o.Dir, dir)
		if err == nil && filepath.IsLocal(rel) {
			return o, fmt.Errorf("object store: folder %s: is inside %s, where it would be a bucket: choose one outside", dir, o.Dir)
		}
	}
	if o.Port != ports.Any && (o.Port < 1 || o.Port > 65535) {
		return o, fmt.Errorf("object store: port %d: out of range: use 1 to 65535", o.Port)
	}
	return o, nil
}
