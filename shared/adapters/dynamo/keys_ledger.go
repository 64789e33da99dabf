package dynamo

import (
	"fmt"
	"time"

	"github.com/passportcraft/passportcraft/shared/domain/retention"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

// The Ledger outlives what it speaks of. What is a tenant's lies in partitions that begin with the tenant, so that a session
// for one tenant reaches no other one's; what walks all tenants goes by the register.

// ledgerShards is the fixed number of partitions over which what is due is spread. Changing it needs a migration.
const ledgerShards = 4

func lifeKey(t id.Tenant) key { return key{tenantPrefix(t), "LIFE"} }

func holdsPartition(t id.Tenant) string { return tenantPrefix(t) + "#H" }

func holdKey(t id.Tenant, hold string) key { return key{holdsPartition(t), hold} }

// heldPartition lists the holds in force that name a person, of whatever organisation, in the index by what is due.
func heldPartition(p id.Person) string { return "HELD#" + string(p) }

func certificateKey(certificate string) key { return key{"CERTIFICATE#" + certificate, "CERTIFICATE"} }

func worksPartition(t id.Tenant) string { return tenantPrefix(t) + "#W" }

// personWorksPartition is where the work of deleting a person is who belongs to no tenant any more.
func personWorksPartition(p id.Person) string { return personPartition(p) + "#W" }

func workKey(w retention.Work) key {
	of := w.Store
	switch {
	case w.Passport != "":
		of = "passport:" + string(w.Passport)
	case w.Person != "":
		of = "person:" + string(w.Person)
	}
	partition := worksPartition(w.Tenant)
	if w.Tenant == "" {
		partition = personWorksPartition(w.Person)
	}
	return key{partition, string(w.Kind) + "#" + of}
}

func toldPartition(t id.Tenant) string { return tenantPrefix(t) + "#TOLD" }

// toldKey remembers that a mail went out; what names it appears as a digest, since it may hold anything.
func toldKey(t id.Tenant, name string) key { return key{toldPartition(t), digestOf(name)} }

func departedPartition(t id.Tenant) string { return tenantPrefix(t) + "#GONE" }

func departedKey(t id.Tenant, p id.Person, store, name string) key {
	return key{departedPartition(t), store + "#" + string(p) + "|" + digestOf(name)}
}

// strayKey says that on a day a store held data of a tenant that does not exist.
func strayKey(t id.Tenant, store string, at time.Time) key {
	return key{"STRAYS", at.UTC().Format(time.DateOnly) + "#" + string(t) + "#" + store}
}

func guardKey(of string) key { return key{"GUARDS", of} }

// wordKey is of the entry of an operator's word after an outage, which stays.
func wordKey(entry string) key { return key{"GUARDS", "WORD#" + entry} }

// dueLives is the kind of lives among what is due; works have their own kinds.
const dueLives = "life"

func duePartition(kind string, shard int) string { return fmt.Sprintf("DUE#%s#%d", kind, shard) }

// duePosition sorts what is due by the instant from which on it is, and names it.
func duePosition(at time.Time, k key) string {
	return at.UTC().Format(instant) + "#" + k.partition + "|" + k.sort
}

// workPosition sorts works by the instant from which on they may be done, and among those of an instant by deadline.
func workPosition(from, by time.Time, k key) string {
	return from.UTC().Format(instant) + "#" + by.UTC().Format(instant) + "#" + k.sort + "#" + k.partition
}

func choiceKey(t id.Tenant, p id.Passport) key { return key{passportPartition(t, p), "CHOICE"} }
