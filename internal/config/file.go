package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// fileVariable names the configuration file.
const fileVariable = "CALLVAULT_CONFIG"

// Bounds of the configuration file.
const (
	maxFileBytes = 1 << 20
	maxAccounts  = 100
)

// file reads the accounts of the configuration file, and its health address.
func (p *problems) file(name string, environment map[string]string) (accounts []*written, health setting) {
	root, err := parseFile(name)
	if err != nil {
		p.add(place{name: fileVariable}, "%v", err)
		return nil, health
	}
	return p.document(root, filepath.Dir(name), environment)
}

// conflict reports variables of the short form that are set beside the file,
// unless the file refers to them.
func (p *problems) conflict(accounts []*written, environment map[string]string) {
	referred := referenced(accounts)
	var both []string
	for _, name := range shortFormVariables() {
		if environment[name] != "" && !slices.Contains(referred, name) {
			both = append(both, name)
		}
	}
	if len(both) > 0 {
		p.add(place{name: fileVariable}, "is set in addition to %s: unset them, and write what they say into the file, or unset %s", strings.Join(both, ", "), fileVariable)
	}
}

// parseFile returns the one document of a YAML file, in which nothing stands for
// something else.
func parseFile(name string) (*yaml.Node, error) {
	content, err := readFile(name)
	if err != nil {
		return nil, err
	}
	decoder := yaml.NewDecoder(bytes.NewReader(content))
	var document, next yaml.Node
	switch err := decoder.Decode(&document); {
	case errors.Is(err, io.EOF):
		return nil, fmt.Errorf("the file %q is empty: write the accounts into it, see docs/configuration.md", clip(name))
	case err != nil:
		return nil, syntaxError(name, err)
	}
	switch err := decoder.Decode(&next); {
	case err == nil:
		return nil, fmt.Errorf(`the file %q has a second document (line %d): keep one, and remove the "---" between them`, clip(name), next.Line)
	case !errors.Is(err, io.EOF):
		return nil, syntaxError(name, err)
	}
	if err := checkPlain(&document); err != nil {
		return nil, err
	}
	return document.Content[0], nil
}

func readFile(name string) ([]byte, error) {
	info, err := os.Stat(name)
	switch {
	case err != nil:
		return nil, fmt.Errorf("the file %q cannot be read (%w): correct the path or the permissions", clip(name), errors.Unwrap(err))
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%q is not a file: name the file that holds the accounts", clip(name))
	}
	file, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("the file %q cannot be read (%w): correct the path or the permissions", clip(name), errors.Unwrap(err))
	}
	defer file.Close()
	content, err := io.ReadAll(io.LimitReader(file, maxFileBytes+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("the file %q cannot be read (%w): correct the path or the permissions", clip(name), errors.Unwrap(err))
	case len(content) > maxFileBytes:
		return nil, fmt.Errorf("the file %q is larger than %d bytes: name the file that holds the accounts alone", clip(name), maxFileBytes)
	}
	return content, nil
}

// syntaxError returns what the YAML library says, which names the line. Only its
// text about anchors quotes the file.
func syntaxError(name string, err error) error {
	cause := strings.TrimPrefix(err.Error(), "yaml: ")
	if strings.Contains(cause, "anchor") {
		cause = `an alias ("*name") has no anchor`
	}
	return fmt.Errorf("the file %q is not valid YAML (%s): correct it there; a text with special characters needs quotes", clip(name), cause)
}

// checkPlain refuses what a reader would have to look up: anchors, with which a
// small file can stand for a huge one, and tags, which change what a value means.
func checkPlain(node *yaml.Node) error {
	switch {
	case node.Anchor != "" || node.Kind == yaml.AliasNode:
		return fmt.Errorf(`line %d has an anchor ("&name") or an alias ("*name"): write the value out`, node.Line)
	case node.Style&yaml.TaggedStyle != 0:
		return fmt.Errorf(`line %d has a tag ("!name"): remove it`, node.Line)
	}
	for _, child := range node.Content {
		if err := checkPlain(child); err != nil {
			return err
		}
	}
	return nil
}
