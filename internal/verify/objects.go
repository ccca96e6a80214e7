package verify

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"slices"
	"strings"

	"github.com/callvault/callvault/internal/archive"
	"github.com/callvault/callvault/internal/dayindex"
	"github.com/callvault/callvault/internal/failure"
)

// Source is where the objects are: an [archive.Store] or a [Folder].
type Source interface {
	dayindex.Source

	// FileSize returns the length of an object in bytes. It returns [archive.ErrMissing] if
	// there is none.
	FileSize(ctx context.Context, key string) (int64, error)
}

var _ Source = (*archive.Store)(nil)

// Bounds of objects that callvault writes, see docs/verification.md.
const (
	maxKeyBytes      = 1024
	maxRecordBytes   = 64 << 20
	maxManifestBytes = 1 << 20
	maxRowBytes      = 1 << 20
)

// stored is an object as a row, a record or a manifest states it.
type stored struct {
	key    string
	bytes  int64
	sha256 string
}

// isKey reports whether a key may be looked for.
func isKey(key string) bool {
	return len(key) <= maxKeyBytes && !strings.ContainsRune(key, 0) && !slices.ContainsFunc(strings.Split(key, "/"), func(part string) bool {
		return part == "" || part == "." || part == ".."
	})
}

// whyUnread returns what an error of a source says of the object, or, if it is about the
// source as a whole, the error itself.
func (v *run) whyUnread(err error) error {
	switch {
	case err == nil, v.ctx.Err() != nil:
		return v.ctx.Err()
	case errors.Is(err, archive.ErrMissing):
		return problemf(errMissing)
	case failure.KindOf(err) != "":
		return err
	default:
		return problemf("it cannot be read: %v", err)
	}
}

// open returns the content of an object and its length.
func (v *run) open(key string) (io.ReadCloser, int64, error) {
	if !isKey(key) {
		return nil, 0, problemf("it is not a key that an object may have")
	}
	object, size, err := v.source.OpenFile(v.ctx, key)
	if err != nil {
		return nil, 0, v.whyUnread(err)
	}
	return object, size, nil
}

// read returns an object of at most limit bytes.
func (v *run) read(key string, limit int64) ([]byte, error) {
	object, size, err := v.open(key)
	if err != nil {
		return nil, err
	}
	defer object.Close()
	if size > limit {
		return nil, problemf("it has %d bytes, more than %d", size, limit)
	}
	content, err := io.ReadAll(io.LimitReader(object, limit+1))
	switch {
	case err != nil:
		return nil, v.whyUnread(err)
	case int64(len(content)) > limit:
		return nil, problemf("it has more than %d bytes", limit)
	}
	return content, nil
}

// compare reads an object and compares it with what was stated of it. Without its bytes only
// existence and length are compared.
func (v *run) compare(object stored, withBytes bool) error {
	if !withBytes {
		if !isKey(object.key) {
			return problemf("it is not a key that an object may have")
		}
		size, err := v.source.FileSize(v.ctx, object.key)
		if err != nil {
			return v.whyUnread(err)
		}
		return compareLength(size, object.bytes)
	}
	file, size, err := v.open(object.key)
	if err != nil {
		return err
	}
	defer file.Close()
	if err := compareLength(size, object.bytes); err != nil {
		return err
	}
	sum := sha256.New()
	n, err := io.Copy(sum, io.LimitReader(file, object.bytes+1))
	if err != nil {
		return v.whyUnread(err)
	}
	if err := compareLength(n, object.bytes); err != nil {
		return err
	}
	return compareSHA256(hex.EncodeToString(sum.Sum(nil)), object.sha256)
}

func compareLength(found, stated int64) error {
	if found != stated {
		return problemf("it has %d bytes, and %d are stated", found, stated)
	}
	return nil
}

func compareSHA256(found, stated string) error {
	if found != stated {
		return problemf("its SHA-256 is not the one that is stated: its bytes are others")
	}
	return nil
}

func sha256Of(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}

// errMissing is the text of an object that is not there.
const errMissing = "it does not exist"
