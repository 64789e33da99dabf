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

// errLate ends a passport in the middle of its documents: all that is packed of it is in the last checkpoint.
const errLate = signal("out of time")

// unless is an error that is not the signal.
func unless(err error, s signal) error {
	if errors.Is(err, s) {
		return nil
	}
	return err
}

// passport packs one passport unless a filter leaves it out. Its documents come first, since they may fill many parts: its
// own line and its versions are in one part then, and nothing of it is packed twice by who goes on.
func (r *run) passport(ctx context.Context, p id.Passport) error {
	o, wanted, told := r.export.Options, false, false
	var whole PassportRecord
	tell := func() error {
		if told || !wanted {
			return nil
		}
		told = true
		return errors.Join(r.tabulate(whole), r.line("passports", whole))
	}
	err := r.Source.Passport(ctx, r.export.Tenant, p, r.export.Snapshot, Takers{
		Passport: func(record PassportRecord) error {
			wanted = (o.ProductGroup == "" || o.ProductGroup == record.ProductGroup) && (o.Status == "" || o.Status == record.Status)
			whole = record
			return nil
		},
		Document: func(record DocumentRecord, content func() ([]byte, error)) error {
			if !wanted || o.without(partDocuments) || record.ID <= r.Paper {
				return nil
			}
			return r.document(ctx, record, content)
		},
		Version: func(record VersionRecord) error {
			if !wanted {
				return nil
			}
			err := tell()
			if err == nil && !o.without(partVersions) {
				err = r.line("versions", record)
			}
			if err != nil || record.Number != whole.Version {
				return err
			}
			return r.represent(whole, record)
		},
	})
	if err == nil {
		err = tell()
	}
	if err == nil {
		r.Items++
	}
	return err
}

// document packs a document and its bytes, unless a document of the same bytes has brought them. One file is in memory at
// a time, beside the part that it goes into.
func (r *run) document(ctx context.Context, d DocumentRecord, content func() ([]byte, error)) error {
	d.File = "files/" + d.SHA256 + document.Extension(d.MediaType)
	if !r.files[d.File] {
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
		r.Members, r.files[d.File] = append(r.Members, m), true
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
