// Command passportctl is the command line of the platform: what is checked without it, and what is fetched from it.
package main

import (
	"context"
	"os"
	"os/signal"

	"github.com/passportcraft/passportcraft/infra/passportctl/command"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	os.Exit(command.Run(ctx, os.Args[1:], command.World{Out: os.Stdout, Err: os.Stderr, Getenv: os.Getenv}))
}
