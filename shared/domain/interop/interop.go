// Package interop writes passports in the forms of the European standards for exchange between systems.
package interop

import (
	"maps"
	"time"

	"github.com/passportcraft/passportcraft/shared/domain/productgroup"
)

// SchemaVersion is the dppSchemaVersion of what this package writes.
const SchemaVersion = "EN 18223:2026"

// Passport is what is needed of a passport.
type Passport struct {
	ID, ProductIdentifier, Granularity string
	Status                             string // published, suspended or archived
	UpdatedAt                          time.Time
	Owner                              string // identifier of the organisation, for passports that name no operator
	Content                            map[string]any
}

// envelope is the terms of the header (EN 18223:2026, Table 1) in JSON-LD.
func envelope() map[string]any {
	const vocabulary = productgroup.Vocabulary + "dpp/1#"
	terms := map[string]any{"@version": 1.1, "uniqueProductIdentifier": "@id"}
	for _, name := range []string{"digitalProductPassportId", "granularity", "dppSchemaVersion", "dppStatus", "economicOperatorId", "contentSpecificationIds"} {
		terms[name] = vocabulary + name
	}
	terms["lastUpdate"] = map[string]any{"@id": vocabulary + "lastUpdate", "@type": "http://www.w3.org/2001/XMLSchema#dateTime"}
	return terms
}

// Compressed is a passport in the compressed form (EN 18223:2026, clause 5.2): the header, and the data elements by their
// names, with a JSON-LD context that says what they mean.
func Compressed(p Passport, group *productgroup.Group) map[string]any {
	terms := envelope()
	for name, term := range group.Context() {
		if _, ours := terms[name]; !ours && name != "@protected" {
			terms[name] = term
		}
	}
	out := maps.Clone(p.Content)
	if out == nil {
		out = map[string]any{}
	}
	maps.Copy(out, header(p, group))
	out["@context"] = terms
	return out
}

// header is what every form says of a passport (Table 1), but for its data elements.
func header(p Passport, group *productgroup.Group) map[string]any {
	status := map[string]string{"published": "active", "suspended": "inactive", "archived": "archived"}[p.Status]
	return map[string]any{
		"digitalProductPassportId": "urn:uuid:" + p.ID, "uniqueProductIdentifier": p.ProductIdentifier, "granularity": p.Granularity,
		"dppSchemaVersion": SchemaVersion, "dppStatus": status, "lastUpdate": p.UpdatedAt.UTC().Format(time.RFC3339), "economicOperatorId": operator(p),
		"contentSpecificationIds": []string{productgroup.Vocabulary + group.Name() + "/1"},
	}
}

// operator is the identifier of the economic operator: of the one responsible, else of the manufacturer, else of the
// organisation that keeps the passport.
func operator(p Passport) string {
	for _, name := range []string{"responsibleOperator", "manufacturer"} {
		who, _ := p.Content[name].(map[string]any)
		if of, ok := who["operatorId"].(string); ok && of != "" {
			return of
		}
	}
	return "urn:uuid:" + p.Owner
}
