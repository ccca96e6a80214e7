// Command generate writes a sealed sample archive into a folder, for people who write a
// verifier: go run ./internal/verify/verifytest/generate DIR [SEED]. It prints the public key.
package main

import (
	"fmt"
	"os"
	"strconv"

	"github.com/callvault/callvault/internal/verify/verifytest"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	var seed uint64 = 1
	var err error
	if len(args) == 2 {
		seed, err = strconv.ParseUint(args[1], 10, 64)
	}
	if err != nil || len(args) < 1 || len(args) > 2 {
		return fmt.Errorf("usage: generate DIR [SEED], a folder that is empty and a whole number")
	}
	if entries, err := os.ReadDir(args[0]); err == nil && len(entries) > 0 {
		return fmt.Errorf("%s is not empty: name another folder", args[0])
	}
	sample, err := verifytest.Write(args[0], verifytest.Config{Seed: seed, Prefix: "calls/", EmptyDays: 270})
	if err != nil {
		return err
	}
	fmt.Println(sample.Key.Public())
	return nil
}
