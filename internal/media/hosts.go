package media

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"syscall"
	"unicode/utf8"

	"github.com/callvault/callvault/internal/failure"
)

// ErrHostRefused means that recordings may not come from the URL's host, which was not
// contacted. An operator can allow it.
var ErrHostRefused = failure.New(failure.Blocked, "media host refused")

// HostPolicy decides which hosts media may come from.
type HostPolicy struct {
	api      *url.URL
	patterns []string
	resolver *net.Resolver
}

// NewHostPolicy allows the API's own host and those that match patterns: a
// host name, or "*." and a domain for all its subdomains. Addresses that are
// not public (loopback, private, link-local and similar) are refused for any
// name, unless the API itself has an address of that kind.
func NewHostPolicy(api *url.URL, patterns []string) *HostPolicy {
	normalised := make([]string, 0, len(patterns))
	for _, pattern := range patterns {
		normalised = append(normalised, normalHost(pattern))
	}
	return &HostPolicy{api: api, patterns: normalised, resolver: net.DefaultResolver}
}

// CheckURL returns [ErrHostRefused] if media may not be fetched from u. Its
// errors contain no more of u than the host.
func (p *HostPolicy) CheckURL(u *url.URL) error {
	host := normalHost(u.Hostname())
	if host == "" {
		return fmt.Errorf("%w: the media URL has no host", ErrHostRefused)
	}
	if strings.ContainsFunc(host, func(r rune) bool { return r >= utf8.RuneSelf }) {
		// Case folding and the encoding for DNS may turn such a name into two
		// different names.
		return fmt.Errorf("%w: the media host's name is not in ASCII", ErrHostRefused)
	}
	if u.User != nil {
		return fmt.Errorf("%w: the media URL for %s contains a user name, which the vendor's URLs never do: ask the vendor", ErrHostRefused, host)
	}
	if u.Scheme != "https" && (u.Scheme != "http" || p.api.Scheme != "http" || !isLoopbackHost(host)) {
		return fmt.Errorf("%w: the media URL for %s has the scheme %.20q, not https, so the recording would be sent unencrypted: ask the vendor", ErrHostRefused, host, u.Scheme)
	}
	if !p.allowsHost(host) {
		return fmt.Errorf("%w: %s is not an allowed media host: if it is the vendor's, add it to SMARTASSIST_MEDIA_HOSTS", ErrHostRefused, host)
	}
	return nil
}

func (p *HostPolicy) allowsHost(host string) bool {
	api := normalHost(p.api.Hostname())
	if host == api || isLoopbackHost(host) && isLoopbackHost(api) {
		return true
	}
	if strings.ContainsAny(host, ":%") {
		// A host name contains neither; an IPv6 address does, and its zone may
		// end in any domain.
		return false
	}
	for _, pattern := range p.patterns {
		if domain, wildcard := strings.CutPrefix(pattern, "*"); host == pattern ||
			wildcard && strings.HasSuffix(host, domain) && len(host) > len(domain) {
			return true
		}
	}
	return false
}

// control refuses a forbidden address at the time of connecting. Resolving the
// name before that would not be safe: a name server may return another address
// the next time (DNS rebinding).
func (p *HostPolicy) control(ctx context.Context, _, address string, _ syscall.RawConn) error {
	target, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("%w: %q is not a valid address", ErrHostRefused, address)
	}
	class := classOf(target.Addr())
	if class == public || p.apiIs(ctx, class) {
		return nil
	}
	return fmt.Errorf("%w: the media host's name resolves to a %s address, and the API's does not", ErrHostRefused, class)
}

func (p *HostPolicy) apiIs(ctx context.Context, class addressClass) bool {
	addresses, err := p.resolver.LookupNetIP(ctx, "ip", p.api.Hostname())
	if err != nil {
		return false
	}
	for _, address := range addresses {
		if classOf(address) == class {
			return true
		}
	}
	return false
}

type addressClass string

const (
	public    addressClass = "public"
	loopback  addressClass = "loopback"
	linkLocal addressClass = "link-local"
	private   addressClass = "private"
	special   addressClass = "special-purpose"
)

// specialPrefixes are the ranges of the IANA special-purpose registries that
// netip has no predicate for: this network, shared address space (carriers'
// NAT), benchmarking, documentation, reserved, and the prefixes that embed an
// IPv4 address.
var specialPrefixes = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"),
	netip.MustParsePrefix("100.64.0.0/10"),
	netip.MustParsePrefix("192.0.0.0/24"),
	netip.MustParsePrefix("192.0.2.0/24"),
	netip.MustParsePrefix("198.18.0.0/15"),
	netip.MustParsePrefix("198.51.100.0/24"),
	netip.MustParsePrefix("203.0.113.0/24"),
	netip.MustParsePrefix("240.0.0.0/4"),
	netip.MustParsePrefix("64:ff9b::/96"),
	netip.MustParsePrefix("64:ff9b:1::/48"),
	netip.MustParsePrefix("100::/64"),
	netip.MustParsePrefix("2001::/23"),
	netip.MustParsePrefix("2001:db8::/32"),
	netip.MustParsePrefix("2002::/16"),
	netip.MustParsePrefix("fec0::/10"),
}

func classOf(address netip.Addr) addressClass {
	address = address.Unmap().WithZone("")
	switch {
	case address.IsLoopback():
		return loopback
	case address.IsLinkLocalUnicast(), address.IsLinkLocalMulticast():
		return linkLocal
	case address.IsPrivate():
		return private
	case !address.IsValid(), address.IsUnspecified(), address.IsMulticast(), address.IsInterfaceLocalMulticast():
		return special
	}
	for _, prefix := range specialPrefixes {
		if prefix.Contains(address) {
			return special
		}
	}
	return public
}

// IsLoopbackHost reports whether host names this machine itself.
func IsLoopbackHost(host string) bool { return isLoopbackHost(normalHost(host)) }

func isLoopbackHost(host string) bool {
	address, err := netip.ParseAddr(host)
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || err == nil && address.Unmap().IsLoopback()
}

func normalHost(host string) string {
	return strings.TrimSuffix(strings.ToLower(strings.TrimSpace(host)), ".")
}
