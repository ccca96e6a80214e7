// Package payloadcodec encrypts what callvault gives to Temporal: inputs, results, failures,
// heartbeats, queries and summaries. Who reads a history without the keys sees ciphertext.
//
// A payload becomes AES-256-GCM over the whole of it, with a random nonce and the id of its
// key. What has another encoding was not encrypted here, and is passed on as it is, so that
// encryption can be switched on while workflows run.
package payloadcodec

import (
	"errors"
	"fmt"

	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/sdk/converter"
	"google.golang.org/protobuf/proto"
)

// The metadata of an encrypted payload. The first two are those of Temporal's samples in
// other languages.
const (
	encoding       = "binary/encrypted"
	metadataKeyID  = "encryption-key-id"
	metadataCipher = "encryption-cipher"
	aes256GCM      = "AES-256-GCM"
)

// purpose begins the additional data, so that what another program has encrypted with the same
// key is not taken for ours.
const purpose = "callvault payload v1 "

// Codec encrypts with the first key and decrypts with all of them. It is safe for concurrent
// use.
type Codec struct{ source *source }

var _ converter.PayloadCodec = (*Codec)(nil)

// New returns a codec of the keys that read returns, see docs/payload-encryption.md for their
// form. read is called for every payload. New fails if there are no keys that can be used.
func New(read func() (string, error)) (*Codec, error) {
	c := &Codec{source: &source{read: read}}
	_, err := c.source.current()
	return c, err
}

// Encode encrypts payloads.
func (c *Codec) Encode(payloads []*commonpb.Payload) ([]*commonpb.Payload, error) {
	keys, err := c.source.current()
	if err != nil {
		return nil, fmt.Errorf("encrypt a payload: %w", err)
	}
	encoded := make([]*commonpb.Payload, len(payloads))
	for i, payload := range payloads {
		plain, err := proto.Marshal(payload)
		if err != nil {
			return nil, fmt.Errorf("encrypt a payload: %w", err)
		}
		encoded[i] = &commonpb.Payload{
			Metadata: map[string][]byte{
				converter.MetadataEncoding: []byte(encoding),
				metadataCipher:             []byte(aes256GCM),
				metadataKeyID:              []byte(keys[0].id),
			},
			Data: keys[0].aead.Seal(nil, nil, plain, additionalData(keys[0].id)),
		}
	}
	return encoded, nil
}

// Decode decrypts those payloads that are encrypted.
func (c *Codec) Decode(payloads []*commonpb.Payload) ([]*commonpb.Payload, error) {
	decoded := make([]*commonpb.Payload, len(payloads))
	for i, payload := range payloads {
		var err error
		if decoded[i], err = c.decode(payload); err != nil {
			return nil, fmt.Errorf("decrypt a payload: %w", err)
		}
	}
	return decoded, nil
}

func (c *Codec) decode(payload *commonpb.Payload) (*commonpb.Payload, error) {
	if string(payload.GetMetadata()[converter.MetadataEncoding]) != encoding {
		return payload, nil
	}
	if used := string(payload.GetMetadata()[metadataCipher]); used != aes256GCM {
		return nil, fmt.Errorf("it was encrypted by %.40q and not by callvault's %s", used, aes256GCM)
	}
	id := string(payload.GetMetadata()[metadataKeyID])
	keys, err := c.source.current()
	if err != nil {
		return nil, err
	}
	for _, k := range keys {
		if k.id == id {
			return open(k, payload.GetData())
		}
	}
	return nil, fmt.Errorf("its key %.80q is not in the file of CALLVAULT_PAYLOAD_KEYS_FILE: put it back there, below the first key", id)
}

func open(k key, data []byte) (*commonpb.Payload, error) {
	plain, err := k.aead.Open(nil, nil, data, additionalData(k.id))
	if err != nil {
		return nil, fmt.Errorf("it was altered, or encrypted with another key of the id %q: give all workers, callers and codec servers the same keys", k.id)
	}
	payload := new(commonpb.Payload)
	if err := proto.Unmarshal(plain, payload); err != nil {
		return nil, errors.New("what was encrypted is no payload")
	}
	return payload, nil
}

func additionalData(id string) []byte { return []byte(purpose + id) }
