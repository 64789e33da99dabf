// Package carrier draws data carriers: QR codes (ISO/IEC 18004) that hold the public address of a product (Regulation
// (EU) 2023/1542 Art. 13(6)), as SVG for printing and engraving and as PNG.
//
// A code is black on white with the quiet zone of four modules that the standard demands, at error correction level M or
// better (Annex VI Part C of the Regulation: high contrast, readable by the readers in common use). The same address
// always gives the same bytes. The package does not know which address belongs to which product, and does not draw the
// text beside the code.
package carrier

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"strconv"
	"strings"

	"github.com/boombuler/barcode"
	"github.com/boombuler/barcode/qr"
)

const (
	quiet          = 4    // modules of white on each side (ISO/IEC 18004:2024, clause 9.1)
	maxAddress     = 1000 // bytes; far above any product's address, far below what a phone reads from paper
	maxModulePixel = 64
)

// SVG draws the code as one filled outline per dark area in a single path, so that no seams appear between modules at
// any size. It has a white ground, a title for readers that cannot see it, and no size of its own: it fills what it is
// put into. The unit of its coordinates is the module.
func SVG(url string) ([]byte, error) {
	m, err := encode(url)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %[1]d %[1]d" role="img" shape-rendering="crispEdges">`, m.side)
	fmt.Fprintf(&b, `<title>QR code for %s</title>`, escape(url))
	fmt.Fprintf(&b, `<rect width="%[1]d" height="%[1]d" fill="#fff"/><path fill="#000" fill-rule="evenodd" d="`, m.side)
	b.WriteString(m.outline())
	b.WriteString(`"/></svg>`)
	return b.Bytes(), nil
}

// PNG draws the code with modulePx pixels per module, 1 to 64, in one bit per pixel.
func PNG(url string, modulePx int) ([]byte, error) {
	if modulePx < 1 || modulePx > maxModulePixel {
		return nil, fmt.Errorf("data carrier: a module has 1 to %d pixels, not %d", maxModulePixel, modulePx)
	}
	m, err := encode(url)
	if err != nil {
		return nil, err
	}
	picture := image.NewPaletted(image.Rect(0, 0, m.side*modulePx, m.side*modulePx), color.Palette{color.White, color.Black})
	for y := range m.side {
		first := picture.Pix[y*modulePx*picture.Stride:][:picture.Stride]
		for x := range m.side {
			if m.dark(x, y) {
				for i := range modulePx {
					first[x*modulePx+i] = 1
				}
			}
		}
		for i := 1; i < modulePx; i++ {
			copy(picture.Pix[(y*modulePx+i)*picture.Stride:], first)
		}
	}
	var b bytes.Buffer
	encoder := png.Encoder{CompressionLevel: png.BestCompression}
	if err := encoder.Encode(&b, picture); err != nil {
		return nil, fmt.Errorf("data carrier: %w", err)
	}
	return b.Bytes(), nil
}

// matrix is a code with its quiet zone.
type matrix struct {
	side    int // modules, quiet zone included
	modules []bool
}

// dark tells the colour of a module; outside the code everything is light.
func (m matrix) dark(x, y int) bool {
	return x >= 0 && y >= 0 && x < m.side && y < m.side && m.modules[y*m.side+x]
}

// encode makes the smallest code of level M and then raises the level as far as that size allows, which costs nothing
// and makes a scratched label readable for longer.
func encode(url string) (matrix, error) {
	if err := check(url); err != nil {
		return matrix{}, err
	}
	var best barcode.Barcode
	for _, level := range []qr.ErrorCorrectionLevel{qr.M, qr.Q, qr.H} {
		code, err := qr.Encode(url, level, qr.Auto)
		if err != nil {
			if best != nil {
				break
			}
			return matrix{}, fmt.Errorf("data carrier: %w", err)
		}
		if best != nil && code.Bounds().Dx() > best.Bounds().Dx() {
			break
		}
		best = code
	}
	inner := best.Bounds().Dx()
	m := matrix{side: inner + 2*quiet}
	m.modules = make([]bool, m.side*m.side)
	for y := range inner {
		for x := range inner {
			m.modules[(y+quiet)*m.side+x+quiet] = best.At(x, y) == color.Black
		}
	}
	return m, nil
}

// check keeps to printable ASCII: what else an address holds is escaped in it, and readers disagree about the rest.
func check(url string) error {
	if !strings.HasPrefix(url, "https://") && !strings.HasPrefix(url, "http://") && !strings.HasPrefix(url, "otpauth://") {
		return fmt.Errorf("data carrier: %.40q is not a web address and none for authenticator apps", url)
	}
	if len(url) > maxAddress {
		return fmt.Errorf("data carrier: the address has %d bytes, at most %d fit a code that phones read", len(url), maxAddress)
	}
	for i := range len(url) {
		if url[i] <= ' ' || url[i] > '~' {
			return fmt.Errorf("data carrier: byte %d of the address is not a visible ASCII character", i)
		}
	}
	return nil
}

// The directions of an outline, clockwise.
const (
	east = iota
	south
	west
	north
)

// outline walks round every dark area with the dark on its right hand and returns the path data. Where two areas touch
// at a corner it turns right, so that each keeps to itself.
func (m matrix) outline() string {
	var b strings.Builder
	walked := make([]bool, (m.side+1)*(m.side+1)) // corners left eastwards
	for y := range m.side {
		for x := range m.side {
			if m.dark(x, y) && !m.dark(x, y-1) && !walked[y*(m.side+1)+x] {
				m.walk(&b, walked, x, y)
			}
		}
	}
	return b.String()
}

// walk writes one closed outline that leaves the corner (x, y) eastwards.
func (m matrix) walk(b *strings.Builder, walked []bool, x, y int) {
	b.WriteByte('M')
	b.WriteString(strconv.Itoa(x))
	b.WriteByte(' ')
	b.WriteString(strconv.Itoa(y))
	startX, startY, heading, run := x, y, east, 0
	for {
		if heading == east {
			walked[y*(m.side+1)+x] = true
		}
		x, y = step(x, y, heading)
		run++
		next := m.turn(x, y, heading)
		if x == startX && y == startY && next == east {
			b.WriteByte('z') // closes the last run
			return
		}
		if next != heading {
			draw(b, heading, run)
			heading, run = next, 0
		}
	}
}

// turn picks the way on at a corner: right when the module ahead on the right is light, left when both are dark.
func (m matrix) turn(x, y, heading int) int {
	left, right := m.ahead(x, y, heading)
	switch {
	case !right:
		return (heading + 1) % 4
	case left:
		return (heading + 3) % 4
	}
	return heading
}

// ahead is the colour of the two modules beyond a corner, as seen by someone who arrives there.
func (m matrix) ahead(x, y, heading int) (left, right bool) {
	switch heading {
	case east:
		return m.dark(x, y-1), m.dark(x, y)
	case south:
		return m.dark(x, y), m.dark(x-1, y)
	case west:
		return m.dark(x-1, y), m.dark(x-1, y-1)
	}
	return m.dark(x-1, y-1), m.dark(x, y-1)
}

func step(x, y, heading int) (int, int) {
	switch heading {
	case east:
		return x + 1, y
	case south:
		return x, y + 1
	case west:
		return x - 1, y
	}
	return x, y - 1
}

func draw(b *strings.Builder, heading, run int) {
	command := byte('h')
	if heading == south || heading == north {
		command = 'v'
	}
	if heading == west || heading == north {
		run = -run
	}
	b.WriteByte(command)
	b.WriteString(strconv.Itoa(run))
}

func escape(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;").Replace(s)
}
