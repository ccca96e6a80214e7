package simulator

import (
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// needsRange reports whether the fault is one of a range, which waits for a request that has one.
func (f Fault) needsRange() bool {
	switch f.Kind {
	case IgnoreRange, WrongStart, WrongTotal, WrongLength, Unsatisfiable, GzipRange, IgnoreIfRange:
		return true
	}
	return false
}

// honours reports whether the server would send the range that a request asks for, were there no fault: it is one range, and
// If-Range names the present content. The caller holds the simulator's mutex.
func (f *fileState) honours(r *http.Request, noValidators bool) bool {
	if _, ok := readRange(r.Header.Get("Range")); !ok {
		return false
	}
	condition := r.Header.Get("If-Range")
	if condition == "" {
		return true
	}
	etag, modified := f.validators(noValidators)
	return condition == etag && !strings.HasPrefix(etag, "W/") ||
		!modified.IsZero() && condition == modified.UTC().Format(http.TimeFormat)
}

// byteRange is a Range of one range: from first to last, to the end if last is negative, or the last bytes if first is.
type byteRange struct{ first, last int64 }

// readRange reads a Range header of one range in bytes.
func readRange(header string) (byteRange, bool) {
	text, ok := strings.CutPrefix(header, "bytes=")
	from, to, both := strings.Cut(text, "-")
	if !ok || !both {
		return byteRange{}, false
	}
	asked := byteRange{-1, -1}
	var err error
	if to != "" {
		if asked.last, err = strconv.ParseInt(to, 10, 64); err != nil || asked.last < 0 {
			return byteRange{}, false
		}
	}
	if from != "" {
		if asked.first, err = strconv.ParseInt(from, 10, 64); err != nil || asked.first < 0 {
			return byteRange{}, false
		}
	}
	return asked, from != "" || to != ""
}

// of returns where the range begins and ends in a file of size bytes; both are the same if it has no such bytes.
func (b byteRange) of(size int64) (start, end int64) {
	switch {
	case b.first < 0:
		return max(0, size-b.last), size
	case b.last < 0:
		return min(b.first, size), size
	}
	start = min(b.first, size)
	return start, max(start, min(b.last+1, size))
}

// sendWrongRange sends the range that a request asks for with the fault. It returns false for a fault that is made
// elsewhere, and for a range that the file does not have.
func sendWrongRange(w http.ResponseWriter, r *http.Request, content sound, fault Fault) bool {
	size := content.Size()
	asked, _ := readRange(r.Header.Get("Range")) // honours has read it
	start, end := asked.of(size)
	if start == end {
		return false
	}
	says := fmt.Sprintf("bytes %d-%d/%d", start, end-1, size)
	switch fault.Kind {
	case Unsatisfiable:
		w.Header().Set("Content-Range", fmt.Sprintf("bytes */%d", size))
		writeBody(w, http.StatusRequestedRangeNotSatisfiable, "text/plain; charset=utf-8", "invalid range: failed to overlap\n")
		return true
	case WrongStart:
		if start >= fault.Bytes {
			start -= fault.Bytes
		} else {
			start = min(start+fault.Bytes, end-1)
		}
		says = fmt.Sprintf("bytes %d-%d/%d", start, end-1, size)
	case WrongTotal:
		says = fmt.Sprintf("bytes %d-%d/%d", start, end-1, size+fault.Bytes)
	case WrongLength:
		end = max(start, end-fault.Bytes)
	default:
		return false
	}
	w.Header().Set("Content-Range", says)
	w.Header().Set("Content-Length", strconv.FormatInt(end-start, 10))
	w.WriteHeader(http.StatusPartialContent)
	_, _ = io.Copy(w, io.NewSectionReader(content, start, end-start)) // a client that disconnected is not a server error
	return true
}
