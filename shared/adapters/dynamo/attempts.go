package dynamo

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/passportcraft/passportcraft/shared/domain/idempotency"
	"github.com/passportcraft/passportcraft/shared/domain/keyring"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

// Attempts implements idempotency.Store. Answers are sealed: they hold content. Rows carry the attribute ttl for
// DynamoDB's own deletion, but every read decides by the clock, since that deletion comes late or, locally, never.
type Attempts struct {
	db   *DB
	ring *keyring.Ring[id.Tenant]
}

// NewAttempts makes the store.
func NewAttempts(db *DB, ring *keyring.Ring[id.Tenant]) *Attempts {
	return &Attempts{db: db, ring: ring}
}

// Begin claims a key. One conditional write.
func (s *Attempts) Begin(ctx context.Context, a idempotency.Attempt) (*idempotency.Answer, error) {
	k := attemptKey(a.Tenant, a.Principal, a.Key)
	it := k.attributes()
	until := a.At.Add(idempotency.InProgressFor)
	it["v"], it["st"], it["fp"] = number(1), text("running"), text(a.Fingerprint)
	it["ttl"] = number(until.Unix())
	met, old, err := s.db.put(ctx, s.db.tables.Records, it, "attribute_not_exists(PK) OR #ttl <= :now",
		item{":now": number(a.At.Unix())}, map[string]string{"#ttl": "ttl"})
	if err != nil || met {
		return nil, err
	}
	r := reader{it: old}
	if r.text("fp") != a.Fingerprint {
		return nil, orError(r.err, idempotency.Reused())
	}
	if r.text("st") == "running" {
		return nil, orError(r.err, idempotency.InProgress())
	}
	if !r.has("an") {
		return nil, orError(r.err, idempotency.Done())
	}
	plain, err := s.ring.Open(ctx, a.Tenant, k.place("answer"), r.blob("an"))
	if err != nil {
		return nil, err
	}
	var answer idempotency.Answer
	if err := json.Unmarshal(plain, &answer); err != nil {
		return nil, fmt.Errorf("dynamo: stored answer: %w", err)
	}
	return &answer, r.err
}

// Complete stores the answer. One write.
func (s *Attempts) Complete(ctx context.Context, a idempotency.Attempt, answer idempotency.Answer) error {
	k := attemptKey(a.Tenant, a.Principal, a.Key)
	plain, err := json.Marshal(answer)
	if err != nil {
		return fmt.Errorf("dynamo: encode answer: %w", err)
	}
	sealed, err := s.ring.Seal(ctx, a.Tenant, k.place("answer"), plain)
	if err != nil {
		return err
	}
	it := k.attributes()
	it["v"], it["st"], it["fp"] = number(1), text("done"), text(a.Fingerprint)
	if len(sealed) <= inlineLimit*3 { // an item holds 400 KB: of a giant answer only that there was one is kept
		it["an"] = blob(sealed)
	}
	it["ttl"] = number(a.At.Add(idempotency.AnswersFor).Unix())
	_, _, err = s.db.put(ctx, s.db.tables.Records, it, "", nil, nil)
	return err
}

// Abandon gives the claim up. One delete.
func (s *Attempts) Abandon(ctx context.Context, a idempotency.Attempt) error {
	return s.db.remove(ctx, s.db.tables.Records, attemptKey(a.Tenant, a.Principal, a.Key), "fp = :f",
		item{":f": text(a.Fingerprint)})
}

func orError(broken, otherwise error) error {
	if broken != nil {
		return broken
	}
	return otherwise
}
