package s3test

// Feature is something that a store can do, and that some stores lack.
type Feature string

// The features. What a store lacks it refuses, or, of a condition or a checksum, ignores.
const (
	IfNoneMatch         Feature = "If-None-Match"
	IfMatch             Feature = "If-Match"
	VerifiedChecksum    Feature = "a checksum that is verified"
	ReturnedChecksum    Feature = "a checksum that is returned"
	ConditionalComplete Feature = "If-None-Match of CompleteMultipartUpload"
	ListedParts         Feature = "ListParts"
	Multipart           Feature = "multipart uploads"

	// WholeChecksumOfParts is CRC64NVME over an object that is uploaded in parts.
	WholeChecksumOfParts Feature = "a checksum of the whole for multipart uploads"
)
