package dynamo

import (
	"bytes"
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

// Mark returns the high-water mark and an operator's word, if there is a good one: signed, and with its entry. Two reads,
// and one more while there is a word.
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
	if word, err = lifecycle.ReadResume(text); err != nil {
		return high, nil, nil //nolint:nilerr // something else that the same key has signed is no word either
	}
	entry, err := s.db.get(ctx, s.db.tables.Ledger, wordKey(word.Entry))
	if err != nil || entry == nil {
		return high, nil, err
	}
	e := reader{it: entry}
	if !bytes.Equal(e.blob("e"), text) || e.err != nil {
		return high, nil, nil
	}
	return high, word, nil
}

// Say stores an operator's word as it was signed, and with it its entry, which no later word takes away. One transaction.
func (s *Guards) Say(ctx context.Context, entry string, word, signature []byte) error {
	x := &transaction{}
	for _, k := range []key{guardKey("WORD"), wordKey(entry)} {
		it := k.attributes()
		it["v"], it["e"], it["sig"] = number(1), blob(word), blob(signature)
		condition, meaning := "", unconditional
		if k == wordKey(entry) {
			condition, meaning = "attribute_not_exists(PK)", means(retention.ErrTaken)
		}
		x.put(s.db.tables.Ledger, it, condition, nil, meaning)
	}
	return s.db.commit(ctx, x)
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

// Search returns how far the search for what came back is. One read.
func (s *Guards) Search(ctx context.Context) (retention.Search, error) {
	var is retention.Search
	it, err := s.db.get(ctx, s.db.tables.Ledger, guardKey("SEARCH"))
	if err != nil || it == nil {
		return is, err
	}
	r := reader{it: it}
	err = errors.Join(json.Unmarshal(r.blob("e"), &is), r.err)
	return is, err
}

// Searched stores it. One write.
func (s *Guards) Searched(ctx context.Context, is retention.Search) error {
	b, err := json.Marshal(is)
	if err != nil {
		return fmt.Errorf("dynamo: encode search: %w", err)
	}
	it := guardKey("SEARCH").attributes()
	it["v"], it["e"] = number(1), blob(b)
	_, _, err = s.db.put(ctx, s.db.tables.Ledger, it, "", nil, nil)
	return err
}
