package spreadsheet

import (
	"encoding/xml"
	"path"
	"strconv"
	"strings"

	"github.com/passportcraft/passportcraft/shared/foundation/fault"
)

// relation is what one part says of another (ECMA-376 part 2 clause 6.5).
type relation struct {
	kind, target string
	external     bool
}

// workbook is what the small parts say.
type workbook struct {
	archive  *archive
	main     string // name of the workbook part
	related  map[string]relation
	sheets   []sheet
	from1904 bool
	styles   []shape // by the index in cellXfs
	strings  stringTable
}

type sheet struct {
	name, part string
	hidden     bool
	strange    bool // a chart, a dialog or a sheet of old macros
}

// entries bounds the lists of a workbook's small parts: sheets, relations, styles.
const entries = 70_000

func (t *Table) openXLSX(size int64) error {
	a, err := openArchive(t.src, size, t.limits)
	if err != nil {
		return err
	}
	w := &workbook{archive: a}
	for _, step := range []func() error{w.contentTypes, w.find, w.load, w.loadStyles} {
		if err := step(); err != nil {
			return err
		}
	}
	chosen, err := w.choose(t.limits.Sheet)
	if err != nil {
		return err
	}
	if err := w.loadStrings(); err != nil {
		return err
	}
	for _, s := range w.sheets {
		t.sheets = append(t.sheets, s.name)
	}
	t.rows, err = w.openSheet(chosen)
	return err
}

// contentTypes refuses workbooks with macros by what they say they are. That a workbook knows the type of macro parts is
// not enough, since some programs always declare it as a default: the types of parts named one by one count.
func (w *workbook) contentTypes() error {
	if !w.archive.has("[Content_Types].xml") {
		if w.archive.has("META-INF/manifest.xml") {
			return fault.New(fault.CodeFileUnreadable, "The file is an OpenDocument file. Save it as .xlsx or CSV.")
		}
		return fault.New(fault.CodeFileUnreadable, "The file is a ZIP archive but no workbook. Send the .xlsx or CSV file itself.")
	}
	return w.archive.each("[Content_Types].xml", func(e xml.StartElement) error {
		kind, single := strings.ToLower(attribute(e, "ContentType")), e.Name.Local == "Override"
		switch {
		case strings.Contains(kind, "macroenabled"), single && (strings.Contains(kind, "vbaproject") || strings.Contains(kind, "macrosheet")):
			return fault.New(fault.CodeMacroRefused, "The workbook is of a kind that holds macros. Save it as .xlsx.")
		case strings.Contains(kind, "sheet.binary"):
			return fault.New(fault.CodeFileUnreadable, "The file is a binary workbook (.xlsb). Save it as .xlsx.")
		case single && strings.HasSuffix(kind, "externallink+xml"):
			return externalLinks()
		}
		return nil
	})
}

// find locates the workbook part.
func (w *workbook) find() error {
	related, err := w.relations("")
	if err != nil {
		return err
	}
	for _, r := range related {
		if strings.HasSuffix(r.kind, "/officeDocument") && !r.external {
			w.main = r.target
		}
	}
	if w.main == "" || !w.archive.has(w.main) {
		return fault.New(fault.CodeFileUnreadable, "The archive names no workbook in it.")
	}
	if w.related, err = w.relations(w.main); err != nil {
		return err
	}
	for _, r := range w.related {
		if strings.HasSuffix(r.kind, "/externalLink") {
			return externalLinks()
		}
		if strings.HasSuffix(r.kind, "/vbaProject") {
			return fault.New(fault.CodeMacroRefused, "The workbook holds macros. Save it as .xlsx.")
		}
	}
	return nil
}

// relations reads the relations of a part, or of the package when part is "". A part without any has no such file.
func (w *workbook) relations(part string) (map[string]relation, error) {
	dir, file := path.Split(part)
	name := dir + "_rels/" + file + ".rels"
	out := map[string]relation{}
	if !w.archive.has(name) {
		return out, nil
	}
	err := w.archive.each(name, func(e xml.StartElement) error {
		if e.Name.Local != "Relationship" {
			return nil
		}
		if len(out) >= entries {
			return tooMany(name)
		}
		target := attribute(e, "Target")
		external := attribute(e, "TargetMode") == "External"
		if !external {
			if !strings.HasPrefix(target, "/") {
				target = "/" + dir + target
			}
			target = strings.TrimPrefix(path.Clean(target), "/")
		}
		out[attribute(e, "Id")] = relation{kind: attribute(e, "Type"), target: target, external: external}
		return nil
	})
	return out, err
}

func tooMany(part string) error {
	return fault.New(fault.CodeFileUnreadable, "The part %.80q of the workbook has more than %d entries.", part, entries)
}

// load reads the workbook part: the date system and the sheets in order.
func (w *workbook) load() error {
	root := true
	return w.archive.each(w.main, func(e xml.StartElement) error {
		if root && e.Name.Local != "workbook" {
			return fault.New(fault.CodeFileUnreadable, "The file is an Office document but no workbook. Send .xlsx or CSV.")
		}
		root = false
		switch e.Name.Local {
		case "workbookPr":
			v := attribute(e, "date1904")
			w.from1904 = v == "1" || v == "true"
		case "sheet":
			if len(w.sheets) >= entries {
				return tooMany(w.main)
			}
			r := w.related[sheetRelation(e)]
			w.sheets = append(w.sheets, sheet{name: attribute(e, "name"), part: r.target,
				hidden:  attribute(e, "state") != "" && attribute(e, "state") != "visible",
				strange: !strings.HasSuffix(r.kind, "/worksheet") || r.external})
		}
		return nil
	})
}

// sheetRelation is the r:id of a sheet, which is not its sheetId.
func sheetRelation(e xml.StartElement) string {
	for _, a := range e.Attr {
		if a.Name.Local == "id" && a.Name.Space != "" {
			return a.Value
		}
	}
	return ""
}

// choose finds the sheet with a name, or without a name the first that is visible, or else the first.
func (w *workbook) choose(name string) (sheet, error) {
	var names []string
	var first, visible *sheet
	for i := range w.sheets {
		s := &w.sheets[i]
		if s.strange {
			continue
		}
		if name != "" && s.name == name {
			return *s, nil
		}
		names = append(names, strconv.Quote(s.name))
		if first == nil {
			first = s
		}
		if visible == nil && !s.hidden {
			visible = s
		}
	}
	switch {
	case first == nil:
		return sheet{}, fault.New(fault.CodeFileUnreadable, "The workbook has no sheet with cells.")
	case name != "":
		return sheet{}, fault.New(fault.CodeSheetNotFound, "The workbook has no sheet %.40q. It has %.400s.", name, strings.Join(names, ", "))
	case visible != nil:
		return *visible, nil
	}
	return *first, nil
}

// part is the target of the relation of a kind, or "".
func (w *workbook) part(kind string) string {
	for _, r := range w.related {
		if strings.HasSuffix(r.kind, kind) && !r.external && w.archive.has(r.target) {
			return r.target
		}
	}
	return ""
}

// loadStyles reads which shape each style gives a number.
func (w *workbook) loadStyles() error {
	part := w.part("/styles")
	if part == "" {
		return nil
	}
	codes := map[int]shape{}
	inCells := false
	return w.archive.each(part, func(e xml.StartElement) error {
		switch e.Name.Local {
		case "numFmt":
			if len(codes) >= entries {
				return tooMany(part)
			}
			if id, err := strconv.Atoi(attribute(e, "numFmtId")); err == nil {
				codes[id] = formatShape(attribute(e, "formatCode"))
			}
		case "cellXfs":
			inCells = true
		case "cellStyleXfs", "cellStyles", "dxfs":
			inCells = false
		case "xf":
			if !inCells {
				return nil
			}
			if len(w.styles) >= entries {
				return tooMany(part)
			}
			id, err := strconv.Atoi(attribute(e, "numFmtId"))
			s, own := codes[id]
			if !own && err == nil {
				s = builtinShape(id)
			}
			w.styles = append(w.styles, s)
		}
		return nil
	})
}
