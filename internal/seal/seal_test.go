package seal_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/internal/seal"
	"github.com/callvault/callvault/internal/secret"
)

const workflowID = "fetch-recording/st-1/65e7133a3242653c58d7aaaa"

var now = time.Date(2026, 3, 5, 12, 0, 0, 0, time.UTC)

func TestOpenNeedsTheSameWorkflowPurposeAndSecret(t *testing.T) {
	sealed, err := seal.New(secret.Value("secret")).Seal(seal.Token, workflowID, "the token", now.Add(time.Minute))
	require.NoError(t, err)
	require.NotContains(t, sealed, "the token")

	text, err := seal.New(secret.Value("secret")).Open(seal.Token, workflowID, sealed, now)
	require.NoError(t, err)
	require.Equal(t, "the token", text)

	for name, open := range map[string]func() (string, error){
		"another secret": func() (string, error) {
			return seal.New(secret.Value("Secret")).Open(seal.Token, workflowID, sealed, now)
		},
		"another workflow": func() (string, error) {
			return seal.New(secret.Value("secret")).Open(seal.Token, workflowID+"x", sealed, now)
		},
		"another purpose": func() (string, error) {
			return seal.New(secret.Value("secret")).Open(seal.MediaURL, workflowID, sealed, now)
		},
	} {
		_, err := open()
		require.ErrorIs(t, err, seal.ErrNotOurs, name)
	}
}

func TestSealedTextExpiresAndExpiryCannotBeChanged(t *testing.T) {
	sealer := seal.New(secret.Value("secret"))
	sealed, err := sealer.Seal(seal.Token, workflowID, "the token", now.Add(time.Minute))
	require.NoError(t, err)

	_, err = sealer.Open(seal.Token, workflowID, sealed, now.Add(time.Minute))
	require.ErrorIs(t, err, seal.ErrExpired)

	parts := strings.Split(sealed, ".")
	parts[1] = "99999999999"
	_, err = sealer.Open(seal.Token, workflowID, strings.Join(parts, "."), now.Add(time.Minute))
	require.ErrorIs(t, err, seal.ErrNotOurs)
}

func TestSealingTwiceReturnsDifferentTexts(t *testing.T) {
	sealer := seal.New(secret.Value("secret"))
	first, err := sealer.Seal(seal.MediaURL, workflowID, "https://media/", now)
	require.NoError(t, err)
	second, err := sealer.Seal(seal.MediaURL, workflowID, "https://media/", now)
	require.NoError(t, err)
	require.NotEqual(t, first, second)
}

func FuzzOpenRefusesWhatWasNotSealed(f *testing.F) {
	sealer := seal.New(secret.Value("secret"))
	good, err := sealer.Seal(seal.Token, workflowID, "the token", now.Add(time.Minute))
	require.NoError(f, err)
	for _, seed := range []string{"", ".", "cv1.", "cv1..", "cv1.1.", "cv2.1.AAAA", good[:len(good)-1], good + "A"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, sealed string) {
		text, err := sealer.Open(seal.Token, workflowID, sealed, now)
		if sealed != good {
			require.Error(t, err)
			require.Empty(t, text)
		}
	})
}
