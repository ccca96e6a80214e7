package daylog

import (
	"context"
	"fmt"

	"github.com/callvault/callvault/internal/failure"
)

// Store is the bucket, as far as the log needs it; an archive.Store is one.
type Store interface {
	// ReadObject returns an object of at most limit bytes, and its ETag; nil and "" if there
	// is none.
	ReadObject(ctx context.Context, key string, limit int64) (content []byte, etag string, err error)

	// WriteObject writes an object. replaces is the ETag of the one that it may replace, or ""
	// if there should be none; it reports false, and writes nothing, if something else is there.
	WriteObject(ctx context.Context, key, contentType string, content []byte, replaces string) (bool, error)

	// WriteWorkingObject is WriteObject for an object that need not be kept.
	WriteWorkingObject(ctx context.Context, key, contentType string, content []byte, replaces string) (bool, error)
}

const (
	contentTypeText   = "text/plain; charset=utf-8"
	contentTypeBinary = "application/octet-stream"
)

// damaged returns the failure of a log that callvault did not write like this.
func damaged(key, format string, args ...any) error {
	return failure.Wrap(failure.ArchiveBlocked, fmt.Errorf("the log of sealed days cannot be continued: %s: %w: have the log verified, and put back what was changed; "+
		"or begin a new log, for which docs/verification.md has the steps (\"A new log\")", key, fmt.Errorf(format, args...)))
}
