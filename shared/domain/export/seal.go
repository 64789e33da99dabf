package export

import (
	"context"
	"embed"
	"encoding/base64"
	"io"

	"github.com/passportcraft/passportcraft/shared/domain/archive"
)

//go:embed schemas/*.json
var schemas embed.FS

// seal adds the schemas, the manifest, its signature and the directory, and uploads the last parts. Manifest and directory
// are written from the lists of members, and are never whole in memory.
func (r *run) seal(ctx context.Context) error {
	if err := r.close(); err != nil {
		return err
	}
	m := archive.Manifest{
		Format: archive.Format, Export: string(r.export.ID), Tenant: string(r.export.Tenant), Snapshot: r.export.Snapshot.UTC(), Policy: Policy,
		Counts: r.Counts, LeftOut: r.export.Options.leftOut(), Schemas: map[string]string{},
	}
	if err := r.describe(m.Schemas); err != nil {
		return err
	}
	out, write := &spill{ctx, r}, func(w io.Writer) error { return m.Write(w, r.members(ctx)) }
	manifest, err := archive.Measure(archive.ManifestName, write)
	if err != nil {
		return err
	}
	signature, err := r.Signer.Sign(ctx, archive.MessageOf(manifest.SHA256))
	if err != nil {
		return err
	}
	if err := manifest.Begin(out); err != nil {
		return err
	}
	if err := write(out); err != nil {
		return err
	}
	signed, err := archive.Store(out, archive.SignatureName, []byte(base64.StdEncoding.EncodeToString(signature)+"\n"))
	if err != nil {
		return err
	}
	r.Members, r.Listed = append(r.Members, manifest, signed), r.Listed+2
	if err := archive.DirectoryOf(out, r.members(ctx)); err != nil {
		return err
	}
	if r.pending.Len() > 0 {
		if err := r.part(ctx); err != nil {
			return err
		}
	}
	r.Phase = complete
	return r.checkpoint(ctx)
}

// describe adds the schemas and says of each where it is.
func (r *run) describe(where map[string]string) error {
	files, err := schemas.ReadDir("schemas")
	if err != nil {
		return err
	}
	builder := archive.NewBuilder("")
	for _, f := range files {
		b, err := schemas.ReadFile("schemas/" + f.Name())
		if err != nil {
			return err
		}
		member := "schemas/" + f.Name()
		where[f.Name()[:len(f.Name())-len(".schema.json")]] = member
		builder.Reuse(member)
		if err := builder.Raw(b); err != nil {
			return err
		}
		packed, err := builder.Finish(&r.pending)
		if err != nil {
			return err
		}
		if err := r.add(packed); err != nil {
			return err
		}
	}
	return nil
}

// spill writes into the pending part, and uploads it whenever it is full.
type spill struct {
	ctx context.Context
	r   *run
}

func (s *spill) Write(p []byte) (int, error) {
	s.r.pending.Write(p)
	if s.r.pending.Len() < s.r.full() {
		return len(p), nil
	}
	return len(p), s.r.part(s.ctx)
}
