package checks_test

import (
	"slices"
	"strings"
	"testing"
)

// layer is the height of a package: it may import what is lower, and its equals only where allowed says so.
func layer(dir string) (int, bool) {
	for _, l := range []struct {
		prefix string
		height int
	}{
		{"shared/foundation/", 0}, {"shared/domain/", 1}, {"shared/adapters/", 2}, {"infra/openapi", 2}, {"shared/web/", 2},
		{"shared/api/", 3}, {"shared/jobs/", 3}, {"shared/runtime/", 4}, {"functions/", 5}, {"shared/testkit", 6}, {"infra/", 6},
	} {
		if strings.HasPrefix(dir+"/", strings.TrimSuffix(l.prefix, "/")+"/") {
			return l.height, true
		}
	}
	return 0, false
}

// equals lists who may import a package of its own layer.
func equals(from, to string) bool {
	allowed := map[string][]string{
		"shared/foundation/":      {"shared/foundation/fault", "shared/foundation/clock"},
		"shared/domain/":          {"shared/domain/"},
		"shared/adapters/reports": {"shared/adapters/objects", "shared/adapters/spreadsheet"},
		"shared/api/":             {"shared/api/httpapi"},
		"shared/web/":             {"shared/web/frame"},
		"shared/runtime/":         {"shared/runtime/observe", "shared/runtime/wire", "shared/runtime/tenancy", "shared/runtime/editing", "shared/runtime/posting", "shared/runtime/auditing", "shared/runtime/browsing", "shared/runtime/exporting", "shared/runtime/importing", "shared/runtime/bringing", "shared/runtime/backing", "shared/runtime/leaving", "shared/runtime/keeping", "shared/runtime/retaining"},
		"shared/testkit":          {"infra/local/", "shared/testkit"},
		"infra/":                  {"infra/", "shared/testkit"},
	}
	for prefix, targets := range allowed {
		if strings.HasPrefix(from, strings.TrimSuffix(prefix, "/")) && slices.ContainsFunc(targets, func(t string) bool { return strings.HasPrefix(to, strings.TrimSuffix(t, "/")) }) {
			return true
		}
	}
	return false
}

// TestImportsGoDown holds the layers of DESIGN.md.
func TestImportsGoDown(t *testing.T) {
	for _, s := range sources(t) {
		if s.test() {
			continue
		}
		from, ok := layer(s.dir())
		if !ok {
			t.Errorf("%s: the folder %s belongs to no layer", s.path, s.dir())
			continue
		}
		for _, p := range s.imports {
			to, inside := strings.CutPrefix(p, module)
			if !inside {
				continue
			}
			height, ok := layer(to)
			if !ok || height > from || height == from && s.dir() != to && !equals(s.dir(), to) {
				t.Errorf("%s imports %s, which is not below it", s.path, to)
			}
		}
	}
}

// TestCoreStaysClean keeps the network and foreign code out of foundation and domain.
func TestCoreStaysClean(t *testing.T) {
	foreign := map[string][]string{ // exceptions, each the only importer of its library
		"shared/domain/archive":                  {"github.com/klauspost/compress/flate"},
		"shared/domain/auditlog":                 {"golang.org/x/mod/sumdb/note", "golang.org/x/mod/sumdb/tlog"},
		"shared/domain/passport":                 {"github.com/gowebpki/jcs"},
		"shared/domain/productgroup/schemacheck": {"github.com/santhosh-tekuri/jsonschema/v6", "github.com/santhosh-tekuri/jsonschema/v6/kind"},
		"shared/domain/carrier":                  {"github.com/boombuler/barcode", "github.com/boombuler/barcode/qr"},
	}
	for _, s := range sources(t) {
		height, _ := layer(s.dir())
		if s.test() || height > 1 || strings.HasPrefix(s.dir(), "functions") {
			continue
		}
		for _, p := range s.imports {
			own := strings.HasPrefix(p, module)
			outside := strings.Contains(strings.Split(p, "/")[0], ".")
			if p == "net/http" || p == "os" || p == "os/exec" || outside && !own && !slices.Contains(foreign[s.dir()], p) {
				t.Errorf("%s imports %s: domain and foundation know neither network, system nor foreign code", s.path, p)
			}
			if height == 0 && outside && !own {
				t.Errorf("%s imports %s: foundation uses the standard library only", s.path, p)
			}
		}
	}
}

// TestOneImporter holds that each outside technology is behind one package of the product.
func TestOneImporter(t *testing.T) {
	technologies := map[string]string{
		"github.com/aws/aws-lambda-go":                                 "shared/runtime/lambdahost",
		"github.com/awslabs/aws-lambda-go-api-proxy":                   "shared/runtime/lambdahost",
		"github.com/aws/aws-sdk-go-v2/service/dynamodb":                "shared/adapters/dynamo",
		"github.com/aws/aws-sdk-go-v2/service/s3":                      "shared/adapters/objects",
		"github.com/aws/aws-sdk-go-v2/service/kms":                     "shared/adapters/kms",
		"github.com/aws/aws-sdk-go-v2/service/backup":                  "shared/adapters/backups",
		"github.com/aws/aws-sdk-go-v2/service/sesv2":                   "shared/adapters/mail",
		"github.com/aws/aws-sdk-go-v2/service/sts":                     "shared/adapters/sessions",
		"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider": "shared/adapters/userpool",
		"github.com/go-jose/go-jose":                                   "shared/adapters/identity",
		"github.com/santhosh-tekuri/jsonschema":                        "shared/domain/productgroup/schemacheck",
		"github.com/gowebpki/jcs":                                      "shared/domain/passport",
		"github.com/boombuler/barcode":                                 "shared/domain/carrier",
		"github.com/klauspost/compress":                                "shared/domain/archive",
		"github.com/go-json-experiment/json":                           "shared/api/httpapi",
		"github.com/a-h/templ":                                         "shared/web",
		"html/template":                                                "", // six megabytes in every function that reaches it
		"text/template":                                                "",
	}
	for _, s := range sources(t) {
		if s.test() || strings.HasPrefix(s.path, "infra/") || strings.HasPrefix(s.path, "shared/testkit") {
			continue
		}
		for _, p := range s.imports {
			for technology, home := range technologies {
				if (p == technology || strings.HasPrefix(p, technology+"/")) && s.dir() != home && (home != "shared/web" || !strings.HasPrefix(s.dir(), home+"/")) {
					t.Errorf("%s imports %s; only %q may", s.path, p, home)
				}
			}
		}
	}
}
