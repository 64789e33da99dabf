package runner_test

import (
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"
)

// signIn leads a person through the pages of the sign-in service, as a browser would, and returns their access token. With
// a name, the account is made first.
func (s *site) signIn(t *testing.T, mail, password, name string) string {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	back := ""
	c := &http.Client{Jar: jar, CheckRedirect: func(r *http.Request, _ []*http.Request) error {
		if strings.HasPrefix(r.URL.String(), s.URL+"/sign-in/callback") {
			back = r.URL.String()
			return http.ErrUseLastResponse
		}
		return nil
	}}
	read := func(resp *http.Response, err error) (*http.Response, string) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp, string(b)
	}
	plain := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	begun, _ := read(plain.Get(s.URL + "/sign-in/start?with=password"))
	var attempt string
	for _, k := range begun.Cookies() {
		attempt = k.Name + "=" + k.Value
	}
	shown, page := read(c.Get(begun.Header.Get("Location")))
	origin := shown.Request.URL.Scheme + "://" + shown.Request.URL.Host
	link := func(pattern string) string {
		m := regexp.MustCompile(pattern).FindStringSubmatch(page)
		if m == nil {
			t.Fatalf("no %s in %s", pattern, page)
		}
		return origin + html.UnescapeString(m[1])
	}
	fields := url.Values{"email": {mail}, "password": {password}}
	if name != "" {
		_, page = read(c.Get(link(`id="create" href="([^"]+)"`)))
		fields.Set("name", name)
	}
	_, page = read(c.PostForm(link(`<form method="post" action="([^"]+)"`), fields))
	if back == "" {
		t.Fatalf("%s is not signed in: %s", mail, page)
	}
	r, err := http.NewRequest(http.MethodGet, back, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Cookie", attempt)
	done, body := read(plain.Do(r))
	for _, k := range done.Cookies() {
		if k.Name == "__Host-session" && k.Value != "" {
			return k.Value
		}
	}
	t.Fatalf("no session: %d %s", done.StatusCode, body)
	return ""
}
