package testkit

import (
	"bytes"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"

	"github.com/passportcraft/passportcraft/infra/local/iam"
	"github.com/passportcraft/passportcraft/shared/jobs"
	"github.com/passportcraft/passportcraft/shared/runtime/bringing"
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
	return k.deliver(t, "EXPORTS_BUCKET", object, jobs.PackExport(func(bucket string) jobs.Packer { return exporting.Packager(app, bucket) }))
}

// Import delivers the event of an uploaded file or a commit to the runner, in a process of its own.
func (k *Kit) Import(t testing.TB, object string) error {
	t.Helper()
	app := k.open()
	return k.deliver(t, "UPLOADS_BUCKET", object, jobs.RunImport(func(bucket string) jobs.Importer { return bringing.New(app, bucket) }))
}

func (k *Kit) deliver(t testing.TB, bucket, object string, a jobs.Arrival) error {
	t.Helper()
	var e events.S3Event
	e.Records = make([]events.S3EventRecord, 1)
	e.Records[0].S3.Bucket.Name, e.Records[0].S3.Object.Key = k.Env[bucket], url.QueryEscape(object)
	return lambdahost.NewObjects(a)(iam.As(t.Context(), a.Function), e)
}

// ImportAll delivers the events of all uploads and commits until there are none.
func (k *Kit) ImportAll(t testing.TB) {
	t.Helper()
	for {
		all := k.Arrivals("")
		if len(all) == 0 {
			return
		}
		for _, object := range all {
			if strings.HasPrefix(object, "uploads/") || strings.HasPrefix(object, "commits/") {
				if err := k.Import(t, object); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
}

// Send uploads what a presigned form takes.
func (k *Kit) Send(t testing.TB, method, link string, headers map[string]any, body []byte) *http.Response {
	t.Helper()
	return k.Stream(t, method, link, headers, bytes.NewReader(body), int64(len(body)))
}

// Stream is Send for what need not be in memory: so many bytes.
func (k *Kit) Stream(t testing.TB, method, link string, headers map[string]any, body io.Reader, size int64) *http.Response {
	t.Helper()
	if size == 0 {
		body = http.NoBody
	}
	r, err := http.NewRequestWithContext(t.Context(), method, link, body)
	if err != nil {
		t.Fatal(err)
	}
	r.ContentLength = size
	for name, v := range headers {
		r.Header.Set(name, v.(string))
	}
	resp, err := k.gate.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = resp.Body.Close() })
	return resp
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
