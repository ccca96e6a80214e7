package conformance

import (
	"bytes"
	"context"
	"net/http"
	"strings"
)

var options = []trial{
	{"SSE-S3, PUT", (*prober).encryptsPut},
	{"SSE-S3, multipart", (*prober).encryptsMultipart},
	{"… SHA-256 of the clear bytes in HEAD", (*prober).headsEncryptedChecksum},
	{"SSE-KMS, PUT", (*prober).encryptsPutByKMS},
	{"SSE-KMS with a key that does not exist", (*prober).refusesUnknownKMSKey},
	{"Tags by the PUT's header", (*prober).tagsPut},
	{"Tags by CreateMultipartUpload's header", (*prober).tagsMultipart},
	{"Storage class `STANDARD_IA`", (*prober).keepsStorageClass},
	{"A storage class that does not exist", (*prober).refusesUnknownStorageClass},
	{"Content type and user metadata", (*prober).keepsMetadata},
}

const (
	headerSSE    = "X-Amz-Server-Side-Encryption"
	headerSSEKey = "X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id"
	headerTags   = "X-Amz-Tagging"
	headerClass  = "X-Amz-Storage-Class"
	tags         = "bot=st-1&outcome=archived"
)

// judgeHeader says whether an option that was taken is in the object's header.
func (p *prober) judgeHeader(ctx context.Context, key string, r reply, name, want string) string {
	switch head := p.head(ctx, key); {
	case !r.ok():
		return "refused: " + r.String()
	case head.header.Get(name) == want:
		return "yes"
	case head.header.Get(name) != "":
		return "ignored: HEAD says " + head.header.Get(name)
	}
	return "ignored: HEAD does not name it"
}

func (p *prober) encryptsPut(ctx context.Context) string {
	key := p.newKey()
	return p.judgeHeader(ctx, key, p.put(ctx, key, pattern(1000, 1), headerSSE, "AES256"), headerSSE, "AES256")
}

func (p *prober) encryptsMultipart(ctx context.Context) string {
	key, contents := p.newKey(), twoParts()
	u := p.initiate(ctx, upload{key: key}, "X-Amz-Checksum-Algorithm", "SHA256", headerSSE, "AES256")
	r := p.complete(ctx, p.fill(ctx, u, contents...))
	if r.ok() && !p.holds(ctx, key, bytes.Join(contents, nil)) {
		return "no: other bytes are read"
	}
	return p.judgeHeader(ctx, key, r, headerSSE, "AES256")
}

func (p *prober) headsEncryptedChecksum(ctx context.Context) string {
	key, content := p.newKey(), pattern(1000, 1)
	p.need("PUT", p.putTrailing(ctx, key, content, trailerSHA256, base64SHA256(content), headerSSE, "AES256"))
	head := p.head(ctx, key)
	if head.header.Get(headerSSE) == "" {
		return "not tried: it is not encrypted"
	}
	return judgeChecksum(head, headerSHA256, base64SHA256(content))
}

func (p *prober) encryptsPutByKMS(ctx context.Context) string {
	key, pairs := p.newKey(), []string{headerSSE, "aws:kms"}
	if p.KMSKey != "" {
		pairs = append(pairs, headerSSEKey, p.KMSKey)
	}
	r := p.put(ctx, key, pattern(1000, 1), pairs...)
	seen := p.judgeHeader(ctx, key, r, headerSSE, "aws:kms")
	if seen == "yes" && p.KMSKey != "" && !strings.HasSuffix(p.head(ctx, key).header.Get(headerSSEKey), p.KMSKey) {
		return "no: HEAD names another key"
	}
	return seen
}

func (p *prober) refusesUnknownKMSKey(ctx context.Context) string {
	r := p.put(ctx, p.newKey(), pattern(1000, 1), headerSSE, "aws:kms", headerSSEKey, "callvault-no-such-key")
	switch {
	case !r.ok():
		return "refused: " + r.String()
	case r.header.Get(headerSSE) == "":
		return "ignored: stored in clear"
	}
	return "stored as encrypted"
}

// judgeTags says whether a written object has its tags.
func (p *prober) judgeTags(ctx context.Context, key string, r reply) string {
	if !r.ok() {
		return "refused: " + r.String()
	}
	got := p.do(ctx, message{method: http.MethodGet, key: key, query: values("tagging", "")})
	switch {
	case !got.ok():
		return "no: GetObjectTagging answers " + got.String()
	case bytes.Contains(got.body, []byte("<Value>st-1<")) && bytes.Contains(got.body, []byte("<Value>archived<")):
		return "yes"
	}
	return "ignored: it has none"
}

func (p *prober) tagsPut(ctx context.Context) string {
	key := p.newKey()
	return p.judgeTags(ctx, key, p.put(ctx, key, pattern(10, 1), headerTags, tags))
}

func (p *prober) tagsMultipart(ctx context.Context) string {
	key := p.newKey()
	u := p.initiate(ctx, upload{key: key}, "X-Amz-Checksum-Algorithm", "SHA256", headerTags, tags)
	return p.judgeTags(ctx, key, p.complete(ctx, p.fill(ctx, u, pattern(10, 1))))
}

func (p *prober) keepsStorageClass(ctx context.Context) string {
	key := p.newKey()
	return p.judgeHeader(ctx, key, p.put(ctx, key, pattern(10, 1), headerClass, "STANDARD_IA"), headerClass, "STANDARD_IA")
}

func (p *prober) refusesUnknownStorageClass(ctx context.Context) string {
	key := p.newKey()
	return p.judgeHeader(ctx, key, p.put(ctx, key, pattern(10, 1), headerClass, "NO_SUCH_CLASS"), headerClass, "NO_SUCH_CLASS")
}

func (p *prober) keepsMetadata(ctx context.Context) string {
	key := p.newKey()
	p.need("PUT", p.put(ctx, key, pattern(10, 1), "Content-Type", "audio/wav", "X-Amz-Meta-Note", "a b"))
	head := p.head(ctx, key)
	if head.header.Get("Content-Type") == "audio/wav" && head.header.Get("X-Amz-Meta-Note") == "a b" {
		return "yes"
	}
	return "no"
}
