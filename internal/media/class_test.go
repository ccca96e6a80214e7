package media

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSpecialPurposeAddressesAreNotPublic(t *testing.T) {
	for text, want := range map[string]addressClass{
		"8.8.8.8":                public,
		"2606:4700::1111":        public,
		"::ffff:8.8.8.8":         public,
		"127.0.0.1":              loopback,
		"127.255.0.1":            loopback,
		"::1":                    loopback,
		"::ffff:127.0.0.1":       loopback,
		"10.0.0.1":               private,
		"172.31.255.255":         private,
		"172.32.0.0":             public,
		"192.168.0.1":            private,
		"::ffff:192.168.0.1":     private,
		"fd00::1":                private,
		"169.254.169.254":        linkLocal,
		"::ffff:169.254.169.254": linkLocal,
		"fe80::1":                linkLocal,
		"fe80::1%eth0":           linkLocal,
		"0.0.0.0":                special,
		"::":                     special,
		"100.64.0.1":             special,
		"198.18.0.1":             special,
		"224.0.0.1":              linkLocal,
		"239.0.0.1":              special,
		"255.255.255.255":        special,
		"ff02::1":                linkLocal,
		"64:ff9b::a00:1":         special, // 10.0.0.1 through NAT64
		"64:ff9b::a00:1%lo":      special,
		"2002:7f00:1::":          special, // 127.0.0.1 in 6to4
		"::ffff:100.64.0.1":      special,
		"2001:db8::1":            special,
	} {
		require.Equal(t, want, classOf(netip.MustParseAddr(text)), text)
	}
	require.Equal(t, special, classOf(netip.Addr{}))
}
