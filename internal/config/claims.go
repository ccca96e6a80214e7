package config

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"go.yaml.in/yaml/v3"
)

// Bounds of what is read. Package smartassist has those of a token.
const (
	maxClaimValues = 200
	maxClaimDepth  = 5
)

// claimsOf reads the claims that are added to a token.
func (p *problems) claimsOf(f field) (setting, bool) {
	left := maxClaimValues
	value, err := claimOf(f.value, &left, maxClaimDepth)
	added, ok := value.(map[string]any)
	if err == nil && !ok {
		err = errors.New("is not a section: want the claims below it, such as aud: …")
	}
	if err != nil {
		p.add(f.place, "%v", err)
		return setting{}, false
	}
	return setting{place: f.place, claims: added}, true
}

// claimOf returns a value that JSON can hold. Its errors quote no value.
func claimOf(node *yaml.Node, left *int, depth int) (any, error) {
	if *left--; *left < 0 || depth < 0 || len(node.Value) > maxTextBytes {
		return nil, fmt.Errorf("is too large: want at most %d values, %d levels and %d bytes for each", maxClaimValues, maxClaimDepth, maxTextBytes)
	}
	switch node.Kind {
	case yaml.SequenceNode:
		items := []any{}
		for _, child := range node.Content {
			item, err := claimOf(child, left, depth-1)
			if err != nil {
				return nil, err
			}
			items = append(items, item)
		}
		return items, nil
	case yaml.MappingNode:
		members := make(map[string]any)
		for pair := range slices.Chunk(node.Content, 2) {
			name := pair[0].Value
			if _, twice := members[name]; twice || pair[0].Kind != yaml.ScalarNode || len(name) > maxTextBytes {
				return nil, fmt.Errorf("has in line %d a name that is not a text, or is given already: correct it", pair[0].Line)
			}
			member, err := claimOf(pair[1], left, depth-1)
			if err != nil {
				return nil, err
			}
			members[name] = member
		}
		return members, nil
	default:
		return scalarOf(node)
	}
}

// scalarOf returns a number, true, false or nil if it was written as one without
// quotes, and a text otherwise.
func scalarOf(node *yaml.Node) (any, error) {
	var value any
	switch node.Tag {
	case "!!null", "!!bool", "!!int", "!!float":
		if node.Decode(&value) != nil {
			return nil, fmt.Errorf("has in line %d a value that cannot be read: put it in quotes", node.Line)
		}
	default:
		return node.Value, nil
	}
	if number, ok := value.(float64); ok && (math.IsNaN(number) || math.IsInf(number, 0)) {
		return nil, fmt.Errorf("has in line %d a number that JSON cannot hold: put it in quotes", node.Line)
	}
	return value, nil
}
