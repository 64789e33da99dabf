package dynamo

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/passportcraft/passportcraft/shared/domain/access"
	"github.com/passportcraft/passportcraft/shared/domain/lifecycle"
	"github.com/passportcraft/passportcraft/shared/foundation/fault"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

// Lives implements lifecycle.Store and lifecycle.Certificates. Rows hold identifiers and instants, and nothing of what
// the tenant stored, so they are not sealed under its key: they are read when that is destroyed.
type Lives struct{ db *DB }

// NewLives makes the store.
func NewLives(db *DB) *Lives { return &Lives{db: db} }

// Life returns a tenant's life. One read, and another one for a tenant that never asked to leave.
func (s *Lives) Life(ctx context.Context, t id.Tenant) (lifecycle.Life, error) {
	if !id.Valid(t) {
		return lifecycle.Life{}, noTenant()
	}
	it, err := s.db.get(ctx, s.db.tables.Ledger, lifeKey(t))
	if err != nil {
		return lifecycle.Life{}, err
	}
	if it != nil {
		return lifeOf(it)
	}
	row, err := s.db.get(ctx, s.db.tables.Records, tenantKey(t))
	if err != nil {
		return lifecycle.Life{}, err
	}
	about, err := tenantOf(t, row)
	if err != nil {
		return lifecycle.Life{}, err
	}
	if s := lifecycle.State(about.State); s != lifecycle.Active && s != lifecycle.Suspended {
		return lifecycle.Life{}, noTenant() // its life has ended; the row came back
	}
	terms := lifecycle.Current()
	if row["trm"] != nil {
		r := reader{it: row}
		if err := errors.Join(json.Unmarshal(r.blob("trm"), &terms), r.err); err != nil {
			return lifecycle.Life{}, fmt.Errorf("dynamo: decode terms: %w", err)
		}
	}
	r := lifecycle.New(t, terms)
	r.State, r.Suspended = lifecycle.State(about.State), lifecycle.State(about.State) == lifecycle.Suspended
	return lifecycle.Life{Record: r}, nil
}

// Step stores a step. One transaction.
func (s *Lives) Step(ctx context.Context, step lifecycle.Step) error {
	r := step.After.Record
	it, err := lifeItem(step.After)
	if err != nil {
		return err
	}
	x := &transaction{}
	condition, values := before(step.Before)
	x.put(s.db.tables.Ledger, it, condition, values, means(lifecycle.ErrStale))
	if s.atDoor(step) {
		s.door(x, step)
	}
	for _, e := range step.Entries {
		writeAudit(s.db, x, e)
	}
	for _, n := range step.Notices {
		writeNotice(s.db, x, r.Tenant, n)
	}
	return s.db.commit(ctx, x)
}

// door adds the tenant's row to the transaction of a step.
func (s *Lives) door(x *transaction, step lifecycle.Step) {
	r := step.After.Record
	set, values := saying(r.Door(), r.Epoch)
	values[":was"] = text(string(step.Before.State))
	x.update(s.db.tables.Records, tenantKey(r.Tenant), set, "attribute_exists(PK) AND st = :was", values, func(old item) error {
		if old == nil {
			return noTenant()
		}
		return lifecycle.ErrStale
	})
}

// saying is the change after which a tenant's row says who may come in, in an epoch of its life.
func saying(says access.Door, epoch int64) (set string, values item) {
	set, gone := "SET st = :s, lep = :l, ep = ep + :one, rev = rev + :one", []string{}
	values = item{":s": text(string(says.State)), ":l": number(epoch), ":one": number(1)}
	if says.Effective.IsZero() {
		gone = append(gone, "ef")
	} else {
		set, values[":e"] = set+", ef = :e", moment(says.Effective)
	}
	if !says.Halted {
		gone = append(gone, "hlt")
	} else {
		set, values[":h"] = set+", hlt = :h", flag(true)
	}
	if len(gone) > 0 {
		set += " REMOVE " + strings.Join(gone, ", ")
	}
	return set, values
}

// atDoor tells whether the tenant's own row has to say something else after a step. Once the deletion has begun it is
// left alone: it says that the tenant is shut, until it is deleted itself.
func (s *Lives) atDoor(step lifecycle.Step) bool {
	from, to := step.Before, step.After.Record
	a, b := from.Door(), to.Door()
	return !begun(from.State) && (a.State != b.State || a.Halted != b.Halted || !a.Effective.Equal(b.Effective))
}

// begun tells whether the deletion of a tenant in this state has begun.
func begun(s lifecycle.State) bool {
	return slices.Index(lifecycle.States(), s) >= slices.Index(lifecycle.States(), lifecycle.Deleting)
}

// before is the condition that a life is as it was read.
func before(r lifecycle.Record) (condition string, values item) {
	if r.Revision == 0 {
		return "attribute_not_exists(PK)", nil
	}
	return "st = :st AND ep = :ep AND rev = :rev", item{":st": text(string(r.State)), ":ep": number(r.Epoch), ":rev": number(r.Revision)}
}

// Due lists tenants that are due, earliest first. One query for each shard and megabyte; the index may be a moment behind.
func (s *Lives) Due(ctx context.Context, through time.Time, most int) ([]id.Tenant, error) {
	type due struct {
		at string
		t  id.Tenant
	}
	var found []due
	for shard := range ledgerShards {
		got := 0
		err := s.db.due(ctx, duePartition(dueLives, shard), through, most, func(k key, at string) (bool, error) {
			found = append(found, due{at, id.Tenant(strings.TrimPrefix(k.partition, tenantPrefix("")))})
			got++
			return got < most, nil
		})
		if err != nil {
			return nil, err
		}
	}
	slices.SortFunc(found, func(a, b due) int { return cmp.Compare(a.at, b.at) })
	var list []id.Tenant
	for _, d := range found[:min(most, len(found))] {
		list = append(list, d.t)
	}
	return list, nil
}

// due calls do with the keys of what is due in a partition of the index, earliest first, until it has enough.
func (d *DB) due(ctx context.Context, partition string, through time.Time, page int, do func(k key, at string) (more bool, err error)) error {
	in := &dynamodb.QueryInput{
		TableName: &d.tables.Ledger, IndexName: aws.String(indexByDue), Limit: aws.Int32(int32(max(1, page))),
		KeyConditionExpression:    aws.String("DPK = :p AND DSK <= :t"),
		ExpressionAttributeValues: item{":p": text(partition), ":t": text(through.UTC().Format(instant) + "~")},
	}
	err := d.each(ctx, in, func(it item) error {
		r := reader{it: it}
		k, at := key{r.text("PK"), r.text("SK")}, r.text("DSK")
		if r.err != nil {
			return r.err
		}
		more, err := do(k, at)
		if err == nil && !more {
			err = errEnough
		}
		return err
	})
	if errors.Is(err, errEnough) {
		return nil
	}
	return err
}

// stop ends a walk that has what it wants.
type stop string

func (s stop) Error() string { return string(s) }

const errEnough = stop("dynamo: enough")

// Each walks every life, tenant by tenant of the register. One query for each megabyte of that, and one read for each
// hundred tenants.
func (s *Lives) Each(ctx context.Context, do func(lifecycle.Life) error) error {
	return s.db.registered(ctx, func(some []id.Tenant) error {
		keys := make([]key, len(some))
		for i, t := range some {
			keys[i] = lifeKey(t)
		}
		rows, err := s.db.batchGet(ctx, s.db.tables.Ledger, keys)
		if err != nil {
			return err
		}
		for _, k := range keys {
			it, ok := rows[k]
			if !ok {
				continue
			}
			l, err := lifeOf(it)
			if err != nil {
				return err
			}
			if err := do(l); err != nil {
				return err
			}
		}
		return nil
	})
}

// registered calls do with all tenants of the register, as many at a time as are read at once.
func (d *DB) registered(ctx context.Context, do func([]id.Tenant) error) error {
	var some []id.Tenant
	for shard := range registerShards {
		err := d.each(ctx, d.ledger(registerPartition(shard), ""), func(it item) error {
			r := reader{it: it}
			if some = append(some, id.Tenant(r.text("SK"))); r.err != nil || len(some) < batchMost {
				return r.err
			}
			err := do(some)
			some = nil
			return err
		})
		if err != nil {
			return err
		}
	}
	if len(some) == 0 {
		return nil
	}
	return do(some)
}

// ledger is the query of a partition of the Ledger, from a prefix of the sort key on.
func (d *DB) ledger(partition, prefix string) *dynamodb.QueryInput {
	in := &dynamodb.QueryInput{
		TableName: &d.tables.Ledger, ConsistentRead: aws.Bool(true),
		KeyConditionExpression: aws.String("PK = :p"), ExpressionAttributeValues: item{":p": text(partition)},
	}
	if prefix != "" {
		in.KeyConditionExpression = aws.String("PK = :p AND begins_with(SK, :s)")
		in.ExpressionAttributeValues[":s"] = text(prefix)
	}
	return in
}

// mostRetired is how many rows beside the life, its place in the register and the certificate leave in the transaction
// of Retire; DynamoDB takes 100 in one.
const mostRetired = 90

// Retire stores the certificate and removes what names the tenant. One transaction; works, holds and remembered mails
// beyond mostRetired go before it, since a certified tenant needs none of them.
func (s *Lives) Retire(ctx context.Context, r lifecycle.Record, c lifecycle.CertificateRow) error {
	condition, values := before(r)
	x := &transaction{}
	x.delete(s.db.tables.Ledger, lifeKey(r.Tenant), condition, values, means(lifecycle.ErrStale))
	it := certificateKey(c.ID).attributes()
	it["v"], it["sec"], it["doc"], it["sig"], it["at"] = number(1), text(c.Secret), blob(c.Document), blob(c.Signature), moment(c.At)
	x.put(s.db.tables.Ledger, it, "attribute_not_exists(PK)", nil, means(lifecycle.ErrStale))
	x.delete(s.db.tables.Ledger, registerKey(r.Tenant), "", nil, unconditional)
	rest, err := s.remains(ctx, r.Tenant)
	if err != nil {
		return err
	}
	if len(rest) > mostRetired {
		if err := s.still(ctx, r); err != nil {
			return err
		}
	}
	for len(rest) > mostRetired {
		if err := s.db.removeAll(ctx, s.db.tables.Ledger, rest[mostRetired:]); err != nil {
			return err
		}
		rest = rest[:mostRetired]
	}
	for _, k := range rest {
		x.delete(s.db.tables.Ledger, k, "", nil, unconditional)
	}
	return s.db.commit(ctx, x)
}

// still is ErrStale when a life is no longer what was read.
func (s *Lives) still(ctx context.Context, r lifecycle.Record) error {
	it, err := s.db.get(ctx, s.db.tables.Ledger, lifeKey(r.Tenant))
	if err != nil {
		return err
	}
	if it == nil {
		return lifecycle.ErrStale
	}
	l, err := lifeOf(it)
	if err == nil && (l.Record.State != r.State || l.Record.Epoch != r.Epoch || l.Record.Revision != r.Revision) {
		err = lifecycle.ErrStale
	}
	return err
}

// remains lists the keys of what else the Ledger holds of a tenant.
func (s *Lives) remains(ctx context.Context, t id.Tenant) ([]key, error) {
	var keys []key
	for _, in := range []*dynamodb.QueryInput{
		s.db.ledger(worksPartition(t), ""), s.db.ledger(toldPartition(t), ""), s.db.ledger(departedPartition(t), ""), s.db.ledger(holdsPartition(t), ""),
	} {
		err := s.db.each(ctx, in, func(it item) error {
			r := reader{it: it}
			keys = append(keys, key{r.text("PK"), r.text("SK")})
			return r.err
		})
		if err != nil {
			return nil, err
		}
	}
	return keys, nil
}

// removeAll deletes rows of a table one by one.
func (d *DB) removeAll(ctx context.Context, table string, keys []key) error {
	for _, k := range keys {
		if err := d.remove(ctx, table, k, "attribute_exists(PK)", nil); err != nil {
			return err
		}
	}
	return nil
}

// Certificate returns a certificate. One read.
func (s *Lives) Certificate(ctx context.Context, certificate string) (lifecycle.CertificateRow, error) {
	if !id.Valid(id.Entry(certificate)) {
		return lifecycle.CertificateRow{}, noCertificate()
	}
	it, err := s.db.get(ctx, s.db.tables.Ledger, certificateKey(certificate))
	if err != nil {
		return lifecycle.CertificateRow{}, err
	}
	if it == nil {
		return lifecycle.CertificateRow{}, noCertificate()
	}
	r := reader{it: it}
	c := lifecycle.CertificateRow{ID: certificate, Secret: r.text("sec"), Document: r.blob("doc"), Signature: r.blob("sig"), At: r.moment("at")}
	return c, r.err
}

func noCertificate() error {
	return fault.New(fault.CodeCertificateUnknown, "There is no such certificate, or the secret is not its own.")
}

func lifeItem(l lifecycle.Life) (item, error) {
	packed, err := squeeze(l)
	if err != nil {
		return nil, err
	}
	r := l.Record
	k := lifeKey(r.Tenant)
	it := k.attributes()
	it["v"], it["st"], it["ep"], it["rev"], it["e"] = number(1), text(string(r.State)), number(r.Epoch), number(r.Revision), blob(packed)
	if !l.DueAt.IsZero() {
		it["DPK"], it["DSK"] = text(duePartition(dueLives, shardOf(r.Tenant, ledgerShards))), text(duePosition(l.DueAt, k))
	}
	return it, nil
}

func lifeOf(it item) (lifecycle.Life, error) {
	r := reader{it: it}
	var l lifecycle.Life
	return l, errors.Join(unsqueeze(r.blob("e"), &l), r.err)
}

// squeeze is a value as compressed JSON: a long history repeats itself, and a row takes 400 KB.
func squeeze(v any) ([]byte, error) {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if err := errors.Join(json.NewEncoder(z).Encode(v), z.Close()); err != nil {
		return nil, fmt.Errorf("dynamo: encode: %w", err)
	}
	return b.Bytes(), nil
}

// unsqueeze reads what squeeze wrote.
func unsqueeze(packed []byte, into any) error {
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return fmt.Errorf("dynamo: decode: %w", err)
	}
	if err := json.NewDecoder(io.LimitReader(z, 64<<20)).Decode(into); err != nil {
		return fmt.Errorf("dynamo: decode: %w", err)
	}
	return nil
}
