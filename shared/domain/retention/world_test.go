package retention_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/passportcraft/passportcraft/shared/domain/auditlog"
	"github.com/passportcraft/passportcraft/shared/domain/certificate"
	"github.com/passportcraft/passportcraft/shared/domain/lifecycle"
	"github.com/passportcraft/passportcraft/shared/domain/retention"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

// world is every port, and a clock that the test moves.
type world struct {
	t       testing.TB
	now     time.Time
	skew    []time.Duration
	lives   *lives
	holds   *holds
	works   *works
	why     []error // that work did not go on
	shelves []*shelf
	key     *ecdsa.PrivateKey
	ids     *id.Source
	law     lifecycle.Law

	mark     time.Time
	word     *lifecycle.Resume
	limiter  lifecycle.Limiter
	search   retention.Search
	journal  map[string]time.Time // by order: zero while open
	disabled map[id.Tenant]bool
	told     map[string]int
	mails    map[string]retention.Message
	figures  map[string]float64
	most     map[string]float64 // the largest value of each figure
	cases    map[id.Tenant][]retention.Case
	kept     map[id.Passport]lifecycle.Disposition
	known    map[id.Tenant]bool // registered
	strays   []string
	backups  []time.Time
	oldest   time.Time
	exports  map[id.Tenant]time.Time // running until
	proof    func(lifecycle.Record) *lifecycle.LogProof

	keepFails   int // at which call Keep fails, once; it has then done its work
	keeps       int
	mailFails   error
	reached     int // of the owners, while mails fail
	switchFails error
	crash       *crash
	early       []string // destructive calls before their time
}

// destroys remembers destructive calls that no one should have made.
func (w *world) destroys(o retention.Order, p retention.Phase) {
	life, ok := w.lives.all[o.Tenant]
	if !ok || o.Passport != "" || o.Person != "" {
		return
	}
	r := life.Record
	if !r.State.Begun() || w.now.Before(r.Deadlines().DrainUntil) || w.now.Before(r.T0.Add(30*day)) && r.Expedited == nil ||
		p == retention.Keys && r.State != lifecycle.ActiveClear && r.State != lifecycle.ResidualClear {
		w.early = append(w.early, fmt.Sprintf("%s at %s in state %s", o.Tenant, w.now, r.State))
	}
}

func (w *world) Now(context.Context) ([]time.Time, error) {
	out := []time.Time{}
	for _, s := range w.skew {
		out = append(out, w.now.Add(s))
	}
	return out, nil
}

func (w *world) Mark(context.Context) (time.Time, *lifecycle.Resume, error) {
	return w.mark, w.word, nil
}

func (w *world) Raise(_ context.Context, from, to time.Time) error {
	return w.crash.call(func() error {
		if !w.mark.Equal(from) {
			return retention.ErrTaken
		}
		w.mark = to
		return nil
	})
}

func (w *world) Limiter(context.Context) (lifecycle.Limiter, int64, error) { return w.limiter, 0, nil }

func (w *world) Search(context.Context) (retention.Search, error) { return w.search, nil }

func (w *world) Searched(_ context.Context, s retention.Search) error {
	return w.crash.call(func() error {
		w.search = s
		return nil
	})
}

func (w *world) Limit(_ context.Context, l lifecycle.Limiter, _ int64) error {
	return w.crash.call(func() error {
		w.limiter = l
		return nil
	})
}

func (w *world) Prove(_ context.Context, r lifecycle.Record) (*lifecycle.LogProof, error) {
	return w.proof(r), nil
}

func (w *world) Oldest(context.Context) (time.Time, bool, error) { return w.oldest, true, nil }

func orderName(o retention.Order) string {
	return fmt.Sprint(o.Tenant, "|", o.Passport, "|", o.Person, "|", o.Asked.UTC())
}

func (w *world) Begin(_ context.Context, o retention.Order, notBefore time.Time) error {
	return w.crash.call(func() error {
		if notBefore.Before(o.Asked) || notBefore.After(w.now.Add(time.Minute)) {
			w.t.Errorf("the journal says that %s begins at %s", orderName(o), notBefore)
		}
		if o.Asked.IsZero() {
			w.t.Errorf("the journal is not told when %s was asked for", orderName(o))
		}
		if _, there := w.journal[orderName(o)]; !there {
			w.journal[orderName(o)] = time.Time{}
		}
		return nil
	})
}

func (w *world) Close(_ context.Context, o retention.Order, done time.Time, evidence string) error {
	return w.crash.call(func() error {
		at, there := w.journal[orderName(o)]
		if !there || done.IsZero() || len(evidence) < 10 || len(evidence) > 200 {
			return fmt.Errorf("%s was never begun", orderName(o))
		}
		if at.IsZero() {
			w.journal[orderName(o)] = done
		}
		return nil
	})
}

func (w *world) Closed(_ context.Context, o retention.Order) (bool, error) {
	return !w.journal[orderName(o)].IsZero(), nil
}

func (w *world) Disable(_ context.Context, t id.Tenant) error {
	return w.crash.call(func() error {
		w.disabled[t] = w.switchFails == nil
		return w.switchFails
	})
}

func (w *world) Tell(_ context.Context, t id.Tenant, key string, m retention.Message) (reached int, err error) {
	if w.lives.all[t].Record.State.Begun() {
		w.t.Errorf("%s goes to people who are being deleted", key)
	}
	return w.reached, w.crash.call(func() error {
		if w.mailFails != nil {
			return w.mailFails
		}
		name := string(t) + "|" + key
		w.mails[name] = m
		if w.told[name] == 0 { // the key makes it once
			w.told[name]++
		}
		return nil
	})
}

func (w *world) Secret(_ context.Context, certificate string) (string, error) {
	return "secret of " + certificate, nil
}

func (w *world) Sign(_ context.Context, message []byte) ([]byte, error) {
	sum := sha256.Sum256(message)
	return ecdsa.SignASN1(rand.Reader, w.key, sum[:])
}

func (w *world) Failed(_ retention.Work, err error) { w.why = append(w.why, err) }

func (w *world) Put(name string, value float64) {
	w.figures[name] = value
	w.most[name] = max(w.most[name], value)
}

func (w *world) Running(_ context.Context, t id.Tenant, _ time.Time) (bool, time.Time, error) {
	until, ok := w.exports[t]
	if !ok {
		return false, time.Time{}, nil
	}
	if w.now.Before(until) {
		return true, time.Time{}, nil
	}
	return false, until, nil
}

func (w *world) Registered(_ context.Context, t id.Tenant) (bool, error) { return w.known[t], nil }

func (w *world) Found(_ context.Context, t id.Tenant, store string, _ time.Time) error {
	w.strays = append(w.strays, string(t)+" in "+store)
	return nil
}

func (w *world) Facts(_ context.Context, t id.Tenant, after string, most int) ([]retention.Case, error) {
	var out []retention.Case
	for _, c := range w.cases[t] {
		if c.Place > after && len(out) < most {
			out = append(out, c)
		}
	}
	return out, nil
}

func (w *world) Keep(_ context.Context, _ id.Tenant, d lifecycle.Disposition) error {
	return w.crash.call(func() error {
		w.kept[d.Passport] = d
		if w.keeps++; w.keeps == w.keepFails {
			return errors.New("the answer was lost")
		}
		return nil
	})
}

const day = lifecycle.Day

// found makes a world with one of each kind of store.
func found(t testing.TB) *world {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{
		t: t, now: time.Date(2028, 2, 1, 9, 30, 0, 0, time.UTC), skew: []time.Duration{-20 * time.Second, 40 * time.Second}, key: key,
		lives: &lives{all: map[id.Tenant]lifecycle.Life{}, certs: map[string]lifecycle.CertificateRow{}}, holds: &holds{},
		works: &works{all: map[string]retention.Work{}}, journal: map[string]time.Time{}, disabled: map[id.Tenant]bool{},
		told: map[string]int{}, mails: map[string]retention.Message{}, figures: map[string]float64{}, most: map[string]float64{},
		cases: map[id.Tenant][]retention.Case{}, kept: map[id.Passport]lifecycle.Disposition{}, known: map[id.Tenant]bool{},
		exports: map[id.Tenant]time.Time{},
	}
	w.lives.w, w.works.w = w, w
	if w.law, err = lifecycle.LoadLaw(); err != nil {
		t.Fatal(err)
	}
	seed := sha256.Sum256([]byte(t.Name()))
	w.ids = id.NewSource(func() time.Time { return w.now }, &stream{seed: seed[:]})
	for _, s := range []struct {
		name  string
		phase retention.Phase
	}{{"public", retention.Derived}, {"records", retention.Content}, {"objects", retention.Content}, {"members", retention.People}, {"settings", retention.Settings}, {"keys", retention.Keys}} {
		w.shelves = append(w.shelves, &shelf{w: w, name: s.name, phase: s.phase})
	}
	w.proof = w.proven
	return w
}

// proven is what the log says of an honest termination.
func (w *world) proven(r lifecycle.Record) *lifecycle.LogProof {
	w.t.Helper()
	e := said(0, r.Tenant, lifecycle.EventTerminated, "effectiveAt", r.EffectiveAt.Format(time.RFC3339Nano))
	line, err := e.Canonical()
	if err != nil {
		w.t.Fatal(err)
	}
	head, _ := auditlog.Head{Alias: "alias"}.Append(line)
	leaf, at := head.Root(), r.NoticedAt.Add(time.Hour)
	note, err := auditlog.Sign(w.t.Context(), logKey{w.key}, auditlog.Checkpoint(head, at))
	if err != nil {
		w.t.Fatal(err)
	}
	evidence, err := json.Marshal(auditlog.Proof{Leaf: leaf[:], Path: [][]byte{}, Checkpoint: note})
	if err != nil {
		w.t.Fatal(err)
	}
	return &lifecycle.LogProof{Tenant: r.Tenant, Event: e.Event, At: r.EffectiveAt, Entry: e.ID, SignedAt: at, Evidence: string(evidence)}
}

// stream is randomness that is the same each time.
type stream struct {
	seed []byte
	left []byte
}

func (s *stream) Read(b []byte) (int, error) {
	for i := range b {
		if len(s.left) == 0 {
			sum := sha256.Sum256(s.seed)
			s.seed, s.left = sum[:], bytes.Clone(sum[:])
		}
		b[i], s.left = s.left[0], s.left[1:]
	}
	return len(b), nil
}

func tenantID(n int) id.Tenant {
	return id.Tenant(fmt.Sprintf("01920000-0000-7000-8000-%012d", n))
}

func passportID(n int) id.Passport {
	return id.Passport(fmt.Sprintf("01920000-0000-7000-9000-%012d", n))
}

func personID(n int) id.Person { return id.Person(fmt.Sprintf("01920000-0000-7000-a000-%012d", n)) }

// settle gives a tenant so many passports, terminated now when it leaves.
func (w *world) tenant(n, passports int, leaves bool) id.Tenant {
	t := tenantID(n)
	r := lifecycle.New(t, lifecycle.Current())
	l := lifecycle.Life{Record: r}
	if leaves {
		r.State, r.Epoch, r.Revision, r.NoticedAt, r.EffectiveAt = lifecycle.Scheduled, 1, 1, w.now, w.now
		l = lifecycle.Life{Record: r, DueAt: w.now, History: []lifecycle.Moment{{Event: lifecycle.EventTerminated, At: w.now, Actor: "person:owner"}}}
	}
	w.lives.all[t], w.known[t] = l, true
	for _, s := range w.shelves {
		for p := range passports {
			r := row{tenant: t, passport: passportID(1000*n + p), name: fmt.Sprintf("%s/%s/%06d", s.name, t, p)}
			if s.phase == retention.People || s.phase == retention.Keys {
				r.passport, r.person = "", personID(1000*n+p)
			}
			s.rows = append(s.rows, r)
		}
	}
	for p := range passports {
		w.cases[t] = append(w.cases[t], retention.Case{Place: fmt.Sprintf("%06d", p), Facts: lifecycle.PassportFacts{
			Passport: passportID(1000*n + p), Group: "battery", Category: "ev", Published: p%2 == 0,
			PublishedAt: w.now.Add(-10 * day), PlacedAt: w.now.Add(-20 * day),
		}})
	}
	return t
}

func (w *world) shelf(name string) *shelf {
	return w.shelves[slices.IndexFunc(w.shelves, func(s *shelf) bool { return s.name == name })]
}

func (w *world) stores() []retention.Store {
	var out []retention.Store
	for _, s := range w.shelves {
		out = append(out, s)
	}
	return out
}

// rows counts what every store holds of a tenant.
func (w *world) rows(t id.Tenant) int {
	n := 0
	for _, s := range w.shelves {
		for _, r := range s.rows {
			if r.tenant == t {
				n++
			}
		}
	}
	return n
}

func (w *world) time() retention.Time { return retention.Time{Sources: w, Guards: w, Meter: w} }

func (w *world) tick() *retention.Tick {
	return &retention.Tick{
		Time: w.time(), Lives: w.lives, Holds: w.holds, Works: w.works, Places: retention.Places(w.stores()), Exports: w, Prover: w, Backups: w,
		Journal: w, Switch: w, Herald: w, Secrets: w, Signer: w, Law: w.law, IDs: w.ids, Template: "sha-256:template",
	}
}

func (w *world) worker() *retention.Worker {
	return &retention.Worker{Time: w.time(), Works: w.works, Drops: w.works, Stores: w.stores(), Lives: w.lives, Holds: w.holds, Register: w, Journal: w, Page: 3}
}

func (w *world) auditor() *retention.Auditor {
	var census []retention.Census
	for _, s := range w.shelves {
		census = append(census, s)
	}
	return &retention.Auditor{Time: w.time(), Works: w.works, Lives: w.lives, Stores: w.stores(), Census: census, Register: w, Journal: w, IDs: w.ids}
}

func (w *world) custodian() *retention.Custodian {
	return &retention.Custodian{Time: w.time(), Works: w.works, Lives: w.lives, Keeper: w, Law: w.law, Page: 2}
}

// jobs are the five jobs.
func (w *world) jobs() map[string]func(context.Context, time.Time) error {
	return map[string]func(context.Context, time.Time) error{
		"tick": w.tick().Run, "custodian": w.custodian().Run, "worker": w.worker().Run, "auditor": w.auditor().Run, "survey": w.survey().Run, "detect": w.auditor().Detect,
	}
}

func (w *world) survey() *retention.Survey {
	return &retention.Survey{Time: w.time(), Lives: w.lives, Holds: w.holds, Works: w.works, Law: w.law}
}

func (w *world) erasures() *retention.Erasures {
	return &retention.Erasures{Works: w.works, Drops: w.works, Lives: w.lives, Holds: w.holds}
}

// certificate reads a certificate, signature and all.
func (w *world) certificate(c lifecycle.CertificateRow) certificate.Document {
	w.t.Helper()
	d, err := certificate.Verify(c.Document, c.Signature, &w.key.PublicKey)
	if err != nil {
		w.t.Fatal(err)
	}
	return d
}

// all runs every job of a quarter of an hour once.
func (w *world) all() {
	w.t.Helper()
	for _, name := range []string{"tick", "custodian", "worker", "auditor"} {
		if err := w.jobs()[name](w.t.Context(), w.now); err != nil {
			w.t.Fatalf("%s at %s: %v", name, w.now, err)
		}
	}
}

// until runs every job at each step of time until done says so.
func (w *world) until(step time.Duration, most int, done func() bool) {
	w.t.Helper()
	for range most {
		if done() {
			return
		}
		w.all()
		w.now = w.now.Add(step)
	}
	w.t.Fatalf("it did not come to that by %s", w.now)
}

func (w *world) state(t id.Tenant) lifecycle.State { return w.lives.all[t].Record.State }

func (w *world) comes(t id.Tenant, s lifecycle.State) {
	w.t.Helper()
	w.until(2*time.Hour, 12*100, func() bool { return w.state(t) == s || w.state(t) == "" && s == lifecycle.Certified })
}

func (w *world) mail(t id.Tenant, kind lifecycle.NoticeKind) (retention.Message, int) {
	for name, m := range w.mails {
		if strings.HasPrefix(name, string(t)+"|"+string(kind)+"/") {
			return m, w.told[name]
		}
	}
	return retention.Message{}, 0
}
