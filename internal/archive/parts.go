package archive

import (
	"encoding/base64"
	"fmt"
	"strconv"
	"time"

	"github.com/minio/minio-go/v7"
)

const (
	// minPartBytes is the least length of a part, here and in S3 where it is 5 MiB.
	minPartBytes = 8 << 20
	// maxPartBytes is the most that S3 accepts in one part, and in one PUT.
	maxPartBytes = 5 << 30
	// maxParts is how many parts S3 accepts.
	maxParts = 10_000

	// wantedParts is into how many parts a recording is divided, at most, as far as the
	// bounds above allow: of an interrupted upload one part is lost.
	wantedParts = 100

	// MaxObjectBytes is the most that S3 accepts in one object.
	MaxObjectBytes = 5 << 40
)

// Parts are those parts of an unfinished upload that the store has: enough for another
// process to continue it.
type Parts struct {
	UploadID string `json:"uploadId"`
	// PartBytes is the length of each part but the last.
	PartBytes int64 `json:"partBytes"`
	// Algorithm of the checksums: "CRC64NVME" or "SHA256".
	Algorithm string `json:"algorithm"`
	// Sums are the checksums of the parts, in order.
	Sums [][]byte `json:"sums"`
	// Bytes is how many the parts have together.
	Bytes int64 `json:"bytes"`
	// RetainUntil is how long the object will be retained, which was said when the upload
	// began; zero if nothing was said.
	RetainUntil time.Time `json:"retainUntil,omitzero"`
}

// partBytesFor returns the length of the parts of a recording of so many bytes.
func partBytesFor(length int64) int64 {
	const mebibyte = 1 << 20
	wanted := (length + wantedParts - 1) / wantedParts
	wanted = (wanted + mebibyte - 1) / mebibyte * mebibyte
	return min(max(wanted, minPartBytes), maxPartBytes)
}

// BufferBytes returns the length of [Upload.Buffer] for recordings of at most maxBytes.
func BufferBytes(maxBytes int64) int64 {
	return max(minPartBytes, (maxBytes+maxParts-1)/maxParts)
}

// checksum returns what the store should keep of the object.
func (p Parts) checksum() (*Checksum, error) {
	algorithm, err := p.algorithm()
	if err != nil {
		return nil, err
	}
	parts := p.objectParts(nil)
	sum := &Checksum{Algorithm: p.Algorithm, PartBytes: p.PartBytes}
	if algorithm.FullObjectRequested() {
		whole, err := algorithm.FullObjectChecksum(parts)
		if err != nil {
			return nil, err
		}
		sum.Value = whole.Encoded()
		return sum, nil
	}
	composite, err := algorithm.CompositeChecksum(parts)
	if err != nil {
		return nil, err
	}
	sum.Value = composite.Encoded() + "-" + strconv.Itoa(len(parts))
	return sum, nil
}

func (p Parts) algorithm() (minio.ChecksumType, error) {
	for _, algorithm := range []minio.ChecksumType{minio.ChecksumCRC64NVME, minio.ChecksumSHA256} {
		if algorithm.String() == p.Algorithm {
			return algorithm, nil
		}
	}
	return minio.ChecksumNone, fmt.Errorf("%w: its parts have another checksum", ErrUploadGone)
}

// lengthOf returns how many bytes a part has, counted from 0.
func (p Parts) lengthOf(i int) int64 {
	return min(p.PartBytes, p.Bytes-int64(i)*p.PartBytes)
}

// objectParts returns the parts as minio-go describes them; etags may be nil.
func (p Parts) objectParts(etags []string) []minio.ObjectPart {
	parts := make([]minio.ObjectPart, 0, len(p.Sums))
	for i, sum := range p.Sums {
		part := minio.ObjectPart{PartNumber: i + 1, Size: p.lengthOf(i)}
		if etags != nil {
			part.ETag = etags[i]
		}
		switch encoded := base64.StdEncoding.EncodeToString(sum); p.Algorithm {
		case minio.ChecksumCRC64NVME.String():
			part.ChecksumCRC64NVME = encoded
		default:
			part.ChecksumSHA256 = encoded
		}
		parts = append(parts, part)
	}
	return parts
}

// isValid reports whether p can be the state of an upload.
func (p Parts) isValid() bool {
	count := int64(len(p.Sums))
	return p.UploadID != "" && count > 0 && count <= maxParts &&
		p.PartBytes >= minPartBytes && p.PartBytes <= maxPartBytes &&
		p.Bytes > (count-1)*p.PartBytes && p.Bytes <= count*p.PartBytes
}
