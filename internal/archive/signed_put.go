package archive

import (
	"context"
	"encoding/base64"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/signer"
)

// signedPut is a PUT whose body is streamed, with a checksum behind its last byte that the
// store verifies. minio-go has no such request with a checksum that its caller computes,
// so one SHA-256 could not serve the store and the manifest; the address, the credentials
// and the signature are minio-go's.
type signedPut struct {
	key    string
	query  url.Values
	header http.Header
	body   io.Reader
	length int64 // of body in bytes

	algorithm minio.ChecksumType
	// sum returns the checksum, once the body was read. If it fails, nothing is stored.
	sum func() ([]byte, error)
}

// maxErrorBytes bounds the body of a refusal.
const maxErrorBytes = 64 << 10

// send sends the request and returns the header of the response. If the store refuses it,
// the error is a [minio.ErrorResponse].
func (s *Store) send(ctx context.Context, put signedPut) (http.Header, error) {
	var sent atomic.Bool
	request, err := s.newPut(ctx, put, &sent)
	if err != nil {
		return nil, err
	}
	response, err := s.http.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxErrorBytes))
	switch {
	case response.StatusCode != http.StatusOK:
		return nil, refusalOf(response, body)
	case !sent.Load():
		return nil, errEarly
	default:
		return response.Header, err
	}
}

// errEarly means that a store responded with success before it had the body.
var errEarly = fmt.Errorf("the store responded before it had the whole recording: %w", ErrMismatch)

// newPut returns the request. sent is set when the whole body was read.
func (s *Store) newPut(ctx context.Context, put signedPut, sent *atomic.Bool) (*http.Request, error) {
	address, err := s.address(ctx, put.key)
	if err != nil {
		return nil, err
	}
	address.RawQuery = put.query.Encode()
	region, err := s.client.GetBucketLocation(ctx, s.bucket) // It asks the store once, if no region is configured.
	if err != nil {
		return nil, err
	}
	keys, err := s.client.GetCreds()
	if err != nil {
		return nil, err
	}
	name := put.algorithm.Key()
	trailer := func(sum []byte) string { return name + ":" + base64.StdEncoding.EncodeToString(sum) + crlf }
	body := newAWSChunked(put.body, put.length, func() (string, error) {
		sum, err := put.sum()
		sent.Store(err == nil)
		return trailer(sum), err
	})
	request, err := http.NewRequestWithContext(ctx, http.MethodPut, address.String(), io.NopCloser(body))
	if err != nil {
		return nil, err
	}
	request.ContentLength = awsChunkedLength(put.length, len(trailer(make([]byte, put.algorithm.RawByteLen()))))
	for key, values := range put.header {
		request.Header[key] = values
	}
	request.Header.Set("Content-Encoding", "aws-chunked")
	request.Header.Set("User-Agent", "callvault")
	request.Header.Set("X-Amz-Content-Sha256", "STREAMING-UNSIGNED-PAYLOAD-TRAILER")
	request.Header.Set("X-Amz-Decoded-Content-Length", strconv.FormatInt(put.length, 10))
	request.Header.Set("X-Amz-Sdk-Checksum-Algorithm", put.algorithm.String())
	request.Header.Set("X-Amz-Trailer", strings.ToLower(name))
	return signer.SignV4(*request, keys.AccessKeyID, keys.SecretAccessKey, keys.SessionToken, region), nil
}

// address returns the URL of an object. minio-go shows it only as part of a signed URL,
// whose signature is dropped here.
func (s *Store) address(ctx context.Context, key string) (*url.URL, error) {
	signed, err := s.client.PresignedPutObject(ctx, s.bucket, key, time.Minute)
	if err != nil {
		return nil, err
	}
	signed.RawQuery = ""
	return signed, nil
}

// refusalOf returns what a store's response says, as minio-go does for its own requests.
func refusalOf(response *http.Response, body []byte) minio.ErrorResponse {
	var refusal minio.ErrorResponse
	if err := xml.Unmarshal(body, &refusal); err != nil || refusal.Code == "" {
		refusal = minio.ErrorResponse{Code: response.Status, Message: "the store did not say why"}
		switch response.StatusCode {
		case http.StatusForbidden:
			refusal.Code = "AccessDenied"
		case http.StatusPreconditionFailed:
			refusal.Code = "PreconditionFailed"
		}
	}
	refusal.StatusCode = response.StatusCode
	return refusal
}
