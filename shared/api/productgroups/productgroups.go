// Package productgroups is the HTTP form of what each product group asks for.
package productgroups

import (
	"encoding/json"

	"github.com/passportcraft/passportcraft/shared/api/httpapi"
	"github.com/passportcraft/passportcraft/shared/domain/access"
	"github.com/passportcraft/passportcraft/shared/domain/productgroup"
	"github.com/passportcraft/passportcraft/shared/foundation/fault"
)

// Group is a product group in a list.
type Group struct {
	Name        string `json:"name"`
	Title       string `json:"title"`
	Description string `json:"description"`
	Version     string `json:"version"`
	SchemaID    string `json:"schemaId"`
	Elements    int    `json:"elements"` // how many data elements it has
}

// Detail is a product group with its JSON Schema.
type Detail struct {
	Group
	Schema json.RawMessage `json:"schema"`
}

// List serves GET /v1/product-groups.
func List(set *productgroup.Set) httpapi.Route {
	return httpapi.Route{
		Function: "describe-product-groups", Pattern: "GET /v1/product-groups", Action: access.ProductGroupRead,
		Handle: func(*httpapi.Request) (*httpapi.Response, error) {
			items := make([]Group, 0, 2)
			for _, g := range set.All() {
				items = append(items, show(g))
			}
			return httpapi.OK(map[string]any{"items": items}), nil
		},
	}
}

// Get serves GET /v1/product-groups/{productGroup}: the group with its schema.
func Get(set *productgroup.Set) httpapi.Route {
	return httpapi.Route{
		Function: "describe-product-groups", Pattern: "GET /v1/product-groups/{productGroup}", Action: access.ProductGroupRead,
		Handle: func(r *httpapi.Request) (*httpapi.Response, error) {
			g, err := set.Find(r.PathValue("productGroup"))
			if err != nil {
				return nil, fault.New(fault.CodeRouteNotFound, "%s", fault.Of(err).Detail)
			}
			return httpapi.OK(Detail{show(g), g.Schema()}), nil
		},
	}
}

func show(g *productgroup.Group) Group {
	return Group{g.Name(), g.Title(), g.Description(), g.Version(), g.SchemaID(), len(g.Elements())}
}
