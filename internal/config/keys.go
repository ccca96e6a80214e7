package config

import (
	"slices"
	"strings"

	"github.com/callvault/callvault/internal/archive"
)

// kind is what a setting holds.
type kind int

const (
	kindText kind = iota
	kindList
	kindPath     // of a file; a relative one begins at the configuration file's folder
	kindVariable // the name of an environment variable
	kindClaims   // any YAML below the key
)

// key is one setting of an account.
type key struct {
	// name is where the setting is in an account of the file, such as
	// "archive.bucket".
	name string

	// variable is the setting in the short form; empty if that does not have it.
	variable string

	kind kind

	// standard is what is in use if nothing is given; none if empty.
	standard []string
}

// keys are all settings of an account, in the order in which they are shown. The
// table in docs/configuration.md has the same ones.
var keys = []key{
	{name: "name", variable: "SMARTASSIST_ACCOUNT_NAME"},
	{name: "url", variable: "SMARTASSIST_URL", standard: []string{"https://smartassist.kore.ai"}},
	{name: "bots", variable: "SMARTASSIST_BOT_ID", kind: kindList},
	{name: "accountId", variable: "SMARTASSIST_ACCOUNT_ID"},
	{name: "token.clientId", variable: "SMARTASSIST_CLIENT_ID"},
	{name: "token.algorithm", variable: "SMARTASSIST_TOKEN_ALGORITHM", standard: []string{"HS256"}},
	{name: "token.clientSecretFile", variable: "SMARTASSIST_CLIENT_SECRET_FILE", kind: kindPath},
	{name: "token.clientSecretEnv", variable: "SMARTASSIST_CLIENT_SECRET", kind: kindVariable},
	{name: "token.privateKeyFile", variable: "SMARTASSIST_PRIVATE_KEY_FILE", kind: kindPath},
	{name: "token.privateKeyEnv", kind: kindVariable},
	{name: "token.claims", kind: kindClaims},
	{name: "token.encryption.keyFile", variable: "SMARTASSIST_ENCRYPTION_KEY_FILE", kind: kindPath},
	{name: "token.encryption.keyEnv", kind: kindVariable},
	{name: "token.encryption.keyAlgorithm", variable: "SMARTASSIST_ENCRYPTION_KEY_ALGORITHM", standard: []string{"RSA-OAEP"}},
	{name: "token.encryption.contentEncryption", variable: "SMARTASSIST_CONTENT_ENCRYPTION", standard: []string{"A256GCM"}},
	{name: "mediaHosts", variable: "SMARTASSIST_MEDIA_HOSTS", kind: kindList, standard: []string{"*.kore.ai", "*.korebots.com"}},
	{name: "budget.scope", variable: "SMARTASSIST_BUDGET_SCOPE", standard: []string{"bot"}},
	{name: "budget.windows", kind: kindList, standard: []string{"60/1m", "1800/1h"}}, // see windowVariables
	{name: "retention", variable: "SMARTASSIST_RETENTION"},
	{name: "userHashKeyFile", variable: "CALLVAULT_USER_HASH_KEY_FILE", kind: kindPath},
	{name: "userHashKeyEnv", variable: "CALLVAULT_USER_HASH_KEY", kind: kindVariable},
	{name: "askWhenReady", variable: "SMARTASSIST_ASK_WHEN_READY", standard: []string{"auto"}},
	{name: "maxRecordingSize", variable: "CALLVAULT_MAX_RECORDING_SIZE", standard: []string{"4GiB"}},
	{name: "decodeFlac", variable: "CALLVAULT_DECODE_FLAC", standard: []string{"on"}},
	{name: "callDetails", variable: "CALLVAULT_CALL_DETAILS", standard: []string{"off"}},
	{name: "voicemail", variable: "CALLVAULT_VOICEMAIL", standard: []string{"off"}},
	{name: "transcript", variable: "CALLVAULT_TRANSCRIPT", standard: []string{"off"}},
	{name: "archive.endpoint", variable: "S3_ENDPOINT", standard: []string{"https://s3.amazonaws.com"}},
	{name: "archive.publicEndpoint", variable: "S3_PUBLIC_ENDPOINT"},
	{name: "archive.bucket", variable: "S3_BUCKET", standard: []string{"recordings"}},
	{name: "archive.region", variable: "S3_REGION", standard: []string{"us-east-1"}},
	{name: "archive.prefix", variable: "S3_PREFIX"},
	{name: "archive.multipartFrom", variable: "CALLVAULT_MULTIPART_FROM", standard: []string{"64MiB"}},
	{name: "archive.keyTemplate", variable: "S3_KEY_TEMPLATE", standard: []string{archive.DefaultTemplate}},
	{name: "archive.encryption", standard: []string{"none"}},
	{name: "archive.kmsKey"},
	{name: "archive.lock.mode"},
	{name: "archive.lock.days"},
	{name: "archive.lock.legalHold", standard: []string{"off"}},
	{name: "archive.storageClass", variable: "S3_STORAGE_CLASS"},
	{name: "archive.tags", kind: kindList},
	{name: "archive.pathStyle", standard: []string{string(archive.AutoStyle)}},
	{name: "archive.caFile", variable: "S3_CA_FILE", kind: kindPath},
	{name: "archive.logKeyFile", variable: "CALLVAULT_LOG_KEY_FILE", kind: kindPath},
	{name: "archive.logKeyEnv", variable: "CALLVAULT_LOG_KEY", kind: kindVariable},
	{name: "archive.timestampUrl", variable: "CALLVAULT_TIMESTAMP_URL"},
	{name: "archive.accessKeyIdFile", kind: kindPath},
	{name: "archive.accessKeyIdEnv", kind: kindVariable},
	{name: "archive.secretAccessKeyFile", kind: kindPath},
	{name: "archive.secretAccessKeyEnv", kind: kindVariable},
	{name: "archive.credentialsFile", kind: kindPath},
	{name: "archive.profile"},
	{name: "archive.role"},
	{name: "archive.webIdentityTokenFile", kind: kindPath},
	{name: "archive.stsEndpoint"},
}

// windowVariables are the short form of budget.windows: each is the number of calls
// of the window at the same place in the key's defaults.
var windowVariables = []struct{ name, span string }{
	{"SMARTASSIST_CALLS_PER_MINUTE", "1m"},
	{"SMARTASSIST_CALLS_PER_HOUR", "1h"},
}

// keyOf returns the key of a name, which exists.
func keyOf(name string) key {
	i := slices.IndexFunc(keys, func(k key) bool { return k.name == name })
	return keys[i]
}

// namesIn returns the names of what may be in a section, such as "token" or, for
// the account itself, "": keys and further sections.
func namesIn(section string) []string {
	var names []string
	for _, k := range keys {
		rest, found := strings.CutPrefix(k.name, withDot(section))
		name, _, _ := strings.Cut(rest, ".")
		if found && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// isSection reports whether name is a section, such as "token".
func isSection(name string) bool { return len(namesIn(name)) > 0 }

// sectionOf returns the section that a key or section is in.
func sectionOf(name string) string {
	return name[:max(strings.LastIndexByte(name, '.'), 0)]
}

// withDot returns what the names of a section's keys begin with.
func withDot(section string) string {
	if section == "" {
		return ""
	}
	return section + "."
}

// shortFormVariables returns all variables of the short form.
func shortFormVariables() []string {
	var names []string
	for _, k := range keys {
		if k.variable != "" {
			names = append(names, k.variable)
		}
	}
	for _, window := range windowVariables {
		names = append(names, window.name)
	}
	return names
}
