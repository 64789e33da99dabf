package dynamo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/passportcraft/passportcraft/shared/domain/lifecycle"
	"github.com/passportcraft/passportcraft/shared/domain/retention"
)

// Guards implements retention.Guards: one row each.
type Guards struct {
	db    *DB
	vouch func(word, signature []byte) error
}

// NewGuards makes the store. vouch verifies the signature of an operator's word; a word that it refuses counts as none.
func NewGuards(db *DB, vouch func(word, signature []byte) error) *Guards {
	return &Guards{db: db, vouch: vouch}
}

// Mark returns the high-water mark and an operator's word, if there is a good one. Two reads.
func (s *Guards) Mark(ctx context.Context) (high time.Time, word *lifecycle.Resume, err error) {
	rows, err := s.db.batchGet(ctx, s.db.tables.Ledger, []key{guardKey("CLOCK"), guardKey("WORD")})
	if err != nil {
		return high, nil, err
	}
	if it := rows[guardKey("CLOCK")]; it != nil {
		r := reader{it: it}
		high = r.moment("high")
		if r.err != nil {
			return high, nil, r.err
		}
	}
	it := rows[guardKey("WORD")]
	if it == nil {
		return high, nil, nil
	}
	r := reader{it: it}
	text, signature := r.blob("e"), r.blob("sig")
	if r.err != nil || s.vouch == nil || s.vouch(text, signature) != nil {
		return high, nil, nil // the clock stays guarded
	}
	word = &lifecycle.Resume{}
	return high, word, json.Unmarshal(text, word)
}

// Say stores an operator's word as it was signed. One write.
func (s *Guards) Say(ctx context.Context, word, signature []byte) error {
	it := guardKey("WORD").attributes()
	it["v"], it["e"], it["sig"] = number(1), blob(word), blob(signature)
	_, _, err := s.db.put(ctx, s.db.tables.Ledger, it, "", nil, nil)
	return err
}

// Raise moves the mark. One write.
func (s *Guards) Raise(ctx context.Context, from, to time.Time) error {
	it := guardKey("CLOCK").attributes()
	it["v"], it["high"] = number(1), moment(to)
	condition, values := "high = :h", item{":h": moment(from)}
	if from.IsZero() {
		condition, values = "attribute_not_exists(PK)", nil
	}
	met, _, err := s.db.put(ctx, s.db.tables.Ledger, it, condition, values, nil)
	if err == nil && !met {
		err = retention.ErrTaken
	}
	return err
}

// Limiter returns the limiter. One read.
func (s *Guards) Limiter(ctx context.Context) (l lifecycle.Limiter, revision int64, err error) {
	it, err := s.db.get(ctx, s.db.tables.Ledger, guardKey("LIMITER"))
	if err != nil || it == nil {
		return l, 0, err
	}
	r := reader{it: it}
	revision = r.number("rev")
	return l, revision, errors.Join(json.Unmarshal(r.blob("e"), &l), r.err)
}

// Limit stores the limiter at its next revision. One write.
func (s *Guards) Limit(ctx context.Context, l lifecycle.Limiter, revision int64) error {
	b, err := json.Marshal(l)
	if err != nil {
		return fmt.Errorf("dynamo: encode limiter: %w", err)
	}
	it := guardKey("LIMITER").attributes()
	it["v"], it["rev"], it["e"] = number(1), number(revision+1), blob(b)
	condition, values := "rev = :r", item{":r": number(revision)}
	if revision == 0 {
		condition, values = "attribute_not_exists(PK)", nil
	}
	met, _, err := s.db.put(ctx, s.db.tables.Ledger, it, condition, values, nil)
	if err == nil && !met {
		err = retention.ErrTaken
	}
	return err
}
