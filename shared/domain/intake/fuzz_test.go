package intake_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/passportcraft/passportcraft/shared/domain/intake"
	"github.com/passportcraft/passportcraft/shared/domain/passport"
	"github.com/passportcraft/passportcraft/shared/domain/productgroup"
	"github.com/passportcraft/passportcraft/shared/foundation/fault"
)

// FuzzLines reads any bytes as documents, one a line: each line becomes a draft that can be kept exactly, or problems that
// name what is wrong.
func FuzzLines(f *testing.F) {
	f.Add([]byte(`{"productGroup":"general","granularity":"item","productIdentifier":"https://id.gs1.org/01/09506000134376/21/A","content":{"serialNumber":"A","name":{"en":"Chair"}}}` + "\n"))
	f.Add([]byte("\ufeff\n\n{\"content\":{\"a\":1e999}}\r\n{\"content\":null}\n[]\n{"))
	f.Add([]byte(`{"content":{"a":"\ud800"},"content":{}}` + "\n" + strings.Repeat("[", 3000)))
	f.Fuzz(func(t *testing.T, file []byte) {
		lines, converter, last := intake.OpenLines(bytes.NewReader(file), int64(len(file))), intake.NewDocuments("", ""), 0
		for {
			it, err := lines.Next(context.Background())
			if errors.Is(err, io.EOF) {
				return
			}
			if err != nil {
				if fault.Of(err).Code != fault.CodeFileUnreadable {
					t.Errorf("%v", err)
				}
				return
			}
			if it.Number <= last || it.Bytes > int64(len(file)) || len(it.Document) == 0 {
				t.Fatalf("item %d after %d, %d of %d bytes", it.Number, last, it.Bytes, len(file))
			}
			last = it.Number
			draft, wrong := converter.Convert(it)
			check(t, draft, wrong)
		}
	})
}

// check holds that a draft without problems can be stored as it is.
func check(t *testing.T, d intake.Draft, wrong []intake.Problem) {
	t.Helper()
	for _, p := range wrong {
		if p.Code == "" || p.Detail == "" {
			t.Errorf("a problem without a code or a sentence: %+v", p)
		}
	}
	if len(wrong) > 0 {
		return
	}
	if d.Product.IsZero() {
		t.Errorf("a draft of no product: %+v", d)
	}
	b, err := passport.Encode(d.Content)
	if err != nil {
		t.Fatalf("the content cannot be kept: %v", err)
	}
	if _, err := passport.DecodeContent(b); err != nil {
		t.Errorf("the content cannot be read again: %v\n%s", err, b)
	}
}

// FuzzRecipe reads any JSON as a recipe, and where it is one lets it convert a row: nothing of it can break the converter.
func FuzzRecipe(f *testing.F) {
	b, err := json.Marshal(recipe())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b, "https://id.gs1.org/01/09506000134376/21/A")
	f.Add([]byte(`{"name":"a","productGroup":"battery","mapping":{"decimal":",","columns":[{"header":"Product identifier","pointer":"/productIdentifier"},{"header":"Name (en)","pointer":"/content/~1a/0/-"}]}}`), "1.000,5")
	f.Add([]byte(`{"name":"a","productGroup":"general","mapping":{"columns":[{"header":"","pointer":"","default":"x"}]}}`), "x")
	f.Add([]byte(`{"mapping":null}`), "")
	groups := productgroup.NewSet()
	f.Fuzz(func(t *testing.T, text []byte, cell string) {
		r, err := intake.DecodeRecipe(text)
		if err != nil {
			return
		}
		group, err := groups.Find(r.ProductGroup)
		if err != nil || r.Check(group) != nil {
			return
		}
		headers := []string{"Product identifier", "Serial number", "Name (en)", "Manufacturer name"}
		c, err := intake.NewConverter(r, group, headers)
		if err != nil {
			if fault.Of(err).Kind == fault.Internal {
				t.Errorf("%v", err)
			}
			return
		}
		draft, wrong := c.Convert(intake.Item{Number: 2, Cells: []string{cell, cell, cell, cell}})
		check(t, draft, wrong)
	})
}
