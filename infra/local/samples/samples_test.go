package samples_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/passportcraft/passportcraft/infra/local/samples"
	"github.com/passportcraft/passportcraft/shared/domain/identifier"
	"github.com/passportcraft/passportcraft/shared/domain/productgroup"
	"github.com/passportcraft/passportcraft/shared/domain/productgroup/schemacheck"
)

// TestSamples holds that each sample is a draft that is taken as it stands: a known product group, an identifier with a
// right check digit that names what the granularity says, and content without a mistake.
func TestSamples(t *testing.T) {
	set := productgroup.NewSet()
	check := schemacheck.New(set)
	for _, name := range samples.Names() {
		b, err := samples.Read(name)
		if err != nil {
			t.Fatal(err)
		}
		d := json.NewDecoder(strings.NewReader(string(b)))
		d.UseNumber()
		d.DisallowUnknownFields()
		var body struct {
			ProductGroup      string
			Granularity       identifier.Granularity
			ProductIdentifier string
			Content           map[string]any
		}
		if err := d.Decode(&body); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		group, err := set.Find(body.ProductGroup)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		product, err := identifier.Parse(body.ProductIdentifier)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if product.Granularity() != body.Granularity || product.Canonical() != body.ProductIdentifier {
			t.Errorf("%s: %s is a %s, the sample says %s", name, product.Canonical(), product.Granularity(), body.Granularity)
		}
		for member, in := range map[string]string{"batchNumber": "/10/", "serialNumber": "/21/"} {
			_, value, named := strings.Cut(body.ProductIdentifier, in)
			if got, _ := body.Content[member].(string); named && got != value {
				t.Errorf("%s: %s is %q, the identifier says %q", name, member, got, value)
			}
		}
		for _, f := range append(check.Check(body.ProductGroup, body.Content), group.CheckRules(body.Content, body.Granularity)...) {
			t.Errorf("%s: %+v", name, f)
		}
		if operator, ok := body.Content["responsibleOperator"].(map[string]any); ok {
			if id, _ := operator["operatorId"].(string); strings.Contains(id, "/417/") && !checks(id[strings.LastIndexByte(id, '/')+1:]) {
				t.Errorf("%s: the party GLN %s has a wrong check digit", name, id)
			}
		}
	}
}

// checks tells whether the last digit is the GS1 check digit: weights 3 and 1 from the right, the sum a multiple of 10.
func checks(digits string) bool {
	sum := 0
	for i := range len(digits) {
		d := int(digits[len(digits)-1-i] - '0')
		if i%2 == 1 {
			d *= 3
		}
		sum += d
	}
	return len(digits) == 13 && sum%10 == 0
}
