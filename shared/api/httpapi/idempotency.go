package httpapi

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"

	"github.com/passportcraft/passportcraft/shared/domain/idempotency"
	"github.com/passportcraft/passportcraft/shared/foundation/fault"
)

// idempotent runs the handler at most once per Idempotency-Key. Only successes are kept: a refusal changed nothing and
// may be corrected under the same key.
func idempotent(g *Gate, next handler) handler {
	return func(r *Request) (*Response, error) {
		key, err := idempotencyKey(r.Header)
		if key == "" || err != nil || !r.route.Idempotent {
			if err != nil {
				return nil, err
			}
			return next(r)
		}
		a := idempotency.Attempt{Tenant: r.Principal.Tenant, Principal: r.Principal.Actor(), Key: key, Fingerprint: fingerprint(r), At: r.At}
		stored, err := g.Idempotency.Begin(r.Context(), a)
		if err != nil {
			return nil, err
		}
		if stored != nil {
			r.event.Replayed = true
			return replay(*stored), nil
		}
		resp, err := next(r)
		if err == nil {
			err = finish(resp)
		}
		ctx := context.WithoutCancel(r.Context()) // the claim must not stay behind when the client has gone
		if err != nil {
			if aerr := g.Idempotency.Abandon(ctx, a); aerr != nil {
				r.event.Cause = aerr.Error()
			}
			return nil, err
		}
		if cerr := g.Idempotency.Complete(ctx, a, keep(resp)); cerr != nil {
			r.event.Cause = cerr.Error() // the change is made; the caller gets its answer
		}
		return resp, nil
	}
}

// idempotencyKey reads the header: a bare token or a quoted string (draft-ietf-httpapi-idempotency-key-header-07).
func idempotencyKey(h http.Header) (string, error) {
	values := h.Values("Idempotency-Key")
	if len(values) == 0 {
		return "", nil
	}
	key := strings.TrimSpace(values[0])
	if len(key) > 1 && key[0] == '"' && key[len(key)-1] == '"' {
		key = key[1 : len(key)-1]
	}
	visible := func(r rune) bool { return r < '!' || r > '~' }
	if len(values) > 1 || key == "" || len(key) > 128 || strings.ContainsFunc(key, visible) {
		return "", fault.New(fault.CodeIdempotencyKeyInvalid, "Idempotency-Key must be one value of 1 to 128 visible ASCII characters.")
	}
	return key, nil
}

func fingerprint(r *Request) string {
	h := sha256.New()
	fmt.Fprintf(h, "%s %s\n%s\n%s\n", r.Method, r.URL.EscapedPath(), r.URL.RawQuery, r.Header.Get("If-Match"))
	h.Write(r.Body)
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil))
}

func keep(resp *Response) idempotency.Answer {
	a := idempotency.Answer{Status: resp.Status, Header: map[string]string{"Content-Type": resp.ContentType}, Body: resp.Raw}
	if resp.ETag != "" {
		a.Header["ETag"] = resp.ETag
	}
	if l := resp.Header.Get("Location"); l != "" {
		a.Header["Location"] = l
	}
	return a
}

func replay(a idempotency.Answer) *Response {
	resp := &Response{Status: a.Status, Raw: a.Body, ContentType: a.Header["Content-Type"], ETag: a.Header["ETag"]}
	resp.Set("Idempotency-Replayed", "true")
	if l := a.Header["Location"]; l != "" {
		resp.Set("Location", l)
	}
	return resp
}
