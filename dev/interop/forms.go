package main

import (
	"strings"

	"github.com/callvault/callvault/internal/smartassist"
)

// form is a form of token that an app may enforce.
type form struct {
	Algorithm string `json:"algorithm"`

	// KeyAlgorithm and ContentEncryption are empty if the token is not encrypted.
	KeyAlgorithm      string `json:"keyAlgorithm"`
	ContentEncryption string `json:"contentEncryption"`
}

func (f form) String() string {
	return strings.TrimSpace(strings.Join([]string{f.Algorithm, f.KeyAlgorithm, f.ContentEncryption}, " "))
}

func forms() []form {
	var all []form
	for _, algorithm := range []string{smartassist.HS256, smartassist.HS512, smartassist.RS256, smartassist.RS512} {
		all = append(all, form{algorithm, "", ""})
		for _, keyAlgorithm := range []string{smartassist.RSAOAEP, smartassist.RSA15} {
			for _, contentEncryption := range []string{smartassist.A256GCM, smartassist.A128GCM, smartassist.A128CBCHS256} {
				all = append(all, form{algorithm, keyAlgorithm, contentEncryption})
			}
		}
	}
	return all
}
