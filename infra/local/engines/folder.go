package main

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// endingTakes is how long a run whose parent was killed may take to write everything and end.
const endingTakes = 8 * time.Second

// lock makes sure that one process at a time uses a data folder. The kernel frees it when the process ends, however it
// ends; a run that is just ending is waited for.
func lock(path string) (unlock func(), err error) {
	f, err := lockFor(path, endingTakes)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return nil, fmt.Errorf("the data folder %s is in use by another run; stop that one first", filepath.Dir(path))
	}
	if err != nil {
		return nil, fmt.Errorf("the data folder cannot be locked: %w", err)
	}
	return func() { _ = f.Close() }, nil
}

// lockFor is like lock, but waits for a process that is about to end, and returns the file so that a child can inherit
// the lock.
func lockFor(path string, patience time.Duration) (*os.File, error) {
	const pause = 10 * time.Millisecond
	for {
		f, err := tryLock(path)
		if err == nil || !errors.Is(err, syscall.EWOULDBLOCK) || patience <= 0 {
			return f, err
		}
		patience -= pause
		time.Sleep(pause)
	}
}

func tryLock(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// credentials are made once and kept, so that addresses signed by one run are good in the next.
func credentials(path string) (access, secret string, err error) {
	var kept struct{ Access, Secret string }
	b, err := os.ReadFile(path)
	if err == nil && json.Unmarshal(b, &kept) == nil && kept.Access != "" && kept.Secret != "" {
		return kept.Access, kept.Secret, nil
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return "", "", err
	}
	kept.Access, kept.Secret = "local"+rand.Text()[:15], rand.Text()+rand.Text()[:14]
	if b, err = json.Marshal(kept); err != nil {
		return "", "", err
	}
	return kept.Access, kept.Secret, os.WriteFile(path, b, 0o600)
}
