// Package upload knows how a tenant brings a file: it announces size and SHA-256, and gets an address that takes exactly
// those bytes for a while. What becomes of the file is for others.
package upload

import (
	"fmt"
	"strings"
	"time"

	"github.com/passportcraft/passportcraft/shared/foundation/fault"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

// Limits of files.
const (
	MaxSize = 5 << 30          // bytes; what S3 takes in one upload
	Life    = 15 * time.Minute // how long the address takes the file

	Patience = 6 * time.Hour      // how long somebody waits for a file: one that was begun in time may take that long
	KeptFor  = 7 * 24 * time.Hour // how long a file lies there
)

// Announcement is a file that is to come.
type Announcement struct {
	Tenant id.Tenant
	Import id.Import
	Size   int64  // bytes
	SHA256 string // in hex
	Type   string // media type
}

// Check names what cannot be announced. most is the largest size in bytes.
func (a Announcement) Check(most int64) []fault.Field {
	var fields []fault.Field
	if a.Size < 1 || a.Size > most {
		fields = append(fields, fault.Field{Pointer: "/size", Code: fault.CodeValueInvalid, Detail: fmt.Sprintf("bytes of the file, from 1 to %d", most)})
	}
	if len(a.SHA256) != 64 || strings.Trim(a.SHA256, "0123456789abcdef") != "" {
		fields = append(fields, fault.Field{Pointer: "/sha256", Code: fault.CodeValueInvalid, Detail: "of the file, 64 hexadecimal digits in lower case"})
	}
	return fields
}

// Gone is the fault for a file that is not there any more: it was removed, or nobody went on with it as long as it was kept.
func Gone() error {
	return fault.New(fault.CodeFileUnreadable, "The file is not there any more; it is kept for %d days. Upload it again.", KeptFor/(24*time.Hour))
}

// Form says how to upload the file: Method to URL with exactly these headers and the file as body.
type Form struct {
	URL     string            `json:"url"`
	Method  string            `json:"method"`
	Headers map[string]string `json:"headers"`
}
