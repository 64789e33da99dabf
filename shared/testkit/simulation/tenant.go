package simulation

import (
	"fmt"
	"hash/fnv"
	"time"

	"github.com/passportcraft/passportcraft/shared/domain/audience"
	"github.com/passportcraft/passportcraft/shared/domain/lifecycle"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

// tenant is a customer, with what is true of it whatever the platform believes.
type tenant struct {
	id        id.Tenant
	n         int
	name      string
	members   []id.Person // the first two are owners
	passports []*passport
	serial    int
	exit      *exit // the running termination, or the last one that went through
	closed    bool  // certified and forgotten
	holds     []*held
	erasures  []*erasure
	lastExit  time.Time // when it was last noticed, also when it was taken back
	suspended bool
}

// passport is a passport, with what is true of it.
type passport struct {
	lifecycle.PassportFacts
	fields   []field
	choice   lifecycle.Choice
	erasedAt time.Time // when its deletion was asked for; zero: not
	undone   bool
	versions int
}

// held is a hold as it is in truth.
type held struct {
	scope      lifecycle.Scope
	id         string
	from, till time.Time // in force; zero till: still
	approved   bool
}

func (h *held) inForce() bool { return h.approved && h.till.IsZero() }

// covers tells whether a row belongs to what a hold covers.
func (h *held) covers(r *row) bool {
	switch h.scope.Kind {
	case lifecycle.ScopeTenant:
		return true
	case lifecycle.ScopePassport:
		return r.passport != "" && r.passport == h.scope.Passport
	case lifecycle.ScopeUser:
		return r.person != "" && r.person == h.scope.User
	default:
		return r.passport != "" && r.passport >= h.scope.From && r.passport < h.scope.To
	}
}

// The places of a platform, in the order in which they are made. Names are those of the inventory of stores.
const (
	placePublic      = "public"
	placeExports     = "exports"
	placeUploads     = "uploads"
	placeQueues      = "queues"
	placeRecords     = "records"
	placeDocuments   = "documents"
	placeMembers     = "members"
	placeUsers       = "identity-provider"
	placeSuppression = "suppression"
	placeSettings    = "settings"
	placeKeys        = "keys"
)

func (w *World) place(name string) *place {
	for _, p := range w.places {
		if p.name == name {
			return p
		}
	}
	panic("no place " + name)
}

// found lets a tenant begin: its row, its key, its people, its first passports.
func (w *World) found() *tenant {
	d := w.dice.data
	t := &tenant{id: id.New[id.Tenant](w.ids), n: len(w.tenants)}
	t.name = fmt.Sprintf("Tenant %d", t.n)
	w.tenants, w.byID[t.id] = append(w.tenants, t), t
	w.ledger.lives.Found(t.id)
	w.says(lifecycle.New(t.id, lifecycle.Current()))
	w.stats.Tenants++
	w.put(placeKeys, row{tenant: t.id, key: "key", kind: "tenant-key", value: d.Uint64()})
	w.put(placeSettings, row{tenant: t.id, key: "tenant", kind: "tenant", value: d.Uint64()})
	w.put(placeSettings, row{tenant: t.id, key: "api-key", kind: "api-key", value: d.Uint64()})
	for n := 2 + d.IntN(3); len(t.members) < n; {
		w.join(t)
	}
	for range 2 + d.IntN(6) {
		w.create(t)
	}
	w.logf("%s is founded: %s", t, t.id)
	return t
}

func (t *tenant) String() string { return fmt.Sprintf("tenant %d", t.n) }

// join lets a person in; some belong to several tenants.
func (w *World) join(t *tenant) {
	d := w.dice.data
	person := id.New[id.Person](w.ids)
	if len(w.tenants) > 1 && d.chance(0.2) {
		other := w.tenants[d.IntN(len(w.tenants))]
		if other != t && !other.closed && other.exit == nil {
			person = other.members[d.IntN(len(other.members))]
		}
	}
	for _, m := range t.members {
		if m == person {
			return
		}
	}
	t.members = append(t.members, person)
	w.put(placeMembers, row{tenant: t.id, person: person, key: "member#" + string(person), kind: "member", value: d.Uint64()})
	w.put(placeUsers, row{tenant: t.id, person: person, key: "user#" + string(person), kind: "user", value: d.Uint64()})
	w.put(placeKeys, row{tenant: t.id, person: person, key: "person#" + string(person), kind: "person-key", value: d.Uint64()})
	if d.chance(0.2) {
		w.put(placeSuppression, row{tenant: t.id, person: person, key: "address#" + string(person), kind: "address", value: d.Uint64()})
	}
}

// create makes a passport of some group.
func (w *World) create(t *tenant) *passport {
	d := w.dice.data
	p := &passport{PassportFacts: lifecycle.PassportFacts{Passport: id.New[id.Passport](w.ids), Group: pick(d, "battery", "battery", "general", "construction", "detergent", "toy")}}
	if p.Group == "battery" {
		p.Category = pick(d, "ev", "lmt", "industrial", "")
	}
	if d.chance(0.7) {
		p.PlacedAt = w.now.Add(-d.between(0, 400*day)).Truncate(day)
	}
	for i := range 3 + d.IntN(3) {
		f := field{name: fmt.Sprintf("f%d", i), value: d.Uint64()}
		switch d.IntN(6) {
		case 0: // internal
		case 1:
			f.readers, _ = audience.Of(audience.Authority)
		case 2:
			f.readers, _ = audience.Of(audience.LegitimateInterest)
		case 3:
			f.readers, _ = audience.Of(audience.Public)
			f.person = true
		default:
			f.readers, _ = audience.Of(audience.Public, audience.LegitimateInterest, audience.Authority)
		}
		p.fields = append(p.fields, f)
	}
	t.passports = append(t.passports, p)
	w.version(t, p, work)
	if d.chance(0.6) {
		w.publish(t, p)
	}
	return p
}

// version writes a passport anew: head, version, history, and sometimes a document.
func (w *World) version(t *tenant, p *passport, why cause) {
	d := w.dice.data
	p.versions++
	own := func(key, kind string) row {
		return row{tenant: t.id, passport: p.Passport, key: string(p.Passport) + "#" + key, kind: kind, value: d.Uint64(), cause: why}
	}
	head := own("head", "head")
	head.fields = append([]field(nil), p.fields...)
	w.put(placeRecords, head)
	w.put(placeRecords, own(fmt.Sprintf("version#%03d", p.versions), "version"))
	if d.chance(0.3) {
		w.put(placeRecords, own(fmt.Sprintf("history#%03d", p.versions), "history"))
	}
	if d.chance(0.3) {
		w.put(placeDocuments, own(fmt.Sprintf("document#v%03d", p.versions), "object-version"))
		if d.chance(0.2) {
			w.put(placeDocuments, own(fmt.Sprintf("document#v%03d-gone", p.versions), "delete-marker"))
		}
	}
	if p.Published {
		w.put(placePublic, own("view", "view"))
	}
	if d.chance(0.1) {
		w.put(placeUploads, own(fmt.Sprintf("part#%03d", p.versions), "multipart-part"))
	}
	if d.chance(0.3) {
		w.message(t, why)
	}
}

// message puts an identifier into a queue.
func (w *World) message(t *tenant, why cause) {
	t.serial++
	w.put(placeQueues, row{tenant: t.id, key: fmt.Sprintf("message#%d", t.serial), kind: "message", cause: why})
}

func (w *World) publish(t *tenant, p *passport) {
	p.Published, p.PublishedAt = true, w.now
	w.put(placePublic, row{tenant: t.id, passport: p.Passport, key: string(p.Passport) + "#view", kind: "view", value: w.dice.data.Uint64()})
	w.put(placePublic, row{tenant: t.id, passport: p.Passport, key: string(p.Passport) + "#reservation", kind: "reservation", value: 1})
}

func (w *World) put(name string, r row) { w.place(name).put(r) }

// digest is over everything that a customer would export.
func (w *World) digest(t id.Tenant) uint64 {
	h := fnv.New64a()
	for _, p := range w.places {
		if !p.content {
			continue
		}
		for _, r := range p.rows(t) {
			fmt.Fprintf(h, "%s %s %d %d\n", p.name, r.key, r.value, len(r.fields))
		}
	}
	return h.Sum64()
}
