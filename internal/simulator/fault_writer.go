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

// serveFault responds with the fault: instead of the normal response, or by damaging it on the way. To break the
// connection it panics with http.ErrAbortHandler, as net/http requires.
func (s *Simulator) serveFault(w http.ResponseWriter, r *http.Request, fault Fault, normal func(http.ResponseWriter)) {
	if !s.pause(r.Context(), fault.Delay) {
		panic(http.ErrAbortHandler)
	}
	switch fault.Kind {
	case None, Short, Long, IgnoreRange, WrongStart, WrongTotal, WrongLength, Unsatisfiable, IgnoreIfRange, Change, HiddenChange:
		normal(w) // serveMedia makes them
	case Respond:
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
		defaultString(&fault.To, r.URL.RequestURI())
		w.Header().Set("Location", fault.To)
		writeBody(w, fault.Status, "text/plain; charset=utf-8", http.StatusText(fault.Status)+". Redirecting")
	default:
		faulty := &faultWriter{ResponseWriter: w, simulator: s, request: r, fault: fault, limit: -1}
		if fault.After < 0 {
			faulty.trigger()
		}
		normal(faulty)
		faulty.finish()
	}
}

// pause waits by the wall clock. It returns false if the client disconnected or the simulator was closed first.
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

// writeHuge sends valid JSON of size bytes without holding it in memory: a normal beginning, then a very long string.
func writeHuge(w http.ResponseWriter, size int64) {
	const head, tail = `{"status":"success","recording":[],"padding":"`, `"}`
	w.Header().Set("Content-Type", jsonType)
	w.Header().Set("Content-Length", strconv.FormatInt(max(size, int64(len(head+tail))), 10))
	w.WriteHeader(http.StatusOK)
	if _, err := io.WriteString(w, head); err != nil {
		return // the client disconnected
	}
	if _, err := io.CopyN(w, filler{}, size-int64(len(head+tail))); err != nil {
		return
	}
	_, _ = io.WriteString(w, tail)
}

// filler is an endless reader of the letter x.
type filler struct{}

// Read fills p.
func (filler) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'x'
	}
	return len(p), nil
}

// faultWriter passes a normal response on and damages it.
type faultWriter struct {
	http.ResponseWriter
	simulator *Simulator
	request   *http.Request
	fault     Fault
	began     bool
	ended     bool  // the body was ended early, without an error
	limit     int64 // bytes of the body to send, negative for all
	sent      int64
	zip       *gzip.Writer
}

// WriteHeader sends the headers as the fault requires.
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
	case Gzip, GzipRange:
		f.Header().Del("Content-Length")
		f.Header().Set("Content-Encoding", "gzip")
		f.zip = gzip.NewWriter(f.ResponseWriter)
	case Chunked, CloseDelimited:
		f.Header().Del("Content-Length")
		if f.fault.Kind == CloseDelimited {
			f.Header().Set("Transfer-Encoding", "identity") // makes net/http close the connection after the body
		}
		if f.fault.After > 0 {
			f.limit = within
		}
	}
	f.ResponseWriter.WriteHeader(status)
	if f.fault.Kind == Chunked || f.fault.Kind == CloseDelimited {
		f.flush() // otherwise net/http adds Content-Length to a small body
	}
}

// Write sends the part of p that the fault allows.
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
		return f.writeSlowly(p)
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
	f.trigger()
	return len(p), nil
}

// writeSlowly writes p at the fault's rate, 20 portions a second.
func (f *faultWriter) writeSlowly(p []byte) (int, error) {
	const portionsPerSecond = 20
	portion := max(1, f.fault.BytesPerSecond/portionsPerSecond)
	interval := time.Duration(portion) * time.Second / time.Duration(f.fault.BytesPerSecond)
	written := 0
	for written < len(p) {
		n, err := f.ResponseWriter.Write(p[written:min(len(p), written+portion)])
		written += n
		if err != nil {
			return written, err
		}
		f.flush()
		if !f.simulator.pause(f.request.Context(), interval) {
			panic(http.ErrAbortHandler)
		}
	}
	return written, nil
}

// trigger ends the response at the current byte.
func (f *faultWriter) trigger() {
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

// reset closes the TCP connection so that the kernel sends an RST. Without access to one it does nothing, and the panic
// that follows closes the connection.
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
	_ = http.NewResponseController(f.ResponseWriter).Flush() // a writer that cannot flush does not buffer
}

// finish ends a response that was passed on, and triggers the fault if the body did not.
func (f *faultWriter) finish() {
	switch f.fault.Kind {
	case Gzip, GzipRange:
		if f.zip != nil {
			_ = f.zip.Close() // a client that disconnected is not a server error
		}
	case Cut, Reset, Stall:
		f.trigger()
	}
}
