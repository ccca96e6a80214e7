package simulator

import (
	"bytes"
	"io"
	"net/http"
	"strconv"
)

// sound is the content of a file of any size, not held in memory as a whole.
type sound interface {
	io.ReaderAt
	Size() int64
}

// serveMedia handles a request for a media URL.
func (s *Simulator) serveMedia(w http.ResponseWriter, r *http.Request, call *Call) {
	path := r.URL.EscapedPath()
	if reason := s.checkQuery(path, r.URL.RawQuery, s.now()); reason != "" {
		s.refuseMedia(w, call, reason, http.StatusForbidden, msgMediaRefused)
		return
	}
	file, fault := s.findFile(path, r)
	if file == nil {
		s.refuseMedia(w, call, ReasonNoFile, http.StatusNotFound, "File not found")
		return
	}
	s.ledger.accept(call, fault.Kind, func(c *Call) {
		c.BotID, c.SessionID, c.FileName = file.session.botID, file.session.sessionID, file.Name
	})
	s.serveFault(w, r, fault, func(w http.ResponseWriter) { s.sendFile(w, r, file, fault) })
}

func (s *Simulator) refuseMedia(w http.ResponseWriter, call *Call, reason Reason, status int, msg string) {
	s.ledger.refuse(call, reason)
	(&refusal{reason: reason, httpStatus: status, code: status, msg: msg}).write(w)
}

// findFile returns a copy of the file of a path and the fault for the request. Only a GET consumes a fault.
func (s *Simulator) findFile(path string, r *http.Request) (*fileState, Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	file := s.files[path]
	if file == nil || s.isPurged(s.sessions[file.session], s.now()) {
		return nil, Fault{}
	}
	s.sessions[file.session].counts.MediaRequests++
	fault := Fault{Kind: None}
	if r.Method == http.MethodGet {
		fault = file.nextFault(r, s.config.DisableETag)
	}
	current := *file // a change by another request must not reach a response that has begun
	return &current, fault
}

// sendFile sends the normal response: the whole file, or the requested range.
func (s *Simulator) sendFile(w http.ResponseWriter, r *http.Request, file *fileState, fault Fault) {
	content, err := s.sounds.open(file)
	if err != nil {
		writeBody(w, http.StatusInternalServerError, jsonType, envelope(http.StatusInternalServerError, "Internal server error: "+err.Error()))
		return
	}
	content = changeLength(content, fault)
	w.Header().Set("Content-Type", file.ContentType)
	etag, modified := file.validators(s.config.DisableETag)
	if etag != "" {
		w.Header().Set("ETag", etag)
	}
	if s.config.DisableRange || fault.Kind == Gzip || fault.Kind == IgnoreRange {
		if !modified.IsZero() {
			w.Header().Set("Last-Modified", modified.UTC().Format(http.TimeFormat))
		}
		sendWhole(w, r, content)
		return
	}
	if fault.needsRange() && sendWrongRange(w, r, content, fault) {
		return
	}
	if fault.Kind == IgnoreIfRange {
		r = r.Clone(r.Context())
		r.Header.Del("If-Range")
	}
	http.ServeContent(w, r, "", modified, io.NewSectionReader(content, 0, content.Size()))
}

// sendWhole ignores Range and conditional headers.
func sendWhole(w http.ResponseWriter, r *http.Request, content sound) {
	w.Header().Set("Content-Length", strconv.FormatInt(content.Size(), 10))
	w.WriteHeader(http.StatusOK)
	if r.Method == http.MethodHead {
		return
	}
	_, _ = io.Copy(w, io.NewSectionReader(content, 0, content.Size())) // a client that disconnected is not a server error
}

// changeLength makes the file shorter or longer than its header says.
func changeLength(content sound, fault Fault) sound {
	switch fault.Kind {
	case Short:
		return io.NewSectionReader(content, 0, max(0, content.Size()-fault.Bytes))
	case Long:
		return extended{content, fault.Bytes}
	}
	return content
}

// extended is a sound followed by tail bytes that are not audio.
type extended struct {
	sound
	tail int64
}

// Size includes the tail.
func (e extended) Size() int64 { return e.sound.Size() + e.tail }

// ReadAt continues into the tail.
func (e extended) ReadAt(p []byte, off int64) (int, error) {
	return readParts(p, off, e.Size(), func(p []byte, off int64) int {
		if off < e.sound.Size() {
			n, _ := e.sound.ReadAt(p, off) // readParts needs only the count
			return n
		}
		return copy(p, bytes.Repeat([]byte("trailing garbage"), len(p)/16+1))
	})
}

// readParts fills p from offset off with repeated calls of read, which must return at least one byte below size.
func readParts(p []byte, off, size int64, read func(p []byte, off int64) int) (int, error) {
	if off < 0 || off >= size {
		return 0, io.EOF
	}
	short := int64(len(p)) > size-off
	if short {
		p = p[:size-off]
	}
	n := 0
	for n < len(p) {
		n += read(p[n:], off+int64(n))
	}
	if short {
		return n, io.EOF
	}
	return n, nil
}
