// Package markdown writes texts of others into the details that the Temporal Web UI
// renders as Markdown.
package markdown

import "strings"

// Escape returns the text on one line, so that it is not read as Markdown or HTML.
func Escape(text string) string {
	return strings.NewReplacer(`\`, `\\`, "\n", " ", "\r", " ", "`", "'", "*", `\*`, "_", `\_`, "[", `\[`, "<", "&lt;").Replace(text)
}
