package conformance

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"
)

var wire = []trial{
	{"`Expect: 100-continue`, a PUT that is taken", (*prober).continues},
	{"`Expect: 100-continue`, a PUT whose condition is not met", (*prober).refusesBeforeBody},
	{"The same without `Expect`: the answer before the body", (*prober).answersBeforeBody},
	{"… 32 MiB by Go's HTTP client: it sees the refusal, in 10 tries", (*prober).showsRefusal},
	{"A connection that breaks in the middle of a PUT leaves no object", (*prober).leavesNoTruncated},
	{"… with a trailing SHA-256", (*prober).leavesNoTruncatedTrailing},
	{"A single PUT of more than 5 GiB: refused by its length", (*prober).refusesGiant},
	{"A header that no store knows (`x-amz-callvault-unknown`)", (*prober).ignoresUnknownHeader},
	{"Path style", (*prober).servesPath},
	{"Virtual host", (*prober).servesHost},
}

const giant = 5<<30 + 1

// conversation is a request on a connection of its own.
type conversation struct {
	net.Conn
	reader *bufio.Reader
}

// open sends the header of m, whose body has length bytes, and nothing else.
func (p *prober) open(ctx context.Context, m message, length int64) *conversation {
	m.stream, m.length = http.NoBody, length
	request, err := p.request(ctx, m)
	if err != nil {
		panic(unprepared{step: "signing", answer: err.Error()})
	}
	address := p.Endpoint.Host
	if p.Endpoint.Port() == "" {
		address = net.JoinHostPort(p.Endpoint.Hostname(), map[string]string{"https": "443"}[p.Endpoint.Scheme])
	}
	dialer := &net.Dialer{Timeout: requestTimeout}
	var conn net.Conn
	if p.Endpoint.Scheme == "https" {
		conn, err = (&tls.Dialer{NetDialer: dialer}).DialContext(ctx, "tcp", address)
	} else {
		conn, err = dialer.DialContext(ctx, "tcp", address)
	}
	if err != nil {
		panic(unprepared{step: "connecting", answer: err.Error()})
	}
	c := &conversation{Conn: conn, reader: bufio.NewReader(conn)}
	fmt.Fprintf(c, "%s %s HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\n", m.method, request.URL.RequestURI(), request.URL.Host, length)
	_ = request.Header.Write(c) // The answer tells.
	_, _ = c.Write([]byte("\r\n"))
	return c
}

// next returns the next answer, which may be 100, or false if none comes within the time.
func (c *conversation) next(within time.Duration) (reply, bool) {
	_ = c.SetReadDeadline(time.Now().Add(within))
	response, err := http.ReadResponse(c.reader, nil)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return reply{}, false
	}
	if err != nil {
		return reply{err: err}, true
	}
	defer response.Body.Close()
	return read(response), true
}

func (p *prober) continues(ctx context.Context) string {
	content := pattern(1000, 1)
	c := p.open(ctx, message{method: http.MethodPut, key: p.newKey(), header: headers("Expect", "100-continue")}, int64(len(content)))
	defer c.Close()
	first, came := c.next(p.Silence)
	if came && first.status != http.StatusContinue {
		return "no: " + first.String()
	}
	_, _ = c.Write(content) // The answer tells.
	last, answered := c.next(requestTimeout)
	switch {
	case !answered || !last.ok():
		return "no: " + last.String()
	case !came:
		return "ignored: no 100"
	}
	return "yes: 100"
}

// refusedPut opens a PUT of a key that exists, on the condition that it does not.
func (p *prober) refusedPut(ctx context.Context, length int64, pairs ...string) *conversation {
	key := p.newKey()
	p.need("PUT", p.put(ctx, key, pattern(10, 1)))
	return p.open(ctx, message{method: http.MethodPut, key: key, header: headers(append(pairs, "If-None-Match", "*")...)}, length)
}

func (p *prober) refusesBeforeBody(ctx context.Context) string {
	c := p.refusedPut(ctx, mebibyte, "Expect", "100-continue")
	defer c.Close()
	first, came := c.next(p.Silence)
	switch {
	case !came:
		return "no: no answer before the body"
	case first.refused():
		return "yes: " + first.String() + " before the body"
	case first.status != http.StatusContinue:
		return "no: " + first.String()
	}
	_, _ = c.Write(pattern(mebibyte, 2)) // The answer tells.
	last, _ := c.next(requestTimeout)
	return "no: 100, then " + last.String()
}

func (p *prober) answersBeforeBody(ctx context.Context) string {
	c := p.refusedPut(ctx, mebibyte)
	defer c.Close()
	if first, came := c.next(p.Silence); came {
		return "yes: " + first.String()
	}
	_, _ = c.Write(pattern(mebibyte, 2)) // The answer tells.
	last, _ := c.next(requestTimeout)
	return "no: " + last.String() + " after it"
}

// showsRefusal is how a client fares that is still sending when the answer comes.
func (p *prober) showsRefusal(ctx context.Context) string {
	const tries = 10
	key := p.newKey()
	p.need("PUT", p.put(ctx, key, pattern(10, 1)))
	content := pattern(32*mebibyte, 2)
	last := ""
	for range tries {
		r := p.put(ctx, key, content, "If-None-Match", "*")
		switch {
		case r.ok():
			return "no: " + r.String()
		case !r.refused():
			return "no: the connection may break first"
		}
		last = r.String()
	}
	return "yes: " + last
}

func (p *prober) leavesNoTruncated(ctx context.Context) string {
	content := pattern(2*mebibyte, 1)
	return p.breaksOff(ctx, message{}, content)
}

func (p *prober) leavesNoTruncatedTrailing(ctx context.Context) string {
	content := pattern(2*mebibyte, 1)
	line := trailerSHA256 + ":" + base64SHA256(content)
	m := message{body: content, header: headers("X-Amz-Trailer", trailerSHA256, headerAlgorithm, "SHA256"), trailers: []string{line}}
	return p.breaksOff(ctx, m, chunkedBody(m))
}

// breaksOff sends the first half of a body and closes the connection.
func (p *prober) breaksOff(ctx context.Context, m message, body []byte) string {
	m.method, m.key = http.MethodPut, p.newKey()
	c := p.open(ctx, m, int64(len(body)))
	_, _ = c.Write(body[:len(body)/2]) // It breaks off here.
	_ = c.Close()
	// The store may take a moment to see that the connection has ended.
	for end := time.Now().Add(p.Silence); time.Now().Before(end); time.Sleep(p.Silence / 10) {
		if stored := p.get(ctx, m.key); stored.ok() {
			return fmt.Sprintf("no: %d of %d bytes are stored", len(stored.body), 2*mebibyte)
		}
	}
	return "yes"
}

func (p *prober) refusesGiant(ctx context.Context) string {
	c := p.open(ctx, message{method: http.MethodPut, key: p.newKey(), header: headers("Expect", "100-continue")}, giant)
	defer c.Close()
	first, came := c.next(p.Silence)
	if came && first.status != http.StatusContinue {
		return "yes: " + first.String()
	}
	return "no: it waits for the body"
}

func (p *prober) ignoresUnknownHeader(ctx context.Context) string {
	if r := p.put(ctx, p.newKey(), pattern(10, 1), "X-Amz-Callvault-Unknown", "1"); !r.ok() {
		return "refused: " + r.String()
	}
	return "ignored: 200"
}

func (p *prober) servesPath(ctx context.Context) string {
	key, content := p.newKey(), pattern(10, 1)
	if r := p.put(ctx, key, content); !r.ok() || !p.holds(ctx, key, content) {
		return "no: " + r.String()
	}
	return "yes"
}

// servesHost asks for an object by a host name that is only sent, not looked up.
func (p *prober) servesHost(ctx context.Context) string {
	if p.Domain == "" {
		return "not tried: no domain"
	}
	key, content := p.newKey(), pattern(10, 1)
	p.need("PUT", p.put(ctx, key, content))
	r := p.do(ctx, message{method: http.MethodGet, key: key, host: p.bucket + "." + p.Domain})
	if !r.ok() || string(r.body) != string(content) {
		return "no: " + r.String()
	}
	return "yes"
}
