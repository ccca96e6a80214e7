package archive

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"

	"github.com/callvault/callvault/internal/failure"
)

var (
	// ErrBlocked means that the store refuses until an operator has acted.
	ErrBlocked = failure.New(failure.ArchiveBlocked, "the archive refuses the request")
	// ErrInvalidManifest means that what is stored as a session's manifest is none; the
	// error is [ErrBlocked] too.
	ErrInvalidManifest = errors.New("not valid")
	// ErrConflict means that an object was modified or removed concurrently; a retry
	// will see the new state.
	ErrConflict = failure.New(failure.ArchiveUnavailable, "an object in the archive was modified concurrently")
	// ErrMismatch means that an object differs from what was written.
	ErrMismatch = failure.New(failure.ArchiveChanged, "an object in the archive differs from what was written")
	// ErrArchivedBefore means that another fetch has archived the session, but
	// objects of it are missing or changed since.
	ErrArchivedBefore = failure.New(failure.AlreadyArchived, "another fetch had archived the session")
	// ErrUploadGone means that an upload cannot be continued: the store does not have it, or
	// has other parts than it should. It has to begin again.
	ErrUploadGone = failure.New(failure.ArchiveUnavailable, "the upload cannot be continued")
)

// blockedCodes are the S3 error codes that need operator action, each with its
// remedy.
var blockedCodes = []struct {
	codes  []string
	remedy string
}{
	{[]string{"AccessDenied", "AllAccessDisabled", "AccountProblem", "MethodNotAllowed"},
		"allow the worker " + strings.Join(Permissions, ", ") + " there, see deploy/archive-policy.json"},
	{[]string{"InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken", "TokenRefreshRequired", "UnauthorizedAccess"},
		"check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, the account's keys in CALLVAULT_CONFIG, or the role that the worker runs under"},
	{[]string{"NoSuchBucket", "InvalidBucketName"}, "create the bucket or correct S3_BUCKET, in CALLVAULT_CONFIG archive.bucket"},
	{[]string{"PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException", "301 Moved Permanently"}, "correct S3_REGION or S3_ENDPOINT, in CALLVAULT_CONFIG archive.region or archive.endpoint"},
	{[]string{"RequestTimeTooSkewed"}, "correct this machine's clock"},
	{[]string{"QuotaExceeded", "XMinioStorageFull", "XMinioAdminBucketQuotaExceeded"}, "free space in the store"},
	{[]string{"InvalidStorageClass", "InvalidTag", "ObjectLockConfigurationNotFoundError", "KMS.DisabledException", "KMS.NotFoundException", "KMS.KMSInvalidStateException", "KMS.InvalidKeyUsageException"},
		"correct the archive's options in CALLVAULT_CONFIG, or the bucket or key that they need, see docs/archive.md"},
	{[]string{"InvalidRequest", "NotImplemented", "InvalidArgument"}, "see docs/architecture.md for what callvault needs of a store, and docs/archive.md for what the archive's options need"},
}

// Operations that tell of the store as a whole if they fail.
const (
	opWrite = "write"
	opCheck = "check"
)

// storeError adds the operation and the object to err, and maps it to the errors
// above. A missing object is a conflict: it was there a request earlier. Any other
// error, such as a store that is down or slow, can be retried.
func (s *Store) storeError(operation, key string, err error) error {
	if err == nil || errors.Is(err, context.Canceled) {
		return err
	}
	where := fmt.Sprintf("%s s3://%s/%s", operation, s.bucket, key)
	if errors.Is(err, ErrMismatch) || errors.Is(err, ErrUploadGone) {
		return fmt.Errorf("%s: %w", where, err)
	}
	response := minio.ToErrorResponse(err)
	if isConflict(response) || isNotFound(err) {
		return fmt.Errorf("%s: %w", where, ErrConflict)
	}
	if concernsStore(operation, response) {
		s.health.failed(time.Now())
	}
	if remedy := remedyFor(response.Code); remedy != "" {
		if actions := s.options.permissions(); isDenied(response.Code) && len(actions) > 0 {
			remedy += ", and for the archive's options " + strings.Join(actions, ", ") + ", see deploy/archive-policy-options.json"
		}
		return fmt.Errorf("%s: %w: %s (%s): %s", where, ErrBlocked, response.Code, response.Message, remedy)
	}
	if response.Code != "" {
		where += ": " + response.Code // The error itself leaves it out.
	}
	return failure.Wrap(failure.ArchiveUnavailable, fmt.Errorf("%s: %w", where, err))
}

func isDenied(code string) bool { return slices.Contains(blockedCodes[0].codes, code) }

// remedyFor returns what an operator can do about an S3 error code, or "".
func remedyFor(code string) string {
	for _, blocked := range blockedCodes {
		if slices.Contains(blocked.codes, code) {
			return blocked.remedy
		}
	}
	return ""
}

func isConflict(response minio.ErrorResponse) bool {
	return response.StatusCode == http.StatusPreconditionFailed ||
		response.Code == "PreconditionFailed" || response.Code == "ConditionalRequestConflict"
}

func isNotFound(err error) bool {
	code := minio.ToErrorResponse(err).Code
	return code == "NoSuchKey" || code == "NotFound"
}
