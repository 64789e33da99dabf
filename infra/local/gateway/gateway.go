// Package gateway does on one machine what the REST API of template.yaml does on AWS: it finds the function of a
// request, hands it an API Gateway proxy event, and makes an answer of what comes back, with the limits and the
// gateway-made errors of the real one.
//
// What it does deliberately differently from API Gateway:
//   - It acts as the custom domain does, so no stage name comes before the path, and X-Forwarded-Proto says http.
//   - Header names have Go's canonical spelling; API Gateway keeps the caller's. Names are case-insensitive to everyone.
//   - An empty body is the text "", not null; functions written in Go cannot tell the two apart.
//   - An empty path segment (//) matches nothing.
//   - It neither throttles nor filters (WAF), and sets no limit on header size below that of the HTTP server.
//   - Sizes of events and answers are computed, not measured on JSON, when functions run in this process.
package gateway

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/passportcraft/passportcraft/infra/local/template"
	"github.com/passportcraft/passportcraft/shared/foundation/clock"
)

// Limits of AWS (API Gateway quotas for REST APIs; Lambda quotas).
const (
	MaxRequestBody     = 10 << 20         // bytes of a request body
	MaxPayload         = 6_291_556        // bytes of an event or an answer as JSON, on the way to and from Lambda
	IntegrationTimeout = 29 * time.Second // from the request to the function's answer
)

// Invoker runs a function by folder name. An error means that the function failed; refusals of the function's own are
// answers. Invoke may go on after ctx has ended; its result is dropped then.
type Invoker interface {
	Invoke(ctx context.Context, function string, event events.APIGatewayProxyRequest) (events.APIGatewayProxyResponse, error)
}

// Authoriser asks the authoriser by its folder name.
type Authoriser interface {
	Authorise(ctx context.Context, function string, event events.APIGatewayCustomAuthorizerRequestTypeRequest) (events.APIGatewayCustomAuthorizerResponse, error)
}

// ErrResponseTooLarge is what an Invoker returns when the answer exceeds MaxPayload.
var ErrResponseTooLarge = errors.New("the function's answer is larger than Lambda passes on (6 MB)")

// Options are what a gateway needs beside the template.
type Options struct {
	Now     clock.Clock
	Random  io.Reader                                 // crypto/rand.Reader
	Timeout time.Duration                             // 0: IntegrationTimeout
	Failed  func(function, requestID string, e error) // told of every failed integration; may be nil
}

// Gateway is the REST API; safe for concurrent use.
type Gateway struct {
	api     template.API
	invoker Invoker
	options Options
	routes  *node
	binary  bool // every media type is binary, so negotiation is not needed
}

// New builds the gateway of a template.
func New(t *template.Template, invoker Invoker, o Options) (*Gateway, error) {
	if o.Now == nil || o.Random == nil {
		return nil, errors.New("gateway: a clock and a source of randomness are needed")
	}
	if _, can := invoker.(Authoriser); t.API.Authoriser != "" && !can {
		return nil, errors.New("gateway: the template has an authoriser and nobody runs it")
	}
	if o.Timeout == 0 {
		o.Timeout = IntegrationTimeout
	}
	g := &Gateway{api: t.API, invoker: invoker, options: o, routes: &node{}, binary: slices.Contains(t.API.BinaryMediaTypes, "*/*")}
	for _, f := range t.Functions {
		for _, r := range f.Routes {
			if err := g.routes.add(r, f.Folder); err != nil {
				return nil, fmt.Errorf("gateway: %w", err)
			}
		}
	}
	return g, nil
}

// exchange is one request on its way.
type exchange struct {
	*Gateway
	w         http.ResponseWriter
	r         *http.Request
	at        time.Time
	requestID string
	traceID   string // value of X-Amzn-Trace-Id
	function  string
	resource  string // path of the route, for example /01/{gtin}
}

// ServeHTTP answers one request.
func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	x := &exchange{Gateway: g, w: w, r: r, at: g.options.Now()}
	if err := x.identify(); err != nil {
		x.refuse(integrationFailure, err)
		return
	}
	path := r.URL.EscapedPath()
	hit := g.routes.find(r.Method, path)
	if hit.route == nil {
		x.refuse(missingAuthenticationToken, nil)
		return
	}
	x.function, x.resource = hit.route.function, hit.route.path
	if g.api.Authoriser != "" && !hit.route.open {
		if why, err := x.authorise(path, hit); why != "" {
			x.refuse(why, err)
			return
		}
	}
	body, why := x.body()
	if why != "" {
		x.refuse(why, nil)
		return
	}
	event, err := x.event(path, hit, body)
	if err != nil {
		x.refuse(badRequestParameters, err)
		return
	}
	if exceeds(event, MaxPayload) {
		x.refuse(requestTooLarge, nil)
		return
	}
	answer, err := x.invoke(event)
	switch {
	case errors.Is(err, errTimedOut):
		x.refuse(integrationTimeout, err)
	case err != nil:
		x.refuse(functionFailed, err)
	default:
		x.answer(answer)
	}
}

// body reads the request body, no further than the limit.
func (x *exchange) body() ([]byte, refusal) {
	if x.r.ContentLength > MaxRequestBody {
		return nil, requestTooLarge
	}
	if x.r.Body == nil || x.r.ContentLength == 0 {
		return nil, ""
	}
	size := x.r.ContentLength
	if size < 0 {
		size = 512
	}
	b := make([]byte, 0, size+1)
	for len(b) <= MaxRequestBody {
		if len(b) == cap(b) {
			b = append(b, 0)[:len(b)]
		}
		n, err := x.r.Body.Read(b[len(b):cap(b)])
		b = b[:len(b)+n]
		if err == io.EOF {
			return b, ""
		}
		if err != nil { // the caller went away or sent a broken chunk
			return nil, badRequestBody
		}
	}
	return nil, requestTooLarge
}

// errTimedOut is the end of the gateway's own patience; a function that exceeds its own timeout has failed.
var errTimedOut = errors.New("the function did not answer within the time that API Gateway waits")

// result is what an invocation gave.
type result struct {
	answer events.APIGatewayProxyResponse
	err    error
}

// invoke runs the function and waits no longer than API Gateway does. A caller that goes away does not end the
// function, as on AWS; it is not waited for either.
func (x *exchange) invoke(event events.APIGatewayProxyRequest) (events.APIGatewayProxyResponse, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(x.r.Context()), x.options.Timeout)
	done := make(chan result, 1)
	go func() {
		defer cancel()
		answer, err := call(ctx, x.invoker, x.function, event)
		done <- result{answer, err}
	}()
	select {
	case r := <-done:
		return r.settle(ctx)
	case <-ctx.Done():
		select { // the end of the call ends ctx too, after its result is there
		case r := <-done:
			return r.settle(ctx)
		default:
			return events.APIGatewayProxyResponse{}, errTimedOut
		}
	}
}

// settle tells a function that gave up since ctx ended from one that failed.
func (r result) settle(ctx context.Context) (events.APIGatewayProxyResponse, error) {
	if r.err != nil && errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return r.answer, errTimedOut
	}
	return r.answer, r.err
}

// call turns a panic into a failure: on AWS it ends one execution environment, here it would end everything.
func call(ctx context.Context, i Invoker, function string, event events.APIGatewayProxyRequest) (answer events.APIGatewayProxyResponse, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the function panicked: %v", p)
		}
	}()
	return i.Invoke(ctx, function, event)
}
