package restore

import (
	"crypto/sha256"
	"encoding/hex"

	"github.com/passportcraft/passportcraft/shared/domain/archive"
	"github.com/passportcraft/passportcraft/shared/domain/document"
	"github.com/passportcraft/passportcraft/shared/domain/export"
	"github.com/passportcraft/passportcraft/shared/domain/identifier"
	"github.com/passportcraft/passportcraft/shared/domain/passport"
	"github.com/passportcraft/passportcraft/shared/foundation/fault"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

// back makes a passport of its records. Each version must have the hash that it says: nothing that was changed on the way
// becomes history.
func (r *Runner) back(i Import, of records) (Whole, error) {
	p := of.passport
	product, err := identifier.Parse(p.ProductIdentifier)
	if err != nil || !id.Valid(p.ID) {
		return Whole{}, fault.New(fault.CodeValueInvalid, "The product identifier of the passport cannot be read.")
	}
	now := r.Now()
	p.ID = own(i, p.ID)
	out := passport.Passport{
		ID: p.ID, Tenant: i.Tenant, Status: passport.Status(p.Status), Revision: p.Revision, Version: p.Version, ProductGroup: p.ProductGroup,
		Granularity: identifier.Granularity(p.Granularity), Product: product, Content: p.Content, Reason: p.Reason, CreatedAt: p.CreatedAt, UpdatedAt: now,
	}
	var history []passport.Moment
	for _, m := range p.History {
		history = append(history, passport.Moment{At: m.At, Status: passport.Status(m.Status), Version: m.Version})
	}
	if out.Status == passport.Published {
		out.Status, out.Reason = passport.Suspended, "Restored from an export; publish it again."
		history = append(history, passport.Moment{At: now, Status: out.Status, Version: out.Version})
	}
	var all []passport.Version
	for _, v := range of.versions {
		v.Passport = p.ID
		one, err := version(i.Tenant, v)
		if err != nil {
			return Whole{}, err
		}
		all = append(all, one)
		if one.Number == out.Version {
			out.ContentHash, out.PublishedAt = one.ContentHash, one.PublishedAt
		}
	}
	if len(all) == 0 && out.Version > 0 {
		return Whole{}, fault.New(fault.CodeValueInvalid, "The export was made without versions, and a passport that was published does not come back without them.")
	}
	if len(all) < out.Version {
		return Whole{}, fault.New(fault.CodeValueInvalid, "Of %d versions %d are in the archive.", out.Version, len(all))
	}
	return Whole{By: i.ID, Passport: out, Versions: all, History: history}, nil
}

// own is the identifier of a passport or document here. In the organisation that the archive is of, it is the same. In another one it
// is made of both, with the same instant of creation: two organisations never have passports of one identifier, since data
// carriers are found by it, and bringing an archive twice finds the same ones.
func own[T ~string](i Import, p T) T {
	if i.Origin == string(i.Tenant) {
		return p
	}
	u, ok := id.Bytes(p)
	if !ok {
		return ""
	}
	sum := sha256.Sum256([]byte(string(i.Tenant) + "\x00" + string(p)))
	copy(u[8:], sum[:8])
	u[8] = u[8]&0x3f | 0x80
	return id.FromBytes[T](u)
}

func version(t id.Tenant, r export.VersionRecord) (passport.Version, error) {
	v := passport.Version{
		Passport: r.Passport, Tenant: t, Number: r.Number, ProductGroup: r.ProductGroup, SchemaVersion: r.SchemaVersion, Granularity: identifier.Granularity(r.Granularity),
		ContentHash: r.ContentHash, PublishedAt: r.PublishedAt, PublishedBy: r.PublishedBy, Content: r.Content,
	}
	var err error
	if v.Product, err = identifier.Parse(r.ProductIdentifier); err != nil {
		return v, fault.New(fault.CodeValueInvalid, "The product identifier of version %d cannot be read.", r.Number)
	}
	for text, into := range map[string]*identifier.Product{r.Model: &v.Links.Model, r.Batch: &v.Links.Batch} {
		if text == "" {
			continue
		}
		if *into, err = identifier.Parse(text); err != nil {
			return v, fault.New(fault.CodeValueInvalid, "Version %d names a model or batch that cannot be read.", r.Number)
		}
	}
	hash, err := passport.Hash(v)
	if err != nil || hash != r.ContentHash {
		return v, fault.New(fault.CodeValueInvalid, "Version %d has not the content hash that it says.", r.Number)
	}
	return v, nil
}

// papers makes documents of their records; each must be what it could have been added as. Its bytes are read when it is
// stored, and must then have the digest that the manifest says.
func papers(a *archive.Archive, i Import, p id.Passport, all []export.DocumentRecord) ([]Paper, error) {
	if len(all) > document.MaxPerPassport {
		return nil, document.Full()
	}
	var out []Paper
	for _, r := range all {
		said := document.Details{Name: r.Name, Kind: string(r.Kind), Language: r.Language}
		for _, reader := range r.Audience {
			said.Audience = append(said.Audience, string(reader))
		}
		set, fields := said.Check()
		if len(fields) > 0 || !id.Valid(r.ID) || document.Extension(r.MediaType) == "" || r.Size < 1 || r.Size > document.MaxSize {
			return nil, fault.New(fault.CodeValueInvalid, "A document of the passport is none that this platform takes.").With(fields...)
		}
		d := document.Document{
			ID: own(i, r.ID), Passport: p, Tenant: i.Tenant, Name: r.Name, Kind: r.Kind, Language: r.Language, Audience: set, Media: r.MediaType,
			Size: r.Size, SHA256: r.SHA256, AddedAt: r.AddedAt, AddedBy: r.AddedBy,
		}
		out = append(out, Paper{d, func() ([]byte, error) {
			b, err := a.File(r.File, r.Size)
			if sum := sha256.Sum256(b); err == nil && hex.EncodeToString(sum[:]) != r.SHA256 {
				err = &archive.Wrong{Member: r.File, Problem: "it has not the digest that the document says"}
			}
			return b, err
		}})
	}
	return out, nil
}
