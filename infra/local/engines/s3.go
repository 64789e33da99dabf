package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/versity/versitygw/backend/meta"
	"github.com/versity/versitygw/backend/posix"
	"github.com/versity/versitygw/embedgw"
)

// startS3 runs the S3 engine in this process, over plain files with their metadata in extended attributes or, where the
// file system has none, beside them.
func startS3(ctx context.Context, o options, access, secret string, fail context.CancelCauseFunc) (endpoint string, stop func(), err error) {
	ctx, cancel := context.WithCancel(ctx)
	var done chan struct{}
	var ended error
	address, err := onPort(o.s3Port, func(address string) error {
		backend, err := openFiles(o.data)
		if err != nil {
			return err
		}
		done = make(chan struct{})
		go func() {
			defer close(done)
			ended = embedgw.RunVersityGW(ctx, backend, &embedgw.Config{
				RootUserAccess: access, RootUserSecret: secret, Region: "eu-west-1", Ports: []string{address},
				Quiet: true, KeepAlive: true, MaxConnections: 4096, MaxRequests: 1024, MultipartMaxParts: 10000,
			})
		}()
		return answering(ctx, address, done)
	})
	stop = func() {
		cancel()
		select {
		case <-done:
		case <-time.After(3 * time.Second): // it waits longer for clients that keep a connection open
		}
	}
	if err != nil {
		if done != nil {
			stop()
		}
		cancel()
		return "", nil, fmt.Errorf("the S3 engine does not start: %w", err)
	}
	go func() {
		<-done
		if ctx.Err() == nil {
			fail(errors.Join(errors.New("the S3 engine stopped by itself"), ended))
		}
	}()
	return "http://" + address, stop, nil
}

// openFiles opens the folders of the S3 engine. Old versions are outside the data root, or they would be listed as a
// bucket.
func openFiles(data string) (*posix.Posix, error) {
	root, versions := filepath.Join(data, "s3"), filepath.Join(data, "s3-versions")
	for _, dir := range []string{root, versions} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, err
		}
	}
	opts := posix.PosixOpts{VersioningDir: versions, CopyObjectThreshold: 5 << 30} // the largest object CopyObject takes in S3
	store, err := metadata(data, root, &opts)
	if err != nil {
		return nil, err
	}
	return posix.New(root, store, opts)
}

// metadata chooses where the metadata of objects is kept. A data folder that was begun with metadata beside the files
// goes on so, even when it was moved to a file system with extended attributes.
func metadata(data, root string, opts *posix.PosixOpts) (meta.MetadataStorer, error) {
	beside := filepath.Join(data, "metadata-s3") // the engine refuses a name that begins with that of the data root
	if _, err := os.Stat(beside); err != nil && (meta.XattrMeta{}).Test(root) == nil {
		return meta.XattrMeta{}, nil
	}
	if err := os.MkdirAll(beside, 0o700); err != nil {
		return nil, err
	}
	opts.SideCarDir = beside
	return meta.NewSideCar(beside)
}
