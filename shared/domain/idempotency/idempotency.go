// Package idempotency describes requests that must not run twice, and the answers that are given again instead.
package idempotency

import (
	"context"
	"time"

	"github.com/passportcraft/passportcraft/shared/foundation/fault"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

// How long records count. A first request that died without an answer blocks its key for InProgressFor.
const (
	InProgressFor = 60 * time.Second
	AnswersFor    = 24 * time.Hour
)

// Attempt identifies a request: the key its caller chose, and a digest of what it asks for.
type Attempt struct {
	Tenant      id.Tenant
	Principal   string
	Key         string
	Fingerprint string
	At          time.Time
}

// Answer is a stored answer.
type Answer struct {
	Status int               `json:"status"`
	Header map[string]string `json:"header"`
	Body   []byte            `json:"body"`
}

// Store remembers attempts and their answers.
type Store interface {
	// Begin claims the key. It returns the stored answer when the same attempt was completed within AnswersFor, an
	// idempotency-in-progress fault while it runs, idempotency-key-reused when the fingerprint differs.
	Begin(ctx context.Context, a Attempt) (*Answer, error)
	// Complete stores the answer of a claimed attempt.
	Complete(ctx context.Context, a Attempt, answer Answer) error
	// Abandon gives the claim up, so that the caller can try again with the same key.
	Abandon(ctx context.Context, a Attempt) error
}

// Reused is the answer when a key comes back with another request.
func Reused() error {
	return fault.New(fault.CodeIdempotencyKeyReused, "This Idempotency-Key was used with another request. Take a new key for a new request.")
}

// Done is the answer to a repetition of a request whose answer was too large to be kept.
func Done() error {
	return fault.New(fault.CodeIdempotencyDone, "The request with this Idempotency-Key was carried out. Its answer was too large to be kept: read the object instead.")
}

// InProgress is the answer while the first request runs.
func InProgress() error {
	return fault.New(fault.CodeIdempotencyInProgress, "The first request with this Idempotency-Key is still running.").After(time.Second)
}
