package seal_test

import (
	"errors"
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

// replaced is a secret that a test replaces.
type replaced struct {
	text string
	err  error
}

func (r *replaced) Read() (string, error) { return r.text, r.err }

// Texts that were sealed before a secret was replaced are still on their way.
func TestTextsAreOpenedWhileTheSecretIsReplaced(t *testing.T) {
	secret := &replaced{text: "first"}
	sealer := seal.New(secret)
	open := func(text string) error {
		_, err := sealer.Open(seal.Token, "workflow", text, time.Now())
		return err
	}
	sealUp := func() string {
		text, err := sealer.Seal(seal.Token, "workflow", "token", time.Now().Add(time.Hour))
		require.NoError(t, err)
		return text
	}
	first := sealUp()
	secret.text, secret.err = "", errors.New("the file is empty")
	require.NoError(t, open(first), "the last secret is good enough")
	require.NoError(t, open(sealUp()))
	secret.text, secret.err = "second", nil
	second := sealUp()
	require.NoError(t, open(first))
	require.NoError(t, open(second))
	secret.text = "third"
	require.NoError(t, open(second))
	require.ErrorIs(t, open(first), seal.ErrNotOurs, "two secrets are known")
}

func TestNothingIsSealedWithoutASecret(t *testing.T) {
	missing := errors.New("the file is missing")
	_, err := seal.New(&replaced{err: missing}).Seal(seal.Token, "workflow", "token", time.Now().Add(time.Hour))
	require.ErrorIs(t, err, missing)
}
