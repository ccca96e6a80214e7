package s3test

import (
	"encoding/xml"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

type bucket struct {
	// objects are the versions of each object, the oldest first.
	objects    map[string][]*Object
	versioning string
	// locked: it has Object Lock, and so versions.
	locked bool
	// retainedDays and retainedMode are the retention that objects have by default.
	retainedDays int
	retainedMode string
	// settings are the XML of other configurations, by the operation that returns them.
	settings map[Operation]string
}

const (
	versioningEnabled   = "Enabled"
	versioningSuspended = "Suspended"
)

func newBucket() *bucket {
	return &bucket{objects: make(map[string][]*Object), settings: make(map[Operation]string)}
}

// SetLifecycle gives a bucket lifecycle rules, as XML: one or several Rule elements.
func (s *Server) SetLifecycle(bucket, rules string) {
	s.set(bucket, GetBucketLifecycle, "<LifecycleConfiguration>"+rules+"</LifecycleConfiguration>")
}

// SetReplication gives a bucket the rules of a replication, as XML.
func (s *Server) SetReplication(bucket, rules string) {
	s.set(bucket, GetBucketReplication, "<ReplicationConfiguration><Role/>"+rules+"</ReplicationConfiguration>")
}

func (s *Server) set(bucket string, operation Operation, configuration string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.buckets[bucket].settings[operation] = configuration
}

// setting returns a configuration, or that there is none.
func (b *bucket) setting(operation Operation, missing string) *reply {
	configuration, found := b.settings[operation]
	if !found {
		return refuse(http.StatusNotFound, missing, "the bucket has no such configuration")
	}
	return &reply{status: http.StatusOK, header: http.Header{"Content-Type": {"application/xml"}}, body: []byte(xml.Header + configuration)}
}

// latest returns the current version of an object, or nil.
func (b *bucket) latest(key string) *Object {
	versions := b.objects[key]
	if len(versions) == 0 || versions[len(versions)-1].Deleted {
		return nil
	}
	return versions[len(versions)-1]
}

// version returns one version of an object, or nil. An empty id is the latest.
func (b *bucket) version(key, id string) *Object {
	if id == "" {
		return b.latest(key)
	}
	for _, object := range b.objects[key] {
		if object.VersionID == id && !object.Deleted {
			return object
		}
	}
	return nil
}

// keys returns the keys of the objects, sorted.
func (b *bucket) keys() []string {
	var keys []string
	for key := range b.objects {
		if b.latest(key) != nil {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys
}

func (s *Server) createBucket(name string) *reply {
	if s.buckets[name] != nil {
		return refuse(http.StatusConflict, "BucketAlreadyOwnedByYou", "the bucket exists")
	}
	s.buckets[name] = newBucket()
	return &reply{status: http.StatusOK}
}

func (b *bucket) setVersioning(body *body) *reply {
	var configuration struct{ Status string }
	err := xml.Unmarshal(body.bytes, &configuration) //nolint:gosec // Only tests send it.
	if err != nil || configuration.Status != versioningEnabled && configuration.Status != versioningSuspended {
		return refuse(http.StatusBadRequest, "MalformedXML", "the configuration is not valid")
	}
	b.versioning = configuration.Status
	return &reply{status: http.StatusOK}
}

// SetVersioning switches the versions of a bucket on ("Enabled") or off again ("Suspended").
func (s *Server) SetVersioning(bucket, status string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.buckets[bucket].versioning = status
}

// listVersions lists all versions of the objects whose keys begin with the prefix.
func (b *bucket) listVersions(request *Request) *reply {
	elements := []string{element("Name", request.Bucket), element("IsTruncated", "false")}
	for _, key := range slices.Sorted(maps.Keys(b.objects)) {
		if !strings.HasPrefix(key, request.Query.Get("prefix")) {
			continue
		}
		for _, object := range b.objects[key] {
			elements = append(elements, "<Version>"+element("Key", key)+element("VersionId", object.VersionID)+
				element("Size", strconv.Itoa(len(object.Body)))+element("LastModified", object.modified.UTC().Format(time.RFC3339))+"</Version>")
		}
	}
	return xmlReply("ListVersionsResult", elements...)
}

// list lists up to max-keys objects, and the common prefixes up to a delimiter.
func (b *bucket) list(request *Request) *reply {
	prefix, delimiter := request.Query.Get("prefix"), request.Query.Get("delimiter")
	after := max(request.Query.Get("start-after"), request.Query.Get("continuation-token"))
	limit := 1000
	if n, err := strconv.Atoi(request.Query.Get("max-keys")); err == nil {
		limit = min(n, limit)
	}
	elements := []string{element("Name", request.Bucket), element("Prefix", prefix)}
	prefixes := make(map[string]bool)
	listed, last, truncated := 0, "", false
	for _, key := range b.keys() {
		rest, found := strings.CutPrefix(key, prefix)
		if !found || key <= after {
			continue
		}
		if truncated = listed >= limit; truncated {
			break
		}
		last = key
		if folder, _, inside := strings.Cut(rest, delimiter); inside && delimiter != "" {
			if common := prefix + folder + delimiter; !prefixes[common] {
				prefixes[common] = true
				listed++
				elements = append(elements, "<CommonPrefixes>"+element("Prefix", common)+"</CommonPrefixes>")
			}
			continue
		}
		listed++
		object := b.latest(key)
		elements = append(elements, "<Contents>"+element("Key", key)+element("ETag", `"`+object.ETag+`"`)+
			element("Size", strconv.Itoa(len(object.Body)))+element("LastModified", object.modified.UTC().Format(time.RFC3339))+"</Contents>")
	}
	elements = append(elements, element("KeyCount", strconv.Itoa(listed)), element("IsTruncated", strconv.FormatBool(truncated)))
	if truncated {
		elements = append(elements, element("NextContinuationToken", last))
	}
	return xmlReply("ListBucketResult", elements...)
}
