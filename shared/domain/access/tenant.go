package access

import (
	"context"

	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

type tenantKey struct{}

// As returns a context whose storage calls are made with credentials for one tenant only. It is called once per request,
// when the caller has been told from everybody else; what runs below cannot reach another tenant, whatever key it asks
// for.
func As(ctx context.Context, t id.Tenant) context.Context {
	return context.WithValue(ctx, tenantKey{}, t)
}

// TenantOf returns the tenant of a context, or "" for none.
func TenantOf(ctx context.Context) id.Tenant {
	t, _ := ctx.Value(tenantKey{}).(id.Tenant)
	return t
}
