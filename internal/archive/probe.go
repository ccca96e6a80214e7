package archive

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"
)

const (
	// probeName is the key of the one object that a probe writes, after the prefix. No
	// session's folder begins with a dot.
	probeName = workingFolder + "probe.json"

	// probeVersion is that of what is probed. A release that relies on more has a higher one.
	probeVersion = 1

	// probeValidity is how long a store without a lack is not probed again. In a bucket that
	// retains every version each probe leaves two or three small ones.
	probeValidity = 30 * 24 * time.Hour

	// maxProbeBytes bounds what is read of a probe's record.
	maxProbeBytes = 1 << 16

	// abortTimeout bounds the request that removes a probe's unfinished upload.
	abortTimeout = 5 * time.Second
)

// Lack is something that the store does not do, or does in another way than an S3 store.
type Lack struct {
	// Text says what it is, and what follows.
	Text string
	// Blocks says that nothing is archived in the store: it could not be trusted.
	Blocks bool
}

// What a store may lack. Only what would let two fetches of one session archive two
// outcomes blocks: what the store refuses, it blocks itself, until it no longer does.
var (
	ignoresNoneMatch = Lack{"the store ignores If-None-Match: two fetches of one session could overwrite each other's recordings and manifest, so nothing is archived in it", true}
	refusesNoneMatch = Lack{"the store refuses a PUT with If-None-Match: nothing can be archived in it", false}
	ignoresMatch     = Lack{"the store ignores If-Match: two fetches that replace the manifest of one session at the same time may overwrite each other's", false}
	refusesMatch     = Lack{"the store refuses a PUT with If-Match: manifests cannot be replaced, so a refetch, or the fetch of a damaged session, will be blocked", false}
	unverified       = Lack{"the store does not verify the SHA-256 of what it receives: a recording that is damaged on its way is found only by the checksum that the store returns", false}
	unreturned       = Lack{"the store does not return the SHA-256 of an object: only the length of what it holds can be verified", false}
	noMultipart      = Lack{"the store has no multipart uploads with SHA-256: large recordings, and those whose length is not known, cannot be archived in it", false}
	noParts          = Lack{"the store does not list the parts of an upload: an interrupted transfer of a large recording begins anew", false}
	deniedParts      = Lack{"the worker may not list the parts of an upload: allow it s3:ListMultipartUploadParts, see deploy/archive-policy.json; until then an interrupted transfer of a large recording begins anew", false}
	ignoresCondition = Lack{"the store ignores If-None-Match at the end of a multipart upload: two fetches of one session may overwrite each other's large recordings; the one whose manifest does not match them fetches again", false}
	refusesCondition = Lack{"the store refuses If-None-Match at the end of a multipart upload: large recordings, and those whose length is not known, cannot be archived in it", false}
)

// probeRecord is what a probe leaves in the store.
type probeRecord struct {
	Version     int       `json:"version"`
	ProbedAt    time.Time `json:"probedAt"`
	KeyTemplate string    `json:"keyTemplate"`
	Lacks       []string  `json:"lacks"`
}

// isValid reports whether the store need not be probed again at now.
func (r probeRecord) isValid(now time.Time) bool {
	return r.Version >= probeVersion && len(r.Lacks) == 0 && now.Sub(r.ProbedAt) < probeValidity
}

// Probe finds out whether the store does what callvault relies on, and returns what it
// lacks. From one that blocks on, writes of recordings and manifests return [ErrBlocked],
// until a later Probe finds it gone. An error means that it is not known.
//
// It sends one GET if the store was probed without a finding in the last 30 days, by whatever
// worker, and twelve small requests otherwise; they write one object of about 100 bytes, which
// is never locked, two or three times. It deletes nothing.
func (s *Store) Probe(ctx context.Context) ([]Lack, error) {
	return s.probe(ctx, &probe{store: s, key: s.prefix + probeName, now: time.Now()})
}

// ProbeAgain is Probe whatever an earlier one has found.
func (s *Store) ProbeAgain(ctx context.Context) ([]Lack, error) {
	return s.probe(ctx, &probe{store: s, key: s.prefix + probeName, now: time.Now(), again: true})
}

func (s *Store) probe(ctx context.Context, p *probe) ([]Lack, error) {
	if err := p.run(ctx); err != nil {
		return nil, err
	}
	s.unfit.Store(nil)
	for _, lack := range p.lacks {
		if lack.Blocks {
			s.unfit.Store(&lack)
			break
		}
	}
	return p.lacks, nil
}

// fit returns an error if a probe has found that nothing should be archived in the store.
func (s *Store) fit() error {
	if lack := s.unfit.Load(); lack != nil {
		return fmt.Errorf("%w: %s: use another store, or a release of it without this, and restart the worker", ErrBlocked, lack.Text)
	}
	return nil
}

// probe is one run of a probe.
type probe struct {
	store *Store
	key   string
	now   time.Time
	again bool // also if an earlier one has found nothing

	etag  string // of the object, as it is known; "" if there is none
	lacks []Lack
	ended bool // there is nothing more to find out
}

// refusesWrites is what the store lacks if it refuses the plainest of our writes.
func (p *probe) refusesWrites(err error) Lack {
	encryption, response := "", minio.ToErrorResponse(err)
	if asked := p.store.options.Encryption; asked != "" {
		encryption = fmt.Sprintf(" and %s encryption", asked)
	}
	return Lack{fmt.Sprintf("the store refuses a PUT with a trailing SHA-256%s (%s: %s): nothing can be archived in it", encryption, response.Code, response.Message), false}
}

func (p *probe) run(ctx context.Context) error {
	record, err := p.read(ctx)
	if err != nil {
		return err
	}
	defer p.compareTemplates(record)
	if record.isValid(p.now) && !p.again {
		return nil
	}
	for _, step := range []func(context.Context) error{p.create, p.match, p.damage, p.checksum, p.upload, p.record} {
		if err := step(ctx); err != nil || p.ended {
			return err
		}
	}
	return nil
}

// read returns what an earlier probe has left, which may be nothing.
func (p *probe) read(ctx context.Context) (probeRecord, error) {
	object, info, _, err := p.core().GetObject(ctx, p.store.bucket, p.key, minio.GetObjectOptions{})
	if isNotFound(err) {
		return probeRecord{}, nil
	}
	if err != nil {
		return probeRecord{}, p.failed(err)
	}
	defer object.Close()
	p.etag = info.ETag
	var record probeRecord
	body, err := io.ReadAll(io.LimitReader(object, maxProbeBytes))
	if err != nil {
		return record, p.failed(err)
	}
	if json.Unmarshal(body, &record) != nil {
		return probeRecord{}, nil // Somebody else's object is as good as any.
	}
	return record, nil
}

// compareTemplates reports that the key template has changed.
func (p *probe) compareTemplates(record probeRecord) {
	if now := p.store.config.KeyTemplate.String(); record.KeyTemplate != "" && record.KeyTemplate != now {
		p.lacks = append(p.lacks, Lack{fmt.Sprintf("the key template was %q and is %q now: sessions that were archived under the old one are not found, and would be fetched again", record.KeyTemplate, now), false})
	}
}

// create finds out whether a PUT with If-None-Match is refused if the object exists. It makes
// the object if there is none.
func (p *probe) create(ctx context.Context) error {
	existed := p.etag != ""
	err := p.put(ctx, p.nonce(), absent)
	if err == nil && !existed {
		err = p.put(ctx, p.nonce(), absent)
	}
	if isRefusal(err) {
		return p.createAlways(ctx)
	}
	return p.expectConflict(err, ignoresNoneMatch, refusesNoneMatch)
}

// createAlways finds out whether it was the condition that the store refuses.
func (p *probe) createAlways(ctx context.Context) error {
	err := p.put(ctx, p.nonce(), always)
	switch {
	case err == nil:
		p.lack(refusesNoneMatch)
	case isRefusal(err):
		p.lack(p.refusesWrites(err))
		p.ended = true
	default:
		return p.failed(err)
	}
	return nil
}

// match finds out whether a PUT with If-Match is refused if the object is another one.
func (p *probe) match(ctx context.Context) error {
	err := p.put(ctx, p.nonce(), func(options *minio.PutObjectOptions) { options.SetMatchETag("0123456789abcdef0123456789abcdef") })
	return p.expectConflict(err, ignoresMatch, refusesMatch)
}

// damage finds out whether a PUT is refused whose checksum is not that of what arrives.
func (p *probe) damage(ctx context.Context) error {
	err := p.putAs(ctx, p.nonce(), p.nonce(), always)
	switch {
	case err == nil:
		p.lack(unverified)
	case !isRefusal(err):
		return p.failed(err)
	}
	return nil
}

// checksum finds out whether the store returns the SHA-256 of an object.
func (p *probe) checksum(ctx context.Context) error {
	info, err := p.store.client.StatObject(ctx, p.store.bucket, p.key, minio.StatObjectOptions{Checksum: true})
	if err != nil {
		return p.failed(p.store.reasonFor(ctx, err))
	}
	if info.ChecksumSHA256 == "" {
		p.lack(unreturned)
	}
	return nil
}

// upload finds out about an upload in parts. Its end is refused, since the object exists.
func (p *probe) upload(ctx context.Context) error {
	body := p.nonce()
	options := minio.PutObjectOptions{UserMetadata: map[string]string{"x-amz-checksum-algorithm": "SHA256"}}
	p.store.options.encrypt(&options)
	id, err := p.core().NewMultipartUpload(ctx, p.store.bucket, p.key, options)
	if isRefusal(err) {
		p.lack(noMultipart)
		return nil
	}
	if err != nil {
		return p.failed(err)
	}
	defer p.abort(ctx, id)
	sum := sha256.Sum256(body)
	checksum := base64.StdEncoding.EncodeToString(sum[:])
	part, err := p.core().PutObjectPart(ctx, p.store.bucket, p.key, id, 1, bytes.NewReader(body), int64(len(body)),
		minio.PutObjectPartOptions{CustomHeader: http.Header{"X-Amz-Checksum-Sha256": {checksum}}, DisableContentSha256: true})
	if isRefusal(err) {
		p.lack(noMultipart)
		return nil
	}
	if err != nil {
		return p.failed(err)
	}
	listed, err := p.core().ListObjectParts(ctx, p.store.bucket, p.key, id, 0, 10)
	switch {
	case isRefusal(err), err == nil && (len(listed.ObjectParts) != 1 || listed.ObjectParts[0].Size != int64(len(body))):
		p.lack(noParts)
	case isDenied(minio.ToErrorResponse(err).Code): // As earlier releases needed no such permission.
		p.lack(deniedParts)
	case err != nil:
		return p.failed(err)
	}
	var condition minio.PutObjectOptions
	absent(&condition)
	info, err := p.core().CompleteMultipartUpload(ctx, p.store.bucket, p.key, id, []minio.CompletePart{{PartNumber: 1, ETag: part.ETag, ChecksumSHA256: checksum}}, condition)
	if err == nil {
		p.etag = info.ETag
	}
	return p.expectConflict(err, ignoresCondition, refusesCondition)
}

// abort removes an upload that was not completed; of one that was, there is nothing left.
func (p *probe) abort(ctx context.Context, id string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), abortTimeout)
	defer cancel()
	_ = p.core().AbortMultipartUpload(ctx, p.store.bucket, p.key, id) // Stores expire it.
}

// record writes what was found. It shows, too, that a PUT with If-Match is taken if the
// object is the one that it names.
func (p *probe) record(ctx context.Context) error {
	record := probeRecord{Version: probeVersion, ProbedAt: p.now.UTC(), KeyTemplate: p.store.config.KeyTemplate.String(), Lacks: []string{}}
	for _, lack := range p.lacks {
		record.Lacks = append(record.Lacks, lack.Text)
	}
	body, err := json.Marshal(record)
	if err != nil {
		return fmt.Errorf("encode what was found: %w", err)
	}
	before := p.etag
	err = p.put(ctx, body, func(options *minio.PutObjectOptions) { options.SetMatchETag(before) })
	if err == nil || !isConflict(minio.ToErrorResponse(err)) && !isRefusal(err) {
		return p.failed(err)
	}
	if _, err := p.read(ctx); err != nil {
		return err
	}
	if p.etag == before && !p.has(ignoresMatch) && !p.has(refusesMatch) {
		p.lack(refusesMatch)
	}
	return nil
}

// expectConflict records what the store lacks if it did not refuse a condition that does not
// hold.
func (p *probe) expectConflict(err error, ignores, refuses Lack) error {
	switch {
	case err == nil:
		p.lack(ignores)
	case isConflict(minio.ToErrorResponse(err)):
	case isRefusal(err):
		p.lack(refuses)
	default:
		return p.failed(err)
	}
	return nil
}

func absent(options *minio.PutObjectOptions) { options.SetMatchETagExcept("*") }
func always(*minio.PutObjectOptions)         {}

// put writes the object as recordings are written, but without a lock: it could not be
// removed for years.
func (p *probe) put(ctx context.Context, body []byte, condition func(*minio.PutObjectOptions)) error {
	return p.putAs(ctx, body, body, condition)
}

// putAs writes body with the checksum of another one.
func (p *probe) putAs(ctx context.Context, body, summed []byte, condition func(*minio.PutObjectOptions)) error {
	options := minio.PutObjectOptions{ContentType: "application/json"}
	p.store.options.encrypt(&options)
	condition(&options)
	sum := sha256.Sum256(summed)
	header, err := p.store.send(ctx, signedPut{
		key: p.key, header: options.Header(), body: bytes.NewReader(body), length: int64(len(body)),
		algorithm: minio.ChecksumSHA256, sum: func() ([]byte, error) { return sum[:], nil },
	})
	if err == nil {
		p.etag = strings.Trim(header.Get("ETag"), `"`)
	}
	return err
}

// nonce returns a body that no other probe has.
func (p *probe) nonce() []byte {
	return fmt.Appendf(nil, `{"version":0,"nonce":%q,"keyTemplate":%q}`, rand.Text(), p.store.config.KeyTemplate.String())
}

func (p *probe) core() minio.Core { return minio.Core{Client: p.store.client} }

func (p *probe) lack(lack Lack) { p.lacks = append(p.lacks, lack) }

func (p *probe) has(lack Lack) bool {
	return slices.Contains(p.lacks, lack)
}

func (p *probe) failed(err error) error { return p.store.storeError("probe", p.key, err) }

// isRefusal reports whether the store has refused a request for what it asks for, and not
// because of credentials, permissions, the bucket or its load.
func isRefusal(err error) bool {
	response := minio.ToErrorResponse(err)
	switch response.StatusCode {
	case http.StatusBadRequest, http.StatusMethodNotAllowed, http.StatusLengthRequired, http.StatusUnprocessableEntity, http.StatusNotImplemented:
		return response.Code != "ExpiredToken" && response.Code != "InvalidToken" && response.Code != "AuthorizationHeaderMalformed" && response.Code != "RequestTimeout"
	}
	return false
}
