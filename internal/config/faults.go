package config

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"

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

var (
	bucketPattern = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)
	// Each folder begins with a letter or digit, so none is "." or "..".
	prefixPattern = regexp.MustCompile(`^([0-9A-Za-z][0-9A-Za-z._-]*/)*([0-9A-Za-z][0-9A-Za-z._-]*)?$`)
)

// faults collects what is wrong. Each method judges one value and answers
// something usable in any case, so that the rest is judged as well.
type faults []error

func (f *faults) add(variable, format string, args ...any) {
	*f = append(*f, fmt.Errorf("  %s: %s", variable, fmt.Sprintf(format, args...)))
}

func (f *faults) required(variable, value, what string) string {
	if value == "" {
		f.add(variable, "is not set: set it to %s", what)
	}
	return value
}

func (f *faults) clientSecret(value, file string) string {
	switch {
	case value != "" && file != "":
		f.add("SMARTASSIST_CLIENT_SECRET", "is set beside SMARTASSIST_CLIENT_SECRET_FILE: remove one of them")
		return ""
	case file == "":
		return f.required("SMARTASSIST_CLIENT_SECRET", value, "the client secret of the JWT app, or name a file that holds it in SMARTASSIST_CLIENT_SECRET_FILE")
	}
	shown := fmt.Sprintf("%q", clip(file))
	if !strings.ContainsAny(file, `/\.`) {
		shown = "what it holds, which looks like a secret rather than a path,"
	}
	info, err := os.Stat(file)
	switch {
	case err != nil:
		f.add("SMARTASSIST_CLIENT_SECRET_FILE", "%s cannot be read (%v): correct the path or the permissions", shown, errors.Unwrap(err))
		return ""
	case info.IsDir() || info.Size() > maxSecretBytes:
		f.add("SMARTASSIST_CLIENT_SECRET_FILE", "%s is no file of at most %d bytes: name the file that holds the secret alone", shown, maxSecretBytes)
		return ""
	}
	content, err := os.ReadFile(file)
	secret := strings.TrimSpace(string(content))
	switch {
	case err != nil:
		f.add("SMARTASSIST_CLIENT_SECRET_FILE", "%s cannot be read (%v): correct the path or the permissions", shown, errors.Unwrap(err))
	case secret == "":
		f.add("SMARTASSIST_CLIENT_SECRET_FILE", "%s is empty: put the client secret into it", shown)
	}
	return secret
}

func (f *faults) botIDs(value string) []string {
	ids := list(value)
	if len(ids) == 0 {
		f.add("SMARTASSIST_BOT_ID", `is not set: set it to the bots' stream ids ("st-…", comma separated), which each bot's General Settings page shows`)
	}
	if len(ids) > maxBots {
		f.add("SMARTASSIST_BOT_ID", "names %d bots, more than %d: spread them over several installations", len(ids), maxBots)
	}
	for i, id := range ids {
		if err := workflows.ValidateBotID(id); err != nil {
			f.add("SMARTASSIST_BOT_ID", "%q is no stream id: want \"st-\" and letters, digits and hyphens", clip(id))
		} else if slices.Contains(ids[:i], id) {
			f.add("SMARTASSIST_BOT_ID", "%q is named twice: remove one", id)
		}
	}
	return ids
}

func (f *faults) budget(variable, value string) int {
	n, err := strconv.Atoi(value)
	if err != nil || n < 1 || n > maxBudget {
		f.add(variable, "%q is no budget: want a whole number from 1 to %d", clip(value), maxBudget)
	}
	return n
}

// baseURL judges the address of the upstream, to which tokens are sent.
func (f *faults) baseURL(variable, value string) *url.URL {
	address := f.endpoint(variable, value)
	if address.Scheme == "http" && !media.IsLoopbackHost(address.Hostname()) {
		f.add(variable, "%q would send tokens in the clear: use https", clipURL(address))
	}
	return address
}

func (f *faults) endpoint(variable, value string) *url.URL {
	address, err := url.Parse(value)
	switch {
	case err != nil || address.Hostname() == "" || address.Scheme != "http" && address.Scheme != "https":
		shown := ""
		if !strings.ContainsAny(value, "@?#") { // What stands there may be a password.
			shown = fmt.Sprintf("%q ", clip(value))
		}
		f.add(variable, `%sis no address: want one such as "https://host" or "https://host:port"`, shown)
		return &url.URL{Scheme: "https", Host: "invalid"}
	case !isPort(address.Port()):
		f.add(variable, "%q has no usable port: want 1 to 65535, or none", clipURL(address))
	case address.User != nil:
		f.add(variable, "holds a user name or password: remove them, credentials have variables of their own")
	case strings.Trim(address.Path, "/") != "" || address.RawQuery != "" || address.Fragment != "":
		f.add(variable, "%q has a path or query: give scheme and host alone", clipURL(address))
	}
	address.Path = ""
	return address
}

// isPort tells whether a port that may be left out can be connected to.
func isPort(port string) bool {
	n, err := strconv.Atoi(port)
	return port == "" || err == nil && n >= 1 && n <= 65535
}

func (f *faults) hosts(value string) []string {
	hosts := list(value)
	for _, host := range hosts {
		name := strings.TrimPrefix(host, "*.")
		if name == "" || strings.ContainsAny(name, "*/:@ ") || host != name && !strings.Contains(name, ".") {
			f.add("SMARTASSIST_MEDIA_HOSTS", `%q is no host: want names such as "media.example.com" or "*.example.com", without scheme, port or path`, clip(host))
		}
	}
	return hosts
}

func (f *faults) bucket(value string) string {
	_, notAnAddress := netip.ParseAddr(value)
	if !bucketPattern.MatchString(value) || strings.Contains(value, "..") || notAnAddress == nil {
		f.add("S3_BUCKET", "%q is no bucket name: want 3 to 63 lower-case letters, digits, dots and hyphens", clip(value))
	}
	return value
}

// keyPair judges the one part of the AWS credential chain that is easily set by
// half; without the other half requests would go out unsigned.
func (f *faults) keyPair(id, secret string) {
	switch {
	case id != "" && secret == "":
		f.add("AWS_SECRET_ACCESS_KEY", "is not set beside AWS_ACCESS_KEY_ID: set both, or neither for another source of the AWS credential chain")
	case id == "" && secret != "":
		f.add("AWS_ACCESS_KEY_ID", "is not set beside AWS_SECRET_ACCESS_KEY: set both, or neither for another source of the AWS credential chain")
	}
}

func (f *faults) healthAddress(value string) string {
	if _, port, err := net.SplitHostPort(value); value != "" && (err != nil || port == "") {
		f.add("CALLVAULT_HEALTH_ADDRESS", "%q is no address: want one such as 127.0.0.1:8080", clip(value))
	}
	return value
}

func (f *faults) prefix(value string) string {
	if value != "" && (len(value) > maxPrefixBytes || !prefixPattern.MatchString(value)) {
		f.add("S3_PREFIX", `%q is no prefix: want one such as "calls/": letters, digits, "-", "_" and ".", at most %d bytes, without a leading slash or an empty or dotted folder`, clip(value), maxPrefixBytes)
	}
	return value
}

func list(value string) []string {
	var items []string
	for item := range strings.SplitSeq(value, ",") {
		if item = strings.TrimSpace(item); item != "" {
			items = append(items, item)
		}
	}
	return items
}

func clip(value string) string { return value[:min(len(value), 100)] }

// clipURL shows an address without what may be secret in it.
func clipURL(address *url.URL) string { return clip(address.Scheme + "://" + address.Host) }
