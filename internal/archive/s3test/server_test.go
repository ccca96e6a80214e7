package s3test_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/internal/archive/s3test"
)

// send sends a request as a client could, with headers as pairs.
func send(t *testing.T, server *s3test.Server, method, path, body string, headers ...string) (status int, response string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, server.URL.String()+path, strings.NewReader(body))
	require.NoError(t, err)
	request.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=key/…")
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	reply, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer reply.Body.Close()
	content, err := io.ReadAll(reply.Body)
	require.NoError(t, err)
	return reply.StatusCode, string(content)
}

const (
	checksum = "X-Amz-Checksum-Sha256"
	sumOfOne = "dpLDrTVAu4A8Ags67mbNiIcSMjTqDG5xQ8Ct1z/0Me0=" // of "one"
	sumOfTwo = "P8TM/nRYcOLA2Z9x8w/wZWyN7dQcwdfT03aw2+aF4vM="
	streamed = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
	chunked  = "3\r\none\r\n0\r\nx-amz-checksum-sha256:" + sumOfOne + "\r\n\r\n"
)

func TestBodyWithoutItsDigestIsRefused(t *testing.T) {
	streaming := []string{"X-Amz-Content-Sha256", streamed, "Content-Encoding", "aws-chunked", "X-Amz-Decoded-Content-Length", "3", "X-Amz-Trailer", "x-amz-checksum-sha256"}
	for _, row := range []struct {
		name, body string
		headers    []string
		status     int
		says       string
	}{
		{"header", "one", []string{checksum, sumOfOne}, 200, ""},
		{"trailer", chunked, streaming, 200, ""},
		{"no checksum", "one", nil, 400, "InvalidRequest"},
		{"wrong header", "one", []string{checksum, sumOfTwo}, 400, "BadDigest"},
		{"wrong trailer", strings.Replace(chunked, "one", "two", 1), streaming, 400, "BadDigest"},
		{"wrong signed digest", "one", []string{checksum, sumOfOne, "X-Amz-Content-Sha256", strings.Repeat("0", 64)}, 400, "XAmzContentSHA256Mismatch"},
		{"no trailer", "3\r\none\r\n0\r\n\r\n", streaming, 400, "MalformedTrailerError"},
		{"another length", strings.Replace(chunked, "3\r\none", "4\r\nones", 1), streaming, 400, "IncompleteBody"},
		{"chunk longer than its size", strings.Replace(chunked, "one", "ones", 1), streaming, 400, "IncompleteBody"},
		{"no last chunk", "3\r\none\r\n", streaming, 400, "IncompleteBody"},
		{"not a chunk", "one", streaming, 400, "IncompleteBody"},
		{"no encoding", chunked, streaming[:2], 400, "IncompleteBody"},
		{"unsigned", "one", []string{checksum, sumOfOne, "Authorization", ""}, 403, "AccessDenied"},
		{"condition other than *", "one", []string{checksum, sumOfOne, "If-None-Match", `"1"`}, 501, "NotImplemented"},
	} {
		t.Run(row.name, func(t *testing.T) {
			server := s3test.New(t, "b")
			status, body := send(t, server, http.MethodPut, "/b/k", row.body, row.headers...)
			require.Equal(t, row.status, status)
			require.Contains(t, body, row.says)
			object, found := server.Object("b", "k")
			require.Equal(t, status == http.StatusOK, found)
			require.Equal(t, status, server.Requests()[0].Status)
			if found {
				require.Equal(t, "one", string(object.Body))
				require.Equal(t, sumOfOne, object.Checksum)
			}
		})
	}
}

func TestMultipartUploadIsChecked(t *testing.T) {
	server := s3test.New(t, "b")
	status, _ := send(t, server, http.MethodPost, "/b/k?uploads", "")
	require.Equal(t, http.StatusBadRequest, status, "no checksum algorithm")
	_, created := send(t, server, http.MethodPost, "/b/k?uploads", "", "X-Amz-Checksum-Algorithm", "SHA256")
	_, id, _ := strings.Cut(created, "<UploadId>")
	id, _, _ = strings.Cut(id, "<")

	part := "/b/k?partNumber=1&uploadId=" + id
	status, body := send(t, server, http.MethodPut, part, "one")
	require.Equal(t, http.StatusBadRequest, status)
	require.Contains(t, body, "no checksum SHA256")
	status, _ = send(t, server, http.MethodPut, part, "one", checksum, sumOfOne)
	require.Equal(t, http.StatusOK, status)
	status, body = send(t, server, http.MethodPost, "/b/k?uploadId="+id, "<C><Part><PartNumber>1</PartNumber><ETag>another</ETag></Part></C>")
	require.Equal(t, http.StatusBadRequest, status)
	require.Contains(t, body, "InvalidPart")
	status, body = send(t, server, http.MethodPost, "/b/another?uploadId="+id, "")
	require.Equal(t, http.StatusNotFound, status)
	require.Contains(t, body, "NoSuchUpload")
	require.Equal(t, []string{"k"}, server.Uploads())
	require.Empty(t, server.Keys("b"))
}

func TestListHasPages(t *testing.T) {
	server := s3test.New(t, "b")
	for _, key := range []string{"a/1", "a/2", "b", "c/3"} {
		server.Set("b", key, s3test.Object{})
	}
	_, all := send(t, server, http.MethodGet, "/b?list-type=2", "")
	require.Equal(t, 4, strings.Count(all, "<Contents>"))
	_, folders := send(t, server, http.MethodGet, "/b?list-type=2&delimiter=/", "")
	require.Equal(t, 2, strings.Count(folders, "<CommonPrefixes>"))
	require.Equal(t, 1, strings.Count(folders, "<Contents>"))
	_, first := send(t, server, http.MethodGet, "/b?list-type=2&max-keys=3", "")
	require.Contains(t, first, "<IsTruncated>true</IsTruncated><NextContinuationToken>b</NextContinuationToken>")
	_, second := send(t, server, http.MethodGet, "/b?list-type=2&max-keys=3&continuation-token=b", "")
	require.Contains(t, second, "<IsTruncated>false</IsTruncated>")
	require.Contains(t, second, "<Key>c/3</Key>")
	_, prefixed := send(t, server, http.MethodGet, "/b?list-type=2&prefix=a/", "")
	require.Equal(t, 2, strings.Count(prefixed, "<Contents>"))
}

func TestUnknownRequestIsRefused(t *testing.T) {
	server := s3test.New(t, "b")
	status, _ := send(t, server, http.MethodPost, "/b/k", "")
	require.Equal(t, http.StatusNotImplemented, status)
	status, body := send(t, server, http.MethodGet, "/another/k", "")
	require.Equal(t, http.StatusNotFound, status)
	require.Contains(t, body, "NoSuchBucket")
}

func TestPartOfAnObjectIsSent(t *testing.T) {
	for _, row := range []struct {
		wanted string
		status int
		body   string
	}{
		{"bytes=0-0", 206, "t"},
		{"bytes=1-3", 206, "hre"},
		{"bytes=4-99", 206, "e"},
		{"bytes=5-5", 416, "InvalidRange"},
		{"bytes=3-1", 501, "NotImplemented"},
		{"bytes=-1", 501, "NotImplemented"},
		{"bytes=1-", 501, "NotImplemented"},
	} {
		server := s3test.New(t, "b")
		server.Set("b", "k", s3test.Object{Body: []byte("three")})
		status, body := send(t, server, http.MethodGet, "/b/k", "", "Range", row.wanted)
		require.Equal(t, row.status, status, row.wanted)
		require.Contains(t, body, row.body, row.wanted)
		if status == http.StatusPartialContent {
			require.Equal(t, row.body, body)
		}
	}
	ignoring := s3test.New(t, "b")
	ignoring.IgnoreRange = true
	ignoring.Set("b", "k", s3test.Object{Body: []byte("three")})
	status, body := send(t, ignoring, http.MethodGet, "/b/k", "", "Range", "bytes=1-3")
	require.Equal(t, http.StatusOK, status)
	require.Equal(t, "three", body)
}
