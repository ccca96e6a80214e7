//go:build !race

package daylist_test

// underRace reports whether the race detector watches the test.
const underRace = false
