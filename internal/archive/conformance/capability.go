package conformance

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"time"
)

// Capability is what a store did when one thing was tried on it.
type Capability struct {
	// Name says what was tried. It is the first cell of a row of docs/stores.md.
	Name string `json:"capability"`
	// Seen says what the store did: "yes", "no", "ignored" (it answered as if it had
	// done it) or "refused", mostly with its answer.
	Seen string `json:"seen"`
}

// trial is one row: what is tried, and what tries it.
type trial struct {
	name string
	try  func(*prober, context.Context) string
}

// Capabilities tries on a store everything that the archive uses or may be configured
// to use, with signed requests of its own. The order is that of the rows of
// docs/stores.md. It takes seconds, creates three buckets and leaves them behind, with some
// objects that are locked for [lockTime]. It returns an error if the store cannot
// be reached or has no bucket to try anything in.
func Capabilities(ctx context.Context, probe Probe) ([]Capability, error) {
	probe.Region = cmp.Or(probe.Region, "us-east-1")
	probe.Bucket = cmp.Or(probe.Bucket, "callvault-probe")
	probe.Silence = cmp.Or(probe.Silence, 2*time.Second)
	p := &prober{
		Probe:  probe,
		bucket: fmt.Sprintf("%s-%d", probe.Bucket, time.Now().UnixNano()),
		client: &http.Client{
			Transport: &http.Transport{DisableCompression: true},
			// A redirect would be followed without a signature.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
	defer p.client.CloseIdleConnections()
	if created := p.do(ctx, message{method: http.MethodPut}); !created.ok() {
		return nil, fmt.Errorf("create bucket %s: %s (%w)", p.bucket, created, created.err)
	}
	var seen []Capability
	for _, group := range [][]trial{conditions, checksums, multipart, wire, reads, versions, locks, options} {
		for _, one := range group {
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			seen = append(seen, Capability{Name: one.name, Seen: p.attempt(ctx, one)})
		}
	}
	return seen, nil
}

// attempt returns what a trial saw, or which step before it the store refused.
func (p *prober) attempt(ctx context.Context, one trial) (seen string) {
	defer func() {
		switch failed := recover().(type) {
		case nil:
		case unprepared:
			seen = fmt.Sprintf("no: %s answers %s", failed.step, failed.answer)
		default:
			panic(failed)
		}
	}()
	return one.try(p, ctx)
}
