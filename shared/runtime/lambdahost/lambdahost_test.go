package lambdahost_test

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/google/go-cmp/cmp"

	"github.com/passportcraft/passportcraft/shared/api/httpapi"
	"github.com/passportcraft/passportcraft/shared/domain/access"
	"github.com/passportcraft/passportcraft/shared/foundation/clock"
	"github.com/passportcraft/passportcraft/shared/foundation/fault"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
	"github.com/passportcraft/passportcraft/shared/runtime/lambdahost"
)

// seen is what both hosts must agree on.
type seen struct {
	Status  int
	Headers map[string][]string
	Body    string
}

// TestAdapterIsLikeAServer sends the same requests through a real HTTP server and through the Lambda adapter, which by
// itself differs: a handler that writes nothing, a panic, HEAD, values with commas, slashes in a segment, binary bodies.
func TestAdapterIsLikeAServer(t *testing.T) {
	now := clock.Fixed(time.Unix(1_800_000_000, 0))
	echo := func(r *httpapi.Request) (*httpapi.Response, error) {
		return httpapi.OK(map[string]any{"value": r.PathValue("value"), "accept": r.Header.Get("Accept"), "ifMatch": r.Header.Values("If-Match"), "query": r.URL.Query(), "body": string(r.Body)}), nil
	}
	route := func(pattern string, h func(*httpapi.Request) (*httpapi.Response, error)) httpapi.Route {
		return httpapi.Route{Function: "f", Pattern: pattern, Action: access.Public, Handle: h, Query: []string{"q"}}
	}
	post := route("POST /echo", echo)
	post.Body = httpapi.JSON()
	routes := []httpapi.Route{
		route("GET /echo/{value}", echo), post,
		route("GET /empty", func(*httpapi.Request) (*httpapi.Response, error) { return &httpapi.Response{Status: 204}, nil }),
		route("GET /panic", func(*httpapi.Request) (*httpapi.Response, error) { panic("boom: secret") }),
		route("GET /nothing", func(*httpapi.Request) (*httpapi.Response, error) { return nil, nil }),
		route("GET /binary", func(*httpapi.Request) (*httpapi.Response, error) {
			return &httpapi.Response{Raw: []byte{0xff, 0x00, 0xfe}, ContentType: "image/png"}, nil
		}),
	}
	gate := func() *httpapi.Gate {
		return &httpapi.Gate{Now: now, IDs: id.NewSource(now, rand.Reader), Sink: func(context.Context, httpapi.Event) {}}
	}
	server := httptest.NewServer(httpapi.Mux(gate(), routes...))
	defer server.Close()
	lambda := lambdahost.New(gate(), routes...)
	for _, tc := range []struct {
		name, method, path string
		header             map[string]string
		body               string
		want               int
	}{
		{"value", "GET", "/echo/x", nil, "", 200},
		{"slash in a value", "GET", "/echo/A%2FB", nil, "", 200},
		{"percent in a value", "GET", "/echo/A%25B", nil, "", 200},
		{"question mark in a value", "GET", "/echo/A%3Fq=1", nil, "", 200},
		{"commas in headers", "GET", "/echo/x", map[string]string{"Accept": "text/html, application/json;q=0.5", "If-Match": `"a,b"`}, "", 200},
		{"query", "GET", "/echo/x?q=a%26b", nil, "", 200},
		{"unknown query", "GET", "/echo/x?z=1", nil, "", 400},
		{"head", "HEAD", "/echo/x", nil, "", 200},
		{"body", "POST", "/echo", map[string]string{"Content-Type": "application/json"}, `{"ü":1}`, 200},
		{"writes nothing", "GET", "/empty", nil, "", 204},
		{"panics", "GET", "/panic", nil, "", 500},
		{"returns nothing", "GET", "/nothing", nil, "", 500},
		{"binary", "GET", "/binary", nil, "", 200},
		{"unknown path", "GET", "/nowhere", nil, "", 404},
		{"double slash", "GET", "//echo/x", nil, "", 404},
		{"dots", "GET", "/a/../echo/x", nil, "", 404},
		{"method", "PUT", "/echo", nil, "", 405},
		{"options", "OPTIONS", "/echo", nil, "", 204},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a := throughServer(t, server.URL, tc.method, tc.path, tc.header, tc.body)
			b := throughLambda(t, lambda, tc.method, tc.path, tc.header, tc.body)
			if a.Status != tc.want {
				t.Errorf("status %d, want %d: %s", a.Status, tc.want, a.Body)
			}
			if d := cmp.Diff(a, b); d != "" {
				t.Errorf("server and adapter differ (-server +adapter):\n%s", d)
			}
			if strings.Contains(a.Body, "secret") {
				t.Errorf("internal text leaves: %s", a.Body)
			}
		})
	}
}

func throughServer(t *testing.T, base, method, path string, header map[string]string, body string) seen {
	t.Helper()
	r, err := http.NewRequest(method, base+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for k, v := range header {
		r.Header.Set(k, v)
	}
	r.Header.Set("Accept-Encoding", "identity")
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	resp.Header.Del("Date")
	return strip(seen{resp.StatusCode, resp.Header, string(b)})
}

func throughLambda(t *testing.T, h lambdahost.Handler, method, target string, header map[string]string, body string) seen {
	t.Helper()
	path, query, _ := strings.Cut(target, "?")
	e := events.APIGatewayProxyRequest{HTTPMethod: method, Path: path, Body: body, MultiValueHeaders: map[string][]string{"Host": {"example"}}}
	for k, v := range header {
		e.MultiValueHeaders[k] = []string{v}
	}
	if name, value, ok := strings.Cut(query, "="); ok {
		e.MultiValueQueryStringParameters = map[string][]string{name: {strings.ReplaceAll(value, "%26", "&")}} // the gateway decodes it
	}
	a, err := h(context.Background(), e)
	if err != nil {
		t.Fatalf("the adapter failed: %v", err)
	}
	out := a.Body
	if a.IsBase64Encoded {
		raw, err := base64.StdEncoding.DecodeString(out)
		if err != nil {
			t.Fatal(err)
		}
		out = string(raw)
	}
	return strip(seen{a.StatusCode, a.MultiValueHeaders, out})
}

// strip removes the request's identifier, which differs by design.
func strip(s seen) seen {
	if v := s.Headers["X-Request-Id"]; len(v) == 1 {
		s.Body = strings.ReplaceAll(s.Body, v[0], "<id>")
	}
	delete(s.Headers, "X-Request-Id")
	return s
}

// TestFilesLeaveAsBytes holds that a route that answers with files is passed on as base64 whatever the file looks like, and
// its refusals, and other routes, as the text that they are.
func TestFilesLeaveAsBytes(t *testing.T) {
	now := clock.Fixed(time.Unix(1_800_000_000, 0))
	file := strings.Repeat("\x01", 1000)
	route := func(pattern string, bytes bool) httpapi.Route {
		return httpapi.Route{Function: "f", Pattern: pattern, Action: access.Public, Bytes: bytes, Handle: func(r *httpapi.Request) (*httpapi.Response, error) {
			if r.PathValue("name") == "absent" {
				return nil, fault.New(fault.CodeRouteNotFound, "It is not there.")
			}
			return &httpapi.Response{Raw: []byte(file), ContentType: "text/plain"}, nil
		}}
	}
	gate := &httpapi.Gate{Now: now, IDs: id.NewSource(now, rand.Reader), Sink: func(context.Context, httpapi.Event) {}}
	lambda := lambdahost.New(gate, route("GET /files/{name}", true), route("GET /texts/{name}", false))
	for _, tc := range []struct {
		resource, path, want string
		encoded              bool
	}{
		{"/files/{name}", "/files/a", base64.StdEncoding.EncodeToString([]byte(file)), true},
		{"/texts/{name}", "/texts/a", file, false},
		{"/files/{name}", "/files/absent", "", false},
	} {
		a, err := lambda(t.Context(), events.APIGatewayProxyRequest{HTTPMethod: "GET", Resource: tc.resource, Path: tc.path})
		if err != nil || a.IsBase64Encoded != tc.encoded || tc.want != "" && a.Body != tc.want {
			t.Errorf("%s: base64 %v, %d bytes, %v", tc.path, a.IsBase64Encoded, len(a.Body), err)
		}
	}
}
