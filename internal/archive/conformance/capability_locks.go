package conformance

import (
	"bytes"
	"context"
	"net/http"
	"time"
)

var locks = []trial{
	{"Object Lock: a bucket with it", (*prober).createsLockBucket},
	{"Retention by the PUT's headers, GOVERNANCE: kept and enforced", (*prober).keepsGovernance},
	{"Retention by the PUT's headers, COMPLIANCE: kept and enforced", (*prober).keepsCompliance},
	{"… shortening it: refused", (*prober).refusesShorterRetention},
	{"Legal hold by the PUT's header: kept and enforced", (*prober).keepsLegalHold},
	{"Retention by CreateMultipartUpload's headers: kept and enforced", (*prober).keepsMultipartRetention},
	{"Retention in a bucket without Object Lock", (*prober).refusesRetentionWithoutLock},
}

// lockTime is how long the probes lock objects.
const lockTime = 5 * time.Minute

const (
	headerLockMode  = "X-Amz-Object-Lock-Mode"
	headerLockUntil = "X-Amz-Object-Lock-Retain-Until-Date"
	headerLegalHold = "X-Amz-Object-Lock-Legal-Hold"
)

// lockable creates a bucket with Object Lock, once.
func (p *prober) lockable(ctx context.Context) string {
	bucket := p.bucket + "-l"
	p.need("CreateBucket", p.do(ctx, message{
		method: http.MethodPut, bucket: bucket, header: headers("X-Amz-Bucket-Object-Lock-Enabled", "true"),
	}).unlessOwned())
	return bucket
}

func (p *prober) createsLockBucket(ctx context.Context) string {
	bucket := p.lockable(ctx)
	r := p.do(ctx, message{method: http.MethodGet, bucket: bucket, query: values("object-lock", "")})
	if !bytes.Contains(r.body, []byte(">Enabled<")) {
		return "no: " + r.String()
	}
	return "yes"
}

func until(d time.Duration) string { return time.Now().Add(d).UTC().Format("2006-01-02T15:04:05Z") }

// putLocked writes an object with a lock. Amazon S3 asks for a checksum with it.
func (p *prober) putLocked(ctx context.Context, bucket, key string, pairs ...string) reply {
	content := pattern(1000, 1)
	h := headers(pairs...)
	h.Set("X-Amz-Trailer", trailerSHA256)
	h.Set(headerAlgorithm, "SHA256")
	return p.do(ctx, message{
		method: http.MethodPut, bucket: bucket, key: key, body: content, header: h,
		trailers: []string{trailerSHA256 + ":" + base64SHA256(content)},
	})
}

// judgeLock says whether the lock is in HEAD and keeps the version from being deleted.
func (p *prober) judgeLock(ctx context.Context, bucket, key, name, want string) string {
	head := p.do(ctx, message{method: http.MethodHead, bucket: bucket, key: key})
	kept := head.header.Get(name) == want
	deleted := p.do(ctx, message{
		method: http.MethodDelete, bucket: bucket, key: key, query: values("versionId", head.header.Get(headerVersion)),
	})
	switch {
	case kept && !deleted.ok():
		return "yes: " + deleted.String()
	case !kept && deleted.ok():
		return "ignored: neither"
	case kept:
		return "no: kept, and the object can be deleted"
	}
	return "no: not in HEAD; DELETE answers " + deleted.String()
}

func (p *prober) keepsRetention(ctx context.Context, mode string) string {
	bucket, key := p.lockable(ctx), p.newKey()
	p.need("PUT", p.putLocked(ctx, bucket, key, headerLockMode, mode, headerLockUntil, until(lockTime)))
	return p.judgeLock(ctx, bucket, key, headerLockMode, mode)
}

func (p *prober) keepsGovernance(ctx context.Context) string {
	return p.keepsRetention(ctx, "GOVERNANCE")
}
func (p *prober) keepsCompliance(ctx context.Context) string {
	return p.keepsRetention(ctx, "COMPLIANCE")
}

func (p *prober) refusesShorterRetention(ctx context.Context) string {
	bucket, key := p.lockable(ctx), p.newKey()
	p.need("PUT", p.putLocked(ctx, bucket, key, headerLockMode, "COMPLIANCE", headerLockUntil, until(lockTime)))
	body := []byte("<Retention xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Mode>COMPLIANCE</Mode><RetainUntilDate>" + until(lockTime/2) + "</RetainUntilDate></Retention>")
	r := p.do(ctx, message{
		method: http.MethodPut, bucket: bucket, key: key, query: values("retention", ""), body: body,
		header: headers(headerSHA256, base64SHA256(body)),
	})
	if r.ok() {
		return "no: shortened"
	}
	return "yes: " + r.String()
}

func (p *prober) keepsLegalHold(ctx context.Context) string {
	bucket, key := p.lockable(ctx), p.newKey()
	p.need("PUT", p.putLocked(ctx, bucket, key, headerLegalHold, "ON"))
	return p.judgeLock(ctx, bucket, key, headerLegalHold, "ON")
}

func (p *prober) keepsMultipartRetention(ctx context.Context) string {
	bucket, key := p.lockable(ctx), p.newKey()
	u := p.initiate(ctx, upload{bucket: bucket, key: key}, "X-Amz-Checksum-Algorithm", "SHA256", headerLockMode, "GOVERNANCE", headerLockUntil, until(lockTime))
	p.need("CompleteMultipartUpload", p.complete(ctx, p.fill(ctx, u, pattern(1000, 1))))
	return p.judgeLock(ctx, bucket, key, headerLockMode, "GOVERNANCE")
}

func (p *prober) refusesRetentionWithoutLock(ctx context.Context) string {
	key := p.newKey()
	if r := p.putLocked(ctx, p.bucket, key, headerLockMode, "GOVERNANCE", headerLockUntil, until(lockTime)); !r.ok() {
		return "refused: " + r.String()
	}
	return p.judgeLock(ctx, p.bucket, key, headerLockMode, "GOVERNANCE")
}
