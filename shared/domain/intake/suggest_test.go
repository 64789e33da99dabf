package intake_test

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/passportcraft/passportcraft/shared/domain/intake"
	"github.com/passportcraft/passportcraft/shared/domain/productgroup"
)

// suggested is what is proposed for a table, separated by semicolons, with its first row for headers.
func suggested(t testing.TB, table ...string) []intake.Suggestion {
	t.Helper()
	g, err := productgroup.NewSet().Find("general")
	if err != nil {
		t.Fatal(err)
	}
	var items []intake.Item
	for n, row := range table[1:] {
		items = append(items, intake.Item{Number: n + 2, Cells: strings.Split(row, ";")})
	}
	out, err := intake.Suggest(strings.Split(table[0], ";"), items, g)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestNothingIsGuessedInSilence holds that a suggestion says of every column that it does not fill, or not surely, why, and
// that a header which says more goes before one that says less.
func TestNothingIsGuessedInSilence(t *testing.T) {
	for _, tc := range []struct {
		header, pointer string
		sure            intake.Confidence
		note            string
	}{
		{"Product identifier", "/productIdentifier", intake.Exact, ""},
		{"Colour", "", intake.None, "No field has this name."},
		{"Gewicht", "", intake.None, `Column "Gewicht (g)" goes to /content/weightKg already.`},
		{"Gewicht (g)", "/content/weightKg", intake.Exact, ""},
		{"Name", "/content/name", intake.Likely, "language"},
		{"Name (de)", "/content/name", intake.Exact, ""},
		{"Serial numbers", "/content/serialNumber", intake.Likely, "but for an ending"},
		{"/status", "", intake.None, "The platform says this itself."},
		{"/content/none", "", intake.None, "no such field"},
	} {
		all := suggested(t, "Product identifier;Colour;Gewicht;Gewicht (g);Name;Name (de);Serial numbers;/status;/content/none")
		found := false
		for _, s := range all {
			if s.Column.Header == tc.header {
				found = s.Column.Pointer == tc.pointer && s.Confidence == tc.sure && (s.Note == "") == (tc.note == "") && strings.Contains(s.Note, tc.note)
			}
		}
		if !found {
			t.Errorf("%s: wanted %+v of %+v", tc.header, tc, all)
		}
	}
	if s := suggested(t, "Weight")[0]; s.Confidence != intake.Likely || s.Column.Pointer != "/content/weightKg" || !strings.Contains(s.Note, "taken for kg") {
		t.Errorf("%+v", s)
	}
	if s := suggested(t, "Weight (V)")[0]; s.Confidence != intake.None || !strings.Contains(s.Note, "cannot be converted") {
		t.Errorf("%+v", s)
	}
}

// TestNumbersAndDatesAreSuggestedAsWritten holds that a decimal sign and an order of dates are proposed where the rows can be
// read in that way alone, and never where they can be read in two.
func TestNumbersAndDatesAreSuggestedAsWritten(t *testing.T) {
	const header = "Gewicht (kg);Rezyklatanteil (%);Herstellungsdatum"
	for _, tc := range []struct {
		name    string
		rows    []string
		decimal [2]intake.Decimal
		dates   intake.DateOrder
	}{
		{"German", []string{"4,5;10;03.02.2026"}, [2]intake.Decimal{intake.Comma, intake.Comma}, intake.DayMonthYear},
		{"German, with units and groups", []string{"1.234,5 kg;;2026-01-01", ";;3.2.2026"}, [2]intake.Decimal{intake.Comma, intake.Comma}, intake.DayMonthYear},
		{"English", []string{"4.5;10;02/18/2026"}, [2]intake.Decimal{}, intake.MonthDayYear},
		{"British", []string{"4.5;10;18/02/2026"}, [2]intake.Decimal{}, intake.DayMonthYear},
		{"two ways", []string{"1,234;1.234;03/02/2026"}, [2]intake.Decimal{}, ""},
		{"each column its own", []string{"4,5;1.5;2026-02-03"}, [2]intake.Decimal{intake.Comma, ""}, ""},
		{"both", []string{"4,5;;18/02/2026", "4.5;;02/18/2026"}, [2]intake.Decimal{}, ""},
		{"no number, no date", []string{"n/a;-;99.99.2026"}, [2]intake.Decimal{}, ""},
		{"nothing", nil, [2]intake.Decimal{}, ""},
	} {
		got := suggested(t, append([]string{header}, tc.rows...)...)
		if got[0].Column.Decimal != tc.decimal[0] || got[1].Column.Decimal != tc.decimal[1] || got[2].Column.Dates != tc.dates {
			t.Errorf("%s: %+v", tc.name, got)
		}
		for _, s := range got {
			if told := strings.Contains(s.Note, "are read"); told != (s.Column.Decimal != "" || s.Column.Dates != "") {
				t.Errorf("%s: %+v", tc.name, s)
			}
		}
	}
}

// TestSuggestedReadsWhatWasMeant writes numbers and days as people do in one country, and wants those that the suggestion
// reads to be the ones that were meant, and all of them where one cell is beyond doubt.
func TestSuggestedReadsWhatWasMeant(t *testing.T) {
	g, err := productgroup.NewSet().Find("general")
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(rt *rapid.T) {
		german := rapid.Bool().Draw(rt, "german")
		table, weights, days := []string{"EAN;Serial number;Weight (kg);Production date"}, []float64{}, []string{}
		for n := range rapid.IntRange(1, 6).Draw(rt, "rows") {
			whole, thousandths := rapid.IntRange(0, 3000).Draw(rt, "whole"), rapid.IntRange(0, 999).Draw(rt, "thousandths")
			day, month := rapid.IntRange(1, 28).Draw(rt, "day"), rapid.IntRange(1, 12).Draw(rt, "month")
			number, date := fmt.Sprintf("%d.%03d", whole, thousandths), fmt.Sprintf("%02d/%02d/2026", month, day)
			if german {
				number, date = strings.Replace(number, ".", ",", 1), fmt.Sprintf("%02d.%02d.2026", day, month)
			}
			if n == 0 { // beyond doubt
				number, thousandths = strings.TrimRight(number[:len(number)-3], ",.")+number[len(number)-4:len(number)-3]+"5", 500
				if !german {
					day, date = 28, fmt.Sprintf("%02d/28/2026", month)
				}
			}
			weights, days = append(weights, float64(1000*whole+thousandths)/1000), append(days, fmt.Sprintf("2026-%02d-%02d", month, day))
			table = append(table, fmt.Sprintf("09506000134376;S%d;%s;%s", n, number, date))
		}
		r := intake.Recipe{Name: "x", ProductGroup: "general", Granularity: "item"}
		for _, s := range suggested(t, table...) {
			r.Mapping.Columns = append(r.Mapping.Columns, s.Column)
		}
		if err := r.Check(g); err != nil {
			rt.Fatalf("%v", err)
		}
		for n, row := range table[1:] {
			d, problems := intake.Convert(intake.Item{Number: n + 2, Cells: strings.Split(row, ";")}, strings.Split(table[0], ";"), r, g)
			if got := fmt.Sprint(d.Content["weightKg"]); len(problems) > 0 || got != fmt.Sprint(weights[n]) || d.Content["manufacturingDate"] != days[n] {
				rt.Fatalf("%s is read as %v with %v; %v and %s were meant", row, d.Content, problems, weights[n], days[n])
			}
		}
	})
}

// TestRefusalsNameTheSetting holds that a number or a date which another setting of the recipe would read is refused with the
// name of that setting, and only such a one; a setting of the whole mapping counts for defaults too.
func TestRefusalsNameTheSetting(t *testing.T) {
	g, err := productgroup.NewSet().Find("general")
	if err != nil {
		t.Fatal(err)
	}
	r := intake.Recipe{Name: "x", ProductGroup: "general", Granularity: "item", Mapping: intake.Mapping{Columns: []intake.Column{
		{Header: "p", Pointer: "/productIdentifier"}, {Header: "w", Pointer: "/content/weightKg"}, {Header: "d", Pointer: "/content/manufacturingDate"}}}}
	for _, tc := range []struct {
		mapping      intake.Mapping
		weight, date string
		says, not    string
	}{
		{intake.Mapping{}, "4,5", "", `say "decimal": "," in the recipe`, `"dates"`},
		{intake.Mapping{Decimal: intake.Comma}, "4.5", "", `say "decimal": "." in the recipe`, `"dates"`},
		{intake.Mapping{}, "four", "", "is not a number", "in the recipe"},
		{intake.Mapping{}, "1,234", "", "in two ways", "in the recipe"},
		{intake.Mapping{}, "", "03.02.2026", `day.month.year, say "dates": "dmy" in the recipe`, `"mdy"`},
		{intake.Mapping{}, "", "02/03/2026", `month/day/year, say "dates": "mdy" in the recipe`, `"decimal"`},
		{intake.Mapping{Dates: intake.MonthDayYear}, "", "18/02/2026", "not a day of the calendar", `"mdy"`},
		{intake.Mapping{}, "", "soon", "is not a date", "in the recipe"},
	} {
		tc.mapping.Columns = r.Mapping.Columns
		r.Mapping = tc.mapping
		_, problems := intake.Convert(intake.Item{Number: 2, Cells: []string{"https://id.gs1.org/01/09506000134376/21/A", tc.weight, tc.date}}, []string{"p", "w", "d"}, r, g)
		if len(problems) != 1 || !strings.Contains(problems[0].Detail, tc.says) || strings.Contains(problems[0].Detail, tc.not) {
			t.Errorf("%+v: %+v", tc, problems)
		}
	}
	r.Mapping.Decimal = intake.Comma
	r.Mapping.Columns = append(r.Mapping.Columns[:1:1], intake.Column{Pointer: "/content/weightKg", Default: "4,5"})
	if err := r.Check(g); err != nil {
		t.Errorf("a default in the form of the mapping: %v", err)
	}
	r.Mapping.Columns[1].Default = "4.5"
	if r.Check(g) == nil {
		t.Error("a default that no row could take is let pass")
	}
}
