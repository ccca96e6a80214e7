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

// SettingPermissions are the S3 actions for how the bucket is set, which those who check an
// installation ask for, and no worker.
var SettingPermissions = []string{
	"s3:GetBucketObjectLockConfiguration", "s3:GetBucketVersioning", "s3:GetLifecycleConfiguration", "s3:GetReplicationConfiguration",
}

// OptionPermission is what one of [Options] needs.
type OptionPermission struct {
	// Name is that of the statement in deploy/archive-policy-options.json.
	Name    string
	Actions []string
	isUsed  func(Options) bool
}

// OptionPermissions are the actions that the worker needs with some of [Options] alone.
// Without s3:GetObjectRetention a store does not show how long a version is retained, so
// that the one that replaces it might be retained for less.
var OptionPermissions = []OptionPermission{
	{"Tags", []string{"s3:PutObjectTagging"}, func(o Options) bool { return len(o.Tags) > 0 }},
	{"Lock", []string{"s3:PutObjectRetention", "s3:GetObjectRetention"}, func(o Options) bool { return o.LockMode != "" }},
	{"LegalHold", []string{"s3:PutObjectLegalHold"}, func(o Options) bool { return o.LegalHold }},
	{"KMS", []string{"kms:GenerateDataKey", "kms:Decrypt"}, func(o Options) bool { return o.Encryption == SSEKMS }},
}
