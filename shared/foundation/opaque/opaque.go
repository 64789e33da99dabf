// Package opaque writes bytes as text that people copy and machines read back: base32 (RFC 4648, section 6) in lower case
// without padding. There is one text for each sequence of bytes; another spelling of it is refused.
package opaque

import (
	"encoding/base32"
	"strings"
)

// Text is the text of bytes: eight characters for each five bytes, rounded up.
func Text(b []byte) string { return strings.ToLower(encoding().EncodeToString(b)) }

// Bytes reads what Text wrote; ok is false for anything that is not the text of exactly size bytes.
func Bytes(s string, size int) (b []byte, ok bool) {
	b, err := encoding().DecodeString(strings.ToUpper(s))
	return b, err == nil && len(b) == size && Text(b) == s
}

func encoding() *base32.Encoding { return base32.StdEncoding.WithPadding(base32.NoPadding) }
