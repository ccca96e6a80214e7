package archive

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/minio/minio-go/v7"
)

var (
	// ErrBlocked says that the store refuses in a way that a person has to mend.
	ErrBlocked = errors.New("the archive refuses")
	// ErrConflict says that an object changed under our hands; another try will see the
	// new state.
	ErrConflict = errors.New("an object in the archive was changed at the same time")
	// ErrMismatch says that an object is not what was put there.
	ErrMismatch = errors.New("an object in the archive is not what was put there")
	// ErrTooLarge says that the recording is larger than an object can be in one piece.
	ErrTooLarge = errors.New("the recording is larger than 5 GiB")
)

// blockedCodes are the S3 error codes that no retry mends, each with what
// does.
var blockedCodes = []struct {
	codes  []string
	remedy string
}{
	{[]string{"AccessDenied", "AllAccessDisabled", "AccountProblem", "MethodNotAllowed"},
		"allow the worker s3:GetObject, s3:PutObject, s3:ListBucket, s3:AbortMultipartUpload and s3:ListBucketMultipartUploads there"},
	{[]string{"InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken", "TokenRefreshRequired", "UnauthorizedAccess"},
		"check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or the role that the worker runs under"},
	{[]string{"NoSuchBucket", "InvalidBucketName"}, "create the bucket or correct S3_BUCKET"},
	{[]string{"PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException"}, "correct S3_REGION or S3_ENDPOINT"},
	{[]string{"RequestTimeTooSkewed"}, "set this machine's clock"},
	{[]string{"QuotaExceeded", "XMinioStorageFull", "XMinioAdminBucketQuotaExceeded"}, "make room in the store"},
	{[]string{"InvalidRequest", "NotImplemented", "InvalidArgument"}, "see docs/architecture.md for what callvault needs of a store"},
}

// storeError names what failed on which object and maps it to the errors
// above. The rest, a store that is down or slow, stays as it is: retry.
func (s *Store) storeError(doing, key string, err error) error {
	if err == nil || errors.Is(err, context.Canceled) {
		return err
	}
	where := fmt.Sprintf("%s s3://%s/%s", doing, s.bucket, key)
	response := minio.ToErrorResponse(err)
	if isConflict(response) {
		return fmt.Errorf("%s: %w", where, ErrConflict)
	}
	for _, blocked := range blockedCodes {
		if slices.Contains(blocked.codes, response.Code) {
			return fmt.Errorf("%s: %w: %s (%s): %s", where, ErrBlocked, response.Code, response.Message, blocked.remedy)
		}
	}
	return fmt.Errorf("%s: %w", where, err)
}

func isConflict(response minio.ErrorResponse) bool {
	return response.StatusCode == http.StatusPreconditionFailed ||
		response.Code == "PreconditionFailed" || response.Code == "ConditionalRequestConflict"
}

func isNotFound(err error) bool {
	code := minio.ToErrorResponse(err).Code
	return code == "NoSuchKey" || code == "NotFound"
}
