package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// startDynoxide runs the DynamoDB engine as a child that dies with this process. Its database file has a lock of its own,
// which the child inherits: after this process was killed, the next one waits until the child has closed its database.
func startDynoxide(ctx context.Context, o options, fail context.CancelCauseFunc) (endpoint string, stop func(), err error) {
	var held []*os.File
	args := []string{"--host", loopback}
	if !o.memory {
		f, err := lockFor(filepath.Join(o.data, "dynamo.lock"), 5*time.Second)
		if err != nil {
			return "", nil, fmt.Errorf("the DynamoDB engine of an earlier run still holds %s: %w", o.data, err)
		}
		defer f.Close()
		held = append(held, f)
		args = append(args, "--db-path", filepath.Join(o.data, "dynamo.db"))
	}
	var c *child
	address, err := onPort(o.dynamodbPort, func(address string) (err error) {
		_, port, err := net.SplitHostPort(address)
		if err != nil {
			return err
		}
		if c, err = spawn(o, held, append(args, "--port", port)...); err != nil {
			return err
		}
		if err := answering(ctx, address, c.gone); err != nil {
			c.stop()
			return err
		}
		return nil
	})
	if err != nil {
		return "", nil, fmt.Errorf("the DynamoDB engine does not start: %w", err)
	}
	go func() {
		<-c.gone
		select {
		case <-c.stopping:
		default:
			fail(fmt.Errorf("the DynamoDB engine ended by itself (%w)", c.err))
		}
	}()
	return "http://" + address, c.stop, nil
}

// child is a running DynamoDB engine.
type child struct {
	cmd      *exec.Cmd
	stopping chan struct{} // closed when it has been told to stop
	gone     chan struct{} // closed when it has ended; err says how
	err      error
}

func spawn(o options, held []*os.File, args ...string) (*child, error) {
	c := &child{cmd: exec.Command(o.dynoxide, args...), stopping: make(chan struct{}), gone: make(chan struct{})}
	logs := &forward{to: o.stderr}
	c.cmd.Stdout, c.cmd.Stderr, c.cmd.ExtraFiles = logs, logs, held
	bindToParent(c.cmd)
	if err := c.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		if c.err = c.cmd.Wait(); c.err == nil {
			c.err = errors.New("exit status 0")
		}
		logs.end()
		close(c.gone)
	}()
	return c, nil
}

// stop lets the engine close its database and waits for that. It is called once.
func (c *child) stop() {
	close(c.stopping)
	_ = c.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-c.gone:
	case <-time.After(5 * time.Second):
		_ = c.cmd.Process.Kill()
		<-c.gone
	}
}

// forward passes logs on in whole lines, so that none is glued to what this process says itself. It swallows errors: an
// engine that cannot write its logs would end before its database is closed.
type forward struct {
	to   io.Writer
	rest []byte // the line that has not ended yet
}

// longestLine bounds what is held back, in bytes.
const longestLine = 64 << 10

func (f *forward) Write(b []byte) (int, error) {
	f.rest = append(f.rest, b...)
	if end := bytes.LastIndexByte(f.rest, '\n') + 1; end > 0 {
		_, _ = f.to.Write(f.rest[:end])
		f.rest = append([]byte(nil), f.rest[end:]...)
	}
	if len(f.rest) > longestLine {
		f.end()
	}
	return len(b), nil
}

// end passes on what is held back, as a line.
func (f *forward) end() {
	if len(f.rest) > 0 {
		_, _ = f.to.Write(append(f.rest, '\n'))
		f.rest = nil
	}
}
