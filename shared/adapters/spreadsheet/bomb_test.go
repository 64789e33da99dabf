package spreadsheet_test

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/passportcraft/passportcraft/shared/adapters/spreadsheet"
	"github.com/passportcraft/passportcraft/shared/foundation/fault"
)

// forge packs a workbook of which one part declares what it likes.
func forge(t *testing.T, p parts, name string, lie func(*zip.FileHeader)) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for part, text := range p {
		var packed bytes.Buffer
		f, err := flate.NewWriter(&packed, flate.DefaultCompression)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(f, text); err != nil || f.Close() != nil {
			t.Fatal(err)
		}
		h := &zip.FileHeader{Name: part, Method: zip.Deflate, CRC32: crc32.ChecksumIEEE([]byte(text)),
			CompressedSize64: uint64(packed.Len()), UncompressedSize64: uint64(len(text))}
		if part == name {
			lie(h)
		}
		w, err := z.CreateRaw(h)
		if err == nil {
			_, err = w.Write(packed.Bytes())
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestBombs(t *testing.T) {
	const sheet = "xl/worksheets/s.xml"
	blank := book(headerRow + strings.Repeat(" ", 12<<20))
	texts := book(headerRow)
	texts = texts.edit(t, "xl/sharedStrings.xml", "</sst>", strings.Repeat("<si><t>abcdefgh</t></si>", 5_000)+"</sst>")
	crowd := book(headerRow)
	for i := range 1_000 {
		crowd[fmt.Sprintf("xl/media/%d", i)] = "x"
	}
	mob := book(headerRow)
	for i := range 2_000 {
		mob[fmt.Sprintf("m%0800d", i)] = ""
	}
	honest := func(*zip.FileHeader) {}
	for _, c := range []struct {
		name   string
		p      parts
		lie    func(*zip.FileHeader)
		limits spreadsheet.Limits
		code   fault.Code
	}{
		{"ratio", blank, honest, spreadsheet.Limits{}, fault.CodeFilePacking},
		{"the ratio may be raised", blank, honest, spreadsheet.Limits{Ratio: 2_000}, ""},
		{"ratio with a declared size of a few bytes", blank, func(h *zip.FileHeader) { h.UncompressedSize64 = 10 }, spreadsheet.Limits{}, fault.CodeFilePacking},
		{"ratio with a packed size beyond the file", blank, func(h *zip.FileHeader) { h.CompressedSize64 = 1 << 40 }, spreadsheet.Limits{}, fault.CodeFilePacking},
		{"part, as declared", blank, honest, spreadsheet.Limits{PartBytes: 1 << 20}, fault.CodeFileTooLarge},
		{"part, not as declared", blank, func(h *zip.FileHeader) { h.UncompressedSize64 = 10 }, spreadsheet.Limits{PartBytes: 1 << 20}, fault.CodeFilePacking},
		{"a part that is never read but declared huge", book(headerRow).with("xl/media/x", "x"), func(h *zip.FileHeader) { h.UncompressedSize64 = 1 << 50 }, spreadsheet.Limits{}, fault.CodeFileTooLarge},
		{"all parts", blank, honest, spreadsheet.Limits{TotalBytes: 1 << 20}, fault.CodeFileTooLarge},
		{"shared strings", texts, honest, spreadsheet.Limits{StringBytes: 10_000}, fault.CodeFileTooLarge},
		{"parts", crowd, honest, spreadsheet.Limits{}, fault.CodeFilePacking},
		{"directory", mob, honest, spreadsheet.Limits{Parts: 1 << 30}, fault.CodeFilePacking},
		{"encrypted part", book(headerRow), func(h *zip.FileHeader) { h.Flags |= 1 }, spreadsheet.Limits{}, fault.CodeFileEncrypted},
		{"wrong checksum", book(headerRow), func(h *zip.FileHeader) { h.CRC32++ }, spreadsheet.Limits{}, fault.CodeFileUnreadable},
		{"unknown compression", book(headerRow), func(h *zip.FileHeader) { h.Method = 99 }, spreadsheet.Limits{}, fault.CodeFileUnreadable},
	} {
		t.Run(c.name, func(t *testing.T) {
			name := sheet
			if c.p["xl/media/x"] != "" {
				name = "xl/media/x"
			}
			_, err := open(forge(t, c.p, name, c.lie), c.limits)
			if c.code != "" {
				wantFault(t, err, c.code)
			} else if err != nil {
				t.Fatal(err)
			}
		})
	}
}

// TestPartsThatOverlap lets entries of the directory point at the same bytes, as the bombs do that unpack to terabytes.
func TestPartsThatOverlap(t *testing.T) {
	file := book(headerRow).with("xl/media/a", "aaaaaaaa").with("xl/media/b", "bbbbbbbb").pack(t)
	if err := drain(file, spreadsheet.Limits{}); err != nil {
		t.Fatal(err)
	}
	var places [][2]int // of the entries in the directory: where they are, and where their data is
	for at := 0; ; {
		next := bytes.Index(file[at:], []byte("PK\x01\x02"))
		if next < 0 {
			break
		}
		at += next
		places = append(places, [2]int{at, int(binary.LittleEndian.Uint32(file[at+42:]))})
		at += 4
	}
	for n := 1; n < len(places); n++ {
		forged := bytes.Clone(file)
		binary.LittleEndian.PutUint32(forged[places[n][0]+42:], uint32(places[n-1][1]))
		_, err := open(forged, spreadsheet.Limits{})
		wantFault(t, err, fault.CodeFilePacking)
	}
}

// TestNestedArchives holds that an archive in a workbook is not looked into.
func TestNestedArchives(t *testing.T) {
	inner := book(strings.Repeat(" ", 40<<20)).pack(t)
	for range 3 {
		inner = parts{"bomb.zip": string(inner)}.pack(t)
	}
	if err := drain(book(headerRow).with("xl/media/bomb.zip", string(inner)).pack(t), spreadsheet.Limits{TotalBytes: 1 << 20}); err != nil {
		t.Error(err)
	}
}

func TestEveryCutIsRefused(t *testing.T) {
	file := book(headerRow).pack(t)
	for n := 8; n < len(file); n += 13 {
		if err := drain(file[:n], spreadsheet.Limits{}); err == nil {
			t.Fatalf("the first %d of %d bytes were taken for a workbook", n, len(file))
		}
	}
}

func TestOLE(t *testing.T) {
	file := make([]byte, 2048)
	copy(file, "\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1")
	file[30] = 9 // sectors of 512 bytes
	binary.LittleEndian.PutUint32(file[48:], 1)
	_, err := open(file, spreadsheet.Limits{})
	wantFault(t, err, fault.CodeFileUnreadable)
	for i, u := range utf16.Encode([]rune("EncryptedPackage")) {
		binary.LittleEndian.PutUint16(file[1024+128+2*i:], u)
	}
	_, err = open(file, spreadsheet.Limits{})
	wantFault(t, err, fault.CodeFileEncrypted)
	for _, n := range []int{8, 51, 600} {
		_, err = open(file[:n], spreadsheet.Limits{})
		wantFault(t, err, fault.CodeFileUnreadable)
	}
}
