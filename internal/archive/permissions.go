package archive

// Permissions are the S3 actions that the worker needs in the bucket. Without
// s3:ListBucket a store hides whether an object is missing.
var Permissions = []string{
	"s3:ListBucket", "s3:ListBucketMultipartUploads",
	"s3:GetObject", "s3:PutObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts",
}

// OptionalPermissions are the S3 actions that the worker uses if it has them:
// it creates a missing bucket.
var OptionalPermissions = []string{"s3:CreateBucket"}
