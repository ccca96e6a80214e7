package archive

import (
	"errors"
	"fmt"
	"strings"

	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/callvault/callvault/internal/secret"
)

// StandardChain returns the credentials of the standard AWS chain: the environment, the
// shared files, and then a web identity, a container's role or an instance's role.
func StandardChain() *credentials.Credentials {
	return credentials.NewChainCredentials([]credentials.Provider{
		&credentials.EnvAWS{}, &credentials.FileAWSCredentials{}, &credentials.IAM{},
	})
}

// KeyPair returns credentials whose two halves are where the sources say. They
// follow a file that changes.
func KeyPair(keyID, secretKey *secret.Source) *credentials.Credentials {
	return credentials.New(&sourced{read: func() (credentials.Value, error) {
		id, idErr := keyID.Read()
		key, keyErr := secretKey.Read()
		if err := errors.Join(idErr, keyErr); err != nil {
			return credentials.Value{}, err
		}
		return signing(id, key, "")
	}})
}

// SharedFile returns the keys of a profile in a file of the format of
// ~/.aws/credentials, which may hold a session token. They follow the file when it
// changes, all at once. The profile defaults to "default".
func SharedFile(file *secret.Source, profile string) *credentials.Credentials {
	if profile == "" {
		profile = "default"
	}
	return credentials.New(&sourced{read: func() (credentials.Value, error) {
		content, err := file.Read()
		if err != nil {
			return credentials.Value{}, err
		}
		keys := profileOf(content, profile)
		if keys["aws_access_key_id"] == "" || keys["aws_secret_access_key"] == "" {
			return credentials.Value{}, fmt.Errorf("the file %q has no keys of the profile %.80q: want a line [%.80s], and below it aws_access_key_id = … and aws_secret_access_key = …",
				file.Path(), profile, profile)
		}
		return signing(keys["aws_access_key_id"], keys["aws_secret_access_key"], keys["aws_session_token"])
	}})
}

// signing returns credentials of signature version 4.
func signing(id, key, token string) (credentials.Value, error) {
	for _, part := range []struct{ name, value string }{{"access key id", id}, {"secret access key", key}, {"session token", token}} {
		if strings.ContainsFunc(part.value, func(r rune) bool { return r <= ' ' || r > '~' }) {
			return credentials.Value{}, fmt.Errorf("the %s has spaces, line breaks or other characters that no key has: give the key alone", part.name)
		}
	}
	return credentials.Value{AccessKeyID: id, SecretAccessKey: key, SessionToken: token, SignerType: credentials.SignatureV4}, nil
}

// profileOf returns what a profile of a shared credentials file says. Its keys are
// in lower case; the last of two counts. That of a comment begins with its sign.
func profileOf(content, profile string) map[string]string {
	keys := make(map[string]string)
	inside := false
	for line := range strings.Lines(content) {
		line = strings.TrimSpace(line)
		if name, found := strings.CutPrefix(line, "["); found {
			name, _, _ = strings.Cut(name, "]")
			inside = strings.TrimSpace(name) == profile
			continue
		}
		name, value, found := strings.Cut(line, "=")
		if inside && found {
			keys[strings.ToLower(strings.TrimSpace(name))] = strings.TrimSpace(value)
		}
	}
	return keys
}

// sourced is a provider of credentials that expire when what read returns changes.
// Package credentials serializes the calls.
type sourced struct {
	read func() (credentials.Value, error)
	last credentials.Value
}

// Retrieve implements [credentials.Provider].
func (s *sourced) Retrieve() (credentials.Value, error) {
	value, err := s.read()
	if err == nil {
		s.last = value
	}
	return value, err
}

// RetrieveWithCredContext implements [credentials.Provider].
func (s *sourced) RetrieveWithCredContext(*credentials.CredContext) (credentials.Value, error) {
	return s.Retrieve()
}

// IsExpired implements [credentials.Provider]. While the source cannot be read it
// returns true, so that a request fails with the reason.
func (s *sourced) IsExpired() bool {
	value, err := s.read()
	return err != nil || value != s.last
}
