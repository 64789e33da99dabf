package httpapi_test

import (
	"bytes"
	"encoding/json"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/passportcraft/passportcraft/shared/api/httpapi"
	"github.com/passportcraft/passportcraft/shared/foundation/fault"
)

func TestNegotiate(t *testing.T) {
	for _, tc := range []struct{ accept, want string }{
		{"", "text/html"}, {"*/*", "text/html"}, {"application/json", "application/json"}, {"application/*", "application/json"},
		{"text/html;q=0.5, application/json", "application/json"}, {"text/html;q=0, */*", "application/json"},
		{"application/json;q=0.9, application/ld+json;q=0.9", "application/json"}, {"APPLICATION/JSON", "application/json"},
		{"application/json; charset=utf-8", "application/json"}, {"image/png, */*;q=0.1", "text/html"}, {",,;q=1, application/json", "application/json"},
		{"image/png", ""}, {"text/html;q=0", ""}, {"nonsense", ""},
	} {
		got, err := httpapi.Negotiate(tc.accept, "text/html", "application/json", "application/ld+json")
		if got != tc.want || (err != nil) != (tc.want == "") {
			t.Errorf("Accept %q: %q %v, want %q", tc.accept, got, err, tc.want)
		}
	}
}

// FuzzDecode holds that whatever is accepted is JSON that says the same again, no deeper than allowed, without doubled
// names, and that a refusal is the caller's to mend.
func FuzzDecode(f *testing.F) {
	for _, s := range []string{`{"a":{"b":[1,2,{"c":null}]}}`, `{"a":1,"a":2}`, `{"A":1}`, `[]`, "", `{"a":"\ud800"}`, strings.Repeat("[", 100), `{"a":1e400}`, "\xef\xbb\xbf{}"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		type input struct {
			A json.RawMessage `json:"a"`
		}
		r := &httpapi.Request{Request: httptest.NewRequest("POST", "/", nil), Body: body}
		v, err := httpapi.Decode[input](r)
		if err != nil {
			if k := fault.Of(err).Kind; k != fault.Malformed || len(fault.Of(err).Fields) == 0 {
				t.Fatalf("%q: %v", body, err)
			}
			return
		}
		if !json.Valid(body) {
			t.Fatalf("%q was accepted and is not JSON", body)
		}
		depth, most := 0, 0
		d := json.NewDecoder(bytes.NewReader(body))
		for {
			token, err := d.Token()
			if err != nil {
				break
			}
			switch token {
			case json.Delim('{'), json.Delim('['):
				depth++
				most = max(most, depth)
			case json.Delim('}'), json.Delim(']'):
				depth--
			}
		}
		if most > httpapi.MaxDepth || len(v.A) > 0 && !json.Valid(v.A) {
			t.Fatalf("%q: depth %d", body, most)
		}
	})
}

func FuzzNegotiate(f *testing.F) {
	f.Add("text/html,*/*;q=0.8")
	f.Fuzz(func(t *testing.T, accept string) {
		got, err := httpapi.Negotiate(accept, "text/html", "application/json")
		if (got == "") == (err == nil) {
			t.Errorf("%q: %q %v", accept, got, err)
		}
	})
}
