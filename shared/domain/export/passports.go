package export

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/passportcraft/passportcraft/shared/domain/archive"
	"github.com/passportcraft/passportcraft/shared/domain/document"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

// signal is an error that says how to go on.
type signal string

func (s signal) Error() string { return "export: " + string(s) }

// errLate ends a passport between two of its documents: all that is packed of it is in the last checkpoint.
const errLate = signal("out of time")

// unless is an error that is not the signal.
func unless(err error, s signal) error {
	if errors.Is(err, s) {
		return nil
	}
	return err
}

// deletedThen is the status of a passport that was deleted when the export was asked for.
const deletedThen = "deleted"

// MissingPassports is the count, in the manifest, of passports that the index had before or after and that were not met in
// between: they were deleted for good before they were packed, or came into the index behind the packager.
const MissingPassports = "passports-missing"

// missing counts once more, and notes how many passports were not met.
func (r *run) missing(ctx context.Context) error {
	now, err := r.Source.Count(ctx, r.export.Tenant, r.export.Snapshot)
	if err != nil {
		return err
	}
	if r.Total = max(r.Total, now); r.Total > r.Items {
		r.Counts[MissingPassports] = r.Total - r.Items
	}
	return nil
}

// passport packs one passport unless a filter leaves it out. Its own line and its versions come first and are in one part;
// its documents may fill many. Who goes on in the midst of them packs only those that are left, and where the passport is
// gone meanwhile nothing that is packed lacks the passport that it belongs to.
func (r *run) passport(ctx context.Context, p id.Passport) error {
	o, wanted, begun := r.export.Options, false, r.Begun == p
	if !begun {
		r.Begun, r.Paper = p, ""
	}
	var whole PassportRecord
	return r.Source.Passport(ctx, r.export.Tenant, p, r.export.Snapshot, Takers{
		Passport: func(record PassportRecord) error {
			wanted = record.Status != deletedThen && (o.ProductGroup == "" || o.ProductGroup == record.ProductGroup) && (o.Status == "" || o.Status == record.Status)
			if begun {
				return nil
			}
			r.Items++
			if whole = record; !wanted {
				return nil
			}
			return errors.Join(r.tabulate(whole), r.line("passports", whole))
		},
		Version: func(record VersionRecord) error {
			if !wanted || begun {
				return nil
			}
			if !o.without(partVersions) {
				if err := r.line("versions", record); err != nil {
					return err
				}
			}
			if record.Number != whole.Version {
				return nil
			}
			return r.represent(whole, record)
		},
		Document: func(record DocumentRecord, content func() ([]byte, error)) error {
			if !wanted || o.without(partDocuments) || record.ID <= r.Paper {
				return nil
			}
			return r.document(ctx, record, content)
		},
	})
}

// document packs a document and its bytes, unless a document of the same bytes has brought them. One file is in memory at
// a time, beside the part that it goes into.
func (r *run) document(ctx context.Context, d DocumentRecord, content func() ([]byte, error)) error {
	d.File = "files/" + d.SHA256 + document.Extension(d.MediaType)
	if name := digestOf(d.File); !r.files[name] {
		b, err := content()
		if err != nil {
			return err
		}
		if sum := sha256.Sum256(b); hex.EncodeToString(sum[:]) != d.SHA256 {
			return fmt.Errorf("export: the content of document %s is not what was added", d.ID)
		}
		m, err := archive.Store(&r.pending, d.File, b)
		if err != nil {
			return err
		}
		if err := r.add(m); err != nil {
			return err
		}
		r.files[name] = true
	}
	if err := r.line("documents", d); err != nil {
		return err
	}
	r.Paper = d.ID
	again, err := r.breathe(ctx)
	if err == nil && again {
		err = errLate
	}
	return err
}
