package config

import (
	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/callvault/callvault/internal/archive"
)

// archiveKeys returns the keys of the account's store, or nil for the standard AWS
// chain.
func (p *problems) archiveKeys(w *written) *credentials.Credentials {
	const id, key, file, profile = "archive.accessKeyId", "archive.secretAccessKey", "archive.credentialsFile", "archive.profile"
	isPair := hasSecret(w, id) || hasSecret(w, key)
	switch {
	case isPair && w.has(file):
		p.add(w.place(file), "is set in addition to keys of the account's own: remove one of them")
		return nil
	case w.has(profile) && !w.has(file) && !w.isMisread(file):
		p.add(w.place(profile), "is set without %s: name the file that has the profile, or remove it", w.nameOf(file))
		return nil
	case isPair:
		keyID := p.secret(w, id, "the access key id of the store")
		secretKey := p.secret(w, key, "the secret access key of the store")
		if keyID == nil || secretKey == nil {
			return nil
		}
		return p.usable(w.place(givenOf(w, id)), archive.KeyPair(keyID, secretKey))
	case w.has(file):
		if source := p.secretFile(w, file); source != nil {
			return p.usable(w.place(file), archive.SharedFile(source, w.get(profile).text))
		}
	}
	return nil
}

func (p *problems) usable(at place, keys *credentials.Credentials) *credentials.Credentials {
	if _, err := keys.GetWithContext(nil); err != nil {
		p.add(at, "%v", err)
	}
	return keys
}

// standardChain validates the one part of the standard AWS chain that is easily set
// by half; without the other half requests would be sent unsigned.
func (p *problems) standardChain(environment map[string]string) {
	const id, key, remedy = "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "set both, or neither for another source of the AWS credential chain"
	switch hasID, hasKey := environment[id] != "", environment[key] != ""; {
	case hasID && !hasKey:
		p.add(place{name: key}, "is not set in addition to %s: %s", id, remedy)
	case !hasID && hasKey:
		p.add(place{name: id}, "is not set in addition to %s: %s", key, remedy)
	}
}
