// Command local is the program behind `make run`: the whole platform on one machine.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/passportcraft/passportcraft/infra/local/runner"
)

func main() {
	debug.SetGCPercent(400) // the heap is a few megabytes; collecting it less often leaves more of two cores to requests
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	o, err := runner.ReadOptions(os.Getenv)
	if err == nil {
		err = runner.Run(ctx, o)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "passportcraft: "+err.Error())
		os.Exit(1)
	}
}
