// Package timestamptest is an RFC 3161 authority for tests. Nobody has signed its timestamps.
package timestamptest

import (
	"bytes"
	"encoding/asn1"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"
)

// maxQuery bounds a request, in bytes. One of SHA-256 has about 70.
const maxQuery = 4_096

// Statuses of a response, from RFC 3161, section 2.4.2.
const (
	Granted   = 0
	Rejection = 2
)

// Stamped is what a timestamp is of, as DER, and the nonce of the request that it answers.
type Stamped struct {
	Imprint []byte
	Nonce   *big.Int
}

// Handler grants every request.
func Handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		query, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxQuery))
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		response, err := Respond(query, Granted, nil)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", "application/timestamp-reply")
		_, _ = w.Write(response) // The client sees that it is short.
	})
}

// Respond returns the response to a request, of what change makes of what was asked; nil
// changes nothing. It fails if the request is not one, or does not ask for the certificate.
func Respond(query []byte, status int, change func(*Stamped)) ([]byte, error) {
	var request struct {
		Version int
		Imprint asn1.RawValue
		Nonce   *big.Int
		CertReq bool
	}
	rest, err := asn1.Unmarshal(query, &request)
	switch {
	case err != nil:
		return nil, fmt.Errorf("not a TimeStampReq: %w", err)
	case len(rest) > 0:
		return nil, errors.New("something follows the TimeStampReq")
	case !request.CertReq:
		return nil, errors.New("the TimeStampReq does not ask for the certificate")
	}
	stamped := &Stamped{Imprint: bytes.Clone(request.Imprint.FullBytes), Nonce: request.Nonce}
	if change != nil {
		change(stamped)
	}
	info := sequence(value(1), value(asn1.ObjectIdentifier{1, 2, 3}), stamped.Imprint, value(7),
		raw(asn1.ClassUniversal, asn1.TagGeneralizedTime, false, []byte("20261129120000Z")), value(stamped.Nonce))
	content := sequence(value(asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 1, 4}), explicit(value(info)))
	signed := sequence(value(3), raw(asn1.ClassUniversal, asn1.TagSet, true), content, raw(asn1.ClassUniversal, asn1.TagSet, true))
	return sequence(sequence(value(status)), sequence(value(asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 2}), explicit(signed))), nil
}

func sequence(parts ...[]byte) []byte {
	return raw(asn1.ClassUniversal, asn1.TagSequence, true, parts...)
}

func explicit(part []byte) []byte { return raw(asn1.ClassContextSpecific, 0, true, part) }

// raw returns one DER value.
func raw(class, tag int, compound bool, parts ...[]byte) []byte {
	return value(asn1.RawValue{Class: class, Tag: tag, IsCompound: compound, Bytes: bytes.Join(parts, nil)})
}

func value(v any) []byte {
	der, err := asn1.Marshal(v)
	if err != nil {
		panic(err) // Its types are those above.
	}
	return der
}
