// Command engines runs what stands in for AWS on one machine: a DynamoDB engine (dynoxide, as a child process), an S3
// engine (versitygw, in this process) and a key service. It listens on loopback only, keeps its data under one folder,
// prints its addresses as one line of JSON when all are up, and ends with its parent: on SIGTERM, on SIGINT, and when its
// standard input ends.
//
// It makes no tables, buckets or keys, and has no data of its own: that is the caller's business.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"syscall"
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
	data, dynoxide, dynamodb      string
	access, secret                string
	dynamodbPort, s3Port, keyPort int
	memory                        bool
	stdin                         io.Reader
	stdout, stderr                io.Writer
}

func main() {
	o := options{stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr}
	flag.StringVar(&o.data, "data", "", "folder for all data (made if absent)")
	flag.StringVar(&o.dynoxide, "dynoxide", "", "path of the dynoxide program")
	flag.StringVar(&o.dynamodb, "dynamodb-endpoint", "", "use this DynamoDB endpoint instead of starting dynoxide")
	flag.StringVar(&o.access, "access", "", "access key (made and kept in the data folder when empty)")
	flag.StringVar(&o.secret, "secret", "", "secret key of -access")
	flag.IntVar(&o.dynamodbPort, "dynamodb-port", 0, "port of the DynamoDB engine; 0 takes a free one")
	flag.IntVar(&o.s3Port, "s3-port", 0, "port of the S3 engine; 0 takes a free one")
	flag.IntVar(&o.keyPort, "kms-port", 0, "port of the key service; 0 takes a free one")
	flag.BoolVar(&o.memory, "memory", false, "keep DynamoDB tables in memory only")
	flag.Parse()
	if err := run(o); err != nil {
		fmt.Fprintln(os.Stderr, "engines: "+err.Error())
		os.Exit(1)
	}
}

func run(o options) error {
	runtime.LockOSThread()         // Linux ties a child to the thread that started it; this one lives as long as the process
	os.Stdout = os.Stderr          // what the engines print is for people; our parent reads one line from us
	signal.Ignore(syscall.SIGPIPE) // a parent that is gone can read no logs, and that must not cut a clean stop short
	if err := o.check(); err != nil {
		return err
	}
	if err := os.MkdirAll(o.data, 0o700); err != nil {
		return fmt.Errorf("the data folder cannot be made: %w", err)
	}
	unlock, err := lock(filepath.Join(o.data, "lock"))
	if err != nil {
		return err
	}
	defer unlock()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() { // the parent holds our standard input open for as long as it lives
		_, _ = io.Copy(io.Discard, o.stdin)
		cancel(nil)
	}()
	at := endpoints{PID: os.Getpid()}
	closers, err := start(ctx, o, &at, cancel)
	defer func() {
		for i := len(closers) - 1; i >= 0; i-- {
			closers[i]()
		}
	}()
	if err == nil {
		if err := json.NewEncoder(o.stdout).Encode(at); err != nil {
			return fmt.Errorf("the addresses cannot be told: %w", err)
		}
		<-ctx.Done()
	}
	if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, context.Canceled) {
		return cause
	}
	if ctx.Err() != nil {
		return nil // asked to stop, even if that was before everything was up
	}
	return err
}

// check completes the options; paths become absolute, because the S3 engine changes the working directory.
func (o *options) check() (err error) {
	if o.data == "" {
		return errors.New("-data must name a folder")
	}
	if o.data, err = filepath.Abs(o.data); err != nil {
		return fmt.Errorf("-data: %w", err)
	}
	if (o.access == "") != (o.secret == "") {
		return errors.New("-access and -secret go together")
	}
	if o.dynamodb != "" {
		if u, err := url.Parse(o.dynamodb); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			return fmt.Errorf("the DynamoDB endpoint %q is not an http or https address", o.dynamodb)
		}
		return nil
	}
	if o.dynoxide == "" {
		return errors.New("-dynoxide must name the DynamoDB engine, or -dynamodb-endpoint one that runs already")
	}
	o.dynoxide, err = filepath.Abs(o.dynoxide)
	return err
}

// start brings the engines up one after the other; the returned functions stop what was started, last first.
func start(ctx context.Context, o options, at *endpoints, fail context.CancelCauseFunc) (closers []func(), err error) {
	at.AccessKey, at.SecretKey = o.access, o.secret
	if o.access == "" {
		if at.AccessKey, at.SecretKey, err = credentials(filepath.Join(o.data, "credentials.json")); err != nil {
			return closers, fmt.Errorf("the credentials cannot be kept: %w", err)
		}
	}
	var stop func()
	if at.KMS, stop, err = startKeys(o, fail); err != nil {
		return closers, err
	}
	closers = append(closers, stop)
	if at.S3, stop, err = startS3(ctx, o, at.AccessKey, at.SecretKey, fail); err != nil {
		return closers, err
	}
	closers = append(closers, stop)
	if o.dynamodb != "" {
		at.DynamoDB = o.dynamodb
		return closers, nil
	}
	if at.DynamoDB, stop, err = startDynoxide(ctx, o, fail); err != nil {
		return closers, err
	}
	return append(closers, stop), nil
}
