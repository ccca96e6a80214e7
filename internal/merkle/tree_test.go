package merkle_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/internal/merkle"
)

// mth is the definition of RFC 6962, section 2.1.
func mth(leaves [][]byte) []byte {
	hash := func(parts ...[]byte) []byte {
		h := sha256.New()
		for _, part := range parts {
			h.Write(part)
		}
		return h.Sum(nil)
	}
	switch n := len(leaves); n {
	case 0:
		return hash()
	case 1:
		return hash([]byte{0}, leaves[0])
	default:
		k := 1
		for 2*k < n {
			k *= 2
		}
		return hash([]byte{1}, mth(leaves[:k]), mth(leaves[k:]))
	}
}

func TestRootIsThatOfTheDefinitionAtEverySize(t *testing.T) {
	var tree merkle.Tree
	var leaves [][]byte
	for i := range 300 {
		require.Equal(t, hex.EncodeToString(mth(leaves)), tree.HexRoot(), "%d leaves", i)
		require.EqualValues(t, i, tree.Size())
		leaf := fmt.Appendf(nil, "leaf %d", i)
		leaves = append(leaves, leaf)
		tree.Add(leaf)
	}
}

func TestTheEmptyTreeHasTheHashOfNothing(t *testing.T) {
	require.Equal(t, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", new(merkle.Tree).HexRoot())
}
