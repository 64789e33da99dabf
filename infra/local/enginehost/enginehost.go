// Package enginehost starts the local engines as one child process and stops them. It links none of them.
package enginehost

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"time"
)

// Endpoints is where the engines answer.
type Endpoints struct {
	DynamoDB  string `json:"dynamodb"`
	S3        string `json:"s3"`
	KMS       string `json:"kms"`
	AccessKey string `json:"accessKey"`
	SecretKey string `json:"secretKey"`
	PID       int    `json:"pid"`
}

// Options say where data is kept.
type Options struct {
	DataDir string
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
	err   error
}

// startLimit is how long the engines may take to start; a cold disk is slow.
const startLimit = 30 * time.Second

// Start runs the engines and returns when all of them answer.
func Start(ctx context.Context, o Options) (*Host, error) {
	binary, dynoxide, err := programs(o.Root)
	if err != nil {
		return nil, err
	}
	args := []string{"-data", o.DataDir}
	if endpoint := os.Getenv("DYNAMODB_ENDPOINT"); endpoint != "" {
		args = append(args, "-dynamodb-endpoint", endpoint)
	} else {
		args = append(args, "-dynoxide", dynoxide)
	}
	if o.Memory {
		args = append(args, "-memory")
	}
	h := &Host{cmd: exec.Command(binary, args...), done: make(chan struct{})}
	h.cmd.Stderr = o.Stderr
	h.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // a Ctrl-C for us must not stop them before we have finished
	if h.stdin, err = h.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := h.cmd.StdoutPipe()
	if err != nil {
		return nil, err
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
		if json.Unmarshal(first, &h.Endpoints) == nil && h.Endpoints.PID != 0 {
			return h, nil
		}
		_ = h.cmd.Process.Kill()
		<-h.done
		return nil, errors.New("the local engines did not start; what they said is above")
	case <-ctx.Done():
		_ = h.Stop()
		return nil, fmt.Errorf("the local engines did not start in time: %w", ctx.Err())
	}
}

// Done is closed when the engines have ended.
func (h *Host) Done() <-chan struct{} { return h.done }

// Stop ends the engines cleanly and waits for them.
func (h *Host) Stop() error {
	_ = h.stdin.Close() // they end when their standard input does
	select {
	case <-h.done:
		return h.err
	case <-time.After(10 * time.Second):
		_ = h.cmd.Process.Kill()
		<-h.done
		return errors.New("the local engines did not stop and were killed")
	}
}

// Kill ends the engines as a power cut would end the process.
func (h *Host) Kill() {
	_ = h.cmd.Process.Kill()
	<-h.done
}

// Root finds the repository: the nearest folder upwards that holds template.yaml.
func Root() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "template.yaml")); err == nil {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errors.New("run this inside the repository: template.yaml was not found in any folder above")
		}
		dir = parent
	}
}

func programs(root string) (binary, dynoxide string, err error) {
	if root == "" {
		if root, err = Root(); err != nil {
			return "", "", err
		}
	}
	if binary = os.Getenv("ENGINES_BIN"); binary == "" {
		binary = filepath.Join(root, ".local", "bin", "engines")
	}
	if dynoxide = os.Getenv("DYNOXIDE_BIN"); dynoxide == "" {
		platform := runtime.GOOS + "-" + map[string]string{"amd64": "x64", "arm64": "arm64"}[runtime.GOARCH]
		dynoxide = filepath.Join(root, "infra", "local", "node_modules", "@dynoxide", platform, "dynoxide")
	}
	if _, err := os.Stat(binary); err != nil {
		return "", "", errors.New("the local engines are not built: run `make engines` (it needs Go 1.26 or later)")
	}
	if _, err := os.Stat(dynoxide); err != nil && os.Getenv("DYNAMODB_ENDPOINT") == "" {
		return "", "", errors.New("the DynamoDB engine is missing: run `make engines` (it needs Node 20 or later), or set DYNAMODB_ENDPOINT to an engine of your own")
	}
	return binary, dynoxide, nil
}
