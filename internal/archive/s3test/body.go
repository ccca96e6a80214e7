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

	"github.com/minio/minio-go/v7"
)

// The headers of the checksums that the server knows.
const (
	checksumHeader = "X-Amz-Checksum-Sha256"
	crc64Header    = "X-Amz-Checksum-Crc64nvme"
)

// body is the body of a request, without its framing.
type body struct {
	bytes []byte
	// checksum and crc64 are the SHA-256 and the CRC64NVME in base64, verified; empty if
	// they were not sent.
	checksum, crc64 string
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
	sent := &body{bytes: content, checksum: r.Header.Get(checksumHeader), crc64: r.Header.Get(crc64Header)}
	switch announced := r.Header.Get("X-Amz-Trailer"); {
	case announced == "":
	case strings.EqualFold(announced, checksumHeader) && trailer.Get(announced) != "":
		sent.checksum = trailer.Get(announced)
	case strings.EqualFold(announced, crc64Header) && trailer.Get(announced) != "":
		sent.crc64 = trailer.Get(announced)
	default:
		return nil, refuse(http.StatusBadRequest, "MalformedTrailerError", "the trailer has no checksum that is known")
	}
	// The header of a CompleteMultipartUpload is about the object.
	if r.Method == http.MethodPut && !s.Lacks[VerifiedChecksum] && (sent.checksum != "" && sent.checksum != checksumOf(content) || sent.crc64 != "" && sent.crc64 != crc64Of(content)) {
		return nil, refuse(http.StatusBadRequest, "BadDigest", "the checksum that you specified did not match what was received")
	}
	return sent, nil
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

func crc64Of(content []byte) string {
	sum := minio.ChecksumCRC64NVME.Hasher()
	sum.Write(content)
	return base64.StdEncoding.EncodeToString(sum.Sum(nil))
}

// etagOf follows from the content alone, as the ETag of S3 does.
func etagOf(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:16])
}
