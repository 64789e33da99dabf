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

// Importer goes on with imports.
type Importer interface {
	Run(ctx context.Context, t id.Tenant, i id.Import) error
}

// RunImport goes on with the import whose file has been uploaded (uploads/<tenant>/<import>) or that somebody asked for
// (commits/<tenant>/<import>.<n>.json).
func RunImport(importer func(bucket string) Importer) Arrival {
	return Arrival{Function: "run-import", Run: func(ctx context.Context, bucket, object string) error {
		m := regexp.MustCompile(`^(?:uploads/([0-9a-f-]{36})/([0-9a-f-]{36})|commits/([0-9a-f-]{36})/([0-9a-f-]{36})\.[0-9]{6}\.json)$`).FindStringSubmatch(object)
		if m == nil || !id.Valid(id.Tenant(m[1]+m[3])) || !id.Valid(id.Import(m[2]+m[4])) {
			return fmt.Errorf("jobs: %.120q is no file to import", object)
		}
		return importer(bucket).Run(ctx, id.Tenant(m[1]+m[3]), id.Import(m[2]+m[4]))
	}}
}
