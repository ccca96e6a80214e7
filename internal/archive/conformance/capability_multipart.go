package conformance

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/xml"
	"fmt"
	"net/http"
	"strconv"
	"time"
)

var multipart = []trial{
	{"Part's trailing SHA-256: verified", (*prober).verifiesPart},
	{"… of an upload that was created without `x-amz-checksum-algorithm`", (*prober).verifiesPartOfPlainUpload},
	{"… in UploadPart's answer", (*prober).answersPartChecksum},
	{"Composite SHA-256 in CompleteMultipartUpload's answer", (*prober).answersComposite},
	{"Composite SHA-256 in HEAD", (*prober).headsComposite},
	{"CompleteMultipartUpload with a wrong SHA-256 of a part: refused", (*prober).refusesWrongPart},
	{"CRC64NVME of the whole object, multipart: verified, and in HEAD", (*prober).verifiesMultipartCRC64},
	{"ListParts: numbers, sizes, ETags", (*prober).listsParts},
	{"ListParts: SHA-256", (*prober).listsPartChecksums},
	{"ListParts in pages", (*prober).listsPartPages},
	{"A part sent again replaces the earlier one", (*prober).replacesPart},
	{"Parts of different sizes", (*prober).takesUnevenParts},
	{"A part under 5 MiB before the last one: refused", (*prober).refusesSmallPart},
	{"HEAD with `partNumber`: the part's length", (*prober).headsPart},
	{"GetObjectAttributes: checksum and number of parts", (*prober).readsAttributes},
	{"Abort leaves nothing", (*prober).abortsWholly},
	{"Abort of an upload that is gone", (*prober).abortsAgain},
	{"Part for an upload that is gone", (*prober).uploadsToAborted},
	{"Part that is under way when its upload is aborted", (*prober).abortsUnderPart},
	{"ListMultipartUploads by the exact key", (*prober).listsUploadsByKey},
	{"ListMultipartUploads by a folder", (*prober).listsUploadsByFolder},
	{"ListMultipartUploads of the bucket", (*prober).listsUploadsOfBucket},
}

// upload is a multipart upload.
type upload struct {
	bucket, key, id string
	parts           []part
}

// part is a part as CompleteMultipartUpload names it and ListParts returns it.
type part struct {
	Number int    `xml:"PartNumber"`
	ETag   string `xml:"ETag"`
	SHA256 string `xml:"ChecksumSHA256,omitempty"`
	CRC64  string `xml:"ChecksumCRC64NVME,omitempty"`
	Size   int    `xml:"Size,omitempty"`
}

// initiate starts an upload to the bucket and key of u.
func (p *prober) initiate(ctx context.Context, u upload, pairs ...string) upload {
	r := p.need("CreateMultipartUpload", p.do(ctx, message{
		method: http.MethodPost, bucket: u.bucket, key: u.key, query: values("uploads", ""), header: headers(pairs...),
	}))
	var started struct {
		ID string `xml:"UploadId"`
	}
	if err := xml.Unmarshal(r.body, &started); err != nil || started.ID == "" {
		panic(unprepared{step: "CreateMultipartUpload", answer: "no upload id"})
	}
	u.id = started.ID
	return u
}

func (p *prober) sendPart(ctx context.Context, u upload, number int, content []byte, name, value string) reply {
	return p.do(ctx, message{
		method: http.MethodPut, bucket: u.bucket, key: u.key, body: content,
		query:    values("partNumber", strconv.Itoa(number), "uploadId", u.id),
		header:   headers("X-Amz-Trailer", name),
		trailers: []string{name + ":" + value},
	})
}

// begin sends the contents as parts with SHA-256.
func (p *prober) begin(ctx context.Context, key string, contents ...[]byte) upload {
	return p.fill(ctx, p.initiate(ctx, upload{key: key}, "X-Amz-Checksum-Algorithm", "SHA256"), contents...)
}

func (p *prober) fill(ctx context.Context, u upload, contents ...[]byte) upload {
	for i, content := range contents {
		sum := base64SHA256(content)
		r := p.need("UploadPart", p.sendPart(ctx, u, i+1, content, trailerSHA256, sum))
		u.parts = append(u.parts, part{Number: i + 1, ETag: r.header.Get("ETag"), SHA256: sum})
	}
	return u
}

func (p *prober) complete(ctx context.Context, u upload, pairs ...string) reply {
	body, err := xml.Marshal(struct {
		XMLName xml.Name `xml:"http://s3.amazonaws.com/doc/2006-03-01/ CompleteMultipartUpload"`
		Part    []part
	}{Part: u.parts})
	if err != nil {
		return reply{err: err}
	}
	return p.do(ctx, message{method: http.MethodPost, bucket: u.bucket, key: u.key, query: values("uploadId", u.id), body: body, header: headers(pairs...)})
}

func (p *prober) abort(ctx context.Context, u upload) reply {
	return p.do(ctx, message{method: http.MethodDelete, bucket: u.bucket, key: u.key, query: values("uploadId", u.id)})
}

func (p *prober) parts(ctx context.Context, u upload, pairs ...string) ([]part, reply) {
	query := values(pairs...)
	query.Set("uploadId", u.id)
	r := p.do(ctx, message{method: http.MethodGet, bucket: u.bucket, key: u.key, query: query})
	var list struct{ Part []part }
	if r.ok() {
		r.err = xml.Unmarshal(r.body, &list)
	}
	return list.Part, r
}

// composite returns the SHA-256 of the parts' SHA-256, with their number.
func composite(contents ...[]byte) string {
	h := sha256.New()
	for _, content := range contents {
		sum := sha256.Sum256(content)
		h.Write(sum[:])
	}
	return fmt.Sprintf("%s-%d", base64.StdEncoding.EncodeToString(h.Sum(nil)), len(contents))
}

// twoParts are the contents of an upload of two parts.
func twoParts() [][]byte { return [][]byte{pattern(5*mebibyte, 1), pattern(1000, 2)} }

func (p *prober) verifiesPart(ctx context.Context) string {
	return p.verifiesPartOf(ctx, p.initiate(ctx, upload{key: p.newKey()}, "X-Amz-Checksum-Algorithm", "SHA256"))
}

func (p *prober) verifiesPartOfPlainUpload(ctx context.Context) string {
	return p.verifiesPartOf(ctx, p.initiate(ctx, upload{key: p.newKey()}))
}

func (p *prober) verifiesPartOf(ctx context.Context, u upload) string {
	content := pattern(1000, 1)
	if right := p.sendPart(ctx, u, 1, content, trailerSHA256, base64SHA256(content)); !right.ok() {
		return "no: the right one answers " + right.String()
	}
	wrong := p.sendPart(ctx, u, 2, content, trailerSHA256, base64SHA256(nil))
	listed, _ := p.parts(ctx, u)
	switch {
	case wrong.ok():
		return "ignored: the part is stored"
	case len(listed) > 1:
		return "no: " + wrong.String() + ", and the part is listed"
	}
	return "yes: " + wrong.String()
}

func (p *prober) answersPartChecksum(ctx context.Context) string {
	u := p.initiate(ctx, upload{key: p.newKey()}, "X-Amz-Checksum-Algorithm", "SHA256")
	content := pattern(1000, 1)
	r := p.need("UploadPart", p.sendPart(ctx, u, 1, content, trailerSHA256, base64SHA256(content)))
	if r.header.Get(headerSHA256) == base64SHA256(content) {
		return "yes"
	}
	return "no"
}

func (p *prober) answersComposite(ctx context.Context) string {
	contents := twoParts()
	r := p.need("CompleteMultipartUpload", p.complete(ctx, p.begin(ctx, p.newKey(), contents...)))
	var answer struct {
		ChecksumSHA256 string
		ChecksumType   string
	}
	if err := xml.Unmarshal(r.body, &answer); err != nil {
		return "no: not XML"
	}
	return judgeChecksum(reply{header: headers(headerSHA256, answer.ChecksumSHA256, headerType, answer.ChecksumType)}, headerSHA256, composite(contents...))
}

func (p *prober) headsComposite(ctx context.Context) string {
	key, contents := p.newKey(), twoParts()
	p.need("CompleteMultipartUpload", p.complete(ctx, p.begin(ctx, key, contents...)))
	return judgeChecksum(p.head(ctx, key), headerSHA256, composite(contents...))
}

func (p *prober) refusesWrongPart(ctx context.Context) string {
	key := p.newKey()
	u := p.begin(ctx, key, pattern(1000, 1))
	u.parts[0].SHA256 = base64SHA256(nil)
	return p.judgeWrong(ctx, key, p.complete(ctx, u))
}

func (p *prober) verifiesMultipartCRC64(ctx context.Context) string {
	contents := twoParts()
	whole := base64CRC64(bytes.Join(contents, nil))
	send := func(key, sum string) reply {
		u := p.initiate(ctx, upload{key: key}, "X-Amz-Checksum-Algorithm", "CRC64NVME", "X-Amz-Checksum-Type", "FULL_OBJECT")
		for i, content := range contents {
			r := p.need("UploadPart", p.sendPart(ctx, u, i+1, content, trailerCRC64, base64CRC64(content)))
			u.parts = append(u.parts, part{Number: i + 1, ETag: r.header.Get("ETag"), CRC64: base64CRC64(content)})
		}
		return p.complete(ctx, u, headerCRC64, sum, "X-Amz-Checksum-Type", "FULL_OBJECT")
	}
	key, wrongKey := p.newKey(), p.newKey()
	if right := send(key, whole); !right.ok() {
		return "no: the right one answers " + right.String()
	}
	verified := p.judgeWrong(ctx, wrongKey, send(wrongKey, base64CRC64(nil)))
	return verified + "; HEAD " + judgeChecksum(p.head(ctx, key), headerCRC64, whole)
}

func (p *prober) listsParts(ctx context.Context) string {
	u := p.begin(ctx, p.newKey(), twoParts()...)
	listed, r := p.parts(ctx, u)
	if !r.ok() {
		return "no: " + r.String()
	}
	for i, want := range []int{5 * mebibyte, 1000} {
		if i >= len(listed) || listed[i].Number != i+1 || listed[i].Size != want || listed[i].ETag != u.parts[i].ETag {
			return "no: not as they were sent"
		}
	}
	return "yes"
}

func (p *prober) listsPartChecksums(ctx context.Context) string {
	u := p.begin(ctx, p.newKey(), pattern(1000, 1))
	listed, _ := p.parts(ctx, u)
	if len(listed) == 1 && listed[0].SHA256 == u.parts[0].SHA256 {
		return "yes"
	}
	return "no"
}

func (p *prober) listsPartPages(ctx context.Context) string {
	u := p.begin(ctx, p.newKey(), pattern(10, 1), pattern(10, 2), pattern(10, 3))
	listed, r := p.parts(ctx, u, "max-parts", "1", "part-number-marker", "1")
	if !r.ok() {
		return "no: " + r.String()
	}
	if len(listed) == 1 && listed[0].Number == 2 && bytes.Contains(r.body, []byte("<IsTruncated>true<")) {
		return "yes"
	}
	return "no: another page"
}

func (p *prober) replacesPart(ctx context.Context) string {
	key, second := p.newKey(), pattern(1000, 2)
	u := p.begin(ctx, key, pattern(2000, 1))
	u.parts = nil
	u = p.fill(ctx, u, second)
	if r := p.complete(ctx, u); !r.ok() {
		return "no: " + r.String()
	}
	if !p.holds(ctx, key, second) {
		return "no: the earlier one is kept"
	}
	return "yes"
}

func (p *prober) takesUnevenParts(ctx context.Context) string {
	key, contents := p.newKey(), [][]byte{pattern(6*mebibyte, 1), pattern(5*mebibyte, 2), pattern(7*mebibyte, 3)}
	if r := p.complete(ctx, p.begin(ctx, key, contents...)); !r.ok() {
		return "no: " + r.String()
	}
	if !p.holds(ctx, key, bytes.Join(contents, nil)) {
		return "no: other bytes are stored"
	}
	return "yes"
}

func (p *prober) refusesSmallPart(ctx context.Context) string {
	r := p.complete(ctx, p.begin(ctx, p.newKey(), pattern(1000, 1), pattern(1000, 2)))
	if r.ok() {
		return "no: taken"
	}
	return "yes: " + r.String()
}

func (p *prober) headsPart(ctx context.Context) string {
	key := p.newKey()
	p.need("CompleteMultipartUpload", p.complete(ctx, p.begin(ctx, key, twoParts()...)))
	r := p.do(ctx, message{method: http.MethodHead, key: key, query: values("partNumber", "2"), header: headers("X-Amz-Checksum-Mode", "ENABLED")})
	switch length := r.header.Get("Content-Length"); {
	case !r.ok():
		return "no: " + r.String()
	case length == "1000" && r.header.Get("X-Amz-Mp-Parts-Count") == "2":
		return "yes, and the number of parts"
	case length == "1000":
		return "yes"
	}
	return "ignored: the object's length"
}

func (p *prober) readsAttributes(ctx context.Context) string {
	key, contents := p.newKey(), twoParts()
	p.need("CompleteMultipartUpload", p.complete(ctx, p.begin(ctx, key, contents...)))
	r := p.do(ctx, message{
		method: http.MethodGet, key: key, query: values("attributes", ""),
		header: headers("X-Amz-Object-Attributes", "ETag,Checksum,ObjectParts,ObjectSize"),
	})
	if !r.ok() {
		return "no: " + r.String()
	}
	var attributes struct {
		Checksum    struct{ ChecksumSHA256 string }
		ObjectParts struct {
			Count int `xml:"PartsCount"`
			Total int `xml:"TotalPartsCount"`
			Part  []part
		}
	}
	if err := xml.Unmarshal(r.body, &attributes); err != nil {
		return "no: not attributes"
	}
	seen := "no checksum"
	want := composite(contents...)
	if got := attributes.Checksum.ChecksumSHA256; got == want || got == want[:len(want)-2] {
		seen = "checksum"
	}
	if attributes.ObjectParts.Count == 2 || attributes.ObjectParts.Total == 2 {
		return seen + ", number of parts"
	}
	return seen + ", no number of parts"
}

func (p *prober) abortsWholly(ctx context.Context) string {
	u := p.begin(ctx, p.newKey(), twoParts()...)
	if r := p.abort(ctx, u); !r.ok() {
		return "no: " + r.String()
	}
	if _, r := p.parts(ctx, u); r.status != http.StatusNotFound {
		return "no: ListParts answers " + r.String()
	}
	if p.lists(ctx, u, u.key) || p.get(ctx, u.key).status != http.StatusNotFound {
		return "no: something is left"
	}
	return "yes"
}

func (p *prober) abortsAgain(ctx context.Context) string {
	u := p.begin(ctx, p.newKey(), pattern(10, 1))
	p.need("AbortMultipartUpload", p.abort(ctx, u))
	return p.abort(ctx, u).String()
}

func (p *prober) uploadsToAborted(ctx context.Context) string {
	u := p.begin(ctx, p.newKey(), pattern(10, 1))
	p.need("AbortMultipartUpload", p.abort(ctx, u))
	content := pattern(10, 2)
	return p.sendPart(ctx, u, 2, content, trailerSHA256, base64SHA256(content)).String()
}

// abortsUnderPart aborts an upload between the halves of a part, and again after it.
func (p *prober) abortsUnderPart(ctx context.Context) string {
	u := p.initiate(ctx, upload{key: p.newKey()}, "X-Amz-Checksum-Algorithm", "SHA256")
	content := pattern(2*mebibyte, 1)
	m := message{
		method: http.MethodPut, key: u.key, query: values("partNumber", "1", "uploadId", u.id), body: content,
		header:   headers("X-Amz-Trailer", trailerSHA256),
		trailers: []string{trailerSHA256 + ":" + base64SHA256(content)},
	}
	body := chunkedBody(m)
	c := p.open(ctx, m, int64(len(body)))
	defer c.Close()
	_, _ = c.Write(body[:mebibyte]) // The answer tells.
	time.Sleep(p.Silence / 4)       // The store has to read it before the abort.
	aborted := p.abort(ctx, u)
	_, _ = c.Write(body[mebibyte:])
	late, _ := c.next(requestTimeout)
	left := ""
	if listed, r := p.parts(ctx, u); r.ok() {
		left = fmt.Sprintf(", and ListParts has %d", len(listed))
	}
	return fmt.Sprintf("abort answers %s, the part %s%s", aborted, late, left)
}

// lists reports whether ListMultipartUploads with this prefix has the upload.
func (p *prober) lists(ctx context.Context, u upload, prefix string) bool {
	r := p.need("ListMultipartUploads", p.do(ctx, message{method: http.MethodGet, query: values("uploads", "", "prefix", prefix)}))
	var list struct {
		Upload []struct {
			Key string
			ID  string `xml:"UploadId"`
		}
	}
	if err := xml.Unmarshal(r.body, &list); err != nil {
		panic(unprepared{step: "ListMultipartUploads", answer: "something else"})
	}
	for _, listed := range list.Upload {
		if listed.Key == u.key && listed.ID == u.id {
			return true
		}
	}
	return false
}

func (p *prober) listsUploads(ctx context.Context, prefixOf func(key string) string) string {
	u := p.begin(ctx, p.newKey(), pattern(10, 1))
	found := p.lists(ctx, u, prefixOf(u.key))
	p.need("AbortMultipartUpload", p.abort(ctx, u))
	if found {
		return "yes"
	}
	return "no: an empty list"
}

func (p *prober) listsUploadsByKey(ctx context.Context) string {
	return p.listsUploads(ctx, func(key string) string { return key })
}

func (p *prober) listsUploadsByFolder(ctx context.Context) string {
	return p.listsUploads(ctx, func(string) string { return "probes/" })
}

func (p *prober) listsUploadsOfBucket(ctx context.Context) string {
	return p.listsUploads(ctx, func(string) string { return "" })
}
