package config

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Bounds of what one key of the file may hold.
const (
	maxTextBytes = 4096
	maxItems     = 1000
)

// plainWord matches keys that may be shown. Another one may be a whole line that
// lacks the space after its colon, secret included.
var plainWord = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_-]{0,39}$`)

// field is one key of a section, with its value.
type field struct {
	name  string
	place place
	value *yaml.Node
}

// document reads the accounts of the file and its health address.
func (p *problems) document(root *yaml.Node, folder string, environment map[string]string) (accounts []*written, health setting) {
	fields, misread := p.fields("", 1, root, []string{"accounts", "healthAddress"})
	list := place{"accounts", root.Line}
	for _, f := range fields {
		if f.name == "healthAddress" {
			health, _ = p.textOf(f)
			continue
		}
		list = f.place
		switch n := len(f.value.Content); {
		case f.value.Kind != yaml.SequenceNode:
			p.add(list, "is not a list: put a hyphen before the first key of each account")
			return nil, health
		case n > maxAccounts:
			p.add(list, "has %d accounts, more than %d: spread them over several files and workers", n, maxAccounts)
			return nil, health
		}
		for i, node := range f.value.Content {
			w := &written{
				at: fmt.Sprintf("accounts[%d]", i), folder: folder, environment: environment,
				given: make(map[string]setting), lines: make(map[string]int), misread: make(map[string]bool),
			}
			p.section(w, "", node.Line, node)
			accounts = append(accounts, w)
		}
	}
	if len(accounts) == 0 && len(misread) == 0 {
		p.add(list, "is not set: want a list of at least one account")
	}
	return accounts, health
}

// section reads a section of an account and the sections in it.
func (p *problems) section(w *written, section string, line int, node *yaml.Node) {
	w.lines[section] = line
	fields, misread := p.fields(strings.TrimSuffix(w.at+"."+section, "."), line, node, namesIn(section))
	for _, name := range misread {
		w.misread[strings.TrimSuffix(withDot(section)+name, ".")] = true
	}
	for _, f := range fields {
		name := withDot(section) + f.name
		if isSection(name) {
			p.section(w, name, f.place.line, f.value)
		} else if s, ok := p.settingOf(f, keyOf(name).kind); ok {
			w.given[name] = s
		} else {
			w.misread[name] = true
		}
	}
}

// fields returns the keys of a section, except those that are left empty. misread
// are the keys that were given in a way that is reported; "" is the section itself.
func (p *problems) fields(at string, line int, section *yaml.Node, known []string) (fields []field, misread []string) {
	here := place{at, line}
	if at == "" {
		here.name = "the file"
	}
	if section.Kind != yaml.MappingNode {
		p.add(here, "is not a section: want keys in it, such as %s", known[0])
		return nil, []string{""}
	}
	lines := make(map[string]int)
	for pair := range slices.Chunk(section.Content, 2) {
		f := field{name: pair[0].Value, value: pair[1]}
		f.place = place{strings.TrimPrefix(at+"."+f.name, "."), pair[0].Line}
		first := lines[f.name]
		switch {
		case pair[0].Kind != yaml.ScalarNode || !plainWord.MatchString(f.name):
			p.add(here, "has in line %d what is not a key: want one of %s, then a colon and a space", f.place.line, strings.Join(known, ", "))
		case slices.Contains(known, f.name+"File"):
			p.add(f.place, "is not a key, since no secret is written into the file: want %sFile, which names the file that holds it, or %sEnv, which names the variable", f.name, f.name)
			misread = append(misread, f.name+"File")
		case !slices.Contains(known, f.name):
			p.add(f.place, "is not a key: want one of %s", strings.Join(known, ", "))
		case first > 0:
			p.add(f.place, "is given in line %d already: remove one of them", first)
		case !isEmpty(f.value):
			fields = append(fields, f)
		}
		lines[f.name] = f.place.line
	}
	return fields, misread
}

// isEmpty reports whether nothing was written as a value, or "", null or ~. That
// counts as not set, as with variables.
func isEmpty(node *yaml.Node) bool {
	return node.Kind == yaml.ScalarNode && (node.Tag == "!!null" || strings.TrimSpace(node.Value) == "")
}

func (p *problems) settingOf(f field, kind kind) (setting, bool) {
	switch kind {
	case kindList:
		return p.listOf(f)
	case kindClaims:
		return p.claimsOf(f)
	default:
		return p.textOf(f)
	}
}

// textOf reads a text, a number or a word like true as it was written.
func (p *problems) textOf(f field) (setting, bool) {
	switch {
	case f.value.Kind != yaml.ScalarNode:
		p.add(f.place, "is a list or a section: want one value")
		return setting{}, false
	case len(f.value.Value) > maxTextBytes:
		p.add(f.place, "has %d bytes: want at most %d", len(f.value.Value), maxTextBytes)
		return setting{}, false
	}
	return setting{place: f.place, text: strings.TrimSpace(f.value.Value)}, true
}

func (p *problems) listOf(f field) (setting, bool) {
	switch {
	case f.value.Kind != yaml.SequenceNode:
		p.add(f.place, "is not a list: want one such as [one, two]")
		return setting{}, false
	case len(f.value.Content) > maxItems:
		p.add(f.place, "has %d items: want at most %d", len(f.value.Content), maxItems)
		return setting{}, false
	}
	list := setting{place: f.place, items: []setting{}}
	whole := true
	for i, node := range f.value.Content {
		item := field{place: place{fmt.Sprintf("%s[%d]", f.place.name, i), node.Line}, value: node}
		if isEmpty(node) {
			p.add(item.place, "is empty: remove it")
			whole = false
		} else if s, ok := p.textOf(item); ok {
			list.items = append(list.items, s)
		} else {
			whole = false
		}
	}
	return list, whole
}
