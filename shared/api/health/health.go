// Package health answers whether this build is up.
package health

import (
	"github.com/passportcraft/passportcraft/shared/api/httpapi"
	"github.com/passportcraft/passportcraft/shared/domain/access"
)

// Check serves GET /health. It touches no storage: it says that requests arrive and are answered.
func Check() httpapi.Route {
	return httpapi.Route{
		Function: "check-health", Pattern: "GET /health", Action: access.Public,
		Handle: func(*httpapi.Request) (*httpapi.Response, error) {
			return httpapi.OK(map[string]string{"status": "ok"}), nil
		},
	}
}
