package spreadsheet_test

import (
	"bytes"
	"slices"
	"testing"

	"github.com/passportcraft/passportcraft/shared/adapters/spreadsheet"
	"github.com/passportcraft/passportcraft/shared/domain/intake"
	"github.com/passportcraft/passportcraft/shared/domain/productgroup"
	"github.com/passportcraft/passportcraft/shared/foundation/fault"
)

// TestARefusedCellIsOneProblem holds that what is wrong with one cell is said once: the row still names the product that its
// other cells name, and nobody calls missing what was refused.
func TestARefusedCellIsOneProblem(t *testing.T) {
	g, err := productgroup.NewSet().Find("general")
	if err != nil {
		t.Fatal(err)
	}
	column := func(header, pointer string) intake.Column { return intake.Column{Header: header, Pointer: pointer} }
	r := intake.Recipe{Name: "x", ProductGroup: "general", Mapping: intake.Mapping{Columns: []intake.Column{
		column("product", "/productIdentifier"), column("level", "/granularity"), column("serial", "/content/serialNumber")}}}
	const product, gtin = "https://id.gs1.org/01/09506000134376/21/A", "09506000134376"
	long := "a" + string(bytes.Repeat([]byte("b"), 70))
	for name, tc := range map[string]struct {
		row     string
		codes   []fault.Code
		product string
	}{
		"a cell too many":              {product + ",item,A,x", []fault.Code{fault.CodeRowTooWide}, product},
		"the identifier is refused":    {long + ",item,A", []fault.Code{fault.CodeCellTooLarge}, ""},
		"the level is refused":         {product + "," + long + ",A", []fault.Code{fault.CodeCellTooLarge}, product},
		"the serial is refused":        {gtin + ",item," + long, []fault.Code{fault.CodeCellTooLarge}, ""},
		"a control character":          {"\x01,item,A", []fault.Code{fault.CodeContentValue}, ""},
		"nothing is refused, and none": {",item,A", []fault.Code{fault.CodeMemberMissing}, ""},
		"too many, and none":           {",item,A,x", []fault.Code{fault.CodeRowTooWide, fault.CodeMemberMissing}, ""},
	} {
		file := []byte("product,level,serial \n" + tc.row + "\n")
		items, err := spreadsheet.OpenItems(bytes.NewReader(file), int64(len(file)), spreadsheet.CSV, spreadsheet.Limits{CellBytes: 64})
		if err != nil {
			t.Fatal(err)
		}
		headers, err := items.Headers(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		it, err := items.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		draft, problems := intake.Convert(it, headers, r, g)
		var codes []fault.Code
		for _, p := range problems {
			codes = append(codes, p.Code)
		}
		if !slices.Equal(codes, tc.codes) || draft.Product.IsZero() != (tc.product == "") {
			t.Errorf("%s: %+v, %v", name, problems, draft.Product)
		}
	}
}
