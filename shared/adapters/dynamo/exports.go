package dynamo

import (
	"context"
	"time"

	"github.com/passportcraft/passportcraft/shared/domain/audit"
	"github.com/passportcraft/passportcraft/shared/domain/export"
	"github.com/passportcraft/passportcraft/shared/domain/keyring"
	"github.com/passportcraft/passportcraft/shared/domain/restore"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

// Exports implements export.Store.
type Exports struct{ fenced[export.Export] }

// NewExports makes the store.
func NewExports(db *DB) *Exports {
	return &Exports{fenced[export.Export]{db: db, absent: export.NotFound, row: func(e export.Export) (id.Tenant, key, string, int64) {
		return e.Tenant, exportKey(e.Tenant, e.ID), string(e.State), e.Fence
	}, due: export.Export.Due}}
}

// Export returns one export. One read.
func (s *Exports) Export(ctx context.Context, t id.Tenant, e id.Export) (export.Export, error) {
	return s.one(ctx, t, exportKey(t, e))
}

// Exports lists exports, latest first. One query for each megabyte.
func (s *Exports) Exports(ctx context.Context, t id.Tenant) ([]export.Export, error) {
	return s.all(ctx, t, exportKey(t, "").partition)
}

// Claim takes an export for packing. One read and one write.
func (s *Exports) Claim(ctx context.Context, t id.Tenant, which id.Export, now, until time.Time) (export.Export, error) {
	e, err := s.Export(ctx, t, which)
	if err != nil {
		return e, err
	}
	if e.State != export.Queued && e.State != export.Running || now.Before(e.LeaseUntil) {
		return e, export.ErrTaken
	}
	seen := e.Fence
	e.Fence, e.LeaseUntil, e.State = seen+1, until, export.Running
	return e, s.swap(ctx, e, seen)
}

// End stores the last state of an export with its audit entry and notice. One transaction.
func (s *Exports) End(ctx context.Context, e export.Export, entry audit.Entry, n audit.Notice) error {
	return s.step(ctx, e, func(x *transaction) {
		writeAudit(s.db, x, entry)
		writeNotice(s.db, x, e.Tenant, n)
	})
}

// Imports implements restore.Store. An import names products and recipes that could not be restored, so it is sealed.
type Imports struct{ fenced[restore.Import] }

// NewImports makes the store.
func NewImports(db *DB, ring *keyring.Ring[id.Tenant]) *Imports {
	return &Imports{fenced[restore.Import]{db: db, ring: ring, absent: restore.NotFound, row: func(i restore.Import) (id.Tenant, key, string, int64) {
		return i.Tenant, importKey(i.Tenant, i.ID), string(i.State), i.Fence
	}, due: restore.Import.Due}}
}

// Import returns one import. One read.
func (s *Imports) Import(ctx context.Context, t id.Tenant, i id.Import) (restore.Import, error) {
	return s.one(ctx, t, importKey(t, i))
}

// Imports lists imports, latest first. One query for each megabyte.
func (s *Imports) Imports(ctx context.Context, t id.Tenant) ([]restore.Import, error) {
	return s.all(ctx, t, importKey(t, "").partition)
}

// Claim takes an import that is to be checked or stored. One read and one write.
func (s *Imports) Claim(ctx context.Context, t id.Tenant, which id.Import, now, until time.Time) (restore.Import, error) {
	i, err := s.Import(ctx, t, which)
	if err != nil {
		return i, err
	}
	if i.State == restore.Waiting { // the file has come
		i.State = restore.Checking
	}
	if i.State != restore.Checking && i.State != restore.Committing || now.Before(i.LeaseUntil) {
		return i, export.ErrTaken
	}
	seen := i.Fence
	i.Fence, i.LeaseUntil = seen+1, until
	return i, s.swap(ctx, i, seen)
}

// Step stores a step of an import with its audit entry. One transaction.
func (s *Imports) Step(ctx context.Context, i restore.Import, entry audit.Entry) error {
	return s.step(ctx, i, func(x *transaction) { writeAudit(s.db, x, entry) })
}
