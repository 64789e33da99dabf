// Package fault is the one error vocabulary of the platform: what went wrong, in a closed list of kinds,
// said in one sentence to the person who can act on it.
//
// A fault carries a stable code, pointers to the offending members and, for the log only, its cause. Faults are
// created where the meaning is known (domain rules, storage conditions); everybody else adds context with
// fmt.Errorf("publish passport: %w", err). An error that holds no fault is internal and its text never leaves.
//
// It does not know HTTP: package httpapi maps kinds to statuses.
package fault

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Kind classifies a fault by what the caller can do about it. The list is closed; Kind implements error, so that
// errors.Is(err, fault.NotFound) works through any wrapping.
type Kind string

// The kinds, each with the reaction it asks of the caller.
const (
	Malformed            Kind = "malformed"             // the request cannot be read: fix its form
	Unauthenticated      Kind = "unauthenticated"       // say who you are
	Forbidden            Kind = "forbidden"             // you may not, and repeating will not help
	NotFound             Kind = "not-found"             // absent, or not yours
	MethodNotAllowed     Kind = "method-not-allowed"    // the address exists, the method does not
	NotAcceptable        Kind = "not-acceptable"        // ask for a representation that exists
	Conflict             Kind = "conflict"              // the present state forbids it
	Gone                 Kind = "gone"                  // was here, will not come back
	PreconditionFailed   Kind = "precondition-failed"   // read again, then repeat
	TooLarge             Kind = "too-large"             // send less
	UnsupportedMedia     Kind = "unsupported-media"     // send another media type
	Invalid              Kind = "invalid"               // readable, but the content breaks a rule
	PreconditionRequired Kind = "precondition-required" // say which revision you have seen
	RateLimited          Kind = "rate-limited"          // slow down
	Unavailable          Kind = "unavailable"           // repeat later
	Internal             Kind = "internal"              // our mistake
)

// Kinds lists every kind, in the order of the constants.
func Kinds() []Kind {
	return []Kind{Malformed, Unauthenticated, Forbidden, NotFound, MethodNotAllowed, NotAcceptable, Conflict, Gone,
		PreconditionFailed, TooLarge, UnsupportedMedia, Invalid, PreconditionRequired, RateLimited, Unavailable, Internal}
}

func (k Kind) Error() string { return string(k) }

// Field names one offending member of the caller's input.
type Field struct {
	Pointer string `json:"pointer"` // JSON Pointer (RFC 6901) into the request body, or "?name" for a query parameter
	Code    Code   `json:"code"`
	Detail  string `json:"detail"`
}

// Error is a fault. Detail is written for the caller; Cause is for the log and is never sent.
type Error struct {
	Kind       Kind
	Code       Code
	Detail     string
	Fields     []Field
	RetryAfter time.Duration // zero when repeating needs no waiting, or does not help
	Cause      error
}

// New makes a fault of the kind its code belongs to. Detail is a sentence for the caller.
func New(code Code, format string, args ...any) *Error {
	detail := format
	if len(args) > 0 {
		detail = fmt.Sprintf(format, args...)
	}
	return &Error{Kind: code.Kind(), Code: code, Detail: detail}
}

// From is New with the cause that the log should show.
func From(cause error, code Code, format string, args ...any) *Error {
	e := New(code, format, args...)
	e.Cause = cause
	return e
}

// With returns a copy that also names the offending members.
func (e *Error) With(fields ...Field) *Error {
	c := *e
	c.Fields = append(append([]Field(nil), e.Fields...), fields...)
	return &c
}

// After returns a copy that asks the caller to wait before repeating.
func (e *Error) After(d time.Duration) *Error {
	c := *e
	c.RetryAfter = d
	return &c
}

// Error is the text for the log: code, detail, fields and cause.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(string(e.Code))
	b.WriteString(": ")
	b.WriteString(e.Detail)
	for _, f := range e.Fields {
		fmt.Fprintf(&b, " [%s %s]", f.Pointer, f.Code)
	}
	if e.Cause != nil {
		b.WriteString(": ")
		b.WriteString(e.Cause.Error())
	}
	return b.String()
}

// Unwrap gives errors.Is and errors.As the kind and the cause.
func (e *Error) Unwrap() []error {
	if e.Cause == nil {
		return []error{e.Kind}
	}
	return []error{e.Kind, e.Cause}
}

// Of returns the fault an error holds. An error without one is internal: the returned fault keeps it as cause and says
// nothing of it to the caller. Of(nil) is nil.
func Of(err error) *Error {
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	return From(err, CodeInternal, "Something went wrong on our side. Nothing was changed; the request id identifies this failure.")
}
