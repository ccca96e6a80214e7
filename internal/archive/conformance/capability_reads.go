package conformance

import (
	"bytes"
	"context"
	"encoding/xml"
	"fmt"
	"net/http"
	"slices"
)

var reads = []trial{
	{"ListObjectsV2 with `start-after`, sorted, in pages", (*prober).listsAfter},
	{"GET with `Range`", (*prober).readsRange},
	{"GET with `Range` and `If-Match`, for another ETag: refused", (*prober).refusesChangedRange},
	{"GET with `Range` beyond the end", (*prober).readsBeyond},
}

var versions = []trial{
	{"Versions: an overwritten object is kept", (*prober).keepsVersions},
	{"`If-None-Match: *` on a key whose last version is a delete marker", (*prober).putsOverMarker},
	{"`If-None-Match: *` on a key that exists, with versions", (*prober).putsOverVersion},
}

func (p *prober) listsAfter(ctx context.Context) string {
	for _, name := range []string{"c", "a", "b/1", "d", "b"} {
		if r := p.put(ctx, "list/"+name+".wav", []byte(name)); !r.ok() {
			return "no: PUT answers " + r.String()
		}
	}
	query := values("list-type", "2", "prefix", "list/", "start-after", "list/a.wav", "max-keys", "2")
	var keys []string
	for {
		r := p.do(ctx, message{method: http.MethodGet, query: query})
		if !r.ok() {
			return "no: " + r.String()
		}
		var page struct {
			Contents              []struct{ Key string }
			IsTruncated           bool
			NextContinuationToken string
		}
		if err := xml.Unmarshal(r.body, &page); err != nil || len(page.Contents) > 2 {
			return "no: not a page"
		}
		for _, object := range page.Contents {
			keys = append(keys, object.Key)
		}
		if !page.IsTruncated || len(keys) > 5 {
			break
		}
		query.Set("continuation-token", page.NextContinuationToken)
	}
	want := []string{"list/b.wav", "list/b/1.wav", "list/c.wav", "list/d.wav"}
	if slices.Equal(keys, want) {
		return "yes"
	}
	slices.Sort(keys)
	if slices.Equal(keys, want) {
		return "no: another order"
	}
	return "no: other keys"
}

func (p *prober) readsRange(ctx context.Context) string {
	key, content := p.newKey(), pattern(1000, 1)
	p.need("PUT", p.put(ctx, key, content))
	r := p.get(ctx, key, "Range", "bytes=100-199")
	if r.status == http.StatusPartialContent && bytes.Equal(r.body, content[100:200]) && r.header.Get("Content-Range") == "bytes 100-199/1000" {
		return "yes"
	}
	return "no: " + r.String()
}

func (p *prober) refusesChangedRange(ctx context.Context) string {
	key := p.newKey()
	p.need("PUT", p.put(ctx, key, pattern(1000, 1)))
	r := p.get(ctx, key, "Range", "bytes=100-199", "If-Match", `"d41d8cd98f00b204e9800998ecf8427e"`)
	if r.status == http.StatusPreconditionFailed {
		return "yes: " + r.String()
	}
	return "no: " + r.String()
}

func (p *prober) readsBeyond(ctx context.Context) string {
	key := p.newKey()
	p.need("PUT", p.put(ctx, key, pattern(1000, 1)))
	return p.get(ctx, key, "Range", "bytes=1000-").String()
}

// versioned creates a bucket with versions, once.
func (p *prober) versioned(ctx context.Context) string {
	bucket := p.bucket + "-v"
	p.need("CreateBucket", p.do(ctx, message{method: http.MethodPut, bucket: bucket}).unlessOwned())
	p.need("PutBucketVersioning", p.do(ctx, message{
		method: http.MethodPut, bucket: bucket, query: values("versioning", ""),
		body: []byte(`<VersioningConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Status>Enabled</Status></VersioningConfiguration>`),
	}))
	return bucket
}

// unlessOwned takes the answer that a bucket is there already as a success.
func (r reply) unlessOwned() reply {
	if r.code == "BucketAlreadyOwnedByYou" || r.code == "BucketAlreadyExists" {
		return reply{status: http.StatusOK}
	}
	return r
}

const headerVersion = "X-Amz-Version-Id"

func (p *prober) keepsVersions(ctx context.Context) string {
	bucket, key, first := p.versioned(ctx), p.newKey(), pattern(10, 1)
	before := p.need("PUT", p.do(ctx, message{method: http.MethodPut, bucket: bucket, key: key, body: first}))
	p.need("PUT", p.do(ctx, message{method: http.MethodPut, bucket: bucket, key: key, body: pattern(10, 2)}))
	id := before.header.Get(headerVersion)
	if id == "" {
		return "no: no version id"
	}
	r := p.do(ctx, message{method: http.MethodGet, bucket: bucket, key: key, query: values("versionId", id)})
	if !r.ok() || !bytes.Equal(r.body, first) {
		return "no: " + r.String()
	}
	return "yes"
}

func (p *prober) putsOverMarker(ctx context.Context) string {
	bucket, key := p.versioned(ctx), p.newKey()
	p.need("PUT", p.do(ctx, message{method: http.MethodPut, bucket: bucket, key: key, body: pattern(10, 1)}))
	p.need("DELETE", p.do(ctx, message{method: http.MethodDelete, bucket: bucket, key: key}))
	r := p.do(ctx, message{method: http.MethodPut, bucket: bucket, key: key, body: pattern(10, 2), header: headers("If-None-Match", "*")})
	if r.ok() {
		return "written"
	}
	return "refused: " + r.String()
}

func (p *prober) putsOverVersion(ctx context.Context) string {
	bucket, key := p.versioned(ctx), p.newKey()
	p.need("PUT", p.do(ctx, message{method: http.MethodPut, bucket: bucket, key: key, body: pattern(10, 1)}))
	r := p.do(ctx, message{method: http.MethodPut, bucket: bucket, key: key, body: pattern(10, 2), header: headers("If-None-Match", "*")})
	if r.ok() {
		return fmt.Sprintf("ignored: %s", r)
	}
	return "refused: " + r.String()
}
