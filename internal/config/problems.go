package config

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/minio/minio-go/v7/pkg/s3utils"

	"github.com/callvault/callvault/internal/media"
	"github.com/callvault/callvault/workflows"
)

// Bounds of what the environment may say.
const (
	maxBots        = 500
	maxBudget      = 1_000_000
	maxSecretBytes = 64 << 10
	maxPrefixBytes = 512
)

// prefixPattern: each folder begins with a letter or digit, so none is "." or "..".
var prefixPattern = regexp.MustCompile(`^([0-9A-Za-z][0-9A-Za-z._-]*/)*([0-9A-Za-z][0-9A-Za-z._-]*)?$`)

// problems collects what is wrong. Each method validates one value and returns
// something usable in any case, so that the rest is validated as well.
type problems []error

func (p *problems) add(variable, format string, args ...any) {
	*p = append(*p, fmt.Errorf("  %s: %s", variable, fmt.Sprintf(format, args...)))
}

func (p *problems) required(variable, value, what string) string {
	if value == "" {
		p.add(variable, "is not set: set it to %s", what)
	}
	return value
}

func (p *problems) clientSecret(value, file string) string {
	switch {
	case value != "" && file != "":
		p.add("SMARTASSIST_CLIENT_SECRET", "is set in addition to SMARTASSIST_CLIENT_SECRET_FILE: remove one of them")
		return ""
	case file == "":
		return p.required("SMARTASSIST_CLIENT_SECRET", value, "the client secret of the JWT app, or name a file that holds it in SMARTASSIST_CLIENT_SECRET_FILE")
	}
	shown := fmt.Sprintf("%q", clip(file))
	if !strings.ContainsAny(file, `/\.`) {
		shown = "what it holds, which looks like a secret rather than a path,"
	}
	info, err := os.Stat(file)
	switch {
	case err != nil:
		p.add("SMARTASSIST_CLIENT_SECRET_FILE", "%s cannot be read (%v): correct the path or the permissions", shown, errors.Unwrap(err))
		return ""
	case info.IsDir() || info.Size() > maxSecretBytes:
		p.add("SMARTASSIST_CLIENT_SECRET_FILE", "%s is not a file of at most %d bytes: name the file that holds the secret alone", shown, maxSecretBytes)
		return ""
	}
	content, err := os.ReadFile(file)
	secret := strings.TrimSpace(string(content))
	switch {
	case err != nil:
		p.add("SMARTASSIST_CLIENT_SECRET_FILE", "%s cannot be read (%v): correct the path or the permissions", shown, errors.Unwrap(err))
	case secret == "":
		p.add("SMARTASSIST_CLIENT_SECRET_FILE", "%s is empty: put the client secret into it", shown)
	}
	return secret
}

func (p *problems) botIDs(items []string) []string {
	ids := trimmed(items)
	if len(ids) == 0 {
		p.add("SMARTASSIST_BOT_ID", `is not set: set it to the bots' stream ids ("st-…", comma separated), which each bot's General Settings page shows`)
	}
	if len(ids) > maxBots {
		p.add("SMARTASSIST_BOT_ID", "names %d bots, more than %d: spread them over several installations", len(ids), maxBots)
	}
	for i, id := range ids {
		if err := workflows.ValidateBotID(id); err != nil {
			p.add("SMARTASSIST_BOT_ID", "%q is not a stream id: want \"st-\" and letters, digits and hyphens", clip(id))
		} else if slices.Contains(ids[:i], id) {
			p.add("SMARTASSIST_BOT_ID", "%q is named twice: remove one", id)
		}
	}
	return ids
}

func (p *problems) budget(variable string, n int, environment map[string]string) int {
	if n < 1 || n > maxBudget {
		p.add(variable, "%q is not a valid budget: want a whole number from 1 to %d", clip(environment[variable]), maxBudget)
	}
	return n
}

// baseURL validates the address of the upstream, to which tokens are sent.
func (p *problems) baseURL(variable, value string) *url.URL {
	address := p.endpoint(variable, value)
	if address.Scheme == "http" && !media.IsLoopbackHost(address.Hostname()) {
		p.add(variable, "%q would send tokens unencrypted: use https", clipURL(address))
	}
	return address
}

func (p *problems) endpoint(variable, value string) *url.URL {
	address, err := url.Parse(value)
	switch {
	case err != nil || address.Hostname() == "" || address.Scheme != "http" && address.Scheme != "https":
		shown := ""
		if !strings.ContainsAny(value, "@?#") { // It may hold a password.
			shown = fmt.Sprintf("%q ", clip(value))
		}
		p.add(variable, `%sis not an address: want one such as "https://host" or "https://host:port"`, shown)
		return &url.URL{Scheme: "https", Host: "invalid"}
	case !isPort(address.Port()):
		p.add(variable, "%q has no usable port: want 1 to 65535, or none", clipURL(address))
	case address.User != nil:
		p.add(variable, "holds a user name or password: remove them, credentials have variables of their own")
	case strings.Trim(address.Path, "/") != "" || address.RawQuery != "" || address.Fragment != "":
		p.add(variable, "%q has a path or query: give scheme and host alone", clipURL(address))
	}
	address.Path = ""
	return address
}

// isPort reports whether a port, which may be left out, can be connected to.
func isPort(port string) bool {
	n, err := strconv.Atoi(port)
	return port == "" || err == nil && n >= 1 && n <= 65535
}

func (p *problems) hosts(items []string) []string {
	hosts := trimmed(items)
	for _, host := range hosts {
		name := strings.TrimPrefix(host, "*.")
		if name == "" || strings.ContainsAny(name, "*/:@ ") || host != name && !strings.Contains(name, ".") {
			p.add("SMARTASSIST_MEDIA_HOSTS", `%q is not a host: want names such as "media.example.com" or "*.example.com", without scheme, port or path`, clip(host))
		}
	}
	return hosts
}

func (p *problems) bucket(value string) string {
	if err := s3utils.CheckValidBucketNameStrict(value); err != nil {
		p.add("S3_BUCKET", "%q is not a valid bucket name (%v): want 3 to 63 lower-case letters, digits, dots and hyphens", clip(value), err)
	}
	return value
}

// keyPair validates the one part of the AWS credential chain that is easily set by
// half; without the other half requests would be sent unsigned.
func (p *problems) keyPair(id, secret string) {
	switch {
	case id != "" && secret == "":
		p.add("AWS_SECRET_ACCESS_KEY", "is not set in addition to AWS_ACCESS_KEY_ID: set both, or neither for another source of the AWS credential chain")
	case id == "" && secret != "":
		p.add("AWS_ACCESS_KEY_ID", "is not set in addition to AWS_SECRET_ACCESS_KEY: set both, or neither for another source of the AWS credential chain")
	}
}

func (p *problems) healthAddress(value string) string {
	if _, port, err := net.SplitHostPort(value); value != "" && (err != nil || port == "") {
		p.add("CALLVAULT_HEALTH_ADDRESS", "%q is not an address: want one such as 127.0.0.1:8080", clip(value))
	}
	return value
}

func (p *problems) prefix(value string) string {
	if value != "" && (len(value) > maxPrefixBytes || !prefixPattern.MatchString(value)) {
		p.add("S3_PREFIX", `%q is not a valid prefix: want one such as "calls/": letters, digits, "-", "_" and ".", at most %d bytes, without a leading slash or an empty or dotted folder`, clip(value), maxPrefixBytes)
	}
	return value
}

// trimmed returns the items of a comma separated list without blanks.
func trimmed(items []string) []string {
	var kept []string
	for _, item := range items {
		if item = strings.TrimSpace(item); item != "" {
			kept = append(kept, item)
		}
	}
	return kept
}

func clip(value string) string { return value[:min(len(value), 100)] }

// clipURL shows an address without what may be secret in it.
func clipURL(address *url.URL) string { return clip(address.Scheme + "://" + address.Host) }
