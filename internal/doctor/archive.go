package doctor

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/callvault/callvault/internal/archive"
)

// store is the checks of an account's archive.
type store struct {
	section
	config archive.Config

	// writing is held while objects are written: accounts may share an archive, and so them.
	writing sync.Locker

	opened *archive.Store
	lock   archive.BucketLock
	// isLocked: no object was tried, because the bucket would lock it, or may.
	isLocked bool

	mu sync.Mutex
	// ahead is the difference to the store's clock by its latest response, and server the name
	// that it gives itself.
	ahead  time.Duration
	known  bool
	server string
}

func (s *store) check(ctx context.Context) {
	s.run(ctx, ArchiveKeys, nil, s.keys)
	s.run(ctx, ArchiveBucket, []Name{ArchiveKeys}, s.bucket)
	s.run(ctx, ArchiveClock, []Name{ArchiveKeys}, s.clock)
	reached := []Name{ArchiveKeys, ArchiveBucket}
	s.run(ctx, ArchiveLock, reached, func(ctx context.Context) Finding {
		lock, err := s.opened.BucketLock(ctx)
		s.lock = lock
		return judgeLock(lock, err, s.config.Options)
	})
	s.write(ctx, reached)
	s.run(ctx, ArchiveVersioning, reached, func(ctx context.Context) Finding {
		versioning, err := s.opened.BucketVersioning(ctx)
		return judgeVersioning(versioning, err, s.config)
	})
	s.run(ctx, ArchiveLifecycle, reached, func(ctx context.Context) Finding {
		rules, err := s.opened.BucketRules(ctx)
		return judgeRules(rules, err, s.config, s.isMinIO())
	})
	s.run(ctx, ArchiveReplication, reached, func(ctx context.Context) Finding {
		return judgeReplication(s.opened.BucketReplication(ctx))
	})
}

// write does the checks that write objects, one account of an archive after the other.
func (s *store) write(ctx context.Context, reached []Name) {
	s.writing.Lock()
	defer s.writing.Unlock()
	s.run(ctx, ArchiveObject, reached, func(ctx context.Context) Finding {
		trial, err := s.opened.TryObject(ctx, s.lock)
		s.isLocked = errors.Is(err, archive.ErrWouldBeLocked) || errors.Is(err, archive.ErrMayBeLocked)
		return judgeTrial(trial, err)
	})
	needs := slices.Clone(reached)
	if !s.isLocked { // Otherwise what a worker's probe has found is known all the same.
		needs = append(needs, ArchiveObject)
	}
	s.run(ctx, ArchiveGuarantees, needs, s.guarantees)
}

func (s *store) keys(ctx context.Context) Finding {
	s.config.Observe = s.observe
	opened, err := archive.Open(s.config)
	if err == nil {
		s.opened = opened
		err = credentialsOf(ctx, opened)
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return broken("whoever hands out the AWS credentials does not respond").
			wayOut("set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or the account's keys in CALLVAULT_CONFIG, or look at the service that has the role's keys")
	}
	if err != nil {
		text, remedy := cutLast(line(err), ": ")
		return broken("%s", text).wayOut("%s", remedy)
	}
	return ok("there are keys to sign requests with")
}

// credentialsOf checks the credentials of an archive. The service that issues those of a role ignores the context.
func credentialsOf(ctx context.Context, opened *archive.Store) error {
	checked := make(chan error, 1)
	go func() { checked <- opened.CheckCredentials() }()
	select {
	case err := <-checked:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// observe notes what a response tells of the store.
func (s *store) observe(response *http.Response) {
	received := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ahead, s.known = aheadOf(response.Header, received)
	s.server = response.Header.Get("Server")
}

// isMinIO reports whether the store says that it is MinIO, which removes unfinished uploads by itself.
func (s *store) isMinIO() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.HasPrefix(s.server, "MinIO")
}

func (s *store) bucket(ctx context.Context) Finding {
	exists, err := s.opened.HasBucket(ctx)
	switch where := s.opened.Bucket() + " at " + s.config.Endpoint.String(); {
	case errors.Is(err, archive.ErrBlocked):
		text, remedy := cutLast(line(err), ": ")
		return broken("%s", text).wayOut("%s", remedy)
	case err != nil:
		return broken("the store at %s cannot be reached: %s", s.config.Endpoint, line(err)).wayOut("check S3_ENDPOINT, or the account's archive.endpoint, and the network")
	case !exists:
		return broken("there is no bucket %s", where).wayOut("start a worker, which creates it if it may (s3:CreateBucket), create it, or correct S3_BUCKET, in CALLVAULT_CONFIG archive.bucket")
	default:
		return ok("there is a bucket %s", where)
	}
}

func (s *store) clock(context.Context) Finding {
	s.mu.Lock()
	defer s.mu.Unlock()
	return judgeClock(s.ahead, s.known, s3Tolerance)
}

// guarantees checks what the store has to guarantee, as a worker does when it starts. It looks anew, unless the bucket would lock
// what that writes for as long as recordings, or may.
func (s *store) guarantees(ctx context.Context) Finding {
	find := s.opened.ProbeAgain
	if s.lock.Mode != "" || s.lock.MayLock {
		find = s.opened.Probe
	}
	return judgeGuarantees(find(ctx))
}

const permissionsRemedy = "see deploy/archive-policy.json for what a worker has to be allowed"

func judgeTrial(trial archive.Trial, err error) Finding {
	switch {
	case errors.Is(err, archive.ErrWouldBeLocked):
		return skipped("nothing was written, because %s, and a shorter lock (s3:PutObjectRetention) is not allowed", line(err))
	case errors.Is(err, archive.ErrMayBeLocked):
		return skipped("nothing was written: %s, and a shorter lock (s3:PutObjectRetention) is not allowed", line(err)).
			wayOut("allow s3:GetBucketObjectLockConfiguration for this check, or see by a first fetch")
	case errors.Is(err, archive.ErrMismatch):
		return broken("an object that was written was read as another one: %s", line(err)).wayOut("find out what is between this machine and the store, and whether others write there")
	case errors.Is(err, archive.ErrBlocked):
		text, remedy := cutLast(line(err), ": ")
		return broken("%s", text).wayOut("%s", remedy)
	case err != nil:
		return broken("%s", line(err)).wayOut("%s", permissionsRemedy)
	case trial.Kept != "":
		return ok("an object was written and read; it may not be deleted (%s), as deploy/archive-policy.json has it, and stays as %s", trial.Kept, trial.Key)
	}
	return ok("an object was written, read and deleted")
}

func judgeGuarantees(lacks []archive.Lack, err error) Finding {
	if err != nil {
		return skipped("it could not be found out: %s", line(err)).wayOut("%s", permissionsRemedy)
	}
	var texts []string
	blocks := false
	for _, lack := range lacks {
		texts = append(texts, lack.Text)
		blocks = blocks || lack.Blocks || strings.Contains(lack.Text, "nothing can be archived")
	}
	const remedy = "use another store, or another release of it; see docs/stores.md"
	switch {
	case blocks:
		return broken("%s", strings.Join(texts, "; ")).wayOut("%s", remedy)
	case len(texts) > 0:
		return warning("%s", strings.Join(texts, "; ")).wayOut("%s", remedy)
	}
	return ok("the store verifies and keeps checksums, and obeys conditions")
}

// notTold is the finding about a setting that the store does not say.
func notTold(err error, action string) Finding {
	found := skipped("it could not be found out: %s", line(err))
	if errors.Is(err, archive.ErrMayNotAsk) {
		return found.wayOut("ask who administers the store, or allow %s for this check", action)
	}
	return found.wayOut("ask who administers the store")
}

func judgeLock(lock archive.BucketLock, err error, options archive.Options) Finding {
	wanted := options.LockMode != "" || options.LegalHold
	switch {
	case err != nil:
		return notTold(err, "s3:GetBucketObjectLockConfiguration")
	case wanted && !lock.Enabled:
		return broken("the configuration locks objects, and the bucket has no Object Lock: no recording can be written").
			wayOut("create a bucket with Object Lock, or remove archive.lock from the configuration")
	case options.LockMode != "":
		return ok("recordings are locked for %s in mode %s", count(options.LockDays, "day"), options.LockMode)
	case lock.Mode != "":
		return ok("the bucket locks every object for %s in mode %s; the object that is tried below is locked for a minute", strings.ToLower(lock.For), lock.Mode)
	case lock.Enabled:
		return ok("the bucket has Object Lock, and locks nothing by default")
	}
	return ok("nothing is locked, and nothing is configured to be")
}

func judgeVersioning(versioning archive.Versioning, err error, config archive.Config) Finding {
	switch {
	case err != nil:
		return notTold(err, "s3:GetBucketVersioning")
	case versioning == archive.VersioningOn:
		return ok("old versions are kept")
	case versioning == archive.VersioningSuspended:
		return warning("versions are suspended: what others delete or overwrite is gone").wayOut("switch them on again, if that was not meant: %s --versioning-configuration Status=Enabled", command("put-bucket-versioning", config))
	}
	return ok("no versions are kept: callvault overwrites no recording, but what others delete or overwrite is gone")
}

// command returns one of the AWS command line about the bucket, without what it is to be set to.
func command(name string, config archive.Config) string {
	text := "aws s3api " + name + " --bucket " + config.Bucket
	if host := config.Endpoint.Hostname(); !strings.HasSuffix(host, "amazonaws.com") {
		text += " --endpoint-url " + config.Endpoint.String()
	}
	return text
}

// abortRule is the lifecycle rule that removes unfinished uploads.
const abortRule = `{"ID":"unfinished-uploads","Status":"Enabled","Filter":{"Prefix":"%s"},"AbortIncompleteMultipartUpload":{"DaysAfterInitiation":7}}`

func judgeRules(rules archive.BucketRules, err error, config archive.Config, isMinIO bool) Finding {
	rule := fmt.Sprintf(abortRule, config.Prefix)
	const kept = "no lifecycle rule removes unfinished uploads: what a fetch leaves that is terminated during a download is kept, and paid for"
	switch {
	case err != nil: // MinIO too may have a rule that deletes recordings.
		return notTold(err, "s3:GetLifecycleConfiguration")
	case len(rules.Expiring) > 0:
		return warning("lifecycle rules delete objects of the archive: %s", some(rules.Expiring)).
			wayOut("if that is not how long recordings are to be kept, remove them; a session whose objects are gone is fetched again, or ends as damaged")
	case rules.AbortAfter > 0:
		return ok("unfinished uploads are removed after %s", count(rules.AbortAfter, "day"))
	case isMinIO:
		return ok("MinIO removes unfinished uploads by itself after a day")
	case rules.Total > 0: // The command below would remove them.
		return warning(kept).wayOut("add one to the bucket's %s, which %s returns: %s", count(rules.Total, "other rule"), command("get-bucket-lifecycle-configuration", config), rule)
	}
	return warning(kept).wayOut(`add one: %s --lifecycle-configuration '{"Rules":[%s]}'`, command("put-bucket-lifecycle-configuration", config), rule)
}

func judgeReplication(rules, enabled int, err error) Finding {
	switch {
	case err != nil:
		return notTold(err, "s3:GetReplicationConfiguration")
	case rules == 0:
		return ok("the bucket is not replicated: it is the only copy, as far as the store knows")
	case enabled == 0:
		return warning("the bucket has %s of a replication, and none is enabled", count(rules, "rule")).wayOut("enable one, or remove them")
	}
	return ok("the bucket is replicated by %s", count(enabled, "rule"))
}

// cutLast cuts a text around the last separator.
func cutLast(text, separator string) (before, after string) {
	at := strings.LastIndex(text, separator)
	if at < 0 {
		return text, ""
	}
	return text[:at], text[at+len(separator):]
}
