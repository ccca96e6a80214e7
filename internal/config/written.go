package config

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
)

// place is where an operator can correct something: a variable, or a path in the
// file with its line.
type place struct {
	name string
	line int // 0 for a variable
}

func (at place) String() string {
	if at.line == 0 {
		return at.name
	}
	return fmt.Sprintf("%s (line %d)", at.name, at.line)
}

// setting is what was given for one key.
type setting struct {
	place place

	text   string         // of every kind but the next two
	items  []setting      // of a list
	claims map[string]any // of claims
}

// written is an account as an operator wrote it, before validation.
type written struct {
	// given are the settings that were given, by the names of their keys.
	given map[string]setting

	// environment is what settings may refer to.
	environment map[string]string

	// The rest is about the file alone. The lines are those of the sections, ""
	// being the account; nil in the short form. What was misread, a key or a
	// section, was given in a way that is reported, so it is not missing.
	at      string // such as "accounts[1]"
	lines   map[string]int
	misread map[string]bool
	folder  string // where relative paths begin
}

func (w *written) isShortForm() bool { return w.lines == nil }

func (w *written) has(name string) bool {
	_, found := w.given[name]
	return found
}

// hasSection reports whether a section was given, be it empty.
func (w *written) hasSection(section string) bool {
	for name := range w.given {
		if strings.HasPrefix(name, withDot(section)) {
			return true
		}
	}
	return w.lines[section] > 0
}

// get returns the setting of a key, or what is in use if none was given.
func (w *written) get(name string) setting {
	if s, found := w.given[name]; found {
		return s
	}
	k, at := keyOf(name), w.place(name)
	s := setting{place: at}
	for _, standard := range k.standard {
		s.text = standard
		s.items = append(s.items, setting{place: at, text: standard})
	}
	return s
}

// place returns where a setting is, or would be.
func (w *written) place(name string) place {
	if s, found := w.given[name]; found {
		return s.place
	}
	if w.isShortForm() {
		return place{name: keyOf(name).variable}
	}
	section := sectionOf(name)
	for section != "" && w.lines[section] == 0 {
		section = sectionOf(section)
	}
	return place{w.at + "." + name, w.lines[section]}
}

// nameOf returns how the operator calls a key; empty if the form does not have it.
func (w *written) nameOf(name string) string {
	if w.isShortForm() {
		return keyOf(name).variable
	}
	return name[strings.LastIndexByte(name, '.')+1:]
}

// oneOf returns how the operator calls several keys, of which one is wanted.
func (w *written) oneOf(names ...string) string {
	var called []string
	for _, name := range names {
		if name = w.nameOf(name); name != "" {
			called = append(called, name)
		}
	}
	return strings.Join(called, " or ")
}

// isMisread reports whether a key, or a section that it is in, was misread.
func (w *written) isMisread(name string) bool {
	for !w.misread[name] {
		if name == "" {
			return false
		}
		name = sectionOf(name)
	}
	return true
}

// file returns the absolute path of a file: the process may change its folder.
func (w *written) file(name string) string {
	file := w.given[name].text
	if !filepath.IsAbs(file) {
		file = filepath.Join(w.folder, file)
	}
	if absolute, err := filepath.Abs(file); err == nil {
		return absolute
	}
	return file
}

// referenced returns the variables that settings of accounts refer to.
func referenced(accounts []*written) []string {
	var names []string
	for _, w := range accounts {
		for _, k := range keys {
			if k.kind == kindVariable && w.has(k.name) {
				names = append(names, w.given[k.name].text)
			}
		}
	}
	return slices.Compact(slices.Sorted(slices.Values(names)))
}
