// Package merkle computes the root of a Merkle tree, as RFC 6962, section 2.1, defines it,
// over leaves that come one after the other. docs/verification.md says what the trees are of.
package merkle

import (
	"encoding/hex"

	"golang.org/x/mod/sumdb/tlog"
)

// Tree is the tree of the leaves that were added. It keeps one hash for each complete
// subtree, at most 63. The zero value is the empty tree. It is not safe for concurrent use.
type Tree struct {
	size int64
	// subtrees are the roots of the complete subtrees, the largest first.
	subtrees []tlog.Hash
}

// Add adds a leaf.
func (t *Tree) Add(leaf []byte) { t.AddHash(tlog.RecordHash(leaf)) }

// AddHash adds the leaf with this leaf hash.
func (t *Tree) AddHash(hash tlog.Hash) {
	for n := t.size; n&1 == 1; n >>= 1 {
		last := len(t.subtrees) - 1
		hash = tlog.NodeHash(t.subtrees[last], hash)
		t.subtrees = t.subtrees[:last]
	}
	t.subtrees = append(t.subtrees, hash)
	t.size++
}

// Size returns the number of leaves.
func (t *Tree) Size() int64 { return t.size }

// Root returns the root of the tree so far.
func (t *Tree) Root() tlog.Hash {
	last := len(t.subtrees) - 1
	if last < 0 {
		empty, _ := tlog.TreeHash(0, nil) // It reads nothing.
		return empty
	}
	root := t.subtrees[last]
	for i := last - 1; i >= 0; i-- {
		root = tlog.NodeHash(t.subtrees[i], root)
	}
	return root
}

// HexRoot returns the root in hexadecimal.
func (t *Tree) HexRoot() string {
	root := t.Root()
	return hex.EncodeToString(root[:])
}
