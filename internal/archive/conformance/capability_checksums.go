package conformance

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"net/http"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

var checksums = []trial{
	{"Trailing SHA-256, body unsigned: verified, with `x-amz-sdk-checksum-algorithm`", (*prober).verifiesTrailer},
	{"… with `x-amz-checksum-algorithm` in its place", (*prober).verifiesTrailerOfAlgorithm},
	{"… with neither", (*prober).verifiesBareTrailer},
	{"… framed as minio-go does, with a line feed before the last line's end", (*prober).takesMinioFraming},
	{"Trailing SHA-256, each chunk signed, plain HTTP: taken", (*prober).takesSignedTrailer},
	{"SHA-256 in a header alone: verified", (*prober).verifiesHeader},
	{"A trailer that is announced and does not come: refused", (*prober).refusesMissingTrailer},
	{"A body shorter than announced (`x-amz-decoded-content-length`): refused", (*prober).refusesShortBody},
	{"SHA-256 in the PUT's answer", (*prober).answersChecksum},
	{"SHA-256 in HEAD", (*prober).headsChecksum},
	{"CRC64NVME of the whole object, single PUT: verified, and in HEAD", (*prober).verifiesCRC64},
}

// headerAlgorithm announces the algorithm, as Amazon's own client libraries do. Not every store
// looks at the trailer otherwise.
const headerAlgorithm = "X-Amz-Sdk-Checksum-Algorithm"

// putTrailing sends content and, after it, the line of a checksum.
func (p *prober) putTrailing(ctx context.Context, key string, content []byte, name, value string, pairs ...string) reply {
	algorithm := "SHA256"
	if name == trailerCRC64 {
		algorithm = "CRC64NVME"
	}
	return p.putBareTrailing(ctx, key, content, name, value, append(pairs, headerAlgorithm, algorithm)...)
}

func (p *prober) putBareTrailing(ctx context.Context, key string, content []byte, name, value string, pairs ...string) reply {
	h := headers(pairs...)
	h.Set("X-Amz-Trailer", name)
	return p.do(ctx, message{method: http.MethodPut, key: key, body: content, header: h, trailers: []string{name + ":" + value}})
}

const (
	trailerSHA256 = "x-amz-checksum-sha256"
	trailerCRC64  = "x-amz-checksum-crc64nvme"
)

func base64CRC64(b []byte) string {
	h := minio.ChecksumCRC64NVME.Hasher()
	h.Write(b)
	return base64.StdEncoding.EncodeToString(h.Sum(nil))
}

// judgeWrong says whether a body with a wrong checksum was refused, and no object made.
func (p *prober) judgeWrong(ctx context.Context, key string, r reply) string {
	stored := p.get(ctx, key)
	switch {
	case !r.ok() && stored.status == http.StatusNotFound:
		return "yes: " + r.String()
	case r.ok():
		return "ignored: the object is stored"
	}
	return fmt.Sprintf("no: %s, and GET answers %s", r, stored)
}

func (p *prober) verifiesTrailer(ctx context.Context) string {
	return p.verifies(ctx, headerAlgorithm, "SHA256")
}

func (p *prober) verifiesTrailerOfAlgorithm(ctx context.Context) string {
	return p.verifies(ctx, "X-Amz-Checksum-Algorithm", "SHA256")
}

// takesMinioFraming ends the trailer as minio-go 7.4 does. Amazon's own client libraries send no
// line feed there.
func (p *prober) takesMinioFraming(ctx context.Context) string {
	key, content := p.newKey(), pattern(1000, 1)
	r := p.putTrailing(ctx, key, content, trailerSHA256, base64SHA256(content)+"\n")
	if !r.ok() || !p.holds(ctx, key, content) {
		return "no: " + r.String()
	}
	return "yes"
}

func (p *prober) verifiesBareTrailer(ctx context.Context) string { return p.verifies(ctx) }

func (p *prober) verifies(ctx context.Context, pairs ...string) string {
	content := pattern(6*mebibyte, 1)
	if right := p.putBareTrailing(ctx, p.newKey(), content, trailerSHA256, base64SHA256(content), pairs...); !right.ok() {
		return "no: the right one answers " + right.String()
	}
	key := p.newKey()
	return p.judgeWrong(ctx, key, p.putBareTrailing(ctx, key, content, trailerSHA256, base64SHA256(nil), pairs...))
}

// takesSignedTrailer uses minio-go, which signs each chunk over plain HTTP.
func (p *prober) takesSignedTrailer(ctx context.Context) string {
	if p.Endpoint.Scheme == "https" {
		return "not tried: the endpoint is https"
	}
	client, err := minio.New(p.Endpoint.Host, &minio.Options{
		Creds: credentials.NewStaticV4(p.AccessKey, p.SecretKey, ""), Region: p.Region, TrailingHeaders: true, MaxRetries: 1,
	})
	if err != nil {
		return "not tried: " + err.Error()
	}
	key, content := p.newKey(), pattern(1000, 1)
	body := struct{ *bytes.Buffer }{bytes.NewBuffer(content)} // It cannot seek, so its checksum comes last.
	_, err = client.PutObject(ctx, p.bucket, key, body, int64(len(content)), minio.PutObjectOptions{Checksum: minio.ChecksumSHA256, DisableMultipart: true})
	if err != nil {
		response := minio.ToErrorResponse(err)
		return fmt.Sprintf("no: %d %s", response.StatusCode, response.Code)
	}
	if !p.holds(ctx, key, pattern(1000, 1)) {
		return "no: other bytes are stored"
	}
	return "yes"
}

func (p *prober) verifiesHeader(ctx context.Context) string {
	content := pattern(1000, 1)
	if right := p.put(ctx, p.newKey(), content, headerSHA256, base64SHA256(content)); !right.ok() {
		return "no: the right one answers " + right.String()
	}
	key := p.newKey()
	return p.judgeWrong(ctx, key, p.put(ctx, key, content, headerSHA256, base64SHA256(nil)))
}

func (p *prober) refusesMissingTrailer(ctx context.Context) string {
	key := p.newKey()
	return p.judgeWrong(ctx, key, p.do(ctx, message{
		method: http.MethodPut, key: key, body: pattern(1000, 1), trailers: []string{},
		header: headers("X-Amz-Trailer", trailerSHA256, headerAlgorithm, "SHA256"),
	}))
}

func (p *prober) refusesShortBody(ctx context.Context) string {
	key, content := p.newKey(), pattern(1000, 1)
	return p.judgeWrong(ctx, key, p.do(ctx, message{
		method: http.MethodPut, key: key, body: content, announced: 2000,
		header: headers("X-Amz-Trailer", trailerSHA256, headerAlgorithm, "SHA256"), trailers: []string{trailerSHA256 + ":" + base64SHA256(content)},
	}))
}

func (p *prober) answersChecksum(ctx context.Context) string {
	content := pattern(1000, 1)
	r := p.need("PUT", p.putTrailing(ctx, p.newKey(), content, trailerSHA256, base64SHA256(content)))
	return judgeChecksum(r, headerSHA256, base64SHA256(content))
}

// judgeChecksum says whether an answer has a checksum, the right one, and its type.
func judgeChecksum(r reply, name, want string) string {
	switch got, kind := r.header.Get(name), r.header.Get(headerType); {
	case got == "":
		return "no"
	case got != want:
		return "no: another one, " + got
	case kind != "":
		return "yes: " + kind
	}
	return "yes: without a type"
}

func (p *prober) headsChecksum(ctx context.Context) string {
	key, content := p.newKey(), pattern(1000, 1)
	p.need("PUT", p.putTrailing(ctx, key, content, trailerSHA256, base64SHA256(content)))
	return judgeChecksum(p.head(ctx, key), headerSHA256, base64SHA256(content))
}

func (p *prober) verifiesCRC64(ctx context.Context) string {
	key, content := p.newKey(), pattern(1000, 1)
	if right := p.putTrailing(ctx, key, content, trailerCRC64, base64CRC64(content)); !right.ok() {
		return "no: the right one answers " + right.String()
	}
	wrongKey := p.newKey()
	verified := p.judgeWrong(ctx, wrongKey, p.putTrailing(ctx, wrongKey, content, trailerCRC64, base64CRC64(nil)))
	return verified + "; HEAD " + judgeChecksum(p.head(ctx, key), headerCRC64, base64CRC64(content))
}
