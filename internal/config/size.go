package config

import (
	"fmt"
	"math"

	"github.com/dustin/go-humanize"

	"github.com/callvault/callvault/internal/archive"
)

// size reads a number of bytes with or without a unit, such as 64MiB.
func (p *problems) size(s setting, least, most int64) int64 {
	size, err := parseSize(s.text, least, most)
	if err != nil {
		p.add(s.place, "%v", err)
	}
	return size
}

// parseSize returns a number of bytes, such as "64MiB" or "4000000000", that is neither
// less than least nor more than most.
func parseSize(text string, least, most int64) (int64, error) {
	parsed, err := humanize.ParseBytes(text)
	size := int64(min(parsed, math.MaxInt64))
	if err != nil || size > most || size < least {
		return 0, fmt.Errorf("%q is not a size: want one such as %s, from %s to %s", clip(text), sizeText(max(least, 64<<20)), sizeText(least), sizeText(most))
	}
	return size, nil
}

func sizeText(bytes int64) string { return humanize.IBytes(uint64(max(bytes, 0))) }

// LimitRecordings sets the most that a recording of any account may have, such as "4GiB".
func (c *Config) LimitRecordings(size string) error {
	most, err := parseSize(size, minMaxRecording, archive.MaxObjectBytes)
	if err != nil {
		return fmt.Errorf("--max-recording-size: %w", err)
	}
	for i := range c.Accounts {
		c.Accounts[i].MaxRecordingBytes = most
	}
	return nil
}
