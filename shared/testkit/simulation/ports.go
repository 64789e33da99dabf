package simulation

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/passportcraft/passportcraft/shared/domain/journal"
	"github.com/passportcraft/passportcraft/shared/domain/lifecycle"
	"github.com/passportcraft/passportcraft/shared/domain/retention"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
	"github.com/passportcraft/passportcraft/shared/testkit/ledger"
)

// Failed is retention.Meter. The log of calls shows failures already.
func (w *World) Failed(retention.Work, error) {}

// Put is retention.Meter. What is measured is looked at by the oracle, not by anybody in the world.
func (w *World) Put(name string, value float64) {
	if name == retention.EarlyDestructiveAttempt && value > 0 {
		w.oracle.fail(1, nil, "%g attempts to destroy something before its time were refused", value)
	}
	if name == retention.LimiterPaused && value > 0 {
		w.oracle.reached = append(w.oracle.reached, w.now)
	}
	switch name {
	case retention.TickHeartbeat, retention.MinSlackWindow, retention.MinSlackActive, retention.MinSlackResidual, retention.LawReviewOverdue, retention.DetectorAge:
	default:
		if value > 0 {
			w.stats.Alarms[name]++
		}
	}
}

// Tell is retention.Herald: a message with the same key goes out once.
func (w *World) Tell(_ context.Context, t id.Tenant, key string, m retention.Message) (reached int, err error) {
	return 0, send(w, "Tell", func() error {
		if m.Subject == "" || m.Text == "" {
			w.oracle.fail(11, w.byID[t], "the mail %s says nothing", key)
		}
		name := string(t) + "/" + key
		if w.oracle.told[name]++; w.oracle.told[name] == 1 {
			w.stats.Mails++
		}
		return nil
	})
}

// Secret is retention.Secrets.
func (w *World) Secret(_ context.Context, certificate string) (string, error) {
	return call(w, "Secret", func() (string, error) {
		mac := hmac.New(sha256.New, []byte("simulation"))
		mac.Write([]byte(certificate))
		return hex.EncodeToString(mac.Sum(nil)), nil
	})
}

// Sign is retention.Signer.
func (w *World) Sign(ctx context.Context, message []byte) ([]byte, error) {
	return call(w, "Sign", func() ([]byte, error) { return w.ledger.trail.key.Sign(ctx, message) })
}

// Disable is retention.KeySwitch: from here on what is under way cannot read or write content.
func (w *World) Disable(_ context.Context, t id.Tenant) error {
	return send(w, "Disable", func() error {
		w.disabled[t] = true
		return nil
	})
}

// Registered is retention.Register.
func (w *World) Registered(_ context.Context, t id.Tenant) (bool, error) {
	return call(w, "Registered", func() (bool, error) { return w.ledger.lives.Known(t), nil })
}

// Found is retention.Register.
func (w *World) Found(_ context.Context, t id.Tenant, store string, _ time.Time) error {
	return send(w, "Found", func() error {
		w.logf("%s: data without a tenant in %s", w.byID[t], store)
		w.stats.Resurrections++
		return nil
	})
}

// journals is retention.Journal over the journal of deletions and its mirror in memory.
type journals struct {
	w     *World
	store *ledger.Journal
	*journal.Journal
}

var _ retention.Journal = (*journals)(nil)

func newJournals(w *World) *journals {
	store := ledger.NewJournal()
	return &journals{w, store, &journal.Journal{Store: store, Secret: journalSecret{}, Evidence: store}}
}

type journalSecret struct{}

func (journalSecret) Secret(context.Context) ([]byte, error) {
	return []byte("the secret of the journal, 32 by"), nil
}

// subject is what an order is about.
func subject(o retention.Order) journal.Subject {
	switch {
	case o.Passport != "":
		return journal.Subject{Scope: journal.Passport, ID: string(o.Passport)}
	case o.Person != "":
		return journal.Subject{Scope: journal.Person, ID: string(o.Person)}
	default:
		return journal.Subject{Scope: journal.Tenant, ID: string(o.Tenant)}
	}
}

func (j *journals) Begin(ctx context.Context, o retention.Order, notBefore time.Time) error {
	return send(j.w, "JournalBegin", func() error {
		_, err := j.Append(ctx, subject(o), o.Asked, notBefore)
		return err
	})
}

func (j *journals) Close(ctx context.Context, o retention.Order, done time.Time, evidence string) error {
	return send(j.w, "JournalClose", func() error {
		_, err := j.Journal.Close(ctx, subject(o), o.Asked, done, evidence)
		return err
	})
}

func (j *journals) Closed(ctx context.Context, o retention.Order) (bool, error) {
	return call(j.w, "JournalClosed", func() (bool, error) {
		m, err := j.Mark(ctx, subject(o), o.Asked)
		if err != nil {
			return false, err
		}
		e := j.store.Find(m)
		return e != nil && e.Done(), nil
	})
}

// keeper is retention.Keeper.
type keeper struct{ w *World }

var _ retention.Keeper = keeper{}

// Facts lists the passports of which there still is a head, in the order of their identifiers.
func (k keeper) Facts(ctx context.Context, t id.Tenant, after string, most int) ([]retention.Case, error) {
	return call(k.w, "Facts", func() ([]retention.Case, error) {
		var out []retention.Case
		for _, r := range k.w.place(placeRecords).rows(t) {
			if r.kind != "head" || r.key <= after || len(out) == most {
				continue
			}
			p := k.w.passportOf(t, r.passport)
			if p == nil {
				return nil, fmt.Errorf("simulation: no passport %s", r.passport)
			}
			out = append(out, retention.Case{Place: r.key, Facts: p.PassportFacts, Choice: p.choice})
		}
		return out, nil
	})
}

// Keep writes what is kept, and hides the view.
func (k keeper) Keep(_ context.Context, t id.Tenant, d lifecycle.Disposition) error {
	return send(k.w, "Keep", func() error {
		k.w.keep(t, d)
		return nil
	})
}

func (w *World) passportOf(t id.Tenant, p id.Passport) *passport {
	for _, one := range w.byID[t].passports {
		if one.Passport == p {
			return one
		}
	}
	return nil
}
