package export

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"iter"
	"strings"

	"github.com/passportcraft/passportcraft/shared/domain/archive"
)

// mostMembers leaves room for schemas, manifest and signature.
const mostMembers = archive.MaxMembers - 100

// errTooMany ends an export that nobody could read.
const errTooMany = signal("more members than an archive may have")

// add puts a member that is packed on the list.
func (r *run) add(m archive.Member) error {
	if r.Listed >= mostMembers && r.Phase < packSeal {
		return errTooMany
	}
	r.Members, r.Listed = append(r.Members, m), r.Listed+1
	return nil
}

// block writes the list of members down, once, so that neither memory nor later checkpoints have it.
func (r *run) block(ctx context.Context, at Mark) error {
	b, err := json.Marshal(r.Members)
	if err != nil {
		return fmt.Errorf("export: members: %w", err)
	}
	if err := r.Checkpoints.Save(ctx, r.export.Tenant, r.export.ID, at, b); err != nil {
		return err
	}
	r.Blocks, r.Members = append(r.Blocks, at), r.Members[:0]
	return nil
}

// members are all that are packed, in their order. One block of them is in memory.
func (r *run) members(ctx context.Context) iter.Seq2[archive.Member, error] {
	return func(yield func(archive.Member, error) bool) {
		for _, at := range r.Blocks {
			b, err := r.Checkpoints.Load(ctx, r.export.Tenant, r.export.ID, at)
			var some []archive.Member
			if err == nil {
				err = json.Unmarshal(b, &some)
			}
			if err == nil {
				err = r.alive(ctx)
			}
			if err != nil {
				yield(archive.Member{}, fmt.Errorf("export: members: %w", err))
				return
			}
			for _, m := range some {
				if !yield(m, nil) {
					return
				}
			}
		}
		for _, m := range r.Members {
			if !yield(m, nil) {
				return
			}
		}
	}
}

// digest stands for the name of a file.
type digest [16]byte

func digestOf(name string) digest {
	sum := sha256.Sum256([]byte(name))
	return digest(sum[:16])
}

// recall finds out which files are packed.
func (r *run) recall(ctx context.Context) error {
	for m, err := range r.members(ctx) {
		if err != nil {
			return err
		}
		if strings.HasPrefix(m.Name, "files/") {
			r.files[digestOf(m.Name)] = true
		}
	}
	return nil
}
