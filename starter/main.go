// Command starter starts fetches of call recordings and follows them.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/callvault/callvault/internal/cli"
	"github.com/callvault/callvault/internal/program"
)

func main() {
	program.SilenceStandardLog()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // A second signal ends the process at once.
	code := cli.Run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}
