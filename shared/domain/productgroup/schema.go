package productgroup

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/passportcraft/passportcraft/shared/domain/audience"
	"github.com/passportcraft/passportcraft/shared/domain/identifier"
)

// schema is what this package needs of a schema document.
type schema struct {
	id, title, description, version string
	keyFacts                        []string // pointers of what a hurried reader wants first
	root                            *node
	elements                        []Element
}

// languageMap is the display of objects that give one text in several languages, by language tag.
const languageMap = "language-map"

// node is one place in the content: an annotated sub-schema.
type node struct {
	name          string
	Title         string                   `json:"title"`
	Description   string                   `json:"description"`
	Type          string                   `json:"type"`
	Format        string                   `json:"format"`
	Pattern       string                   `json:"pattern"`
	Properties    properties               `json:"properties"`
	Items         *node                    `json:"items"`
	Unit          string                   `json:"x-unit"`
	Display       string                   `json:"x-display"`
	Words         map[string]string        `json:"x-words"` // what the codes of an enumeration mean to people
	Section       string                   `json:"x-section"`
	Source        string                   `json:"x-source"`
	DataPoint     int                      `json:"x-data-point"`
	Audience      []audience.Audience      `json:"x-audience"`
	Levels        []identifier.Granularity `json:"x-levels"`
	Due           []identifier.Granularity `json:"x-due"`
	Applicability map[string]Applicability `json:"x-applicability"`
	Refused       string                   `json:"x-refused"`
	RefusedValues map[string]string        `json:"x-refused-values"`
	AtMost        []string                 `json:"x-at-most"` // members beside it that must not be below it
	EmptyStates   bool                     `json:"x-empty-states"`
}

// properties keep the order of the document: it is the reading order.
type properties []*node

// UnmarshalJSON reads an object of sub-schemas in order.
func (p *properties) UnmarshalJSON(b []byte) error {
	d := json.NewDecoder(bytes.NewReader(b))
	if _, err := d.Token(); err != nil {
		return err
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return err
		}
		n := &node{}
		if err := d.Decode(n); err != nil {
			return err
		}
		n.name = fmt.Sprint(name)
		*p = append(*p, n)
	}
	return nil
}

// parse reads an embedded schema. The documents are part of the build and tested; a broken one is a panic.
func parse(source []byte) *schema {
	var doc struct {
		node
		ID       string   `json:"$id"`
		Version  string   `json:"x-version"`
		KeyFacts []string `json:"x-key-facts"`
	}
	if err := json.Unmarshal(source, &doc); err != nil {
		panic(fmt.Errorf("productgroup: embedded schema: %w", err))
	}
	s := &schema{id: doc.ID, title: doc.Title, description: doc.Description, version: doc.Version, keyFacts: doc.KeyFacts, root: &doc.node}
	s.collect(s.root, nil, "")
	return s
}

// collect lists the annotated nodes below n as elements.
func (s *schema) collect(n *node, path []string, section string) {
	for _, child := range n.Properties {
		at := append(path[:len(path):len(path)], child.name)
		in := section
		if child.Section != "" {
			in = child.Section
		}
		if child.Levels == nil {
			s.collect(child, at, in)
			continue
		}
		set, err := audience.Of(child.Audience...)
		if err != nil {
			panic(fmt.Errorf("productgroup: %s: %w", child.name, err))
		}
		s.elements = append(s.elements, Element{
			Pointer: "/" + strings.Join(at, "/"), Title: child.Title, Description: child.Description, Unit: child.Unit,
			Section: in, Source: child.Source, DataPoint: child.DataPoint, Audiences: set, Levels: child.Levels, Due: child.Due,
			Applicability: child.Applicability, Refused: child.Refused, RefusedValues: child.RefusedValues,
			node: child, path: at, emptyStates: child.EmptyStates,
		})
	}
}
