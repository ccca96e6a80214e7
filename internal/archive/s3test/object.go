package s3test

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Object is one version of an object.
type Object struct {
	Body        []byte
	ContentType string
	// Metadata is the user's, by canonical names such as "Sha256".
	Metadata map[string]string
	// ETag is without its quotes.
	ETag string
	// Checksum is the SHA-256 as the store reports it: base64, with the number of
	// parts appended for a multipart upload. CRC64 is the CRC64NVME of the whole, of an
	// upload in parts that had it.
	Checksum, CRC64 string
	// Kept are what a write asked the store to do with the object: the headers of
	// keptHeaders, by canonical names.
	Kept map[string]string
	// VersionID is empty in a bucket that never had versions.
	VersionID string
	// Deleted says that it is a delete marker.
	Deleted  bool
	modified time.Time
}

const (
	metadataPrefix = "X-Amz-Meta-"
	nullVersion    = "null"
)

// store requires s.mu to be held, as all that follow.
func (s *Server) store(b *bucket, key string, object *Object) {
	object.modified = time.Now()
	versions := b.objects[key]
	switch b.versioning {
	case versioningEnabled:
		s.lastID++
		object.VersionID = "v" + strconv.Itoa(s.lastID)
	case versioningSuspended:
		object.VersionID = nullVersion
		versions = slices.DeleteFunc(versions, func(o *Object) bool { return o.VersionID == "" || o.VersionID == nullVersion })
	default:
		versions = nil
	}
	b.objects[key] = append(versions, object)
}

func (s *Server) putObject(b *bucket, request *Request, body *body) *reply {
	if body.checksum == "" && !s.AcceptUnchecked {
		return refuse(http.StatusBadRequest, "InvalidRequest", "the body has no SHA-256")
	}
	if refused := b.refusedLock(request); refused != nil {
		return refused
	}
	if refused := s.unmet(request, b.latest(request.Key)); refused != nil {
		return refused
	}
	object := &Object{
		Body: body.bytes, ContentType: request.Header.Get("Content-Type"), Metadata: metadataOf(request.Header), Kept: keptOf(request.Header),
		ETag: etagOf(body.bytes), Checksum: body.checksum,
	}
	b.retain(object)
	s.store(b, request.Key, object)
	return &reply{status: http.StatusOK, header: object.header(!s.Lacks[ReturnedChecksum])}
}

// unmet returns the refusal if a write's condition does not hold.
func (s *Server) unmet(request *Request, present *Object) *reply {
	match, noneMatch := request.Header.Get("If-Match"), request.Header.Get("If-None-Match")
	if s.Lacks[IfMatch] {
		match = ""
	}
	if s.Lacks[IfNoneMatch] || s.Lacks[ConditionalComplete] && request.Operation == CompleteMultipartUpload {
		noneMatch = ""
	}
	switch {
	case noneMatch != "" && noneMatch != "*":
		return refuse(http.StatusNotImplemented, "NotImplemented", "If-None-Match other than *")
	case noneMatch == "*" && present != nil, match != "" && present != nil && unquoted(match) != present.ETag:
		return refuse(http.StatusPreconditionFailed, "PreconditionFailed", "a condition does not hold")
	case match != "" && present == nil:
		return refuse(http.StatusNotFound, "NoSuchKey", "the object does not exist")
	}
	return nil
}

func unquoted(etag string) string { return strings.Trim(etag, `"`) }

func metadataOf(header http.Header) map[string]string {
	metadata := make(map[string]string)
	for name := range header {
		if short, found := strings.CutPrefix(name, metadataPrefix); found {
			metadata[short] = header.Get(name)
		}
	}
	return metadata
}

func (s *Server) get(b *bucket, request *Request) *reply {
	object := b.version(request.Key, request.Query.Get("versionId"))
	if object == nil {
		return refuse(http.StatusNotFound, "NoSuchKey", "the object does not exist")
	}
	if match := request.Header.Get("If-Match"); match != "" && unquoted(match) != object.ETag {
		return refuse(http.StatusPreconditionFailed, "PreconditionFailed", "a condition does not hold")
	}
	header := object.header(request.Header.Get("X-Amz-Checksum-Mode") == "ENABLED" && !s.Lacks[ReturnedChecksum])
	header.Set("Content-Type", object.ContentType)
	header.Set("Last-Modified", object.modified.UTC().Format(http.TimeFormat))
	for name, value := range object.Metadata {
		header.Set(metadataPrefix+name, value)
	}
	for name, value := range object.Kept {
		if name == taggingHeader { // A GET tells only how many there are.
			name, value = "X-Amz-Tagging-Count", strconv.Itoa(strings.Count(value, "&")+1)
		}
		header.Set(name, value)
	}
	whole := &reply{status: http.StatusOK, header: header, body: object.Body}
	if wanted := request.Header.Get("Range"); wanted != "" && !s.IgnoreRange {
		return whole.part(wanted)
	}
	return whole
}

// part returns the part of a reply that a header Range such as "bytes=0-99" names.
func (p *reply) part(wanted string) *reply {
	var from, to int
	if n, err := fmt.Sscanf(wanted, "bytes=%d-%d", &from, &to); n != 2 || err != nil || from < 0 || to < from {
		return refuse(http.StatusNotImplemented, "NotImplemented", "Range "+wanted)
	}
	if from >= len(p.body) {
		return refuse(http.StatusRequestedRangeNotSatisfiable, "InvalidRange", "the range begins behind the object's end")
	}
	to = min(to, len(p.body)-1)
	p.header.Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, to, len(p.body)))
	p.status, p.body = http.StatusPartialContent, p.body[from:to+1]
	return p
}

func (o *Object) header(checksum bool) http.Header {
	header := http.Header{"Etag": {`"` + o.ETag + `"`}}
	if o.VersionID != "" {
		header.Set("X-Amz-Version-Id", o.VersionID)
	}
	if checksum && o.Checksum != "" {
		header.Set(checksumHeader, o.Checksum)
		header.Set("X-Amz-Checksum-Type", checksumType(o.Checksum))
	}
	if checksum && o.CRC64 != "" {
		header.Set(crc64Header, o.CRC64)
		header.Set("X-Amz-Checksum-Type", "FULL_OBJECT")
	}
	return header
}

func checksumType(checksum string) string {
	if strings.Contains(checksum, "-") {
		return "COMPOSITE"
	}
	return "FULL_OBJECT"
}

func (s *Server) copyObject(to *bucket, request *Request) *reply {
	source, err := url.Parse(request.Header.Get("X-Amz-Copy-Source"))
	if err != nil {
		return refuse(http.StatusBadRequest, "InvalidArgument", "the source is not valid")
	}
	name, key, _ := strings.Cut(strings.TrimPrefix(source.Path, "/"), "/")
	from := s.buckets[name]
	if from == nil {
		return refuse(http.StatusNotFound, "NoSuchBucket", "the source's bucket does not exist")
	}
	object := from.version(key, source.Query().Get("versionId"))
	if object == nil {
		return refuse(http.StatusNotFound, "NoSuchKey", "the source does not exist")
	}
	if match := request.Header.Get("X-Amz-Copy-Source-If-Match"); match != "" && unquoted(match) != object.ETag {
		return refuse(http.StatusPreconditionFailed, "PreconditionFailed", "the source is another")
	}
	replace := request.Header.Get("X-Amz-Metadata-Directive") == "REPLACE"
	if from == to && key == request.Key && !replace {
		return refuse(http.StatusBadRequest, "InvalidRequest", "an object is copied onto itself without a change")
	}
	if refused := s.unmet(request, to.latest(request.Key)); refused != nil {
		return refused
	}
	replaced := &Object{
		Body: object.Body, ContentType: object.ContentType, Metadata: maps.Clone(object.Metadata),
		ETag: etagOf(object.Body), Checksum: object.Checksum,
	}
	if replace {
		replaced.ContentType, replaced.Metadata = request.Header.Get("Content-Type"), metadataOf(request.Header)
	}
	if request.Header.Get("X-Amz-Checksum-Algorithm") == "SHA256" {
		replaced.Checksum = checksumOf(object.Body)
	}
	s.store(to, request.Key, replaced)
	copied := xmlReply("CopyObjectResult",
		element("ETag", `"`+replaced.ETag+`"`), element("LastModified", replaced.modified.UTC().Format(time.RFC3339)))
	maps.Copy(copied.header, replaced.header(true))
	return copied
}

func (s *Server) deleteObject(b *bucket, request *Request) *reply {
	id, key := request.Query.Get("versionId"), request.Key
	switch {
	case id != "" && b.version(key, id) != nil && b.version(key, id).isRetained(time.Now()):
		return refuse(http.StatusForbidden, "AccessDenied", "the version is retained")
	case id != "":
		b.objects[key] = slices.DeleteFunc(b.objects[key], func(o *Object) bool { return o.VersionID == id })
	case b.versioning == "":
		delete(b.objects, key)
	default:
		s.store(b, key, &Object{Deleted: true})
	}
	return &reply{status: http.StatusNoContent}
}
