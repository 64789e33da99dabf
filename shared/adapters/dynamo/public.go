package dynamo

import (
	"context"

	"github.com/passportcraft/passportcraft/shared/domain/identifier"
	"github.com/passportcraft/passportcraft/shared/domain/keyring"
	"github.com/passportcraft/passportcraft/shared/domain/passport"
	"github.com/passportcraft/passportcraft/shared/foundation/fault"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

// maxPublic is the largest compressed public document, in bytes: an item holds 400 KB at most.
const maxPublic = 350 << 10

// PublicViews implements passport.PublicStore over the Public table alone.
type PublicViews struct {
	db      *DB
	squeeze *keyring.Squeezer
}

// NewPublicViews makes the store.
func NewPublicViews(db *DB) *PublicViews {
	return &PublicViews{db: db, squeeze: keyring.NewSqueezer()}
}

// View returns the public view of a product. One read.
func (s *PublicViews) View(ctx context.Context, product identifier.Product) (passport.PublicView, error) {
	it, err := s.db.get(ctx, s.db.tables.Public, publicKey(product))
	if err != nil {
		return passport.PublicView{}, err
	}
	if it == nil {
		return passport.PublicView{}, fault.New(fault.CodePassportNotFound, "No passport is published for this product.")
	}
	return s.view(product, it)
}

func (s *PublicViews) view(product identifier.Product, it item) (v passport.PublicView, err error) {
	r := reader{it: it}
	v = passport.PublicView{
		Product: product, Passport: id.Passport(r.text("id")), Tenant: id.Tenant(r.optional("tn")), Status: passport.Status(r.text("st")),
		ProductGroup: r.text("pg"), Version: int(r.number("ver")), Reason: r.optional("rs"), At: r.moment("at"), Successor: r.optional("su"),
	}
	if v.Status == passport.Published {
		if v.Document, err = s.squeeze.Inflate(r.blob("doc")); err != nil {
			return passport.PublicView{}, err
		}
	}
	return v, r.err
}

// Carrier returns the product of a published passport. One read.
func (s *PublicViews) Carrier(ctx context.Context, p id.Passport) (identifier.Product, error) {
	it, err := s.db.get(ctx, s.db.tables.Public, carrierKey(p))
	if err != nil {
		return identifier.Product{}, err
	}
	if it == nil {
		return identifier.Product{}, passport.NotFound()
	}
	r := reader{it: it}
	path := r.text("pd")
	if r.err != nil {
		return identifier.Product{}, r.err
	}
	return identifier.FromPath(path)
}

// writePublic replaces what the world sees of a product. The row belongs to the passport that published first: a
// product identifier is never assigned twice, by anybody (EN 18219).
func (s *Passports) writePublic(x *transaction, v passport.PublicView, first bool) error {
	it := publicKey(v.Product).attributes()
	it["v"] = number(1)
	it["id"], it["tn"], it["st"], it["pg"] = text(string(v.Passport)), text(string(v.Tenant)), text(string(v.Status)), text(v.ProductGroup)
	it["ver"], it["at"] = number(v.Version), moment(v.At)
	if v.Reason != "" {
		it["rs"] = text(v.Reason)
	}
	if v.Status == passport.Published {
		doc := s.squeeze.Deflate(v.Document)
		if len(doc) > maxPublic {
			return fault.New(fault.CodePassportTooLarge, "The public part of the passport takes %d bytes compressed; at most %d can be published.", len(doc), maxPublic)
		}
		it["doc"] = blob(doc)
	}
	x.put(s.db.tables.Public, it, "attribute_not_exists(PK) OR (tn = :t AND id = :p)",
		item{":t": text(string(v.Tenant)), ":p": text(string(v.Passport))}, means(passport.Taken()))
	if first && v.Status == passport.Published {
		carrier := carrierKey(v.Passport).attributes()
		carrier["v"], carrier["pd"], carrier["tn"] = number(1), text(v.Product.Path()), text(string(v.Tenant))
		x.put(s.db.tables.Public, carrier, "attribute_not_exists(PK) OR tn = :t", item{":t": text(string(v.Tenant))}, means(passport.Taken()))
	}
	return nil
}
