package config

import (
	"encoding/json"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Effective is a configuration with its defaults, as a configuration file says it.
// A secret is where it comes from.
type Effective struct{ root *yaml.Node }

// Effective returns c as it is in use. c was returned by [FromEnvironment].
func (c *Config) Effective() Effective {
	accounts := &yaml.Node{Kind: yaml.SequenceNode}
	for _, w := range c.written {
		accounts.Content = append(accounts.Content, w.effective())
	}
	root := &yaml.Node{Kind: yaml.MappingNode}
	addTo(root, "accounts", accounts)
	if c.HealthAddress != "" {
		addTo(root, "healthAddress", textNode(c.HealthAddress))
	}
	return Effective{root}
}

// YAML returns a configuration file.
func (e Effective) YAML() (string, error) {
	var out strings.Builder
	encoder := yaml.NewEncoder(&out)
	encoder.SetIndent(2)
	if err := encoder.Encode(e.root); err != nil {
		return "", err
	}
	return out.String(), nil
}

// MarshalJSON returns what the file holds as JSON.
func (e Effective) MarshalJSON() ([]byte, error) {
	var value any
	if err := e.root.Decode(&value); err != nil {
		return nil, err
	}
	return json.Marshal(value)
}

// effective returns the account's section of a configuration file.
func (w *written) effective() *yaml.Node {
	sections := map[string]*yaml.Node{"": {Kind: yaml.MappingNode}}
	for _, k := range keys {
		value := w.effectiveValue(k)
		if value == nil {
			continue
		}
		addTo(sectionIn(sections, sectionOf(k.name)), k.name[strings.LastIndexByte(k.name, '.')+1:], value)
	}
	if w.usesStandardChain() {
		sections["archive"].Content[0].HeadComment = "Its keys come from the standard AWS chain."
		if w.has("archive.role") {
			sections["archive"].Content[0].HeadComment = "The role is taken with keys of the standard AWS chain."
		}
	}
	return sections[""]
}

// effectiveValue returns nil for what is not in use.
func (w *written) effectiveValue(k key) *yaml.Node {
	s := w.get(k.name)
	isUnused := sectionOf(k.name) == "token.encryption" && !w.hasSection("token.encryption")
	switch {
	case isUnused:
		return nil
	case k.kind == kindList:
		list := &yaml.Node{Kind: yaml.SequenceNode, Style: yaml.FlowStyle}
		for _, item := range s.items {
			list.Content = append(list.Content, textNode(item.text))
		}
		return list
	case k.kind == kindClaims && w.has(k.name):
		node := new(yaml.Node)
		if node.Encode(s.claims) != nil {
			return nil
		}
		return node
	case s.text == "":
		return nil
	case k.kind == kindPath:
		return textNode(w.file(k.name))
	}
	return textNode(s.text)
}

// sectionIn returns the section of a name, and adds it to the one that it is in.
func sectionIn(sections map[string]*yaml.Node, name string) *yaml.Node {
	if section := sections[name]; section != nil {
		return section
	}
	section := &yaml.Node{Kind: yaml.MappingNode}
	sections[name] = section
	addTo(sectionIn(sections, sectionOf(name)), name[strings.LastIndexByte(name, '.')+1:], section)
	return section
}

func addTo(section *yaml.Node, name string, value *yaml.Node) {
	section.Content = append(section.Content, textNode(name), value)
}

// textNode returns a text, which the encoder quotes if it looks like something else.
func textNode(text string) *yaml.Node {
	node := new(yaml.Node)
	node.SetString(text)
	return node
}
