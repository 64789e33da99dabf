package gateway_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/google/go-cmp/cmp"

	"github.com/passportcraft/passportcraft/infra/local/gateway"
	"github.com/passportcraft/passportcraft/infra/local/template"
	"github.com/passportcraft/passportcraft/shared/foundation/clock"
)

// functions is an invoker of one behaviour.
type functions func(ctx context.Context, function string, e events.APIGatewayProxyRequest) (events.APIGatewayProxyResponse, error)

func (f functions) Invoke(ctx context.Context, function string, e events.APIGatewayProxyRequest) (events.APIGatewayProxyResponse, error) {
	return f(ctx, function, e)
}

// Authorise admits everybody but those whose credential says otherwise.
func (f functions) Authorise(_ context.Context, _ string, e events.APIGatewayCustomAuthorizerRequestTypeRequest) (events.APIGatewayCustomAuthorizerResponse, error) {
	credential := e.Headers["Authorization"]
	answer := func(effect string) (events.APIGatewayCustomAuthorizerResponse, error) {
		return events.APIGatewayCustomAuthorizerResponse{PrincipalID: "caller", PolicyDocument: events.APIGatewayCustomAuthorizerPolicy{
			Version: "2012-10-17", Statement: []events.IAMPolicyStatement{{Action: []string{"execute-api:Invoke"}, Effect: effect, Resource: []string{e.MethodArn}}},
		}}, nil
	}
	switch credential {
	case "nobody":
		return answer("Deny")
	case "broken":
		return events.APIGatewayCustomAuthorizerResponse{}, errors.New("broken")
	case "silent":
		return events.APIGatewayCustomAuthorizerResponse{}, nil
	case "elsewhere":
		e.MethodArn = strings.ReplaceAll(e.MethodArn, "GET", "*")
	}
	return answer("Allow")
}

func instant() time.Time { return time.Date(2027, 2, 18, 9, 0, 0, 123e6, time.UTC) }

func serve(t testing.TB, tpl *template.Template, f functions, change func(*gateway.Options)) *httptest.Server {
	t.Helper()
	o := gateway.Options{Now: clock.Fixed(instant()), Random: rand.Reader}
	if change != nil {
		change(&o)
	}
	g, err := gateway.New(tpl, f, o)
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(g)
	t.Cleanup(s.Close)
	return s
}

func real(t testing.TB) *template.Template {
	t.Helper()
	tpl, err := template.Read("../../../template.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return tpl
}

// ask sends a request line and headers as they are, and reads the answer without following it.
func ask(t testing.TB, s *httptest.Server, method, target, body string, headers ...string) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequest(method, s.URL+target, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	resp, err := http.DefaultTransport.RoundTrip(r)
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

func TestRoutes(t *testing.T) {
	var got string
	s := serve(t, real(t), func(_ context.Context, function string, e events.APIGatewayProxyRequest) (events.APIGatewayProxyResponse, error) {
		got = function + " " + e.Resource
		for name, v := range e.PathParameters {
			got += fmt.Sprintf(" %s=%s", name, v)
		}
		return events.APIGatewayProxyResponse{StatusCode: 200}, nil
	}, nil)
	for _, c := range []struct{ method, path, want string }{
		{"POST", "/v1/passports", "create-passport /v1/passports"},
		{"GET", "/v1/passports", "list-passports /v1/passports"},
		{"OPTIONS", "/v1/passports", "list-passports /v1/passports"},
		{"DELETE", "/v1/passports", "list-passports /v1/passports"},
		{"GET", "/v1/passports/", "list-passports /v1/passports"},
		{"PATCH", "/v1/passports/7", "update-passport /v1/passports/{passportId} passportId=7"},
		{"HEAD", "/v1/passports/7", "get-passport /v1/passports/{passportId} passportId=7"},
		{"GET", "/v1/passports/a%2Fb", "get-passport /v1/passports/{passportId} passportId=a%2Fb"},
		{"POST", "/v1/passports/7/publication", "publish-passport /v1/passports/{passportId}/publication passportId=7"},
		{"GET", "/01/09506000134352/21/A%2FB%20C", "resolve-link /01/{gtin}/21/{serial} gtin=09506000134352 serial=A%2FB%20C"},
		{"GET", "/", "show-docs /"},
		{"GET", "/health", "check-health /health"},
		{"GET", "/nothing", ""},
		{"GET", "/v1", ""},
		{"GET", "/v1/passports/7/nothing", ""},
		{"GET", "/01//21/X", ""},
		{"GET", "//health", ""},
		{"GET", "/health//", ""},
		{"GET", "/Health", ""},
	} {
		got = ""
		resp, body := ask(t, s, c.method, c.path, "")
		if c.want == "" && (resp.StatusCode != 404 || !strings.Contains(body, `"code":"route-not-found"`)) {
			t.Errorf("%s %s: %d %s, want the problem document of the template", c.method, c.path, resp.StatusCode, body)
		}
		gotSorted, wantSorted := strings.Fields(got), strings.Fields(c.want)
		if len(gotSorted) != len(wantSorted) {
			t.Errorf("%s %s: %q, want %q", c.method, c.path, got, c.want)
			continue
		}
		for _, part := range wantSorted {
			if !strings.Contains(got, part) {
				t.Errorf("%s %s: %q, want %q", c.method, c.path, got, c.want)
			}
		}
	}
}

func TestEvent(t *testing.T) {
	var got events.APIGatewayProxyRequest
	s := serve(t, real(t), func(_ context.Context, _ string, e events.APIGatewayProxyRequest) (events.APIGatewayProxyResponse, error) {
		got = e
		return events.APIGatewayProxyResponse{StatusCode: 200}, nil
	}, nil)
	host := strings.TrimPrefix(s.URL, "http://")
	_, port, _ := strings.Cut(host, ":")
	body := "{\"name\":\"Stuhl \xff\"}"
	resp, _ := ask(t, s, "PATCH", "/v1/passports/a%2Fb/?q=a+b&q=c%2Bd&empty", body,
		"X-Two", "1", "X-Two", "2", "If-Match", `"1"`, "X-Forwarded-For", "203.0.113.9", "X-Forwarded-Proto", "https",
		"Te", "trailers", "Expect", "", "Connection", "X-Hop", "X-Hop", "1", "User-Agent", "test/1", "Accept-Encoding", "identity")
	if !got.IsBase64Encoded {
		t.Error("every media type of this API is binary, so the body must be base64")
	}
	decoded, err := base64.StdEncoding.DecodeString(got.Body)
	if err != nil || string(decoded) != body {
		t.Errorf("body %q: %v", decoded, err)
	}
	trace := got.Headers["X-Amzn-Trace-Id"]
	if !strings.HasPrefix(trace, "Root=1-6b76b310-") || len(trace) != len("Root=1-01234567-012345678901234567890123") {
		t.Errorf("trace %q", trace)
	}
	multi := map[string][]string{
		"X-Two": {"1", "2"}, "If-Match": {`"1"`}, "X-Forwarded-For": {"203.0.113.9, 127.0.0.1"}, "X-Forwarded-Proto": {"http"},
		"X-Forwarded-Port": {port}, "User-Agent": {"test/1"}, "Accept-Encoding": {"identity"}, "Host": {host}, "X-Amzn-Trace-Id": {trace},
	}
	single := map[string]string{}
	for name, values := range multi {
		single[name] = values[len(values)-1]
	}
	id := got.RequestContext.RequestID
	want := events.APIGatewayProxyRequest{
		Resource: "/v1/passports/{passportId}", Path: "/v1/passports/a%2Fb/", HTTPMethod: "PATCH",
		Headers: single, MultiValueHeaders: multi,
		QueryStringParameters:           map[string]string{"q": "c+d", "empty": ""},
		MultiValueQueryStringParameters: map[string][]string{"q": {"a b", "c+d"}, "empty": {""}},
		PathParameters:                  map[string]string{"passportId": "a%2Fb"},
		Body:                            got.Body, IsBase64Encoded: true,
		RequestContext: events.APIGatewayProxyRequestContext{
			AccountID: "000000000000", ResourceID: "update-passport", Stage: "live", DomainName: "127.0.0.1", DomainPrefix: "127",
			RequestID: id, ExtendedRequestID: got.RequestContext.ExtendedRequestID, Protocol: "HTTP/1.1", APIID: "local",
			Identity:     events.APIGatewayRequestIdentity{SourceIP: "127.0.0.1", UserAgent: "test/1"},
			ResourcePath: "/v1/passports/{passportId}", Path: "/v1/passports/a%2Fb/", HTTPMethod: "PATCH",
			RequestTime: "18/Feb/2027:09:00:00 +0000", RequestTimeEpoch: instant().UnixMilli(),
		},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if resp.Header.Get("x-amzn-RequestId") != id || resp.Header.Get("X-Amzn-Trace-Id") != trace || len(id) != 36 || id[14] != '4' {
		t.Errorf("identifiers of the answer: %v", resp.Header)
	}
	ask(t, s, "GET", "/health", "", "X-Amzn-Trace-Id", "Root=1-67891233-abcdef012345678912345678;Sampled=1")
	if got.Headers["X-Amzn-Trace-Id"] != "Root=1-67891233-abcdef012345678912345678;Sampled=1" {
		t.Errorf("a trace is not continued: %q", got.Headers["X-Amzn-Trace-Id"])
	}
	if got.IsBase64Encoded || got.Body != "" || got.QueryStringParameters != nil || got.PathParameters != nil {
		t.Errorf("what is empty must be absent: %+v", got)
	}
}

func TestTextBodies(t *testing.T) {
	tpl, err := template.Parse([]byte(`
Resources:
  Api: {Type: AWS::Serverless::Api, Properties: {StageName: live, BinaryMediaTypes: ['image/*', 'application~1zip']}}
  EchoFunction: {Type: AWS::Serverless::Function, Properties: {Events: {E: {Type: Api, Properties: {Method: post, Path: '/{all+}'}}}}}
`))
	if err != nil {
		t.Fatal(err)
	}
	var got events.APIGatewayProxyRequest
	s := serve(t, tpl, func(_ context.Context, _ string, e events.APIGatewayProxyRequest) (events.APIGatewayProxyResponse, error) {
		got = e
		return events.APIGatewayProxyResponse{StatusCode: 200, Body: "aGk=", IsBase64Encoded: true}, nil
	}, nil)
	for _, c := range []struct {
		contentType, accept, body, want, answer string
		base64                                  bool
	}{
		{"application/json", "*/*", "{\xff}", "{\uFFFD}", "aGk=", false},
		{"image/png", "image/png", "hi", "aGk=", "hi", true},
		{"application/zip; x=y", "application/zip", "hi", "aGk=", "hi", true},
	} {
		_, answer := ask(t, s, "POST", "/a/b/", c.body, "Content-Type", c.contentType, "Accept", c.accept)
		if got.Body != c.want || got.IsBase64Encoded != c.base64 || answer != c.answer {
			t.Errorf("%s: body %q, base64 %v, answer %q", c.contentType, got.Body, got.IsBase64Encoded, answer)
		}
		if got.PathParameters["all"] != "a/b" || got.Path != "/a/b/" {
			t.Errorf("greedy parameter: %v in %s", got.PathParameters, got.Path)
		}
	}
	// Without gateway responses in the template, API Gateway's own.
	resp, body := ask(t, s, "GET", "/a", "")
	if resp.StatusCode != 403 || body != `{"message":"Missing Authentication Token"}` || resp.Header.Get("x-amzn-ErrorType") != "MissingAuthenticationTokenException" {
		t.Errorf("%d %s %v", resp.StatusCode, body, resp.Header)
	}
}

func TestAnswers(t *testing.T) {
	var answer events.APIGatewayProxyResponse
	s := serve(t, real(t), func(context.Context, string, events.APIGatewayProxyRequest) (events.APIGatewayProxyResponse, error) {
		return answer, nil
	}, nil)
	for _, c := range []struct {
		name   string
		answer events.APIGatewayProxyResponse
		method string
		status int
		body   string
		header http.Header // members that must be exactly so; nil value: absent
	}{
		{"text", events.APIGatewayProxyResponse{StatusCode: 200, Body: "é"}, "GET", 200, "é", http.Header{"Content-Type": {"application/json"}, "Content-Length": {"2"}}},
		{"base64", events.APIGatewayProxyResponse{StatusCode: 201, Body: "/wA=", IsBase64Encoded: true}, "GET", 201, "\xff\x00", nil},
		{"both header maps", events.APIGatewayProxyResponse{StatusCode: 200, Headers: map[string]string{"link": "a", "etag": `"1"`}, MultiValueHeaders: map[string][]string{"Link": {"b", "c"}}},
			"GET", 200, "", http.Header{"Link": {"b", "c"}, "Etag": {`"1"`}}},
		{"renamed and kept", events.APIGatewayProxyResponse{StatusCode: 401, Headers: map[string]string{"WWW-Authenticate": "Bearer", "Content-Length": "99", "Transfer-Encoding": "chunked", "Server": "s"}},
			"GET", 401, "", http.Header{"Www-Authenticate": nil, "X-Amzn-Remapped-Www-Authenticate": {"Bearer"}, "X-Amzn-Remapped-Server": {"s"}, "Content-Length": {"0"}}},
		{"no content", events.APIGatewayProxyResponse{StatusCode: 204, Body: "x"}, "GET", 204, "", http.Header{"Content-Type": nil}},
		{"not modified", events.APIGatewayProxyResponse{StatusCode: 304, Headers: map[string]string{"ETag": `"2"`}}, "GET", 304, "", http.Header{"Etag": {`"2"`}}},
		{"head", events.APIGatewayProxyResponse{StatusCode: 200, Body: "abc"}, "HEAD", 200, "", http.Header{"Content-Length": {"3"}}},
		{"no status", events.APIGatewayProxyResponse{Body: "x"}, "GET", 502, "unavailable", http.Header{"X-Amzn-Errortype": {"InternalServerErrorException"}}},
		{"early hints", events.APIGatewayProxyResponse{StatusCode: 103}, "GET", 502, "unavailable", nil},
		{"not base64", events.APIGatewayProxyResponse{StatusCode: 200, Body: "%", IsBase64Encoded: true}, "GET", 502, "unavailable", nil},
		{"over 6 MB", events.APIGatewayProxyResponse{StatusCode: 200, Body: strings.Repeat("a", gateway.MaxPayload)}, "GET", 502, "unavailable", nil},
		{"over 6 MB with escapes", events.APIGatewayProxyResponse{StatusCode: 200, Body: strings.Repeat(`"`, gateway.MaxPayload/2)}, "GET", 502, "unavailable", nil},
		{"just below", events.APIGatewayProxyResponse{StatusCode: 200, Body: strings.Repeat("a", gateway.MaxPayload-1000)}, "GET", 200, "aaa", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			answer = c.answer
			resp, body := ask(t, s, c.method, "/health", "")
			if resp.StatusCode != c.status || len(c.body) > 3 && !strings.Contains(body, c.body) || len(c.body) <= 3 && !strings.HasPrefix(body, c.body) {
				t.Errorf("%d %.100q", resp.StatusCode, body)
			}
			for name, want := range c.header {
				if d := cmp.Diff(want, http.Header(resp.Header)[name]); d != "" {
					t.Errorf("%s: %s", name, d)
				}
			}
		})
	}
}

func TestLimits(t *testing.T) {
	calls := 0
	s := serve(t, real(t), func(context.Context, string, events.APIGatewayProxyRequest) (events.APIGatewayProxyResponse, error) {
		calls++
		return events.APIGatewayProxyResponse{StatusCode: 200}, nil
	}, nil)
	for _, c := range []struct {
		name   string
		size   int
		known  bool // the length is announced
		status int
	}{
		{"fits into an event", 4_700_000, true, 200},
		{"fits, chunked", 4_700_000, false, 200},
		{"over 6 MB as an event", 4_720_000, true, 413},
		{"over 10 MB", gateway.MaxRequestBody + 1, true, 413},
		{"over 10 MB, chunked", gateway.MaxRequestBody + 1, false, 413},
	} {
		t.Run(c.name, func(t *testing.T) {
			calls = 0
			var body io.Reader = bytes.NewReader(make([]byte, c.size))
			if !c.known {
				body = io.MultiReader(body)
			}
			resp, err := http.Post(s.URL+"/v1/passports", "application/json", body)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			var problem struct{ Code, RequestID string }
			_ = json.NewDecoder(resp.Body).Decode(&problem)
			if resp.StatusCode != c.status || (calls == 1) != (c.status == 200) {
				t.Errorf("status %d after %d calls", resp.StatusCode, calls)
			}
			if c.status == 413 && (problem.Code != "body-too-large" || problem.RequestID != resp.Header.Get("x-amzn-RequestId") || resp.Header.Get("Content-Type") != "application/problem+json") {
				t.Errorf("%+v %v", problem, resp.Header)
			}
		})
	}
}

func TestFailures(t *testing.T) {
	var behave functions
	var told string
	s := serve(t, real(t), func(ctx context.Context, f string, e events.APIGatewayProxyRequest) (events.APIGatewayProxyResponse, error) {
		return behave(ctx, f, e)
	}, func(o *gateway.Options) {
		o.Failed = func(function, _ string, err error) { told = function + ": " + err.Error() }
	})
	for _, c := range []struct {
		name   string
		behave functions
		told   string
	}{
		{"error", func(context.Context, string, events.APIGatewayProxyRequest) (events.APIGatewayProxyResponse, error) {
			return events.APIGatewayProxyResponse{}, errors.New("broken")
		}, "check-health: broken"},
		{"panic", func(context.Context, string, events.APIGatewayProxyRequest) (events.APIGatewayProxyResponse, error) {
			panic("broken")
		}, "check-health: the function panicked: broken"},
		{"its own timeout", gateway.InProcess{
			Handlers: map[string]gateway.Handler{"check-health": func(ctx context.Context, _ events.APIGatewayProxyRequest) (events.APIGatewayProxyResponse, error) {
				<-ctx.Done()
				return events.APIGatewayProxyResponse{}, ctx.Err()
			}},
			Timeouts: map[string]time.Duration{"check-health": time.Nanosecond},
		}.Invoke, "check-health: the task timed out after 1ns: context deadline exceeded"},
		{"unknown function", gateway.InProcess{}.Invoke, "check-health: there is no function check-health in this process"},
	} {
		t.Run(c.name, func(t *testing.T) {
			behave = c.behave
			resp, body := ask(t, s, "GET", "/health", "")
			if resp.StatusCode != 502 || !strings.Contains(body, `"status":502`) || strings.Contains(body, "broken") || told != c.told {
				t.Errorf("%d %s; told %q", resp.StatusCode, body, told)
			}
		})
	}
}

func TestTimeout(t *testing.T) {
	release := make(chan struct{})
	for name, f := range map[string]functions{
		"deaf": func(context.Context, string, events.APIGatewayProxyRequest) (events.APIGatewayProxyResponse, error) {
			<-release
			return events.APIGatewayProxyResponse{StatusCode: 200}, nil
		},
		"obedient": func(ctx context.Context, _ string, _ events.APIGatewayProxyRequest) (events.APIGatewayProxyResponse, error) {
			<-ctx.Done()
			return events.APIGatewayProxyResponse{}, ctx.Err()
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, real(t), f, func(o *gateway.Options) { o.Timeout = time.Millisecond })
			resp, body := ask(t, s, "GET", "/health", "")
			if resp.StatusCode != 504 || !strings.Contains(body, `"status":504`) {
				t.Errorf("%d %s", resp.StatusCode, body)
			}
		})
	}
	close(release)
}

func TestBadQuery(t *testing.T) {
	s := serve(t, real(t), func(context.Context, string, events.APIGatewayProxyRequest) (events.APIGatewayProxyResponse, error) {
		return events.APIGatewayProxyResponse{StatusCode: 200}, nil
	}, nil)
	if resp, body := ask(t, s, "GET", "/health?a=%zz", ""); resp.StatusCode != 400 || !strings.Contains(body, "malformed-request") {
		t.Errorf("%d %s", resp.StatusCode, body)
	}
}

func TestConflictingRoutes(t *testing.T) {
	for name, paths := range map[string][2]string{"names": {"/a/{x}", "/a/{y}/b"}, "greed": {"/a/{x}", "/a/{x+}"}} {
		tpl := &template.Template{Functions: []template.Function{
			{Folder: "a", Routes: []template.Route{{Method: "GET", Path: paths[0]}}},
			{Folder: "b", Routes: []template.Route{{Method: "POST", Path: paths[1]}}},
		}}
		if _, err := gateway.New(tpl, functions(nil), gateway.Options{Now: clock.System, Random: rand.Reader}); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func BenchmarkOverhead(b *testing.B) {
	handler := func(context.Context, events.APIGatewayProxyRequest) (events.APIGatewayProxyResponse, error) {
		return events.APIGatewayProxyResponse{StatusCode: 200, Body: "{}", MultiValueHeaders: map[string][]string{"Content-Type": {"application/json"}}}, nil
	}
	g, err := gateway.New(real(b), gateway.InProcess{Handlers: map[string]gateway.Handler{"create-passport": handler}},
		gateway.Options{Now: clock.System, Random: rand.Reader})
	if err != nil {
		b.Fatal(err)
	}
	body := bytes.Repeat([]byte("x"), 5000)
	b.ReportAllocs()
	for b.Loop() {
		r := httptest.NewRequest("POST", "/v1/passports?limit=5", bytes.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Authorization", "Bearer pc_local_abc_def_ghi")
		r.Header.Set("Idempotency-Key", "k")
		g.ServeHTTP(httptest.NewRecorder(), r)
	}
}

// TestAuthoriser holds that a closed route is passed on only when the authoriser allows this very request, and an open one
// without asking.
func TestAuthoriser(t *testing.T) {
	asked := 0
	s := serve(t, real(t), func(context.Context, string, events.APIGatewayProxyRequest) (events.APIGatewayProxyResponse, error) {
		asked++
		return events.APIGatewayProxyResponse{StatusCode: 200, Body: "passed on"}, nil
	}, nil)
	for _, tc := range []struct {
		name, target, credential string
		status                   int
		body                     string
	}{
		{"good", "/v1/passports", "good", 200, "passed on"},
		{"nobody", "/v1/passports", "nobody", 401, `"code":"unauthenticated"`},
		{"failure", "/v1/passports", "broken", 502, `"code":"unavailable"`},
		{"no answer", "/v1/passports", "silent", 502, `"code":"unavailable"`},
		{"an answer about something else", "/v1/passports", "elsewhere", 502, `"code":"unavailable"`},
		{"open route", "/trust/permissions", "broken", 200, "passed on"},
	} {
		before := asked
		resp, body := ask(t, s, http.MethodGet, tc.target, "", "Authorization", tc.credential)
		if resp.StatusCode != tc.status || !strings.Contains(body, tc.body) || (asked > before) != (tc.status == 200) {
			t.Errorf("%s: %d %s; the function was asked %d times", tc.name, resp.StatusCode, body, asked-before)
		}
		if tc.status == 401 && (resp.Header.Get("Content-Type") != "application/problem+json" || resp.Header.Get("X-Amzn-Remapped-Www-Authenticate")+resp.Header.Get("Www-Authenticate") == "") {
			t.Errorf("%s: %v", tc.name, resp.Header)
		}
	}
}
