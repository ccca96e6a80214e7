package smartassist_test

import (
	"html"
	"net/url"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/internal/smartassist"
)

func TestRedactRemovesCredentialsAndControlCharacters(t *testing.T) {
	for _, row := range []struct{ name, text, want string }{
		{"plain", "Invalid SDK credentials", "Invalid SDK credentials"},
		{"a token", "token " + token + " refused", "token [redacted] refused"},
		{"a token cut off at the start", "…" + token[strings.IndexByte(token, '.')+1:], "…[redacted]"},
		{"a token cut off at the end", token[:30] + " …", "[redacted] …"},
		{"a token in an authorization", "Bearer " + token, "Bearer [redacted]"},
		{"a token in a query", "/x?auth=" + token, "/x?[redacted]"},
		{"a signed URL", "GET https://h/a.wav?e=1&n=2&s=abc$$ failed", "GET https://h/a.wav?[redacted] failed"},
		{"a query without its mark", "e=1&n=2&s=abc$$", "e=1&n=2&s=[redacted]"},
		{"an S3 query", "X-Amz-Signature=abc&X-Amz-Credential=def", "X-Amz-Signature=[redacted]&X-Amz-Credential=[redacted]"},
		{"a user name in a URL", "https://user:password1@host/x", "https://[redacted]@host/x"},
		{"a given secret", "my hunter2 is out", "my [redacted] is out"},
		{"control characters", "a\x00b\r\nc\x1b[31m", "a b  c [31m"},
		{"bad UTF-8", "a\xff\xfeb", "a\uFFFDb"},
		{"bidi marks", "a\u202eb", "ab"},
		{"a token split by invisible characters", "e\u200by\u00adJhbGci\ufe0fOiJ.eyJ\u200bh.c\u2060anary\u200bcanary", "[redacted]"},
		{"a secret split by an invisible character", "my hunt\ufeffer2 is out", "my [redacted] is out"},
		{"nothing", "", ""},
	} {
		require.Equal(t, row.want, smartassist.Redact(row.text, "hunter2", ""), row.name)
	}
}

func TestSecretOfFourBytesIsRedacted(t *testing.T) {
	require.Equal(t, "call of [redacted]", smartassist.Redact("call of anna", "anna"))
	require.Equal(t, "call of anna", smartassist.Redact("call of anna", "ann"))
}

func TestUserIDIsRedactedInEveryForm(t *testing.T) {
	const user = "Anna.Smith+ü&o@Example.com"
	for _, form := range []string{
		user,
		strings.ToLower(user),
		strings.ToUpper(user),
		url.QueryEscape(user),
		strings.ToLower(url.QueryEscape(user)),
		url.PathEscape(user),
		url.QueryEscape(url.QueryEscape(user)),
		html.EscapeString(user),
		strings.ReplaceAll(user, "@", "&#64;"),
		strings.ReplaceAll(user, "@", "&#x40;"),
		strings.ReplaceAll(user, "@", "&#X40;"),
		strings.ReplaceAll(user, "@", "&#0064"),
		strings.ReplaceAll(user, "@", "&commat;"),
		strings.ReplaceAll(user, "@", "&amp;#64;"),
		strings.ReplaceAll(user, "@", `\u0040`),
		"%41nna.Smith%2Bü&amp;o&commat;example%2Ecom",
		"anna.smith+ü&o",
		url.QueryEscape("ANNA.SMITH+Ü&O"),
		"An\u200bna.Smith+ü&o@Example.com",
	} {
		require.Equal(t, "é% [redacted] &x", smartassist.Redact("é% "+form+" &x", "other-secret", user), form)
	}
	require.Equal(t, "call of ann [redacted]", smartassist.Redact("call of ann ann@b.c", "Ann@b.c"), "a local part of three bytes")
}

func TestTextOfAMegabyteIsRedactedFast(t *testing.T) {
	for _, part := range []string{"a", "anna&#64;"} {
		start := time.Now()
		require.LessOrEqual(t, len(smartassist.Redact(strings.Repeat(part, 1<<20/len(part)), "anna@example.com", strings.Repeat("a", 300))), 300)
		require.Less(t, time.Since(start), time.Minute, "quadratic time takes longer: %q", part)
	}
}

func TestLongTextIsCutBetweenCharacters(t *testing.T) {
	for shift := range 4 {
		text := smartassist.Redact(strings.Repeat("a", shift) + strings.Repeat("€", 500))
		require.LessOrEqual(t, len(text), 300)
		require.Greater(t, len(text), 290)
		require.True(t, utf8.ValidString(text))
		require.True(t, strings.HasSuffix(text, "€…"))
	}
	require.Equal(t, strings.Repeat("a", 300), smartassist.Redact(strings.Repeat("a", 300)))
}

func FuzzRedactRemovesCredentials(f *testing.F) {
	const secret, signature = "hunter2-hunter2-hunter2", "InpqMWpnVzRkajFlc1RZeGVzaDBHM2pwWFFibzVwcEloTkkrSW5UbTZ0ek09Ig$$"
	for _, seed := range [][2]string{
		{"", ""},
		{"error verifying the jwt: ", " possibly a replay"},
		{`{"errors":[{"msg":"Bearer `, `","code":401}]}`},
		{"https://user:pa?ss@host/", "?x"},
		{"\xff\xfe\x00", strings.Repeat("é", 200)},
		{strings.Repeat("a", 290), "b"},
		{"eyJ.eyJ", "eyJ..="},
		{"s=", "&sig="},
	} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, before, after string) {
		for _, credential := range []string{
			token,
			secret,
			"https://h/a.wav?e=1709706278&n=6398115875&s=" + signature,
			"/a.wav?e=1709706278&n=6398115875&s=" + signature,
			"&s=" + signature,
		} {
			once := smartassist.Redact(before+credential+after, secret)
			for _, text := range []string{once, smartassist.Redact(once, secret)} {
				require.True(t, utf8.ValidString(text))
				require.LessOrEqual(t, len(text), 300)
				require.NotContains(t, text, secret)
				require.NotContains(t, text, signature)
				for part := range strings.SplitSeq(token, ".") {
					require.NotContains(t, text, part)
				}
			}
		}
	})
}
