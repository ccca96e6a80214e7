package archive

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/lifecycle"
	"github.com/minio/minio-go/v7/pkg/replication"
)

// What a bucket is set to. A worker asks for none of it: it is for those who check an
// installation.

// ErrNotTold means that a store does not say how the bucket is set: it does not know the
// request, or whoever asks may not, which is [ErrMayNotAsk] too.
var (
	ErrNotTold   = errors.New("the store does not say")
	ErrMayNotAsk = fmt.Errorf("%w to these credentials", ErrNotTold)
)

// HasBucket reports whether the bucket exists.
func (s *Store) HasBucket(ctx context.Context) (bool, error) {
	exists, err := s.client.BucketExists(ctx, s.bucket)
	if err != nil {
		return false, s.storeError(opCheck, "", s.reasonFor(ctx, err))
	}
	return exists, nil
}

// BucketLock is the Object Lock of a bucket.
type BucketLock struct {
	// Enabled: objects can be locked.
	Enabled bool
	// Mode and For are the retention that objects have by default; empty without one. For is
	// such as "30 DAYS".
	Mode LockMode
	For  string
	// MayLock: it was not told, and the bucket keeps versions, as each one does that locks
	// objects.
	MayLock bool
}

// locksAll reports whether the bucket locks every object by default, or may.
func (l BucketLock) locksAll() bool { return l.Mode != "" || l.MayLock }

// BucketLock returns the Object Lock of the bucket. It asks for
// s3:GetBucketObjectLockConfiguration; see [ErrNotTold]. With an error, MayLock alone is set.
func (s *Store) BucketLock(ctx context.Context) (BucketLock, error) {
	enabled, mode, validity, unit, err := s.client.GetObjectLockConfig(ctx, s.bucket)
	if isUnset(err, "ObjectLockConfigurationNotFoundError") {
		return BucketLock{}, nil
	}
	if err != nil {
		return BucketLock{MayLock: s.keepsVersions(ctx)}, s.told(err)
	}
	lock := BucketLock{Enabled: enabled == "Enabled"}
	if mode != nil && validity != nil && unit != nil {
		lock.Mode, lock.For = LockMode(*mode), fmt.Sprintf("%d %s", *validity, *unit)
	}
	return lock, nil
}

// keepsVersions reports whether the bucket keeps versions, by the response about an object that
// callvault has left there; that needs s3:GetObject alone. Without such an object it is false:
// one that is written then is the last of which that is not known.
func (s *Store) keepsVersions(ctx context.Context) bool {
	for _, name := range []string{trialName, probeName} {
		info, err := s.client.StatObject(ctx, s.bucket, s.prefix+name, minio.StatObjectOptions{})
		if err == nil {
			return info.VersionID != "" && info.VersionID != "null"
		}
	}
	return false
}

// Versioning is whether a bucket keeps the old versions of its objects.
type Versioning string

// The values.
const (
	VersioningOff       Versioning = ""
	VersioningOn        Versioning = "Enabled"
	VersioningSuspended Versioning = "Suspended"
)

// BucketVersioning returns the versioning of the bucket. It asks for s3:GetBucketVersioning;
// see [ErrNotTold].
func (s *Store) BucketVersioning(ctx context.Context) (Versioning, error) {
	set, err := s.client.GetBucketVersioning(ctx, s.bucket)
	return Versioning(set.Status), s.told(err)
}

// BucketRules are the lifecycle rules of a bucket, as far as they concern the archive.
type BucketRules struct {
	// AbortAfter is after how many days an unfinished upload of the archive is removed; 0 if
	// it is not.
	AbortAfter int
	// Expiring are the ids of the rules that delete objects of the archive.
	Expiring []string
	// Total is how many rules the bucket has, whatever they concern.
	Total int
}

// BucketRules returns the lifecycle rules of the bucket. It asks for
// s3:GetLifecycleConfiguration; see [ErrNotTold].
func (s *Store) BucketRules(ctx context.Context) (BucketRules, error) {
	set, err := s.client.GetBucketLifecycle(ctx, s.bucket)
	if isUnset(err, "NoSuchLifecycleConfiguration") {
		return BucketRules{}, nil
	}
	if err != nil {
		return BucketRules{}, s.told(err)
	}
	return rulesFor(set.Rules, s.prefix), nil
}

// rulesFor returns what rules mean for the objects whose keys begin with a prefix.
func rulesFor(rules []lifecycle.Rule, prefix string) BucketRules {
	found := BucketRules{Total: len(rules)}
	for _, rule := range rules {
		if rule.Status != "Enabled" {
			continue
		}
		of := rule.Prefix + rule.RuleFilter.Prefix + rule.RuleFilter.And.Prefix // One of them is set.
		days := int(rule.AbortIncompleteMultipartUpload.DaysAfterInitiation)
		if days > 0 && strings.HasPrefix(prefix, of) && (found.AbortAfter == 0 || days < found.AbortAfter) {
			found.AbortAfter = days
		}
		if (!rule.Expiration.IsDaysNull() || !rule.Expiration.IsDateNull()) && touches(of, prefix) {
			found.Expiring = append(found.Expiring, rule.ID)
		}
	}
	return found
}

// touches reports whether a rule of a prefix deletes recordings, manifests or days of an
// archive, and not only its working files.
func touches(of, prefix string) bool {
	working := prefix + workingFolder
	return strings.HasPrefix(prefix, of) || strings.HasPrefix(of, prefix) && !strings.HasPrefix(of, working)
}

// workingFolder begins what nothing needs for long, after the prefix.
const workingFolder = ".callvault/"

// BucketReplication returns how many rules of a replication the bucket has, and how many of
// them are enabled. It asks for s3:GetReplicationConfiguration; see [ErrNotTold].
func (s *Store) BucketReplication(ctx context.Context) (rules, enabled int, err error) {
	set, err := s.client.GetBucketReplication(ctx, s.bucket)
	if isUnset(err, "ReplicationConfigurationNotFoundError") {
		return 0, 0, nil
	}
	for _, rule := range set.Rules {
		if rule.Status == replication.Enabled {
			enabled++
		}
	}
	return len(set.Rules), enabled, s.told(err)
}

func isUnset(err error, code string) bool {
	return err != nil && minio.ToErrorResponse(err).Code == code
}

// told maps the error of a request for a setting. One that the store refuses because of the
// request, or of who sends it, is [ErrNotTold].
func (s *Store) told(err error) error {
	if err == nil {
		return nil
	}
	response := minio.ToErrorResponse(err)
	switch response.StatusCode {
	case http.StatusForbidden:
		return fmt.Errorf("%w (%s)", ErrMayNotAsk, response.Code)
	case http.StatusNotImplemented, http.StatusMethodNotAllowed, http.StatusBadRequest, http.StatusNotFound:
		return fmt.Errorf("%w (%s)", ErrNotTold, response.Code)
	}
	return s.storeError("read the settings of", "", err)
}
