package audio_test

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"encoding/base64"
	"encoding/binary"
	"io"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/internal/audio"
)

func utf16Of(order binary.AppendByteOrder, text string) string {
	var encoded []byte
	for _, unit := range utf16.Encode([]rune(text)) {
		encoded = order.AppendUint16(encoded, unit)
	}
	return string(encoded)
}

func utf32Of(order binary.AppendByteOrder, text string) string {
	var encoded []byte
	for _, r := range text {
		encoded = order.AppendUint32(encoded, uint32(r))
	}
	return string(encoded)
}

func gzipOf(t *testing.T, text string) string {
	t.Helper()
	var compressed bytes.Buffer
	w := gzip.NewWriter(&compressed)
	_, err := io.WriteString(w, text)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return compressed.String()
}

func zlibOf(t *testing.T, text string) string {
	t.Helper()
	var compressed bytes.Buffer
	w := zlib.NewWriter(&compressed)
	_, err := io.WriteString(w, text)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return compressed.String()
}

// stored is a gzip stream of one block that is not compressed, cut after some
// bytes of it.
func stored(bytes int) string {
	return "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff" + "\x00" + "\x00\x10" + "\xff\xef" + prose(bytes)
}

// prose is ASCII text of some length that does not compress to nothing.
func prose(bytes int) string {
	random := rand.New(rand.NewPCG(1, 2))
	var text strings.Builder
	for text.Len() < bytes {
		text.WriteByte("etaoin shrdlu cmfwyp vbgkqjxz"[random.IntN(29)])
	}
	return text.String()
}

const (
	htmlPage = "<!DOCTYPE html>\n<html><head><title>Sign in</title></head><body><h1>Sorry</h1></body></html>"
	jsonPage = `{"errors": [{"msg": "Invalid JWT token", "code": 4002}]}`
)

func TestTextIsRecognisedWithItsMediaType(t *testing.T) {
	le16, be16 := binary.LittleEndian, binary.BigEndian
	for name, c := range map[string]struct{ head, want string }{
		"HTML":                      {htmlPage, "text/html"},
		"HTML after white space":    {"\r\n\t\f " + htmlPage, "text/html"},
		"HTML without a doctype":    {"<HTML><BODY>Sorry</BODY></HTML>", "text/html"},
		"HTML, a fragment":          {"<h1>Sorry</h1>", "text/html"},
		"XHTML":                     {`<?xml version="1.0"?><!DOCTYPE html PUBLIC ""><html xmlns="">`, "text/html"},
		"XML":                       {`<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>`, "text/xml"},
		"XML without a declaration": {"<Error><Code>AccessDenied</Code></Error>", "text/xml"},
		"SOAP, closing tag first":   {"</Envelope>", "text/xml"},
		"JSON":                      {jsonPage, "application/json"},
		"JSON after white space":    {"\n " + jsonPage, "application/json"},
		"JSON, empty":               {"{}", "application/json"},
		"JSON, empty array":         {"[]", "application/json"},
		"JSON, cut in a text":       {jsonPage[:20], "application/json"},
		"JSON, cut after a comma":   {`{"errors": 1,`, "application/json"},
		"JSON, one bracket":         {"{", "application/json"},
		"JSON of numbers":           {"[1, 2, -3]", "application/json"},
		"not JSON after all":        {"[ERROR] no such file", "text/plain"},
		"a JSON text":               {`"expired"`, "text/plain"},
		"a word":                    {"Forbidden", "text/plain"},
		"a letter":                  {"x", "text/plain"},
		"a bracket":                 {"<", "text/plain"},
		"terminal colours":          {"\x1b[31mError\x1b[0m\n", "text/plain"},
		"a log":                     {strings.Repeat("2026-11-24 17:05:03 ERROR media: no such file\n", 80), "text/plain"},
		"a JSON web token":          {"eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U", "text/plain"},

		"HTML, then a zero":              {htmlPage + "\x00", "text/html"},
		"HTML, then white space, zeros":  {htmlPage + "\n\x00\n\x00", "text/html"},
		"HTML, then 4 kB of zeros":       {htmlPage + strings.Repeat("\x00", 4000), "text/html"},
		"JSON, then end of file":         {jsonPage + "\x1a", "application/json"},
		"XML, then a zero":               {"<Error>x</Error>\x00", "text/xml"},
		"HTML after zeros":               {strings.Repeat("\x00", 100) + htmlPage, "text/html"},
		"JSON after zeros and blanks":    {"\x00\x00\r\n\x00" + jsonPage, "application/json"},
		"HTML with a zero":               {"<html><body>Sor\x00ry</body></html>", "text/html"},
		"HTML, a zero in its first tag":  {"<html\x00>Sorry", "text/html"},
		"a doctype that is cut by DEL":   {"<!doctype html\x7f>", "text/html"},
		"XML with a zero in a tag":       {"<Error code='1\x00'>x</Error>", "text/xml"},
		"JSON with a zero in a key":      {"{\"code\x00\": 1}", "application/json"},
		"JSON with a zero in a value":    {"{\"code\": \"1\x00\"}", "application/json"},
		"HTML with a vertical tab":       {"\v<p>Sor\vry</p>", "text/html"},
		"HTML with BEL":                  {"<p>Sorry\a</p>", "text/html"},
		"HTML with DEL":                  {"<p>Sorry\x7f</p>", "text/html"},
		"XML in UTF-8 with BEL":          {"<p>Доступ\a</p>", "text/html"},
		"HTML with 1 % of controls":      {"<p>" + strings.Repeat("\x01", 3) + strings.Repeat("x", 194), "text/html"},
		"a control character in Latin-1": {"<html>\xfc\x02", "text/html"},
		"UTF-8 with a mark and a zero":   {"\xef\xbb\xbf<p>Sorry\x00</p>", "text/html"},
		"UTF-16, mark, a zero":           {"\xff\xfe" + utf16Of(le16, "<p>Sorry\x00</p>"), "text/html"},
		"UTF-16, a zero at the end":      {utf16Of(le16, jsonPage+"\x00"), "application/json"},
		"a vertical tab":                 {"Not\vfound", "text/plain"},
		"prose, then a zero":             {"Forbidden\x00", "text/plain"},
		"Latin-1, then a zero":           {"Zugriff f\xfcr Ger\xe4te verweigert. Bitte an die Verwaltung wenden.\x00", "text/plain"},
		"white space":                    {strings.Repeat(" \r\n", 100), "text/plain"},
		"4 kB of white space":            {strings.Repeat("\n", audio.HeadBytes), "text/plain"},
		"4 kB less a zero":               {strings.Repeat("\n", audio.HeadBytes-2) + "\x00", "text/plain"},
		"white space, then zeros":        {strings.Repeat("\n", 100) + strings.Repeat("\x00", 200), "text/plain"},
		"a data URL":                     {"data:audio/wav;base64," + strings.Repeat("A", 4000), "text/plain"},
		"a data URL without Base64":      {"Data:text/plain,Sorry" + strings.Repeat("%20", 40), "text/plain"},
		"Base64":                         {base64.StdEncoding.EncodeToString([]byte(prose(100))), "text/plain"},
		"Base64, 95 % of one letter":     {"UklGRiQAAABXQVZFZm10IBAAAAAB" + strings.Repeat("A", 4000), "text/plain"},
		"Base64 in lines":                {strings.Repeat("QUJDREVGR0hJ0+/=\r\n", 10), "text/plain"},
		"a letter and digits":            {"a" + strings.Repeat("0", 63), "text/plain"},
		"JSON without white space":       {"[" + strings.Repeat("1,-2,", 50), "application/json"},
		"one white space in 256":         {strings.Repeat("JKHI{|}~", 31) + "JKHI{|}\n", "text/plain"},
		"gzip of gzip":                   {gzipOf(t, gzipOf(t, htmlPage)), "text/html"},
		"gzip of zlib":                   {gzipOf(t, zlibOf(t, jsonPage)), "application/json"},
		"gzip of white space":            {gzipOf(t, strings.Repeat("\n", 9000)), "text/plain"},
		"ID3, then HTML":                 {"ID3<html><body>Sorry</body></html>", "text/html"},
		"RIFF, then HTML":                {"RIFF\x00\x00\x00\x00WAVE" + htmlPage, "text/html"},
		"ftyp, then XML":                 {"\x00\x00\x00\x20ftyp\n<?xml version='1.0'?><Error>", "text/xml"},
		"fLaC, then JSON":                {"fLaC" + jsonPage, "application/json"},
		"OggS, then JSON":                {"OggS{ \"a\": 1}", "application/json"},
		"caff, then HTML":                {"caff<HTML>" + strings.Repeat("\x00", 9) + "x", "text/html"},
		"caff and its version, HTML":     {"caff\x00\x01" + htmlPage, "text/html"},
		".snd, then a doctype":           {".snd<!DocType html>\x00\xff", "text/html"},

		"UTF-8":                        {"Доступ запрещён. " + strings.Repeat("Обратитесь к администратору. ", 5), "text/plain"},
		"UTF-8, Chinese":               {strings.Repeat("录音文件不存在，请联系管理员。", 10), "text/plain"},
		"UTF-8, cut after one of two":  {"Zugriff verweigert: f\xc3", "text/plain"},
		"UTF-8, cut after one of four": {"Sorry \xf0", "text/plain"},
		"UTF-8, cut after three":       {"Sorry \xf0\x9f\x98", "text/plain"},
		"UTF-8 with a mark":            {"\xef\xbb\xbf" + htmlPage, "text/html"},
		"UTF-16, mark, little":         {"\xff\xfe" + utf16Of(le16, htmlPage), "text/html"},
		"UTF-16, mark, big":            {"\xfe\xff" + utf16Of(be16, jsonPage), "application/json"},
		"UTF-16, mark, Chinese":        {"\xff\xfe" + utf16Of(le16, "录音文件不存在，请联系管理员。"), "text/plain"},
		"UTF-16, mark, emoji":          {"\xff\xfe" + utf16Of(le16, "Sorry 😀 "), "text/plain"},
		"UTF-16, cut in an emoji":      {"\xff\xfe" + utf16Of(le16, "Sorry 😀")[:14], "text/plain"},
		"UTF-16, cut in a unit":        {"\xff\xfe" + utf16Of(le16, "Sorry")[:9], "text/plain"},
		"UTF-16, mark, long":           {"\xff\xfe" + utf16Of(le16, strings.Repeat("录音文件不存在，请联系管理员。", 10)), "text/plain"},
		"UTF-32, mark, little":         {"\xff\xfe\x00\x00" + utf32Of(le16, htmlPage), "text/html"},
		"UTF-32, mark, big":            {"\x00\x00\xfe\xff" + utf32Of(be16, "<Error>x</Error>"), "text/xml"},
		"UTF-32, cut":                  {"\x00\x00\xfe\xff" + utf32Of(be16, "Sorry")[:18], "text/plain"},
		"UTF-16, little":               {utf16Of(le16, htmlPage), "text/html"},
		"UTF-16, big":                  {utf16Of(be16, jsonPage), "application/json"},
		"UTF-32, little":               {utf32Of(le16, jsonPage), "application/json"},
		"UTF-32, big":                  {utf32Of(be16, htmlPage), "text/html"},

		"Latin-1, HTML":              {"<html><head><title>Zugriff verweigert f\xfcr Ger\xe4te</title></head>", "text/html"},
		"Windows-1251, HTML":         {"<html><head><title>\xc4\xee\xf1\xf2\xf3\xef</title></head><body>\xc4\xee\xf1\xf2\xf3\xef</body>", "text/html"},
		"Shift-JIS, JSON":            {"{\"message\": \"\x98\x5e\x89\xb9\x83\x74\x83\x40\x83\x43\x83\x8b\"}", "application/json"},
		"Latin-1, prose":             {"Zugriff f\xfcr Ger\xe4te verweigert. Bitte wenden Sie sich an die Verwaltung des Hauses.", "text/plain"},
		"Latin-1, exactly 95 %":      {strings.Repeat("abcdefghi ", 9) + "abcde" + strings.Repeat("\xe4", 5), "text/plain"},
		"Windows-1252, a euro":       {"Betrag: 5 \x80, zahlbar bis zum Monatsende", "text/plain"},
		"a tag, then Windows-1251":   {"<p>" + strings.Repeat("\xc4\xee\xf1\xf2\xf3\xef ", 100), "text/html"},
		"a key, then Shift-JIS":      {"[\n{ \"m\" :\"" + strings.Repeat("\x98\x5e\x89\xb9", 100), "application/json"},
		"gzip, HTML":                 {gzipOf(t, htmlPage), "text/html"},
		"gzip, JSON":                 {gzipOf(t, jsonPage), "application/json"},
		"gzip, UTF-16":               {gzipOf(t, "\xff\xfe"+utf16Of(le16, jsonPage)), "application/json"},
		"gzip, longer than a head":   {gzipOf(t, htmlPage+prose(20_000))[:audio.HeadBytes], "text/html"},
		"gzip, cut after 64 bytes":   {gzipOf(t, prose(5000))[:200], "text/plain"},
		"gzip, cut after exactly 64": {stored(64), "text/plain"},
		"gzip, two bytes":            {gzipOf(t, "no"), "text/plain"},
		"zlib, HTML":                 {zlibOf(t, htmlPage), "text/html"},
		"zlib, longer than a head":   {zlibOf(t, "<Error>"+prose(20_000))[:audio.HeadBytes], "text/xml"},
		"63 bytes of one letter":     {strings.Repeat("U", 63), "text/plain"},
		"a letter in twenty apart":   {strings.Repeat(strings.Repeat("a", 19)+" ", 5), "text/plain"},
		"JSON of one letter":         {`{"a": "` + strings.Repeat("x", 4000), "application/json"},
		"JSON, then one letter":      {`[{"a":1}] ` + strings.Repeat("x", 4000), "text/plain"},
		"XML of one letter":          {"<a>" + strings.Repeat("x", 4000), "text/html"},
		"UTF-16, prose":              {utf16Of(le16, strings.Repeat("Not found. ", 10)), "text/plain"},
		"UTF-16, 80 % of words":      {utf16Of(le16, strings.Repeat("abc!? efgh", 8)), "text/plain"},
		"UTF-16, a space in 32":      {utf16Of(be16, strings.Repeat(strings.Repeat("aB", 15)+"9 ", 2)), "text/plain"},
		"UTF-16, 63 of one letter":   {utf16Of(be16, strings.Repeat("x", 63)), "text/plain"},
	} {
		t.Run(name, func(t *testing.T) {
			mediaType, isText := audio.Text([]byte(c.head))
			require.True(t, isText)
			require.Equal(t, c.want, mediaType)
		})
	}
}

// ulaw and alaw encode a sample as G.711 does.
func ulaw(sample int) byte {
	sign := byte(0)
	if sample < 0 {
		sign, sample = 0x80, -sample
	}
	sample = min(sample+132, 32767)
	exponent := int(math.Log2(float64(sample))) - 7
	return ^(sign | byte(exponent<<4) | byte(sample>>(exponent+3)&0xf))
}

func alaw(sample int) byte {
	sign := byte(0x80)
	if sample < 0 {
		sign, sample = 0, -sample-1
	}
	sample = min(sample, 32767)
	value := byte(sample >> 4)
	if sample >= 256 {
		exponent := int(math.Log2(float64(sample))) - 7
		value = byte(exponent<<4) | byte(sample>>(exponent+3)&0xf)
	}
	return (sign | value) ^ 0x55
}

// sound is a head of samples that do not exceed a level, around an offset.
func sound(level, offset int, encode func(int) []byte) string {
	random := rand.New(rand.NewPCG(uint64(level), 7))
	var encoded []byte
	for len(encoded) < audio.HeadBytes {
		encoded = append(encoded, encode(offset+random.IntN(2*level+1)-level)...)
	}
	return string(encoded[:audio.HeadBytes])
}

func TestRawSamplesAreNotText(t *testing.T) {
	codecs := map[string]func(int) []byte{
		"mu-law":     func(s int) []byte { return []byte{ulaw(s)} },
		"A-law":      func(s int) []byte { return []byte{alaw(s)} },
		"8-bit PCM":  func(s int) []byte { return []byte{byte(s>>8 + 128)} },
		"16-bit PCM": func(s int) []byte { return binary.LittleEndian.AppendUint16(nil, uint16(int16(s))) },
		"big-endian": func(s int) []byte { return binary.BigEndian.AppendUint16(nil, uint16(int16(s))) },
	}
	require.Equal(t, []byte{0xff, 0xd5}, []byte{ulaw(0), alaw(0)}, "silence")
	for name, encode := range codecs {
		for _, level := range []int{0, 1, 3, 10, 40, 100, 400, 1000, 5000, 20_000} {
			for _, offset := range []int{0, -1, 8, -8, -30, -60, -100, -257, -500, -1000, 60, 100} {
				head := sound(level, offset, encode)
				mediaType, isText := audio.Text([]byte(head))
				assert.False(t, isText, "%s, level %d, offset %d: %s", name, level, offset, mediaType)
				if level <= max(offset, -offset) {
					continue // A constant offset after a sudden first sample is no sound.
				}
				for _, start := range []string{"<a", "{\"", "[1", "\xff\xfe", "\xfe\xff", "\xef\xbb\xbf", "\x78\x9c", "\x78\x01", "\x1f\x8b\x08\x00"} {
					mediaType, isText := audio.Text([]byte(start + head))
					assert.False(t, isText, "%s, level %d, offset %d after %q: %s", name, level, offset, start, mediaType)
				}
			}
		}
	}
}

func TestBinaryIsNotText(t *testing.T) {
	negative := strings.Repeat("{|}~zyxwvuts", 100) // near silence below zero in μ-law
	for name, head := range map[string]string{
		"nothing":                          "",
		"a zero":                           "\x00",
		"a control character":              "Error\x01",
		"DEL":                              "Error\x7f",
		"a zero in a text":                 "Sorry\x00Sorry",
		"μ-law silence":                    strings.Repeat("\xff", 100),
		"A-law silence":                    strings.Repeat("\xd5", 100),
		"A-law silence below zero":         strings.Repeat("\x55", 100),
		"64 bytes of one letter":           strings.Repeat("U", 64),
		"less than one in twenty apart":    strings.Repeat(strings.Repeat("a", 20)+" ", 5),
		"quiet μ-law below zero":           negative,
		"quiet μ-law, first a bracket":     "{}" + negative,
		"Latin-1, 94 %":                    strings.Repeat("abcdefghi ", 9) + "abcd" + strings.Repeat("\xe4", 6),
		"Latin-1, 95 % of one letter":      strings.Repeat("a", 96) + strings.Repeat("\xe4", 4),
		"a tag that does not end":          "<p ab" + strings.Repeat("\xe4", 6),
		"a tag with other bytes":           "<p\xe4\xe4\xe4>",
		"a key that does not end":          "{\"ab" + strings.Repeat("\xe4", 6) + "\":",
		"a key without a value":            "{\"ab\" " + strings.Repeat("\xe4", 6),
		"UTF-16, less than 80 % of words":  utf16Of(binary.LittleEndian, strings.Repeat("abc!? ef!h", 8)),
		"UTF-16, less than a space in 32":  utf16Of(binary.LittleEndian, strings.Repeat(strings.Repeat("aB", 15)+"9a ", 2)),
		"UTF-16, 64 without words":         utf16Of(binary.LittleEndian, strings.Repeat("abc!? ef!h", 7)[:64]),
		"UTF-16, 64 of one letter":         utf16Of(binary.LittleEndian, strings.Repeat("x", 64)),
		"brackets alone are no markup":     "<" + strings.Repeat("\xe4", 2),
		"a bracket and anything":           "{x" + strings.Repeat("\xe4", 2),
		"a bracket and a letter":           "<" + strings.Repeat("\xe4", 1) + "a",
		"UTF-8 cut too early":              "Sorry \xf0\x9f\x98 and so on \x80\x80",
		"four continuation bytes":          "\x80\x80\x80\x80\x80",
		"UTF-16 mark, then silence":        "\xff\xfe\xff\xff\xfe\xff\xff\xff",
		"UTF-16 mark, a lone surrogate":    "\xff\xfe\x00\xdcS\x00",
		"UTF-16 mark, cut after a low one": "\xff\xfeS\x00\x00\xdc",
		"UTF-16, not ASCII, no mark":       utf16Of(binary.LittleEndian, "録音ファイル\u0100"),
		"UTF-16, one is not ASCII":         utf16Of(binary.LittleEndian, "Sorry \u0100"),
		"UTF-16 mark, private use":         "\xff\xfe" + utf16Of(binary.LittleEndian, "Sorry \ue000"),
		"UTF-16 mark, no separator":        "\xff\xfe" + utf16Of(binary.LittleEndian, strings.Repeat("한喕", 12)),
		"UTF-16 mark, 64, no separator":    "\xff\xfe" + utf16Of(binary.LittleEndian, strings.Repeat("한", 21)+"a"),
		"UTF-32 beyond Unicode":            "\xff\xfe\x00\x00\x00\x00\x11\x00",
		"UTF-32, a surrogate":              "\xff\xfe\x00\x00\x00\xd8\x00\x00",
		"three zeros":                      "\x00\x00\x00",
		"gzip, cut early":                  gzipOf(t, prose(5000))[:40],
		"gzip, cut after exactly 63":       stored(63),
		"gzip, its header alone":           gzipOf(t, prose(5000))[:10],
		"gzip of samples":                  gzipOf(t, sound(1000, 0, func(s int) []byte { return []byte{ulaw(s)} })),
		"gzip three times":                 gzipOf(t, gzipOf(t, gzipOf(t, htmlPage))),
		"silence, then a letter":           strings.Repeat("\x00", 4000) + "Error",
		"a letter, then silence":           "Error" + strings.Repeat("\x00", 4000),
		"as much padding as text":          "Error" + strings.Repeat("\x00", 5),
		"a blank, then 4 kB of silence":    " " + strings.Repeat("\x00", audio.HeadBytes),
		"silence, then a blank":            strings.Repeat("\x00", 100) + " ",
		"silence, then padding":            strings.Repeat("\x00", 100) + "\x1a",
		"a tag and 1 % of controls":        "<p>" + strings.Repeat("\x01", 3) + strings.Repeat("x", 193),
		"zeros in a tag as in samples":     "<a\x00b\x00 c\x00>",
		"zeros in a key as in samples":     "{\"a\x00b\x00c\x00\":1}",
		"μ-law around a negative offset":   sound(40, -500, func(s int) []byte { return []byte{ulaw(s)} }),
		"A-law around a negative offset":   sound(40, -500, func(s int) []byte { return []byte{alaw(s)} }),
		"letters without white space":      strings.Repeat("JKHIutwv", 500),
		"letters and braces":               strings.Repeat("JKHI{|}~", 500),
		"digits only":                      strings.Repeat("0123456789", 10),
		"less white space than 1 in 256":   strings.Repeat("JKHI{|}~", 32) + "\n",
		"Latin-1 without white space":      strings.Repeat("abcdefghij{|}~{|}~ABC", 10) + "\xe4",
		"one kind of bracket":              strings.Repeat("[", 100),
		"a signature, then a tag":          "ID3<p>Sorry</p>",
		"a signature, then a page later":   "fLaC\x00" + htmlPage,
		"FORM of AIFF, then samples":       "FORM\x00\x00\x00\x00AIFF{",
		"gzip, nothing":                    gzipOf(t, ""),
		"gzip, broken":                     "\x1f\x8b\x07\x00" + htmlPage,
		"zlib, broken":                     "\x78\x9c\xff\xff\x00" + htmlPage,
		"zlib with a dictionary":           "\x78\xbb\x00\x00\x00\x00" + "\xff",
		"AMR, a signature in ASCII":        "#!AMR\n",
		"AU, a signature in ASCII":         ".snd",
		"MP3, a signature in ASCII":        "ID3 text text text",
	} {
		t.Run(name, func(t *testing.T) {
			mediaType, isText := audio.Text([]byte(head))
			require.False(t, isText, mediaType)
			require.Empty(t, mediaType)
		})
	}
}
