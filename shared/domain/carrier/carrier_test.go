package carrier_test

import (
	"bytes"
	"encoding/xml"
	"image"
	"image/png"
	"strconv"
	"strings"
	"testing"

	"github.com/makiuchi-d/gozxing"
	zxing "github.com/makiuchi-d/gozxing/qrcode"
	"pgregory.net/rapid"

	"github.com/passportcraft/passportcraft/shared/domain/carrier"
)

const quiet = 4

func addresses() []string {
	return []string{
		"https://id.gs1.org/01/09506000134352",
		"https://p.example.com/01/09506000134352/21/A%2FB",
		"https://passports.example.com/01/09506000134352/10/%3A%3B%3C%3D%3E%3F",
		"http://127.0.0.1:8080/01/09506000134352/21/SN-2027-000001",
		"https://a.example/" + strings.Repeat("x", 300),
	}
}

// drawn is a PNG with one pixel per module.
func drawn(t testing.TB, url string) image.Image {
	t.Helper()
	b, err := carrier.PNG(url, 1)
	if err != nil {
		t.Fatal(err)
	}
	picture, err := png.Decode(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	return picture
}

func dark(picture image.Image, x, y int) bool {
	r, _, _, _ := picture.At(x, y).RGBA()
	return r == 0
}

func TestReadersReadIt(t *testing.T) {
	for _, url := range addresses() {
		t.Run(url[:min(len(url), 40)], func(t *testing.T) {
			b, err := carrier.PNG(url, 6)
			if err != nil {
				t.Fatal(err)
			}
			picture, err := png.Decode(bytes.NewReader(b))
			if err != nil {
				t.Fatal(err)
			}
			bitmap, err := gozxing.NewBinaryBitmapFromImage(picture)
			if err != nil {
				t.Fatal(err)
			}
			got, err := zxing.NewQRCodeReader().Decode(bitmap, nil)
			if err != nil {
				t.Fatal(err)
			}
			if got.GetText() != url {
				t.Errorf("a reader reads %q", got.GetText())
			}
			switch level := got.GetResultMetadata()[gozxing.ResultMetadataType_ERROR_CORRECTION_LEVEL]; level {
			case "M", "Q", "H":
			default:
				t.Errorf("error correction level %v is below M", level)
			}
		})
	}
}

// A thumbnail-sized damage must not make the code unreadable: level M restores about 15 % of the code.
func TestReadersReadADamagedCode(t *testing.T) {
	url := addresses()[1]
	b, err := carrier.PNG(url, 6)
	if err != nil {
		t.Fatal(err)
	}
	picture, err := png.Decode(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	scratched, ok := picture.(*image.Paletted)
	if !ok {
		t.Fatalf("the picture is a %T, want one bit per pixel", picture)
	}
	side := scratched.Bounds().Dx()
	for y := side / 2; y < side/2+4*6; y++ {
		for x := side / 2; x < side/2+6*6; x++ {
			scratched.SetColorIndex(x, y, 0)
		}
	}
	bitmap, err := gozxing.NewBinaryBitmapFromImage(scratched)
	if err != nil {
		t.Fatal(err)
	}
	got, err := zxing.NewQRCodeReader().Decode(bitmap, nil)
	if err != nil || got.GetText() != url {
		t.Errorf("a reader reads %v, %v", got, err)
	}
}

func TestQuietZone(t *testing.T) {
	for _, url := range addresses() {
		picture := drawn(t, url)
		side := picture.Bounds().Dx()
		if side%4 != 1 || side < 21+2*quiet {
			t.Errorf("%d modules a side are not a QR code with its quiet zone", side)
		}
		for i := range side {
			for j := range quiet {
				if dark(picture, i, j) || dark(picture, j, i) || dark(picture, i, side-1-j) || dark(picture, side-1-j, i) {
					t.Fatalf("%s: the quiet zone is not empty at %d, %d", url, i, j)
				}
			}
		}
		if !dark(picture, quiet, quiet) || !dark(picture, side-1-quiet, quiet) || !dark(picture, quiet, side-1-quiet) {
			t.Errorf("%s: the finder patterns do not touch the quiet zone", url)
		}
	}
}

func TestModuleSize(t *testing.T) {
	small := drawn(t, addresses()[0])
	b, err := carrier.PNG(addresses()[0], 7)
	if err != nil {
		t.Fatal(err)
	}
	large, err := png.Decode(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	side := small.Bounds().Dx()
	if large.Bounds().Dx() != 7*side || large.Bounds().Dy() != 7*side {
		t.Fatalf("%v is not seven times %d", large.Bounds(), side)
	}
	for y := range 7 * side {
		for x := range 7 * side {
			if dark(large, x, y) != dark(small, x/7, y/7) {
				t.Fatalf("pixel %d, %d differs from its module", x, y)
			}
		}
	}
}

// vector is what the test reads of an SVG.
type vector struct {
	ViewBox string `xml:"viewBox,attr"`
	Title   string `xml:"title"`
	Paths   []struct {
		D string `xml:"d,attr"`
	} `xml:"path"`
}

func TestSVGHasTheSameModules(t *testing.T) {
	for _, url := range addresses() {
		same(t, url)
	}
	rapid.Check(t, func(t *rapid.T) {
		same(t, "https://a.example/"+rapid.StringMatching(`[!-~]{0,60}`).Draw(t, "path"))
	})
}

// fataler is what testing.T and rapid.T share here.
type fataler interface {
	Helper()
	Fatal(...any)
	Fatalf(string, ...any)
}

func same(t fataler, url string) {
	t.Helper()
	source, err := carrier.SVG(url)
	if err != nil {
		t.Fatal(err)
	}
	var svg vector
	if err := xml.Unmarshal(source, &svg); err != nil {
		t.Fatal(err)
	}
	b, err := carrier.PNG(url, 1)
	if err != nil {
		t.Fatal(err)
	}
	picture, err := png.Decode(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	side := picture.Bounds().Dx()
	if len(svg.Paths) != 1 || svg.ViewBox != "0 0 "+strconv.Itoa(side)+" "+strconv.Itoa(side) || !strings.HasSuffix(svg.Title, url) {
		t.Fatalf("%d paths, viewBox %s, title %q", len(svg.Paths), svg.ViewBox, svg.Title)
	}
	filled := fill(t, svg.Paths[0].D, side)
	for y := range side {
		for x := range side {
			if filled[y][x] != dark(picture, x, y) {
				t.Fatalf("%s: module %d, %d differs", url, x, y)
			}
		}
	}
}

// fill rasterises path data of M, h, v and z by the even-odd rule: a module is inside if an odd number of vertical edges
// lies to its left.
func fill(t fataler, d string, side int) [][]bool {
	t.Helper()
	inside := make([][]bool, side)
	for y := range inside {
		inside[y] = make([]bool, side)
	}
	edge := func(x, from, to int) {
		for y := min(from, to); y < max(from, to); y++ {
			for right := x; right < side; right++ {
				inside[y][right] = !inside[y][right]
			}
		}
	}
	number := func() int {
		d = strings.TrimPrefix(d, " ")
		end := strings.IndexFunc(d[1:], func(r rune) bool { return r < '0' || r > '9' }) + 1
		if end == 0 {
			end = len(d)
		}
		n, err := strconv.Atoi(d[:end])
		if err != nil {
			t.Fatal(err)
		}
		d = d[end:]
		return n
	}
	var x, y, startX, startY int
	for d != "" {
		command := d[0]
		d = d[1:]
		switch command {
		case 'M':
			x, y = number(), number()
			startX, startY = x, y
		case 'h':
			x += number()
		case 'v':
			n := number()
			edge(x, y, y+n)
			y += n
		case 'z':
			if x != startX && y != startY {
				t.Fatalf("an outline is closed by a slanting line from %d, %d to %d, %d", x, y, startX, startY)
			}
			edge(x, y, startY)
			x, y = startX, startY
		default:
			t.Fatalf("command %q", command)
		}
	}
	return inside
}

func TestSameBytes(t *testing.T) {
	for _, url := range addresses() {
		for name, draw := range map[string]func() ([]byte, error){
			"SVG": func() ([]byte, error) { return carrier.SVG(url) },
			"PNG": func() ([]byte, error) { return carrier.PNG(url, 12) },
		} {
			first, err := draw()
			if err != nil {
				t.Fatal(err)
			}
			if second, err := draw(); err != nil || !bytes.Equal(first, second) {
				t.Errorf("%s of %s differs from one drawing to the next", name, url)
			}
		}
	}
}

func TestSize(t *testing.T) {
	const url = "https://passports.example.com/01/09506000134352/21/SN-2027-000001"
	svg, err := carrier.SVG(url)
	if err != nil {
		t.Fatal(err)
	}
	picture, err := carrier.PNG(url, 12)
	if err != nil {
		t.Fatal(err)
	}
	if len(svg) > 6<<10 || len(picture) > 3<<10 {
		t.Errorf("SVG has %d bytes, PNG %d", len(svg), len(picture))
	}
}

func TestRefuses(t *testing.T) {
	for _, url := range []string{"", "ftp://a/", "javascript:alert(1)", "https://a/ b", "https://a/é", "https://a/\n", "https://a/" + strings.Repeat("x", 1000)} {
		if b, err := carrier.SVG(url); err == nil {
			t.Errorf("SVG(%q) = %d bytes", url, len(b))
		}
		if b, err := carrier.PNG(url, 4); err == nil {
			t.Errorf("PNG(%q) = %d bytes", url, len(b))
		}
	}
	for _, px := range []int{-1, 0, 65} {
		if _, err := carrier.PNG(addresses()[0], px); err == nil {
			t.Errorf("%d pixels per module are accepted", px)
		}
	}
}

func BenchmarkSVG(b *testing.B) {
	for b.Loop() {
		if _, err := carrier.SVG("https://passports.example.com/01/09506000134352/21/SN-2027-000001"); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkPNG(b *testing.B) {
	for b.Loop() {
		if _, err := carrier.PNG("https://passports.example.com/01/09506000134352/21/SN-2027-000001", 12); err != nil {
			b.Fatal(err)
		}
	}
}
