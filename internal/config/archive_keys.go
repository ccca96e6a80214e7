package config

import (
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/callvault/callvault/internal/archive"
)

// keySources are the settings that say where an account's keys of the store are. Without
// one of them they come from the standard AWS chain.
var keySources = []string{
	"archive.accessKeyIdFile", "archive.accessKeyIdEnv", "archive.secretAccessKeyFile", "archive.secretAccessKeyEnv",
	"archive.credentialsFile", "archive.webIdentityTokenFile",
}

// usesStandardChain reports whether the account's keys, or those that its role is taken
// with, come from the standard AWS chain.
func (w *written) usesStandardChain() bool { return !slices.ContainsFunc(keySources, w.has) }

// rolePattern is that of an ARN. Stores other than AWS have ARNs of their own.
var rolePattern = regexp.MustCompile(`^arn:[0-9A-Za-z-]+:[0-9A-Za-z_+=,.@:/-]{1,500}$`)

// archiveKeys returns the keys of the account's store, or nil for the standard AWS
// chain.
func (p *problems) archiveKeys(w *written) *credentials.Credentials {
	const role, token = "archive.role", "archive.webIdentityTokenFile"
	keys := p.ownKeys(w)
	switch {
	case !w.has(role):
		for _, name := range []string{token, "archive.stsEndpoint"} {
			if w.has(name) && !w.isMisread(role) {
				p.add(w.place(name), "is set without %s: set that to the ARN of the role, or remove this", w.nameOf(role))
			}
		}
		return keys
	case w.has(token) && slices.ContainsFunc(keySources, func(name string) bool { return name != token && w.has(name) }):
		p.add(w.place(token), "is set in addition to keys of the account's own: remove one of them")
		return nil
	}
	taken := archive.Role{ARN: w.get(role).text, Service: p.tokenService(w), Region: w.get("archive.region").text}
	if !rolePattern.MatchString(taken.ARN) {
		p.add(w.place(role), "%q is not the ARN of a role: want one such as arn:aws:iam::123456789012:role/callvault", clip(taken.ARN))
	}
	if w.has(token) {
		source := p.secretFile(w, token)
		if source == nil {
			return nil
		}
		return taken.WebIdentity(source)
	}
	if keys == nil {
		keys = archive.StandardChain()
	}
	return taken.Assume(keys)
}

// tokenService returns the address of the service that gives the keys of a role.
func (p *problems) tokenService(w *written) *url.URL {
	const name = "archive.stsEndpoint"
	if w.has(name) {
		return p.endpoint(w.get(name))
	}
	region, domain := w.get("archive.region").text, "amazonaws.com"
	if strings.HasPrefix(region, "cn-") {
		domain += ".cn"
	}
	return &url.URL{Scheme: "https", Host: "sts." + region + "." + domain}
}

// ownKeys returns the account's own keys, or nil if it has none.
func (p *problems) ownKeys(w *written) *credentials.Credentials {
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
