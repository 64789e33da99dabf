package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"github.com/versity/versitygw/backend/meta"
	"github.com/versity/versitygw/backend/posix"
	"github.com/versity/versitygw/embedgw"
)

// startS3 runs the S3 engine in this process, over plain files with their metadata in extended attributes or, where the
// file system has none, beside them.
func startS3(ctx context.Context, data, access, secret string, fail context.CancelCauseFunc) (endpoint string, stop func(), err error) {
	root, versions, beside := filepath.Join(data, "s3"), filepath.Join(data, "s3-versions"), filepath.Join(data, "s3-metadata")
	for _, dir := range []string{root, versions} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return "", nil, err
		}
	}
	opts := posix.PosixOpts{VersioningDir: versions, CopyObjectThreshold: 5 << 30}
	var store meta.MetadataStorer = meta.XattrMeta{}
	if err := (meta.XattrMeta{}).Test(root); err != nil {
		if err := os.MkdirAll(beside, 0o700); err != nil {
			return "", nil, err
		}
		sidecar, err := meta.NewSideCar(beside)
		if err != nil {
			return "", nil, fmt.Errorf("the S3 engine has no place for metadata: %w", err)
		}
		store, opts.SideCarDir = sidecar, beside
	}
	backend, err := posix.New(root, store, opts)
	if err != nil {
		return "", nil, fmt.Errorf("the S3 engine does not start: %w", err)
	}
	port, err := freePort()
	if err != nil {
		return "", nil, err
	}
	address := "127.0.0.1:" + strconv.Itoa(port)
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		err := embedgw.RunVersityGW(ctx, backend, &embedgw.Config{
			RootUserAccess: access, RootUserSecret: secret, Region: "eu-west-1", Ports: []string{address}, Quiet: true,
			MaxConnections: 1024, MaxRequests: 512, MultipartMaxParts: 10000,
		})
		if err != nil && ctx.Err() == nil && !errors.Is(err, context.Canceled) {
			fail(fmt.Errorf("the S3 engine stopped: %w", err))
		}
	}()
	stop = func() { cancel(); <-done }
	if err := answering(ctx, address); err != nil {
		stop()
		return "", nil, fmt.Errorf("the S3 engine: %w", err)
	}
	return "http://" + address, stop, nil
}
