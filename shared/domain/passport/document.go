package passport

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"github.com/gowebpki/jcs"

	"github.com/passportcraft/passportcraft/shared/domain/audience"
	"github.com/passportcraft/passportcraft/shared/domain/productgroup"
)

// Document is the public form of a version, as the resolver serves it: the content holds only what the public audience
// may read.
type Document struct {
	ID                string        `json:"id"`
	ProductIdentifier string        `json:"productIdentifier"`
	ProductGroup      string        `json:"productGroup"`
	SchemaVersion     string        `json:"schemaVersion"`
	Granularity       string        `json:"granularity"`
	Status            Status        `json:"status"`
	Version           int           `json:"version"`
	PublishedAt       string        `json:"publishedAt"` // RFC 3339, UTC
	Links             *DocumentLink `json:"links,omitempty"`
	PublicHash        string        `json:"publicHash"` // "sha-256:<hex>" of the RFC 8785 form of content
	Content           Content       `json:"content"`
}

// DocumentLink names the passports of the model and batch.
type DocumentLink struct {
	Model string `json:"model,omitempty"`
	Batch string `json:"batch,omitempty"`
}

// PublicDocument is the document of a version for the public audience.
func PublicDocument(v Version, group *productgroup.Group) ([]byte, error) {
	content := group.View(v.Content, audience.Public)
	hash, err := canonicalHash(content)
	if err != nil {
		return nil, err
	}
	return Encode(Document{
		ID: string(v.Passport), ProductIdentifier: v.Product.Canonical(), ProductGroup: v.ProductGroup,
		SchemaVersion: v.SchemaVersion, Granularity: string(v.Granularity), Status: Published, Version: v.Number,
		PublishedAt: v.PublishedAt.Format(time.RFC3339Nano), Links: v.Links.document(), PublicHash: hash, Content: content,
	})
}

func (l Links) document() *DocumentLink {
	if l == (Links{}) {
		return nil
	}
	d := &DocumentLink{}
	if !l.Model.IsZero() {
		d.Model = l.Model.Canonical()
	}
	if !l.Batch.IsZero() {
		d.Batch = l.Batch.Canonical()
	}
	return d
}

// hashed is what the content hash of a version covers.
type hashed struct {
	ProductIdentifier string        `json:"productIdentifier"`
	ProductGroup      string        `json:"productGroup"`
	SchemaVersion     string        `json:"schemaVersion"`
	Granularity       string        `json:"granularity"`
	Links             *DocumentLink `json:"links,omitempty"`
	Content           Content       `json:"content"`
}

// Hash is the content hash of a version: SHA-256 over the RFC 8785 canonical JSON of its product identifier, product
// group, schema version, granularity, links and effective content, written "sha-256:<hex>". Versions that say the same
// have the same hash, whatever their number and time.
func Hash(v Version) (string, error) {
	return canonicalHash(hashed{
		v.Product.Canonical(), v.ProductGroup, v.SchemaVersion, string(v.Granularity), v.Links.document(), v.Content,
	})
}

// Digest identifies a state of the working record in the audit trail, "sha-256:<hex>".
func Digest(p Passport) (string, error) {
	b, err := Encode(struct {
		Status   Status
		Version  int
		Group    string
		Level    string
		Product  string
		Reason   string
		Revision int64
		Content  Content
	}{p.Status, p.Version, p.ProductGroup, string(p.Granularity), p.Product.Canonical(), p.Reason, p.Revision, p.Content})
	if err != nil {
		return "", err
	}
	return digest(b), nil
}

// Encode writes JSON with members in a fixed order and without escaping for HTML.
func Encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, fmt.Errorf("encode: %w", err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// DecodeContent reads stored content; numbers stay json.Number.
func DecodeContent(b []byte) (Content, error) {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	var c Content
	if err := d.Decode(&c); err != nil {
		return nil, fmt.Errorf("decode content: %w", err)
	}
	return c, nil
}

func canonicalHash(v any) (string, error) {
	b, err := Encode(v)
	if err != nil {
		return "", err
	}
	canonical, err := jcs.Transform(b)
	if err != nil {
		return "", fmt.Errorf("canonical form: %w", err)
	}
	return digest(canonical), nil
}

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return "sha-256:" + hex.EncodeToString(sum[:])
}
