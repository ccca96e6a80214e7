package daylog_test

import (
	"bytes"
	"encoding/binary"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/mod/sumdb/note"

	"github.com/callvault/callvault/internal/daylog"
)

func TestPathsAreThoseOfTheFormat(t *testing.T) {
	require.Equal(t, "log/tile/0/x001/x234/067", daylog.TileKey("", 0, 1234067, 256))
	require.Equal(t, "a/log/tile/3/000.p/7", daylog.TileKey("a/", 3, 0, 7))
	require.Equal(t, "log/tile/entries/x001/000.p/255", daylog.EntriesKey("", 1000, 255))
}

func TestWidthOfATileFollowsFromTheSize(t *testing.T) {
	require.Equal(t, 0, daylog.Width(0, 0, 0))
	require.Equal(t, 255, daylog.Width(255, 0, 0))
	require.Equal(t, 256, daylog.Width(256, 0, 0))
	require.Equal(t, 0, daylog.Width(256, 0, 1))
	require.Equal(t, 1, daylog.Width(256, 1, 0))
	require.Equal(t, 1, daylog.Width(257, 0, 1))
}

func TestABundleHasExactlyItsEntries(t *testing.T) {
	bundle := []byte{0, 1, 'a', 0, 2, 'b', 'c'}
	entries, err := daylog.ParseBundle(bundle, 2)
	require.NoError(t, err)
	require.Equal(t, [][]byte{[]byte("a"), []byte("bc")}, entries)
	for name, bad := range map[string][]byte{
		"a byte too few": bundle[:6], "a byte too many": append(bundle[:7:7], 0), "an entry too few": bundle[:3], "an entry too many": append(bundle[:7:7], 0, 0), "nothing": nil,
	} {
		_, err := daylog.ParseBundle(bad, 2)
		require.Error(t, err, name)
	}
}

func TestAKeyIsReadBackAndItsPublicPartIsTheOneThatWasPrinted(t *testing.T) {
	secret, public, err := daylog.NewKey("acme.example/recordings")
	require.NoError(t, err)
	key, err := daylog.ParseKey(secret + "\n")
	require.NoError(t, err)
	require.Equal(t, public, key.Public())
	require.Equal(t, "acme.example/recordings", key.Name())
	verifier, err := daylog.ParsePublicKey(public + "\n")
	require.NoError(t, err)
	signed, err := key.Sign(daylog.Checkpoint{Size: 3})
	require.NoError(t, err)
	checkpoint, err := daylog.OpenCheckpoint(signed, verifier)
	require.NoError(t, err)
	require.EqualValues(t, 3, checkpoint.Size)
}

func TestErrorsOfAKeyDoNotShowIt(t *testing.T) {
	secret, _, err := daylog.NewKey("acme")
	require.NoError(t, err)
	for _, text := range []string{"", "canary", secret[:len(secret)-4], strings.Replace(secret, "acme", "other", 1), strings.Repeat("canary", 1000)} {
		_, err := daylog.ParseKey(text)
		require.Error(t, err)
		require.NotContains(t, err.Error(), "canary")
	}
	_, err = daylog.ParsePublicKey(secret)
	require.ErrorContains(t, err, "private key")
	require.NotContains(t, err.Error(), secret[len(secret)-10:])
	for _, name := range []string{"", "a b", "a+b", "é", ".a", strings.Repeat("a", 201)} {
		_, _, err = daylog.NewKey(name)
		require.Error(t, err, name)
	}
}

func TestACheckpointHoldsInOneFormOnly(t *testing.T) {
	key := newKey(t)
	signed, err := key.Sign(daylog.Checkpoint{Size: 7})
	require.NoError(t, err)
	for i := range signed {
		for bit := range 8 {
			changed := bytes.Clone(signed)
			changed[i] ^= 1 << bit
			_, err := daylog.OpenCheckpoint(changed, key.Verifier())
			require.Error(t, err, "bit %d of byte %d", bit, i)
		}
	}
	other, err := newKey(t).Sign(daylog.Checkpoint{Size: 7})
	require.NoError(t, err)
	line := other[bytes.LastIndex(other[:len(other)-1], []byte("\n"))+1:]
	_, err = daylog.OpenCheckpoint(append(bytes.Clone(signed), line...), key.Verifier())
	require.NoError(t, err, "a signature of another key is ignored")
}

// textSigner signs texts that no release of callvault writes.
func sign(t *testing.T, text string) ([]byte, note.Verifier) {
	t.Helper()
	secret, public, err := daylog.NewKey("acme")
	require.NoError(t, err)
	signer, err := note.NewSigner(secret)
	require.NoError(t, err)
	signed, err := note.Sign(&note.Note{Text: text}, signer)
	require.NoError(t, err)
	verifier, err := daylog.ParsePublicKey(public)
	require.NoError(t, err)
	return signed, verifier
}

func TestASignedTextThatIsNoCheckpointIsRefused(t *testing.T) {
	root := strings.Repeat("A", 43) + "="
	for _, row := range []struct {
		text string
		ok   bool
	}{
		{"acme\n7\n" + root + "\n", true},
		{"acme\n7\n" + root + "\nfurther line\n", true},
		{"other\n7\n" + root + "\n", false},
		{"acme\n07\n" + root + "\n", false},
		{"acme\n+7\n" + root + "\n", false},
		{"acme\n-7\n" + root + "\n", false},
		{"acme\n9223372036854775808\n" + root + "\n", false},
		{"acme\n9223372036854775807\n" + root + "\n", false},
		{"acme\n1099511627777\n" + root + "\n", false},
		{"acme\n7\n" + strings.Repeat("A", 42) + "B=\n", false},
		{"acme\n7\nAAAA\n", false},
		{"acme\n7\n", false},
		{"callvault pending entries of acme\n7\n" + root + "\n", false},
	} {
		signed, verifier := sign(t, row.text)
		_, err := daylog.OpenCheckpoint(signed, verifier)
		require.Equal(t, row.ok, err == nil, "%q: %v", row.text, err)
	}
}

func FuzzParseBundle(f *testing.F) {
	f.Add([]byte{0, 1, 'a'}, 1)
	f.Fuzz(func(t *testing.T, bundle []byte, width int) {
		if width < 0 || width > 256 {
			return
		}
		entries, err := daylog.ParseBundle(bundle, width)
		if err != nil {
			return
		}
		var again []byte
		for _, entry := range entries {
			again = binary.BigEndian.AppendUint16(again, uint16(len(entry)))
			again = append(again, entry...)
		}
		require.Equal(t, bundle, again)
	})
}
