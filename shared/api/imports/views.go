package imports

import (
	"time"

	"github.com/passportcraft/passportcraft/shared/domain/identifier"
	"github.com/passportcraft/passportcraft/shared/domain/intake"
	"github.com/passportcraft/passportcraft/shared/domain/restore"
	"github.com/passportcraft/passportcraft/shared/domain/upload"
	"github.com/passportcraft/passportcraft/shared/foundation/fault"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

// Import is what imports of all formats have.
type Import struct {
	ID          id.Import    `json:"id"`
	State       string       `json:"state"`
	Format      string       `json:"format"`
	Size        int64        `json:"size"`
	SHA256      string       `json:"sha256"`
	RequestedAt time.Time    `json:"requestedAt"`
	RequestedBy string       `json:"requestedBy"`
	Why         string       `json:"why,omitempty"`
	Code        fault.Code   `json:"code,omitempty"`
	Upload      *upload.Form `json:"upload,omitempty"`
	UploadUntil *time.Time   `json:"uploadUntil,omitempty"`
}

// Archive is an export that comes back, as its owners see it.
type Archive struct {
	Import
	Origin    string            `json:"origin,omitempty"`
	Snapshot  *time.Time        `json:"snapshot,omitempty"`
	Passports int64             `json:"passports"`
	Versions  int64             `json:"versions"`
	Documents int64             `json:"documents"`
	Read      int64             `json:"read"`
	Restored  int64             `json:"restored"`
	Present   int64             `json:"present"`
	Failed    int64             `json:"failed"`
	Recipes   int64             `json:"recipes"`
	Problems  []restore.Problem `json:"problems,omitempty"`

	WithSettings bool              `json:"withSettings,omitempty"` // name and sign-in policy were asked for
	Settings     *restore.Settings `json:"settings,omitempty"`
}

func archive(i restore.Import) Archive {
	return Archive{
		Import: Import{ID: i.ID, State: string(i.State), Format: archived, Size: i.Size, SHA256: i.SHA256, RequestedAt: i.RequestedAt, RequestedBy: i.RequestedBy, Why: i.Why},
		Origin: i.Origin, Snapshot: instant(i.Snapshot), Passports: i.Passports, Versions: i.Versions, Documents: i.Documents, Read: i.Read, Restored: i.Restored, Present: i.Present,
		Failed: i.Failed, Recipes: i.Recipes, Problems: i.Problems, WithSettings: i.SettingsBy != "",
	}
}

// Table is an import of a table or of documents.
type Table struct {
	Import
	ProductGroup string                  `json:"productGroup,omitempty"`
	Granularity  identifier.Granularity  `json:"granularity,omitempty"`
	Sheet        string                  `json:"sheet,omitempty"`
	Existing     intake.Existing         `json:"existing,omitempty"`
	Publish      bool                    `json:"publish"`
	Cancelling   bool                    `json:"cancelling,omitempty"`
	Headers      []string                `json:"headers,omitempty"`
	Suggestions  []intake.Suggestion     `json:"suggestions,omitempty"`
	Recipe       *intake.Recipe          `json:"recipe,omitempty"`
	Check        *Phase                  `json:"check,omitempty"`
	Commit       *Phase                  `json:"commit,omitempty"`
	Reports      map[intake.Phase]string `json:"reports,omitempty"`
	ReportsUntil *time.Time              `json:"reportsUntil,omitempty"`
}

// Phase tells of one way through the file. Examples and refusals are the first ones; the report has all.
type Phase struct {
	Progress intake.Progress  `json:"progress"`
	Totals   intake.Totals    `json:"totals"`
	Examples []intake.Sample  `json:"examples,omitempty"`
	Refusals []intake.Verdict `json:"refusals,omitempty"`
}

func phase(t intake.Tally, begun, whole bool) *Phase {
	if !begun {
		return nil
	}
	p := &Phase{Progress: t.Progress, Totals: t.Totals}
	if whole {
		p.Examples, p.Refusals = t.Accepted, t.Refusals
	}
	return p
}

// table shows a run; the list shows only its account.
func table(r intake.Run, whole bool) Table {
	v := Table{
		Import: Import{ID: r.ID, State: string(r.State), Format: string(r.Format), Size: r.Size, SHA256: r.SHA256, RequestedAt: r.RequestedAt, RequestedBy: r.RequestedBy, Why: r.Reason, Code: r.Code},

		ProductGroup: r.Group, Granularity: r.Granularity, Sheet: r.Sheet, Existing: r.Existing, Publish: r.Publish, Cancelling: r.Cancelling && r.State != intake.Cancelled,
		Check:  phase(r.Check, r.Check.Progress.Rows > 0 || r.State == intake.Checking || r.State == intake.Checked, whole),
		Commit: phase(r.Committed, r.Committed.Progress.Rows > 0 || r.State == intake.Committing || r.State == intake.Done, whole),
	}
	if whole {
		v.Headers, v.Suggestions, v.Recipe = r.Headers, r.Suggested, r.Recipe
	}
	return v
}
