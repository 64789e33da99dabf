// Package journal remembers what has been deleted, so that a restored backup does not bring it back.
//
// An entry is appended before a deletion begins and closed when it is proven. It names its subject by a keyed digest only
// (HMAC-SHA-256 under a secret of the journal) and holds no content, which is why it may outlive every backup it has to be
// replayed into. Whoever has an identifier can find out whether it was deleted; whoever has the journal alone learns
// nothing. A hash of each entry is kept where nobody can take it back, so that a shortened journal shows.
package journal

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Scope says what kind of thing was deleted.
type Scope string

// The scopes.
const (
	Tenant   Scope = "tenant"   // everything of an organisation
	Passport Scope = "passport" // one passport with its versions, history and reservation
	Person   Scope = "person"   // who somebody is: their record, identities and memberships
)

// Known tells whether there is such a scope.
func (s Scope) Known() bool { return s == Tenant || s == Passport || s == Person }

// Subject is what is deleted, in the clear. It never gets into an entry.
type Subject struct {
	Scope Scope
	ID    string // of the tenant, passport or person; each is unique in the whole platform
}

// Digest names a subject without saying who it is: 64 hexadecimal digits.
func (s Subject) Digest(secret []byte) string {
	mac := hmac.New(sha256.New, secret)
	fmt.Fprintf(mac, "%s\x00%s", s.Scope, s.ID)
	return hex.EncodeToString(mac.Sum(nil))
}

// Mark names an entry: the same deletion asked for twice is one entry.
type Mark struct {
	Scope       Scope
	Digest      string
	RequestedAt time.Time
}

// Entry is one deletion.
type Entry struct {
	Mark
	Sequence  int64     // 1, 2, 3, … in the order of appending
	NotBefore time.Time // nothing is destroyed earlier
	DoneAt    time.Time // when it was proven complete; zero: not yet
	Evidence  string    // a hash or a reference without content; at most MaxEvidence bytes
}

// MaxEvidence is the most bytes of an entry's evidence.
const MaxEvidence = 200

// Done tells whether the deletion has been proven.
func (e Entry) Done() bool { return !e.DoneAt.IsZero() }

// Hash is over what never changes of an entry.
func (e Entry) Hash() string {
	sum := sha256.Sum256([]byte(fmt.Sprintf("passportcraft journal 1\n%d\n%s\n%s\n%s\n%s\n", e.Sequence, e.Scope, e.Digest, stamp(e.RequestedAt), stamp(e.NotBefore))))
	return hex.EncodeToString(sum[:])
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

// check refuses entries that say too much or too little.
func (e Entry) check() error {
	raw, err := hex.DecodeString(e.Digest)
	switch {
	case !e.Scope.Known():
		return fmt.Errorf("journal: there is no scope %q", e.Scope)
	case err != nil || len(raw) != sha256.Size || strings.ToLower(e.Digest) != e.Digest:
		return errors.New("journal: the digest is not 64 lower-case hexadecimal digits")
	case e.RequestedAt.IsZero() || e.NotBefore.IsZero():
		return errors.New("journal: an entry needs the instant it was asked for and the one it may begin at")
	case e.NotBefore.Before(e.RequestedAt):
		return errors.New("journal: a deletion cannot begin before it was asked for")
	case len(e.Evidence) > MaxEvidence:
		return fmt.Errorf("journal: the evidence has %d bytes; %d are allowed", len(e.Evidence), MaxEvidence)
	}
	return nil
}

// Store keeps entries in the order of appending.
type Store interface {
	// Append stores an entry under the next number and returns it; the entry of the same mark is returned as it is.
	Append(ctx context.Context, e Entry) (Entry, error)
	// Close stores when a deletion was proven, and by what. Closing again keeps the first instant. ErrUnknown without entry.
	Close(ctx context.Context, m Mark, doneAt time.Time, evidence string) (Entry, error)
	// Since returns entries with numbers above one, in order; at most so many.
	Since(ctx context.Context, sequence int64, most int) ([]Entry, error)
	// Drop removes an entry for good.
	Drop(ctx context.Context, e Entry) error
}

// ErrUnknown says that no deletion of this mark was appended.
var ErrUnknown = errors.New("journal: no such entry")

// Secret holds the key of the digests, 32 random bytes.
type Secret interface {
	Secret(ctx context.Context) ([]byte, error)
}

// Evidence keeps texts where nobody can take them back.
type Evidence interface {
	Keep(ctx context.Context, name, text string) error
}

// Journal is what the engine that deletes writes to.
type Journal struct {
	Store    Store
	Secret   Secret
	Evidence Evidence
}

// Append writes down a deletion before it begins: the caller destroys nothing until this has returned without an error.
// Asking again for the same deletion changes nothing. A write, and one of the mirror.
func (j *Journal) Append(ctx context.Context, of Subject, requestedAt, notBefore time.Time) (Entry, error) {
	m, err := j.Mark(ctx, of, requestedAt)
	if err != nil {
		return Entry{}, err
	}
	e := Entry{Mark: m, NotBefore: notBefore.UTC()}
	if err := e.check(); err != nil {
		return Entry{}, err
	}
	if e, err = j.Store.Append(ctx, e); err != nil {
		return Entry{}, err
	}
	// After the entry: the mirror must not name what is not there. A crash between the two is mended by the repetition
	// without which the deletion does not begin.
	return e, j.Evidence.Keep(ctx, MirrorName(e.Sequence), MirrorText(e))
}

// Close writes down that a deletion is proven; evidence is a hash or a reference, never content.
func (j *Journal) Close(ctx context.Context, of Subject, requestedAt, doneAt time.Time, evidence string) (Entry, error) {
	m, err := j.Mark(ctx, of, requestedAt)
	if err != nil {
		return Entry{}, err
	}
	if doneAt.IsZero() || len(evidence) > MaxEvidence {
		return Entry{}, fmt.Errorf("journal: a closed entry has an instant and at most %d bytes of evidence", MaxEvidence)
	}
	return j.Store.Close(ctx, m, doneAt.UTC(), evidence)
}

// Mark names the entry of a deletion.
func (j *Journal) Mark(ctx context.Context, of Subject, requestedAt time.Time) (Mark, error) {
	secret, err := j.Secret.Secret(ctx)
	if err != nil {
		return Mark{}, err
	}
	return Mark{of.Scope, of.Digest(secret), requestedAt.UTC()}, nil
}

// pageSize is how many entries are read at once.
const pageSize = 500

// Walk calls do with every entry above a number, in order.
func Walk(ctx context.Context, s Store, after int64, do func(Entry) error) error {
	for {
		some, err := s.Since(ctx, after, pageSize)
		if err != nil {
			return err
		}
		for _, e := range some {
			if e.Sequence <= after {
				return fmt.Errorf("journal: entry %d comes after %d", e.Sequence, after)
			}
			after = e.Sequence
			if err := do(e); err != nil {
				return err
			}
		}
		if len(some) < pageSize {
			return nil
		}
	}
}

// Prune drops what may be dropped, and returns how many entries that were. oldest is the instant of the oldest backup
// there is, and complete that no place of backups was left out.
func (j *Journal) Prune(ctx context.Context, oldest time.Time, complete bool) (dropped int, err error) {
	err = Walk(ctx, j.Store, 0, func(e Entry) error {
		if !Droppable(e, oldest, complete) {
			return nil
		}
		// The mirror first: an entry that is gone without a word would look like one that was taken out.
		if err := j.Evidence.Keep(ctx, droppedName(e.Sequence), fmt.Sprintf("dropped %d\noldest backup %s\n", e.Sequence, stamp(oldest))); err != nil {
			return err
		}
		dropped++
		return j.Store.Drop(ctx, e)
	})
	return dropped, err
}
