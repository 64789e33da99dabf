package restore

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/passportcraft/passportcraft/shared/domain/access"
	"github.com/passportcraft/passportcraft/shared/domain/archive"
	"github.com/passportcraft/passportcraft/shared/domain/audit"
	"github.com/passportcraft/passportcraft/shared/domain/intake"
	"github.com/passportcraft/passportcraft/shared/domain/tenant"
	"github.com/passportcraft/passportcraft/shared/foundation/fault"
)

// Settings is what an archive says about the organisation itself. Nobody of the people becomes a member by an import: each
// has to be invited, and to accept.
type Settings struct {
	Name        string        `json:"name"`
	Policy      tenant.Policy `json:"signInPolicy"`
	Invitations []Invitation  `json:"invitations"` // to make, for the same people in the same roles
}

// Invitation is one that somebody might make.
type Invitation struct {
	Name  string      `json:"name,omitempty"`
	Email string      `json:"email"`
	Role  access.Role `json:"role"`
}

// settings reads what an archive says about the organisation; false when it is one of passports only.
func settings(a *archive.Archive) (Settings, bool, error) {
	out, found := Settings{Invitations: []Invitation{}}, false
	unreadable := func(member string) error { return &archive.Wrong{Member: member, Problem: "a line cannot be read"} }
	err := a.Lines("account/organisation", func(line []byte) error {
		var own struct {
			Name   string        `json:"name"`
			Policy tenant.Policy `json:"policy"`
		}
		if err := decode(line, &own); err != nil {
			return unreadable("account/organisation.ndjson")
		}
		out.Name, out.Policy, found = own.Name, own.Policy, true
		return nil
	})
	if err != nil {
		return out, false, err
	}
	err = a.Lines("account/members", func(line []byte) error {
		var m Invitation
		if err := decode(line, &m); err != nil {
			return unreadable("account/members.ndjson")
		}
		out.Invitations = append(out.Invitations, m)
		return nil
	})
	return out, found, err
}

// Settings is what the archive of an import says about the organisation; false when it says nothing, or the file is not
// there any more. The file has been checked whole, and nothing can replace it.
func (s *Service) Settings(ctx context.Context, by access.Caller, i Import) (Settings, bool, error) {
	if i.State != Checked && i.State != Committing && i.State != Done {
		return Settings{}, false, nil
	}
	if there, err := s.Files.Arrived(ctx, by.Tenant, i.ID); err != nil || !there {
		return Settings{}, false, err
	}
	file, size, err := s.Files.Open(ctx, by.Tenant, i.ID)
	if err != nil {
		return Settings{}, false, err
	}
	a, err := archive.Open(file, size, nil)
	if err != nil {
		return Settings{}, false, err
	}
	return settings(a)
}

// admit refuses settings that would lock out whoever takes them over, or that nobody could set.
func (s *Service) admit(ctx context.Context, by access.Caller, i Import, who access.Principal) error {
	own, found, err := s.Settings(ctx, by, i)
	if err != nil {
		return err
	}
	if !found {
		return fault.New(fault.CodeValueInvalid, "There are no settings to take over.").With(
			fault.Field{Pointer: "/settings", Code: fault.CodeValueInvalid, Detail: "the archive says nothing about the organisation"})
	}
	return errors.Join(tenant.CheckName("/name", own.Name), own.Policy.Check(), own.Policy.LocksOut(who))
}

// keep brings the recipes that the organisation does not have yet.
func (r *Runner) keep(ctx context.Context, i *Import, a *archive.Archive) error {
	i.Recipes = 0
	there, err := r.Recipes.Recipes(ctx, i.Tenant)
	if err != nil {
		return err
	}
	return a.Lines("account/recipes", func(line []byte) error {
		var recipe intake.Recipe
		if err := decode(line, &recipe); err != nil {
			return &archive.Wrong{Member: "account/recipes.ndjson", Problem: "a line cannot be read"}
		}
		if slices.ContainsFunc(there, func(other intake.Recipe) bool { return other.ID == recipe.ID }) {
			i.Recipes++
			return nil
		}
		if err := r.recipe(ctx, *i, recipe, len(there)); err != nil {
			return i.refused(Problem{Recipe: recipe.Name}, err)
		}
		there, i.Recipes = append(there, recipe), i.Recipes+1
		return nil
	})
}

func (r *Runner) recipe(ctx context.Context, i Import, recipe intake.Recipe, there int) error {
	if there >= intake.MaxRecipes {
		return fault.New(fault.CodeRecipeLimit, "An organisation keeps %d recipes. Delete one that is no longer needed.", intake.MaxRecipes)
	}
	g, err := r.Groups(recipe.ProductGroup)
	if err == nil {
		err = recipe.Check(g)
	}
	if err != nil {
		return err
	}
	recipe.Revision = 1
	entry := audit.New(r.IDs, r.caller(i), audit.RecipeCreated, "recipe:"+recipe.ID, "", audit.Digest(recipe.ProductGroup, fmt.Sprint(recipe.Revision)))
	return r.Recipes.Save(ctx, i.Tenant, recipe, entry)
}

// refused writes down what could not be brought; a storage that does not answer stops the run, which then goes on later, and a
// file that is not what was signed ends it.
func (i *Import) refused(p Problem, err error) error {
	f := fault.Of(err)
	if _, wrong := errors.AsType[*archive.Wrong](err); wrong || f.Kind == fault.Unavailable || f.Kind == fault.Internal {
		return err
	}
	if p.Code, p.Detail = f.Code, f.Detail; len(i.Problems) < maxShown && !slices.Contains(i.Problems, p) {
		i.Problems = append(slices.Clip(i.Problems), p)
	}
	return nil
}

// settle gives the organisation the name and the policy of the archive, in the name of whoever asked for it. What it has
// already is not set again.
func (r *Runner) settle(ctx context.Context, i *Import, a *archive.Archive) error {
	if i.SettingsBy == "" {
		return nil
	}
	own, found, err := settings(a)
	if err != nil || !found {
		return err
	}
	by := r.caller(*i)
	by.Actor = i.SettingsBy
	now, err := r.Tenants.Get(ctx, by)
	if err != nil {
		return err
	}
	if now.Name != own.Name {
		if now, err = r.Tenants.Rename(ctx, by, now.Revision, own.Name); err != nil {
			return err
		}
	}
	if !same(now.Policy, own.Policy) {
		_, err = r.Tenants.SetPolicy(ctx, by, now.Revision, own.Policy)
	}
	return err
}

func same(a, b tenant.Policy) bool {
	return a.SSOOnly == b.SSOOnly && a.RequireMFA == b.RequireMFA && a.SessionHours == b.SessionHours &&
		slices.Equal(slices.Sorted(slices.Values(a.Domains)), slices.Sorted(slices.Values(b.Domains)))
}
