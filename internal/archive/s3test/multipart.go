package s3test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"maps"
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
	// algorithm of the checksums that each part must have; "" if none.
	algorithm string
	parts     map[int]*part
}

type part struct {
	body            []byte
	etag            string
	checksum, crc64 string
}

func (s *Server) createUpload(b *bucket, request *Request) *reply {
	if s.Lacks[Multipart] {
		return refuse(http.StatusNotImplemented, "NotImplemented", "there are no multipart uploads")
	}
	if refused := b.refusedLock(request); refused != nil {
		return refused
	}
	s.lastID++
	u := &upload{
		id: "upload-" + strconv.Itoa(s.lastID), bucket: request.Bucket, key: request.Key, parts: make(map[int]*part),
		object:    Object{ContentType: request.Header.Get("Content-Type"), Metadata: metadataOf(request.Header), Kept: keptOf(request.Header)},
		algorithm: request.Header.Get("X-Amz-Checksum-Algorithm"),
	}
	kind := request.Header.Get("X-Amz-Checksum-Type")
	switch {
	case request.Header.Get("If-None-Match") != "" || request.Header.Get("If-Match") != "":
		return refuse(http.StatusNotImplemented, "NotImplemented", "a condition is for the end of an upload")
	case u.algorithm == "CRC64NVME" && !s.Lacks[WholeChecksumOfParts] && kind == "FULL_OBJECT", u.algorithm == "SHA256" && kind != "FULL_OBJECT":
	case u.algorithm == "" && s.AcceptUnchecked:
	default:
		return refuse(http.StatusBadRequest, "InvalidRequest", "the upload has no checksum that is known")
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
		return u.put(request, body, s.Lacks[ReturnedChecksum])
	case CompleteMultipartUpload:
		return s.complete(b, u, request, body)
	case ListParts:
		if s.Lacks[ListedParts] {
			return refuse(http.StatusNotImplemented, "NotImplemented", "parts are not listed")
		}
		return u.list(request, s.Lacks[ReturnedChecksum])
	default:
		delete(s.uploads, u.id)
		return &reply{status: http.StatusNoContent}
	}
}

func (u *upload) put(request *Request, body *body, hideChecksums bool) *reply {
	number, err := strconv.Atoi(request.Query.Get("partNumber"))
	if err != nil || number < 1 || number > 10_000 {
		return refuse(http.StatusBadRequest, "InvalidArgument", "the part's number is not valid")
	}
	if u.algorithm == "SHA256" && body.checksum == "" || u.algorithm == "CRC64NVME" && body.crc64 == "" {
		return refuse(http.StatusBadRequest, "InvalidRequest", "the part has no checksum "+u.algorithm)
	}
	p := &part{body: body.bytes, etag: etagOf(body.bytes), checksum: body.checksum, crc64: body.crc64}
	u.parts[number] = p
	header := http.Header{"Etag": {`"` + p.etag + `"`}}
	if p.checksum != "" && !hideChecksums {
		header.Set(checksumHeader, p.checksum)
	}
	if p.crc64 != "" && !hideChecksums {
		header.Set(crc64Header, p.crc64)
	}
	return &reply{status: http.StatusOK, header: header}
}

// maxListedParts is how many parts one response lists. A store has 1,000; fewer show that
// a client reads on.
const maxListedParts = 3

func (u *upload) list(request *Request, hideChecksums bool) *reply {
	after, _ := strconv.Atoi(request.Query.Get("part-number-marker"))
	elements := []string{element("Bucket", u.bucket), element("Key", u.key), element("UploadId", u.id)}
	numbers := slices.Sorted(maps.Keys(u.parts))
	numbers = slices.DeleteFunc(numbers, func(n int) bool { return n <= after })
	isTruncated := len(numbers) > maxListedParts
	if isTruncated {
		numbers = numbers[:maxListedParts]
		elements = append(elements, element("NextPartNumberMarker", strconv.Itoa(numbers[len(numbers)-1])))
	}
	elements = append(elements, element("IsTruncated", strconv.FormatBool(isTruncated)))
	for _, number := range numbers {
		p := u.parts[number]
		fields := element("PartNumber", strconv.Itoa(number)) + element("ETag", `"`+p.etag+`"`) + element("Size", strconv.Itoa(len(p.body)))
		if !hideChecksums {
			fields += element("ChecksumSHA256", p.checksum) + element("ChecksumCRC64NVME", p.crc64)
		}
		elements = append(elements, "<Part>"+fields+"</Part>")
	}
	return xmlReply("ListPartsResult", elements...)
}

func (s *Server) complete(b *bucket, u *upload, request *Request, body *body) *reply {
	var wanted struct {
		Part []struct {
			PartNumber                        int
			ETag                              string
			ChecksumSHA256, ChecksumCRC64NVME string
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
		case p == nil || unquoted(want.ETag) != p.etag || u.algorithm == "SHA256" && want.ChecksumSHA256 != p.checksum || want.ChecksumCRC64NVME != "" && want.ChecksumCRC64NVME != p.crc64:
			return refuse(http.StatusBadRequest, "InvalidPart", fmt.Sprintf("part %d is not the one that was uploaded", want.PartNumber))
		case i < len(wanted.Part)-1 && len(p.body) < minPartBytes:
			return refuse(http.StatusBadRequest, "EntityTooSmall", "a part other than the last has less than 5 MiB")
		}
		object.Body = append(object.Body, p.body...)
		sum := sha256.Sum256(p.body)
		sums = append(sums, sum[:]...)
	}
	if refused := s.unmet(request, b.latest(u.key)); refused != nil {
		return refused
	}
	all := sha256.Sum256(sums)
	count := "-" + strconv.Itoa(len(wanted.Part))
	object.ETag = hex.EncodeToString(all[:16]) + count
	switch u.algorithm {
	case "SHA256":
		object.Checksum = base64.StdEncoding.EncodeToString(all[:]) + count
	case "CRC64NVME":
		object.CRC64 = crc64Of(object.Body)
	}
	isOther := body.checksum != "" && strings.TrimSuffix(body.checksum, count)+count != object.Checksum || body.crc64 != "" && body.crc64 != object.CRC64
	if isOther {
		return refuse(http.StatusBadRequest, "BadDigest", "the checksum of the object is another")
	}
	delete(s.uploads, u.id)
	s.store(b, u.key, &object)
	elements := []string{element("Bucket", u.bucket), element("Key", u.key), element("ETag", `"`+object.ETag+`"`)}
	if !s.Lacks[ReturnedChecksum] {
		elements = append(elements, element("ChecksumSHA256", object.Checksum), element("ChecksumCRC64NVME", object.CRC64))
	}
	completed := xmlReply("CompleteMultipartUploadResult", elements...)
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
