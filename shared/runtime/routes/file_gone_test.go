package routes_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/passportcraft/passportcraft/shared/runtime/routes"
	"github.com/passportcraft/passportcraft/shared/testkit"
)

// TestImportedFileGone lets the bucket remove the file of an import before it is stored, as it does with files of seven days:
// the import ends with the next call and says why, whichever kind it is of.
func TestImportedFileGone(t *testing.T) {
	k := testkit.Open(t, testkit.Options{Routes: routes.All, Apart: true})
	tenant, anna := k.Organisation(t, "anna", "Nordeiche")
	k.Create(t, anna, complete)
	raw, _ := exported(t, k, anna, `{"scope":"passports"}`)
	e := testkit.Engines(t)
	bucket := s3.NewFromConfig(aws.Config{Region: "eu-west-1", Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{AccessKeyID: e.AccessKey, SecretAccessKey: e.SecretKey}, nil
	})}, func(o *s3.Options) { o.BaseEndpoint, o.UsePathStyle = &e.S3, true })
	table := []byte(chairs("A1"))
	for format, c := range map[string]struct {
		file []byte
		more string
	}{"archive": {raw, ""}, "csv": {table, `,"productGroup":"general","granularity":"item","recipe":` + chairRecipe}} {
		made := answer(t, k.Do(t, "POST", "/v1/imports", anna, fmt.Sprintf(`{"format":%q,"size":%d,"sha256":"%x"%s}`, format, len(c.file), sha256.Sum256(c.file), c.more)), 201)
		one, form := "/v1/imports/"+made["id"].(string), made["upload"].(map[string]any)
		k.Send(t, "PUT", form["url"].(string), form["headers"].(map[string]any), c.file)
		k.ImportAll(t)
		answer(t, k.Do(t, "POST", one+"/commit", anna, ""), 202)
		if _, err := bucket.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: aws.String(k.Env["UPLOADS_BUCKET"]), Key: aws.String("uploads/" + string(tenant) + "/" + made["id"].(string))}); err != nil {
			t.Fatal(err)
		}
		k.ImportAll(t)
		if got := answer(t, k.Do(t, "GET", one, anna, ""), 200); got["state"] != "failed" || !strings.Contains(fmt.Sprint(got["why"]), "not there any more") {
			t.Errorf("%s: %v", format, got)
		}
		expect(t, k, 204, "", "DELETE", "/v1/imports/"+made["id"].(string), anna, "")
	}
}
