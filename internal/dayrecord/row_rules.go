package dayrecord

import (
	"errors"
	"fmt"
	"slices"
)

// Check returns an error if a row is invalid by docs/verification.md, whatever its day is.
func (r Row) Check() error {
	isList := func(name string) bool { return name == GetSessions || name == InteractionDetails }
	listed := slices.Clone(r.ListedBy)
	switch {
	case r.Outcome == "":
		return errors.New("has no outcome")
	case r.ListedBy == nil, !slices.IsSorted(listed), len(slices.Compact(listed)) != len(r.ListedBy), !all(r.ListedBy, isList):
		return errors.New("does not name the lists, each once and in ascending order")
	case !r.Manifest.isStated():
		return errors.New("does not state its manifest")
	case r.Files == nil, !all(r.Files, Object.isStated):
		return errors.New("does not state its files")
	}
	var total int64
	for _, file := range r.Files {
		total += file.Bytes
	}
	if total != r.Bytes {
		return fmt.Errorf("has %d bytes, which is not the sum of its files'", r.Bytes)
	}
	return nil
}

// isStated reports whether o names an object and what it was.
func (o Object) isStated() bool {
	return o.Key != "" && o.Bytes >= 0 && len(o.SHA256) == 64 && all([]byte(o.SHA256), func(c byte) bool { return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' })
}

func all[E any](s []E, is func(E) bool) bool {
	return !slices.ContainsFunc(s, func(e E) bool { return !is(e) })
}
