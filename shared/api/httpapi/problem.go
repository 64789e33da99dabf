package httpapi

import (
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/passportcraft/passportcraft/shared/foundation/fault"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

// Problem is the body of every refusal (RFC 9457, application/problem+json).
type Problem struct {
	Type      string        `json:"type"` // address of the code's documentation, relative to the API
	Title     string        `json:"title"`
	Status    int           `json:"status"`
	Detail    string        `json:"detail"`
	Code      fault.Code    `json:"code"`
	RequestID id.Request    `json:"requestId"`
	Errors    []fault.Field `json:"errors,omitempty"`
}

// Status is the HTTP status of a kind of fault.
func Status(k fault.Kind) int {
	switch k {
	case fault.Malformed:
		return http.StatusBadRequest
	case fault.Unauthenticated:
		return http.StatusUnauthorized
	case fault.Forbidden:
		return http.StatusForbidden
	case fault.NotFound:
		return http.StatusNotFound
	case fault.MethodNotAllowed:
		return http.StatusMethodNotAllowed
	case fault.NotAcceptable:
		return http.StatusNotAcceptable
	case fault.Conflict:
		return http.StatusConflict
	case fault.Gone:
		return http.StatusGone
	case fault.PreconditionFailed:
		return http.StatusPreconditionFailed
	case fault.TooLarge:
		return http.StatusRequestEntityTooLarge
	case fault.UnsupportedMedia:
		return http.StatusUnsupportedMediaType
	case fault.Invalid:
		return http.StatusUnprocessableEntity
	case fault.PreconditionRequired:
		return http.StatusPreconditionRequired
	case fault.RateLimited:
		return http.StatusTooManyRequests
	case fault.Unavailable:
		return http.StatusServiceUnavailable
	default:
		return http.StatusInternalServerError
	}
}

// ProblemType is where a code is documented.
func ProblemType(c fault.Code) string { return "/docs/errors#" + string(c) }

// refuse is the one place where an error becomes an answer.
func refuse(r *Request, err error) *Response {
	f := fault.Of(err)
	status := Status(f.Kind)
	if r.event != nil {
		r.event.Code = f.Code
		if status >= http.StatusInternalServerError || f.Cause != nil {
			r.event.Cause = err.Error()
		}
	}
	var resp *Response
	if r.route != nil && r.route.Present != nil {
		resp = r.route.Present(r, f, status)
	}
	if resp == nil {
		resp = &Response{ContentType: "application/problem+json", Value: Problem{
			Type: ProblemType(f.Code), Title: f.Code.Title(), Status: status, Detail: f.Detail,
			Code: f.Code, RequestID: r.ID, Errors: f.Fields,
		}}
	}
	resp.Status = status
	switch {
	case f.Code == fault.CodeReauthenticate: // RFC 9470
		resp.Set("WWW-Authenticate", `Bearer realm="passportcraft", error="insufficient_user_authentication", max_age="300"`)
	case f.Kind == fault.Unauthenticated:
		resp.Set("WWW-Authenticate", `Bearer realm="passportcraft"`)
	case f.RetryAfter > 0:
		resp.Set("Retry-After", strconv.Itoa(int(math.Ceil(f.RetryAfter.Seconds()))))
	case f.Kind == fault.Unavailable:
		resp.Set("Retry-After", strconv.Itoa(int((5 * time.Second).Seconds())))
	}
	return resp
}
