package dynamo

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/passportcraft/passportcraft/shared/domain/backup"
	"github.com/passportcraft/passportcraft/shared/domain/clearance"
	"github.com/passportcraft/passportcraft/shared/domain/drill"
	"github.com/passportcraft/passportcraft/shared/domain/journal"
	"github.com/passportcraft/passportcraft/shared/domain/keyring"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

// Restored implements drill.Tables. It reads whole tables, which no function may; only the tool that restores has it.
type Restored struct {
	db     *DB // unguarded
	copies *DB // for the calls about backups, which have an address of their own on one machine
	signer clearance.Signer

	squeeze *keyring.Squeezer
}

// NewRestored makes the adapter.
func NewRestored(db, copies *DB, signer clearance.Signer) *Restored {
	return &Restored{db.Unguarded(), copies.Unguarded(), signer, keyring.NewSqueezer()}
}

// scan calls do with every row of a table, strongly consistent, a page at a time.
func (s *Restored) scan(ctx context.Context, table string, do func([]item) error) error {
	in := &dynamodb.ScanInput{TableName: &table, ConsistentRead: aws.Bool(true), ReturnConsumedCapacity: types.ReturnConsumedCapacityTotal}
	for {
		out, err := s.db.api.Scan(ctx, in)
		if err != nil {
			return s.db.failed(ctx, "Scan", err)
		}
		s.db.count(ctx, "Scan", out.ConsumedCapacity)
		if err := do(out.Items); err != nil {
			return err
		}
		if in.ExclusiveStartKey = out.LastEvaluatedKey; in.ExclusiveStartKey == nil {
			return nil
		}
	}
}

// Sweep implements drill.Tables. Of a copy in custody that has ended stays what its address answers, as when it ends on its
// date.
func (s *Restored) Sweep(ctx context.Context, k drill.Kind, table string, deleted drill.Names, at time.Time) (rows, swept int, err error) {
	lapsed, err := s.lapsed(ctx, k, at)
	if err != nil {
		return 0, 0, err
	}
	err = s.scan(ctx, table, func(page []item) error {
		var gone []key
		for _, it := range page {
			r := reader{it: it}
			here := key{r.text("PK"), r.optional("SK")}
			if r.err != nil {
				return r.err
			}
			if here == clearedKey(!k.Place().Sorted) {
				continue
			}
			rows++
			switch ended := lapsed(here, it); {
			case ended && k == drill.Custody:
				swept++
				if err := s.end(ctx, table, it); err != nil {
					return err
				}
			case ended || !outlives(k, it) && deleted(subjectsOf(k, here, it)...):
				gone = append(gone, here)
			}
		}
		swept += len(gone)
		rows -= len(gone)
		return s.removeAll(ctx, table, gone)
	})
	return rows, swept, err
}

// lapsed tells which rows of a table belong to a custody that has ended: that is in no journal. A copy says it itself; of
// the keys of copies the table of custody says it.
func (s *Restored) lapsed(ctx context.Context, k drill.Kind, at time.Time) (func(key, item) bool, error) {
	past := func(it item) bool {
		r := reader{it: it}
		return !over(it) && it["until"] != nil && !r.moment("until").After(at)
	}
	switch k {
	case drill.Custody:
		return func(_ key, it item) bool { return past(it) }, nil
	case drill.Keys:
		ended := map[string]bool{}
		err := s.scan(ctx, s.db.tables.Custody, func(page []item) error {
			for _, it := range page {
				r := reader{it: it}
				if c := r.optional("cid"); c != "" && (over(it) || past(it)) {
					ended[custodyKeyPartition(id.Custody(c))] = true
				}
			}
			return nil
		})
		return func(at key, _ item) bool { return ended[at.partition] }, err
	default:
		return func(key, item) bool { return false }, nil
	}
}

// end leaves of a copy in a restored table what its address answers.
func (s *Restored) end(ctx context.Context, table string, it item) error {
	r := reader{it: it}
	p, err := productAt(r.text("PK"))
	if err != nil {
		return err
	}
	c, err := (&Custodies{squeeze: s.squeeze}).copy(p, it)
	if err != nil {
		return err
	}
	stub := endOf(c, c.Until)
	stub["cid"] = text(string(c.ID))
	_, _, err = s.db.put(ctx, table, stub, "", nil, nil)
	return err
}

// subjectsOf says whose a row is: what has to be deleted for the row to go.
func subjectsOf(k drill.Kind, at key, it item) []journal.Subject {
	r := reader{it: it}
	first, second := owner(at)
	var of []journal.Subject
	add := func(scope journal.Scope, id string) {
		if id != "" {
			of = append(of, journal.Subject{Scope: scope, ID: id})
		}
	}
	switch k {
	case drill.Public:
		add(journal.Tenant, r.optional("tn"))
		add(journal.Passport, r.optional("id"))
		if at == carrierKey(id.Passport(first)) {
			add(journal.Passport, first)
		}
	case drill.People:
		if at.partition == personPartition(id.Person(first)) {
			add(journal.Person, first)
			add(journal.Tenant, strings.TrimPrefix(at.sort, belongsPrefix))
		} else {
			add(journal.Person, r.optional("id")) // of an identity
		}
	case drill.Keys:
		if at.partition == personKeyPartition(id.Person(first)) {
			add(journal.Person, first)
		} else {
			add(journal.Tenant, first)
		}
	case drill.Records:
		add(journal.Tenant, first)
		add(journal.Passport, r.optional("pid")) // of a reserved product identifier
		if at.partition == passportPartition(id.Tenant(first), id.Passport(second)) {
			add(journal.Passport, second)
		}
		if at == memberKey(id.Tenant(first), id.Person(at.sort)) {
			add(journal.Person, at.sort)
		}
	}
	return of
}

// owner is the second and the fourth part of a partition: in all tables an owner comes second, and a passport fourth.
func owner(at key) (first, second string) {
	part := append(strings.Split(at.partition, "#"), "", "", "", "")
	return part[1], part[3]
}

// outlives tells whether a row stays when its passport and its tenant are deleted: what is left of one that was handed
// over, is in custody or has ceased, and the data carriers that lead there. Such rows name no tenant.
func outlives(k drill.Kind, it item) bool {
	r := reader{it: it}
	return k == drill.Custody || k == drill.Public && r.optional("tn") == ""
}

// removeAll deletes rows, 25 at a time. What DynamoDB leaves over is sent again.
func (s *Restored) removeAll(ctx context.Context, table string, all []key) error {
	for len(all) > 0 {
		n := min(len(all), 25)
		var writes []types.WriteRequest
		for _, k := range all[:n] {
			writes = append(writes, types.WriteRequest{DeleteRequest: &types.DeleteRequest{Key: k.attributes()}})
		}
		for try := 0; len(writes) > 0; try++ {
			if try == batchTries {
				return errors.New("dynamo: the table does not take all deletions; go on later")
			}
			out, err := s.db.api.BatchWriteItem(ctx, &dynamodb.BatchWriteItemInput{RequestItems: map[string][]types.WriteRequest{table: writes}})
			if err != nil {
				return s.db.failed(ctx, "BatchWriteItem", err)
			}
			s.db.observe(ctx, "dynamodb.BatchWriteItem", float64(n))
			writes = out.UnprocessedItems[table]
		}
		all = all[n:]
	}
	return nil
}

// Visible implements drill.Tables. It knows nothing of keys: every identifier that stands anywhere in the key of a row, or
// as one of its texts, is held against what was deleted, and whatever has content and an end against the instant. Persons
// are looked for where they are persons, since history keeps their identifiers.
func (s *Restored) Visible(ctx context.Context, k drill.Kind, table string, deleted drill.Names, at time.Time) (rows, visible int, err error) {
	ids := regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}`)
	ended := map[string]bool{}
	if k == drill.Keys {
		if ended, err = s.endedBy(ctx, at); err != nil {
			return 0, 0, err
		}
	}
	err = s.scan(ctx, table, func(page []item) error {
		for _, it := range page {
			r := reader{it: it}
			pk, sk := r.text("PK"), r.optional("SK")
			if strings.HasPrefix(pk, "RESTORE") {
				continue
			}
			rows++
			found := deleted(named(ids, k, pk, sk, it)...) && !outlives(k, it) || ended[ids.FindString(pk)]
			if r.has("doc") && r.has("until") {
				found = found || r.text("until") <= at.UTC().Format(instant)
			}
			if r.err != nil {
				return r.err
			}
			if found {
				visible++
			}
		}
		return nil
	})
	return rows, visible, err
}

// endedBy are the identifiers of the copies in custody of which nothing is kept any more, or no longer should be.
func (s *Restored) endedBy(ctx context.Context, at time.Time) (map[string]bool, error) {
	ended := map[string]bool{}
	err := s.scan(ctx, s.db.tables.Custody, func(page []item) error {
		for _, it := range page {
			r := reader{it: it}
			if r.has("cid") && (!r.has("doc") || r.text("until") <= at.UTC().Format(instant)) {
				ended[r.text("cid")] = true
			}
			if r.err != nil {
				return r.err
			}
		}
		return nil
	})
	return ended, err
}

func named(ids *regexp.Regexp, k drill.Kind, pk, sk string, it item) []journal.Subject {
	var of []journal.Subject
	texts := []string{pk}
	if k == drill.Public || k == drill.People {
		texts = append(texts, sk)
	}
	for name, v := range it {
		if t, ok := v.(*types.AttributeValueMemberS); ok && (k != drill.Records || name == "pid") && name != "PK" && name != "SK" {
			texts = append(texts, t.Value)
		}
	}
	for _, t := range texts {
		for _, one := range ids.FindAllString(t, -1) {
			of = append(of, journal.Subject{Scope: journal.Tenant, ID: one}, journal.Subject{Scope: journal.Passport, ID: one})
			if k == drill.People || k == drill.Keys {
				of = append(of, journal.Subject{Scope: journal.Person, ID: one})
			}
		}
	}
	if k == drill.Records && strings.HasSuffix(pk, "#M") {
		of = append(of, journal.Subject{Scope: journal.Person, ID: sk})
	}
	return of
}

// Clear implements drill.Tables.
func (s *Restored) Clear(ctx context.Context, k drill.Kind, table string, sequence int64, at time.Time) (clearance.Marker, error) {
	return NewClearances(s.db).Clear(ctx, table, k.Place().Sorted, sequence, at, s.signer)
}

// Settle implements drill.Tables. Each setting is changed only where it is not as it must be.
func (s *Restored) Settle(ctx context.Context, table string, want drill.Settings) error {
	have, err := s.Settings(ctx, table)
	if err != nil {
		return err
	}
	if want.Days > 0 && have.Days != want.Days {
		_, err := s.copies.api.UpdateContinuousBackups(ctx, &dynamodb.UpdateContinuousBackupsInput{TableName: &table, PointInTimeRecoverySpecification: &types.PointInTimeRecoverySpecification{
			PointInTimeRecoveryEnabled: aws.Bool(true), RecoveryPeriodInDays: aws.Int32(int32(want.Days)),
		}})
		if err != nil {
			return s.db.failed(ctx, "UpdateContinuousBackups", err)
		}
	}
	if want.TTL != "" && have.TTL != want.TTL {
		_, err := s.db.api.UpdateTimeToLive(ctx, &dynamodb.UpdateTimeToLiveInput{TableName: &table, TimeToLiveSpecification: &types.TimeToLiveSpecification{AttributeName: &want.TTL, Enabled: aws.Bool(true)}})
		if err != nil {
			return s.db.failed(ctx, "UpdateTimeToLive", err)
		}
	}
	if have.Protected != want.Protected {
		if _, err := s.db.api.UpdateTable(ctx, &dynamodb.UpdateTableInput{TableName: &table, DeletionProtectionEnabled: &want.Protected}); err != nil {
			return s.db.failed(ctx, "UpdateTable", err)
		}
		return drill.ErrNotYet // one change at a time
	}
	if want.Key != "" && have.Key != want.Key {
		sse := &types.SSESpecification{Enabled: aws.Bool(true), SSEType: types.SSETypeKms, KMSMasterKeyId: &want.Key}
		if _, err := s.db.api.UpdateTable(ctx, &dynamodb.UpdateTableInput{TableName: &table, SSESpecification: sse}); err != nil {
			return s.db.failed(ctx, "UpdateTable", err)
		}
		return drill.ErrNotYet
	}
	if len(want.Tags) == 0 {
		return nil
	}
	about, err := s.db.describe(ctx, table)
	if err != nil {
		return err
	}
	in := &dynamodb.TagResourceInput{ResourceArn: about.TableArn}
	for name, v := range want.Tags {
		in.Tags = append(in.Tags, types.Tag{Key: aws.String(name), Value: aws.String(v)})
	}
	if _, err := s.db.api.TagResource(ctx, in); err != nil {
		return s.db.failed(ctx, "TagResource", err)
	}
	return nil
}

// Settings implements drill.Tables.
func (s *Restored) Settings(ctx context.Context, table string) (drill.Settings, error) {
	have := drill.Settings{Tags: map[string]string{}}
	about, err := s.db.describe(ctx, table)
	if err != nil {
		return have, err
	}
	if about.TableStatus != types.TableStatusActive {
		return have, fmt.Errorf("%w: it is %s", drill.ErrNotYet, about.TableStatus)
	}
	have.Protected = aws.ToBool(about.DeletionProtectionEnabled)
	if about.SSEDescription != nil {
		have.Key = aws.ToString(about.SSEDescription.KMSMasterKeyArn)
	}
	live, err := s.db.api.DescribeTimeToLive(ctx, &dynamodb.DescribeTimeToLiveInput{TableName: &table})
	if err != nil {
		return have, s.db.failed(ctx, "DescribeTimeToLive", err)
	}
	if d := live.TimeToLiveDescription; d != nil && (d.TimeToLiveStatus == types.TimeToLiveStatusEnabled || d.TimeToLiveStatus == types.TimeToLiveStatusEnabling) {
		have.TTL = aws.ToString(d.AttributeName)
	}
	tags, err := s.db.api.ListTagsOfResource(ctx, &dynamodb.ListTagsOfResourceInput{ResourceArn: about.TableArn})
	if err != nil {
		return have, s.db.failed(ctx, "ListTagsOfResource", err)
	}
	for _, t := range tags.Tags {
		have.Tags[aws.ToString(t.Key)] = aws.ToString(t.Value)
	}
	c, err := NewTableBackups(s.copies).Continuous(ctx, table)
	if c.Enabled {
		have.Days = c.Days
	}
	return have, err
}

// Discard implements drill.Tables. It takes a table that was made by a restore, or replaced by one. Recovery is turned off
// first: of a table that goes with it on, DynamoDB keeps a backup of its own for 35 days.
func (s *Restored) Discard(ctx context.Context, table string) error {
	ours := false
	for _, used := range s.db.tables.all() {
		if used == table {
			return fmt.Errorf("dynamo: %s is in use and is not removed", table)
		}
		ours = ours || used != "" && backup.Base(used) == backup.Base(table)
	}
	if !ours {
		return fmt.Errorf("dynamo: %s is none of our tables, nor restored from one, and is not removed", table)
	}
	if _, err := s.db.describe(ctx, table); err != nil {
		if _, gone := errors.AsType[*types.ResourceNotFoundException](err); gone {
			return nil
		}
		return err
	}
	_, err := s.copies.api.UpdateContinuousBackups(ctx, &dynamodb.UpdateContinuousBackupsInput{TableName: &table, PointInTimeRecoverySpecification: &types.PointInTimeRecoverySpecification{PointInTimeRecoveryEnabled: aws.Bool(false)}})
	if err != nil {
		return s.db.failed(ctx, "UpdateContinuousBackups", err)
	}
	if _, err := s.db.api.UpdateTable(ctx, &dynamodb.UpdateTableInput{TableName: &table, DeletionProtectionEnabled: aws.Bool(false)}); err != nil {
		return s.db.failed(ctx, "UpdateTable", err)
	}
	if _, err := s.db.api.DeleteTable(ctx, &dynamodb.DeleteTableInput{TableName: &table}); err != nil {
		return s.db.failed(ctx, "DeleteTable", err)
	}
	return nil
}

// MarkNew clears a table that is new, which it is when nothing at all is in it. One that holds something was used or
// restored, and only a restore clears it.
func (s *Restored) MarkNew(ctx context.Context, table string, sorted bool, at time.Time) (said string, err error) {
	there, err := NewClearances(s.db).Marked(ctx, table, sorted)
	if err != nil || there {
		return "has a marker already", err
	}
	out, err := s.db.api.Scan(ctx, &dynamodb.ScanInput{TableName: &table, Limit: aws.Int32(1), ConsistentRead: aws.Bool(true)})
	if err != nil {
		return "", s.db.failed(ctx, "Scan", err)
	}
	if len(out.Items) > 0 {
		return "", errors.New("dynamo: the table is not empty: it is not new, and is cleared by drill restore only")
	}
	_, err = NewClearances(s.db).Clear(ctx, table, sorted, 0, at, s.signer)
	return "is cleared", err
}
