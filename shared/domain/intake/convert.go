package intake

import (
	"cmp"
	"fmt"
	"math/big"
	"slices"
	"strings"

	"github.com/passportcraft/passportcraft/shared/domain/identifier"
	"github.com/passportcraft/passportcraft/shared/domain/passport"
	"github.com/passportcraft/passportcraft/shared/domain/productgroup"
	"github.com/passportcraft/passportcraft/shared/foundation/fault"
)

// The content members that complete a GTIN to the identifier of an item or a batch.
const (
	serialPointer = "/content/serialNumber"
	batchPointer  = "/content/batchNumber"
)

// Converter makes drafts of the items of one file. It is safe for concurrent use.
type Converter struct {
	recipe   Recipe
	columns  []cellReader
	identity []cellReader // those that name the product
}

// NewConverter prepares a recipe for a table with these headers. It returns value-invalid, with a field for each column of
// the recipe that the table lacks or has twice; headers are compared without spaces around them. The recipe must have
// passed Check.
func NewConverter(r Recipe, g *productgroup.Group, headers []string) (*Converter, error) {
	content, err := contentOf(g)
	if err != nil {
		return nil, err
	}
	c := &Converter{recipe: r}
	known := units()
	var bad []fault.Field
	for i, col := range r.Mapping.Columns {
		reader := cellReader{column: col, at: -1, pointer: col.Pointer, units: known, decimal: cmp.Or(col.Decimal, r.Mapping.Decimal), dates: cmp.Or(col.Dates, r.Mapping.Dates)}
		if below, ok := strings.CutPrefix(col.Pointer, toContent); ok {
			if reader.place, ok = content.find(below); !ok {
				bad = append(bad, fault.Field{Pointer: fmt.Sprintf("/mapping/columns/%d/pointer", i), Code: fault.CodeContentUnknown, Detail: "The product group has no such field."})
				continue
			}
			reader.prepare()
		}
		detail := ""
		if reader.at, detail = columnNamed(headers, col.Header); detail != "" {
			bad = append(bad, fault.Field{Pointer: fmt.Sprintf("/mapping/columns/%d/header", i), Code: fault.CodeValueInvalid, Detail: detail})
		}
		c.columns = append(c.columns, reader)
		switch col.Pointer {
		case toProduct, toGranularity, serialPointer, batchPointer:
			c.identity = append(c.identity, reader)
		}
	}
	if bad != nil {
		return nil, fault.New(fault.CodeValueInvalid, "The file does not have the columns of the recipe.").With(bad...)
	}
	return c, nil
}

// NewDocuments prepares for documents, which need no mapping. What a document does not say about product group and
// granularity is taken from the arguments; a product group that is given here is demanded of every document.
func NewDocuments(group string, level identifier.Granularity) *Converter {
	return &Converter{recipe: Recipe{ProductGroup: group, Granularity: level}}
}

func columnNamed(headers []string, name string) (int, string) {
	if name == "" {
		return -1, ""
	}
	found := -1
	for i, h := range headers {
		if strings.TrimSpace(h) != strings.TrimSpace(name) {
			continue
		}
		if found >= 0 {
			return -1, fmt.Sprintf("The file has two columns %s; rename one of them.", quote(name))
		}
		found = i
	}
	if found < 0 {
		return -1, fmt.Sprintf("The file has no column %s.", quote(name))
	}
	return found, ""
}

// prepare works out what is the same for all cells of the column.
func (r *cellReader) prepare() {
	f := r.place.field
	if r.column.Language != "" {
		r.place.language = r.column.Language
	}
	if r.column.Unit != "" && r.column.Unit != f.Unit {
		if factor, ok := ratio(r.units, r.column.Unit, f.Unit); ok && factor.Cmp(big.NewRat(1, 1)) != 0 {
			r.factor = factor
		}
	}
	if f.kind() == kindList && f.Items != nil {
		f = f.Items
	}
	r.enum = map[string]string{}
	for _, code := range f.Enum {
		if s, ok := code.(string); ok {
			r.enum[plainWords(s)], r.enum[plainWords(f.Words[s])] = s, s
		}
	}
	delete(r.enum, "")
}

// Convert makes a draft of one row with a recipe that is used once. For many rows make a Converter.
func Convert(it Item, headers []string, r Recipe, g *productgroup.Group) (Draft, []Problem) {
	c, err := NewConverter(r, g, headers)
	if err != nil {
		return Draft{}, problemsOf(err, "/mapping")
	}
	return c.Convert(it)
}

// Product is the product that an item names, as Convert finds it, without the work for the rest of the item.
func (c *Converter) Product(it Item) identifier.Product {
	draft, _ := (&Converter{recipe: c.recipe, columns: c.identity}).Convert(it)
	return draft.Product
}

// Convert makes a draft of an item. Cells become the types of the schema; an empty cell says nothing, and a cell that
// could be read in two ways, or not without loss, is a problem. With problems the draft holds what could be read; its
// product is set whenever the row names one. The rules of the product group are not applied here, see Decide.
func (c *Converter) Convert(it Item) (Draft, []Problem) {
	if it.Document != nil {
		draft, found := c.document(it.Document)
		return draft, append(slices.Clone(it.Problems), found...)
	}
	found := slices.Clone(it.Problems)
	draft := Draft{ProductGroup: c.recipe.ProductGroup, Granularity: c.recipe.Granularity, Content: passport.Content{}}
	product := ""
	for i := range c.columns {
		r := &c.columns[i]
		s, problem := r.cell(it.Cells)
		if problem != nil {
			found = append(found, r.blame(*problem))
			continue
		}
		if s == "" {
			continue
		}
		switch r.pointer {
		case toProduct:
			product = s
		case toGranularity:
			draft.Granularity = level(s)
		default:
			reader := r
			if r.at >= 0 && r.at < len(it.Exact) && it.Exact[r.at] {
				exact := *r
				exact.decimal, reader = Point, &exact
			}
			v, problem := reader.read(s)
			if problem != nil {
				found = append(found, r.blame(*problem))
				continue
			}
			draft.Content = r.put(draft.Content, v)
		}
	}
	compact(draft.Content)
	identified, wrongs := identify(product, draft)
	for i := range wrongs {
		if wrongs[i].Pointer == toProduct {
			wrongs[i].Column = c.column(toProduct)
		}
	}
	draft.Product = identified
	return draft, append(found, c.ofThemselves(wrongs, found)...)
}

// ofThemselves are the problems that do not just follow from another one: what is missing because its cell was refused.
func (c *Converter) ofThemselves(wrongs, found []Problem) []Problem {
	return slices.DeleteFunc(wrongs, func(p Problem) bool {
		header := strings.TrimSpace(c.column(p.Pointer))
		return header != "" && (p.Code == fault.CodeMemberMissing || p.Code == fault.CodeGranularityUnknown) &&
			slices.ContainsFunc(found, func(other Problem) bool { return strings.TrimSpace(other.Column) == header })
	})
}

func (r *cellReader) blame(p Problem) Problem {
	p.Pointer, p.Column = r.pointer, r.column.Header
	if r.place.language != "" && !strings.HasSuffix(p.Pointer, "/"+r.place.language) {
		p.Pointer += "/" + r.place.language
	}
	return p
}

// cell returns the cleaned text of the row in this column, or the default.
func (r *cellReader) cell(cells []string) (string, *Problem) {
	s := ""
	if r.at >= 0 && r.at < len(cells) {
		var problem *Problem
		if s, problem = cleanCell(cells[r.at]); problem != nil {
			return "", problem
		}
	}
	if s == "" {
		return cleanCell(r.column.Default)
	}
	return s, nil
}

// level reads a granularity in English or German; anything else stays as it is and is refused later.
func level(s string) identifier.Granularity {
	switch strings.ToLower(s) {
	case "model", "modell", "type", "typ":
		return identifier.Model
	case "batch", "lot", "charge", "los":
		return identifier.Batch
	case "item", "unit", "artikel", "einzelstück", "exemplar":
		return identifier.Item
	}
	return identifier.Granularity(s)
}

// identify makes the product identifier of a row: as it stands if it is a URI, otherwise of a GTIN and what the content
// says about batch or serial number (GS1 Digital Link Standard: URI Syntax 1.7).
func identify(cell string, d Draft) (identifier.Product, []Problem) {
	if cell == "" {
		return identifier.Product{}, append([]Problem{{Pointer: toProduct, Code: fault.CodeMemberMissing, Detail: "The row names no product."}}, levels(d)...)
	}
	if strings.Contains(cell, "/") {
		var err error
		if d.Product, err = identifier.Parse(cell); err != nil {
			return identifier.Product{}, append(problemsOf(err, toProduct), levels(d)...)
		}
		return d.Product, levels(d)
	}
	gtin, problem := gtin14(cell)
	if problem != nil {
		return identifier.Product{}, append([]Problem{*problem}, levels(d)...)
	}
	if wrong := levels(d); wrong != nil {
		return identifier.Product{}, wrong
	}
	lot, serial := "", ""
	switch d.Granularity {
	case identifier.Batch:
		if lot, _ = d.Content["batchNumber"].(string); lot == "" {
			return identifier.Product{}, []Problem{{Pointer: batchPointer, Code: fault.CodeMemberMissing, Detail: "A GTIN alone names a model; for a batch its number is needed too."}}
		}
	case identifier.Item:
		if serial, _ = d.Content["serialNumber"].(string); serial == "" {
			return identifier.Product{}, []Problem{{Pointer: serialPointer, Code: fault.CodeMemberMissing, Detail: "A GTIN alone names a model; for an item its serial number is needed too."}}
		}
	}
	p, err := identifier.New(gtin, lot, serial)
	if err != nil {
		return identifier.Product{}, problemsOf(err, toProduct)
	}
	return p, nil
}

// gtin14 reads a GTIN of 8, 12, 13 or 14 digits (GS1 General Specifications, section 7.10: shorter ones are padded on the
// left). Spaces and hyphens between the digits are those of people. A number that a spreadsheet has rounded is refused.
func gtin14(cell string) (string, *Problem) {
	bad := func(format string, args ...any) (string, *Problem) {
		p := wrong(fault.CodeIdentifierInvalid, format, args...)
		p.Pointer = toProduct
		return "", p
	}
	s := strings.NewReplacer(" ", "", "\u00a0", "", "-", "").Replace(cell)
	if strings.ContainsAny(s, "eE") && strings.Trim(s, "0123456789.,eE+") == "" {
		return bad("%s is a number that a spreadsheet has rounded; format the column as text and enter the GTIN again.", quote(cell))
	}
	if strings.Trim(s, "0123456789") != "" {
		return bad("%s is neither a GTIN nor a GS1 Digital Link (https://…/01/{GTIN}).", quote(cell))
	}
	switch len(s) {
	case 8, 12, 13, 14:
		return strings.Repeat("0", 14-len(s)) + s, nil
	}
	return bad("A GTIN has 8, 12, 13 or 14 digits; %s has %d. Spreadsheets drop zeros on the left unless the column is text.", quote(cell), len(s))
}

// hole marks the entries of a list that no cell has filled.
type hole struct{}

// put places a value in the content and returns it. Entries of lists that are not there yet are made as holes.
func (r *cellReader) put(content passport.Content, v any) passport.Content {
	if r.place.language != "" {
		v = map[string]any{r.place.language: v}
	}
	if len(r.place.tokens) == 1 && r.place.language == "" {
		content[r.place.tokens[0]] = v
		return content
	}
	out, _ := placed(content, r.place.tokens, r.place.index, v).(map[string]any)
	return out
}

func placed(into any, tokens []string, index []int, v any) any {
	if len(tokens) == 0 {
		return together(into, v)
	}
	if n := index[0]; n >= 0 {
		list, _ := into.([]any)
		for len(list) <= n {
			list = append(list, hole{})
		}
		list[n] = placed(list[n], tokens[1:], index[1:], v)
		return list
	}
	m, ok := into.(map[string]any)
	if !ok {
		m = map[string]any{}
	}
	m[tokens[0]] = placed(m[tokens[0]], tokens[1:], index[1:], v)
	return m
}

// together adds a language to a language map; anything else replaces.
func together(before, v any) any {
	a, ok := before.(map[string]any)
	b, ok2 := v.(map[string]any)
	if !ok || !ok2 {
		return v
	}
	for name, text := range b {
		a[name] = text
	}
	return a
}

// compact removes the holes of lists: rows with fewer entries than there are columns leave some.
func compact(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for name, child := range v {
			switch child.(type) {
			case map[string]any, []any:
				v[name] = compact(child)
			}
		}
	case []any:
		out := v[:0]
		for _, e := range v {
			if _, empty := e.(hole); !empty {
				out = append(out, compact(e))
			}
		}
		return out
	}
	return v
}

// column is the header of the column that fills a place, or a part of it.
func (c *Converter) column(pointer string) string {
	for i := range c.columns {
		p := c.columns[i].pointer
		if p == pointer || strings.HasPrefix(pointer, p+"/") {
			return c.columns[i].column.Header
		}
	}
	return ""
}
