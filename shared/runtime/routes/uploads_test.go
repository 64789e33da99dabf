package routes_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/passportcraft/passportcraft/shared/api/httpapi"
	"github.com/passportcraft/passportcraft/shared/foundation/fault"
	"github.com/passportcraft/passportcraft/shared/runtime/routes"
	"github.com/passportcraft/passportcraft/shared/testkit"
)

// lying are the objects of a bucket, and the uploads that were begun and neither finished nor aborted.
func lying(t *testing.T, k *testkit.Kit, bucket string) (all []string) {
	t.Helper()
	e := testkit.Engines(t)
	api := s3.NewFromConfig(aws.Config{Region: "eu-west-1", Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{AccessKeyID: e.AccessKey, SecretAccessKey: e.SecretKey}, nil
	})}, func(o *s3.Options) { o.BaseEndpoint, o.UsePathStyle = &e.S3, true })
	objects, err := api.ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: aws.String(k.Env[bucket])})
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range objects.Contents {
		all = append(all, *o.Key)
	}
	parts, err := api.ListMultipartUploads(t.Context(), &s3.ListMultipartUploadsInput{Bucket: aws.String(k.Env[bucket])})
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range parts.Uploads {
		all = append(all, *u.Key+" unfinished")
	}
	return all
}

// TestAnnouncedTooLarge holds that a file beyond the limit is refused when it is announced, where it is told how large it
// may be, and that nothing of it is stored.
func TestAnnouncedTooLarge(t *testing.T) {
	k := testkit.Open(t, testkit.Options{Routes: routes.All, Apart: true})
	_, anna := k.Organisation(t, "anna", "Nordeiche")
	const archive, table = 5 << 30, 200_000_000
	announce := func(format string, size int64) (int, httpapi.Problem) {
		more := `,"productGroup":"general"`
		if format == "archive" {
			more = ""
		}
		w := k.Do(t, "POST", "/v1/imports", anna, fmt.Sprintf(`{"format":%q,"size":%d,"sha256":%q%s}`, format, size, strings.Repeat("a", 64), more))
		var p httpapi.Problem
		_ = json.Unmarshal(w.Body.Bytes(), &p)
		return w.Code, p
	}
	rows := func() []string { // but for how many requests there were
		return slices.DeleteFunc(k.Dump(t), func(row string) bool { return strings.Contains(row, "#RATE") })
	}
	before := rows()
	for format, most := range map[string]int64{"archive": archive, "csv": table, "xlsx": table, "ndjson": table} {
		for _, size := range []int64{most + 1, 1 << 62, 0, -1} {
			status, p := announce(format, size)
			said := slices.ContainsFunc(p.Errors, func(f fault.Field) bool {
				return f.Pointer == "/size" && f.Code == fault.CodeValueInvalid && strings.Contains(f.Detail, fmt.Sprint(most))
			})
			if status != 422 || p.Code != fault.CodeValueInvalid || !said {
				t.Errorf("%s of %d bytes: %d %+v", format, size, status, p)
			}
		}
	}
	if after := rows(); !slices.Equal(before, after) {
		t.Errorf("something is stored of what was refused:\n%s", diff(before, after))
	}
	for format, most := range map[string]int64{"archive": archive, "csv": table, "xlsx": table, "ndjson": table} {
		if status, p := announce(format, most); status != 201 {
			t.Errorf("%s of the greatest size: %d %+v", format, status, p)
		}
	}
	if all := lying(t, k, "UPLOADS_BUCKET"); len(all) != 0 {
		t.Errorf("there are objects: %v", all)
	}
}

// TestDeliveredOtherwise announces a small file and delivers something else: more bytes, fewer, others, as another type,
// without its digest, too late. Nothing of it is kept, and the import waits until somebody ends it.
func TestDeliveredOtherwise(t *testing.T) {
	k := testkit.Open(t, testkit.Options{Routes: routes.All, Apart: true})
	_, anna := k.Organisation(t, "anna", "Nordeiche")
	file := []byte(chairs("A1", "A2"))
	other := bytes.ToUpper(file)
	without := func(of map[string]any, name string) map[string]any {
		headers := maps.Clone(of)
		maps.DeleteFunc(headers, func(n string, _ any) bool { return strings.EqualFold(n, name) })
		return headers
	}
	with := func(of map[string]any, name, value string) map[string]any {
		headers := without(of, name)
		headers[name] = value
		return headers
	}
	same := func(h map[string]any) map[string]any { return h }
	digest := "X-Amz-Checksum-Sha256"
	var imports []string
	for _, format := range []string{"archive", "csv", "ndjson"} {
		for name, c := range map[string]struct {
			body    []byte
			headers func(map[string]any) map[string]any
		}{
			"a byte more":        {append(bytes.Clone(file), '\n'), same},
			"much more":          {bytes.Repeat(file, 50_000), same},
			"a byte less":        {file[1:], same},
			"nothing":            {nil, same},
			"other bytes":        {other, same},
			"another digest":     {other, func(h map[string]any) map[string]any { return with(h, digest, fmt.Sprintf("%x", sha256.Sum256(other))) }},
			"no digest":          {other, func(h map[string]any) map[string]any { return without(h, digest) }},
			"another type":       {file, func(h map[string]any) map[string]any { return with(h, "Content-Type", "text/html") }},
			"in another's place": {file, same},
		} {
			more := `,"productGroup":"general"`
			if format != "csv" {
				more = ""
			}
			made := answer(t, k.Do(t, "POST", "/v1/imports", anna, fmt.Sprintf(`{"format":%q,"size":%d,"sha256":"%x"%s}`, format, len(file), sha256.Sum256(file), more)), 201)
			imports = append(imports, made["id"].(string))
			form := made["upload"].(map[string]any)
			headers := form["headers"].(map[string]any)
			if len(without(headers, digest)) != len(headers)-1 {
				t.Fatalf("the digest is not among the headers: %v", headers)
			}
			link := form["url"].(string)
			if name == "in another's place" {
				link = strings.Replace(link, made["id"].(string), "0199aaaa-0000-7000-8000-00000000000a", 1)
			}
			if resp := k.Send(t, "PUT", link, c.headers(headers), c.body); resp.StatusCode < 400 || resp.StatusCode >= 500 {
				t.Errorf("%s, %s: %d", format, name, resp.StatusCode)
			}
			if all := lying(t, k, "UPLOADS_BUCKET"); len(all) != 0 {
				t.Fatalf("%s, %s: there is %v", format, name, all)
			}
		}
	}
	if len(k.Arrivals("uploads/")) != 0 {
		t.Error("an arrival was told")
	}
	k.Clock.Advance(7 * time.Hour)
	deliver(t, k, tend(t, k))
	anna = k.SignIn(t, "anna")
	for _, i := range imports {
		if got := answer(t, k.Do(t, "GET", "/v1/imports/"+i, anna, ""), 200); got["state"] != "cancelled" || !strings.Contains(fmt.Sprint(got["why"]), "did not come") {
			t.Errorf("%v", got)
		}
		expect(t, k, 409, "import-state", "POST", "/v1/imports/"+i+"/commit", anna, "")
	}
	if n := len(passports(t, k, anna)); n != 0 {
		t.Errorf("%d passports", n)
	}
	if all := lying(t, k, "UPLOADS_BUCKET"); slices.ContainsFunc(all, func(s string) bool { return strings.HasPrefix(s, "uploads/") }) {
		t.Errorf("there is %v", all)
	}
}
