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

// Options say where a [Store] keeps its objects and how it is reached.
type Options struct {
	// Dir is the root folder: each folder in it is a bucket, each file in a bucket
	// an object. It is created where it is missing. Required.
	Dir string
	// VersionsDir keeps the former versions of objects in buckets with versioning.
	// It must not lie in Dir. Defaults to Dir with "-versions" appended.
	VersionsDir string
	// MetadataDir keeps what belongs to an object beside its bytes (content type,
	// user metadata, checksum) where the file system has no extended attributes.
	// It must not lie in Dir. Defaults to Dir with "-metadata" appended.
	MetadataDir string
	// AccessKey and SecretKey are the only credentials that the store knows; they
	// may do everything. Required.
	AccessKey, SecretKey string
	// Region is the one that requests must be signed for. Defaults to "us-east-1".
	Region string
	// Port is the port to use where it is free; otherwise another one is taken.
	// [ports.Any] takes any. Defaults to 9000.
	Port int
}

// withDefaults returns a copy with every field set and all paths absolute: the
// working folder changes when the store starts.
func (o Options) withDefaults() (Options, error) {
	if o.Dir == "" {
		return o, fmt.Errorf("object store: no folder: set Dir")
	}
	if o.AccessKey == "" || o.SecretKey == "" {
		return o, fmt.Errorf("object store: no credentials: set AccessKey and SecretKey")
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
			return o, fmt.Errorf("object store: folder %s: no absolute path: %w", *p.path, err)
		}
		*p.path = abs
	}
	for _, dir := range []string{o.VersionsDir, o.MetadataDir} {
		rel, err := filepath.Rel(o.Dir, dir)
		if err == nil && filepath.IsLocal(rel) {
			return o, fmt.Errorf("object store: folder %s: lies in %s, where it would be a bucket: choose one outside", dir, o.Dir)
		}
	}
	if o.Port != ports.Any && (o.Port < 1 || o.Port > 65535) {
		return o, fmt.Errorf("object store: port %d: out of range: give one from 1 to 65535", o.Port)
	}
	return o, nil
}
