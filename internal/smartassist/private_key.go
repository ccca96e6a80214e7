package smartassist

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"strings"
)

// The sizes of RSA keys, in bits: less is not safe, and more takes long.
const (
	minKeyBits = 2048
	maxKeyBits = 8192
)

// parsePrivateKey returns the first private key of a PEM file. Its errors hold
// nothing of the file.
func parsePrivateKey(text string) (*rsa.PrivateKey, error) {
	public := false
	for block, rest := pem.Decode([]byte(text)); block != nil; block, rest = pem.Decode(rest) {
		if strings.HasSuffix(block.Type, "PRIVATE KEY") {
			return parsePrivateBlock(block)
		}
		public = public || strings.HasSuffix(block.Type, "PUBLIC KEY") || block.Type == "CERTIFICATE"
	}
	if public {
		return nil, errors.New("the key is a public one, which is for the console: set the private key that belongs to it")
	}
	return nil, errors.New(`the key is not a private key in PEM: set the whole file, with its line breaks, from "-----BEGIN" to the last "-----"`)
}

func parsePrivateBlock(block *pem.Block) (*rsa.PrivateKey, error) {
	var key any
	var err error
	switch {
	case block.Type == "ENCRYPTED PRIVATE KEY" || block.Headers["DEK-Info"] != "":
		return nil, errors.New(`the private key is protected by a passphrase: set what "openssl pkey -in FILE" writes`)
	case block.Type == "OPENSSH PRIVATE KEY":
		return nil, errors.New(`the private key is in OpenSSH's format: convert a copy of it by "ssh-keygen -p -m PEM -f FILE"`)
	case block.Type == "RSA PRIVATE KEY":
		key, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	case block.Type == "PRIVATE KEY":
		key, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	}
	if err != nil {
		return nil, errors.New("the private key is damaged: set the file as openssl wrote it")
	}
	parsed, ok := key.(*rsa.PrivateKey)
	if !ok {
		return nil, errors.New("the private key is not an RSA key: " + newKeyRemedy)
	}
	if err := checkKeySize("the private key", parsed.N, newKeyRemedy); err != nil {
		return nil, err
	}
	return parsed, nil
}

func checkKeySize(what string, modulus *big.Int, remedy string) error {
	if bits := modulus.BitLen(); bits < minKeyBits || bits > maxKeyBits {
		return fmt.Errorf("%s has %d bits, and %d to %d are allowed: %s", what, bits, minKeyBits, maxKeyBits, remedy)
	}
	return nil
}

const newKeyRemedy = `make one by "openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048" and upload its public key to the console`
