// Package enginehost starts the local engines (infra/local/engines) as one child process and stops them. It links none
// of them, and makes no tables, buckets or keys.
//
// Environment: ENGINES_BIN and DYNOXIDE_BIN name other programs than the ones `make engines` puts in place;
// DYNAMODB_ENDPOINT names a DynamoDB engine that runs already, so that none is started.
package enginehost

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"time"
)

// Endpoints is where the engines answer, and the credentials with which they are called.
type Endpoints struct {
	DynamoDB  string `json:"dynamodb"` // base addresses, such as http://127.0.0.1:40123
	S3        string `json:"s3"`
	KMS       string `json:"kms"`
	AccessKey string `json:"accessKey"`
	SecretKey string `json:"secretKey"`
	PID       int    `json:"pid"` // of the engines process
}

// Options say where data is kept.
type Options struct {
	DataDir string    // made if absent; one running Host per folder
	Memory  bool      // keep DynamoDB tables in memory only
	Root    string    // repository root; found from the working directory when empty
	Stderr  io.Writer // what the engines say; nil drops it
}

// Host is running engines.
type Host struct {
	Endpoints Endpoints

	cmd   *exec.Cmd
	stdin io.Closer
	done  chan struct{}
	err   error // why they ended; read after done is closed
}

const (
	startLimit = 30 * time.Second // a cold disk is slow
	stopLimit  = 15 * time.Second // the engines give their own child 5 seconds
)

// Start runs the engines and returns when all of them answer. ctx bounds the start only; the engines run until Stop, or
// until this process ends, however it ends. The error is one sentence that says what to do.
func Start(ctx context.Context, o Options) (*Host, error) {
	binary, args, err := command(o)
	if err != nil {
		return nil, err
	}
	last := &lastWords{to: o.Stderr}
	h := &Host{cmd: exec.Command(binary, args...), done: make(chan struct{})}
	h.cmd.Stderr = last
	h.cmd.WaitDelay = stopLimit                             // their child holds their log open and ends a little after them
	h.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // a Ctrl-C for us must not stop them before we have finished
	if h.stdin, err = h.cmd.StdinPipe(); err != nil {
		return nil, fmt.Errorf("the local engines do not start: %w", err)
	}
	out, err := h.cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("the local engines do not start: %w", err)
	}
	if err := h.cmd.Start(); err != nil {
		return nil, fmt.Errorf("the local engines do not start: %w", err)
	}
	line := make(chan []byte, 1)
	go func() {
		first, _ := bufio.NewReader(out).ReadBytes('\n')
		line <- first
		h.err = h.cmd.Wait()
		close(h.done)
	}()
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	select {
	case first := <-line:
		if len(first) == 0 {
			h.Kill()
			return nil, fmt.Errorf("the local engines do not start: %s", last.sentence())
		}
		if err := h.accept(first); err != nil {
			_ = h.Stop()
			return nil, fmt.Errorf("the local engines do not start: %w", err)
		}
		return h, nil
	case <-ctx.Done():
		_ = h.Stop()
		return nil, fmt.Errorf("the local engines did not start in time: %w", ctx.Err())
	}
}

// accept reads what the engines say about themselves. Only loopback addresses are good, save for a DynamoDB endpoint that
// the user has chosen.
func (h *Host) accept(line []byte) error {
	if err := json.Unmarshal(line, &h.Endpoints); err != nil || h.Endpoints.PID == 0 {
		return fmt.Errorf("they answered %q instead of their addresses; run `make engines` to build them anew", line)
	}
	local := []string{h.Endpoints.S3, h.Endpoints.KMS}
	if os.Getenv("DYNAMODB_ENDPOINT") == "" {
		local = append(local, h.Endpoints.DynamoDB)
	}
	for _, endpoint := range local {
		u, err := url.Parse(endpoint)
		if err != nil || u.Scheme != "http" || !net.ParseIP(u.Hostname()).IsLoopback() {
			return fmt.Errorf("they listen at %q, which is not an address of this machine alone", endpoint)
		}
	}
	return nil
}

// Done is closed when the engines have ended, whether by Stop or by themselves.
func (h *Host) Done() <-chan struct{} { return h.done }

// Stop ends the engines cleanly and waits for them; what was acknowledged is on disk. It may be called more than once. An
// error says that they ended in another way: by themselves before, or killed because they did not stop.
func (h *Host) Stop() error {
	_ = h.stdin.Close() // they end when their standard input does
	select {
	case <-h.done:
		return h.err
	case <-time.After(stopLimit):
		h.Kill()
		return errors.New("the local engines did not stop and were killed")
	}
}

// Kill ends the engines as kill -9 does and waits until their process is gone.
func (h *Host) Kill() {
	_ = h.cmd.Process.Kill()
	<-h.done
}

// command is the program to run and its arguments.
func command(o Options) (binary string, args []string, err error) {
	if o.DataDir == "" {
		return "", nil, errors.New("the local engines need a data folder")
	}
	if binary, err = program(o, "ENGINES_BIN", filepath.Join(".local", "bin", "engines")); err != nil {
		return "", nil, fmt.Errorf("%w: run `make engines`, which builds the local engines (it needs Go 1.26 or later, and Node 20 or later)", err)
	}
	args = []string{"-data", o.DataDir}
	if o.Memory {
		args = append(args, "-memory")
	}
	if endpoint := os.Getenv("DYNAMODB_ENDPOINT"); endpoint != "" {
		return binary, append(args, "-dynamodb-endpoint", endpoint), nil
	}
	dynoxide, err := program(o, "DYNOXIDE_BIN", filepath.Join("infra", "local", "node_modules", "@dynoxide", platform(), "dynoxide"))
	if err != nil {
		return "", nil, fmt.Errorf("%w: run `make engines`, which fetches the DynamoDB engine (it needs Node 20 or later), or set DYNAMODB_ENDPOINT to an engine of your own", err)
	}
	return binary, append(args, "-dynoxide", dynoxide), nil
}

// program finds an executable file: the one an environment variable names, or one in the repository.
func program(o Options, variable, inRepository string) (path string, err error) {
	if path = os.Getenv(variable); path == "" {
		root := o.Root
		if root == "" {
			if root, err = Root(); err != nil {
				return "", err
			}
		}
		path = filepath.Join(root, inRepository)
	}
	if path, err = filepath.Abs(path); err != nil {
		return "", err
	}
	if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() {
		return "", fmt.Errorf("there is no program %s", path)
	}
	return path, nil
}

// platform names this machine as npm packages do.
func platform() string {
	arch := runtime.GOARCH
	if arch == "amd64" {
		arch = "x64"
	}
	return runtime.GOOS + "-" + arch
}
