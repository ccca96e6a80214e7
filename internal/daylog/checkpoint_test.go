package daylog_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/internal/daylog"
)

// signatureLine returns the line of a signature that may be wrong.
func signatureLine(name string, signature []byte) string {
	return "— " + name + " " + base64.StdEncoding.EncodeToString(signature) + "\n"
}

// others returns lines of signatures of other keys.
func others(count int) string {
	var lines strings.Builder
	for i := range count {
		lines.WriteString(signatureLine(fmt.Sprintf("witness.example/%d", i), []byte("abcdefgh")))
	}
	return lines.String()
}

func TestACheckpointHasOneSignatureOfItsKeyWhichIsRight(t *testing.T) {
	key := newKey(t)
	signed, err := key.Sign(daylog.Checkpoint{Size: 7})
	require.NoError(t, err)
	at := bytes.Index(signed, []byte("\n\n")) + 2
	text, line := string(signed[:at]), string(signed[at:])
	right, err := base64.StdEncoding.DecodeString(strings.Fields(line)[2])
	require.NoError(t, err)
	wrong := bytes.Clone(right)
	wrong[20] ^= 1
	for name, signatures := range map[string]string{
		"alone":                           line,
		"before one of another key":       line + others(1),
		"after one of another key":        others(1) + line,
		"beside one with another key id":  line + signatureLine(key.Name(), append([]byte{^right[0]}, right[1:]...)),
		"beside the most that are read":   others(50) + line + others(49),
		"beside the shortest of a key":    line + signatureLine("x", []byte("abcde")),
		"beside one of a name in symbols": line + signatureLine("!~/.", []byte("abcde")),
	} {
		_, err := daylog.OpenCheckpoint([]byte(text+signatures), key.Verifier())
		require.NoError(t, err, name)
	}
	for name, signatures := range map[string]string{
		"a wrong one after it":          line + signatureLine(key.Name(), wrong),
		"a wrong one before it":         signatureLine(key.Name(), wrong) + line,
		"the same one again":            line + line,
		"one that is too short":         signatureLine(key.Name(), right[:67]),
		"one that is too long":          signatureLine(key.Name(), append(bytes.Clone(right), 0)),
		"none":                          "",
		"none but others":               others(1),
		"more than are read":            line + others(100),
		"another one of four bytes":     line + signatureLine("x", []byte("abcd")),
		"another one of two bytes":      line + signatureLine("x", []byte("ab")),
		"another one in another base64": line + "— x YWJjZGVmZ2j=\n",
		"base64 over two lines":         line + "— x YWJj\rZGVmZ2g=\n",
		"no signature after a name":     line + "— x\n",
		"something after a signature":   line + "— x YWJjZGVmZ2g= x\n",
		"a name with a plus":            line + signatureLine("x+y", []byte("abcdefgh")),
		"a name that cannot be seen":    line + signatureLine("x\u200b", []byte("abcdefgh")),
		"a name with a control":         line + signatureLine("x\u007f", []byte("abcdefgh")),
		"a name with another space":     line + signatureLine("x\u00a0", []byte("abcdefgh")),
		"a name that is not of ASCII":   line + signatureLine("é", []byte("abcdefgh")),
		"an empty name":                 line + signatureLine("", []byte("abcdefgh")),
		"an empty line":                 line + "\n" + others(1),
		"a line cut off":                line + strings.TrimSuffix(others(1), "\n"),
	} {
		_, err := daylog.OpenCheckpoint([]byte(text+signatures), key.Verifier())
		require.Error(t, err, name)
	}
}

func TestATextHasNoControlCharactersAndNoEmptyLine(t *testing.T) {
	root := strings.Repeat("A", 43) + "="
	for text, ok := range map[string]bool{
		"acme\n7\n" + root + "\nfurther\n":          true,
		"acme\n7\n" + root + "\nfurther\n\nmore\n":  false,
		"acme\n7\n" + root + "\nfur\u007fther\n":    true,
		"acme\n7\n" + root + "\n\n\nfurther line\n": false,
	} {
		signed, verifier := sign(t, text)
		_, err := daylog.OpenCheckpoint(signed, verifier)
		require.Equal(t, ok, err == nil, "%q: %v", text, err)
	}
	signed, verifier := sign(t, "acme\n7\n"+root+"\nfurther\n")
	for _, changed := range []string{"further\t", "further\r", "further\xff", "further\x00"} {
		_, err := daylog.OpenCheckpoint(bytes.Replace(signed, []byte("further"), []byte(changed), 1), verifier)
		require.ErrorContains(t, err, "not a signed note", "%q", changed)
	}
}
