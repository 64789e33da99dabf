package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"
)

// loopback is the only address anything here listens on.
const loopback = "127.0.0.1"

// startLimit is how long one engine may take to answer.
const startLimit = 15 * time.Second

// errEnded says that an engine ended before it answered, as it does when its port is taken.
var errEnded = errors.New("it ended before it answered")

// onPort starts an engine that cannot be given a listener. A port that was given is tried once; otherwise free ones are
// tried, because another process can take a free port before the engine does.
func onPort(given int, try func(address string) error) (address string, err error) {
	for range 5 {
		if address, err = free(given); err != nil {
			return "", err
		}
		if err = try(address); err == nil || given != 0 || !errors.Is(err, errEnded) {
			break
		}
	}
	return address, err
}

// free finds out that a port can be listened on; 0 stands for any. To see that first matters: if another process had the
// port, it would answer in the place of the engine.
func free(port int) (address string, err error) {
	l, err := net.Listen("tcp", net.JoinHostPort(loopback, strconv.Itoa(port)))
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// answering waits until something accepts connections at an address. It gives up when the engine that should has ended,
// when the context ends and when startLimit has passed.
func answering(ctx context.Context, address string, ended <-chan struct{}) error {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	var d net.Dialer
	for {
		c, err := d.DialContext(ctx, "tcp", address)
		if err == nil {
			_ = c.Close()
		}
		select {
		case <-ended:
			return errEnded
		case <-ctx.Done():
			return fmt.Errorf("nothing answers at %s: %w", address, ctx.Err())
		case <-time.After(2 * time.Millisecond):
			if err == nil {
				return nil
			}
		}
	}
}
