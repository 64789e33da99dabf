package document

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/passportcraft/passportcraft/shared/domain/audience"
	"github.com/passportcraft/passportcraft/shared/foundation/fault"
)

// Details are what its owner says of a document.
type Details struct {
	Name     string
	Kind     string
	Language string   // BCP 47; empty for none
	Audience []string // at least one; a set, in no order
}

// Check returns the audiences, and every broken rule under the name of its member.
func (d Details) Check() (audience.Set, []fault.Field) {
	var fields []fault.Field
	bad := func(pointer, detail string, args ...any) {
		fields = append(fields, fault.Field{Pointer: pointer, Code: fault.CodeValueInvalid, Detail: fmt.Sprintf(detail, args...)})
	}
	if n := utf8.RuneCountInString(d.Name); n < 1 || n > maxName || !utf8.ValidString(d.Name) || strings.TrimSpace(d.Name) != d.Name || strings.ContainsFunc(d.Name, unseen) {
		bad("/name", "1 to %d characters that can be seen, without space at the ends", maxName)
	}
	if !slices.Contains(Kinds(), Kind(d.Kind)) {
		bad("/kind", "one of %s", join(Kinds()))
	}
	if d.Language != "" && !tag(d.Language) {
		bad("/language", "a BCP 47 language tag such as de or pt-BR")
	}
	all := make([]audience.Audience, len(d.Audience))
	for i, a := range d.Audience {
		all[i] = audience.Audience(a)
	}
	set, err := audience.Of(all...)
	if err != nil || set == 0 {
		bad("/audience", "one or more of %s", join(audience.All()))
	}
	return set, fields
}

// unseen are characters that nobody sees, or that turn the rest of a file's name around.
func unseen(r rune) bool { return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp) }

// tag tells whether a text has the form of a language tag (RFC 5646); whether the subtags are registered is not asked.
func tag(s string) bool {
	return len(s) <= 35 && regexp.MustCompile(`^([A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*|x(-[A-Za-z0-9]{1,8})+)$`).MatchString(s)
}

func join[T ~string](all []T) string {
	texts := make([]string, len(all))
	for i, v := range all {
		texts[i] = string(v)
	}
	return strings.Join(texts, ", ")
}

// genuine refuses bytes that do not begin as their media type demands: whoever opens a file trusts what it is said to be.
// Text has no beginning to look for.
func genuine(media string, body []byte) error {
	for of, beginning := range map[string]string{"application/pdf": "%PDF-", "image/png": "\x89PNG\r\n\x1a\n", "image/jpeg": "\xff\xd8\xff"} {
		if media == of && !bytes.HasPrefix(body, []byte(beginning)) {
			return fault.New(fault.CodeUnsupportedMedia, "The body is not the %s that Content-Type says.", media)
		}
	}
	return nil
}
