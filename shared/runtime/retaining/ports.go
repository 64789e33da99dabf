package retaining

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/passportcraft/passportcraft/shared/adapters/dynamo"
	"github.com/passportcraft/passportcraft/shared/adapters/kms"
	"github.com/passportcraft/passportcraft/shared/adapters/mail"
	"github.com/passportcraft/passportcraft/shared/domain/auditlog"
	"github.com/passportcraft/passportcraft/shared/domain/backup"
	"github.com/passportcraft/passportcraft/shared/domain/export"
	"github.com/passportcraft/passportcraft/shared/domain/journal"
	"github.com/passportcraft/passportcraft/shared/domain/member"
	"github.com/passportcraft/passportcraft/shared/domain/retention"
	"github.com/passportcraft/passportcraft/shared/foundation/clock"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
	"github.com/passportcraft/passportcraft/shared/runtime/backing"
	"github.com/passportcraft/passportcraft/shared/runtime/wire"
)

// clocks are what every job knows of the time.
func clocks(app *wire.App) retention.Time {
	t := backing.Clocks(app)
	t.Clock, t.Patience = app.Parts().Now, patience
	return t
}

// ledger is the deletion journal as the engine knows it.
type ledger struct{ book *journal.Journal }

func subject(o retention.Order) journal.Subject {
	switch {
	case o.Passport != "":
		return journal.Subject{Scope: journal.Passport, ID: string(o.Passport)}
	case o.Person != "":
		return journal.Subject{Scope: journal.Person, ID: string(o.Person)}
	}
	return journal.Subject{Scope: journal.Tenant, ID: string(o.Tenant)}
}

// Begin implements retention.Journal.
func (l *ledger) Begin(ctx context.Context, o retention.Order, notBefore time.Time) error {
	_, err := l.book.Append(ctx, subject(o), o.Asked, notBefore)
	return err
}

// Close implements retention.Journal.
func (l *ledger) Close(ctx context.Context, o retention.Order, done time.Time, evidence string) error {
	_, err := l.book.Close(ctx, subject(o), o.Asked, done, evidence)
	return err
}

// Closed implements retention.Journal.
func (l *ledger) Closed(ctx context.Context, o retention.Order) (bool, error) {
	m, err := l.book.Mark(ctx, subject(o), o.Asked)
	if err != nil {
		return false, err
	}
	closed := false
	err = journal.Walk(ctx, l.book.Store, 0, func(e journal.Entry) error {
		if e.Scope == m.Scope && e.Digest == m.Digest && e.RequestedAt.Equal(m.RequestedAt) {
			closed = e.Done()
		}
		return nil
	})
	return closed, err
}

// pruner drops from the deletion journal what no copy of any table can bring back, those of keys among them.
func pruner(app *wire.App) func(context.Context) error {
	rotator, book := backing.Rotator(app), backing.Journal(app)
	return func(ctx context.Context) error {
		oldest, complete, err := rotator.Oldest(ctx)
		if err != nil {
			return err
		}
		keys, all, err := rotator.OldestKeys(ctx, app.Config().Tables.Keys)
		if err != nil {
			return err
		}
		if !keys.IsZero() && keys.Before(oldest) {
			oldest = keys
		}
		_, err = book.Prune(ctx, oldest, complete && all)
		return err
	}
}

type copies struct{ rotator *backup.Rotator }

// Oldest implements retention.Backups.
func (c *copies) Oldest(ctx context.Context) (time.Time, bool, error) { return c.rotator.Oldest(ctx) }

type exports struct{ store *dynamo.Exports }

// Running implements retention.Exports.
func (e *exports) Running(ctx context.Context, t id.Tenant, before time.Time) (running bool, doneAt time.Time, err error) {
	all, err := e.store.Exports(ctx, t)
	for _, x := range all {
		if x.RequestedAt.After(before) {
			continue
		}
		switch {
		case x.State == export.Queued || x.State == export.Running:
			running = true
		case x.ReadyAt.After(before) && x.ReadyAt.After(doneAt):
			doneAt = x.ReadyAt
		}
	}
	return running, doneAt, err
}

// secrets derives secrets of certificates from the one of the deletion journal.
type secrets struct{ root journal.Secret }

// Secret implements retention.Secrets: 160 bits in text.
func (s *secrets) Secret(ctx context.Context, certificate string) (string, error) {
	root, err := s.root.Secret(ctx)
	if err != nil {
		return "", err
	}
	mac := hmac.New(sha256.New, root)
	fmt.Fprintf(mac, "certificate\x00%s", certificate)
	return hex.EncodeToString(mac.Sum(nil)[:20]), nil
}

// verifier reads the public key of checkpoints once.
func verifier(signer *kms.Signer) func(context.Context) (note.Verifier, error) {
	var mu sync.Mutex
	var known note.Verifier
	return func(ctx context.Context) (note.Verifier, error) {
		mu.Lock()
		defer mu.Unlock()
		if known != nil {
			return known, nil
		}
		spki, err := signer.PublicKey(ctx)
		if err != nil {
			return nil, err
		}
		known, err = auditlog.NewVerifier(spki)
		return known, err
	}
}

// herald writes to the owners of a tenant.
type herald struct {
	told   *dynamo.Told
	mailer *mail.Mailer
	now    clock.Clock
}

// Tell implements retention.Herald. Each owner is remembered by themselves, so that a mail that fails for one goes out
// again to that one alone. A crash between sending and remembering sends it twice.
func (h *herald) Tell(ctx context.Context, t id.Tenant, key string, m retention.Message) (reached int, err error) {
	owners, err := h.told.Owners(ctx, t)
	if err != nil {
		return 0, err
	}
	var failures []error
	for _, o := range owners {
		err := h.tell(ctx, t, key, o, m)
		if failures = append(failures, err); err == nil {
			reached++
		}
	}
	return reached, errors.Join(failures...)
}

func (h *herald) tell(ctx context.Context, t id.Tenant, key string, to member.Member, m retention.Message) error {
	name := key + "\x00" + string(to.Person)
	done, err := h.told.Told(ctx, t, name)
	if err != nil || done || to.Mail == "" {
		return err
	}
	if err := h.mailer.Send(ctx, member.Mail{To: to.Mail, Subject: m.Subject, Text: m.Text}); err != nil {
		return err
	}
	return h.told.Tell(ctx, t, name, h.now())
}
