// Package apikeys is the HTTP form of API keys: what the people in charge see and do with them.
package apikeys

import (
	"net/http"
	"time"

	"github.com/passportcraft/passportcraft/shared/api/httpapi"
	"github.com/passportcraft/passportcraft/shared/domain/access"
	"github.com/passportcraft/passportcraft/shared/domain/apikey"
	"github.com/passportcraft/passportcraft/shared/foundation/page"
)

// Key is an API key as it is read: never its secret.
type Key struct {
	ID         string         `json:"id"`
	Name       string         `json:"name"`
	Prefix     string         `json:"prefix"`
	Scopes     []access.Scope `json:"scopes"`
	From       []string       `json:"from"`
	Live       bool           `json:"live"`
	CreatedAt  time.Time      `json:"createdAt"`
	CreatedBy  string         `json:"createdBy"`
	ExpiresAt  time.Time      `json:"expiresAt"`
	RevokedAt  *time.Time     `json:"revokedAt,omitempty"`
	LastUsedAt *time.Time     `json:"lastUsedAt,omitempty"` // to the hour
	Secret     string         `json:"key,omitempty"`        // the key's text, when it is created and never again
}

// List serves GET /v1/api-keys: all keys, newest first.
func List(s *apikey.Service) httpapi.Route {
	return httpapi.Route{
		Function: "manage-api-keys", Pattern: "GET /v1/api-keys", Action: access.KeyRead, Siblings: []string{http.MethodPost},
		Handle: func(r *httpapi.Request) (*httpapi.Response, error) {
			all, err := s.List(r.Context(), r.Caller())
			if err != nil {
				return nil, err
			}
			return httpapi.ListOf(page.Of[apikey.Key]{Items: all}, func(k apikey.Key) Key { return show(s, k, r.At) }), nil
		},
	}
}

// Create serves POST /v1/api-keys. The answer shows the key's text, once. It takes no Idempotency-Key: a kept answer
// would keep the secret.
func Create(s *apikey.Service) httpapi.Route {
	return httpapi.Route{
		Function: "manage-api-keys", Pattern: "POST /v1/api-keys", Action: access.KeyWrite, Body: httpapi.JSON(),
		Handle: func(r *httpapi.Request) (*httpapi.Response, error) {
			type input struct {
				Name   string         `json:"name"`
				Scopes []access.Scope `json:"scopes"`
				Days   int            `json:"days"`
				From   []string       `json:"from"`
			}
			in, err := httpapi.Decode[input](r)
			if err != nil {
				return nil, err
			}
			k, text, err := s.Create(r.Context(), r.Caller(), apikey.Order{Name: in.Name, Scopes: in.Scopes, Days: in.Days, From: in.From})
			if err != nil {
				return nil, err
			}
			shown := show(s, k, r.At)
			shown.Secret = text
			resp := &httpapi.Response{Status: http.StatusCreated, Value: shown}
			return resp.Set("Location", "/v1/api-keys/"+k.ID), nil
		},
	}
}

// Revoke serves DELETE /v1/api-keys/{keyId}.
func Revoke(s *apikey.Service) httpapi.Route {
	return httpapi.Route{
		Function: "manage-api-keys", Pattern: "DELETE /v1/api-keys/{keyId}", Action: access.KeyWrite,
		Handle: func(r *httpapi.Request) (*httpapi.Response, error) {
			if err := s.Revoke(r.Context(), r.Caller(), r.PathValue("keyId")); err != nil {
				return nil, err
			}
			return &httpapi.Response{Status: http.StatusNoContent}, nil
		},
	}
}

func show(s *apikey.Service, k apikey.Key, at time.Time) Key {
	out := Key{
		ID: k.ID, Name: k.Name, Prefix: k.Prefix(s.Env), Scopes: k.Scopes, From: []string{}, Live: k.Live(at),
		CreatedAt: k.CreatedAt, CreatedBy: k.CreatedBy, ExpiresAt: k.ExpiresAt,
	}
	for _, p := range k.From {
		out.From = append(out.From, p.String())
	}
	if !k.RevokedAt.IsZero() {
		out.RevokedAt = &k.RevokedAt
	}
	if !k.UsedAt.IsZero() {
		out.LastUsedAt = &k.UsedAt
	}
	return out
}
