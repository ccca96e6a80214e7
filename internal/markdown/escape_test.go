package markdown

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestEscapedTextIsNeitherMarkdownNorHTML(t *testing.T) {
	for text, want := range map[string]string{
		"plain":                    "plain",
		"**bold** _it_":            `\*\*bold\*\* \_it\_`,
		"[link](http://a.invalid)": `\[link](http://a.invalid)`,
		"<script>":                 "&lt;script>",
		"`code`":                   "'code'",
		"a\n# title\r- item":       "a # title - item",
		`already \* escaped`:       `already \\\* escaped`,
	} {
		require.Equal(t, want, Escape(text))
	}
}
