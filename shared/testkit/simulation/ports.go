package simulation

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/passportcraft/passportcraft/shared/domain/journal"
	"github.com/passportcraft/passportcraft/shared/domain/lifecycle"
	"github.com/passportcraft/passportcraft/shared/domain/retention"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

// Put is retention.Meter. What is measured is looked at by the oracle, not by anybody in the world.
func (w *World) Put(name string, value float64) {
	if value > 0 && name != retention.TickHeartbeat {
		w.stats.Alarms[name]++
	}
}

// Tell is retention.Herald: a message with the same key goes out once.
func (w *World) Tell(_ context.Context, t id.Tenant, key string, m retention.Message) error {
	return send(w, "Tell", func() error {
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
func (w *World) Sign(_ context.Context, message []byte) ([]byte, error) {
	return call(w, "Sign", func() ([]byte, error) {
		sum := sha256.Sum256(append([]byte("signed by the simulation\n"), message...))
		return sum[:], nil
	})
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

// journals is retention.Journal over the journal of deletions, its store in memory, its mirror too.
type journals struct {
	w *World
	*journal.Journal
	kept   map[string]string
	store  []journal.Entry
	serial int64
}

var _ retention.Journal = (*journals)(nil)

func newJournals(w *World) *journals {
	j := &journals{w: w, kept: map[string]string{}}
	j.Journal = &journal.Journal{Store: journalStore{j}, Secret: journalSecret{}, Evidence: j}
	return j
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
		for _, e := range j.store {
			if e.Mark == m {
				return e.Done(), nil
			}
		}
		return false, nil
	})
}

// Keep is journal.Evidence.
func (j *journals) Keep(_ context.Context, name, text string) error {
	j.kept[name] = text
	return nil
}

// List and Read are journal.Mirror.
func (j *journals) List(_ context.Context, prefix string) ([]string, error) {
	var names []string
	for n := range j.kept {
		names = append(names, n)
	}
	slices.Sort(names)
	return names, nil
}

func (j *journals) Read(_ context.Context, name string) (string, error) { return j.kept[name], nil }

// journalStore is journal.Store.
type journalStore struct{ j *journals }

func (s journalStore) Append(_ context.Context, e journal.Entry) (journal.Entry, error) {
	for _, have := range s.j.store {
		if have.Mark == e.Mark {
			return have, nil
		}
	}
	s.j.serial++
	e.Sequence = s.j.serial
	s.j.store = append(s.j.store, e)
	return e, nil
}

func (s journalStore) find(m journal.Mark) *journal.Entry {
	i := slices.IndexFunc(s.j.store, func(e journal.Entry) bool { return e.Mark == m })
	if i < 0 {
		return nil
	}
	return &s.j.store[i]
}

func (s journalStore) Close(_ context.Context, m journal.Mark, doneAt time.Time, evidence string) (journal.Entry, error) {
	e := s.find(m)
	if e == nil {
		return journal.Entry{}, journal.ErrUnknown
	}
	if !e.Done() {
		e.DoneAt, e.Evidence = doneAt, evidence
	}
	return *e, nil
}

func (s journalStore) Since(_ context.Context, sequence int64, most int) ([]journal.Entry, error) {
	var out []journal.Entry
	for _, e := range s.j.store {
		if e.Sequence > sequence && len(out) < most {
			out = append(out, e)
		}
	}
	return out, nil
}

func (s journalStore) Drop(_ context.Context, e journal.Entry) error {
	if s.find(e.Mark) == nil {
		return errors.New("simulation: no such entry")
	}
	s.j.store = slices.DeleteFunc(s.j.store, func(o journal.Entry) bool { return o.Mark == e.Mark })
	return nil
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
