package s3test

import (
	"net/http"
	"strconv"
	"time"
)

const (
	taggingHeader     = "X-Amz-Tagging"
	lockModeHeader    = "X-Amz-Object-Lock-Mode"
	retainUntilHeader = "X-Amz-Object-Lock-Retain-Until-Date"
	legalHoldHeader   = "X-Amz-Object-Lock-Legal-Hold"
)

// keptHeaders are the headers of a write that a store keeps with the object.
var keptHeaders = []string{
	"X-Amz-Storage-Class", "X-Amz-Server-Side-Encryption", "X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id",
	taggingHeader, lockModeHeader, retainUntilHeader, legalHoldHeader,
}

func keptOf(header http.Header) map[string]string {
	kept := make(map[string]string)
	for _, name := range keptHeaders {
		if value := header.Get(name); value != "" {
			kept[name] = value
		}
	}
	return kept
}

// EnableLock gives a bucket Object Lock, and so versions.
func (s *Server) EnableLock(bucket string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.buckets[bucket].locked, s.buckets[bucket].versioning = true, versioningEnabled
}

// RetainByDefault gives a bucket Object Lock, and each object a retention that does not ask for
// one itself.
func (s *Server) RetainByDefault(bucket, mode string, days int) {
	s.EnableLock(bucket)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.buckets[bucket].retainedMode, s.buckets[bucket].retainedDays = mode, days
}

func (b *bucket) lockConfiguration() *reply {
	switch {
	case !b.locked:
		return refuse(http.StatusNotFound, "ObjectLockConfigurationNotFoundError", "the bucket has no Object Lock configuration")
	case b.retainedDays == 0:
		return xmlReply("ObjectLockConfiguration", element("ObjectLockEnabled", "Enabled"))
	}
	return xmlReply("ObjectLockConfiguration", element("ObjectLockEnabled", "Enabled"), "<Rule><DefaultRetention>"+
		element("Mode", b.retainedMode)+element("Days", strconv.Itoa(b.retainedDays))+"</DefaultRetention></Rule>")
}

// retain gives a new object the retention that the bucket has by default.
func (b *bucket) retain(object *Object) {
	if b.retainedDays > 0 && object.Kept[lockModeHeader] == "" {
		object.Kept[lockModeHeader] = b.retainedMode
		object.Kept[retainUntilHeader] = time.Now().UTC().AddDate(0, 0, b.retainedDays).Format(time.RFC3339)
	}
}

// isRetained reports whether a version of an object may not be deleted yet.
func (o *Object) isRetained(now time.Time) bool {
	until, err := time.Parse(time.RFC3339, o.Kept[retainUntilHeader])
	return err == nil && until.After(now)
}

// refusedLock returns the refusal if a write's lock is not one that the bucket can have.
func (b *bucket) refusedLock(request *Request) *reply {
	mode, until, hold := request.Header.Get(lockModeHeader), request.Header.Get(retainUntilHeader), request.Header.Get(legalHoldHeader)
	if mode == "" && until == "" && hold == "" {
		return nil
	}
	retain, err := time.Parse(time.RFC3339, until)
	switch {
	case !b.locked:
		return refuse(http.StatusBadRequest, "InvalidRequest", "the bucket has no Object Lock configuration")
	case (mode == "") != (until == ""):
		return refuse(http.StatusBadRequest, "InvalidArgument", "mode and date of a retention need each other")
	case mode != "" && mode != "GOVERNANCE" && mode != "COMPLIANCE", hold != "" && hold != "ON":
		return refuse(http.StatusBadRequest, "InvalidArgument", "the lock is not valid")
	case until != "" && (err != nil || !retain.After(time.Now())):
		return refuse(http.StatusBadRequest, "InvalidArgument", "the date of a retention is not in the future")
	}
	return nil
}
