package intake

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/passportcraft/passportcraft/shared/domain/access"
	"github.com/passportcraft/passportcraft/shared/domain/audit"
	"github.com/passportcraft/passportcraft/shared/domain/identifier"
	"github.com/passportcraft/passportcraft/shared/domain/passport"
	"github.com/passportcraft/passportcraft/shared/domain/upload"
	"github.com/passportcraft/passportcraft/shared/foundation/fault"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

// Limits of imports.
const (
	MaxSize    = 200_000_000      // bytes of a file
	MaxRecipes = 200              // of one tenant
	ReportFor  = 15 * time.Minute // how long a link leads to a report
)

// Book keeps all imports of tables and documents.
type Book interface {
	Store
	Create(ctx context.Context, r Run, entry audit.Entry) error
	List(ctx context.Context, t id.Tenant) ([]Run, error) // latest first
}

// Recipes keeps recipes. Save stores a recipe whose stored revision is one less than its own (none for 1), and is refused
// with revision-stale otherwise.
type Recipes interface {
	Recipe(ctx context.Context, t id.Tenant, which string) (Recipe, error) // recipe-not-found
	Recipes(ctx context.Context, t id.Tenant) ([]Recipe, error)            // in the order in which they were made
	Save(ctx context.Context, t id.Tenant, r Recipe, entry audit.Entry) error
	Delete(ctx context.Context, t id.Tenant, which string, entry audit.Entry) error
}

// Files is where files and reports lie.
type Files interface {
	Upload(ctx context.Context, a upload.Announcement, life time.Duration) (upload.Form, error)
	// Ask has the runner called. n tells repetitions apart.
	Ask(ctx context.Context, t id.Tenant, run id.Import, n int) error
	// ReportLink is an address from which the report of a phase can be fetched for a while.
	ReportLink(ctx context.Context, t id.Tenant, run id.Import, phase Phase, life time.Duration) (string, error)
	Remove(ctx context.Context, t id.Tenant, run id.Import) error
}

// Service is what people can do with imports of tables and documents.
type Service struct {
	Book    Book
	Recipes Recipes
	Files   Files
	Groups  passport.Groups
	IDs     *id.Source
}

// Wish says what is to be done with a file.
type Wish struct {
	Recipe   *Recipe
	RecipeID string // instead of Recipe: one that is kept
	Existing Existing
	Publish  bool
}

// File says what is to come.
type File struct {
	Format      Format
	Size        int64
	SHA256      string
	Group       string
	Granularity identifier.Granularity
	Sheet       string // of a workbook; empty: the first visible one
}

// mediaTypes are those that uploads have to have.
func mediaType(f Format) string {
	switch f {
	case CSV:
		return "text/csv"
	case XLSX:
		return "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
	}
	return "application/x-ndjson"
}

// Begin announces a file. Without a recipe a table waits after its arrival until somebody says what its columns become.
func (s *Service) Begin(ctx context.Context, by access.Caller, f File, w Wish) (Run, upload.Form, error) {
	r := Run{
		ID: id.New[id.Import](s.IDs), Tenant: by.Tenant, Actor: by.Actor, Format: f.Format, Size: f.Size, SHA256: f.SHA256, Group: f.Group, Granularity: f.Granularity, Sheet: f.Sheet,
		State: Waiting, Existing: w.Existing, Publish: w.Publish, RequestedAt: by.At, RequestedBy: by.Actor, Revision: 1,
	}
	a := upload.Announcement{Tenant: r.Tenant, Import: r.ID, Size: f.Size, SHA256: f.SHA256, Type: mediaType(f.Format)}
	wrong := append(a.Check(MaxSize), s.file(f)...)
	if w.Recipe != nil || w.RecipeID != "" {
		next, fields, err := s.wish(ctx, r, w)
		if err != nil {
			return r, upload.Form{}, err
		}
		r, wrong = next, append(wrong, fields...)
	} else {
		wrong = append(wrong, existing(w.Existing)...)
	}
	if wrong != nil {
		return r, upload.Form{}, fault.New(fault.CodeValueInvalid, "The file cannot be taken as announced.").With(wrong...)
	}
	entry := audit.New(s.IDs, by, audit.ImportBegun, "import:"+string(r.ID), "", "").With("format", string(f.Format))
	if err := s.Book.Create(ctx, r, entry); err != nil {
		return r, upload.Form{}, err
	}
	form, err := s.Files.Upload(ctx, a, upload.Life)
	return r, form, err
}

func (s *Service) file(f File) []fault.Field {
	var fields []fault.Field
	if !slices.Contains([]Format{CSV, XLSX, Documents}, f.Format) {
		fields = append(fields, fault.Field{Pointer: "/format", Code: fault.CodeValueInvalid, Detail: "one of csv, xlsx, ndjson, archive"})
	}
	if f.Group == "" && f.Format != Documents {
		fields = append(fields, fault.Field{Pointer: "/productGroup", Code: fault.CodeMemberMissing, Detail: "name the product group of the passports; GET /v1/product-groups lists them"})
	}
	if f.Group != "" {
		if _, err := s.Groups(f.Group); err != nil {
			fields = append(fields, fault.Field{Pointer: "/productGroup", Code: fault.CodeProductGroupUnknown, Detail: fault.Of(err).Detail})
		}
	}
	if f.Sheet != "" && (f.Format != XLSX || len(f.Sheet) > 200) {
		fields = append(fields, fault.Field{Pointer: "/sheet", Code: fault.CodeValueInvalid, Detail: "the name of a sheet of an xlsx file"})
	}
	if f.Granularity != "" {
		if _, err := identifier.ParseGranularity(string(f.Granularity)); err != nil {
			fields = append(fields, fault.Field{Pointer: "/granularity", Code: fault.CodeGranularityUnknown, Detail: fault.Of(err).Detail})
		}
	}
	return fields
}

func existing(e Existing) []fault.Field {
	if e == "" || e == Merge || e == Replace {
		return nil
	}
	return []fault.Field{{Pointer: "/existing", Code: fault.CodeValueInvalid, Detail: "merge or replace"}}
}

// wish puts what somebody wants into a run, or names what of it cannot be had.
func (s *Service) wish(ctx context.Context, r Run, w Wish) (Run, []fault.Field, error) {
	fields := existing(w.Existing)
	recipe := w.Recipe
	if r.Format == Documents && (recipe != nil || w.RecipeID != "") {
		return r, append(fields, fault.Field{Pointer: "/recipe", Code: fault.CodeValueInvalid, Detail: "documents need no recipe: each says where its values go"}), nil
	}
	if recipe != nil {
		own := *recipe
		own.ID, own.Revision = "", 0 // it is nobody's but the run's, whatever it says
		recipe = &own
	}
	if w.RecipeID != "" {
		kept, err := s.Recipes.Recipe(ctx, r.Tenant, w.RecipeID)
		if err != nil && !errors.Is(err, fault.NotFound) {
			return r, nil, err
		}
		if err != nil || w.Recipe != nil {
			return r, append(fields, fault.Field{Pointer: "/recipeId", Code: fault.CodeRecipeNotFound, Detail: "name a recipe that is kept, or give one as recipe, not both"}), nil
		}
		recipe = &kept
	}
	if recipe != nil {
		fields = append(fields, s.recipe(r.Group, recipe)...)
	}
	if fields != nil {
		return r, fields, nil
	}
	next, err := r.StartCheck(recipe, w.Existing, w.Publish)
	return next, nil, err
}

func (s *Service) recipe(group string, recipe *Recipe) []fault.Field {
	g, err := s.Groups(group)
	if err != nil {
		return nil // said already
	}
	if err := recipe.Check(g); err != nil {
		f := fault.Of(err)
		fields := make([]fault.Field, 0, len(f.Fields))
		for _, one := range f.Fields {
			one.Pointer = "/recipe" + one.Pointer
			fields = append(fields, one)
		}
		return fields
	}
	return nil
}

// Check asks for a dry run.
func (s *Service) Check(ctx context.Context, by access.Caller, which id.Import, w Wish) (Run, error) {
	r, err := s.Book.Load(ctx, by.Tenant, which)
	if err != nil {
		return r, err
	}
	if r.Format != Documents && w.Recipe == nil && w.RecipeID == "" {
		return r, fault.New(fault.CodeValueInvalid, "Say what the columns become.").With(fault.Field{Pointer: "/recipe", Code: fault.CodeMemberMissing, Detail: "a recipe, or recipeId"})
	}
	if _, err := r.StartCheck(r.Recipe, r.Existing, r.Publish); err != nil {
		return r, err
	}
	r, wrong, err := s.wish(ctx, r, w)
	if err != nil {
		return r, err
	}
	if wrong != nil {
		return r, fault.New(fault.CodeValueInvalid, "The import cannot be checked like this.").With(wrong...)
	}
	return r, s.start(ctx, r)
}

func (s *Service) start(ctx context.Context, r Run, entries ...audit.Entry) error {
	r.Revision++
	if err := s.save(ctx, r, entries...); err != nil || r.State == Waiting {
		return err
	}
	return s.Files.Ask(ctx, r.Tenant, r.ID, int(r.Revision))
}

func (s *Service) save(ctx context.Context, r Run, entries ...audit.Entry) error {
	err := s.Book.Save(ctx, r, entries...)
	if errors.Is(err, ErrStale) {
		return fault.New(fault.CodeImportState, "The import changed at this moment; look at it again.")
	}
	return err
}

// Commit stores what was checked.
func (s *Service) Commit(ctx context.Context, by access.Caller, which id.Import, mayPublish bool) (Run, error) {
	r, err := s.Book.Load(ctx, by.Tenant, which)
	if err != nil {
		return r, err
	}
	if r, err = r.StartCommit(by.Actor, r.Publish, mayPublish); err != nil {
		return r, err
	}
	return r, s.start(ctx, r, audit.New(s.IDs, by, audit.ImportCommitted, "import:"+string(r.ID), "", ""))
}

// Cancel ends an import. Whoever works on it stops before the next rows; what is stored stays.
func (s *Service) Cancel(ctx context.Context, by access.Caller, which id.Import) error {
	r, err := s.Book.Load(ctx, by.Tenant, which)
	if err != nil {
		return err
	}
	if r.State != Done && r.State != Failed && r.State != Cancelled && !r.Cancelling {
		if r, err = r.Cancel(by.At); err != nil {
			return err
		}
		r.Revision++
		if err := s.save(ctx, r, audit.New(s.IDs, by, audit.ImportCancelled, "import:"+string(r.ID), "", "")); err != nil {
			return err
		}
	}
	if r.State == Cancelled || r.State == Failed || r.State == Done {
		return s.Files.Remove(ctx, r.Tenant, r.ID)
	}
	if by.At.Before(r.LeaseUntil) {
		return nil
	}
	return s.Files.Ask(ctx, r.Tenant, r.ID, int(r.Revision)) // for the report of what was done
}

// Get returns an import. One that nobody works on though it is not at its end is asked for once more.
func (s *Service) Get(ctx context.Context, by access.Caller, which id.Import) (Run, error) {
	r, err := s.Book.Load(ctx, by.Tenant, which)
	if err != nil {
		return r, err
	}
	if r.phase() != "" && by.At.Sub(r.LeaseUntil) > time.Minute && by.At.Sub(r.RequestedAt) > time.Minute {
		return r, s.Files.Ask(ctx, r.Tenant, r.ID, int(r.Revision))
	}
	return r, nil
}

// List returns all imports that are remembered, latest first.
func (s *Service) List(ctx context.Context, by access.Caller) ([]Run, error) {
	return s.Book.List(ctx, by.Tenant)
}

// Reports returns links to the reports that are whole.
func (s *Service) Reports(ctx context.Context, r Run) (map[Phase]string, error) {
	out := map[Phase]string{}
	for phase, t := range map[Phase]Tally{DryRun: r.Check, Commit: r.Committed} {
		if t.Progress.Rows == 0 || phase == r.phase() {
			continue
		}
		link, err := s.Files.ReportLink(ctx, r.Tenant, r.ID, phase, ReportFor)
		if err != nil {
			return nil, err
		}
		out[phase] = link
	}
	return out, nil
}

// RecipeNotFound is the fault for a recipe that is not there.
func RecipeNotFound() error {
	return fault.New(fault.CodeRecipeNotFound, "Your organisation has no such recipe.")
}

// Recipe returns a recipe that is kept.
func (s *Service) Recipe(ctx context.Context, by access.Caller, which string) (Recipe, error) {
	return s.Recipes.Recipe(ctx, by.Tenant, which)
}

// RecipeList returns the recipes that are kept, of one product group or all.
func (s *Service) RecipeList(ctx context.Context, by access.Caller, group string) ([]Recipe, error) {
	all, err := s.Recipes.Recipes(ctx, by.Tenant)
	return slices.DeleteFunc(all, func(r Recipe) bool { return group != "" && r.ProductGroup != group }), err
}

// Keep keeps a new recipe.
func (s *Service) Keep(ctx context.Context, by access.Caller, r Recipe) (Recipe, error) {
	all, err := s.Recipes.Recipes(ctx, by.Tenant)
	if err != nil {
		return r, err
	}
	if len(all) >= MaxRecipes {
		return r, fault.New(fault.CodeRecipeLimit, "An organisation keeps %d recipes. Delete one that is no longer needed.", MaxRecipes)
	}
	r.ID, r.Revision = string(id.New[id.Recipe](s.IDs)), 1
	return s.keep(ctx, by, r, audit.RecipeCreated)
}

// Change replaces a recipe that somebody has seen at a revision.
func (s *Service) Change(ctx context.Context, by access.Caller, which string, seen int64, r Recipe) (Recipe, error) {
	before, err := s.Recipes.Recipe(ctx, by.Tenant, which)
	if err != nil {
		return r, err
	}
	if before.Revision != seen {
		return r, fault.New(fault.CodeRevisionStale, "The recipe is at revision %d, not %d.", before.Revision, seen)
	}
	r.ID, r.Revision = which, seen+1
	return s.keep(ctx, by, r, audit.RecipeChanged)
}

func (s *Service) keep(ctx context.Context, by access.Caller, r Recipe, event audit.Event) (Recipe, error) {
	g, err := s.Groups(r.ProductGroup)
	if err != nil {
		return r, fault.New(fault.CodeValueInvalid, "The recipe cannot be used.").With(
			fault.Field{Pointer: "/productGroup", Code: fault.CodeProductGroupUnknown, Detail: fault.Of(err).Detail})
	}
	if err := r.Check(g); err != nil {
		return r, err
	}
	r.Name = strings.TrimSpace(r.Name)
	entry := audit.New(s.IDs, by, event, "recipe:"+r.ID, "", audit.Digest(r.ProductGroup, fmt.Sprint(r.Revision)))
	return r, s.Recipes.Save(ctx, by.Tenant, r, entry)
}

// Forget deletes a recipe. Imports that use it have a copy of their own.
func (s *Service) Forget(ctx context.Context, by access.Caller, which string) error {
	if _, err := s.Recipes.Recipe(ctx, by.Tenant, which); err != nil {
		return err
	}
	return s.Recipes.Delete(ctx, by.Tenant, which, audit.New(s.IDs, by, audit.RecipeDeleted, "recipe:"+which, "", ""))
}
