// Package identifier reads and writes product identifiers: GS1 Digital Link URIs with a GTIN (GS1 Digital Link
// Standard: URI Syntax 1.7; one of the schemes of EN 18219, clause 5.2).
//
// A GTIN alone identifies a model, with a batch (AI 10) a batch, with a serial number (AI 21) an item. Other keys and
// qualifiers are refused, never misread.
package identifier

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/passportcraft/passportcraft/shared/foundation/fault"
)

// Granularity is the level at which a product is described (ESPR Art. 9(2)(d)).
type Granularity string

// The granularities.
const (
	Model Granularity = "model"
	Batch Granularity = "batch"
	Item  Granularity = "item"
)

// ParseGranularity reads a granularity; granularity-unknown otherwise.
func ParseGranularity(s string) (Granularity, error) {
	switch g := Granularity(s); g {
	case Model, Batch, Item:
		return g, nil
	}
	return "", fault.New(fault.CodeGranularityUnknown, "Granularity must be model, batch or item.")
}

// The GS1 Application Identifiers that are read.
const (
	gtinKey   = "01"
	lotKey    = "10"
	serialKey = "21"
)

const (
	canonicalHost = "https://id.gs1.org"
	maxURI        = 2000
	maxQualifier  = 20 // characters of a batch or serial number
)

// Product identifies a product. It is comparable with ==, and two identifiers of the same product are equal however they
// were written; the zero value identifies nothing.
type Product struct {
	gtin   string // 14 digits
	lot    string // AI 10, decoded
	serial string // AI 21, decoded
}

// New makes an identifier from decoded values: a GTIN of 14 digits and at most one of batch and serial number, each 1 to
// 20 characters of GS1's character set 82. The errors are those of Parse.
func New(gtin, lot, serial string) (Product, error) {
	if err := checkGTIN(gtin); err != nil {
		return Product{}, err
	}
	if lot != "" && serial != "" {
		return Product{}, fault.New(fault.CodeIdentifierScheme, "Give either a batch (10) or a serial number (21), not both.")
	}
	if lot != "" {
		if err := checkQualifier("batch number", lot); err != nil {
			return Product{}, err
		}
	}
	if serial != "" {
		if err := checkQualifier("serial number", serial); err != nil {
			return Product{}, err
		}
	}
	return Product{gtin: gtin, lot: lot, serial: serial}, nil
}

// Parse reads a Digital Link URI with any host, port and stem; the rightmost 01 in the path is the key (GS1 Digital Link
// Standard: URI Syntax 1.7). A GTIN of 8, 12 or 13 digits is taken as legacy input and padded. Query and
// fragment are refused: an identifier that is kept must be bare. The errors are product-identifier-invalid, -scheme and
// -check-digit; the caller names the member.
func Parse(uri string) (Product, error) {
	if len(uri) > maxURI {
		return Product{}, invalid("A product identifier has at most %d bytes.", maxURI)
	}
	scheme, rest, ok := strings.Cut(uri, "://")
	if !ok || scheme != "https" && scheme != "http" && scheme != "HTTPS" && scheme != "HTTP" {
		return Product{}, invalid("A product identifier begins with https://, for example %s/01/09506000134352.", canonicalHost)
	}
	if strings.ContainsAny(rest, "?#") {
		return Product{}, invalid("Give the identifier without query and fragment.")
	}
	host, path, ok := strings.Cut(rest, "/")
	if !ok || !usableHost(host) {
		return Product{}, invalid("The product identifier has no usable host and path.")
	}
	if i := strings.IndexFunc(path, notInPath); i >= 0 {
		return Product{}, invalid("The product identifier has a character that a web address must escape, at byte %d.", len(uri)-len(path)+i)
	}
	segments := strings.Split(path, "/")
	start := -1
	for i := 0; i+1 < len(segments); i++ {
		if segments[i] == gtinKey {
			start = i
		}
	}
	if start < 0 {
		return Product{}, fault.New(fault.CodeIdentifierScheme, "The identifier has no GTIN: /01/ and 14 digits are expected in its path. Other GS1 keys are not supported.")
	}
	return parseSegments(segments[start:], true)
}

// FromPath reads a path as it arrives at the resolver, still percent-encoded: /01/{gtin}, /01/{gtin}/10/{batch} or
// /01/{gtin}/21/{serial}. A slash inside a value arrives as %2F and stays part of it. One trailing slash is tolerated
// (GS1 Conformant Resolver Standard 1.2); the GTIN must have its 14 digits.
func FromPath(escaped string) (Product, error) {
	path, ok := strings.CutPrefix(escaped, "/")
	if !ok || len(escaped) > maxURI || strings.IndexFunc(escaped, notInPath) >= 0 {
		return Product{}, invalid("The path is not a product identifier.")
	}
	segments := strings.Split(strings.TrimSuffix(path, "/"), "/")
	if segments[0] != gtinKey {
		return Product{}, fault.New(fault.CodeIdentifierScheme, "The path must begin with /01/ and a GTIN of 14 digits.")
	}
	return parseSegments(segments, false)
}

// parseSegments reads a path from its key on. The key and the qualifiers stand as they are; values are decoded.
func parseSegments(segments []string, legacy bool) (Product, error) {
	if len(segments) != 2 && len(segments) != 4 {
		return Product{}, unsupported()
	}
	gtin, err := decode(segments[1])
	if err != nil {
		return Product{}, err
	}
	if legacy && (len(gtin) == 8 || len(gtin) == 12 || len(gtin) == 13) {
		gtin = strings.Repeat("0", 14-len(gtin)) + gtin
	}
	if len(segments) == 2 {
		return New(gtin, "", "")
	}
	if segments[2] != lotKey && segments[2] != serialKey {
		return Product{}, unsupported()
	}
	value, err := decode(segments[3])
	switch {
	case err != nil:
		return Product{}, err
	case value == "":
		return Product{}, invalid("The value after /%s/ is empty.", segments[2])
	case segments[2] == lotKey:
		return New(gtin, value, "")
	}
	return New(gtin, "", value)
}

func unsupported() error {
	return fault.New(fault.CodeIdentifierScheme, "After the GTIN only /10/{batch} or /21/{serial} is supported, not both and nothing else.")
}

// usableHost tells whether the authority of a URI is a host of ASCII letters, digits, hyphens and dots or an IPv6
// address in brackets, with an optional port. What the host is does not matter: it is not part of the identifier.
func usableHost(host string) bool {
	name, port := host, ""
	if i := strings.LastIndexByte(host, ':'); i >= 0 && !strings.HasSuffix(host, "]") {
		name, port = host[:i], host[i+1:]
		if port == "" || len(port) > 5 || strings.Trim(port, "0123456789") != "" {
			return false
		}
	}
	if inner, ok := strings.CutPrefix(name, "["); ok {
		inner, closed := strings.CutSuffix(inner, "]")
		return closed && inner != "" && strings.Trim(inner, "0123456789abcdefABCDEF:.") == ""
	}
	return name != "" && strings.IndexFunc(name, func(r rune) bool {
		return !letterOrDigit(r) && r != '-' && r != '.'
	}) < 0
}

// notInPath tells whether a character may not stand in the path of a URI (RFC 3986, section 3.3).
func notInPath(r rune) bool {
	return !letterOrDigit(r) && !strings.ContainsRune("-._~%!$&'()*+,;=:@/", r)
}

func letterOrDigit(r rune) bool {
	return r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' || r >= '0' && r <= '9'
}

// Canonical is the identifier with GS1's canonical host, as it is stored and compared.
func (p Product) Canonical() string { return canonicalHost + p.Path() }

// Path is the identifier's path at any resolver.
func (p Product) Path() string {
	path := "/" + gtinKey + "/" + p.gtin
	switch {
	case p.lot != "":
		return path + "/" + lotKey + "/" + encode(p.lot)
	case p.serial != "":
		return path + "/" + serialKey + "/" + encode(p.serial)
	}
	return path
}

// GTIN is the Global Trade Item Number, 14 digits.
func (p Product) GTIN() string { return p.gtin }

// Lot is the batch number, empty unless the product is a batch.
func (p Product) Lot() string { return p.lot }

// Serial is the serial number, empty unless the product is an item.
func (p Product) Serial() string { return p.serial }

// IsZero tells whether the identifier identifies nothing.
func (p Product) IsZero() bool { return p == Product{} }

// Granularity is the level that the identifier's form fixes.
func (p Product) Granularity() Granularity {
	switch {
	case p.lot != "":
		return Batch
	case p.serial != "":
		return Item
	}
	return Model
}

// Model is the identifier of the product's model.
func (p Product) Model() Product { return Product{gtin: p.gtin} }

// Batch is the identifier of a batch of the product's model.
func (p Product) Batch(lot string) (Product, error) {
	if lot == "" {
		return Product{}, invalid("The batch number is empty.")
	}
	return New(p.gtin, lot, "")
}

func invalid(format string, args ...any) error {
	return fault.New(fault.CodeIdentifierInvalid, format, args...)
}

// checkGTIN checks length, digits and the check digit (GS1 General Specifications 7.9: weights 3 and 1 from the right).
func checkGTIN(gtin string) error {
	if len(gtin) != 14 {
		return invalid("A GTIN has 14 digits; %d characters were given. Pad a shorter one with zeros on the left.", utf8.RuneCountInString(gtin))
	}
	if strings.Trim(gtin, "0123456789") != "" {
		return invalid("A GTIN has digits only.")
	}
	if strings.Trim(gtin, "0") == "" {
		return invalid("A GTIN of zeros identifies nothing.")
	}
	if want := CheckDigit(gtin[:13]); gtin[13] != want {
		return fault.New(fault.CodeIdentifierCheckDigit, "The check digit of the GTIN is wrong: after %s comes %c.", gtin[:13], want)
	}
	return nil
}

// CheckDigit is the GS1 check digit, as a character, for a string of decimal digits without one.
func CheckDigit(digits string) byte {
	sum := 0
	for i := range len(digits) {
		d := int(digits[len(digits)-1-i] - '0')
		if i%2 == 0 {
			d *= 3
		}
		sum += d
	}
	return byte('0' + (10-sum%10)%10)
}

// checkQualifier allows 1 to 20 characters of GS1's character set 82 (GS1 General Specifications 7.11).
func checkQualifier(what, value string) error {
	if len(value) > maxQualifier {
		return invalid("A %s has at most %d characters.", what, maxQualifier)
	}
	for _, r := range value {
		if !inSet82(r) {
			return invalid("A %s may hold letters, digits and !\"%%&'()*+,-./_:;<=>? only; %s is not allowed.", what, strconv.QuoteRuneToASCII(r))
		}
	}
	return nil
}

func inSet82(r rune) bool {
	return letterOrDigit(r) || strings.ContainsRune(`!"%&'()*+,-./_:;<=>?`, r)
}

// encode escapes everything but the unreserved characters of RFC 3986.
func encode(value string) string {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(value) {
		c := value[i]
		if letterOrDigit(rune(c)) || strings.IndexByte("-._~", c) >= 0 {
			b.WriteByte(c)
			continue
		}
		b.WriteByte('%')
		b.WriteByte(hex[c>>4])
		b.WriteByte(hex[c&15])
	}
	return b.String()
}

// decode undoes percent-encoding; a broken sequence is an error. A plus sign is itself in a path.
func decode(segment string) (string, error) {
	if !strings.Contains(segment, "%") {
		return segment, nil
	}
	var b strings.Builder
	for i := 0; i < len(segment); i++ {
		if segment[i] != '%' {
			b.WriteByte(segment[i])
			continue
		}
		if i+2 >= len(segment) {
			return "", invalid("The identifier has a broken percent sequence.")
		}
		high, ok1 := unhex(segment[i+1])
		low, ok2 := unhex(segment[i+2])
		if !ok1 || !ok2 {
			return "", invalid("The identifier has a broken percent sequence.")
		}
		b.WriteByte(high<<4 | low)
		i += 2
	}
	return b.String(), nil
}

func unhex(c byte) (byte, bool) {
	switch {
	case c >= '0' && c <= '9':
		return c - '0', true
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10, true
	case c >= 'A' && c <= 'F':
		return c - 'A' + 10, true
	}
	return 0, false
}
