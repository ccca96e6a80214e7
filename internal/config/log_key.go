package config

import (
	"net/url"

	"github.com/callvault/callvault/internal/account"
	"github.com/callvault/callvault/internal/daylog"
	"github.com/callvault/callvault/internal/media"
)

// logKey reads the key that signs the log of sealed days, if there is one. It is read once,
// because it must not change: a log that another key has signed is refused.
func (p *problems) logKey(w *written) *daylog.Key {
	const name = "archive.logKey"
	if !hasSecret(w, name) {
		return nil
	}
	source := p.secret(w, name, "the key of the log of sealed days")
	if source == nil {
		return nil
	}
	text, err := source.Read()
	if err != nil {
		p.add(w.place(givenOf(w, name)), "%v", err)
		return nil
	}
	key, err := daylog.ParseKey(text)
	if err != nil {
		p.add(w.place(givenOf(w, name)), "what it holds cannot be used: %v", err)
	}
	return key
}

// timestampURL validates the address of a timestamping authority, which may have a path.
func (p *problems) timestampURL(s setting) *url.URL {
	if s.text == "" {
		return nil
	}
	address, err := url.Parse(s.text)
	switch {
	case err != nil || address.Hostname() == "" || !isPort(address.Port()) || address.Scheme != "https" && address.Scheme != "http":
		p.add(s.place, `is not an address: want one such as "https://timestamp.example.com/tsr"`)
	case address.Scheme == "http" && !media.IsLoopbackHost(address.Hostname()):
		p.add(s.place, "%q is not encrypted, so that anybody on the way could answer: use https", clipURL(address))
	case address.User != nil || address.Fragment != "":
		p.add(s.place, "holds a user name, a password or a fragment: remove them")
	}
	return address
}

// oneKeyForEachLog reports accounts that share an archive and would sign its log by different
// keys: the second one would refuse what the first one has signed.
func (p *problems) oneKeyForEachLog(accounts []*written, settings []account.Settings) {
	type log struct{ endpoint, bucket, prefix string }
	first := make(map[log]int)
	for i, s := range settings {
		at := log{s.Archive.Endpoint.String(), s.Archive.Bucket, s.Archive.Prefix}
		other, shared := first[at]
		switch {
		case !shared:
			first[at] = i
		case publicOf(s) != publicOf(settings[other]):
			w := accounts[i]
			p.add(w.place(givenOf(w, "archive.logKey")), "is not the key of %s, which has the same bucket and prefix, and so the same log: give both accounts one key, or one of them another archive.prefix", accounts[other].at)
		}
	}
}

func publicOf(s account.Settings) string {
	if s.LogKey == nil {
		return ""
	}
	return s.LogKey.Public()
}
