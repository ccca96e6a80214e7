package s3test

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
)

const checksumHeader = "X-Amz-Checksum-Sha256"

// body is the body of a request, without its framing.
type body struct {
	bytes []byte
	// checksum is the verified SHA-256 in base64, or empty if none was sent.
	checksum string
}

// readBody reads and verifies a body. It returns the refusal if it is not as its
// header says.
func (s *Server) readBody(r *http.Request, rule *Rule) (*body, *reply) {
	content, trailer, err := readContent(r)
	if err != nil {
		return nil, refuse(http.StatusBadRequest, "IncompleteBody", err.Error())
	}
	if rule.Damage != nil {
		rule.Damage(content)
	}
	if signed := r.Header.Get("X-Amz-Content-Sha256"); len(signed) == hex.EncodedLen(sha256.Size) {
		if sum := sha256.Sum256(content); signed != hex.EncodeToString(sum[:]) {
			return nil, refuse(http.StatusBadRequest, "XAmzContentSHA256Mismatch", "the body is not the one that was signed")
		}
	}
	claimed := r.Header.Get(checksumHeader)
	if announced := r.Header.Get("X-Amz-Trailer"); announced != "" {
		claimed = trailer.Get(announced)
		if claimed == "" || !strings.EqualFold(announced, checksumHeader) {
			return nil, refuse(http.StatusBadRequest, "MalformedTrailerError", "the trailer has no SHA-256")
		}
	}
	// The header of a CompleteMultipartUpload is about the object.
	if claimed != "" && r.Method == http.MethodPut && claimed != checksumOf(content) {
		return nil, refuse(http.StatusBadRequest, "BadDigest", "the SHA-256 that you specified did not match what was received")
	}
	return &body{bytes: content, checksum: claimed}, nil
}

// readContent removes the framing of a streamed body.
func readContent(r *http.Request) (content []byte, trailer http.Header, err error) {
	if !strings.HasPrefix(r.Header.Get("X-Amz-Content-Sha256"), "STREAMING-") {
		content, err = io.ReadAll(r.Body)
		return content, nil, err
	}
	if r.Header.Get("Content-Encoding") != "aws-chunked" {
		return nil, nil, errors.New("a streamed body has no Content-Encoding aws-chunked")
	}
	var out bytes.Buffer
	in := bufio.NewReader(r.Body)
	for {
		size, err := readChunkSize(in)
		if err != nil {
			return nil, nil, err
		}
		if size == 0 {
			break
		}
		if _, err := io.CopyN(&out, in, size); err != nil {
			return nil, nil, err
		}
		if line, err := in.ReadString('\n'); err != nil || line != "\r\n" {
			return nil, nil, errors.New("a chunk is longer than its size")
		}
	}
	if want := r.Header.Get("X-Amz-Decoded-Content-Length"); want != strconv.Itoa(out.Len()) {
		return nil, nil, fmt.Errorf("the body has %d bytes, not %s", out.Len(), want)
	}
	trailer, err = readTrailer(in)
	return out.Bytes(), trailer, err
}

// readChunkSize reads a chunk's first line, whose signature it ignores.
func readChunkSize(in *bufio.Reader) (int64, error) {
	line, err := in.ReadString('\n')
	if err != nil {
		return 0, err
	}
	size, _, _ := strings.Cut(strings.TrimSuffix(line, "\r\n"), ";")
	return strconv.ParseInt(size, 16, 32)
}

func readTrailer(in io.Reader) (http.Header, error) {
	trailer := make(http.Header)
	rest, err := io.ReadAll(in)
	for line := range strings.Lines(string(rest)) {
		if name, value, found := strings.Cut(strings.TrimRight(line, "\r\n"), ":"); found {
			trailer.Set(name, value)
		}
	}
	return trailer, err
}

func checksumOf(content []byte) string {
	sum := sha256.Sum256(content)
	return base64.StdEncoding.EncodeToString(sum[:])
}

// etagOf follows from the content alone, as the ETag of S3 does.
func etagOf(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:16])
}
