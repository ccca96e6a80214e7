//go:build !race

package callbudget

// isRace reports whether the race detector is on.
const isRace = false
