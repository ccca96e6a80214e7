package s3test

import (
	"net/http"
	"net/url"
	"strings"
)

// Operation is what a request asks for, by its name in the S3 API.
type Operation string

// The operations.
const (
	HeadBucket              Operation = "HeadBucket"
	CreateBucket            Operation = "CreateBucket"
	GetBucketLocation       Operation = "GetBucketLocation"
	GetBucketVersioning     Operation = "GetBucketVersioning"
	PutBucketVersioning     Operation = "PutBucketVersioning"
	GetObjectLock           Operation = "GetObjectLockConfiguration"
	GetBucketLifecycle      Operation = "GetBucketLifecycleConfiguration"
	GetBucketReplication    Operation = "GetBucketReplication"
	ListObjects             Operation = "ListObjectsV2"
	ListVersions            Operation = "ListObjectVersions"
	ListMultipartUploads    Operation = "ListMultipartUploads"
	HeadObject              Operation = "HeadObject"
	GetObject               Operation = "GetObject"
	PutObject               Operation = "PutObject"
	CopyObject              Operation = "CopyObject"
	DeleteObject            Operation = "DeleteObject"
	CreateMultipartUpload   Operation = "CreateMultipartUpload"
	UploadPart              Operation = "UploadPart"
	CompleteMultipartUpload Operation = "CompleteMultipartUpload"
	AbortMultipartUpload    Operation = "AbortMultipartUpload"
	ListParts               Operation = "ListParts"
	other                   Operation = "other"
)

// Request is a request that the server has received.
type Request struct {
	Operation   Operation
	Bucket, Key string
	Query       url.Values
	Header      http.Header
	// Status is that of the response; 0 while there is none.
	Status int
}

func (s *Server) record(r *http.Request) *Request {
	name, key, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	request := &Request{Bucket: name, Key: key, Query: r.URL.Query(), Header: r.Header.Clone()}
	request.Operation = operationOf(r.Method, key != "", request.Query, r.Header)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests = append(s.requests, request)
	return request
}

func operationOf(method string, object bool, query url.Values, header http.Header) Operation {
	for _, row := range []struct {
		method    string
		object    bool
		parameter string
		operation Operation
	}{
		{http.MethodGet, false, "location", GetBucketLocation},
		{http.MethodGet, false, "versioning", GetBucketVersioning},
		{http.MethodPut, false, "versioning", PutBucketVersioning},
		{http.MethodGet, false, "object-lock", GetObjectLock},
		{http.MethodGet, false, "lifecycle", GetBucketLifecycle},
		{http.MethodGet, false, "replication", GetBucketReplication},
		{http.MethodGet, false, "list-type", ListObjects},
		{http.MethodGet, false, "versions", ListVersions},
		{http.MethodGet, false, "uploads", ListMultipartUploads},
		{http.MethodHead, false, "", HeadBucket},
		{http.MethodPut, false, "", CreateBucket},
		{http.MethodPost, true, "uploads", CreateMultipartUpload},
		{http.MethodPut, true, "partNumber", UploadPart},
		{http.MethodPost, true, "uploadId", CompleteMultipartUpload},
		{http.MethodDelete, true, "uploadId", AbortMultipartUpload},
		{http.MethodGet, true, "uploadId", ListParts},
		{http.MethodHead, true, "", HeadObject},
		{http.MethodGet, true, "", GetObject},
		{http.MethodDelete, true, "", DeleteObject},
	} {
		if row.method == method && row.object == object && (row.parameter == "" || query.Has(row.parameter)) {
			return row.operation
		}
	}
	switch {
	case method != http.MethodPut || !object:
		return other
	case header.Get("X-Amz-Copy-Source") != "":
		return CopyObject
	default:
		return PutObject
	}
}

// do requires s.mu to be held.
func (s *Server) do(r *http.Request, request *Request, body *body) *reply {
	if request.Operation == CreateBucket {
		return s.createBucket(request.Bucket)
	}
	bucket := s.buckets[request.Bucket]
	if bucket == nil {
		return refuse(http.StatusNotFound, "NoSuchBucket", "the bucket does not exist")
	}
	switch request.Operation {
	case HeadBucket:
		return &reply{status: http.StatusOK}
	case GetBucketLocation:
		return xmlReply("LocationConstraint", "")
	case GetBucketVersioning:
		return xmlReply("VersioningConfiguration", element("Status", bucket.versioning))
	case PutBucketVersioning:
		return bucket.setVersioning(body)
	case GetObjectLock:
		return bucket.lockConfiguration()
	case GetBucketLifecycle:
		return bucket.setting(GetBucketLifecycle, "NoSuchLifecycleConfiguration")
	case GetBucketReplication:
		return bucket.setting(GetBucketReplication, "ReplicationConfigurationNotFoundError")
	case ListObjects:
		return bucket.list(request)
	case ListVersions:
		return bucket.listVersions(request)
	case ListMultipartUploads:
		return s.listUploads(request)
	case HeadObject, GetObject:
		return s.get(bucket, request)
	case PutObject:
		return s.putObject(bucket, request, body)
	case CopyObject:
		return s.copyObject(bucket, request)
	case DeleteObject:
		return s.deleteObject(bucket, request)
	case CreateMultipartUpload:
		return s.createUpload(bucket, request)
	case AbortMultipartUpload:
		if request.Query.Get("uploadId") == "" { // As Ceph does.
			return s.deleteObject(bucket, request)
		}
		return s.changeUpload(bucket, request, body)
	case UploadPart, CompleteMultipartUpload, ListParts:
		return s.changeUpload(bucket, request, body)
	default:
		return refuse(http.StatusNotImplemented, "NotImplemented", r.Method+" is not implemented by this test server")
	}
}
