// Package intake turns the rows of a table, or JSON documents, into passports in bulk.
//
// A Recipe says which column of a table becomes which field of the passports of one product group; Suggest proposes one
// from the headers of a file by comparing words. A Converter makes a draft of each row, or says by pointer, code and
// sentence why it cannot: what could be read in two ways is refused, never guessed. A Runner goes through a file twice
// with the same loop: the dry run only decides what would happen to each row, the commit decides again and does it. Both
// may be killed at any moment and go on from the last checkpoint to the same end.
//
// The package reads no file formats, stores nothing and knows no network: rows come from a Source, passports go to a
// Target, progress to a Store and verdicts to a Report. The rules for passports themselves are those of package passport,
// which the Target applies again to everything that is stored.
package intake

import (
	"context"
	"encoding/json"

	"github.com/passportcraft/passportcraft/shared/domain/identifier"
	"github.com/passportcraft/passportcraft/shared/domain/passport"
	"github.com/passportcraft/passportcraft/shared/foundation/fault"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

// Limits of one import.
const (
	MaxRows    = 2_000_000 // rows or documents; what has been seen is kept in memory, some 40 bytes each
	MaxColumns = 1000      // of a recipe
	MaxCell    = 100_000   // bytes of one cell
)

// Item is one row of a table or one document. Either Cells or Document is set.
type Item struct {
	Number   int             // as people count in the file, from 1 and growing; the line or row they would look for
	Cells    []string        // text by column, in the order of the headers; a short row lacks its last cells
	Exact    []bool          // of the cells: the file knows that it is a number, and it is written with a point
	Document json.RawMessage // one JSON object: {productGroup, granularity, productIdentifier, content}
	Ref      string          // where it is, for people: "sheet 1, row 7"; may be empty
	Bytes    int64           // of the file that have been read up to the end of this item
	Problems []Problem       // what the reader of the file found wrong with it; any refuses the row
}

// Source reads a file item by item. Two sources of the same file give the same items in the same order.
type Source interface {
	// Headers returns the headers of the columns, and none for documents. It is called once, before Next.
	Headers(ctx context.Context) ([]string, error)
	// Next returns the next item, io.EOF after the last one. A fault other than unavailable, rate-limited and internal
	// says that the file as a whole cannot be read.
	Next(ctx context.Context) (Item, error)
	// Close ends the reading.
	Close() error
}

// Draft is what a row says: the passport it asks for.
type Draft struct {
	ProductGroup string
	Granularity  identifier.Granularity
	Product      identifier.Product // zero when the row names none that can be read
	Content      passport.Content
}

// Hash is the content hash of the draft (passport.Hash, without schema version and links, so that the same data keeps its
// hash when a schema grows). Drafts with the same hash say the same. Numbers are compared as 64-bit floating point (RFC
// 8785, section 3.2.2.3).
func (d Draft) Hash() (string, error) {
	return passport.Hash(passport.Version{Product: d.Product, ProductGroup: d.ProductGroup, Granularity: d.Granularity, Content: d.Content})
}

// Problem is one thing wrong with a row: where in the passport, in which column of the file, which rule, and what to do.
type Problem struct {
	Pointer string     `json:"pointer"` // JSON Pointer (RFC 6901) into {productIdentifier, granularity, productGroup, content}
	Column  string     `json:"column,omitempty"`
	Code    fault.Code `json:"code"`
	Detail  string     `json:"detail"`
}

// Outcome is what happens to a row.
type Outcome string

// The outcomes. A row that is refused or a duplicate changes nothing.
const (
	Create    Outcome = "create"    // a new draft
	Update    Outcome = "update"    // of the passport that has this product identifier
	Unchanged Outcome = "unchanged" // the passport says all this already
	Refused   Outcome = "refused"
	Duplicate Outcome = "duplicate" // an earlier row of the same file has the same product identifier
)

// Verdict is what is said about a row. With an outcome other than refused and duplicate, problems say why the passport was
// not published although that was asked for.
type Verdict struct {
	Number            int         `json:"number"`
	Ref               string      `json:"ref,omitempty"`
	Outcome           Outcome     `json:"outcome"`
	ProductIdentifier string      `json:"productIdentifier,omitempty"`
	Passport          id.Passport `json:"passport,omitempty"`  // when it exists
	Hash              string      `json:"hash,omitempty"`      // of the content after the row, see Draft.Hash
	Published         bool        `json:"published,omitempty"` // asked for, and this content is in force after the row
	Problems          []Problem   `json:"problems,omitempty"`
}

// Accepted tells whether the row changes a passport or finds it as it should be.
func (v Verdict) Accepted() bool { return v.Outcome != Refused && v.Outcome != Duplicate }

func problems(fields []fault.Field) []Problem {
	out := make([]Problem, 0, len(fields))
	for _, f := range fields {
		out = append(out, Problem{Pointer: f.Pointer, Code: f.Code, Detail: f.Detail})
	}
	return out
}

// problemsOf puts an error of one row into words: its members if it names any, itself otherwise.
func problemsOf(err error, pointer string) []Problem {
	f := fault.Of(err)
	if len(f.Fields) > 0 {
		return problems(f.Fields)
	}
	return []Problem{{Pointer: pointer, Code: f.Code, Detail: f.Detail}}
}
