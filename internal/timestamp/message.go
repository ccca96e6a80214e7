package timestamp

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"math/big"
	"time"
)

// MaxBytes bounds a response. One with the authority's certificates has some kilobytes.
const MaxBytes = 64 << 10

// The structures of RFC 3161, sections 2.4.1 and 2.4.2, and of CMS (RFC 5652, section 5.1).

type imprint struct {
	Algorithm pkix.AlgorithmIdentifier
	Digest    []byte
}

type request struct {
	Version int
	Imprint imprint
	Nonce   *big.Int
	CertReq bool
}

type response struct {
	Status asn1.RawValue
	Token  asn1.RawValue `asn1:"optional"`
}

type contentInfo struct {
	Type    asn1.ObjectIdentifier
	Content asn1.RawValue `asn1:"explicit,tag:0"`
}

type encapsulated struct {
	Type    asn1.ObjectIdentifier
	Content []byte `asn1:"explicit,tag:0"`
}

var (
	oidSHA256     = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 1}
	oidSignedData = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 2}
	oidTSTInfo    = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 1, 4}
)

// newRequest returns a request for a stamp of content, with the authority's certificate.
func newRequest(content []byte, nonce *big.Int) ([]byte, error) {
	digest := sha256.Sum256(content)
	return asn1.Marshal(request{1, imprint{pkix.AlgorithmIdentifier{Algorithm: oidSHA256, Parameters: asn1.NullRawValue}, digest[:]}, nonce, true})
}

// Stamp is what a response says.
type Stamp struct {
	// Time is when the authority has stamped, by its word.
	Time time.Time

	imprint imprint
	nonce   *big.Int // nil if there is none
}

// Covers reports whether the stamp is of content.
func (s Stamp) Covers(content []byte) bool {
	digest := sha256.Sum256(content)
	return s.imprint.Algorithm.Algorithm.Equal(oidSHA256) && bytes.Equal(s.imprint.Digest, digest[:])
}

var errMalformed = errors.New("it is not a TimeStampResp of RFC 3161")

// Parse returns what a TimeStampResp says. It does not verify its signature.
func Parse(der []byte) (Stamp, error) {
	if len(der) > MaxBytes {
		return Stamp{}, fmt.Errorf("it has more than %d bytes", MaxBytes)
	}
	var r response
	if rest, err := asn1.Unmarshal(der, &r); err != nil || len(rest) > 0 {
		return Stamp{}, errMalformed
	}
	var status int
	if _, err := asn1.Unmarshal(r.Status.Bytes, &status); err != nil {
		return Stamp{}, errMalformed
	}
	if status != 0 && status != 1 { // granted, or granted with modifications
		return Stamp{}, fmt.Errorf("the authority has refused the timestamp (status %d)", status)
	}
	info, err := infoOf(r.Token.FullBytes)
	if err != nil {
		return Stamp{}, err
	}
	return stampOf(info)
}

// infoOf returns the TSTInfo of a token.
func infoOf(token []byte) ([]byte, error) {
	var outer contentInfo
	if _, err := asn1.Unmarshal(token, &outer); err != nil || !outer.Type.Equal(oidSignedData) {
		return nil, errMalformed
	}
	var signed asn1.RawValue
	if _, err := asn1.Unmarshal(outer.Content.Bytes, &signed); err != nil {
		return nil, errMalformed
	}
	elements, err := elementsOf(signed.Bytes)
	if err != nil || len(elements) < 3 { // version, digest algorithms, content
		return nil, errMalformed
	}
	var inner encapsulated
	if _, err := asn1.Unmarshal(elements[2].FullBytes, &inner); err != nil || !inner.Type.Equal(oidTSTInfo) {
		return nil, errMalformed
	}
	return inner.Content, nil
}

// elementsOf returns the elements of a sequence.
func elementsOf(der []byte) ([]asn1.RawValue, error) {
	var elements []asn1.RawValue
	for len(der) > 0 {
		var element asn1.RawValue
		rest, err := asn1.Unmarshal(der, &element)
		if err != nil {
			return nil, err
		}
		elements, der = append(elements, element), rest
	}
	return elements, nil
}

// timeLayout is that of a GeneralizedTime, whose seconds may have a fraction.
const timeLayout = "20060102150405.999999999Z"

func stampOf(info []byte) (Stamp, error) {
	var outer asn1.RawValue
	if _, err := asn1.Unmarshal(info, &outer); err != nil {
		return Stamp{}, errMalformed
	}
	elements, err := elementsOf(outer.Bytes)
	if err != nil || len(elements) < 5 { // version, policy, imprint, serial number, time
		return Stamp{}, errMalformed
	}
	var s Stamp
	if _, err := asn1.Unmarshal(elements[2].FullBytes, &s.imprint); err != nil {
		return Stamp{}, errMalformed
	}
	if s.Time, err = time.Parse(timeLayout, string(elements[4].Bytes)); err != nil {
		return Stamp{}, errMalformed
	}
	for _, element := range elements[5:] {
		if element.Class == asn1.ClassUniversal && element.Tag == asn1.TagInteger {
			if _, err := asn1.Unmarshal(element.FullBytes, &s.nonce); err != nil {
				return Stamp{}, errMalformed
			}
		}
	}
	return s, nil
}
