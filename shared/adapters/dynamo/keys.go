package dynamo

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"
	"time"

	"github.com/passportcraft/passportcraft/shared/domain/identifier"
	"github.com/passportcraft/passportcraft/shared/domain/journal"
	"github.com/passportcraft/passportcraft/shared/domain/member"
	"github.com/passportcraft/passportcraft/shared/domain/passport"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

// Every key of every table is built here and nowhere else. Keys of Records and Keys begin with the tenant (or, of
// persons' own keys, with the person), so that a policy on the leading key isolates tenants and nothing can be stored
// without saying whose it is. People finds persons before their tenant is known. The functions take
// typed identifiers; those come from our own sources or were checked by id.Valid, so no separator can be smuggled in.

// key is a primary key: sort is empty in tables without one.
type key struct{ partition, sort string }

// listShards is the fixed number of partitions over which a tenant's passports of one status are listed, so that a bulk
// import is not held up by one partition of the index. Changing it needs a migration.
const listShards = 2

// auditShards is the fixed number of partitions of one day of a tenant's audit trail.
const auditShards = 4

const instant = "2006-01-02T15:04:05.000000000Z"

func tenantPrefix(t id.Tenant) string { return "T#" + string(t) }

func tenantKey(t id.Tenant) key { return key{tenantPrefix(t), "TENANT"} }

// apiKeyKey: the keys of a tenant are few and remembered by whoever reads them, so they share a partition.
func apiKeyKey(t id.Tenant, keyID string) key { return key{tenantPrefix(t) + "#KEYS", keyID} }

func memberKey(t id.Tenant, p id.Person) key { return key{tenantPrefix(t) + "#M", string(p)} }

func invitationKey(t id.Tenant, i id.Invitation) key { return key{tenantPrefix(t) + "#I", string(i)} }

func noticeKey(t id.Tenant, n id.Notice) key { return key{tenantPrefix(t) + "#N", string(n)} }

func bucketKey(t id.Tenant, of string) key { return key{tenantPrefix(t) + "#RATE", of} }

// identityKey finds the person behind a sign-in; issuer and subject appear only as a digest.
func identityKey(i member.Identity) key {
	sum := sha256.Sum256([]byte(i.Issuer + "\x00" + i.Subject))
	return key{"I#" + base64.RawURLEncoding.EncodeToString(sum[:]), "ID"}
}

const wayPrefix = "I#"

// wayKey lists an identity with its person, so that whoever forgets the person finds it. The subject is an opaque
// identifier of our user pool; it names nobody outside.
func wayKey(p id.Person, i member.Identity) key {
	return key{personPartition(p), identityKey(i).partition}
}

func personPartition(p id.Person) string { return "P#" + string(p) }

func personKey(p id.Person) key { return key{personPartition(p), "PERSON"} }

const belongsPrefix = "T#"

// belongsKey says that a person belongs to a tenant. The member's row in the tenant's own partition decides; this one
// only leads there.
func belongsKey(p id.Person, t id.Tenant) key {
	return key{personPartition(p), belongsPrefix + string(t)}
}

func passportPartition(t id.Tenant, p id.Passport) string { return tenantPrefix(t) + "#P#" + string(p) }

func passportKey(t id.Tenant, p id.Passport) key { return key{passportPartition(t, p), "META"} }

// creationPartition lists a tenant's passports in the order of their creation, which never changes.
func creationPartition(t id.Tenant, shard int) string {
	return fmt.Sprintf("%s#C#%d", tenantPrefix(t), shard)
}

// dueShards is the fixed number of partitions of what somebody has to look at by the clock, of all tenants.
const dueShards = 1

// dueTransfers is the kind of exports and imports among what is due; ended ones are not there.
const dueTransfers = "transfer"

// The partitions of what is looked at by the clock, below their tenant's prefix.
const (
	exportsOf = "#X"
	importsOf = "#J"
	runsOf    = "#B"
)

func exportKey(t id.Tenant, e id.Export) key { return key{tenantPrefix(t) + exportsOf, string(e)} }

func importKey(t id.Tenant, i id.Import) key { return key{tenantPrefix(t) + importsOf, string(i)} }

func runKey(t id.Tenant, i id.Import) key { return key{tenantPrefix(t) + runsOf, string(i)} }

func recipeKey(t id.Tenant, r id.Recipe) key { return key{tenantPrefix(t) + "#R", string(r)} }

const versionPrefix = "V#"

func versionKey(t id.Tenant, p id.Passport, number int) key {
	return key{passportPartition(t, p), fmt.Sprintf(versionPrefix+"%08d", number)}
}

const documentPrefix = "D#"

// documentKey: documents of a passport are listed in the order of their identifiers, which is that of their coming.
func documentKey(t id.Tenant, p id.Passport, d id.Document) key {
	return key{passportPartition(t, p), documentPrefix + string(d)}
}

// documentsKey counts the documents of a passport.
func documentsKey(t id.Tenant, p id.Passport) key {
	return key{passportPartition(t, p), "DOCUMENTS"}
}

const momentPrefix = "AT#"

func momentKey(t id.Tenant, p id.Passport, at time.Time, revision int64) key {
	return key{passportPartition(t, p), fmt.Sprintf("%s%s#%012d", momentPrefix, at.UTC().Format(instant), revision)}
}

// identKey reserves a product identifier within a tenant; the identifier itself appears only as a keyed digest.
func identKey(t id.Tenant, blind string) key { return key{tenantPrefix(t) + "#ID#" + blind, "ID"} }

func attemptKey(t id.Tenant, principal, chosen string) key {
	sum := sha256.Sum256([]byte(principal + "\x00" + chosen))
	return key{tenantPrefix(t) + "#IDEM#" + base64.RawURLEncoding.EncodeToString(sum[:]), "IDEM"}
}

func auditPartition(t id.Tenant, day time.Time, shard int) string {
	return fmt.Sprintf("%s#A#%s#%d", tenantPrefix(t), day.UTC().Format(time.DateOnly), shard)
}

func auditKey(t id.Tenant, at time.Time, e id.Entry) key {
	return key{auditPartition(t, at, shardOf(e, auditShards)), at.UTC().Format(instant) + "#" + string(e)}
}

func logHeadKey(t id.Tenant) key { return key{tenantPrefix(t), "AUDITHEAD"} }

func logWatchKey(t id.Tenant) key { return key{tenantPrefix(t), "AUDITWATCH"} }

// logKey addresses the block of a tenant's audit log that begins with a number.
func logKey(t id.Tenant, first int64) key {
	return key{tenantPrefix(t) + "#LOG", fmt.Sprintf("%012d", first)}
}

// registerShards is the fixed number of partitions over which the register of tenants is spread: tenants come slowly, and
// every run of the sequencer reads all of it.
const registerShards = 1

func registerPartition(shard int) string { return fmt.Sprintf("TENANTS#%d", shard) }

// registerKey lists a tenant among all, in the Ledger.
func registerKey(t id.Tenant) key {
	return key{registerPartition(shardOf(t, registerShards)), string(t)}
}

func listPartition(t id.Tenant, s passport.Status, shard int) string {
	return fmt.Sprintf("%s#L#%s#%d", tenantPrefix(t), s, shard)
}

func listPosition(updated time.Time, p id.Passport) string {
	return updated.UTC().Format(instant) + "#" + string(p)
}

// shardOf spreads identifiers over shards by their last, random, digit.
func shardOf[T ~string](v T, shards int) int { return int(v[len(v)-1]) % shards }

// publicKey addresses what the world may read of a product, by its canonical identifier.
func publicKey(p identifier.Product) key { return key{partition: productPrefix + p.Path()} }

const productPrefix = "P#"

// productAt is the product that a row of Public or Custody is of.
func productAt(partition string) (identifier.Product, error) {
	path, ok := strings.CutPrefix(partition, productPrefix)
	if !ok {
		return identifier.Product{}, fmt.Errorf("dynamo: the row %s is of no product", partition)
	}
	return identifier.FromPath(path)
}

// carrierKey addresses the product of a passport that has been published.
func carrierKey(p id.Passport) key { return key{partition: "Q#" + string(p)} }

// custodyKey addresses a passport in custody, in the table of custody.
func custodyKey(p identifier.Product) key { return key{partition: productPrefix + p.Path()} }

// custodyEnds lists passports in custody by the end of it, over a fixed number of partitions.
const custodyShards = 4

func custodyEnds(shard int) string { return fmt.Sprintf("END#%d", shard) }

func custodyKeyPartition(c id.Custody) string { return "C#" + string(c) }

const dataKeyPrefix = "DK#"

func dataKeyKey(partition string, version uint32) key {
	return key{partition, fmt.Sprintf(dataKeyPrefix+"%08d", version)}
}

func personKeyPartition(p id.Person) string { return "U#" + string(p) }

// place names a row for the associated data of what is sealed in it. It uses the logical table name, so that a table
// restored under another name still opens.
func (k key) place(attribute string) string { return k.in("Records", attribute) }

func (k key) in(table, attribute string) string {
	return table + "|" + k.partition + "|" + k.sort + "|" + attribute
}

// journalSpan is how many entries of the deletion journal share a partition: it is read from one number on, in order.
const journalSpan = 1000

// journalKey addresses an entry of the deletion journal by its number, in the Ledger.
func journalKey(sequence int64) key {
	return key{fmt.Sprintf("JOURNAL#%09d", sequence/journalSpan), fmt.Sprintf("%012d", sequence)}
}

// journalMarkKey finds an entry by what it is about; subjects appear as keyed digests only.
func journalMarkKey(m journal.Mark) key {
	return key{"JOURNALMARK#" + string(m.Scope) + "#" + m.Digest, m.RequestedAt.UTC().Format(instant)}
}

func journalHeadKey() key { return key{"JOURNAL", "HEAD"} }

func journalSecretKey() key { return key{"JOURNAL", "SECRET"} }

// clearedKey is the reserved row of every table that says that it may be used; single for tables without a sort key. It
// belongs to no tenant and to no person.
func clearedKey(single bool) key {
	if single {
		return key{partition: "RESTORE#CLEARED"}
	}
	return key{"RESTORE#CLEARED", "CLEARED"}
}
