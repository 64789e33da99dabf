package imports

import (
	"net/http"

	"github.com/passportcraft/passportcraft/shared/api/httpapi"
	"github.com/passportcraft/passportcraft/shared/domain/access"
	"github.com/passportcraft/passportcraft/shared/domain/intake"
)

func show(status int, r intake.Recipe) *httpapi.Response {
	return &httpapi.Response{Status: status, Value: r, ETag: httpapi.RevisionTag(r.Revision)}
}

// Recipes serves GET /v1/import-recipes.
func Recipes(d Desk) httpapi.Route {
	return httpapi.Route{
		Function: function, Pattern: "GET /v1/import-recipes", Action: access.ImportRead, Query: []string{"productGroup"}, Siblings: []string{http.MethodPost},
		Handle: func(r *httpapi.Request) (*httpapi.Response, error) {
			all, err := d.Tables.RecipeList(r.Context(), r.Caller(), r.URL.Query().Get("productGroup"))
			if err != nil {
				return nil, err
			}
			return httpapi.OK(httpapi.List[intake.Recipe]{Items: append([]intake.Recipe{}, all...)}), nil
		},
	}
}

// KeepRecipe serves POST /v1/import-recipes.
func KeepRecipe(d Desk) httpapi.Route {
	return httpapi.Route{
		Function: function, Pattern: "POST /v1/import-recipes", Action: access.ImportWrite, Body: httpapi.JSON(), Idempotent: true,
		Handle: func(r *httpapi.Request) (*httpapi.Response, error) {
			in, err := httpapi.Decode[intake.Recipe](r)
			if err != nil {
				return nil, err
			}
			kept, err := d.Tables.Keep(r.Context(), r.Caller(), in)
			if err != nil {
				return nil, err
			}
			return show(http.StatusCreated, kept).Set("Location", "/v1/import-recipes/"+kept.ID), nil
		},
	}
}

// GetRecipe serves GET /v1/import-recipes/{recipeId}.
func GetRecipe(d Desk) httpapi.Route {
	return httpapi.Route{
		Function: function, Pattern: "GET /v1/import-recipes/{recipeId}", Action: access.ImportRead, Siblings: []string{http.MethodPut, http.MethodDelete},
		Handle: func(r *httpapi.Request) (*httpapi.Response, error) {
			kept, err := d.Tables.Recipe(r.Context(), r.Caller(), r.PathValue("recipeId"))
			if err != nil {
				return nil, err
			}
			return show(http.StatusOK, kept), nil
		},
	}
}

// ChangeRecipe serves PUT /v1/import-recipes/{recipeId}.
func ChangeRecipe(d Desk) httpapi.Route {
	return httpapi.Route{
		Function: function, Pattern: "PUT /v1/import-recipes/{recipeId}", Action: access.ImportWrite, Body: httpapi.JSON(), Conditional: true, Idempotent: true,
		Handle: func(r *httpapi.Request) (*httpapi.Response, error) {
			in, err := httpapi.Decode[intake.Recipe](r)
			if err != nil {
				return nil, err
			}
			seen, err := r.IfMatch()
			if err != nil {
				return nil, err
			}
			kept, err := d.Tables.Change(r.Context(), r.Caller(), r.PathValue("recipeId"), seen, in)
			if err != nil {
				return nil, err
			}
			return show(http.StatusOK, kept), nil
		},
	}
}

// ForgetRecipe serves DELETE /v1/import-recipes/{recipeId}.
func ForgetRecipe(d Desk) httpapi.Route {
	return httpapi.Route{
		Function: function, Pattern: "DELETE /v1/import-recipes/{recipeId}", Action: access.ImportWrite,
		Handle: func(r *httpapi.Request) (*httpapi.Response, error) {
			if err := d.Tables.Forget(r.Context(), r.Caller(), r.PathValue("recipeId")); err != nil {
				return nil, err
			}
			return &httpapi.Response{Status: http.StatusNoContent}, nil
		},
	}
}
