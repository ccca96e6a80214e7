package config

import (
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"

	"github.com/callvault/callvault/internal/media"
)

// baseURL validates the address of the upstream, to which tokens are sent.
func (p *problems) baseURL(s setting) *url.URL {
	address := p.endpoint(s)
	if address.Scheme == "http" && !media.IsLoopbackHost(address.Hostname()) {
		p.add(s.place, "%q would send tokens unencrypted: use https", clipURL(address))
	}
	return address
}

func (p *problems) endpoint(s setting) *url.URL {
	address, err := url.Parse(s.text)
	switch {
	case err != nil || address.Hostname() == "" || address.Scheme != "http" && address.Scheme != "https":
		shown := ""
		if err == nil && !strings.ContainsAny(s.text, "@?#") { // Else it may hold a password.
			shown = fmt.Sprintf("%q ", clip(s.text))
		}
		p.add(s.place, `%sis not an address: want one such as "https://host" or "https://host:port"`, shown)
		return &url.URL{Scheme: "https", Host: "invalid"}
	case !isPort(address.Port()):
		p.add(s.place, "%q has no usable port: want 1 to 65535, or none", clipURL(address))
	case address.User != nil:
		p.add(s.place, "holds a user name or password: remove them, credentials have settings of their own")
	case strings.Trim(address.Path, "/") != "" || address.RawQuery != "" || address.Fragment != "":
		p.add(s.place, "%q has a path or query: give scheme and host alone", clipURL(address))
	}
	return &url.URL{Scheme: address.Scheme, Host: address.Host}
}

// isPort reports whether a port, which may be left out, can be connected to.
func isPort(port string) bool {
	n, err := strconv.Atoi(port)
	return port == "" || err == nil && n >= 1 && n <= 65535
}

func (p *problems) hosts(list setting) []string {
	var hosts []string
	if len(list.items) > maxHosts {
		p.add(list.place, "names %d hosts, more than %d: use *. for the names below a domain", len(list.items), maxHosts)
		return nil
	}
	for _, item := range list.items {
		name := strings.TrimPrefix(item.text, "*.")
		if name == "" || strings.ContainsAny(name, "*/:@ ") || item.text != name && !strings.Contains(name, ".") {
			p.add(item.place, `%q is not a host: want names such as "media.example.com" or "*.example.com", without scheme, port or path`, clip(item.text))
		}
		hosts = append(hosts, item.text)
	}
	return hosts
}

func (p *problems) healthAddress(s setting) string {
	if _, port, err := net.SplitHostPort(s.text); s.text != "" && (err != nil || port == "") {
		p.add(s.place, "%q is not an address: want one such as 127.0.0.1:8080", clip(s.text))
	}
	return s.text
}

// clipURL shows an address without what may be secret in it.
func clipURL(address *url.URL) string { return clip(address.Scheme + "://" + address.Host) }
