package dynamo

import (
	"context"
	"strings"

	"github.com/passportcraft/passportcraft/shared/domain/access"
	"github.com/passportcraft/passportcraft/shared/domain/export"
	"github.com/passportcraft/passportcraft/shared/domain/lifecycle"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

// said is what was said about a passport, nil for nothing.
func (s *Dump) said(ctx context.Context, t id.Tenant, it item) (*export.SaidRecord, error) {
	var c lifecycle.Choice
	if err := unpack(ctx, s.Choices.ring, t, it, &c); err != nil || c == (lifecycle.Choice{}) {
		return nil, err
	}
	return &export.SaidRecord{SuccessorURL: c.SuccessorURL, DeclaredBy: c.DeclaredBy, DeclaredAt: c.DeclaredAt, RecycledAt: c.RecycledAt}, nil
}

// contract gives the holds on anything of the tenant, and where its contract stands.
func (s *Dump) contract(ctx context.Context, t id.Tenant, record func(string, any) error) error {
	holds, err := s.Holds.Of(ctx, t)
	if err != nil {
		return err
	}
	for _, h := range holds {
		if err := record("holds", holdRow(h)); err != nil {
			return err
		}
	}
	life, err := s.Lives.Life(ctx, t)
	if err != nil {
		return err
	}
	r := life.Record
	row := export.Row{"state": r.State, "policyVersion": r.Policy().Version, "history": append([]lifecycle.Moment{}, life.History...)}
	if !r.EffectiveAt.IsZero() {
		row["effectiveAt"], row["noticedAt"], row["requestedBy"] = r.EffectiveAt, r.NoticedAt, r.RequestedBy
	}
	return record("contract", row)
}

func holdRow(h lifecycle.Hold) export.Row {
	row := export.Row{
		"id": h.ID, "kind": h.Scope.Kind, "act": h.Basis.Act, "article": h.Basis.Article, "requestedBy": h.RequestedBy, "requestedAt": h.RequestedAt, "reviewBy": h.ReviewBy,
	}
	for name, value := range map[string]string{
		"passport": string(h.Scope.Passport), "user": string(h.Scope.User), "from": string(h.Scope.From), "to": string(h.Scope.To),
		"approvedBy": h.ApprovedBy, "reviewedBy": h.ReviewedBy, "releasedBy": h.ReleasedBy,
	} {
		if value != "" {
			row[name] = value
		}
	}
	if strings.HasPrefix(h.RequestedBy, string(access.Person)+":") && h.Basis.Case != "" {
		row["case"] = h.Basis.Case
	}
	if !h.ApprovedAt.IsZero() {
		row["approvedAt"] = h.ApprovedAt
	}
	if !h.ReleasedAt.IsZero() {
		row["releasedAt"] = h.ReleasedAt
	}
	return row
}
