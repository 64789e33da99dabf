package command

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// The variable with the API key, and how long a command asks again in all where no answer comes that helps.
const (
	keyVariable = "PASSPORTCRAFT_API_KEY"
	patience    = 5 * time.Minute
	longest     = 30 * time.Second // between two tries, unless the server says otherwise
)

// api is a platform that is asked with a key.
type api struct {
	World
	base, key string
}

// api returns the platform at an address, with the key that the environment has.
func (w World) api(base, scope string) (api, error) {
	a := api{w, strings.TrimSuffix(base, "/"), w.Getenv(keyVariable)}
	if a.key == "" {
		return a, usage("set %s to a key with the scope %s", keyVariable, scope)
	}
	u, err := url.Parse(a.base)
	if err != nil || u.Host == "" {
		return a, usage("the address %q is not one", base)
	}
	if host := u.Hostname(); u.Scheme != "https" && host != "localhost" && !net.ParseIP(host).IsLoopback() {
		return a, usage("%s would send your API key in the clear; use https", base)
	}
	return a, nil
}

// get asks for one path; the body is read by the caller.
func (a api) get(ctx context.Context, path string) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, a.base+path, http.NoBody)
	if err != nil {
		return nil, usage("the address %q is not one", a.base+path)
	}
	return a.answered(r)
}

// call sends a request and reads the answer.
func (a api) call(ctx context.Context, method, path string, body []byte, into any) error {
	r, err := http.NewRequestWithContext(ctx, method, a.base+path, bytes.NewReader(body))
	if err != nil {
		return usage("the address %q is not one", a.base+path)
	}
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	resp, err := a.answered(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, 8<<20))
	if err != nil {
		return &unreachable{fmt.Errorf("%s broke off: %w", a.base+path, err)}
	}
	if err := json.Unmarshal(b, into); err != nil {
		return fmt.Errorf("%s answers something else than expected", a.base+path)
	}
	return nil
}

// look reads the state of something, and does so again while nobody can tell it.
func (a api) look(ctx context.Context, path string, into any) error {
	return a.patient(ctx, func() error { return a.call(ctx, http.MethodGet, path, nil, into) })
}

func (a api) answered(r *http.Request) (*http.Response, error) {
	if a.key != "" {
		r.Header.Set("Authorization", "Bearer "+a.key)
	}
	return a.send(r, time.Minute)
}

// send sends a request; an answer that is no success is a refusal. Redirections are not followed, since a key could go
// astray with them. A life of 0 is for what may take long.
func (w World) send(r *http.Request, life time.Duration) (*http.Response, error) {
	address := (&url.URL{Scheme: r.URL.Scheme, Host: r.URL.Host, Path: r.URL.Path}).String() // a signed link lets whoever has it in
	var client interface {
		Do(*http.Request) (*http.Response, error)
	} = &http.Client{Timeout: life, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	if w.HTTP != nil {
		client = w.HTTP
	}
	resp, err := client.Do(r)
	if err != nil {
		if u := new(url.Error); errors.As(err, &u) {
			err = u.Err
		}
		return nil, &unreachable{fmt.Errorf("%s does not answer: %w", address, err)}
	}
	if resp.StatusCode < http.StatusMultipleChoices {
		return resp, nil
	}
	defer resp.Body.Close()
	refused := &refusal{address: address, status: resp.StatusCode, keyed: r.Header.Get("Authorization") != ""}
	if seconds, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil && seconds > 0 {
		refused.after = time.Duration(seconds) * time.Second
	}
	_ = json.NewDecoder(io.LimitReader(resp.Body, 1<<16)).Decode(&refused.problem)
	return nil, refused
}

// unreachable says that no answer came, or not all of one.
type unreachable struct{ cause error }

func (u *unreachable) Error() string { return u.cause.Error() }
func (u *unreachable) Unwrap() error { return u.cause }

// refusal is an answer that is no success, with all of it that helps.
type refusal struct {
	address string
	status  int
	keyed   bool // the request had the key
	after   time.Duration
	problem struct {
		Detail, Code, RequestID string
		Errors                  []struct{ Pointer, Code, Detail string }
	}
}

func (r *refusal) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s answers %d.", r.address, r.status)
	detail := printable(r.problem.Detail)
	if r.status == http.StatusUnauthorized && r.keyed {
		detail = "What " + keyVariable + " holds is no valid API key here: look for a typing error, and whether it was revoked or has expired."
	}
	if detail != "" {
		b.WriteString(" " + detail)
	}
	if r.problem.Code != "" {
		fmt.Fprintf(&b, " (%s, request %s)", printable(r.problem.Code), printable(r.problem.RequestID))
	}
	for _, e := range r.problem.Errors {
		fmt.Fprintf(&b, "\n  %s: %s (%s)", printable(e.Pointer), printable(e.Detail), printable(e.Code))
	}
	return b.String()
}

// printable is text of a server without what steers a terminal.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return -1
	}, s)
}

// patient does something again for some minutes in all while the other side is out of order or has too much to do. It must be
// safe to do twice.
func (w World) patient(ctx context.Context, do func() error) error {
	next, waited, told := w.pause(), time.Duration(0), false
	for {
		err := do()
		r, u, wait := new(refusal), new(unreachable), next
		switch {
		case err == nil || ctx.Err() != nil:
			return err
		case errors.As(err, &r) && (r.status == http.StatusTooManyRequests || r.status >= http.StatusInternalServerError):
			wait = max(wait, r.after)
		case !errors.As(err, &u):
			return err
		}
		if waited += wait; waited > patience {
			return err
		}
		if !told {
			fmt.Fprintf(w.Err, "%s\nIt is tried again for some minutes.\n", err)
		}
		if stopped := w.sleep(ctx, wait); stopped != nil {
			return stopped
		}
		told, next = true, min(2*next, max(longest, w.pause()))
	}
}

func (w World) pause() time.Duration {
	if w.Pause > 0 {
		return w.Pause
	}
	return 2 * time.Second
}

// sleep waits, or for the end of the command.
func (w World) sleep(ctx context.Context, d time.Duration) error {
	if w.Sleep != nil {
		return w.Sleep(ctx, d)
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
