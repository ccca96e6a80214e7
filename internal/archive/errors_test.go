package archive

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"testing"

	"github.com/minio/minio-go/v7"
	"github.com/stretchr/testify/require"
)

func TestStoreErrorNamesTheObjectAndTheRemedy(t *testing.T) {
	store := &Store{bucket: "recordings"}
	for _, row := range []struct {
		code   string
		status int
		want   error
		says   string
	}{
		{"AccessDenied", 403, ErrBlocked, "s3:PutObject"},
		{"AllAccessDisabled", 403, ErrBlocked, "s3:PutObject"},
		{"AccountProblem", 403, ErrBlocked, "s3:PutObject"},
		{"MethodNotAllowed", 405, ErrBlocked, "s3:PutObject"},
		{"InvalidAccessKeyId", 403, ErrBlocked, "AWS_ACCESS_KEY_ID"},
		{"SignatureDoesNotMatch", 403, ErrBlocked, "AWS_SECRET_ACCESS_KEY"},
		{"ExpiredToken", 400, ErrBlocked, "role"},
		{"InvalidToken", 400, ErrBlocked, "role"},
		{"TokenRefreshRequired", 400, ErrBlocked, "role"},
		{"UnauthorizedAccess", 403, ErrBlocked, "AWS_ACCESS_KEY_ID"},
		{"NoSuchBucket", 404, ErrBlocked, "S3_BUCKET"},
		{"InvalidBucketName", 400, ErrBlocked, "S3_BUCKET"},
		{"PermanentRedirect", 301, ErrBlocked, "S3_ENDPOINT"},
		{"AuthorizationHeaderMalformed", 400, ErrBlocked, "S3_REGION"},
		{"IllegalLocationConstraintException", 400, ErrBlocked, "S3_REGION"},
		{"301 Moved Permanently", 301, ErrBlocked, "S3_ENDPOINT"},
		{"RequestTimeTooSkewed", 403, ErrBlocked, "clock"},
		{"QuotaExceeded", 403, ErrBlocked, "free space"},
		{"XMinioStorageFull", 507, ErrBlocked, "free space"},
		{"XMinioAdminBucketQuotaExceeded", 507, ErrBlocked, "free space"},
		{"InvalidStorageClass", 400, ErrBlocked, "the archive's options"},
		{"InvalidTag", 400, ErrBlocked, "the archive's options"},
		{"ObjectLockConfigurationNotFoundError", 404, ErrBlocked, "the archive's options"},
		{"KMS.DisabledException", 400, ErrBlocked, "the archive's options"},
		{"KMS.NotFoundException", 400, ErrBlocked, "the archive's options"},
		{"KMS.KMSInvalidStateException", 400, ErrBlocked, "the archive's options"},
		{"KMS.InvalidKeyUsageException", 400, ErrBlocked, "the archive's options"},
		{"NotImplemented", 501, ErrBlocked, "docs/architecture.md"},
		{"InvalidRequest", 400, ErrBlocked, "docs/architecture.md"},
		{"InvalidArgument", 400, ErrBlocked, "docs/architecture.md"},
		{"NoSuchKey", 404, ErrConflict, ""}, // it was there a request earlier
		{"PreconditionFailed", 200, ErrConflict, ""},
		{"PreconditionFailed", 412, ErrConflict, ""},
		{"", 412, ErrConflict, ""}, // a HEAD has no body with a code
		{"ConditionalRequestConflict", 409, ErrConflict, ""},
	} {
		t.Run(fmt.Sprint(row.code, row.status), func(t *testing.T) {
			cause := minio.ErrorResponse{Code: row.code, StatusCode: row.status, Message: "in the store's words"}
			err := store.storeError("write", "a/b.wav", cause)
			require.ErrorIs(t, err, row.want)
			require.Contains(t, err.Error(), "write s3://recordings/a/b.wav: ")
			require.Contains(t, err.Error(), row.says)
			if row.want == ErrBlocked {
				require.Contains(t, err.Error(), row.code+" (in the store's words)")
			}
		})
	}
}

func TestRefusalNamesThePermissionsOfTheOptionsInUse(t *testing.T) {
	denied := minio.ErrorResponse{Code: "AccessDenied", StatusCode: http.StatusForbidden}
	for _, row := range []struct {
		options Options
		says    string
	}{
		{Options{Tags: []Tag{TagBot}}, "s3:PutObjectTagging,"},
		{Options{LockMode: Governance, LockDays: 1}, "s3:PutObjectRetention, s3:GetObjectRetention,"},
		{Options{LegalHold: true}, "s3:PutObjectLegalHold,"},
		{Options{Encryption: SSEKMS}, "kms:GenerateDataKey, kms:Decrypt,"},
	} {
		err := (&Store{options: row.options}).storeError("write", "k", denied)
		require.ErrorContains(t, err, ", and for the archive's options "+row.says+" see deploy/archive-policy-options.json")
	}
	err := (&Store{options: Options{Encryption: SSES3, StorageClass: "STANDARD_IA"}}).storeError("write", "k", denied)
	require.NotContains(t, err.Error(), "options")
	err = (&Store{options: Options{LegalHold: true}}).storeError("write", "k", minio.ErrorResponse{Code: "QuotaExceeded"})
	require.NotContains(t, err.Error(), "options")
}

func TestUnavailableStoreIsNeitherBlockedNorConflict(t *testing.T) {
	store := &Store{bucket: "recordings"}
	for _, cause := range []error{
		minio.ErrorResponse{Code: "SlowDown", StatusCode: http.StatusServiceUnavailable},
		minio.ErrorResponse{Code: "InternalError", StatusCode: http.StatusInternalServerError},
		minio.ErrorResponse{Code: "BadDigest", StatusCode: http.StatusBadRequest},
		minio.ErrorResponse{Code: "XMinioServerNotInitialized", StatusCode: http.StatusServiceUnavailable},
		&net.OpError{Op: "dial", Err: errors.New("connection refused")},
		context.DeadlineExceeded,
	} {
		err := store.storeError("write", "k", cause)
		require.ErrorContains(t, err, "write s3://recordings/k: ")
		require.ErrorIs(t, err, cause)
		require.NotErrorIs(t, err, ErrBlocked)
		require.NotErrorIs(t, err, ErrConflict)
	}
}

func TestNilAndCancellationAreReturnedUnchanged(t *testing.T) {
	store := &Store{bucket: "recordings"}
	require.NoError(t, store.storeError("write", "k", nil))
	cancelled := fmt.Errorf("put: %w", context.Canceled)
	require.Equal(t, cancelled, store.storeError("write", "k", cancelled))
}

func TestNotFoundMeansAMissingObjectOnly(t *testing.T) {
	require.True(t, isNotFound(minio.ErrorResponse{Code: "NoSuchKey", StatusCode: 404}))
	require.True(t, isNotFound(minio.ErrorResponse{Code: "NotFound", StatusCode: 404}))
	require.False(t, isNotFound(minio.ErrorResponse{Code: "NoSuchBucket", StatusCode: 404}))
	require.False(t, isNotFound(minio.ErrorResponse{Code: "AccessDenied", StatusCode: 403}))
	require.False(t, isNotFound(errors.New("connection refused")))
}
