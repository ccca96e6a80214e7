// Package bench measures the call budget: the worker's binary, three processes of it,
// against a real Temporal server in its default configuration and a simulator of the
// vendor whose clock runs faster than ours. What the vendor received, and when, by its
// own clock, is what counts.
//
//	make bench-budget
//
// The flags -sessions, -waiting, -starts and -speed choose the size of a run. A window must be 10 s
// of our clock at least, so a minute allows a -speed of 1 to 6. All figures are ratios
// within one run, unless their names have a unit.
package bench
