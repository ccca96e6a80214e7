package archive

import (
	"context"
	"errors"
	"fmt"
	"mime"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/callvault/callvault/internal/failure"
)

// The lifetime of a link.
const (
	MinLinkLifetime     = time.Minute
	DefaultLinkLifetime = 15 * time.Minute
	MaxLinkLifetime     = 12 * time.Hour
)

// ErrNotRestored means that an object cannot be read until the store has restored it.
var ErrNotRestored = errors.New("it cannot be read before it is restored")

// Link returns an address by which whoever has it can read one file until its lifetime ends
// ([MinLinkLifetime] to [MaxLinkLifetime], in whole seconds): a credential. It is signed by
// the archive's own keys, and ends with them if they end before, and names the store by
// [Config.PublicEndpoint]. It sends no request where [Config.Region] is known.
func (s *Store) Link(ctx context.Context, file File, lifetime time.Duration) (*url.URL, error) {
	if lifetime < MinLinkLifetime || lifetime > MaxLinkLifetime {
		return nil, failure.Wrap(failure.InvalidInput, fmt.Errorf("a link of %s is out of bounds: want %s to %s", lifetime, MinLinkLifetime, MaxLinkLifetime))
	}
	response := url.Values{"response-content-disposition": {disposition(file)}}
	if file.ContentType != "" {
		response.Set("response-content-type", file.ContentType)
	}
	link, err := s.links.PresignedGetObject(ctx, s.bucket, file.Key, lifetime.Truncate(time.Second), response)
	if err != nil {
		return nil, s.storeError("sign a link to", file.Key, err)
	}
	return link, nil
}

// disposition has a browser play a sound, and save anything else.
func disposition(file File) string {
	kind := "attachment"
	if strings.HasPrefix(file.ContentType, "audio/") {
		kind = "inline"
	}
	return mime.FormatMediaType(kind, map[string]string{"filename": path.Base(file.Key)})
}

// CheckReadable looks at a file's object in one HEAD: it returns [ErrMismatch] if it is not
// what the manifest says, and [ErrNotRestored] if it has to be restored from its storage
// class before it can be read.
func (s *Store) CheckReadable(ctx context.Context, file File) error {
	got, err := s.stat(ctx, file.Key)
	if err != nil {
		return err
	}
	if _, err := s.compare(file.Key, got, file.object()); err != nil {
		return err
	}
	class := got.Metadata.Get("X-Amz-Storage-Class")
	if slices.Contains(coldClasses, class) && (got.Restore == nil || got.Restore.OngoingRestore) {
		return fmt.Errorf("s3://%s/%s is in the storage class %s: %w: have the object restored by the store, which takes hours, then try again", s.bucket, file.Key, class, ErrNotRestored)
	}
	return nil
}
