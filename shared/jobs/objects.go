package jobs

import (
	"context"
	"fmt"
	"regexp"

	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

// Arrival handles objects that have been stored.
type Arrival struct {
	Function string // the Lambda function (folder under functions/)
	Run      func(ctx context.Context, bucket, object string) error
}

// Packer packs exports.
type Packer interface {
	Pack(ctx context.Context, t id.Tenant, e id.Export) error
}

// PackExport packs the export whose request has been stored (requests/<tenant>/<export>.<n>.json). Another object is an
// error: the event must not have been for this function.
func PackExport(packer func(bucket string) Packer) Arrival {
	return Arrival{Function: "package-export", Run: func(ctx context.Context, bucket, object string) error {
		m := regexp.MustCompile(`^requests/([0-9a-f-]{36})/([0-9a-f-]{36})\.[0-9]{6}\.json$`).FindStringSubmatch(object)
		if m == nil || !id.Valid(id.Tenant(m[1])) || !id.Valid(id.Export(m[2])) {
			return fmt.Errorf("jobs: %.120q is no request for an export", object)
		}
		return packer(bucket).Pack(ctx, id.Tenant(m[1]), id.Export(m[2]))
	}}
}
