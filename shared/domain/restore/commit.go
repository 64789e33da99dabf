package restore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/passportcraft/passportcraft/shared/domain/archive"
	"github.com/passportcraft/passportcraft/shared/domain/audit"
	"github.com/passportcraft/passportcraft/shared/domain/export"
	"github.com/passportcraft/passportcraft/shared/domain/intake"
	"github.com/passportcraft/passportcraft/shared/foundation/fault"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

const errPause = signal("out of time")

// record is a passport as the archive has it.
type record struct {
	passport export.PassportRecord
	versions []export.VersionRecord
	bytes    int // of its lines
}

// commit stores block after block of passports, from where an earlier call has come to, and then the recipes.
func (r *Runner) commit(ctx context.Context, i *Import, a *archive.Archive, until time.Time) error {
	n, done := int64(0), i.Read
	var block []record
	size := 0
	err := merge(a, func(one record) error {
		if n++; n <= done {
			return nil
		}
		block, size = append(block, one), size+one.bytes
		if len(block) < blockSize && size < blockBytes {
			return nil
		}
		if err := r.block(ctx, i, block); err != nil {
			return err
		}
		block, size = block[:0], 0
		i.LeaseUntil = r.Now().Add(leaseFor)
		if err := r.Store.Save(ctx, *i); err != nil {
			return err
		}
		if !r.Now().Before(until) {
			return errPause
		}
		return nil
	})
	if errors.Is(err, errPause) {
		i.LeaseUntil, i.Asked = r.Now(), i.Asked+1
		if err := r.Store.Save(ctx, *i); err != nil {
			return err
		}
		return r.Files.Ask(ctx, i.Tenant, i.ID, i.Asked)
	}
	if err == nil {
		err = r.block(ctx, i, block)
	}
	if err == nil {
		err = r.recipes(ctx, i, a)
	}
	if err != nil {
		return err
	}
	end := *i
	end.State = Done
	entry := audit.New(r.IDs, r.caller(end), audit.ImportDone, "import:"+string(i.ID), "", "").With("restored", fmt.Sprint(i.Restored))
	return r.Store.Step(ctx, end, entry)
}

// verdict is what became of a passport.
type verdict struct {
	present bool
	err     error
}

// block stores passports, some at a time: they have nothing to do with one another. They are counted in their order, up to
// the first that the storage did not answer for; those after it may be stored as well, and are met again as stored by this
// import.
func (r *Runner) block(ctx context.Context, i *Import, all []record) error {
	became := make([]verdict, len(all))
	slots := make(chan struct{}, max(1, r.Parallel))
	var wait sync.WaitGroup
	for n := range all {
		slots <- struct{}{}
		wait.Go(func() {
			defer func() { <-slots }()
			became[n].present, became[n].err = r.one(ctx, *i, all[n])
		})
	}
	wait.Wait()
	for n, v := range became {
		if err := i.count(all[n].passport, v); err != nil {
			return err
		}
	}
	return nil
}

func (r *Runner) one(ctx context.Context, i Import, one record) (present bool, err error) {
	whole, versions, history, err := r.back(i, one.passport, one.versions)
	if err != nil {
		return false, err
	}
	entry := audit.New(r.IDs, r.caller(i), audit.PassportRestored, "passport:"+string(whole.ID), "", "").With("import", string(i.ID))
	return r.Target.Restore(ctx, i.ID, whole, versions, history, entry)
}

// count takes what became of a passport into the account. What is wrong with it is written down and stops nothing else; a
// storage that does not answer stops the run, which then goes on later.
func (i *Import) count(p export.PassportRecord, v verdict) error {
	f := fault.Of(v.err)
	switch {
	case v.err == nil && v.present:
		i.Present++
	case v.err == nil:
		i.Restored++
	case f.Kind == fault.Unavailable || f.Kind == fault.Internal:
		return v.err
	default:
		i.Failed++
		i.problem(Problem{string(p.ID), p.ProductIdentifier, f.Code, f.Detail})
	}
	i.Read++
	return nil
}

func (i *Import) problem(p Problem) {
	if len(i.Problems) < maxShown {
		i.Problems = append(slices.Clip(i.Problems), p)
	}
}

// recipes brings recipes back, as their first revision. Those that are here stay as they are.
func (r *Runner) recipes(ctx context.Context, i *Import, a *archive.Archive) error {
	var all []intake.Recipe
	err := a.Lines("account/recipes", func(line []byte) error {
		var one intake.Recipe
		if err := decode(line, &one); err != nil {
			return &archive.Wrong{Member: "account/recipes", Problem: "a line cannot be read"}
		}
		all = append(all, one)
		return nil
	})
	if err != nil || len(all) == 0 {
		return err
	}
	here, err := r.Recipes.Recipes(ctx, i.Tenant)
	if err != nil {
		return err
	}
	i.Recipes = 0
	for _, one := range all {
		one.ID, one.Revision = string(own(*i, id.Recipe(one.ID))), 1
		if one.ID == "" {
			continue // nobody made such a one
		}
		if slices.ContainsFunc(here, func(other intake.Recipe) bool { return other.ID == one.ID }) {
			i.Recipes++
			continue
		}
		if len(here) >= intake.MaxRecipes {
			i.problem(Problem{Code: fault.CodeRecipeLimit, Detail: fmt.Sprintf("The recipe %q has no room: an organisation keeps %d.", one.Name, intake.MaxRecipes)})
			continue
		}
		entry := audit.New(r.IDs, r.caller(*i), audit.RecipeCreated, "recipe:"+one.ID, "", "").With("import", string(i.ID))
		if err := r.Recipes.Save(ctx, i.Tenant, one, entry); err != nil {
			return err
		}
		here, i.Recipes = append(here, one), i.Recipes+1
	}
	return nil
}

// merge walks passports and versions side by side: both are in the same order.
func merge(a *archive.Archive, do func(record) error) error {
	next, stop := pull(a, "versions/")
	defer stop()
	var ahead *lined
	return a.Lines("passports/", func(line []byte) error {
		one := record{bytes: len(line)}
		if err := decode(line, &one.passport); err != nil {
			return &archive.Wrong{Member: "passports/", Problem: "a line cannot be read"}
		}
		for {
			if ahead == nil {
				v, ok, err := next()
				if err != nil {
					return err
				}
				if !ok {
					break
				}
				ahead = &v
			}
			if ahead.version.Passport != one.passport.ID {
				break
			}
			one.versions, one.bytes, ahead = append(one.versions, ahead.version), one.bytes+ahead.bytes, nil
		}
		return do(one)
	})
}
