package intake

import (
	"math/big"
	"strings"
)

// unit is one way to write a quantity: the base unit of what it measures and the factor to it.
type unit struct {
	base   string
	factor *big.Rat
}

// units lists what can be converted without rounding. Pound and ounce are those of the international agreement of 1959,
// exactly 0.45359237 kg and a sixteenth of it; a year has 12 months. Days are not here: no number of them is a month.
func units() map[string]unit {
	out := map[string]unit{}
	add := func(base, factor string, names ...string) {
		r, ok := new(big.Rat).SetString(factor)
		for _, name := range names {
			if ok {
				out[name] = unit{base, r}
			}
		}
	}
	add("kg", "1", "kg", "kilogram", "kilograms", "kilogramm", "kilo")
	add("kg", "1/1000", "g", "gram", "grams", "gramm", "gr")
	add("kg", "1/1000000", "mg", "milligram", "milligrams", "milligramm")
	add("kg", "1000", "t", "tonne", "tonnes", "tonnen")
	add("kg", "0.45359237", "lb", "lbs", "pound", "pounds")
	add("kg", "0.028349523125", "oz", "ounce", "ounces")
	add("Ah", "1", "ah", "amperestunden")
	add("Ah", "1/1000", "mah")
	add("V", "1", "v", "volt", "volts")
	add("V", "1/1000", "mv", "millivolt", "millivolts")
	add("V", "1000", "kv", "kilovolt", "kilovolts")
	add("W", "1", "w", "watt", "watts")
	add("W", "1000", "kw", "kilowatt", "kilowatts")
	add("Ω", "1", "ω", "ohm", "ohms")
	add("Ω", "1/1000", "mω", "mohm", "milliohm", "milliohms")
	add("months", "1", "months", "month", "monate", "monat", "mo")
	add("months", "12", "years", "year", "jahre", "jahr", "yr", "yrs")
	add("%", "1", "%", "percent", "prozent", "pct")
	add("°C", "1", "°c", "celsius", "grad celsius")
	add("cycles", "1", "cycles", "cycle", "zyklen", "zyklus")
	add("%/month", "1", "%/month", "%/monat")
	return out
}

// unitNamed finds a unit. Case matters to nobody but between mΩ and MΩ, and MW, MV, MAh and Mg are not in use: they are not
// known rather than taken for thousandths.
func unitNamed(known map[string]unit, name string) (unit, bool) {
	name = strings.TrimSpace(name)
	for _, mega := range []string{"MΩ", "MΩ", "MOhm", "MOHM", "MW", "MV", "MAh", "MAH", "MG", "Mg", "C"} {
		if name == mega {
			return unit{name, big.NewRat(1, 1)}, name == "C"
		}
	}
	u, ok := known[strings.ToLower(strings.ReplaceAll(name, "Ω", "Ω"))]
	return u, ok
}

// ratio is the factor from one unit to another, if both measure the same.
func ratio(known map[string]unit, from, to string) (*big.Rat, bool) {
	a, ok := unitNamed(known, from)
	b, ok2 := unitNamed(known, to)
	if !ok || !ok2 || a.base != b.base {
		return nil, false
	}
	return new(big.Rat).Quo(a.factor, b.factor), true
}
