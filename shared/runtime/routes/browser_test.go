package routes_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/passportcraft/passportcraft/shared/runtime/routes"
	"github.com/passportcraft/passportcraft/shared/testkit"
)

// TestBrowserSignIn leads a browser to the sign-in service and back into a session that creates a passport, and refuses
// whatever did not begin in this browser.
func TestBrowserSignIn(t *testing.T) {
	k := testkit.Open(t, testkit.Options{Routes: routes.All, Apart: true})
	w := k.Do(t, "GET", "/sign-in?next=/workspace", "", "")
	for _, label := range []string{"E-mail and password", "Google", "Microsoft"} {
		if w.Code != 200 || !strings.Contains(w.Body.String(), label) {
			t.Errorf("the page does not offer %s: %d", label, w.Code)
		}
	}
	w = k.Do(t, "GET", "/sign-in/start?with=google&next=/workspace", "", "")
	to, err := url.Parse(w.Header().Get("Location"))
	if err != nil || w.Code != 303 || to.Host != "sign-in.example" || to.Query().Get("identity_provider") != "Google" || to.Query().Get("code_challenge_method") != "S256" {
		t.Fatalf("start: %d %s", w.Code, w.Header().Get("Location"))
	}
	attempt := w.Result().Cookies()[0]
	if attempt.Name != "__Host-signin" || !attempt.Secure || !attempt.HttpOnly || attempt.SameSite != http.SameSiteLaxMode {
		t.Errorf("cookie of the attempt: %+v", attempt)
	}
	back := func(code, state string, cookies ...string) (int, []*http.Cookie, string) {
		t.Helper()
		w := k.Do(t, "GET", "/sign-in/callback?code="+url.QueryEscape(code)+"&state="+state, "", "", "Cookie", strings.Join(cookies, "; "))
		return w.Code, w.Result().Cookies(), w.Body.String()
	}
	own, state, nonce := attempt.Name+"="+attempt.Value, to.Query().Get("state"), to.Query().Get("nonce")
	for name, tc := range map[string][3]string{
		"no cookie":      {"anna " + nonce, state, ""},
		"another state":  {"anna " + nonce, "x", own},
		"no state":       {"anna " + nonce, "", own},
		"another nonce":  {"anna stolen", state, own},
		"a wrong code":   {"wrong", state, own},
		"a broken proof": {"anna " + nonce, state, "__Host-signin=AAAA"},
	} {
		if code, cookies, body := back(tc[0], tc[1], tc[2]); code != 400 || len(cookies) > 0 || !strings.Contains(body, "did not work") {
			t.Errorf("%s: %d %v", name, code, cookies)
		}
	}
	code, cookies, body := back("anna "+nonce, state, own)
	if code != 200 || !strings.Contains(body, "/workspace") {
		t.Fatalf("callback: %d %s", code, body)
	}
	session := ""
	for _, c := range cookies {
		if c.Value != "" && (c.SameSite != http.SameSiteStrictMode || !c.Secure || !c.HttpOnly || c.Path != "/") {
			t.Errorf("cookie %s: %+v", c.Name, c)
		}
		if c.Name == "__Host-session" {
			session = c.Name + "=" + c.Value
		}
	}
	if code, _, _ := back("anna "+nonce, state, own); code != 200 { // the second time the person is known
		t.Errorf("signing in again: %d", code)
	}
	in := []string{"Cookie", session, "Sec-Fetch-Site", "same-origin"}
	if me := k.Do(t, "GET", "/v1/me", "", "", in...); !strings.Contains(me.Body.String(), "Name of anna") {
		t.Errorf("me: %s", me.Body)
	}
	expect(t, k, 201, "", "POST", "/v1/tenants", "", `{"name":"Nordeiche"}`, in...)
	expect(t, k, 201, "", "POST", "/v1/passports", "", complete, in...)
	expect(t, k, 401, "unauthenticated", "POST", "/sign-in/refresh", "", "")
	out := k.Do(t, "GET", "/sign-out", "", "")
	if out.Code != 303 || !strings.Contains(out.Header().Get("Location"), "/logout") || len(out.Result().Cookies()) != 2 {
		t.Errorf("sign out: %d %v", out.Code, out.Header())
	}
	// The stand-in for the sign-in service does not know how to revoke: people leave all the same.
	out = k.Do(t, "GET", "/sign-out", "", "", "Cookie", "__Secure-refresh=x")
	if out.Code != 303 || out.Header().Get("Location") != "/signed-out" || len(out.Result().Cookies()) != 2 {
		t.Errorf("sign out while the sign-in service is down: %d %v", out.Code, out.Header())
	}
	for _, path := range []string{"/workspace", "/workspace.js", "/invitation", "/invitation.js", "/signed-out"} {
		if w := k.Do(t, "GET", path, "", ""); w.Code != 200 || w.Body.Len() < 200 {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
}
