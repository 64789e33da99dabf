// Package browsers_test drives the running product in headless Chromium, as people use it.
package browsers_test

import (
	"bufio"
	"context"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base32"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/passportcraft/passportcraft/infra/local/enginehost"
	"github.com/passportcraft/passportcraft/infra/local/runner"
	"github.com/passportcraft/passportcraft/shared/foundation/clock"
)

// chromium is the browser, or the test is skipped by name.
func chromium(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Skip("no Chromium on this machine: the sign-ins are not driven in a browser (Debian: apt install chromium)")
	return ""
}

// site is the product as `make run` starts it.
type site struct {
	URL      string `json:"url"`
	Email    string `json:"ownerEmail"`
	Password string `json:"ownerPassword"`
	data     string
}

// start starts it; in 2027, when batteries need passports, if it is ahead.
func start(t *testing.T, ahead bool) *site {
	t.Helper()
	root, err := enginehost.Root()
	if err != nil {
		t.Fatal(err)
	}
	s := &site{data: t.TempDir()}
	if by := time.Until(time.Date(2027, 3, 1, 8, 0, 0, 0, time.UTC)); ahead && by > 0 {
		if err := os.WriteFile(filepath.Join(s.data, "clock.json"), fmt.Appendf(nil, `{"offset":%q}`, by), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	out, in := io.Pipe()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		err := runner.Run(ctx, runner.Options{Root: root, Data: s.data, Manual: ahead, Out: in})
		_ = in.Close()
		done <- err
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	lines := bufio.NewScanner(out)
	for lines.Scan() && !strings.HasPrefix(lines.Text(), "ready ") {
	}
	go func() { _, _ = io.Copy(io.Discard, out) }()
	b, err := os.ReadFile(filepath.Join(s.data, "run.json"))
	if err == nil {
		err = json.Unmarshal(b, s)
	}
	if err != nil {
		t.Fatalf("it did not get ready: %v", err)
	}
	return s
}

// person is somebody with a browser of their own.
type person struct {
	*testing.T
	ctx context.Context
}

func (s *site) visit(t *testing.T, browser string) person {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(browser), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.WindowSize(390, 844),
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true), chromedp.UserDataDir(t.TempDir()))
	allocator, stop := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, end := chromedp.NewContext(allocator)
	t.Cleanup(func() { end(); stop() })
	if err := chromedp.Do(ctx); err != nil { // starts the browser, which lives as long as the context of its first step
		t.Fatal(err)
	}
	return person{t, ctx}
}

// does runs steps and, when one fails, says which and what the page showed.
func (p person) does(what string, steps ...chromedp.Action[chromedp.Void]) {
	p.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, 30*time.Second)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		look, stop := context.WithTimeout(p.ctx, 5*time.Second)
		defer stop()
		where, _ := chromedp.Run(look, chromedp.Location())
		text, _ := chromedp.Run(look, chromedp.Text(chromedp.CSS("body")))
		p.Fatalf("%s: %v\nat %s:\n%s", what, err, where, text)
	}
}

// reads is the text of a part of the page.
func (p person) reads(selector string) string {
	p.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, 10*time.Second)
	defer cancel()
	text, err := chromedp.Run(ctx, chromedp.Text(chromedp.CSS(selector)))
	if err != nil {
		p.Fatalf("%s: %v", selector, err)
	}
	return text
}

func click(selector string) chromedp.Action[chromedp.Void] {
	return chromedp.Click(chromedp.CSS(selector), chromedp.NodeVisible)
}

func fill(selector, text string) chromedp.Action[chromedp.Void] {
	return chromedp.SendKeys(chromedp.CSS(selector), text, chromedp.NodeVisible)
}

func seen(selector string) chromedp.Action[chromedp.Void] {
	return chromedp.WaitVisible(chromedp.CSS(selector))
}

// found creates an organisation and a passport in it, from the workspace of somebody who has none.
func (p person) founds(organisation, serial string) {
	p.Helper()
	p.does("create an organisation", seen("#found-name"), fill("#found-name", organisation), click("#found-form button"), seen("#create-name"))
	p.does("create a passport", fill("#create-name", "Oak chair"), fill("#create-gtin", "9506000134376"), fill("#create-serial", serial), fill("#create-manufacturer", organisation),
		click("#create-form button"), seen("#created-link"), seen("#passports li"))
	if list := p.reads("#passports"); !strings.Contains(list, serial) || !strings.Contains(list, "draft") {
		p.Errorf("the list shows %q", list)
	}
}

// totp is the code that an authenticator app shows at an instant (RFC 6238: HMAC-SHA-1, 30 seconds, six digits).
func totp(t *testing.T, secret string, at time.Time) string {
	t.Helper()
	key, err := base32.StdEncoding.DecodeString(secret)
	if err != nil {
		t.Fatal(err)
	}
	mac := hmac.New(sha1.New, key)
	_ = binary.Write(mac, binary.BigEndian, at.Unix()/30)
	sum := mac.Sum(nil)
	offset := sum[len(sum)-1] & 0x0f
	return fmt.Sprintf("%06d", binary.BigEndian.Uint32(sum[offset:])&0x7fffffff%1_000_000)
}

// TestSignIns leads three people from the sign-in page to a passport of their own: with a password, with Google and with
// Microsoft.
func TestSignIns(t *testing.T) {
	browser := chromium(t)
	s := start(t, false)
	for n, way := range []struct{ link, create string }{
		{"/sign-in/start?with=password", "#create"}, {"/sign-in/start?with=google", "#create"}, {"/sign-in/start?with=microsoft", "#create"},
	} {
		name := way.link[strings.Index(way.link, "=")+1:]
		t.Run(name, func(t *testing.T) {
			p := s.visit(t, browser)
			p.does("choose how to sign in", chromedp.Navigate(s.URL+"/sign-in?next=/workspace"), click(fmt.Sprintf("a[href^=%q]", way.link)))
			p.does("create an account", click(way.create), fill("#name", "Person of "+name), fill("#email", name+"@nordeiche.example"), fill("#password", "correct horse battery staple"), click("button[type=submit]"))
			p.founds("Works of "+name, fmt.Sprintf("B-%d", n))
			p.does("sign out", click(`a[href="/sign-out"]`), seen(`a[href^="/sign-in"]`))
			p.does("be a stranger again", chromedp.Navigate(s.URL+"/workspace"), seen("#problem-link"))
		})
	}
}

// TestSecondFactor has the owner of the demo organisation sign in, set up an authenticator, and sign in with its code.
func TestSecondFactor(t *testing.T) {
	browser := chromium(t)
	s := start(t, false)
	p := s.visit(t, browser)
	password := func() {
		p.does("type the password", fill("#email", s.Email), fill("#password", s.Password), click("button[type=submit]"))
	}
	p.does("choose the password", chromedp.Navigate(s.URL+"/sign-in?next=/workspace"), click(`a[href^="/sign-in/start?with=password"]`))
	password()
	p.does("see the demo organisation", seen("#work"), seen("#passports li"))
	if title := p.reads("#title"); title != "Demo" {
		t.Errorf("the workspace is called %q", title)
	}
	p.does("ask for a secret", click("#factor"), seen("#enrol-outline[d]"))
	secret := p.reads("#enrol-secret")
	code := func(early time.Duration) string {
		return totp(t, strings.ReplaceAll(secret, " ", ""), clock.System().Add(early))
	}
	p.does("type a wrong code", fill("#enrol-code", "000000"), click("#enrol-form button"), chromedp.WaitVisible(chromedp.CSS("#enrol-code-bad")))
	p.does("type the code", chromedp.SetValue(chromedp.CSS("#enrol-code"), code(0)), click("#enrol-form button"), click("#enrolled a"))
	p.does("sign in again", click(`a[href*="with=password"]`))
	password()
	p.does("type the next code", fill("#code", code(30*time.Second)), click("button[type=submit]"), seen("#passports li"))
}
