package intake

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/passportcraft/passportcraft/shared/domain/identifier"
	"github.com/passportcraft/passportcraft/shared/domain/productgroup"
	"github.com/passportcraft/passportcraft/shared/foundation/fault"
)

// The members of a passport that a column can fill beside its content.
const (
	toProduct     = "/productIdentifier"
	toGranularity = "/granularity"
	toContent     = "/content"
)

// Decimal is the sign between whole and fraction in the numbers of a file.
type Decimal string

// The decimal signs. The zero value is the point.
const (
	Point Decimal = "."
	Comma Decimal = ","
)

// DateOrder is how the dates of a file are written. ISO 8601 (2027-02-18) is always read too: nothing else looks like it.
type DateOrder string

// The orders. The zero value reads ISO 8601 only.
const (
	ISO          DateOrder = "iso"
	DayMonthYear DateOrder = "dmy" // 18.02.2027, 18/02/2027, 18-02-2027
	MonthDayYear DateOrder = "mdy" // 02/18/2027
)

// Column says what becomes of one column of a table.
type Column struct {
	// Header is the text in the first row. Empty: there is no such column, every row has the value of Default.
	Header string `json:"header"`
	// Pointer is where the value goes: /productIdentifier (a GS1 Digital Link, or a GTIN that is completed by what goes to
	// /content/serialNumber or /content/batchNumber), /granularity, or a field of the content such as
	// /content/manufacturer/name or /content/materials/0/name.
	Pointer   string    `json:"pointer"`
	Language  string    `json:"language,omitempty"`  // of a text that the passport keeps by language
	Unit      string    `json:"unit,omitempty"`      // in which the numbers are; empty: in that of the field
	Default   string    `json:"default,omitempty"`   // written like a cell; taken where a cell is empty
	Separator string    `json:"separator,omitempty"` // between the entries of a list
	Decimal   Decimal   `json:"decimal,omitempty"`   // instead of that of the mapping
	Dates     DateOrder `json:"dates,omitempty"`     // instead of that of the mapping
}

// Mapping says what the columns of a table become.
type Mapping struct {
	Decimal Decimal   `json:"decimal,omitempty"`
	Dates   DateOrder `json:"dates,omitempty"`
	Columns []Column  `json:"columns"`
}

// Recipe is a mapping that is kept under a name for the passports of one product group.
type Recipe struct {
	ID           string                 `json:"id,omitempty"`
	Name         string                 `json:"name"`
	ProductGroup string                 `json:"productGroup"`
	Granularity  identifier.Granularity `json:"granularity,omitempty"` // of all rows; empty when a column says it
	Mapping      Mapping                `json:"mapping"`
	Revision     int64                  `json:"revision,omitempty"` // 1 when first kept, one more with each change
}

// maxRecipe is how large a recipe may be as JSON, in bytes.
const maxRecipe = 1 << 20

// DecodeRecipe reads a recipe from JSON and refuses members that it does not know. The errors are json-syntax and
// body-too-large; what the members say is for Check.
func DecodeRecipe(b []byte) (Recipe, error) {
	var r Recipe
	if len(b) > maxRecipe {
		return r, fault.New(fault.CodeBodyTooLarge, "A recipe has at most %d bytes.", maxRecipe)
	}
	if _, problem := readObject(b); problem != nil {
		return r, fault.New(fault.CodeJSONSyntax, "The recipe cannot be read: %s", problem.Detail)
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&r); err != nil {
		return Recipe{}, fault.From(err, fault.CodeJSONSyntax, "The recipe cannot be read: %s.", strings.TrimPrefix(err.Error(), "json: "))
	}
	if _, err := d.Token(); err != io.EOF {
		return Recipe{}, fault.New(fault.CodeJSONSyntax, "Something follows the recipe.")
	}
	return r, nil
}

// checking collects what is wrong with a recipe.
type checking struct {
	content *field
	units   map[string]unit
	mapping Mapping
	fields  []fault.Field
}

func (c *checking) bad(pointer string, code fault.Code, format string, args ...any) {
	c.fields = append(c.fields, fault.Field{Pointer: pointer, Code: code, Detail: fmt.Sprintf(format, args...)})
}

// Check refuses a recipe that cannot work, naming each wrong member: value-invalid with fields. Default values are read
// like cells. What it lets pass can still fail with a file that has other columns, see NewConverter.
func (r Recipe) Check(g *productgroup.Group) error {
	content, err := contentOf(g)
	if err != nil {
		return err
	}
	c := &checking{content: content, units: units(), mapping: r.Mapping}
	if n := utf8.RuneCountInString(strings.TrimSpace(r.Name)); n < 1 || n > 200 {
		c.bad("/name", fault.CodeValueInvalid, "Give the recipe a name of 1 to 200 characters.")
	}
	if r.ProductGroup != g.Name() {
		c.bad("/productGroup", fault.CodeProductGroupUnknown, "The recipe is for %q, not for %q.", r.ProductGroup, g.Name())
	}
	if r.Granularity != "" {
		if _, err := identifier.ParseGranularity(string(r.Granularity)); err != nil {
			c.bad("/granularity", fault.CodeGranularityUnknown, "%s", fault.Of(err).Detail)
		}
	}
	c.formats("/mapping", r.Mapping.Decimal, r.Mapping.Dates)
	if len(r.Mapping.Columns) > MaxColumns {
		c.bad("/mapping/columns", fault.CodeValueInvalid, "At most %d columns can be mapped.", MaxColumns)
	} else {
		c.columns(r)
	}
	if c.fields == nil {
		return nil
	}
	return fault.New(fault.CodeValueInvalid, "The recipe cannot be used: %d members are wrong. Each is listed with its pointer.", len(c.fields)).With(c.fields...)
}

func (c *checking) formats(at string, d Decimal, o DateOrder) {
	if d != "" && d != Point && d != Comma {
		c.bad(at+"/decimal", fault.CodeValueInvalid, "The decimal sign is . or ,")
	}
	if o != "" && o != ISO && o != DayMonthYear && o != MonthDayYear {
		c.bad(at+"/dates", fault.CodeValueInvalid, "Dates are iso, dmy or mdy.")
	}
}

func (c *checking) columns(r Recipe) {
	taken := map[string]int{}
	product, granularity := false, r.Granularity != ""
	for i, col := range r.Mapping.Columns {
		at := fmt.Sprintf("/mapping/columns/%d", i)
		c.formats(at, col.Decimal, col.Dates)
		if col.Header == "" && col.Default == "" {
			c.bad(at+"/header", fault.CodeMemberMissing, "Name the column, or give a default for every row.")
		}
		if len(col.Header) > 1000 || len(col.Default) > MaxCell || !utf8.ValidString(col.Header+col.Default) {
			c.bad(at+"/header", fault.CodeValueInvalid, "A header has at most 1000 bytes, a default %d, both UTF-8.", MaxCell)
		}
		target, ok := c.target(at, col)
		if !ok {
			continue
		}
		if first, twice := taken[target]; twice {
			c.bad(at+"/pointer", fault.CodeValueInvalid, "Column %d goes to the same place already.", first)
			continue
		}
		taken[target] = i
		product = product || target == toProduct
		if target == toGranularity && r.Granularity != "" {
			c.bad(at+"/pointer", fault.CodeValueInvalid, "The recipe already says that all rows are of granularity %s.", r.Granularity)
		}
		granularity = granularity || target == toGranularity
	}
	c.nested(r, taken)
	if !product {
		c.bad("/mapping/columns", fault.CodeMemberMissing, "No column goes to %s: without it nobody can tell which product a row is about.", toProduct)
	}
	if !granularity {
		c.bad("/granularity", fault.CodeMemberMissing, "Say whether the rows are models, batches or items, here or by a column that goes to %s.", toGranularity)
	}
}

// nested refuses a column for a whole and another for a part of it.
func (c *checking) nested(r Recipe, taken map[string]int) {
	for i := range r.Mapping.Columns {
		for target, j := range taken {
			if j != i {
				continue
			}
			for cut := strings.LastIndexByte(target, '/'); cut > 0; cut = strings.LastIndexByte(target[:cut], '/') {
				if first, ok := taken[target[:cut]]; ok {
					c.bad(fmt.Sprintf("/mapping/columns/%d/pointer", i), fault.CodeValueInvalid, "Column %d already fills %s as a whole.", first, target[:cut])
				}
			}
		}
	}
}

// target returns where a column leads, in one spelling.
func (c *checking) target(at string, col Column) (string, bool) {
	if col.Pointer == toProduct || col.Pointer == toGranularity {
		return col.Pointer, c.plain(at, col)
	}
	below, ok := strings.CutPrefix(col.Pointer, toContent)
	if !ok || len(col.Pointer) > 1000 {
		c.bad(at+"/pointer", fault.CodeValueInvalid, "Give %s, %s or a field of the content, such as /content/brand.", toProduct, toGranularity)
		return "", false
	}
	p, ok := c.content.find(below)
	if !ok || len(p.tokens) == 0 {
		c.bad(at+"/pointer", fault.CodeContentUnknown, "The product group has no such field. Entries of lists are named by position from 0 to %d.", maxIndex)
		return "", false
	}
	n := len(c.fields)
	c.fits(at, col, p)
	target := toContent
	for _, token := range p.tokens {
		target += "/" + escape(token)
	}
	if p.field.kind() == kindWords {
		target += "/" + p.language + col.Language
	}
	return target, len(c.fields) == n
}

// plain refuses what only makes sense for fields of the content.
func (c *checking) plain(at string, col Column) bool {
	n := len(c.fields)
	for member, value := range map[string]string{"language": col.Language, "unit": col.Unit, "separator": col.Separator} {
		if value != "" {
			c.bad(at+"/"+member, fault.CodeValueInvalid, "This means nothing for %s.", col.Pointer)
		}
	}
	return len(c.fields) == n
}

// fits compares the options of a column with the field it leads to.
func (c *checking) fits(at string, col Column, p place) {
	k := p.field.kind()
	switch {
	case k == kindRefused:
		c.bad(at+"/pointer", fault.CodeDataPointRefused, "%s", p.field.Refused)
		return
	case k == kindWords && p.language == "" && !isLanguage(col.Language):
		c.bad(at+"/language", fault.CodeValueInvalid, "Say in which language the column is, for example en, de or pt-BR.")
	case (k != kindWords || p.language != "") && col.Language != "":
		c.bad(at+"/language", fault.CodeValueInvalid, "The field does not ask for a language here.")
	}
	if k == kindList && (col.Separator == "" || len(col.Separator) > 10 || strings.TrimSpace(col.Separator) == "" && col.Separator != "\n") {
		c.bad(at+"/separator", fault.CodeValueInvalid, "Say what stands between the entries of the list, for example a semicolon.")
	}
	if k != kindList && col.Separator != "" {
		c.bad(at+"/separator", fault.CodeValueInvalid, "The field is not a list of single values.")
	}
	number := k == kindNumber || k == kindInteger
	if col.Unit != "" {
		if _, ok := ratio(c.units, col.Unit, p.field.Unit); !number || !ok && col.Unit != p.field.Unit {
			c.bad(at+"/unit", fault.CodeValueInvalid, "%q cannot be converted into %q without rounding.", col.Unit, p.field.Unit)
			return
		}
	}
	if col.Default != "" {
		reader := cellReader{column: col, place: p, units: c.units, decimal: cmp.Or(col.Decimal, c.mapping.Decimal), dates: cmp.Or(col.Dates, c.mapping.Dates)}
		if _, problem := reader.read(col.Default); problem != nil {
			c.bad(at+"/default", problem.Code, "%s", problem.Detail)
		}
	}
}
