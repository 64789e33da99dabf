package httpapi

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"

	"github.com/passportcraft/passportcraft/shared/domain/access"
	"github.com/passportcraft/passportcraft/shared/domain/audit"
	"github.com/passportcraft/passportcraft/shared/domain/authentication"
	"github.com/passportcraft/passportcraft/shared/domain/lifecycle"
	"github.com/passportcraft/passportcraft/shared/foundation/fault"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

// ServeHTTP is the outermost layer: it buffers the answer, so that nothing half-written leaves and every host (a server
// or the Lambda adapter, which differ in detail) gets the same bytes, and it reports the request once.
func (m *mux) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	at := m.gate.Now()
	ctx, tally := WithTally(r.Context())
	req := &Request{Request: r.WithContext(ctx), ID: id.New[id.Request](m.gate.IDs), At: at}
	req.event = &Event{Request: req.ID, At: at, Method: r.Method}
	resp := m.answer(req)
	h := w.Header()
	for name, values := range resp.Header {
		h[name] = values
	}
	headers(req, resp, h)
	body := resp.Raw
	if notModified(req, resp) {
		resp.Status, body = http.StatusNotModified, nil
		h.Del("Content-Type")
	} else if len(body) > 0 || resp.Status != http.StatusNoContent {
		h.Set("Content-Type", resp.ContentType)
		h.Set("Content-Length", strconv.Itoa(len(body)))
	}
	if r.Method == http.MethodHead {
		body = nil
	}
	w.WriteHeader(resp.Status)
	if len(body) > 0 { // the Lambda adapter would guess a media type for nothing
		_, _ = w.Write(body) // a client that has gone is not our failure
	}
	e := req.event
	e.Status, e.BytesOut, e.Duration = resp.Status, len(body), m.gate.Now().Sub(at)
	e.Tenant = req.Principal.Tenant
	if req.Principal.ID != "" {
		e.Principal = req.Principal.Actor()
	}
	e.Calls, e.Units = tally.Calls(), tally.Units()
	m.gate.Sink(ctx, *e)
}

// answer routes the request and turns panics and errors into answers.
func (m *mux) answer(r *Request) (resp *Response) {
	defer func() {
		if p := recover(); p != nil {
			r.event.Cause = fmt.Sprintf("panic: %v\n%s", p, debug.Stack())
			resp = refuse(r, fault.New(fault.CodeInternal, "Something went wrong on our side; the request id identifies this failure."))
			mustFinish(resp)
		}
	}()
	route, allowed, err := m.find(r.Request)
	if route != nil {
		r.route, r.event.Function, r.event.Route = route, route.Function, route.Pattern
	}
	switch {
	case allowed != nil && r.Method == http.MethodOptions:
		resp, err = (&Response{Status: http.StatusNoContent}).Set("Allow", strings.Join(allowed, ", ")), nil
	case err == nil:
		resp, err = m.serve(r)
	}
	if err == nil {
		err = finish(resp)
	}
	if err != nil {
		resp = refuse(r, err)
		if allowed != nil && resp.Status == http.StatusMethodNotAllowed {
			resp.Set("Allow", strings.Join(allowed, ", "))
		}
		mustFinish(resp)
	}
	return resp
}

// guard puts the inner layers around a handler, outermost first.
func guard(g *Gate, next handler) handler {
	layers := []func(*Gate, handler) handler{readBody, watched, authenticate, authorise, limit, idempotent, precondition}
	for _, layer := range slices.Backward(layers) {
		next = layer(g, next)
	}
	return next
}

// readBody enforces the body rule of the route and refuses unknown query parameters.
func readBody(_ *Gate, next handler) handler {
	return func(r *Request) (*Response, error) {
		if err := checkQuery(r.Request, r.route.Query); err != nil {
			return nil, err
		}
		rule := r.route.Body
		most := rule.Max
		if most == 0 {
			most = DefaultMaxBody
		}
		var body []byte
		if r.Request.Body != nil {
			var err error
			if body, err = io.ReadAll(io.LimitReader(r.Request.Body, int64(most)+1)); err != nil {
				return nil, fault.From(err, fault.CodeMalformedRequest, "The request body could not be read to its end.")
			}
		}
		r.Body, r.event.BytesIn = body, len(body)
		switch {
		case len(body) > most:
			return nil, fault.New(fault.CodeBodyTooLarge, "The request body is over the limit of %d bytes.", most)
		case len(rule.Types) == 0 && len(body) > 0:
			return nil, fault.New(fault.CodeBodyUnexpected, "This operation takes no request body.")
		case len(rule.Types) == 0:
			return next(r)
		case len(body) == 0 && !rule.Must:
			return next(r)
		}
		media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
		if err != nil || !slices.Contains(rule.Types, media) {
			return nil, fault.New(fault.CodeUnsupportedMedia, "Send the body as %s.", strings.Join(rule.Types, " or "))
		}
		return next(r)
	}
}

// authenticate finds out who calls and, with that, for which tenant. What runs below reaches that tenant's data only.
func authenticate(g *Gate, next handler) handler {
	return func(r *Request) (*Response, error) {
		if r.route.Action == access.Public {
			return next(r)
		}
		token, err := bearer(r)
		if err != nil {
			return nil, err
		}
		rule, _ := access.Find(r.route.Action)
		r.Principal, err = g.Auth.Authenticate(r.Context(), authentication.Request{
			Token: token, Tenant: r.Header.Get("X-Tenant-Id"), From: r.From(), Personal: rule.Personal, At: r.At,
		})
		if err != nil {
			return nil, err
		}
		r.Request = r.WithContext(access.As(r.Context(), r.Principal.Tenant))
		return next(r)
	}
}

// SessionCookie holds the access token of a person who signed in with a browser.
const SessionCookie = "__Host-session"

// bearer is the credential: from Authorization, or from the cookie of a browser that comes from our own pages.
func bearer(r *Request) (string, error) {
	if values := r.Header.Values("Authorization"); len(values) > 0 {
		scheme, token, _ := strings.Cut(values[0], " ")
		if !strings.EqualFold(scheme, "Bearer") || len(values) > 1 {
			return "", nil
		}
		return strings.TrimSpace(token), nil
	}
	c, err := r.Cookie(SessionCookie)
	if err != nil {
		return "", nil
	}
	if r.Header.Get("Sec-Fetch-Site") != "same-origin" && r.Header.Get("X-Requested-With") != "passportcraft" {
		return "", fault.New(fault.CodeCrossSite, "A signed-in browser is answered on requests from our own pages only.")
	}
	return c.Value, nil
}

// authorise takes the coarse decision: may this principal do this at all, and may anybody of that organisation at this
// instant. It is the one place where the stage of the contract decides on requests.
func authorise(_ *Gate, next handler) handler {
	return func(r *Request) (*Response, error) {
		if r.route.Action != access.Public {
			if err := access.Check(r.Principal, r.route.Action, r.At); err != nil {
				return nil, err
			}
			if err := lifecycle.Admit(r.Principal, r.route.Action, r.At); err != nil {
				return nil, err
			}
		}
		return next(r)
	}
}

// watched writes refused attempts down in the trail of the organisation that they concern.
func watched(g *Gate, next handler) handler {
	return func(r *Request) (*Response, error) {
		resp, err := next(r)
		if err == nil || r.route.Action == access.Public || r.Principal.Tenant == "" || g.Watch == nil {
			return resp, err
		}
		if lifecycle.Behind(r.Principal.Door, r.At).Closed() {
			return resp, err // nothing is written for a tenant whose deletion begins
		}
		f := fault.Of(err)
		event := audit.AccessDenied
		switch {
		case f.Code == fault.CodeUnauthenticated:
			event = audit.AuthenticationFailed
		case f.Code == fault.CodeOrganisationUnknown:
			event = audit.CrossTenant
		case f.Kind != fault.Forbidden && f.Code != fault.CodeReauthenticate:
			return resp, err
		}
		werr := g.Watch.Refused(context.WithoutCancel(r.Context()), audit.Attempt{
			By: r.Principal, Event: event, Object: "route:" + string(r.route.Action), Reason: string(f.Code), Request: r.ID, From: r.From(), At: r.At,
		})
		if werr != nil {
			r.event.Cause = werr.Error()
		}
		return resp, err
	}
}

// limit keeps one caller, and one organisation, from taking the platform for themselves. An organisation whose deletion
// begins has no more than one thing to read, and nothing is written for it: the gateway alone limits it.
func limit(g *Gate, next handler) handler {
	return func(r *Request) (*Response, error) {
		if r.route.Action != access.Public && !lifecycle.Behind(r.Principal.Door, r.At).Closed() {
			if err := g.Quota.Take(r.Context(), r.Principal, r.At); err != nil {
				return nil, err
			}
		}
		return next(r)
	}
}

// precondition refuses a change that does not say what it has seen (RFC 6585, section 3).
func precondition(_ *Gate, next handler) handler {
	return func(r *Request) (*Response, error) {
		if r.route.Conditional {
			if len(r.Header.Values("If-Match")) == 0 {
				return nil, fault.New(fault.CodeIfMatchMissing, "Send the ETag of the object as last read in If-Match.")
			}
			if _, err := r.IfMatch(); err != nil {
				return nil, err
			}
		}
		return next(r)
	}
}

// finish encodes the value of a response, so that encoding errors are still errors.
func finish(resp *Response) error {
	if resp.Status == 0 {
		resp.Status = http.StatusOK
	}
	if resp.Value == nil {
		return nil
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(resp.Value); err != nil {
		return fmt.Errorf("encode answer: %w", err)
	}
	resp.Raw, resp.Value = b.Bytes(), nil
	if resp.ContentType == "" {
		resp.ContentType = "application/json"
	}
	return nil
}

// mustFinish encodes a refusal, which holds nothing that cannot be encoded.
func mustFinish(resp *Response) {
	if err := finish(resp); err != nil {
		resp.Raw, resp.ContentType = []byte(`{"status":500,"code":"internal"}`), "application/problem+json"
	}
}

// headers sets what every answer carries.
func headers(r *Request, resp *Response, h http.Header) {
	h.Set("X-Request-Id", string(r.ID))
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Strict-Transport-Security", "max-age=63072000; includeSubDomains")
	if h.Get("Content-Security-Policy") == "" {
		h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	}
	h.Set("Cache-Control", "no-store")
	if r.route != nil && r.route.Cache != "" && resp.Status < 300 {
		h.Set("Cache-Control", r.route.Cache)
	}
	if resp.ETag != "" {
		h.Set("ETag", resp.ETag)
	}
	if r.route == nil || r.route.Action != access.Public || r.route.Ours {
		return
	}
	// What is public may be read from any page; no credentials are involved (GS1 resolvers must send CORS).
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Access-Control-Expose-Headers", "ETag, Link, Location, X-Request-Id")
	h.Set("Cross-Origin-Resource-Policy", "cross-origin")
	if r.Method == http.MethodOptions {
		h.Set("Access-Control-Allow-Methods", "GET, HEAD, OPTIONS")
		h.Set("Access-Control-Allow-Headers", "Accept, Accept-Language, If-None-Match")
		h.Set("Access-Control-Max-Age", "86400")
	}
}

// notModified tells whether the caller already has this representation (RFC 9110, section 13.1.2).
func notModified(r *Request, resp *Response) bool {
	if resp.ETag == "" || resp.Status != http.StatusOK || r.Method != http.MethodGet && r.Method != http.MethodHead {
		return false
	}
	for part := range strings.SplitSeq(strings.Join(r.Header.Values("If-None-Match"), ","), ",") {
		part = strings.TrimSpace(part)
		if part == "*" || strings.TrimPrefix(part, "W/") == resp.ETag {
			return true
		}
	}
	return false
}

// ContentTag is a strong entity tag over the bytes of a representation.
func ContentTag(body []byte) string {
	sum := sha256.Sum256(body)
	return `"` + hex.EncodeToString(sum[:12]) + `"`
}
