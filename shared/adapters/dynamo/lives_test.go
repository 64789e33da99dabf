package dynamo_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/passportcraft/passportcraft/shared/adapters/dynamo"
	"github.com/passportcraft/passportcraft/shared/domain/access"
	"github.com/passportcraft/passportcraft/shared/domain/audit"
	"github.com/passportcraft/passportcraft/shared/domain/lifecycle"
	"github.com/passportcraft/passportcraft/shared/domain/member"
	organisation "github.com/passportcraft/passportcraft/shared/domain/tenant"
	"github.com/passportcraft/passportcraft/shared/foundation/fault"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
	"github.com/passportcraft/passportcraft/shared/testkit"
)

// leaving is a tenant of a kit that asks to leave.
type leaving struct {
	k      *testkit.Kit
	lives  *dynamo.Lives
	tenant id.Tenant
	owner  access.Caller
	ids    *id.Source
}

func leave(t *testing.T) *leaving {
	t.Helper()
	k := testkit.Open(t, testkit.Options{})
	l := &leaving{k: k, lives: dynamo.NewLives(k.App.Database()), ids: id.NewSource(k.Clock.Now, k.App.Stores().Random)}
	l.tenant, _ = k.Tenant(t, "Nordeiche")
	l.owner = access.Caller{Tenant: l.tenant, Actor: "person:" + string(id.New[id.Person](l.ids)), Role: access.Owner, Request: id.New[id.Request](l.ids), At: k.Clock.Now()}
	return l
}

func (l *leaving) life(t *testing.T) lifecycle.Life {
	t.Helper()
	got, err := l.lives.Life(t.Context(), l.tenant)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// terminated is the step of a termination that comes into force after a while.
func (l *leaving) terminated(t *testing.T, after time.Duration) lifecycle.Step {
	t.Helper()
	before := l.life(t)
	now := l.k.Clock.Now()
	r, event, err := lifecycle.Terminate(before.Record, l.owner, lifecycle.Termination{
		EffectiveAt: now.Add(after), Confirmation: "Nordeiche", Name: "Nordeiche", Policy: lifecycle.Current(),
	}, now)
	if err != nil {
		t.Fatal(err)
	}
	entry := audit.New(l.ids, l.owner, event, "tenant:"+string(l.tenant), "", "")
	life := before
	life.Record, life.DueAt = r, r.EffectiveAt
	life.History = append(life.History, lifecycle.Moment{Event: event, At: now, Actor: l.owner.Actor})
	return lifecycle.Step{Before: before.Record, After: life, Entries: []audit.Entry{entry}, Notices: []audit.Notice{audit.NoticeOf(l.ids, entry)}}
}

// TestLifeStep holds that a step is stored whole, once, with what the tenant reads about it and what its door says.
func TestLifeStep(t *testing.T) {
	l := leave(t)
	if got := l.life(t); got.Record.State != lifecycle.Active || got.Record.Revision != 0 || got.Record.Policy() != lifecycle.Current() {
		t.Errorf("before: %+v", got.Record)
	}
	step := l.terminated(t, time.Hour)
	if err := l.lives.Step(t.Context(), step); err != nil {
		t.Fatal(err)
	}
	got := l.life(t)
	if got.Record.State != lifecycle.Scheduled || !got.Record.EffectiveAt.Equal(step.After.Record.EffectiveAt) || len(got.History) != 1 {
		t.Errorf("after: %+v", got)
	}
	if err := l.lives.Step(t.Context(), step); !errors.Is(err, lifecycle.ErrStale) {
		t.Error("the same step again:", err)
	}
	about, err := l.k.App.Tenants().Store.Tenant(t.Context(), l.tenant)
	if err != nil || lifecycle.State(about.State) != lifecycle.Scheduled || !about.Effective.Equal(got.Record.EffectiveAt) {
		t.Errorf("at the door: %+v %v", about, err)
	}
	day, err := l.k.App.Stores().Audits.Day(t.Context(), l.tenant, l.k.Clock.Now())
	if err != nil || !slices.ContainsFunc(day, func(e audit.Entry) bool { return e.Event == lifecycle.EventTerminated }) {
		t.Error("no entry:", day, err)
	}
	// Renaming does not open the door again.
	if _, err := l.k.App.Tenants().Rename(t.Context(), l.owner, about.Revision, "Nordeiche GmbH"); err != nil {
		t.Fatal(err)
	}
	if about, err = l.k.App.Tenants().Store.Tenant(t.Context(), l.tenant); err != nil || lifecycle.State(about.State) != lifecycle.Scheduled {
		t.Errorf("renamed: %+v %v", about, err)
	}
	if _, err := l.lives.Life(t.Context(), id.New[id.Tenant](l.ids)); fault.Of(err).Code != fault.CodeOrganisationUnknown {
		t.Error("a tenant that is not there:", err)
	}
}

// TestLifeDue finds lives by the instant at which somebody has to look at them, and all of them without it.
func TestLifeDue(t *testing.T) {
	l := leave(t)
	first, now := l.tenant, l.k.Clock.Now()
	var all []id.Tenant
	for i, after := range []time.Duration{3 * time.Hour, time.Hour, 2 * time.Hour} {
		if i > 0 {
			l.tenant, _ = l.k.Tenant(t, fmt.Sprint("Nordeiche ", i))
			l.owner.Tenant = l.tenant
		}
		if err := l.lives.Step(t.Context(), l.terminated(t, after)); err != nil {
			t.Fatal(err)
		}
		all = append(all, l.tenant)
	}
	for _, c := range []struct {
		through time.Time
		most    int
		want    []id.Tenant
	}{
		{now.Add(time.Hour - 1), 9, nil},
		{now.Add(time.Hour), 9, []id.Tenant{all[1]}},
		{now.Add(2 * time.Hour), 9, []id.Tenant{all[1], all[2]}},
		{now.Add(9 * time.Hour), 9, []id.Tenant{all[1], all[2], first}},
		{now.Add(9 * time.Hour), 2, []id.Tenant{all[1], all[2]}},
	} {
		got, err := l.lives.Due(t.Context(), c.through, c.most)
		if err != nil || !slices.Equal(got, c.want) {
			t.Errorf("through %s, %d: %v %v, want %v", c.through, c.most, got, err, c.want)
		}
	}
	var walked []id.Tenant
	err := l.lives.Each(t.Context(), func(l lifecycle.Life) error { walked = append(walked, l.Record.Tenant); return nil })
	slices.Sort(walked)
	slices.Sort(all)
	if err != nil || !slices.Equal(walked, all) {
		t.Errorf("walked %v, %v", walked, err)
	}
}

// TestRetire ends in a Ledger that does not name the tenant, and a certificate.
func TestRetire(t *testing.T) {
	l := leave(t)
	if err := l.lives.Step(t.Context(), l.terminated(t, time.Hour)); err != nil {
		t.Fatal(err)
	}
	c := lifecycle.CertificateRow{ID: string(id.New[id.Entry](l.ids)), Secret: "sha-256:00", Document: []byte("{}"), Signature: []byte{1}, At: l.k.Clock.Now()}
	stale := l.life(t).Record
	stale.Revision--
	if err := l.lives.Retire(t.Context(), stale, c); !errors.Is(err, lifecycle.ErrStale) {
		t.Error("not as it was read:", err)
	}
	if err := l.lives.Retire(t.Context(), l.life(t).Record, c); err != nil {
		t.Fatal(err)
	}
	got, err := l.lives.Certificate(t.Context(), c.ID)
	if err != nil || string(got.Document) != "{}" || !got.At.Equal(c.At) {
		t.Errorf("%+v %v", got, err)
	}
	if _, err := l.lives.Certificate(t.Context(), string(id.New[id.Entry](l.ids))); fault.Of(err).Code != fault.CodeCertificateUnknown {
		t.Error("another certificate:", err)
	}
	for _, row := range l.k.Dump(t) {
		if strings.HasPrefix(row, "LEDGER_TABLE") && strings.Contains(row, string(l.tenant)) {
			t.Errorf("the Ledger names the tenant: %v", row)
		}
	}
}

// TestTermsStay founds an organisation under terms that are stricter than those of this build: whatever policy comes, what
// was accepted counts when it leaves.
func TestTermsStay(t *testing.T) {
	k := testkit.Open(t, testkit.Options{})
	ids := id.NewSource(k.Clock.Now, k.App.Stores().Random)
	terms := lifecycle.Current()
	terms.Version, terms.Window, terms.Active = "accepted", terms.Window+2*lifecycle.Day, terms.Active-lifecycle.Day
	now, accounts := k.Clock.Now(), k.App.Accounts()
	of := organisation.Tenant{ID: id.New[id.Tenant](ids), Name: "Nordeiche", State: access.State(lifecycle.Active), Owners: 1, Epoch: 1, Revision: 1, CreatedAt: now}
	owner := member.Member{Tenant: of.ID, Person: id.New[id.Person](ids), Name: "Anna", Mail: "anna@nordeiche.example", Role: access.Owner, Revision: 1, JoinedAt: now}
	by := access.Caller{Tenant: of.ID, Actor: "person:" + string(owner.Person), Role: access.Owner, Request: id.New[id.Request](ids), At: now}
	if err := accounts.People.Create(t.Context(), member.Person{ID: owner.Person, Name: owner.Name, Mail: owner.Mail, CreatedAt: now}, member.Identity{Issuer: k.Issuer.URL, Subject: "anna"}); err != nil {
		t.Fatal(err)
	}
	if err := accounts.Keys.Create(t.Context(), of.ID); err != nil {
		t.Fatal(err)
	}
	founding := member.Founding{Tenant: of, Owner: owner, Entry: audit.New(ids, by, audit.TenantCreated, "tenant:"+string(of.ID), "", ""), Terms: terms}
	if err := accounts.Members.Found(access.As(t.Context(), of.ID), founding); err != nil {
		t.Fatal(err)
	}
	life, err := dynamo.NewLives(k.App.Database()).Life(t.Context(), of.ID)
	if err != nil || life.Record.Accepted != terms {
		t.Fatalf("%+v, %v", life.Record.Accepted, err)
	}
	r, _, err := lifecycle.Terminate(life.Record, by, lifecycle.Termination{Confirmation: of.Name, Name: of.Name, Policy: lifecycle.Current()}, now)
	if err != nil || r.Policy().Window != terms.Window || r.Policy().Active != terms.Active {
		t.Errorf("%+v, %v", r.Policy(), err)
	}
}
