package command_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/passportcraft/passportcraft/infra/passportctl/command"
	"github.com/passportcraft/passportcraft/shared/runtime/routes"
	"github.com/passportcraft/passportcraft/shared/testkit"
)

// outside is a platform as somebody on another machine has it: served over a network that tests can break, whose jobs run
// while a command waits.
type outside struct {
	*testkit.Kit
	url    string
	before func(r *http.Request) (*http.Response, error) // of each request; nil and nil let it through
	after  func(r *http.Request, resp *http.Response)
	waits  []time.Duration
	wait   func() error // instead of working while a command waits
}

func newOutside(t *testing.T) *outside {
	t.Helper()
	o := &outside{Kit: testkit.Open(t, testkit.Options{Routes: routes.All})}
	server := httptest.NewServer(o.Mux)
	t.Cleanup(server.Close)
	o.url = server.URL
	return o
}

// network is the way there.
type network struct{ *outside }

// Do implements aws.HTTPClient.
func (o network) Do(r *http.Request) (*http.Response, error) {
	if o.before != nil {
		if resp, err := o.before(r); resp != nil || err != nil {
			return resp, err
		}
	}
	do := o.Gate().Do
	if strings.HasPrefix(r.URL.String(), o.url) {
		do = http.DefaultTransport.RoundTrip
	}
	resp, err := do(r)
	if err == nil && o.after != nil {
		o.after(r, resp)
	}
	return resp, err
}

// ctl runs passportctl against the platform.
func (o *outside) ctl(t *testing.T, key string, args ...string) (code int, out, errs string) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var outs, said bytes.Buffer
	w := command.World{Out: &outs, Err: &said, Getenv: func(string) string { return key }, HTTP: network{o}, Sleep: func(ctx context.Context, d time.Duration) error {
		o.waits = append(o.waits, d)
		if o.wait != nil {
			if err := o.wait(); err != nil {
				stop()
				return err
			}
			return nil
		}
		all := o.Arrivals("")
		for _, object := range all {
			var err error
			if strings.HasPrefix(object, "requests/") {
				err = o.Pack(t, object)
			} else if strings.HasPrefix(object, "uploads/") || strings.HasPrefix(object, "commits/") {
				err = o.Import(t, object)
			}
			if err != nil {
				t.Errorf("%s: %v", object, err)
			}
		}
		return ctx.Err()
	}}
	code = command.Run(ctx, append(args, "-url", o.url), w)
	return code, outs.String(), said.String()
}

func answers(status int, headers map[string]string, body string) *http.Response {
	resp := &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body))}
	for name, value := range headers {
		resp.Header.Set(name, value)
	}
	return resp
}

// left are the files in a folder.
func left(t *testing.T, dir string) (all []string) {
	t.Helper()
	found, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range found {
		all = append(all, f.Name())
	}
	return all
}

// TestExportIsNotSpentInVain holds that nothing is asked for which could not be written, and that somebody who has asked for
// as many exports as a day allows learns when the next one is possible, and gets at those that are there.
func TestExportIsNotSpentInVain(t *testing.T) {
	o, dir := newOutside(t), t.TempDir()
	_, key := o.Tenant(t, "Nordeiche")
	o.Create(t, key, strings.ReplaceAll(chair, "SERIAL", "X1"))
	for _, out := range []string{filepath.Join(dir, "none", "x.zip"), dir} {
		if code, _, said := o.ctl(t, key, "export", "-o", out); code != command.Bad || !strings.Contains(said, "cannot be written") {
			t.Errorf("%d %s", code, said)
		}
	}
	if all := o.Do(t, "GET", "/v1/exports", key, "").Body.String(); !strings.Contains(all, `"items":[]`) {
		t.Fatalf("asked for in vain: %s", all)
	}
	if code, _, said := o.ctl(t, key, "export", "-o", filepath.Join(dir, "1.zip"), "-scope", "passports", "-status", "published", "-group", "general"); code != command.Good {
		t.Fatalf("%d %s", code, said)
	}
	if all := o.Do(t, "GET", "/v1/exports", key, "").Body.String(); !strings.Contains(all, `"productGroup":"general","status":"published"`) {
		t.Errorf("the filters are lost: %s", all)
	}
	first := o.Clock.Now()
	for range 4 {
		o.Clock.Advance(time.Hour)
		o.wait = func() error { return errors.New("interrupted") }
		code, _, said := o.ctl(t, key, "export", "-o", filepath.Join(dir, "2.zip"))
		if code != command.Bad || !strings.Contains(said, "export -url "+o.url+" -id ") {
			t.Fatalf("an export that is not waited for: %d %s", code, said)
		}
	}
	o.wait, o.waits = nil, nil
	code, _, said := o.ctl(t, key, "export", "-o", filepath.Join(dir, "3.zip"))
	when := first.Add(24 * time.Hour).Format(time.RFC3339)
	if code != command.Bad || !strings.Contains(said, when) || strings.Count(said, "-id ") != 5 || strings.Count(said, ", ready") != 1 || len(o.waits) != 0 {
		t.Errorf("%d after %v (%s) %s", code, o.waits, when, said)
	}
	for _, m := range regexp.MustCompile(`-id (\S+):`).FindAllStringSubmatch(said, -1) {
		if code, _, said := o.ctl(t, key, "export", "-o", filepath.Join(dir, "4.zip"), "-id", m[1]); code != command.Good {
			t.Errorf("%s: %d %s", m[1], code, said)
		}
	}
	if got := left(t, dir); len(got) != 2 || got[0] != "1.zip" || got[1] != "4.zip" {
		t.Errorf("left: %v", got)
	}
	for _, args := range [][]string{{"-id", "../../x"}, {"-id", "0199", "-scope", "account"}} {
		if code, _, said := o.ctl(t, key, append([]string{"export", "-o", filepath.Join(dir, "5.zip")}, args...)...); code != command.Usage {
			t.Errorf("%v: %d %s", args, code, said)
		}
	}
}

// TestExportIsFetchedThroughFailures breaks everything on the way of a package that can break, each for a while, and wants
// the whole package, fetched once. What stays broken is given up, and gone on with where it stopped.
func TestExportIsFetchedThroughFailures(t *testing.T) {
	o, dir := newOutside(t), t.TempDir()
	_, key := o.Tenant(t, "Nordeiche")
	o.Create(t, key, strings.ReplaceAll(chair, "SERIAL", "X1"))
	file, pub := filepath.Join(dir, "x.zip"), filepath.Join(dir, "key.pem")
	looks, links, fetched, dead := 0, map[string]int{}, int64(0), false
	storage := func(r *http.Request) bool { return !strings.HasPrefix(r.URL.String(), o.url) }
	o.before = func(r *http.Request) (*http.Response, error) {
		if storage(r) {
			links[r.URL.String()]++
			switch {
			case dead:
				return nil, errors.New("no route to host")
			case len(links) == 1 && links[r.URL.String()] == 2: // the link has expired meanwhile
				o.Clock.Advance(time.Hour)
				return answers(403, nil, "<Error><Code>AccessDenied</Code></Error>"), nil
			}
			return nil, nil
		}
		if looks++; r.Method != http.MethodGet {
			return nil, nil
		}
		switch looks {
		case 2:
			return answers(503, map[string]string{"Retry-After": "7"}, `{"detail":"Later."}`), nil
		case 3:
			return nil, errors.New("connection reset")
		case 4:
			return answers(429, map[string]string{"Retry-After": "40"}, ""), nil
		}
		return nil, nil
	}
	const few = 1000
	o.after = func(r *http.Request, resp *http.Response) {
		if !storage(r) || resp.StatusCode > 299 {
			return
		}
		resp.Body = io.NopCloser(io.LimitReader(resp.Body, few)) // the connection breaks
		fetched += few
	}
	code, _, said := o.ctl(t, key, "export", "-o", file)
	if code != command.Good {
		t.Fatalf("%d %s", code, said)
	}
	about, err := os.Stat(file)
	if err != nil || about.Size() < 3*few || fetched-about.Size() >= few || fetched < about.Size() {
		t.Errorf("%d bytes were fetched for %v, %v", fetched, about, err)
	}
	for _, want := range []time.Duration{7 * time.Second, 40 * time.Second} {
		if !strings.Contains(fmt.Sprint(o.waits), fmt.Sprint(want)) {
			t.Errorf("it did not wait %s as it was told: %v", want, o.waits)
		}
	}
	if len(links) != 2 {
		t.Errorf("%d links were asked for", len(links))
	}
	o.after = nil
	if code, said := ctl(t, "", "audit", "key", "-url", o.url, "-o", pub); code != command.Good {
		t.Fatal(said)
	}
	if code, said := ctl(t, "", "verify", "export", file, "-key", pub); code != command.Good {
		t.Errorf("%d %s", code, said)
	}

	other := filepath.Join(dir, "other.zip")
	o.after = func(r *http.Request, resp *http.Response) {
		if storage(r) {
			resp.Body, dead = io.NopCloser(io.LimitReader(resp.Body, few)), true
		}
	}
	o.waits = nil
	code, _, said = o.ctl(t, key, "export", "-o", other)
	which := regexp.MustCompile(`-id (\S+)`).FindStringSubmatch(said)
	if code != command.Bad || which == nil || len(o.waits) < 5 || strings.Contains(said, "X-Amz-Signature") {
		t.Fatalf("%d after %v: %s", code, o.waits, said)
	}
	if _, err := os.Stat(other); err == nil {
		t.Error("a part is taken for the whole")
	}
	var ranges []string
	o.after, dead = func(r *http.Request, _ *http.Response) {
		if storage(r) {
			ranges = append(ranges, r.Header.Get("Range"))
		}
	}, false
	if code, _, said := o.ctl(t, key, "export", "-o", other, "-id", which[1]); code != command.Good || len(ranges) != 1 || ranges[0] != fmt.Sprintf("bytes=%d-", few) {
		t.Errorf("%d %v %s", code, ranges, said)
	}
	if code, said := ctl(t, "", "verify", "export", other, "-key", pub); code != command.Good {
		t.Errorf("%d %s", code, said)
	}
}
