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
//
// It also measures the transfers: the CPU time of the worker and the store against that of
// a program that only streams (package floor), the worker's memory, what is fetched twice
// when a worker is killed, and the requests to the store.
//
//	make bench-transfer
//	go test ./dev/internal/bench -run '^$' -bench Transfer -benchtime 1x -timeout 1h -worker bin/callvault-worker -minio "$(which minio)"
//
// The store is versitygw and, with -minio, MinIO, each in a process of its own, with its
// objects in the folder for temporary files (TMPDIR). It needs -large, 2 GB, times 16 of
// space there.
package bench
