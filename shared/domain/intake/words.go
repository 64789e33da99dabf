package intake

import (
	"slices"
	"strings"
	"unicode"
)

// wordsOf cuts a name into plain words: lower case, without accents of German and French, split at spaces, punctuation and
// at the humps of camelCase.
func wordsOf(s string) []string {
	var b strings.Builder
	before := ' '
	for _, r := range s {
		hump := unicode.IsUpper(r) && (unicode.IsLower(before) || unicode.IsDigit(before))
		switch {
		case unicode.IsLetter(r) || unicode.IsDigit(r) || r == '%':
			if hump {
				b.WriteByte(' ')
			}
			b.WriteString(folded(unicode.ToLower(r)))
		default:
			b.WriteByte(' ')
		}
		before = r
	}
	return strings.Fields(b.String())
}

func folded(r rune) string {
	switch r {
	case 'ä', 'æ':
		return "ae"
	case 'ö', 'ø', 'œ':
		return "oe"
	case 'ü':
		return "ue"
	case 'ß':
		return "ss"
	case 'é', 'è', 'ê', 'ë':
		return "e"
	case 'à', 'á', 'â', 'å':
		return "a"
	case 'ç':
		return "c"
	case 'î', 'ï':
		return "i"
	case 'ô':
		return "o"
	case 'û', 'ù':
		return "u"
	}
	return string(r)
}

// plainWords is a name without anything that people write in different ways.
func plainWords(s string) string { return strings.Join(wordsOf(s), "") }

// singular is plainWords without the plural s of each word.
func singular(s string) string {
	words := wordsOf(s)
	for i, w := range words {
		if len(w) > 3 && strings.HasSuffix(w, "s") && !strings.HasSuffix(w, "ss") {
			words[i] = w[:len(w)-1]
		}
	}
	return strings.Join(words, "")
}

// header is the text over a column, taken apart.
type header struct {
	whole    string // plain words of all of it
	name     string // plain words without unit and language
	singular string // of the name
	unit     string // as it was written
	language string
}

// headerOf takes a header apart: "Weight (kg)", "Gewicht [g]", "name_de", "Beschreibung (Deutsch)".
func headerOf(s string, known map[string]unit) header {
	h := header{whole: plainWords(s)}
	name := strings.TrimSpace(s)
	for _, pair := range []string{"()", "[]", "{}"} {
		open, end := strings.IndexByte(name, pair[0]), strings.LastIndexByte(name, pair[1])
		if open < 0 || end < open {
			continue
		}
		inner := strings.TrimSpace(name[open+1 : end])
		if l := languageNamed(inner); l != "" {
			h.language = l
		} else if _, ok := unitNamed(known, strings.TrimPrefix(inner, "in ")); ok {
			h.unit = strings.TrimPrefix(inner, "in ")
		} else {
			continue
		}
		name = name[:open] + " " + name[end+1:]
	}
	words := wordsOf(name)
	if last := len(words) - 1; last > 0 && h.language == "" {
		if l := languageNamed(words[last]); l != "" {
			h.language, words = l, words[:last]
		}
	}
	if last := len(words) - 1; last > 0 && h.unit == "" {
		if _, ok := unitNamed(known, words[last]); ok && len(words[last]) > 1 {
			h.unit, words = words[last], words[:last]
		}
	}
	if last := len(words) - 1; last > 0 && words[last] == "in" {
		words = words[:last]
	}
	name = strings.Join(words, " ")
	h.name, h.singular = plainWords(name), singular(name)
	return h
}

// languageNamed is the tag of a language that a header names, "" for none. Codes that are words, such as "it" and "no",
// are not among them.
func languageNamed(s string) string {
	s = strings.ToLower(strings.TrimSpace(s))
	if slices.Contains([]string{"de", "en", "fr", "es", "nl", "pl", "pt", "cs", "da", "sv", "fi", "hu", "ro", "sk", "sl", "bg", "hr", "et", "lv", "lt", "el"}, s) {
		return s
	}
	return map[string]string{
		"deutsch": "de", "german": "de", "englisch": "en", "english": "en", "franzoesisch": "fr", "französisch": "fr", "french": "fr",
		"spanisch": "es", "spanish": "es", "italienisch": "it", "italian": "it", "niederländisch": "nl", "dutch": "nl", "polnisch": "pl", "polish": "pl",
	}[s]
}

// synonyms lists what fields are called in the files of manufacturers, in English and German, by pointer. Fields that a
// product group lacks are skipped; the first that it has counts.
func synonyms() map[string][]string {
	return map[string][]string{
		toProduct:     {"gtin", "ean", "upc", "gtin13", "gtin14", "ean13", "ean code", "barcode", "global trade item number", "product identifier", "product id", "digital link", "Produktkennung", "EAN-Nummer", "GTIN-Nummer", "Strichcode", "GTIN/EAN", "EAN/GTIN", "Artikelnummer GTIN"},
		toGranularity: {"granularity", "passport level", "level", "Granularität", "Ebene", "Passebene"},

		"/content/name":               {"product name", "title", "designation", "Bezeichnung", "Produktname", "Produktbezeichnung", "Artikelbezeichnung", "Artikelname", "Produkt"},
		"/content/description":        {"product description", "long text", "Beschreibung", "Produktbeschreibung", "Artikelbeschreibung", "Langtext"},
		"/content/brand":              {"brand name", "trade mark", "Marke", "Markenname"},
		"/content/modelNumber":        {"model", "model no", "article number", "article no", "item number", "item no", "part number", "sku", "mpn", "Modell", "Modellnummer", "Artikelnummer", "Artikel-Nr.", "Art.-Nr.", "Materialnummer", "Typ", "Typnummer"},
		"/content/batteryModelId":     {"model", "model id", "model number", "model no", "article number", "sku", "Modell", "Modellnummer", "Artikelnummer", "Artikel-Nr.", "Batteriemodell", "Typ"},
		"/content/batchNumber":        {"batch", "batch no", "batch id", "lot", "lot number", "lot no", "Charge", "Chargennummer", "Chargen-Nr.", "Losnummer", "Los"},
		"/content/serialNumber":       {"serial", "serial no", "serial number", "s/n", "sn", "Seriennummer", "Serien-Nr.", "Seriennr", "Fabriknummer"},
		"/content/countryOfOrigin":    {"origin", "origin country", "made in", "country", "Ursprungsland", "Herkunftsland", "Land"},
		"/content/manufacturingDate":  {"production date", "date of production", "manufactured", "manufactured on", "date of manufacture", "mfg date", "Herstellungsdatum", "Herstelldatum", "Produktionsdatum", "Fertigungsdatum"},
		"/content/manufacturingPlace": {"place of production", "production site", "plant", "factory", "Herstellungsort", "Produktionsort", "Werk", "Fertigungsort"},
		"/content/weightKg":           {"weight", "net weight", "mass", "Gewicht", "Nettogewicht", "Masse"},
		"/content/batteryWeightKg":    {"weight", "net weight", "mass", "battery weight", "Gewicht", "Nettogewicht", "Batteriegewicht", "Masse"},
		"/content/commodityCode":      {"hs code", "cn code", "taric", "customs tariff number", "tariff code", "Zolltarifnummer", "Warennummer", "Warentarifnummer", "Statistische Warennummer"},

		"/content/manufacturer/name":               {"manufacturer", "manufacturer name", "producer", "maker", "Hersteller", "Herstellername", "Produzent"},
		"/content/manufacturer/address/street":     {"street", "manufacturer street", "address", "Straße", "Hersteller Straße", "Adresse"},
		"/content/manufacturer/address/postalCode": {"zip", "zip code", "postcode", "post code", "PLZ", "Postleitzahl"},
		"/content/manufacturer/address/city":       {"city", "town", "Ort", "Stadt"},
		"/content/manufacturer/address/country":    {"manufacturer country", "Herstellerland", "Land des Herstellers"},
		"/content/manufacturer/web":                {"website", "web", "homepage", "url", "manufacturer website", "Webseite", "Internetseite"},
		"/content/manufacturer/email":              {"email", "e-mail", "mail", "manufacturer email", "E-Mail-Adresse"},
		"/content/responsibleOperator/name":        {"responsible person", "eu responsible person", "importer", "authorised representative", "Verantwortlicher", "Bevollmächtigter", "Importeur"},
		"/content/responsibleOperator/operatorId":  {"operator id", "eori", "gln", "lei", "vat number", "USt-IdNr.", "Betreiberkennung"},

		"/content/recycledContentPct":       {"recycled", "recycled content", "recycled share", "recyclate share", "Rezyklatanteil", "Recyclinganteil"},
		"/content/warrantyMonths":           {"warranty", "guarantee", "warranty period", "Garantie", "Garantiezeit", "Gewährleistung"},
		"/content/commercialWarrantyMonths": {"warranty", "guarantee", "warranty period", "Garantie", "Garantiezeit"},
		"/content/careInstructions":         {"care", "care instructions", "Pflege", "Pflegehinweise", "Pflegeanleitung"},
		"/content/repairInstructions":       {"repair", "repair instructions", "Reparatur", "Reparaturanleitung", "Reparaturhinweise"},
		"/content/disposalInstructions":     {"disposal", "end of life", "disposal instructions", "Entsorgung", "Entsorgungshinweise"},
		"/content/disassembly":              {"disassembly", "dismantling", "Demontage", "Zerlegung"},

		"/content/batteryCategory":          {"category", "battery type", "Kategorie", "Batteriekategorie", "Batterieart"},
		"/content/batteryChemistry":         {"chemistry", "cell chemistry", "Chemie", "Zellchemie", "Batteriechemie"},
		"/content/nominalCapacityAh":        {"capacity", "nominal capacity", "rated capacity", "Kapazität", "Nennkapazität"},
		"/content/nominalVoltageV":          {"voltage", "nominal voltage", "Spannung", "Nennspannung"},
		"/content/minimalVoltageV":          {"min voltage", "minimum voltage", "Mindestspannung", "Minimalspannung"},
		"/content/maximumVoltageV":          {"max voltage", "maximum voltage", "Maximalspannung", "Höchstspannung"},
		"/content/originalPowerCapabilityW": {"power", "power capability", "Leistung", "Nennleistung"},
		"/content/expectedLifetimeCycles":   {"cycle life", "cycles", "lifetime cycles", "Zyklen", "Zyklenlebensdauer", "Lebensdauer"},
		"/content/criticalRawMaterials":     {"critical raw materials", "Kritische Rohstoffe"},
		"/content/hazardousSubstances":      {"hazardous substances", "Gefahrstoffe", "Gefährliche Stoffe"},
		"/content/batteryStatus":            {"status", "battery status", "Batteriestatus", "Zustand"},
		"/content/usableExtinguishingAgent": {"extinguishing agent", "Löschmittel"},
	}
}
