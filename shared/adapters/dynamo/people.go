package dynamo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/passportcraft/passportcraft/shared/domain/keyring"
	"github.com/passportcraft/passportcraft/shared/domain/member"
	"github.com/passportcraft/passportcraft/shared/foundation/fault"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

// People implements member.People over the People table. Names and mail addresses are sealed under the person's own key.
type People struct {
	db   *DB
	ring *keyring.Ring[id.Person]
}

// NewPeople makes the store.
func NewPeople(db *DB, ring *keyring.Ring[id.Person]) *People { return &People{db: db, ring: ring} }

// profile is what is sealed of a person.
type profile struct {
	Name string `json:"name"`
	Mail string `json:"mail"`
}

// Find returns the person of an identity. One read.
func (s *People) Find(ctx context.Context, i member.Identity) (id.Person, error) {
	it, err := s.db.get(ctx, s.db.tables.People, identityKey(i))
	if err != nil {
		return "", err
	}
	if it == nil {
		return "", member.Absent()
	}
	r := reader{it: it}
	return id.Person(r.text("id")), r.err
}

// Organisations returns the tenants a person has joined. One query.
func (s *People) Organisations(ctx context.Context, p id.Person) ([]id.Tenant, error) {
	in := &dynamodb.QueryInput{
		TableName: &s.db.tables.People, ConsistentRead: aws.Bool(true), KeyConditionExpression: aws.String("PK = :p AND begins_with(SK, :t)"),
		ExpressionAttributeValues: item{":p": text(personPartition(p)), ":t": text(belongsPrefix)},
	}
	var all []id.Tenant
	err := s.db.each(ctx, in, func(it item) error {
		r := reader{it: it}
		all = append(all, id.Tenant(strings.TrimPrefix(r.text("SK"), belongsPrefix)))
		return r.err
	})
	return all, err
}

// Person returns name and mail address. One read.
func (s *People) Person(ctx context.Context, p id.Person) (member.Person, error) {
	k := personKey(p)
	it, err := s.db.get(ctx, s.db.tables.People, k)
	if err != nil {
		return member.Person{}, err
	}
	if it == nil {
		return member.Person{}, member.Absent()
	}
	r := reader{it: it}
	known, err := openProfile(ctx, s.ring, p, k.in("People", "prof"), r.blob("prof"))
	return member.Person{ID: p, Name: known.Name, Mail: known.Mail, CreatedAt: r.moment("crt")}, errors.Join(r.err, err)
}

// Create stores a new person with a key and a first identity. A write of the key and one transaction.
func (s *People) Create(ctx context.Context, p member.Person, i member.Identity) error {
	if err := s.ring.Create(ctx, p.ID); err != nil {
		return err
	}
	k := personKey(p.ID)
	sealed, err := sealProfile(ctx, s.ring, p.ID, k.in("People", "prof"), profile{p.Name, p.Mail})
	if err != nil {
		return err
	}
	it := k.attributes()
	it["v"], it["prof"], it["crt"] = number(1), blob(sealed), moment(p.CreatedAt)
	x := &transaction{}
	s.identity(x, p.ID, i)
	x.put(s.db.tables.People, it, "attribute_not_exists(PK)", nil, unconditional)
	return s.db.commit(ctx, x)
}

// Describe replaces name and mail address. One write.
func (s *People) Describe(ctx context.Context, p member.Person) error {
	k := personKey(p.ID)
	sealed, err := sealProfile(ctx, s.ring, p.ID, k.in("People", "prof"), profile{p.Name, p.Mail})
	if err != nil {
		return err
	}
	x := &transaction{}
	x.update(s.db.tables.People, k, "SET prof = :p", "attribute_exists(PK)", item{":p": blob(sealed)}, means(member.Absent()))
	return s.db.commit(ctx, x)
}

// Link adds an identity. One transaction.
func (s *People) Link(ctx context.Context, p id.Person, i member.Identity) error {
	x := &transaction{}
	s.identity(x, p, i)
	return s.db.commit(ctx, x)
}

func (s *People) identity(x *transaction, p id.Person, i member.Identity) {
	it := identityKey(i).attributes()
	it["v"], it["id"] = number(1), text(string(p))
	x.put(s.db.tables.People, it, "attribute_not_exists(PK)", nil,
		means(fault.New(fault.CodeIdentityTaken, "This way to sign in already belongs to an account.")))
	way := wayKey(p, i).attributes()
	way["v"], way["iss"], way["sub"] = number(1), text(i.Issuer), text(i.Subject)
	x.put(s.db.tables.People, way, "", nil, unconditional)
}

func sealProfile(ctx context.Context, ring *keyring.Ring[id.Person], p id.Person, place string, what profile) ([]byte, error) {
	plain, err := json.Marshal(what)
	if err != nil {
		return nil, fmt.Errorf("dynamo: encode profile: %w", err)
	}
	return ring.Seal(ctx, p, place, plain)
}

// openProfile is empty for a person whose key has been destroyed: they have been forgotten.
func openProfile(ctx context.Context, ring *keyring.Ring[id.Person], p id.Person, place string, sealed []byte) (profile, error) {
	var what profile
	plain, err := ring.Open(ctx, p, place, sealed)
	if errors.Is(err, fault.NotFound) {
		return what, nil
	}
	if err == nil {
		err = json.Unmarshal(plain, &what)
	}
	return what, err
}
