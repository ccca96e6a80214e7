package config

import (
	"fmt"

	"github.com/callvault/callvault/internal/archive"
)

// Warnings returns what is valid but easily regretted, with its place.
func (c *Config) Warnings() []string {
	var warnings []string
	for _, w := range c.written {
		if s := w.get("archive.keyTemplate"); s.text != archive.DefaultTemplate {
			warnings = append(warnings, fmt.Sprintf("%s: sessions that were archived under another template are not found, and would be fetched again: set it before the first fetch, and never change it", s.place))
		}
		if s := w.get("archive.lock.mode"); s.text == string(archive.Compliance) {
			warnings = append(warnings, fmt.Sprintf("%s: nobody, the owner of the store included, can delete a recording or a manifest for %s days, or take that back: try it with %s first",
				s.place, w.get("archive.lock.days").text, archive.Governance))
		}
	}
	return warnings
}
