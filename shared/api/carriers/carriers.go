// Package carriers serves the data carriers of published passports: QR codes for printing (Reg. (EU) 2023/1542
// Art. 13(6), Annex VI Part C).
package carriers

import (
	"strings"

	"github.com/passportcraft/passportcraft/shared/api/httpapi"
	"github.com/passportcraft/passportcraft/shared/domain/access"
	"github.com/passportcraft/passportcraft/shared/domain/carrier"
	"github.com/passportcraft/passportcraft/shared/domain/passport"
	"github.com/passportcraft/passportcraft/shared/foundation/fault"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

// modulePixels is the size of one module of a PNG: large enough to print at 25 mm without blur.
const modulePixels = 12

// Draw serves GET /q/{file}, where file is the passport's identifier with .svg or .png. The code leads to the public
// address of the product and never changes once the passport has been published.
func Draw(s *passport.Resolver, base string) httpapi.Route {
	return httpapi.Route{
		Function: "draw-carrier", Pattern: "GET /q/{file}", Action: access.Public, Cache: "public, max-age=86400, immutable",
		Handle: func(r *httpapi.Request) (*httpapi.Response, error) {
			name, kind, ok := strings.Cut(r.PathValue("file"), ".")
			if !ok || kind != "svg" && kind != "png" {
				return nil, fault.New(fault.CodeRouteNotFound, "A data carrier is a passport's identifier with .svg or .png.")
			}
			product, err := s.Carrier(r.Context(), id.Passport(name))
			if err != nil {
				return nil, err
			}
			url := base + product.Path()
			resp := &httpapi.Response{}
			if kind == "svg" {
				resp.ContentType = "image/svg+xml"
				resp.Raw, err = carrier.SVG(url)
			} else {
				resp.ContentType = "image/png"
				resp.Raw, err = carrier.PNG(url, modulePixels)
			}
			if err != nil {
				return nil, err
			}
			resp.ETag = httpapi.ContentTag(resp.Raw)
			return resp, nil
		},
	}
}
