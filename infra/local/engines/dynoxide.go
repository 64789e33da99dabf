package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// startDynoxide runs the DynamoDB engine as a child that dies with this process.
func startDynoxide(ctx context.Context, o options, data string, fail context.CancelCauseFunc) (endpoint string, stop func(), err error) {
	if o.dynoxide == "" {
		return "", nil, errors.New("-dynoxide must name the DynamoDB engine")
	}
	port, err := freePort()
	if err != nil {
		return "", nil, err
	}
	args := []string{"--host", "127.0.0.1", "--port", strconv.Itoa(port)}
	if !o.memory {
		args = append(args, "--db-path", filepath.Join(data, "dynamo.db"))
	}
	cmd := exec.Command(o.dynoxide, args...)
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	bindToParent(cmd)
	if err := cmd.Start(); err != nil {
		return "", nil, fmt.Errorf("the DynamoDB engine does not start: %w", err)
	}
	gone := make(chan struct{})
	stopping := make(chan struct{})
	go func() {
		err := cmd.Wait()
		close(gone)
		select {
		case <-stopping:
		default:
			fail(fmt.Errorf("the DynamoDB engine ended by itself (%v); its last words are above", err))
		}
	}()
	stop = func() {
		close(stopping)
		_ = cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-gone:
		case <-time.After(5 * time.Second):
			_ = cmd.Process.Kill()
			<-gone
		}
	}
	address := "127.0.0.1:" + strconv.Itoa(port)
	if err := answering(ctx, address); err != nil {
		stop()
		return "", nil, fmt.Errorf("the DynamoDB engine: %w", err)
	}
	return "http://" + address, stop, nil
}
