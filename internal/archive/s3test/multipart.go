package s3test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// minPartBytes is the least size of a part other than the last.
const minPartBytes = 5 << 20

// upload is an unfinished multipart upload.
type upload struct {
	id, bucket, key string
	object          Object
	checked         bool
	parts           map[int]*part
}

type part struct {
	body     []byte
	etag     string
	checksum string
}

func (s *Server) createUpload(request *Request) *reply {
	s.lastID++
	u := &upload{
		id: "upload-" + strconv.Itoa(s.lastID), bucket: request.Bucket, key: request.Key, parts: make(map[int]*part),
		object:  Object{ContentType: request.Header.Get("Content-Type"), Metadata: metadataOf(request.Header)},
		checked: request.Header.Get("X-Amz-Checksum-Algorithm") == "SHA256",
	}
	if !u.checked && !s.AcceptUnchecked {
		return refuse(http.StatusBadRequest, "InvalidRequest", "the upload has no checksum algorithm SHA256")
	}
	s.uploads[u.id] = u
	return xmlReply("InitiateMultipartUploadResult", element("Bucket", u.bucket), element("Key", u.key), element("UploadId", u.id))
}

func (s *Server) changeUpload(b *bucket, request *Request, body *body) *reply {
	u := s.uploads[request.Query.Get("uploadId")]
	if u == nil || u.bucket != request.Bucket || u.key != request.Key {
		return refuse(http.StatusNotFound, "NoSuchUpload", "the upload does not exist")
	}
	switch request.Operation {
	case UploadPart:
		return u.put(request, body)
	case CompleteMultipartUpload:
		return s.complete(b, u, request, body)
	default:
		delete(s.uploads, u.id)
		return &reply{status: http.StatusNoContent}
	}
}

func (u *upload) put(request *Request, body *body) *reply {
	number, err := strconv.Atoi(request.Query.Get("partNumber"))
	if err != nil || number < 1 || number > 10_000 {
		return refuse(http.StatusBadRequest, "InvalidArgument", "the part's number is not valid")
	}
	if u.checked && body.checksum == "" {
		return refuse(http.StatusBadRequest, "InvalidRequest", "the part has no SHA-256")
	}
	p := &part{body: body.bytes, etag: etagOf(body.bytes), checksum: body.checksum}
	u.parts[number] = p
	header := http.Header{"Etag": {`"` + p.etag + `"`}}
	if p.checksum != "" {
		header.Set(checksumHeader, p.checksum)
	}
	return &reply{status: http.StatusOK, header: header}
}

func (s *Server) complete(b *bucket, u *upload, request *Request, body *body) *reply {
	var wanted struct {
		Part []struct {
			PartNumber     int
			ETag           string
			ChecksumSHA256 string
		}
	}
	err := xml.Unmarshal(body.bytes, &wanted) //nolint:gosec // Only tests send it.
	if err != nil || len(wanted.Part) == 0 {
		return refuse(http.StatusBadRequest, "MalformedXML", "the list of parts is not valid")
	}
	object := u.object
	var sums []byte
	for i, want := range wanted.Part {
		p := u.parts[want.PartNumber]
		switch {
		case i > 0 && want.PartNumber <= wanted.Part[i-1].PartNumber:
			return refuse(http.StatusBadRequest, "InvalidPartOrder", "the parts are not in order")
		case p == nil || unquoted(want.ETag) != p.etag || want.ChecksumSHA256 != p.checksum:
			return refuse(http.StatusBadRequest, "InvalidPart", fmt.Sprintf("part %d is not the one that was uploaded", want.PartNumber))
		case i < len(wanted.Part)-1 && len(p.body) < minPartBytes:
			return refuse(http.StatusBadRequest, "EntityTooSmall", "a part other than the last has less than 5 MiB")
		}
		object.Body = append(object.Body, p.body...)
		sum := sha256.Sum256(p.body)
		sums = append(sums, sum[:]...)
	}
	if refused := unmet(request.Header, b.latest(u.key)); refused != nil {
		return refused
	}
	all := sha256.Sum256(sums)
	count := "-" + strconv.Itoa(len(wanted.Part))
	object.ETag = hex.EncodeToString(all[:16]) + count
	if u.checked {
		object.Checksum = base64.StdEncoding.EncodeToString(all[:]) + count
	}
	if claimed := body.checksum; claimed != "" && strings.TrimSuffix(claimed, count)+count != object.Checksum {
		return refuse(http.StatusBadRequest, "BadDigest", "the SHA-256 of the parts' SHA-256 is another")
	}
	delete(s.uploads, u.id)
	s.store(b, u.key, &object)
	completed := xmlReply("CompleteMultipartUploadResult",
		element("Bucket", u.bucket), element("Key", u.key), element("ETag", `"`+object.ETag+`"`), element("ChecksumSHA256", object.Checksum))
	if object.VersionID != "" {
		completed.header.Set("X-Amz-Version-Id", object.VersionID)
	}
	return completed
}

// listUploads lists the unfinished uploads whose keys begin with the prefix.
func (s *Server) listUploads(request *Request) *reply {
	elements := []string{element("Bucket", request.Bucket), element("IsTruncated", "false")}
	var found []*upload
	for _, u := range s.uploads {
		if u.bucket == request.Bucket && strings.HasPrefix(u.key, request.Query.Get("prefix")) {
			found = append(found, u)
		}
	}
	slices.SortFunc(found, func(a, b *upload) int { return strings.Compare(a.key+"\x00"+a.id, b.key+"\x00"+b.id) })
	for _, u := range found {
		elements = append(elements, "<Upload>"+element("Key", u.key)+element("UploadId", u.id)+"</Upload>")
	}
	return xmlReply("ListMultipartUploadsResult", elements...)
}
