// Package httpapi is the HTTP edge of the platform: routes as values, one middleware order for all of them, strict
// input, and one way to say what went wrong (RFC 9457).
//
// The order, outermost first: buffer and recover; request event; security headers and cache policy; body limit and
// media type; authenticate; tenant; coarse authorisation; quota; idempotency; then the handler, which decodes strictly,
// calls one domain service and returns a body or an error. Audit is not here: services write entries in the same
// transaction as the change. Optimistic locking is not here either: the handler passes the revision on.
//
// It knows no storage and no AWS.
package httpapi

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"

	"github.com/passportcraft/passportcraft/shared/domain/access"
	"github.com/passportcraft/passportcraft/shared/foundation/fault"
	"github.com/passportcraft/passportcraft/shared/foundation/page"
)

// Route is one operation. A constructor in a resource's package returns it with its service bound in.
type Route struct {
	Function string        // the Lambda function (folder under functions/) that serves it
	Pattern  string        // "GET /v1/passports/{passportId}"; a GET route also answers HEAD
	Action   access.Action // what the caller must be allowed; access.Public asks for no identity
	Siblings []string      // other methods of the path that other functions serve, for the Allow header
	Query    []string      // query parameters it knows; another one is refused

	Body        Body // what it accepts as request body; the zero value accepts none
	Idempotent  bool // honours Idempotency-Key
	Conditional bool // a change: demands If-Match

	Ours bool // public, but for our own pages only: no other site's scripts may read it

	Bytes bool // it answers with files: hosts pass them on byte for byte, also those that look like text

	Cache string // Cache-Control of successful answers; "" is no-store

	Handle func(*Request) (*Response, error)

	// Present may answer an error in another form than problem+json, such as a page for people; nil from it, or nil
	// itself, leaves problem+json.
	Present func(*Request, *fault.Error, int) *Response
}

// Body says what a route accepts as request body.
type Body struct {
	Types []string // media types; none: no body is accepted
	Max   int      // bytes; 0 is DefaultMaxBody
	Must  bool     // an absent body is refused
}

// DefaultMaxBody is the largest request body in bytes, unless a route says otherwise.
const DefaultMaxBody = 1 << 20

// JSON is the body rule of most changes.
func JSON() Body { return Body{Types: []string{"application/json"}, Must: true} }

// MergePatch accepts JSON Merge Patch (RFC 7396) and, for clients that cannot name it, plain JSON.
func MergePatch() Body {
	return Body{Types: []string{"application/merge-patch+json", "application/json"}, Must: true}
}

// Response is what a handler returns: Value is encoded as JSON, or Raw is sent as it is.
type Response struct {
	Status      int // 0 is 200
	Header      http.Header
	Value       any
	Raw         []byte
	ContentType string // of Raw; of Value it is application/json when empty
	ETag        string // a strong entity tag with its quotes
}

// Set adds a header and returns the response.
func (r *Response) Set(name, value string) *Response {
	if r.Header == nil {
		r.Header = http.Header{}
	}
	r.Header.Set(name, value)
	return r
}

// OK is a 200 with a JSON body.
func OK(v any) *Response { return &Response{Status: http.StatusOK, Value: v} }

// Page is a page for people, as write makes it, under its content security policy.
func Page(write func(io.Writer) error, policy string) (*Response, error) {
	var b bytes.Buffer
	if err := write(&b); err != nil {
		return nil, fmt.Errorf("write page: %w", err)
	}
	resp := &Response{Raw: b.Bytes(), ContentType: "text/html; charset=utf-8"}
	return resp.Set("Content-Security-Policy", policy), nil
}

// List is a page of a list as JSON. Next is the cursor of the following page, absent on the last.
type List[T any] struct {
	Items []T    `json:"items"`
	Next  string `json:"next,omitempty"`
}

// ListOf shows each item of a page.
func ListOf[T, S any](p page.Of[T], show func(T) S) *Response {
	out := List[S]{Items: make([]S, len(p.Items)), Next: p.Next}
	for i, item := range p.Items {
		out.Items[i] = show(item)
	}
	return OK(out)
}

// Pages is the handler of a list that is given out page by page.
func Pages[T, S any](list func(context.Context, access.Caller, page.Request) (page.Of[T], error), show func(T) S) func(*Request) (*Response, error) {
	return func(r *Request) (*Response, error) {
		p, err := r.Page()
		if err != nil {
			return nil, err
		}
		got, err := list(r.Context(), r.Caller(), p)
		if err != nil {
			return nil, err
		}
		return ListOf(got, show), nil
	}
}
