// Package deletions is the HTTP form of deleting single passports before the contract ends.
package deletions

import (
	"net/http"
	"time"

	"github.com/passportcraft/passportcraft/shared/api/httpapi"
	"github.com/passportcraft/passportcraft/shared/domain/access"
	"github.com/passportcraft/passportcraft/shared/domain/deletion"
	"github.com/passportcraft/passportcraft/shared/domain/passport"
	"github.com/passportcraft/passportcraft/shared/domain/retention"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

// Deletion is a passport that is deleted and can be taken back.
type Deletion struct {
	Passport          id.Passport `json:"passport"`
	ProductGroup      string      `json:"productGroup"`
	ProductIdentifier string      `json:"productIdentifier"`
	DeletedAt         time.Time   `json:"deletedAt"`
	UndoUntil         time.Time   `json:"undoUntil"` // from here on it is being deleted for good
	GoneBy            time.Time   `json:"goneBy"`    // nothing of it is left, history included
}

// Delete serves DELETE /v1/passports/{passportId}.
func Delete(s *deletion.Service) httpapi.Route {
	return httpapi.Route{
		Function: "delete-passport", Pattern: "DELETE /v1/passports/{passportId}", Action: access.PassportDelete, Conditional: true, Idempotent: true,
		Handle: func(r *httpapi.Request) (*httpapi.Response, error) {
			seen, err := r.IfMatch()
			if err != nil {
				return nil, err
			}
			p, err := s.Delete(r.Context(), r.Caller(), id.Passport(r.PathValue("passportId")), seen)
			if err != nil {
				return nil, err
			}
			return httpapi.OK(show(p.Summary())), nil
		},
	}
}

// Restore serves POST /v1/passports/{passportId}/restoration: within seven days, the passport is again what it was.
func Restore(s *deletion.Service) httpapi.Route {
	return httpapi.Route{
		Function: "delete-passport", Pattern: "POST /v1/passports/{passportId}/restoration", Action: access.PassportDelete, Idempotent: true,
		Handle: func(r *httpapi.Request) (*httpapi.Response, error) {
			p, err := s.Restore(r.Context(), r.Caller(), id.Passport(r.PathValue("passportId")))
			if err != nil {
				return nil, err
			}
			return &httpapi.Response{
				Status: http.StatusOK, ETag: httpapi.RevisionTag(p.Revision), Value: map[string]any{"id": p.ID, "status": p.Status, "revision": p.Revision},
			}, nil
		},
	}
}

// List serves GET /v1/deletions: what is deleted and can still be taken back, latest first. A page can be shorter than
// asked for.
func List(s *deletion.Service) httpapi.Route {
	return httpapi.Route{
		Function: "delete-passport", Pattern: "GET /v1/deletions", Action: access.DeletionRead, Query: []string{"limit", "cursor"},
		Handle: httpapi.Pages(s.List, show),
	}
}

func show(s passport.Summary) Deletion {
	return Deletion{
		Passport: s.ID, ProductGroup: s.ProductGroup, ProductIdentifier: s.Product.Canonical(), DeletedAt: s.UpdatedAt,
		UndoUntil: s.UndoUntil(), GoneBy: s.UndoUntil().Add(retention.EraseWithin),
	}
}
