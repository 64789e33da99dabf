// Command local is the program behind `make run`: the whole platform on one machine.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/passportcraft/passportcraft/infra/local/runner"
)

func main() {
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
