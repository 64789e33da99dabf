// Command engines runs what stands in for AWS on one machine: a DynamoDB engine (dynoxide, as a child process), an S3
// engine (versitygw, in this process) and a key service. It listens on loopback only, keeps its data under one folder,
// prints its addresses as one line of JSON when all are up, and ends with its parent.
package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	"github.com/passportcraft/passportcraft/infra/local/engines/kms"
)

// endpoints is what the parent needs to know.
type endpoints struct {
	DynamoDB  string `json:"dynamodb"`
	S3        string `json:"s3"`
	KMS       string `json:"kms"`
	AccessKey string `json:"accessKey"`
	SecretKey string `json:"secretKey"`
	PID       int    `json:"pid"`
}

type options struct {
	data, dynoxide, dynamodb string
	memory                   bool
}

func main() {
	var o options
	flag.StringVar(&o.data, "data", "", "folder for all data (made if absent)")
	flag.StringVar(&o.dynoxide, "dynoxide", "", "path of the dynoxide program")
	flag.StringVar(&o.dynamodb, "dynamodb-endpoint", "", "use this DynamoDB endpoint instead of starting dynoxide")
	flag.BoolVar(&o.memory, "memory", false, "keep DynamoDB tables in memory only")
	flag.Parse()
	if err := run(o); err != nil {
		fmt.Fprintln(os.Stderr, "engines: "+err.Error())
		os.Exit(1)
	}
}

func run(o options) error {
	runtime.LockOSThread() // Linux ties a child to the thread that started it; this one lives as long as the process
	stdout := os.Stdout
	os.Stdout = os.Stderr // what the engines print is for people; our parent reads one line from us
	data, err := filepath.Abs(o.data)
	if err != nil || o.data == "" {
		return errors.New("-data must name a folder")
	}
	if err := os.MkdirAll(data, 0o700); err != nil {
		return fmt.Errorf("the data folder cannot be made: %w", err)
	}
	unlock, err := lock(filepath.Join(data, "lock"))
	if err != nil {
		return err
	}
	defer unlock()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() { // the parent holds our standard input open for as long as it lives
		_, _ = io.Copy(io.Discard, os.Stdin)
		cancel(nil)
	}()
	at := endpoints{PID: os.Getpid()}
	closers, err := start(ctx, o, data, &at, cancel)
	defer func() {
		for i := len(closers) - 1; i >= 0; i-- {
			closers[i]()
		}
	}()
	if err != nil {
		return err
	}
	if err := json.NewEncoder(stdout).Encode(at); err != nil {
		return err
	}
	<-ctx.Done()
	if cause := context.Cause(ctx); !errors.Is(cause, context.Canceled) {
		return cause
	}
	return nil
}

// start brings the engines up one after the other; the returned functions stop what was started.
func start(ctx context.Context, o options, data string, at *endpoints, fail context.CancelCauseFunc) (closers []func(), err error) {
	if at.AccessKey, at.SecretKey, err = credentials(filepath.Join(data, "credentials.json")); err != nil {
		return closers, err
	}
	service, err := kms.Open(filepath.Join(data, "kms"), func() time.Time { return time.Now().UTC() })
	if err != nil {
		return closers, fmt.Errorf("key service: %w", err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return closers, fmt.Errorf("key service: %w", err)
	}
	server := &http.Server{Handler: service, ReadHeaderTimeout: 5 * time.Second}
	go func() {
		if err := server.Serve(listener); err != nil && !errors.Is(err, http.ErrServerClosed) {
			fail(fmt.Errorf("the key service stopped: %w", err))
		}
	}()
	closers = append(closers, func() { _ = server.Close() })
	at.KMS = "http://" + listener.Addr().String()
	s3, stop, err := startS3(ctx, data, at.AccessKey, at.SecretKey, fail)
	if err != nil {
		return closers, err
	}
	closers = append(closers, stop)
	at.S3 = s3
	if o.dynamodb != "" {
		at.DynamoDB = o.dynamodb
		return closers, nil
	}
	database, stop, err := startDynoxide(ctx, o, data, fail)
	if err != nil {
		return closers, err
	}
	closers = append(closers, stop)
	at.DynamoDB = database
	return closers, nil
}

// lock makes sure that one process at a time uses a data folder.
func lock(path string) (func(), error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("the data folder cannot be locked: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, fmt.Errorf("the data folder %s is in use by another run; stop that one first", filepath.Dir(path))
	}
	return func() { _ = f.Close() }, nil
}

// credentials are made once and kept, so that a second run can read what the first one signed.
func credentials(path string) (access, secret string, err error) {
	var kept struct{ Access, Secret string }
	if b, err := os.ReadFile(path); err == nil && json.Unmarshal(b, &kept) == nil && kept.Access != "" {
		return kept.Access, kept.Secret, nil
	}
	raw := make([]byte, 28)
	if _, err := rand.Read(raw); err != nil {
		return "", "", err
	}
	kept.Access, kept.Secret = "local"+hex.EncodeToString(raw[:8]), hex.EncodeToString(raw[8:])
	b, err := json.Marshal(kept)
	if err != nil {
		return "", "", err
	}
	return kept.Access, kept.Secret, os.WriteFile(path, b, 0o600)
}

// freePort finds a loopback port for an engine that cannot be given a listener.
func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// answering waits until something accepts connections at an address, or the context ends, or ten seconds have passed.
func answering(ctx context.Context, address string) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	var d net.Dialer
	for {
		c, err := d.DialContext(ctx, "tcp", address)
		if err == nil {
			return c.Close()
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("nothing answers at %s: %w", address, err)
		case <-time.After(5 * time.Millisecond):
		}
	}
}
