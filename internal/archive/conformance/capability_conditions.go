package conformance

import (
	"context"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
)

var conditions = []trial{
	{"PUT with `If-None-Match: *`", (*prober).putsIfNoneMatch},
	{"… of two under way at once, one wins", (*prober).putsConcurrently},
	{"PUT with `If-Match`", (*prober).putsIfMatch},
	{"CompleteMultipartUpload with `If-None-Match: *`", (*prober).completesIfNoneMatch},
	{"… of two at once, one wins", (*prober).completesConcurrently},
	{"… refused: what is left of the upload", (*prober).leavesRefusedUpload},
	{"… sent again after its answer was lost", (*prober).completesAgainIfNoneMatch},
	{"CompleteMultipartUpload sent again, without a condition", (*prober).completesAgain},
	{"CreateMultipartUpload with `If-None-Match: *`, for a key that exists", (*prober).createsIfNoneMatch},
}

func (p *prober) putsIfNoneMatch(ctx context.Context) string {
	key, first, second := p.newKey(), pattern(1000, 1), pattern(1000, 2)
	free := p.put(ctx, key, first, "If-None-Match", "*")
	if !free.ok() {
		return "no: a free key answers " + free.String()
	}
	return p.judgeRefusal(ctx, key, first, p.put(ctx, key, second, "If-None-Match", "*"))
}

// judgeRefusal says whether a write whose condition was not met was refused, and the object
// kept.
func (p *prober) judgeRefusal(ctx context.Context, key string, kept []byte, r reply) string {
	unchanged := p.holds(ctx, key, kept)
	switch {
	case r.refused() && unchanged:
		return "yes: " + r.String()
	case r.ok() && !unchanged:
		return "ignored: the object is overwritten"
	case unchanged:
		return "no: " + r.String()
	}
	return fmt.Sprintf("no: %s, and the object is lost", r)
}

// putsConcurrently sends the first half of two bodies before the rest of either.
func (p *prober) putsConcurrently(ctx context.Context) string {
	key := p.newKey()
	contents := [][]byte{pattern(2*mebibyte, 3), pattern(2*mebibyte, 4)}
	replies := [2]chan reply{make(chan reply, 1), make(chan reply, 1)}
	var rests [2]*io.PipeWriter
	for i, content := range contents {
		reader, writer := io.Pipe()
		rests[i] = writer
		go func() {
			replies[i] <- p.do(ctx, message{
				method: http.MethodPut, key: key, stream: reader, length: int64(len(content)), header: headers("If-None-Match", "*"),
			})
			_ = reader.Close() // The store may answer before the end of the body.
		}()
		// A pipe's write returns when its bytes were read: the request is under way.
		if _, err := writer.Write(content[:mebibyte]); err != nil {
			return "no: " + (<-replies[i]).String() + " to a key that is free"
		}
	}
	var answers [2]reply
	for i, content := range contents {
		_, _ = rests[i].Write(content[mebibyte:]) // The answer tells.
		_ = rests[i].Close()
		answers[i] = <-replies[i]
	}
	return p.judgePair(ctx, key, contents, answers)
}

// judgePair says whether exactly one of two writers won, and its content is kept.
func (p *prober) judgePair(ctx context.Context, key string, contents [][]byte, answers [2]reply) string {
	for won, lost := 0, 1; won < 2; won, lost = won+1, lost-1 {
		if answers[won].ok() && answers[lost].refused() {
			if p.holds(ctx, key, contents[won]) {
				return "yes: " + answers[lost].String()
			}
			return "no: the winner's object is lost"
		}
	}
	return fmt.Sprintf("no: %s and %s", answers[0], answers[1])
}

func (p *prober) putsIfMatch(ctx context.Context) string {
	key, first, second := p.newKey(), pattern(1000, 1), pattern(1000, 2)
	missing := p.put(ctx, key, first, "If-Match", `"d41d8cd98f00b204e9800998ecf8427e"`)
	if missing.ok() {
		return "ignored: a key that does not exist is written"
	}
	etag := p.need("PUT", p.put(ctx, key, first)).header.Get("ETag")
	wrong := p.judgeRefusal(ctx, key, first, p.put(ctx, key, second, "If-Match", `"d41d8cd98f00b204e9800998ecf8427e"`))
	if right := p.put(ctx, key, second, "If-Match", etag); !right.ok() || !p.holds(ctx, key, second) {
		return "no: the right ETag answers " + right.String()
	}
	return fmt.Sprintf("%s; %s if the key is missing", wrong, missing)
}

func (p *prober) completesIfNoneMatch(ctx context.Context) string {
	key, content := p.newKey(), pattern(1000, 1)
	if free := p.complete(ctx, p.begin(ctx, key, content), "If-None-Match", "*"); !free.ok() {
		return "no: a free key answers " + free.String()
	}
	again := p.begin(ctx, key, pattern(1000, 2))
	return p.judgeRefusal(ctx, key, content, p.complete(ctx, again, "If-None-Match", "*"))
}

// rounds is how often the race of two writers is tried.
const rounds = 10

func (p *prober) completesConcurrently(ctx context.Context) string {
	verdict := ""
	for range rounds {
		key := p.newKey()
		contents := [][]byte{pattern(1000, 5), pattern(1000, 6)}
		uploads := []upload{p.begin(ctx, key, contents[0]), p.begin(ctx, key, contents[1])}
		var answers [2]reply
		second := make(chan reply)
		go func() { second <- p.complete(ctx, uploads[1], "If-None-Match", "*") }()
		answers[0] = p.complete(ctx, uploads[0], "If-None-Match", "*")
		answers[1] = <-second
		verdict = p.judgePair(ctx, key, contents, answers)
		if verdict[:2] == "no" {
			return verdict
		}
	}
	return verdict
}

func (p *prober) leavesRefusedUpload(ctx context.Context) string {
	key := p.newKey()
	p.need("PUT", p.put(ctx, key, pattern(10, 1)))
	u := p.begin(ctx, key, pattern(1000, 2))
	refused := p.complete(ctx, u, "If-None-Match", "*")
	if !refused.refused() {
		return "not tried: it answers " + refused.String()
	}
	left := "parts kept"
	if parts, r := p.parts(ctx, u); !r.ok() {
		left = "ListParts answers " + r.String()
	} else if len(parts) != 1 {
		left = fmt.Sprintf("%d of 1 parts", len(parts))
	}
	return left + ", abort answers " + p.abort(ctx, u).String()
}

func (p *prober) completesAgainIfNoneMatch(ctx context.Context) string {
	return p.repeats(ctx, "If-None-Match", "*")
}

func (p *prober) completesAgain(ctx context.Context) string { return p.repeats(ctx) }

func (p *prober) repeats(ctx context.Context, pairs ...string) string {
	key, content := p.newKey(), pattern(1000, 1)
	u := p.begin(ctx, key, content)
	first := p.need("CompleteMultipartUpload", p.complete(ctx, u, pairs...))
	second := p.complete(ctx, u, pairs...)
	if !p.holds(ctx, key, content) {
		return second.String() + ", and the object is lost"
	}
	if second.ok() && etagOf(first) != etagOf(second) {
		return second.String() + " with another ETag"
	}
	return second.String()
}

// etagOf returns the ETag that CompleteMultipartUpload answers.
func etagOf(r reply) string {
	var completed struct{ ETag string }
	if err := xml.Unmarshal(r.body, &completed); err != nil {
		return err.Error()
	}
	return completed.ETag
}

func (p *prober) createsIfNoneMatch(ctx context.Context) string {
	key := p.newKey()
	p.need("PUT", p.put(ctx, key, pattern(10, 1)))
	r := p.do(ctx, message{method: http.MethodPost, key: key, query: values("uploads", ""), header: headers("If-None-Match", "*")})
	if r.ok() {
		return "ignored: 200"
	}
	return "refused: " + r.String()
}
