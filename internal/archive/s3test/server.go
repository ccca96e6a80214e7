// Package s3test is a strict S3 store in memory, for tests. It implements as much of
// S3 as callvault uses, and refuses what a strict store refuses: a body without a
// SHA-256 or with a wrong one, an unmet condition, an unsigned request (it does not
// verify signatures). Tests can inject faults, and act between two requests; see
// [Rule].
package s3test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"
)

// Server is the store. It is safe for concurrent use.
type Server struct {
	// URL is its address, on loopback.
	URL *url.URL
	// AcceptUnchecked accepts bodies without a SHA-256, as other clients may send
	// them. Set it before the first request. Defaults to false.
	AcceptUnchecked bool
	// IgnoreRange sends the whole object, whatever part is asked for. Set it before the
	// first request. Defaults to false.
	IgnoreRange bool
	// Lacks are what the store does not do. Set it before the first request. Defaults to
	// nothing.
	Lacks map[Feature]bool

	mu       sync.Mutex
	buckets  map[string]*bucket
	uploads  map[string]*upload
	rules    []*Rule
	requests []*Request
	lastID   int
}

// New starts a store with these buckets. It stops when the test ends.
func New(t testing.TB, buckets ...string) *Server {
	t.Helper()
	s := &Server{buckets: make(map[string]*bucket), uploads: make(map[string]*upload)}
	for _, name := range buckets {
		s.buckets[name] = newBucket()
	}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	address, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	s.URL = address
	return s
}

// Requests returns the requests so far, in the order in which they arrived.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	requests := make([]Request, 0, len(s.requests))
	for _, request := range s.requests {
		requests = append(requests, *request)
	}
	return requests
}

// Operations returns what the requests so far asked for, in order.
func (s *Server) Operations() []Operation {
	var operations []Operation
	for _, request := range s.Requests() {
		operations = append(operations, request.Operation)
	}
	return operations
}

// ForgetRequests makes [Server.Requests] begin again.
func (s *Server) ForgetRequests() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests = nil
}

// Buckets returns the names of the buckets, sorted.
func (s *Server) Buckets() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var names []string
	for name := range s.buckets {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Object returns the latest version of an object.
func (s *Server) Object(bucket, key string) (Object, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if object := s.buckets[bucket].latest(key); object != nil {
		return *object, true
	}
	return Object{}, false
}

// Versions returns all versions of an object, the oldest first.
func (s *Server) Versions(bucket, key string) []Object {
	s.mu.Lock()
	defer s.mu.Unlock()
	var versions []Object
	for _, object := range s.buckets[bucket].objects[key] {
		versions = append(versions, *object)
	}
	return versions
}

// Keys returns the keys of the objects in a bucket, sorted.
func (s *Server) Keys(bucket string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.buckets[bucket].keys()
}

// Uploads returns the keys of the unfinished multipart uploads, sorted.
func (s *Server) Uploads() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var keys []string
	for _, upload := range s.uploads {
		keys = append(keys, upload.key)
	}
	slices.Sort(keys)
	return keys
}

// Set stores an object as another client would, whatever is there. It gives the
// object an ETag, and a checksum if it has none.
func (s *Server) Set(bucket, key string, object Object) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if object.Checksum == "" {
		object.Checksum = checksumOf(object.Body)
	}
	object.ETag = etagOf(object.Body)
	s.store(s.buckets[bucket], key, &object)
}

// Remove deletes every version of an object.
func (s *Server) Remove(bucket, key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.buckets[bucket].objects, key)
}

// ServeHTTP does one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	request := s.record(r)
	rule := s.ruleFor(request)
	call(rule.Before)
	if rule.Early {
		s.replyEarly(w, rule)
		return
	}
	reply := s.replyTo(r, request, rule)
	call(rule.After)
	s.mu.Lock()
	request.Status = reply.status
	s.mu.Unlock()
	if rule.LoseResponse {
		panic(http.ErrAbortHandler)
	}
	reply.write(w, r, rule)
}

// replyEarly responds while the body is still on its way, and ends the connection.
func (s *Server) replyEarly(w http.ResponseWriter, rule *Rule) {
	connection, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(err) // Every HTTP/1 server can do it.
	}
	defer connection.Close()
	reply := rule.reply()
	response := http.Response{StatusCode: reply.status, ProtoMajor: 1, ProtoMinor: 1, Header: reply.header, ContentLength: int64(len(reply.body)), Body: io.NopCloser(bytes.NewReader(reply.body)), Close: true}
	_ = response.Write(connection) // The client may be gone.
}

func (s *Server) replyTo(r *http.Request, request *Request, rule *Rule) *reply {
	body, refused := s.readBody(r, rule)
	switch {
	case rule.Status != 0:
		return rule.reply()
	case refused != nil:
		return refused
	case r.Header.Get("Authorization") == "" && !isSignedLink(r, time.Now()):
		return refuse(http.StatusForbidden, "AccessDenied", "the request is not signed")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.do(r, request, body)
}

// isSignedLink reports whether a request reads an object by a signed link that has not
// expired. The signature itself is not verified.
func isSignedLink(r *http.Request, now time.Time) bool {
	query := r.URL.Query()
	signed, err := time.Parse("20060102T150405Z", query.Get("X-Amz-Date"))
	seconds, malformed := strconv.Atoi(query.Get("X-Amz-Expires"))
	return r.Method == http.MethodGet && query.Get("X-Amz-Signature") != "" && err == nil && malformed == nil &&
		now.Before(signed.Add(time.Duration(seconds)*time.Second))
}

func call(hook func()) {
	if hook != nil {
		hook()
	}
}
