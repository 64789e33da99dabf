package testkit

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"

	"github.com/passportcraft/passportcraft/infra/local/iam"
	"github.com/passportcraft/passportcraft/shared/jobs"
	"github.com/passportcraft/passportcraft/shared/runtime/exporting"
	"github.com/passportcraft/passportcraft/shared/runtime/lambdahost"
)

// arrived is an object that has been stored.
type arrived struct{ bucket, object string }

func (k *Kit) arrive(bucket, object string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.created = append(k.created, arrived{bucket, object})
}

// Arrivals are the objects stored since the last call under a prefix.
func (k *Kit) Arrivals(prefix string) []string {
	k.mu.Lock()
	defer k.mu.Unlock()
	var all []string
	for _, a := range k.created {
		if strings.HasPrefix(a.object, prefix) {
			all = append(all, a.object)
		}
	}
	k.created = nil
	return all
}

// Pack delivers the event of a stored request to the packager, in a process of its own.
func (k *Kit) Pack(t testing.TB, object string) error {
	t.Helper()
	app := k.open()
	handle := lambdahost.NewObjects(jobs.PackExport(func(bucket string) jobs.Packer { return exporting.Packager(app, bucket) }))
	var e events.S3Event
	e.Records = make([]events.S3EventRecord, 1)
	e.Records[0].S3.Bucket.Name, e.Records[0].S3.Object.Key = k.Env["EXPORTS_BUCKET"], url.QueryEscape(object)
	return handle(iam.As(t.Context(), "package-export"), e)
}

// PackAll delivers the events of all requests, and of those that come of them, until there are none.
func (k *Kit) PackAll(t testing.TB) {
	t.Helper()
	for {
		all := k.Arrivals("requests/")
		if len(all) == 0 {
			return
		}
		for _, object := range all {
			if err := k.Pack(t, object); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// Fetch gets what a presigned link leads to.
func (k *Kit) Fetch(t testing.TB, link string) *http.Response {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, link, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := k.gate.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = resp.Body.Close() })
	return resp
}
