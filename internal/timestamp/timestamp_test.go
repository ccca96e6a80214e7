package timestamp_test

import (
	"bytes"
	"encoding/asn1"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/internal/timestamp"
)

var content = []byte("a checkpoint")

func read(t *testing.T, name string) []byte {
	t.Helper()
	content, err := os.ReadFile("testdata/" + name)
	require.NoError(t, err)
	return content
}

func TestAResponseOfOpenSSLIsOfWhatItStamped(t *testing.T) {
	stamped := read(t, "openssl.checkpoint")
	stamp, err := timestamp.Parse(read(t, "openssl.tsr"))
	require.NoError(t, err)
	require.Equal(t, time.Date(2026, 11, 29, 14, 55, 59, 205e6, time.UTC), stamp.Time)
	require.True(t, stamp.Covers(stamped))
	require.False(t, stamp.Covers(append(stamped, '\n')))
}

// raw returns one DER value.
func raw(class, tag int, compound bool, parts ...[]byte) []byte {
	der, err := asn1.Marshal(asn1.RawValue{Class: class, Tag: tag, IsCompound: compound, Bytes: bytes.Join(parts, nil)})
	if err != nil {
		panic(err)
	}
	return der
}

func sequence(parts ...[]byte) []byte {
	return raw(asn1.ClassUniversal, asn1.TagSequence, true, parts...)
}
func explicit(part []byte) []byte { return raw(asn1.ClassContextSpecific, 0, true, part) }

func value(v any) []byte {
	der, err := asn1.Marshal(v)
	if err != nil {
		panic(err)
	}
	return der
}

// answer returns the unsigned response of an authority to a request, changed by edit.
func answer(t *testing.T, query []byte, status int, edit func(imprint []byte, nonce *big.Int) ([]byte, *big.Int)) []byte {
	t.Helper()
	var request struct {
		Version int
		Imprint asn1.RawValue
		Nonce   *big.Int
		CertReq bool
	}
	rest, err := asn1.Unmarshal(query, &request)
	require.NoError(t, err)
	require.Empty(t, rest)
	require.True(t, request.CertReq)
	imprint, nonce := edit(request.Imprint.FullBytes, request.Nonce)
	info := sequence(value(1), value(asn1.ObjectIdentifier{1, 2, 3}), imprint, value(7), raw(asn1.ClassUniversal, asn1.TagGeneralizedTime, false, []byte("20261129120000Z")), value(nonce))
	signed := sequence(value(3), raw(asn1.ClassUniversal, asn1.TagSet, true), sequence(value(asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 1, 4}), explicit(value(info))), raw(asn1.ClassUniversal, asn1.TagSet, true))
	return sequence(sequence(value(status)), sequence(value(asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 2}), explicit(signed)))
}

func same(imprint []byte, nonce *big.Int) ([]byte, *big.Int) { return imprint, nonce }

func TestOnlyAResponseToTheRequestIsTaken(t *testing.T) {
	for _, row := range []struct {
		name, says string
		answer     func([]byte) []byte
		status     int
	}{
		{"granted", "", func(q []byte) []byte { return answer(t, q, 0, same) }, 200},
		{"refused", "has refused the timestamp (status 2)", func(q []byte) []byte { return answer(t, q, 2, same) }, 200},
		{"another content", "stamped something else", func(q []byte) []byte {
			return answer(t, q, 0, func(imprint []byte, nonce *big.Int) ([]byte, *big.Int) {
				imprint = bytes.Clone(imprint)
				imprint[len(imprint)-1] ^= 1
				return imprint, nonce
			})
		}, 200},
		{"another nonce", "answered another request", func(q []byte) []byte {
			return answer(t, q, 0, func(imprint []byte, _ *big.Int) ([]byte, *big.Int) { return imprint, big.NewInt(1) })
		}, 200},
		{"no response", "not a TimeStampResp", func([]byte) []byte { return []byte("<html>") }, 200},
		{"nothing", "not a TimeStampResp", func([]byte) []byte { return nil }, 200},
		{"too long", "more than", func([]byte) []byte { return make([]byte, timestamp.MaxBytes+1) }, 200},
		{"HTTP error", "HTTP status 500", func([]byte) []byte { return nil }, 500},
		{"redirect", "HTTP status 302", func([]byte) []byte { return nil }, 302},
	} {
		t.Run(row.name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				query, _ := io.ReadAll(r.Body)
				if r.Header.Get("Content-Type") != "application/timestamp-query" {
					row.status = 400
				}
				w.Header().Set("Location", "http://127.0.0.1:1/")
				w.WriteHeader(row.status)
				_, _ = w.Write(row.answer(query))
			}))
			defer server.Close()
			authority, err := url.Parse(server.URL + "/tsr?token=canary")
			require.NoError(t, err)
			response, err := timestamp.Request(t.Context(), authority, content)
			if row.says == "" {
				require.NoError(t, err)
				stamp, err := timestamp.Parse(response)
				require.NoError(t, err)
				require.True(t, stamp.Covers(content))
				return
			}
			require.ErrorContains(t, err, row.says)
			require.NotContains(t, err.Error(), "canary")
		})
	}
	authority, err := url.Parse("http://127.0.0.1:1/tsr?token=canary")
	require.NoError(t, err)
	_, err = timestamp.Request(t.Context(), authority, content)
	require.ErrorContains(t, err, "gives no timestamp")
	require.NotContains(t, err.Error(), "canary")
}

func FuzzParse(f *testing.F) {
	f.Add([]byte{0x30, 3, 2, 1, 0})
	response, err := os.ReadFile("testdata/openssl.tsr")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(response)
	f.Fuzz(func(_ *testing.T, der []byte) {
		if stamp, err := timestamp.Parse(der); err == nil {
			stamp.Covers(content)
		}
	})
}
