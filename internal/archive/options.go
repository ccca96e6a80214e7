package archive

import (
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/encrypt"

	"github.com/callvault/callvault/workflows"
)

// Encryption is what the store is asked to encrypt objects with.
type Encryption string

// The encryptions. Without one the bucket's own default applies.
const (
	SSES3  Encryption = "SSE-S3"
	SSEKMS Encryption = "SSE-KMS"
)

// LockMode is the mode of Object Lock retention.
type LockMode string

// The modes. What is locked in mode Governance can be deleted before its time by those who
// have s3:BypassGovernanceRetention; in mode Compliance nobody can, and nobody can undo it.
const (
	Governance LockMode = "GOVERNANCE"
	Compliance LockMode = "COMPLIANCE"
)

// MaxLockDays is the longest retention, which is that of S3.
const MaxLockDays = 36500

// Tag is one tag that objects get.
type Tag string

// The tags. Their keys in the store begin with "callvault-".
const (
	TagBot     Tag = "bot"
	TagDate    Tag = "date"    // The day of the call, in UTC, such as 2026-03-05.
	TagOutcome Tag = "outcome" // "archived" for a recording, the manifest's own for a manifest.
)

// Tags are all tags.
var Tags = []Tag{TagBot, TagDate, TagOutcome}

// Options are how the store keeps what is written. The zero value leaves everything to the
// bucket.
type Options struct {
	// Encryption is asked for with every write. Defaults to none: the bucket's own.
	Encryption Encryption
	// KMSKey is the key's id, ARN or alias, for SSEKMS alone. Defaults to the bucket's, or
	// the store's own.
	KMSKey string

	// LockMode and LockDays (1 to [MaxLockDays]) retain each recording and manifest, counted
	// from its write. They need a bucket with Object Lock. Both or neither. Defaults to none:
	// the bucket's own.
	LockMode LockMode
	LockDays int
	// LegalHold holds each recording and manifest until somebody lifts it. It needs a bucket
	// with Object Lock. Defaults to false.
	LegalHold bool

	// StorageClass is the store's name of one: up to 64 letters, digits, hyphens and
	// underscores. Defaults to the store's own.
	StorageClass string

	// Tags are those that each recording and manifest gets. Defaults to none.
	Tags []Tag
}

// Problem is one thing that is wrong with [Options].
type Problem struct {
	// Field is "encryption", "kmsKey", "lock.mode", "lock.days", "storageClass" or "tags".
	Field string
	// Text names the cause and the remedy.
	Text string
}

var (
	kmsKeyPattern       = regexp.MustCompile(`^[0-9A-Za-z:/_.-]{1,256}$`)
	storageClassPattern = regexp.MustCompile(`^[0-9A-Za-z_-]{1,64}$`)
)

// Problems returns all that is wrong with o.
func (o Options) Problems() []Problem {
	var problems []Problem
	add := func(field, format string, args ...any) {
		problems = append(problems, Problem{field, fmt.Sprintf(format, args...)})
	}
	if o.Encryption != "" && o.Encryption != SSES3 && o.Encryption != SSEKMS {
		add("encryption", "%.100q is not an encryption: want none, %s or %s", o.Encryption, SSES3, SSEKMS)
	}
	switch {
	case o.KMSKey == "":
	case o.Encryption != SSEKMS:
		add("kmsKey", "is used with %s alone: set the encryption to that, or remove the key", SSEKMS)
	case !kmsKeyPattern.MatchString(o.KMSKey):
		add("kmsKey", "%.100q is not a key: want its id, ARN or alias, up to 256 letters, digits and : / _ . -", o.KMSKey)
	}
	switch {
	case o.LockMode == "" && o.LockDays != 0:
		add("lock.mode", "is not set: set it to %s or %s, or remove the days", Governance, Compliance)
	case o.LockMode != "" && o.LockMode != Governance && o.LockMode != Compliance:
		add("lock.mode", "%.100q is not a mode: want %s or %s", o.LockMode, Governance, Compliance)
	}
	if o.LockDays < 0 || o.LockDays > MaxLockDays || o.LockMode != "" && o.LockDays == 0 {
		add("lock.days", "want how long an object is retained, from 1 to %d days", MaxLockDays)
	}
	if o.StorageClass != "" && !storageClassPattern.MatchString(o.StorageClass) {
		add("storageClass", "%.100q is not a storage class: want the store's name of one, such as STANDARD_IA", o.StorageClass)
	}
	for i, tag := range o.Tags {
		switch {
		case !slices.Contains(Tags, tag):
			add("tags", "%.100q is not a tag: want %s, %s or %s", tag, TagBot, TagDate, TagOutcome)
		case slices.Contains(o.Tags[:i], tag):
			add("tags", "%q is named twice: remove one", tag)
		}
	}
	return problems
}

// Labels say what one write of a recording or a manifest is about.
type Labels struct {
	// Session is whose recording or manifest it is. Required for the tags.
	Session workflows.Session
	// Outcome is the manifest's. Defaults to that of a recording, archived.
	Outcome string
	// RetainedUntil is how long the version that is replaced is retained; see [retainedUntil].
	// Defaults to no time: nothing is replaced, or it is not retained.
	RetainedUntil time.Time
}

// apply adds o to the options of one PUT, or of the CreateMultipartUpload of one upload, of
// a recording or a manifest that is written now. The parts of an upload and its completion
// have none of them.
//
// The retention is never shortened: what replaces a version is retained at least as long as
// that version, although fewer days may be configured since, or a clock be wrong. The
// version itself keeps its own retention, in the bucket with versions that Object Lock needs.
func (o Options) apply(options *minio.PutObjectOptions, now time.Time, labels Labels) {
	o.encrypt(options)
	options.StorageClass = o.StorageClass
	if o.LockMode != "" {
		options.Mode = minio.RetentionMode(o.LockMode)
		// It is sent in whole seconds, and a part of one must not be lost.
		options.RetainUntilDate = now.UTC().AddDate(0, 0, o.LockDays).Truncate(time.Second).Add(time.Second)
		if labels.RetainedUntil.After(options.RetainUntilDate) {
			options.RetainUntilDate = labels.RetainedUntil
		}
	}
	if o.LegalHold {
		options.LegalHold = minio.LegalHoldEnabled
	}
	options.UserTags = o.tags(labels)
}

// applyToReadable is apply for a manifest, and for what belongs to a call, which have to be
// readable at any time.
func (o Options) applyToReadable(options *minio.PutObjectOptions, now time.Time, labels Labels) {
	o.apply(options, now, labels)
	options.StorageClass = o.readableClass()
}

// applyToRecord is apply for what is written down about days, which has to be readable at any
// time, and belongs to no one session that tags could name.
func (o Options) applyToRecord(options *minio.PutObjectOptions, now time.Time) {
	o.apply(options, now, Labels{})
	options.StorageClass, options.UserTags = o.readableClass(), nil
}

// applyToFile adds what applies to any object, such as the files of a batch. Those are no
// recordings, and are replaced again and again: they get no lock, no legal hold and no tags.
func (o Options) applyToFile(options *minio.PutObjectOptions) {
	o.encrypt(options)
	options.StorageClass = o.readableClass()
}

func (o Options) encrypt(options *minio.PutObjectOptions) {
	switch o.Encryption {
	case SSES3:
		options.ServerSideEncryption = encrypt.NewSSE()
	case SSEKMS:
		options.ServerSideEncryption, _ = encrypt.NewSSEKMS(o.KMSKey, nil) // It fails only for a context.
	}
}

// coldClasses are those whose objects cannot be read before they are restored. A recording
// may have one: callvault only looks at its header.
var coldClasses = []string{"GLACIER", "DEEP_ARCHIVE"}

// readableClass is the storage class of what callvault reads itself.
func (o Options) readableClass() string {
	if slices.Contains(coldClasses, o.StorageClass) {
		return ""
	}
	return o.StorageClass
}

// tags returns the tags of one object. Their values are of the alphabet that S3 allows:
// minio-go would leave out all tags if one was not.
func (o Options) tags(labels Labels) map[string]string {
	values := make(map[string]string, len(o.Tags))
	for _, tag := range o.Tags {
		switch tag {
		case TagBot:
			values["callvault-bot"] = labels.Session.BotID
		case TagDate:
			if callTime, err := labels.Session.CallTime(); err == nil {
				values["callvault-date"] = callTime.Format(time.DateOnly)
			}
		case TagOutcome:
			values["callvault-outcome"] = labels.Outcome
			if labels.Outcome == "" {
				values["callvault-outcome"] = outcomeArchived
			}
		}
	}
	return values
}

// retainedUntil returns how long an object is retained, by the header of a HEAD or a GET. A
// store shows it only to those who have s3:GetObjectRetention.
func retainedUntil(header http.Header) time.Time {
	until, err := time.Parse(time.RFC3339, header.Get("X-Amz-Object-Lock-Retain-Until-Date"))
	if err != nil {
		return time.Time{} // It is not retained.
	}
	return until
}

// permissions returns the actions that o needs in addition to [Permissions].
func (o Options) permissions() []string {
	var actions []string
	for _, option := range OptionPermissions {
		if option.isUsed(o) {
			actions = append(actions, option.Actions...)
		}
	}
	return actions
}

// validate returns all problems as one error, or nil.
func (o Options) validate() error {
	var all []error
	for _, problem := range o.Problems() {
		all = append(all, fmt.Errorf("%s: %s", problem.Field, problem.Text))
	}
	return errors.Join(all...)
}
