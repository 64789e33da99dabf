package dynamo

import (
	"context"
	"errors"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/passportcraft/passportcraft/shared/domain/journal"
	"github.com/passportcraft/passportcraft/shared/foundation/fault"
)

// Journal implements journal.Store and journal.SecretStore over the Ledger: each entry under its number, a pointer to it
// under its mark, and one row that counts.
type Journal struct{ db *DB }

// NewJournal makes the store.
func NewJournal(db *DB) *Journal { return &Journal{db} }

// appendTries is how often the next number is asked for while others append.
const appendTries = 20

// Append implements journal.Store. A read of two rows and a transaction.
func (s *Journal) Append(ctx context.Context, e journal.Entry) (journal.Entry, error) {
	for range appendTries {
		mark := journalMarkKey(e.Mark)
		rows, err := s.db.batchGet(ctx, s.db.tables.Ledger, []key{mark, journalHeadKey()})
		if err != nil {
			return e, err
		}
		if it := rows[mark]; it != nil {
			return s.at(ctx, it)
		}
		var last int64
		if head := rows[journalHeadKey()]; head != nil {
			r := reader{it: head}
			if last = r.number("n"); r.err != nil {
				return e, r.err
			}
		}
		e.Sequence = last + 1
		err = s.db.commit(ctx, s.appended(e, last))
		if !errors.Is(err, ErrMoved) {
			return e, err
		}
	}
	return e, fault.New(fault.CodeUnavailable, "The deletion journal is busy. Repeat later.").After(time.Second)
}

// ErrMoved says that another entry has taken the number, or the mark.
var ErrMoved = errors.New("dynamo: the journal has moved on")

func (s *Journal) appended(e journal.Entry, last int64) *transaction {
	mark := journalMarkKey(e.Mark).attributes()
	mark["v"], mark["n"] = number(1), number(e.Sequence)
	head := journalHeadKey().attributes()
	head["v"], head["n"] = number(1), number(e.Sequence)
	x := &transaction{}
	x.put(s.db.tables.Ledger, head, "attribute_not_exists(PK) OR n = :n", item{":n": number(last)}, means(ErrMoved))
	x.put(s.db.tables.Ledger, mark, "attribute_not_exists(PK)", nil, means(ErrMoved))
	x.put(s.db.tables.Ledger, deletionItem(e), "attribute_not_exists(PK)", nil, means(errors.New("dynamo: the journal has counted backwards")))
	return x
}

func deletionItem(e journal.Entry) item {
	it := journalKey(e.Sequence).attributes()
	it["v"], it["n"], it["sc"], it["dg"] = number(1), number(e.Sequence), text(string(e.Scope)), text(e.Digest)
	it["req"], it["nb"] = moment(e.RequestedAt), moment(e.NotBefore)
	if e.Done() {
		it["done"], it["ev"] = moment(e.DoneAt), text(e.Evidence)
	}
	return it
}

func deletionOf(it item) (journal.Entry, error) {
	r := reader{it: it}
	e := journal.Entry{
		Mark:     journal.Mark{Scope: journal.Scope(r.text("sc")), Digest: r.text("dg"), RequestedAt: r.moment("req")},
		Sequence: r.number("n"), NotBefore: r.moment("nb"), DoneAt: r.optionalMoment("done"), Evidence: r.optional("ev"),
	}
	return e, r.err
}

// at follows a pointer to its entry.
func (s *Journal) at(ctx context.Context, mark item) (journal.Entry, error) {
	r := reader{it: mark}
	n := r.number("n")
	if r.err != nil {
		return journal.Entry{}, r.err
	}
	it, err := s.db.get(ctx, s.db.tables.Ledger, journalKey(n))
	if err == nil && it == nil {
		err = journal.ErrUnknown // dropped between the two reads
	}
	if err != nil {
		return journal.Entry{}, err
	}
	return deletionOf(it)
}

// Close implements journal.Store. Two reads and a write.
func (s *Journal) Close(ctx context.Context, m journal.Mark, doneAt time.Time, evidence string) (journal.Entry, error) {
	mark, err := s.db.get(ctx, s.db.tables.Ledger, journalMarkKey(m))
	if err == nil && mark == nil {
		err = journal.ErrUnknown
	}
	if err != nil {
		return journal.Entry{}, err
	}
	e, err := s.at(ctx, mark)
	if err != nil || e.Done() {
		return e, err
	}
	e.DoneAt, e.Evidence = doneAt, evidence
	met, old, err := s.db.put(ctx, s.db.tables.Ledger, deletionItem(e), "attribute_exists(PK) AND attribute_not_exists(done)", nil, nil)
	switch {
	case err != nil:
		return journal.Entry{}, err
	case !met && old != nil: // somebody else has closed it meanwhile
		return deletionOf(old)
	case !met:
		return journal.Entry{}, journal.ErrUnknown
	}
	return e, nil
}

// Since implements journal.Store. One query for each partition of a thousand numbers, until there are enough.
func (s *Journal) Since(ctx context.Context, sequence int64, most int) ([]journal.Entry, error) {
	head, err := s.db.get(ctx, s.db.tables.Ledger, journalHeadKey())
	if err != nil || head == nil {
		return nil, err
	}
	r := reader{it: head}
	last := r.number("n")
	if r.err != nil {
		return nil, r.err
	}
	var some []journal.Entry
	for from := sequence + 1; from <= last && len(some) < most; from = (from/journalSpan + 1) * journalSpan {
		k := journalKey(from)
		in := &dynamodb.QueryInput{
			TableName: &s.db.tables.Ledger, ConsistentRead: aws.Bool(true), KeyConditionExpression: aws.String("PK = :p AND SK >= :k"),
			ExpressionAttributeValues: item{":p": text(k.partition), ":k": text(k.sort)}, Limit: aws.Int32(int32(min(most, journalSpan))),
		}
		err := s.db.each(ctx, in, func(it item) error {
			e, err := deletionOf(it)
			if err == nil && len(some) < most {
				some = append(some, e)
			}
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return some, nil
}

// Drop implements journal.Store. One transaction.
func (s *Journal) Drop(ctx context.Context, e journal.Entry) error {
	x := &transaction{}
	x.delete(s.db.tables.Ledger, journalKey(e.Sequence), "attribute_not_exists(PK) OR attribute_exists(done)", nil, means(errors.New("dynamo: an open entry is not dropped")))
	x.delete(s.db.tables.Ledger, journalMarkKey(e.Mark), "attribute_not_exists(PK) OR n = :n", item{":n": number(e.Sequence)}, unconditional)
	return s.db.commit(ctx, x)
}

// Wrapped implements journal.SecretStore. One read.
func (s *Journal) Wrapped(ctx context.Context) ([]byte, error) {
	it, err := s.db.get(ctx, s.db.tables.Ledger, journalSecretKey())
	if err != nil || it == nil {
		return nil, err
	}
	r := reader{it: it}
	return r.blob("wk"), r.err
}

// KeepWrapped implements journal.SecretStore. One write.
func (s *Journal) KeepWrapped(ctx context.Context, wrapped []byte) ([]byte, error) {
	it := journalSecretKey().attributes()
	it["v"], it["wk"] = number(1), blob(wrapped)
	met, old, err := s.db.put(ctx, s.db.tables.Ledger, it, "attribute_not_exists(PK)", nil, nil)
	if err != nil || met {
		return wrapped, err
	}
	r := reader{it: old}
	return r.blob("wk"), r.err
}
