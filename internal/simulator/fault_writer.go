package simulator

import (
	"compress/gzip"
	"context"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"
)

// meet answers with the fault: instead of the good answer, or by letting the good answer through and spoiling it. Where the
// connection is to break, it panics with http.ErrAbortHandler, which is how a handler says so.
func (s *Simulator) meet(w http.ResponseWriter, r *http.Request, fault Fault, good func(http.ResponseWriter)) {
	if !s.pause(r.Context(), fault.Delay) {
		panic(http.ErrAbortHandler)
	}
	switch fault.Kind {
	case None, Short, Long:
		good(w)
	case Answer:
		if fault.RetryAfter != "" {
			w.Header().Set("Retry-After", fault.RetryAfter)
		}
		contentType, body := fault.body()
		writeBody(w, fault.Status, contentType, body)
	case HTML, JSON:
		contentType, body := fault.body()
		writeBody(w, http.StatusOK, contentType, body)
	case Empty:
		w.Header().Set("Content-Length", "0")
		w.WriteHeader(http.StatusOK)
	case Huge:
		writeHuge(w, fault.Bytes)
	case Redirect:
		orString(&fault.To, r.URL.RequestURI())
		w.Header().Set("Location", fault.To)
		writeBody(w, fault.Status, "text/plain; charset=utf-8", http.StatusText(fault.Status)+". Redirecting")
	default:
		spoiler := &faultWriter{ResponseWriter: w, simulator: s, request: r, fault: fault, limit: -1}
		if fault.After < 0 {
			spoiler.act()
		}
		good(spoiler)
		spoiler.finish()
	}
}

// pause waits by the wall clock; false means that the client went away or the simulator was closed before.
func (s *Simulator) pause(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return true
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
	case <-s.closed:
	}
	return false
}

// writeHuge sends valid JSON of about the size, made on the way: a good beginning and then a string without end.
func writeHuge(w http.ResponseWriter, size int64) {
	const head, tail = `{"status":"success","recording":[],"padding":"`, `"}`
	w.Header().Set("Content-Type", jsonType)
	w.Header().Set("Content-Length", strconv.FormatInt(max(size, int64(len(head+tail))), 10))
	w.WriteHeader(http.StatusOK)
	if _, err := io.WriteString(w, head); err != nil {
		return // the client had enough
	}
	if _, err := io.CopyN(w, letters{}, size-int64(len(head+tail))); err != nil {
		return
	}
	_, _ = io.WriteString(w, tail)
}

// letters is an endless string.
type letters struct{}

// Read fills p.
func (letters) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'x'
	}
	return len(p), nil
}

// faultWriter lets a good answer through and spoils it on the way.
type faultWriter struct {
	http.ResponseWriter
	simulator *Simulator
	request   *http.Request
	fault     Fault
	began     bool
	ended     bool  // the body was ended early, in good order
	limit     int64 // bytes of the body that may pass, negative for all
	sent      int64
	zip       *gzip.Writer
}

// WriteHeader sends the headers as the fault wants them.
func (f *faultWriter) WriteHeader(status int) {
	f.began = true
	length, err := strconv.ParseInt(f.Header().Get("Content-Length"), 10, 64)
	if err != nil {
		length = 1<<63 - 1
	}
	within := max(0, min(f.fault.After, length-1))
	switch f.fault.Kind {
	case Cut, Reset, Stall:
		f.limit = within
	case Gzip:
		f.Header().Del("Content-Length")
		f.Header().Set("Content-Encoding", "gzip")
		f.zip = gzip.NewWriter(f.ResponseWriter)
	case Chunked, CloseDelimited:
		f.Header().Del("Content-Length")
		if f.fault.Kind == CloseDelimited {
			f.Header().Set("Transfer-Encoding", "identity") // net/http's way of asking for it
		}
		if f.fault.After > 0 {
			f.limit = within
		}
	}
	f.ResponseWriter.WriteHeader(status)
	if f.fault.Kind == Chunked || f.fault.Kind == CloseDelimited {
		f.flush() // or a small body would get its length after all
	}
}

// Write passes on what the fault lets through.
func (f *faultWriter) Write(p []byte) (int, error) {
	if !f.began {
		f.WriteHeader(http.StatusOK)
	}
	switch {
	case f.ended:
		return len(p), nil
	case f.zip != nil:
		return f.zip.Write(p)
	case f.fault.Kind == Slow:
		return f.drip(p)
	case f.limit < 0 || f.sent+int64(len(p)) <= f.limit:
		n, err := f.ResponseWriter.Write(p)
		f.sent += int64(n)
		return n, err
	}
	n, err := f.ResponseWriter.Write(p[:f.limit-f.sent])
	f.sent += int64(n)
	if err != nil {
		return n, err
	}
	f.act()
	return len(p), nil
}

// drip writes p at the fault's pace, in twentieths of a second.
func (f *faultWriter) drip(p []byte) (int, error) {
	const beats = 20
	portion := max(1, f.fault.BytesPerSecond/beats)
	beat := time.Duration(portion) * time.Second / time.Duration(f.fault.BytesPerSecond)
	written := 0
	for written < len(p) {
		n, err := f.ResponseWriter.Write(p[written:min(len(p), written+portion)])
		written += n
		if err != nil {
			return written, err
		}
		f.flush()
		if !f.simulator.pause(f.request.Context(), beat) {
			panic(http.ErrAbortHandler)
		}
	}
	return written, nil
}

// act breaks the answer off where it stands.
func (f *faultWriter) act() {
	if f.fault.Kind == Chunked || f.fault.Kind == CloseDelimited {
		f.ended = true
		return
	}
	if f.began {
		f.flush()
	}
	switch f.fault.Kind {
	case Stall:
		f.simulator.pause(f.request.Context(), f.simulator.config.StallLimit)
	case Reset:
		f.reset()
	}
	panic(http.ErrAbortHandler)
}

// reset closes the TCP connection so that the kernel sends an RST. Where there is no TCP connection to be had, the panic that
// follows is the next best.
func (f *faultWriter) reset() {
	conn, _, err := http.NewResponseController(f.ResponseWriter).Hijack()
	if err != nil {
		return
	}
	raw := conn
	if wrapped, ok := conn.(interface{ NetConn() net.Conn }); ok {
		raw = wrapped.NetConn() // below TLS
	}
	if tcp, ok := raw.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = raw.Close()
}

func (f *faultWriter) flush() {
	_ = http.NewResponseController(f.ResponseWriter).Flush() // a writer that cannot flush has nothing to hold back
}

// finish ends an answer that the fault let through, and acts where there was no body to act upon.
func (f *faultWriter) finish() {
	switch f.fault.Kind {
	case Gzip:
		if f.zip != nil {
			_ = f.zip.Close() // a client that went away is no error of the server
		}
	case Cut, Reset, Stall:
		f.act()
	}
}
