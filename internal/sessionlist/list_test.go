package sessionlist_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/internal/sessionlist"
	"github.com/callvault/callvault/workflows"
)

const (
	id1 = "65e7133a3242653c58d70001"
	id2 = "65e7133a3242653c58d70002"
	id3 = "65e7133a3242653c58d70003"
)

var now = time.Date(2026, 3, 5, 12, 0, 0, 0, time.UTC)

// session returns the n-th of many sessions of 50 bots.
func session(n int) workflows.Session {
	return workflows.Session{
		BotID:     fmt.Sprintf("st-fd81a2b1-43af-544d-8082-831bc09c%04d", n%50),
		SessionID: fmt.Sprintf("%08x%016x", 1_709_642_554+n/7, uint64(n)*0x9e3779b97f4a7c15),
	}
}

func row(line int, botID, sessionID, userID string) sessionlist.Row {
	return sessionlist.Row{Session: workflows.Session{BotID: botID, SessionID: sessionID}, UserID: userID, Line: line}
}

// outcome is all that reading a list returns.
type outcome struct {
	rows    []sessionlist.Row
	faults  []sessionlist.Fault
	summary sessionlist.Summary
	err     error
}

func read(text string, options sessionlist.Options) (o outcome) {
	options.Now = now
	options.OnFault = func(fault sessionlist.Fault) { o.faults = append(o.faults, fault) }
	list := sessionlist.Read(iotest.OneByteReader(strings.NewReader(text)), options)
	for row, err := range list.All() {
		if err != nil {
			o.err = err
			break
		}
		o.rows = append(o.rows, row)
	}
	o.summary = list.Summary()
	return o
}

// faultLines returns "3" for a fault in line 3, "3-5" for one in lines 3 to 5.
func faultLines(faults []sessionlist.Fault) string {
	var lines []string
	for _, fault := range faults {
		line := fmt.Sprint(fault.Line)
		if fault.LastLine != fault.Line {
			line += fmt.Sprintf("-%d", fault.LastLine)
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, " ")
}

func TestListIsReadInEachOfItsForms(t *testing.T) {
	want := []sessionlist.Row{row(2, "st-1", id1, "ann@example.com"), row(3, "st-2", id2, "")}
	for name, text := range map[string]string{
		"CSV":                            "botId,sessionId,userId\nst-1," + id1 + ",ann@example.com\nst-2," + id2 + ",\n",
		"columns in another order":       "userId,sessionId,botId\nann@example.com," + id1 + ",st-1\n," + id2 + ",st-2\n",
		"CRLF":                           "botId,sessionId,userId\r\nst-1," + id1 + ",ann@example.com\r\nst-2," + id2 + ",\r\n",
		"byte order mark":                "\xef\xbb\xbfbotId,sessionId,userId\nst-1," + id1 + ",ann@example.com\nst-2," + id2 + ",\n",
		"last line without an end":       "botId,sessionId,userId\nst-1," + id1 + ",ann@example.com\nst-2," + id2 + ",",
		"last line ends with CR":         "botId,sessionId,userId\nst-1," + id1 + ",ann@example.com\nst-2," + id2 + ",\r",
		"all in quotes":                  "\"botId\",\"sessionId\",\"userId\"\n\"st-1\",\"" + id1 + "\",\"ann@example.com\"\n\"st-2\",\"" + id2 + "\",\"\"\n",
		"blank lines after":              "botId,sessionId,userId\nst-1," + id1 + ",ann@example.com\nst-2," + id2 + ",\n\n \t\n\r\n",
		"NDJSON":                         "\n{\"botId\":\"st-1\",\"sessionId\":\"" + id1 + "\",\"userId\":\"ann@example.com\"}\n{\"botId\":\"st-2\",\"sessionId\":\"" + id2 + "\"}\n",
		"NDJSON, spaces, other order":    " \n { \"userId\" : \"ann@example.com\" ,\t\"sessionId\": \"" + id1 + "\", \"botId\":\"st-1\" } \r\n{\"botId\":\"st-2\",\"sessionId\":\"" + id2 + "\",\"userId\":\"\"}",
		"NDJSON, escapes":                "\n{\"botId\":\"st-1\",\"sessionId\":\"" + id1 + "\",\"user\\u0049d\":\"ann\\u0040example.com\"}\n{\"botId\":\"\\u0073t-2\",\"sessionId\":\"" + id2 + "\",\"userId\":null}\n",
		"NDJSON after a byte order mark": "\xef\xbb\xbf\n{\"botId\":\"st-1\",\"sessionId\":\"" + id1 + "\",\"userId\":\"ann@example.com\"}\n{\"botId\":\"st-2\",\"sessionId\":\"" + id2 + "\"}",
		"quoted values before others":    "botId,userId,sessionId\nst-1,\"ann@example.com\"," + id1 + "\nst-2,\"\"," + id2,
	} {
		t.Run(name, func(t *testing.T) {
			got := read(text, sessionlist.Options{})
			require.NoError(t, got.err)
			require.Empty(t, got.faults)
			require.Equal(t, want, got.rows)
			require.Equal(t, sessionlist.Summary{Rows: 2, Sessions: 2}, got.summary)
		})
	}
}

func TestUserIDMayHoldAnyText(t *testing.T) {
	for written, want := range map[string]string{
		`"Doe, Jane"`:      `Doe, Jane`,
		`"Jane ""J"" Doe"`: `Jane "J" Doe`,
		`""""`:             `"`,
		`日本語`:              `日本語`,
		` jane `:           ` jane `,
		`"jane;doe"`:       `jane;doe`,
	} {
		got := read("botId,sessionId,userId\nst-1,"+id1+","+written+"\n", sessionlist.Options{})
		require.NoError(t, got.err)
		require.Equal(t, []sessionlist.Row{row(2, "st-1", id1, want)}, got.rows)
	}
	for written, want := range map[string]string{
		`Doe, \"J\"`:          `Doe, "J"`,
		`日本語`:                 `日本語`,
		`\ud83d\ude00`:        `😀`,
		`\u65e5\\ud800\ufffd`: `日\ud800` + "\ufffd",
	} {
		got := read(`{"botId":"st-1","sessionId":"`+id1+`","userId":"`+written+`"}`, sessionlist.Options{})
		require.NoError(t, got.err)
		require.Equal(t, []sessionlist.Row{row(1, "st-1", id1, want)}, got.rows)
	}
}

func TestFirstOfSeveralRowsOfASessionIsKept(t *testing.T) {
	got := read("botId,sessionId,userId\n"+
		"st-1,"+id1+",first\n"+
		"st-2,"+id1+",another bot\n"+
		"st-1,"+id1+",second\n"+
		"st-1,"+strings.ToUpper(id1)+",bad\n"+
		"st-1,"+id1+",third\n", sessionlist.Options{})
	require.NoError(t, got.err)
	require.Equal(t, []sessionlist.Row{row(2, "st-1", id1, "first"), row(3, "st-2", id1, "another bot")}, got.rows)
	require.Equal(t, "5", faultLines(got.faults))
	require.Equal(t, sessionlist.Summary{Rows: 5, Sessions: 2, Duplicates: 2, Faults: 1}, got.summary)
}

// Every bad row is found, whatever it is, and the good ones around it are read.
func TestEachBadRowIsAFaultWithItsLine(t *testing.T) {
	const head = "botId,sessionId,userId\n"
	goodCSV := func(id string) string { return "st-1," + id + ",u\n" }
	goodJSON := func(id string) string { return `{"botId":"st-1","sessionId":"` + id + `"}` + "\n" }
	for name, c := range map[string]struct {
		bad   string // after three lines
		wants []string
	}{
		"upper-case session":       {"st-1,65E7133A3242653C58D70009,u", []string{`sessionId "65E7133A3242653C58D70009" is malformed: want 24 lower-case`}},
		"both ids":                 {"x,y,u", []string{`botId "x" is malformed`, `; sessionId "y" is malformed`}},
		"no ids":                   {",,", []string{"botId is empty", "; sessionId is empty"}},
		"the time of no call":      {"st-1,000000003242653c58d70009,u", []string{"before 2015"}},
		"the future":               {"st-1,f5e7133a3242653c58d70009,u", []string{"in the future (now is 2026-03-05T12:00:00Z)"}},
		"long user":                {"st-1," + id3 + "," + strings.Repeat("u", 513), []string{"userId has 513 bytes, more than 512"}},
		"control character":        {"st-1," + id3 + ",a\tb", []string{"userId holds control characters"}},
		"CR inside":                {"st-1," + id3 + ",a\rb", []string{"userId holds control characters"}},
		"Latin-1":                  {"st-1," + id3 + ",M\xfcller", []string{"not UTF-8: save the file as UTF-8"}},
		"zero bytes":               {"st-1," + id3 + ",\x00\x01\x02", []string{"zero bytes"}},
		"too few values":           {"st-1," + id3, []string{"2 values, the header has 3 columns"}},
		"too many values":          {"st-1," + id3 + ",Doe, Jane", []string{"4 values, the header has 3 columns", "comma in quotation marks"}},
		"quote inside":             {"st-1," + id3 + `,Jane "J"`, []string{`a quotation mark is inside a value`}},
		"text after a quote":       {"st-1," + id3 + `,"Jane"J`, []string{`a quotation mark is inside a value`}},
		"open quote":               {"st-1," + id3 + `,"Jane`, []string{`a quotation mark is opened and not closed`}},
		"long line":                {"st-1," + id3 + "," + strings.Repeat("u", sessionlist.MaxLineBytes), []string{"longer than 65536 bytes"}},
		"very long line":           {strings.Repeat("\",", 3*sessionlist.MaxLineBytes), []string{"longer than 65536 bytes"}},
		"JSON: upper-case session": {`{"botId":"st-1","sessionId":"65E7133A3242653C58D70009"}`, []string{`sessionId "65E7133A3242653C58D70009" is malformed`}},
		"JSON: no keys":            {`{}`, []string{"botId is empty", "; sessionId is empty"}},
		"JSON: unknown key":        {`{"botId":"st-1","sessionId":"` + id3 + `","batchId":"b"}`, []string{`unknown key "batchId": remove it or correct its spelling`}},
		"JSON: another case":       {`{"botID":"st-1","sessionId":"` + id3 + `"}`, []string{`unknown key "botID"`}},
		"JSON: repeated key":       {`{"botId":"st-1","botId":"st-1","sessionId":"` + id3 + `"}`, []string{`repeated key "botId"`}},
		"JSON: number":             {`{"botId":"st-1","sessionId":1e999}`, []string{"sessionId: want a JSON string, got a number"}},
		"JSON: boolean":            {`{"botId":true}`, []string{"botId: want a JSON string, got a boolean"}},
		"JSON: null":               {`{"botId":null}`, []string{"botId: want a JSON string, got null"}},
		"JSON: array":              {`{"botId":["st-1"]}`, []string{"botId: want a JSON string, got an array"}},
		"JSON: object":             {`{"userId":{"id":1}}`, []string{"userId: want a JSON string, got an object"}},
		"JSON: not an object":      {`"st-1"`, []string{"want a JSON object on each line, got a string"}},
		"JSON: an array":           {`[{}]`, []string{"want a JSON object on each line, got an array"}},
		"JSON: cut":                {`{"botId":"st-1",`, []string{"does not end in its line: write one object a line"}},
		"JSON: comma after":        {`{"botId":"st-1","sessionId":"` + id3 + `"},`, []string{"something follows the JSON object"}},
		"JSON: two objects":        {`{"botId":"st-1","sessionId":"` + id3 + `"}{}`, []string{"something follows the JSON object"}},
		"JSON: no JSON":            {`{'botId':'st-1'}`, []string{"not a JSON object (invalid character"}},
		"JSON: control character":  {`{"botId":"st-1","sessionId":"` + id3 + `","userId":"a\nb"}`, []string{"userId holds control characters"}},
		"JSON: half a character":   {`{"botId":"st-1","sessionId":"` + id3 + `","userId":"\ud83d!"}`, []string{"half of a surrogate pair"}},
		"JSON: halves":             {`{"botId":"st-1","sessionId":"` + id3 + `","userId":"\ud83d\u0041"}`, []string{"half of a surrogate pair"}},
		"JSON: other half":         {`{"botId":"st-1","sessionId":"` + id3 + `","userId":"\uDE00"}`, []string{"half of a surrogate pair"}},
		"JSON: Latin-1":            {`{"botId":"st-1","sessionId":"` + id3 + `","userId":"M` + "\xfc" + `ller"}`, []string{"not UTF-8"}},
		"JSON: long line":          {`{"botId":"` + strings.Repeat("x", sessionlist.MaxLineBytes) + `"}`, []string{"longer than 65536 bytes"}},
	} {
		t.Run(name, func(t *testing.T) {
			text := head + goodCSV(id1) + "\n" + c.bad + "\n" + goodCSV(id2)
			lines := []int{2, 5}
			if strings.HasPrefix(name, "JSON") {
				text = "\n" + goodJSON(id1) + "\n" + c.bad + "\n" + goodJSON(id2)
			}
			got := read(text, sessionlist.Options{})
			require.NoError(t, got.err)
			require.Equal(t, "4", faultLines(got.faults))
			for _, want := range c.wants {
				require.Contains(t, got.faults[0].Problem, want)
			}
			require.True(t, strings.HasPrefix(c.bad, strings.TrimSuffix(got.faults[0].Text, "…")), "the text is of the row")
			require.LessOrEqual(t, len(got.faults[0].Text), 120+len("…"))
			require.True(t, strings.HasPrefix(got.faults[0].String(), "line 4: "))
			require.NotContains(t, got.faults[0].String(), "\n")
			require.Equal(t, sessionlist.Summary{Rows: 3, Sessions: 2, Faults: 1}, got.summary)
			require.Equal(t, lines, []int{got.rows[0].Line, got.rows[1].Line})
		})
	}
}

func TestLineOfTheLongestLengthIsRead(t *testing.T) {
	for _, end := range []string{"\n", "\r\n", ""} {
		row := `{"botId":"st-1","sessionId":"` + id1 + `"}`
		text := strings.Repeat(" ", sessionlist.MaxLineBytes-len(row)) + row + end
		got := read(text, sessionlist.Options{Format: sessionlist.NDJSON})
		require.NoError(t, got.err)
		require.Equal(t, 1, got.summary.Sessions)

		got = read(" "+text, sessionlist.Options{Format: sessionlist.NDJSON})
		require.NoError(t, got.err)
		require.Equal(t, "1", faultLines(got.faults))
		require.Equal(t, sessionlist.Summary{Rows: 1, Faults: 1}, got.summary)
	}
}

func TestLongTextOfARowIsCutBetweenCharacters(t *testing.T) {
	got := read("botId,sessionId\nx"+strings.Repeat("é", 100), sessionlist.Options{})
	require.Equal(t, "x"+strings.Repeat("é", 59)+"…", got.faults[0].Text)
}

// A quotation mark that is not closed must cost no other row.
func TestBrokenQuotesAreFoundWithoutLosingRows(t *testing.T) {
	const head = "botId,sessionId,userId\n"
	good := func(id string) string { return "st-1," + id + ",u\n" }
	for name, c := range map[string]struct {
		text     string
		faults   string
		sessions []int // their lines
	}{
		"a value of three lines":                   {"st-1," + id3 + ",\"a\nb\nc\"\n" + good(id1), "2-4", []int{5}},
		"CRLF inside":                              {"st-1," + id3 + ",\"a\r\nb\"\r\n" + good(id1), "2-3", []int{4}},
		"a blank line inside":                      {"st-1," + id3 + ",\"a\n\nb\"\n" + good(id1), "2-4", []int{5}},
		"a doubled quotation mark inside":          {"st-1," + id3 + ",\"a\n\"\"b\n\"\n" + good(id1), "2-4", []int{5}},
		"two such values":                          {"\"st\n-1\"," + id3 + ",\"a\nb\"\n" + good(id1), "2-4", []int{5}},
		"at the end of the file":                   {good(id1) + "st-1," + id3 + ",\"a\nb\"", "3-4", []int{2}},
		"not closed, then good rows":               {"st-1," + id3 + ",\"a\n" + good(id1) + good(id2), "2", []int{3, 4}},
		"not closed, then a quoted row":            {"st-1," + id3 + ",\"a\n\"st-1\",\"" + id1 + "\",\"u\"\n" + good(id2), "2", []int{3, 4}},
		"not closed, then a bad row":               {"st-1," + id3 + ",\"a\nx,y,z\n" + good(id1), "2 3", []int{4}},
		"not closed, at the end":                   {good(id1) + "st-1," + id3 + ",\"a\n", "3", []int{2}},
		"not closed in many rows":                  {strings.Repeat("st-1,"+id3+",\"a\n", 3) + good(id1), "2 3 4", []int{5}},
		"closed, but a row is in between":          {"st-1," + id3 + ",\"a\n" + good(id1) + "b\"\n" + good(id2), "2 4", []int{3, 5}},
		"closed within the bound":                  {"st-1," + id3 + ",\"a\n" + strings.Repeat("b\n", 2047) + "\"\n" + good(id1), "2-2050", []int{2051}},
		"a fault in each line beyond the bound":    {"st-1," + id3 + ",\"a\n" + strings.Repeat("b\n", 2048) + "\"\n" + good(id1), "2 3 4", []int{2052}},
		"opened in a value, closed in the next":    {"st-1," + id3 + ",a\"\n" + good(id1) + "st-1," + id3 + ",\"b\n", "2 4", []int{3}},
		"closed where the bound cuts a line":       {"st-1," + id3 + ",\"a\n" + strings.Repeat("b", 4095) + "\"c\n" + good(id1), "2 3", []int{4}},
		"continued by a line that is longer still": {"st-1," + id3 + ",\"a\n" + strings.Repeat("b", 5000) + "\"\n" + good(id1), "2 3", []int{4}},
	} {
		t.Run(name, func(t *testing.T) {
			got := read(head+c.text, sessionlist.Options{})
			require.NoError(t, got.err)
			if name == "a fault in each line beyond the bound" {
				require.Len(t, got.faults, 2050)
				got.faults = got.faults[:3]
			}
			require.Equal(t, c.faults, faultLines(got.faults))
			var lines []int
			for _, row := range got.rows {
				lines = append(lines, row.Line)
			}
			require.Equal(t, c.sessions, lines)
		})
	}
	got := read(head+"st-1,"+id3+",\"a\nb\"\n", sessionlist.Options{})
	require.Equal(t, "line 2: a quoted value goes on to line 3, and no value may hold a line break: write the row on one line, or close the quotation mark in line 2: "+
		`"st-1,`+id3+`,\"a"`, got.faults[0].String())
}

func TestListThatIsNoneIsAnErrorThatSaysWhatToDo(t *testing.T) {
	const row = "st-1," + id1 + ",u\n"
	for name, c := range map[string]struct {
		text  string
		wants []string
	}{
		"empty":                    {"", []string{"the list is empty: want a CSV with a header"}},
		"blank":                    {"\xef\xbb\xbf\n \r\n", []string{"the list is empty"}},
		"header only":              {"botId,sessionId,userId\n", []string{"the list has no rows: want at least one session"}},
		"unknown column":           {"botId,sessionId,agent\n" + row, []string{`line 1: unknown column "agent": remove it or correct its spelling`}},
		"many unknown columns":     {"botId,sessionId,a,b,c,d,e,f\n", []string{`unknown column "a", "b", "c", "d", "e": remove`}},
		"column of another case":   {"botId,SessionID\n", []string{`line 1: unknown column "SessionID"`, "; missing column sessionId: add it"}},
		"column with a space":      {"botId, sessionId\n", []string{`unknown column " sessionId"`}},
		"column without a name":    {"botId,sessionId,\n", []string{`unknown column ""`}},
		"repeated column":          {"botId,sessionId,botId\n", []string{"line 1: repeated column botId: keep one of them"}},
		"missing columns":          {"userId\n", []string{"line 1: missing column botId, sessionId: add it"}},
		"all of that":              {"\nbotId,botId,x\n", []string{`line 2: unknown column "x"`, "; repeated column botId", "; missing column sessionId"}},
		"no header":                {row, []string{"line 1: the header is missing: want the columns botId,sessionId,userId first, got \"st-1,"}},
		"semicolons":               {"botId;sessionId;userId\n", []string{"line 1: the columns are separated by semicolons: save the file with commas"}},
		"quoted semicolons":        {"\"botId\";\"sessionId\"\n", []string{"separated by semicolons"}},
		"tabs":                     {"botId\tsessionId\n", []string{"separated by tabs"}},
		"broken header":            {"\"botId,sessionId\n" + row, []string{"line 1: header: a quotation mark is opened and not closed"}},
		"long header":              {strings.Repeat("botId,", 20_000), []string{"line 1: the line is longer than 65536 bytes"}},
		"CR alone":                 {"botId,sessionId,userId\rst-1," + id1 + ",u\r", []string{"lines end with CR alone"}},
		"JSON array":               {"[{\"botId\":\"st-1\"}]", []string{"line 1: the list is a JSON array: write one object a line"}},
		"JSON array on more lines": {"\n  [\n{\"botId\":\"st-1\"}\n]", []string{"line 2: the list is a JSON array"}},
		"gzip":                     {"\x1f\x8b\x08\x00\x00\x00\x00\x00", []string{"compressed with gzip: decompress it first"}},
		"bzip2":                    {"BZh91AY&SY", []string{"compressed with bzip2: decompress it first"}},
		"xz":                       {"\xfd7zXZ\x00", []string{"compressed with xz: decompress it first"}},
		"Zstandard":                {"\x28\xb5\x2f\xfd\x04", []string{"compressed with Zstandard: decompress it first"}},
		"spreadsheet":              {"PK\x03\x04\x14\x00", []string{"save the spreadsheet as CSV"}},
		"UTF-16":                   {"\xff\xfeb\x00o\x00t\x00", []string{"UTF-16: save it as UTF-8"}},
		"UTF-16, big-endian":       {"\xfe\xff\x00b\x00o\x00t", []string{"UTF-16: save it as UTF-8"}},
		"UTF-16 without a mark":    {"b\x00o\x00t\x00", []string{"line 1: the line holds zero bytes"}},
		"binary rubbish":           {"\x7fELF\x02\x01\xfe\x00\x00\n\x80\x81", []string{"line 1: the line is not UTF-8"}},
	} {
		t.Run(name, func(t *testing.T) {
			got := read(c.text, sessionlist.Options{})
			require.Error(t, got.err)
			for _, want := range c.wants {
				require.ErrorContains(t, got.err, want)
			}
			require.NotContains(t, got.err.Error(), "\n")
			require.Zero(t, got.summary)
		})
	}
}

func TestFormatMayBeAskedFor(t *testing.T) {
	got := read("botId,sessionId\nst-1,"+id1+"\n", sessionlist.Options{Format: sessionlist.NDJSON})
	require.NoError(t, got.err)
	require.Equal(t, "1 2", faultLines(got.faults))

	got = read(`{"botId":"st-1","sessionId":"`+id1+`"}`, sessionlist.Options{Format: sessionlist.CSV})
	require.ErrorContains(t, got.err, "quotation mark")

	got = read("[]", sessionlist.Options{Format: sessionlist.CSV})
	require.ErrorContains(t, got.err, "the header is missing")

	got = read("[]", sessionlist.Options{Format: sessionlist.NDJSON})
	require.ErrorContains(t, got.err, "the list is a JSON array")

	got = read("x", sessionlist.Options{Format: "xml"})
	require.EqualError(t, got.err, `unknown format "xml": want csv or ndjson`)
}

func TestListOfFaultsAloneIsNoError(t *testing.T) {
	got := read("botId,sessionId\nx,y\nst-1,z\n", sessionlist.Options{})
	require.NoError(t, got.err)
	require.Equal(t, "2 3", faultLines(got.faults))
	require.Equal(t, sessionlist.Summary{Rows: 2, Faults: 2}, got.summary)
}

func TestFaultsAreCountedWithoutACallback(t *testing.T) {
	list := sessionlist.Read(strings.NewReader("botId,sessionId\nx,y\nst-1,"+id1+"\n"), sessionlist.Options{})
	for _, err := range list.All() {
		require.NoError(t, err)
	}
	require.Equal(t, sessionlist.Summary{Rows: 2, Sessions: 1, Faults: 1}, list.Summary())
}

// Faults and duplicates count too, so the limit is one of the file and of the time
// that reading it takes.
func TestListOverTheLimitIsRefused(t *testing.T) {
	rows := "botId,sessionId\nst-1," + id1 + "\nst-1," + id1 + "\n\nx,y\n"
	got := read(rows, sessionlist.Options{MaxRows: 3})
	require.NoError(t, got.err)
	require.Equal(t, sessionlist.Summary{Rows: 3, Sessions: 1, Duplicates: 1, Faults: 1}, got.summary)

	got = read(rows+"st-1,"+id2+"\nx,y\n", sessionlist.Options{MaxRows: 3})
	require.EqualError(t, got.err, "line 6: the list has more than 3 rows: split the file")
	require.Equal(t, sessionlist.Summary{Rows: 3, Sessions: 1, Duplicates: 1, Faults: 1}, got.summary)

	for _, wrong := range []int{-1, sessionlist.MaxRows + 1} {
		require.ErrorContains(t, read(rows, sessionlist.Options{MaxRows: wrong}).err, "out of bounds: want 1 to 1000000")
	}
}

func TestListOfTooManyBotsIsRefused(t *testing.T) {
	var text strings.Builder
	text.WriteString("botId,sessionId\n")
	for n := range sessionlist.MaxBots + 1 {
		fmt.Fprintf(&text, "st-%d,%s\n", n, id1)
	}
	got := read(text.String(), sessionlist.Options{})
	require.EqualError(t, got.err, "line 65538: the list names more than 65536 bots: split the file")
	require.Len(t, got.rows, sessionlist.MaxBots)
}

func TestFailedReadIsAnErrorAfterTheRowsBefore(t *testing.T) {
	broken := errors.New("connection lost")
	for name, text := range map[string]string{
		"at once":           "",
		"in the header":     "botId,sess",
		"between rows":      "botId,sessionId\nst-1," + id1 + "\n",
		"in a row":          "botId,sessionId\nst-1," + id1 + "\nst-1," + id2,
		"in a long line":    "botId,sessionId\nst-1," + id1 + "\n" + strings.Repeat("x", 100_000),
		"in a quoted value": "botId,sessionId\nst-1," + id1 + "\nst-1,\"",
	} {
		t.Run(name, func(t *testing.T) {
			var last error
			rows := 0
			list := sessionlist.Read(&failing{text: strings.NewReader(text), err: broken}, sessionlist.Options{})
			for _, err := range list.All() {
				if last = err; err == nil {
					rows++
				}
			}
			require.ErrorIs(t, last, broken)
			require.ErrorContains(t, last, "read the list after line ")
			require.Equal(t, strings.Count(text, id1), rows)
		})
	}
}

// failing fails after its text.
type failing struct {
	text *strings.Reader
	err  error
}

func (f *failing) Read(p []byte) (int, error) {
	if f.text.Len() == 0 {
		return 0, f.err
	}
	return f.text.Read(p)
}

func TestReadingMayEndEarlyAndIsDoneOnce(t *testing.T) {
	list := sessionlist.Read(strings.NewReader("botId,sessionId\nst-1,"+id1+"\nst-1,"+id2+"\nst-1,"+id3), sessionlist.Options{})
	for row, err := range list.All() {
		require.NoError(t, err)
		if row.SessionID == id2 {
			break
		}
	}
	require.Equal(t, sessionlist.Summary{Rows: 2, Sessions: 2}, list.Summary())
	for _, err := range list.All() {
		require.ErrorContains(t, err, "the list was read before")
	}
}

// The rules are those of a fetch request.
func TestRowIsCheckedLikeAFetchRequest(t *testing.T) {
	for _, session := range []workflows.Session{{BotID: "st-1", SessionID: id1}, {BotID: "st-", SessionID: "ffffffff3242653c58d7aaaa"}} {
		for _, userID := range []string{"", "u", strings.Repeat("u", 513)} {
			request := workflows.FetchRequest{Session: session, UserID: userID}
			got := read("botId,sessionId,userId\n"+session.BotID+","+session.SessionID+","+userID, sessionlist.Options{})
			if err := request.ValidateAt(now); err != nil {
				require.EqualError(t, err, "invalid input: "+got.faults[0].Problem)
				continue
			}
			require.Len(t, got.rows, 1)
		}
	}
}
