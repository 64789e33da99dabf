package runner

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/passportcraft/passportcraft/infra/local/iam"
	"github.com/passportcraft/passportcraft/infra/local/template"
	"github.com/passportcraft/passportcraft/shared/jobs"
	"github.com/passportcraft/passportcraft/shared/runtime/bringing"
	"github.com/passportcraft/passportcraft/shared/runtime/exporting"
	"github.com/passportcraft/passportcraft/shared/runtime/lambdahost"
)

// objectTime is how long a function may work on an object event, as on Lambda.
const objectTime = 15 * time.Minute

// eventTries is how often an event whose function fails is delivered, as Lambda does by default.
const eventTries = 3

// arrived is told of every stored object and calls the functions that the template declares for it, beside whatever is
// going on.
func (s *site) arrived(bucket, object string) {
	for _, f := range s.template.Functions {
		for _, e := range f.ObjectEvents {
			created := slices.ContainsFunc(e.Events, func(name string) bool { return strings.HasPrefix(name, "s3:ObjectCreated:") })
			if created && s.bucketName(e.Bucket) == bucket && strings.HasPrefix(object, e.Prefix) && strings.HasSuffix(object, e.Suffix) {
				s.arrivals.Go(func() { s.deliver(f, bucket, object) })
			}
		}
	}
}

func (s *site) bucketName(logicalID string) string {
	return "passportcraft-" + strings.ToLower(logicalID)
}

func (s *site) deliver(f template.Function, bucket, object string) {
	var e events.S3Event
	e.Records = make([]events.S3EventRecord, 1)
	e.Records[0].EventSource, e.Records[0].EventName, e.Records[0].AWSRegion = "aws:s3", "ObjectCreated:Put", region
	e.Records[0].S3.Bucket.Name, e.Records[0].S3.Object.Key = bucket, url.QueryEscape(object)
	for try := 1; ; try++ {
		ctx, cancel := context.WithTimeout(context.Background(), objectTime)
		err := s.handle(ctx, f.Folder, e)
		cancel()
		if err == nil || try == eventTries {
			if err != nil {
				fmt.Fprintf(s.log, "{\"level\":\"ERROR\",\"msg\":\"object event\",\"function\":%q,\"cause\":%q}\n", f.Folder, err.Error())
			}
			return
		}
	}
}

func (s *site) handle(ctx context.Context, function string, e events.S3Event) error {
	if s.runtime != nil {
		b, err := json.Marshal(e)
		if err == nil {
			_, err = s.runtime.Call(ctx, function, b)
		}
		return err
	}
	for _, arrival := range []jobs.Arrival{
		jobs.PackExport(func(bucket string) jobs.Packer { return exporting.Packager(s.app, bucket) }),
		jobs.RunImport(func(bucket string) jobs.Importer { return bringing.New(s.app, bucket) }),
	} {
		if arrival.Function == function {
			return lambdahost.NewObjects(arrival)(iam.As(ctx, function), e)
		}
	}
	return fmt.Errorf("no function is known for objects of %s", function)
}
