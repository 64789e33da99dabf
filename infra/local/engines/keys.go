package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"strconv"
	"time"

	"github.com/passportcraft/passportcraft/infra/local/engines/kms"
)

// startKeys runs the key service in this process. Deletions fall due by the machine's clock, as they do in AWS, whatever
// clock the platform under test is given.
func startKeys(o options, fail context.CancelCauseFunc) (endpoint string, stop func(), err error) {
	service, err := kms.Open(filepath.Join(o.data, "kms"), func() time.Time { return time.Now().UTC() })
	if err != nil {
		return "", nil, fmt.Errorf("the key service does not start: %w", err)
	}
	listener, err := net.Listen("tcp", net.JoinHostPort(loopback, strconv.Itoa(o.keyPort)))
	if err != nil {
		return "", nil, fmt.Errorf("the key service does not start: %w", err)
	}
	server := &http.Server{Handler: service, ReadHeaderTimeout: 5 * time.Second}
	go func() {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			fail(fmt.Errorf("the key service stopped: %w", err))
		}
	}()
	stop = func() {
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		if server.Shutdown(ctx) != nil {
			_ = server.Close()
		}
	}
	return "http://" + listener.Addr().String(), stop, nil
}
