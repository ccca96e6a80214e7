package cli

import (
	"path/filepath"
	"strings"
	"time"
)

// maxBatchIDName bounds the part of an ID that comes from a file's name.
const maxBatchIDName = 64

// defaultBatchID makes an ID of the time in UTC and the list's name: 20261128-171503-sessions.
func defaultBatchID(now time.Time, file string) string {
	name := "stdin"
	if file != "-" {
		name = strings.TrimSuffix(filepath.Base(file), filepath.Ext(file))
	}
	safe := strings.Map(func(r rune) rune {
		switch {
		case r >= '0' && r <= '9', r >= 'A' && r <= 'Z', r >= 'a' && r <= 'z', r == '.', r == '_', r == '-':
			return r
		}
		return '_'
	}, name)
	id := now.UTC().Format("20060102-150405")
	if safe != "" {
		id += "-" + safe[:min(len(safe), maxBatchIDName)]
	}
	return id
}
